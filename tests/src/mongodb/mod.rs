//! A real server of MongoDB's protocol of a test's own, to be frozen, killed and started again:
//! `mongod`, or `SecantusDB` where that isn't installed.

mod connection;

pub use self::connection::Connection;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cacheme::Key;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, doc};
use tempfile::TempDir;

use crate::server::{Launch, Process, Server, assert_left};

/// The variable that names a server that is running, for tests that only need some server.
const URL: &str = "CACHEME_TEST_MONGODB_URL";

/// The variable that names `SecantusDB`'s binary.
const SECANTUSDB: &str = "CACHEME_TEST_SECANTUSDB";

/// Where `tests/run` puts it, seen from the root of the workspace.
const INSTALLED: &str = "target/secantusdb/bin/secantusd-py";

/// A server on a free port of the loopback, with a folder of its own, or a database of its own on
/// the server that `CACHEME_TEST_MONGODB_URL` names. Dropping it ends the server, or drops the database.
#[derive(Debug)]
pub struct MongodbServer {
    folder: TempDir,
    address: String,
    database: String,
    flags: &'static [&'static str],
    /// The server, unless it was killed or isn't ours.
    process: Option<Process>,
}

impl MongodbServer {
    /// The entries' collection, unless a test wants another.
    pub const COLLECTION: &str = "cacheme";

    /// Starts a server of this test's own that can be told to fail by `configureFailPoint`.
    ///
    /// # Panics
    ///
    /// When it isn't installed, with what to do, or doesn't start.
    pub fn start_failing() -> Self {
        let flags: &[&str] = if mongod().is_some() {
            &["--setParameter", "enableTestCommands=1"]
        } else {
            &["--enable-test-commands"]
        };
        Self::start_with(flags)
    }

    /// Ends the server and starts it again so that it wants users to say who they are.
    ///
    /// # Panics
    ///
    /// When it doesn't come up.
    pub fn require_users(&mut self) {
        // A server that is killed may lose what was written just before.
        self.connection().command("admin", doc! { "fsync": 1 });
        self.kill();
        self.flags = &["--auth"];
        self.restart();
    }

    fn start_with(flags: &'static [&'static str]) -> Self {
        let server = Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
            address: String::new(),
            database: "mydb".to_owned(),
            flags,
            process: None,
        };
        server.launched()
    }

    /// A database of one's own on a server that is running.
    fn at(url: &str) -> Self {
        let address = url.strip_prefix("mongodb://").unwrap_or_default();
        let address = address.trim_end_matches('/').to_owned();
        assert!(
            !address.is_empty() && !address.contains(['@', '/', '?', ',']),
            "{URL} has to be `mongodb://host:port`, of a server that wants no password"
        );
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        // Its name is one that no other has.
        let name = folder.path().file_name().unwrap_or_default();
        let name = name.to_string_lossy().replace('.', "cacheme-test-");
        Self {
            folder,
            address,
            database: name,
            flags: &[],
            process: None,
        }
    }

    /// `host:port`, which the server keeps for its life, restarts included.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The database of the URL.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The URL with something between the scheme and the host, such as `user:password@`.
    pub fn url_with(&self, credentials: &str) -> String {
        format!("mongodb://{credentials}{}/{}", self.address, self.database)
    }

    /// A connection of its own, beside those of the storages.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub fn connection(&self) -> Connection {
        Connection::open(&self.address).expect("the server can be reached")
    }

    /// Sends one command to the database over a connection of its own.
    ///
    /// # Panics
    ///
    /// When the server can't be reached, or refuses.
    pub fn command(&self, command: Document) -> Document {
        self.connection().command(&self.database, command)
    }

    /// Puts documents into a collection, which is made where it isn't there.
    ///
    /// # Panics
    ///
    /// When the server can't be reached, or refuses.
    pub fn insert(&self, collection: &str, documents: Vec<Document>) {
        self.command(doc! { "insert": collection, "documents": documents });
    }

    /// All documents of a collection, of which there are few.
    ///
    /// # Panics
    ///
    /// When the server can't be reached, or refuses.
    pub fn documents(&self, collection: &str) -> Vec<Document> {
        let found = self.command(doc! { "find": collection, "sort": { "_id": 1 } });
        let batch = found
            .get_document("cursor")
            .and_then(|cursor| cursor.get_array("firstBatch"));
        let batch = batch.expect("a cursor with its first batch");
        batch
            .iter()
            .filter_map(|document| document.as_document().cloned())
            .collect()
    }

    fn own(&self) -> &Process {
        let own = self.process.as_ref();
        own.expect("this test freezes or kills its server, so it needs one of its own: unset CACHEME_TEST_MONGODB_URL")
    }
}

impl Drop for MongodbServer {
    fn drop(&mut self) {
        if env::var_os(URL).is_some()
            && let Ok(mut connection) = Connection::open(&self.address)
        {
            let _ = connection.ask(&self.database, doc! { "dropDatabase": 1 });
        }
    }
}

impl Launch for MongodbServer {
    const NAME: &'static str = "MongoDB";

    fn set_port(&mut self, port: u16) {
        self.address = format!("127.0.0.1:{port}");
    }

    fn launch(&mut self) -> bool {
        let (_, port) = self
            .address
            .rsplit_once(':')
            .expect("an address with a port");
        let data = self.folder.path().join("data");
        fs::create_dir_all(&data).expect("a folder can be made");
        let mut command;
        if let Some(mongod) = mongod() {
            command = Command::new(mongod);
            command
                .args(["--bind_ip", "127.0.0.1", "--port", port])
                .arg("--dbpath")
                .arg(data);
        } else {
            command = Command::new(secantusdb());
            command.args([
                "--host",
                "127.0.0.1",
                "--port",
                port,
                "--log-level",
                "WARNING",
            ]);
            command
                .args(["--cache-size", "256M", "--storage-path"])
                .arg(data);
        }
        command.args(self.flags).current_dir(self.folder.path());
        let hint = format!(
            "install `mongod`, or SecantusDB by `tests/run`, or name its `secantusd-py` by \
             {SECANTUSDB}, or a server that is running by {URL}"
        );
        let mut process = Process::spawn(&mut command, &self.log_path(), &hint);
        let id = process.id();
        let up = process.comes_up(|| serves(&self.address, id));
        self.process = up.then_some(process);
        up
    }

    fn process_mut(&mut self) -> &mut Option<Process> {
        &mut self.process
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("mongodb.log")
    }
}

impl Server for MongodbServer {
    /// With the longest key, and 44 bytes of a document's own.
    const LARGEST: usize = (16 << 20) - 1024 - 44;

    fn start() -> Self {
        match env::var(URL) {
            Ok(url) => Self::at(&url),
            Err(_) => Self::start_with(&[]),
        }
    }

    fn url(&self) -> String {
        self.url_with("")
    }

    fn process(&self) -> Option<&Process> {
        Some(self.own())
    }

    /// It keeps what was written.
    fn kill(&mut self) {
        self.end();
    }

    fn restart(&mut self) {
        self.relaunch();
    }

    async fn expire(&self, key: &Key, ttl: Duration) {
        let id = id(key.as_str());
        let find = doc! { "find": Self::COLLECTION, "filter": { "_id": id.clone() } };
        let found = self.command(find);
        let cursor = found.get_document("cursor").expect("a cursor");
        let batch = cursor.get_array("firstBatch").expect("a batch");
        let document = batch
            .first()
            .and_then(Bson::as_document)
            .expect("the entry is there");
        let expires = document
            .get_datetime("expires")
            .expect("it has a time to live");
        let hello = self.command(doc! { "hello": 1 });
        let now = hello.get_datetime("localTime").expect("the server's time");
        let left = expires.timestamp_millis() - now.timestamp_millis();
        assert_left(left, ttl);
        let past = DateTime::from_millis(now.timestamp_millis() - 1);
        let set = doc! { "q": { "_id": id }, "u": { "$set": { "expires": past } } };
        self.command(doc! { "update": Self::COLLECTION, "updates": [set] });
    }
}

/// A document's `_id`, of a key that isn't long.
pub fn id(key: &str) -> Binary {
    Binary {
        subtype: BinarySubtype::Generic,
        bytes: key.as_bytes().to_vec(),
    }
}

/// The `mongod` on the path.
fn mongod() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path)
        .map(|folder| folder.join("mongod"))
        .find(|file| file.is_file())
}

fn secantusdb() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = package.parent().unwrap_or(package);
    env::var_os(SECANTUSDB).map_or_else(|| root.join(INSTALLED), PathBuf::from)
}

/// Whether the server at `address` is the process `id`, not one that had the port before. One that
/// wants a user to say who it is doesn't tell.
fn serves(address: &str, id: u32) -> bool {
    let status = Connection::open(address)
        .and_then(|mut connection| connection.ask("admin", doc! { "serverStatus": 1 }));
    status.is_ok_and(|status| match status.get("pid") {
        Some(Bson::Int32(pid)) => u32::try_from(*pid) == Ok(id),
        Some(Bson::Int64(pid)) => u32::try_from(*pid) == Ok(id),
        _ => true,
    })
}
