//! A real `mariadbd` of a test's own, to be frozen, killed and started again.

use std::env;
use std::fs;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use cacheme::Key;
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, OptsBuilder};
use tempfile::TempDir;

use crate::server::{Launch, PATIENCE, Process, Server, assert_left};

/// The variable that names the binary to run instead of `mariadbd`, or a folder with binaries.
const BINARY: &str = "CACHEME_TEST_MARIADB_BIN";

/// The user of the storages. The password has to be encoded in a URL.
const USER: &str = "cacheme";
const PASSWORD: &str = "p@ss/word";
const PASSWORD_IN_URL: &str = "p%40ss%2Fword";

/// The user of the tests, who may do anything.
const ADMIN: &str = "admin";

/// A `mariadbd` on a free port of the loopback, with a folder of its own, a database `cacheme` and
/// a user who may do everything there. Dropping it kills the server.
#[derive(Debug)]
pub struct MysqlServer {
    folder: TempDir,
    port: u16,
    options: Vec<String>,
    /// The server, unless it was killed.
    process: Option<Process>,
}

impl MysqlServer {
    /// As [`Server::start`], with more options for `mariadbd`.
    ///
    /// # Panics
    ///
    /// When it isn't installed, with what to do, or doesn't start.
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        copy(template().path(), &folder.path().join("data"));
        let options = options.iter().map(ToString::to_string).collect();
        let server = Self {
            folder,
            port: 0,
            options,
            process: None,
        };
        fs::write(server.folder.path().join("init.sql"), initial()).expect("a file can be written");
        server.launched()
    }

    /// The port, which the server keeps for its life, restarts included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL for another user, `name` or `name:password`, with the query after a `?` if need be.
    pub fn url_of(&self, user: &str, query: &str) -> String {
        format!("mysql://{user}@127.0.0.1:{}/cacheme{query}", self.port)
    }

    /// The URL with a query. Unless that names a deadline, it is a long one, for busy machines.
    pub fn url_with(&self, query: &str) -> String {
        let user = format!("{USER}:{PASSWORD_IN_URL}");
        if query.contains("deadline=") {
            return self.url_of(&user, query);
        }
        let separator = if query.is_empty() { '?' } else { '&' };
        let patience = "connect_timeout=20s&deadline=20s";
        self.url_of(&user, &format!("{query}{separator}{patience}"))
    }

    /// A connection to the database as a user who may do anything, beside those of the storages.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub async fn connection(&self) -> Conn {
        let opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(self.port)
            .prefer_socket(false)
            .user(Some(ADMIN))
            .pass(Some(PASSWORD))
            .db_name(Some("cacheme"));
        Conn::new(opts).await.expect("the server can be reached")
    }

    /// The rows of a statement, over a connection of its own.
    ///
    /// # Panics
    ///
    /// When the server can't be reached, or refuses.
    pub async fn query<R: FromRow + Send + 'static>(&self, sql: &str) -> Vec<R> {
        let mut connection = self.connection().await;
        let rows = connection.query(sql).await;
        let rows = rows.unwrap_or_else(|error| panic!("{sql}: {error}"));
        connection.disconnect().await.expect("goodbye is said");
        rows
    }

    /// A figure of `SHOW GLOBAL STATUS`.
    ///
    /// # Panics
    ///
    /// When there is none of this name.
    pub async fn figure(&self, name: &str) -> u64 {
        let sql = format!("SHOW GLOBAL STATUS LIKE '{name}'");
        let rows: Vec<(String, u64)> = self.query(&sql).await;
        rows.first().expect("there is this figure").1
    }

    /// In the folder, so that who answers there is this server, not another on the port.
    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }
}

impl Launch for MysqlServer {
    const NAME: &'static str = "mariadbd";

    fn set_port(&mut self, port: u16) {
        self.port = port;
    }

    fn launch(&mut self) -> bool {
        let folder = self.folder.path();
        let mut command = Command::new(binary("mariadbd"));
        command
            .args(OPTIONS)
            .args(SIZES)
            .arg(format!("--port={}", self.port))
            .arg(format!("--datadir={}", folder.join("data").display()))
            // A server that starts removes the temporary tables that are there, whosever they are.
            .arg(format!("--tmpdir={}", folder.display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--init-file={}", folder.join("init.sql").display()))
            .args(&self.options);
        let mut process = Process::spawn(&mut command, &self.log_path(), HINT);
        let up = process.comes_up(|| answers(&self.socket()));
        self.process = up.then_some(process);
        up
    }

    fn process_mut(&mut self) -> &mut Option<Process> {
        &mut self.process
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("mariadb.log")
    }
}

impl Server for MysqlServer {
    fn start() -> Self {
        Self::start_with(&["--max-allowed-packet=64M"])
    }

    fn url(&self) -> String {
        self.url_of(&format!("{USER}:{PASSWORD_IN_URL}"), "")
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
        const NOW: &str = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) DIV 1000";
        let mut connection = self.connection().await;
        let sql = format!("SELECT expires - {NOW} FROM cacheme WHERE `key` = ?");
        let left: Option<i64> = connection
            .exec_first(&sql, (key.as_str(),))
            .await
            .expect("the entry can be read");
        assert_left(left.expect("the entry expires"), ttl);
        let sql = format!("UPDATE cacheme SET expires = {NOW} WHERE `key` = ?");
        connection
            .exec_drop(&sql, (key.as_str(),))
            .await
            .expect("the entry can be changed");
    }
}

const HINT: &str = "install it (Debian's package is mariadb-server) or name the folder of its \
                    binaries by CACHEME_TEST_MARIADB_BIN";

/// For the folder's making, too: what files there are depends on some.
const OPTIONS: [&str; 10] = [
    "--no-defaults",
    // Only root has to be told, and others are ignored with a warning.
    "--user=root",
    "--bind-address=127.0.0.1",
    "--skip-networking=0",
    "--skip-name-resolve",
    "--skip-log-bin",
    // To be copied fast; a server makes a larger one when it starts.
    "--innodb-log-file-size=4M",
    // What was written is there after a kill, though not after a crash of the machine.
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=0",
    // There are few of those on a machine, and many tests at once.
    "--innodb-use-native-aio=0",
];

/// Room for values of 16 MiB, so that they don't wait for the disk.
const SIZES: [&str; 3] = [
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=128M",
    "--innodb-log-buffer-size=64M",
];

/// What the server does whenever it starts.
fn initial() -> String {
    let user = |name, place| {
        format!(
            "CREATE USER IF NOT EXISTS '{name}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n\
             GRANT ALL ON {place} TO '{name}'@'127.0.0.1' WITH GRANT OPTION;\n"
        )
    };
    let (user, admin) = (user(USER, "cacheme.*"), user(ADMIN, "*.*"));
    format!("CREATE DATABASE IF NOT EXISTS cacheme;\n{user}{admin}")
}

/// A folder of a server that never ran: it takes seconds to make, so there is one for all tests of
/// the process.
fn template() -> &'static TempDir {
    static TEMPLATE: OnceLock<TempDir> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut command = Command::new(binary("mariadb-install-db"));
        let made = command
            .args(OPTIONS)
            .arg("--auth-root-authentication-method=normal")
            .arg("--skip-test-db")
            .arg(format!("--datadir={}", folder.path().display()))
            .arg(format!("--tmpdir={}", folder.path().display()))
            .stdin(Stdio::null())
            .output();
        let made =
            made.unwrap_or_else(|error| panic!("mariadb-install-db can't be run: {error}; {HINT}"));
        let (out, errors) = (made.stdout.escape_ascii(), made.stderr.escape_ascii());
        assert!(made.status.success(), "mariadb-install-db: {out} {errors}");
        folder
    })
}

/// Where a binary is. Debian's server is in a folder that only root has on the path.
fn binary(name: &str) -> PathBuf {
    if let Some(named) = env::var_os(BINARY).map(PathBuf::from) {
        return match name {
            _ if named.is_dir() => named.join(name),
            "mariadbd" => named,
            _ => named.with_file_name(name),
        };
    }
    let debian = Path::new("/usr/sbin").join(name);
    if debian.exists() { debian } else { name.into() }
}

/// Whether a server greets on its socket.
fn answers(socket: &Path) -> bool {
    let greeted = || -> io::Result<()> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.read_exact(&mut [0; 5])
    };
    greeted().is_ok()
}

/// Copies a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder can be made");
    for entry in fs::read_dir(from)
        .expect("the folder can be read")
        .flatten()
    {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("a file can be copied");
        }
    }
}
