//! A real PostgreSQL server of a test's own, to be frozen, killed and started again.

use std::env;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cacheme::Key;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::server::{Launch, PATIENCE, Process, Server, assert_left};
use crate::wait::eventually;

/// The variable that names the folder of the binaries.
const BINARIES: &str = "CACHEME_TEST_POSTGRES_BIN";

/// What the server's superuser is called, and his password.
const USER: &str = "tester";

/// The password of the server's superuser.
pub const PASSWORD: &str = "correct-horse";

/// A server on a free port of the loopback, and on a Unix socket in its folder, with users that
/// need a password. Dropping it kills the server.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    /// Kept for the servers to come.
    _template: Arc<TempDir>,
    port: u16,
    settings: Vec<String>,
    /// The server, unless it was killed.
    process: Option<Process>,
}

impl PostgresServer {
    /// Starts one with more settings, such as `max_connections=5`.
    ///
    /// # Panics
    ///
    /// As [`Server::start`].
    pub fn start_with(settings: &[&str]) -> Self {
        let (template, folder) = (template(), folder());
        let mut copy = as_user(Path::new("cp"));
        copy.arg("-a")
            .arg(template.path().join("data"))
            .arg(folder.path());
        succeed(&mut copy);
        let server = Self {
            folder,
            _template: template,
            port: 0,
            settings: settings.iter().map(ToString::to_string).collect(),
            process: None,
        };
        server.launched()
    }

    /// The server's folder, in which files may be put for it. Its Unix socket is here.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port, which the server keeps for its life, restarts included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the server wrote to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_else(|error| error.to_string())
    }

    /// A connection of its own, beside those of the storages.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub async fn client(&self) -> Client {
        let connected = tokio_postgres::connect(&self.url(), NoTls).await;
        let (client, connection) = connected.expect("the server can be reached");
        tokio::spawn(connection);
        client
    }

    /// Runs statements over a connection of its own.
    ///
    /// # Panics
    ///
    /// When the server can't be reached or refuses them.
    pub async fn run(&self, statements: &str) {
        let ran = self.client().await.batch_execute(statements).await;
        ran.expect("the statements can be run");
    }

    /// The only number that a query gives.
    ///
    /// # Panics
    ///
    /// When the server can't be reached or gives something else than a `bigint`.
    pub async fn number(&self, query: &str) -> i64 {
        let row = self.client().await.query_one(query, &[]).await;
        row.expect("the query gives a row").get(0)
    }

    /// Has the server offer TLS, with a certificate of this name that it signed itself, and that is
    /// an authority's (`CA:TRUE`) or not. Gives the certificate's file.
    ///
    /// # Panics
    ///
    /// When the certificate can't be made, or the server doesn't take it.
    pub async fn offer_tls(&self, name: &str, constraints: &str) -> PathBuf {
        let file = |name| self.folder.path().join(name);
        let (certificate, key) = (file("server.crt"), file("server.key"));
        let mut openssl = as_user(Path::new("openssl"));
        openssl
            .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1".split(' '))
            .args(["-nodes", "-days", "2", "-subj", "/CN=test", "-addext"])
            .arg(format!("subjectAltName={name}"))
            .arg("-addext")
            .arg(format!("basicConstraints=critical,{constraints}"))
            .args([Path::new("-keyout"), &key, Path::new("-out"), &certificate]);
        succeed(&mut openssl);
        for (setting, value) in [("ssl_cert_file", &certificate), ("ssl_key_file", &key)] {
            let value = value.display();
            self.run(&format!("ALTER SYSTEM SET {setting} = '{value}'"))
                .await;
        }
        self.run("ALTER SYSTEM SET ssl = on").await;
        self.run("SELECT pg_reload_conf()").await;
        let offered = async || {
            self.number("SELECT count(*) FROM pg_settings WHERE name = 'ssl' AND setting = 'on'")
                .await
                == 1
        };
        eventually("the server offers TLS", PATIENCE, offered).await;
        certificate
    }
}

impl Launch for PostgresServer {
    const NAME: &'static str = "postgres";

    fn set_port(&mut self, port: u16) {
        self.port = port;
    }

    fn launch(&mut self) -> bool {
        let mut command = as_user(&binary("postgres"));
        command
            .arg("-D")
            .arg(self.folder.path().join("data"))
            .arg("-k")
            .arg(self.folder.path())
            .args(["-p", &self.port.to_string(), "-h", "127.0.0.1"])
            .args(["-c", "fsync=off", "-c", "full_page_writes=off"]);
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        let mut process = Process::spawn(&mut command, &self.log_path(), HINT);
        // The server writes this file when it answers, with its own process first.
        let ours = process.id().to_string();
        let file = self.folder.path().join("data/postmaster.pid");
        let up = process.comes_up(|| {
            let written = fs::read_to_string(&file).unwrap_or_default();
            let mut lines = written.lines();
            lines.next() == Some(&ours) && lines.next_back().map(str::trim) == Some("ready")
        });
        self.process = up.then_some(process);
        up
    }

    fn process_mut(&mut self) -> &mut Option<Process> {
        &mut self.process
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("postgres.log")
    }
}

impl Server for PostgresServer {
    fn start() -> Self {
        Self::start_with(&[])
    }

    fn url(&self) -> String {
        let port = self.port;
        format!("postgresql://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres")
    }

    fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    fn kill(&mut self) {
        self.end();
    }

    fn restart(&mut self) {
        self.relaunch();
    }

    async fn expire(&self, key: &Key, ttl: Duration) {
        let client = self.client().await;
        let key = key.as_str().as_bytes();
        let left = "SELECT (extract(epoch FROM expires - now()) * 1000)::bigint \
                    FROM cacheme WHERE key = $1";
        let left = client.query_one(left, &[&key]).await;
        assert_left(left.expect("the entry is there").get(0), ttl);
        let expire = "UPDATE cacheme SET expires = now() - interval '1 second' WHERE key = $1";
        let expired = client.execute(expire, &[&key]).await;
        assert_eq!(expired.expect("the entry can be changed"), 1);
    }
}

/// How to install the server.
const HINT: &str = "install it (Debian's package is postgresql) or name the folder of its binaries \
                    by CACHEME_TEST_POSTGRES_BIN";

/// A data folder as `initdb` makes it, which takes it a while: shared as long as a server is there.
fn template() -> Arc<TempDir> {
    static TEMPLATE: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    let mut template = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = template.upgrade() {
        return made;
    }
    let made = Arc::new(folder());
    let password = made.path().join("password");
    fs::write(&password, PASSWORD).expect("a file can be written");
    let mut initdb = as_user(&binary("initdb"));
    initdb
        .args([
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
            "--wal-segsize=1",
        ])
        .args(["--auth=scram-sha-256", "-U", USER, "--pwfile"])
        .args([&*password, Path::new("-D"), &made.path().join("data")]);
    succeed(&mut initdb);
    *template = Arc::downgrade(&made);
    made
}

/// A new folder that belongs to the server's user.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    if let Some((user, group)) = user() {
        chown(folder.path(), Some(user), Some(group)).expect("the folder can be given away");
    }
    folder
}

/// A command to be run as the server's user.
fn as_user(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = user() {
        command.uid(user).gid(group);
    }
    command
}

/// The user and the group to run the server as where this is root, since it refuses to be root.
fn user() -> Option<(u32, u32)> {
    let process = fs::metadata("/proc/self").expect("there is /proc");
    if process.uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").expect("there are users");
    let ids = |name: &str| {
        let line = users.lines().find_map(|line| line.strip_prefix(name))?;
        let mut ids = line.split(':').skip(2).map(|id| id.parse().ok());
        Some((ids.next()??, ids.next()??))
    };
    Some(
        ids("postgres")
            .or_else(|| ids("nobody"))
            .expect("there is a user to run it as"),
    )
}

/// The newest of Debian's, else what is on `PATH`, unless a variable says where.
fn binary(name: &str) -> PathBuf {
    if let Some(folder) = env::var_os(BINARIES) {
        return Path::new(&folder).join(name);
    }
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let installed = versions.flatten().filter_map(|version| {
        let number: u32 = version.file_name().to_str()?.parse().ok()?;
        let binary = version.path().join("bin").join(name);
        binary.exists().then_some((number, binary))
    });
    installed
        .max()
        .map_or_else(|| name.into(), |(_, binary)| binary)
}

/// Runs a command to its end.
fn succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| {
        let program = Path::new(command.get_program()).display();
        panic!("`{program}` can't be run: {error}; {HINT}")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
