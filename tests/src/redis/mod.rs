//! Real `redis-server`s of a test's own, to be frozen, killed and started again.

mod cluster;
mod connection;
mod sentinel;
mod socket;

pub use self::cluster::{RedisCluster, SLOTS, slot};
pub use self::connection::{Connection, Reply};
pub use self::sentinel::RedisSentinel;
pub use self::socket::{Socket, sockets};

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cacheme::Key;
use tempfile::TempDir;

use crate::server::{Launch, PATIENCE, Process, Server, assert_left};
use crate::wait::eventually_blocking;

/// The variable that names the binary to run instead of `redis-server`.
const BINARY: &str = "CACHEME_TEST_REDIS_SERVER";

const BINARY_HINT: &str =
    "install it (Debian's package is redis-server) or name it by CACHEME_TEST_REDIS_SERVER";

fn binary() -> PathBuf {
    env::var_os(BINARY).map_or_else(|| "redis-server".into(), PathBuf::from)
}

/// A `redis-server` on a free port of the loopback, with a folder of its own and nothing kept on
/// disk. Dropping it kills the server.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    /// What it is started with, besides the port and the folder.
    arguments: Vec<String>,
    /// The server, unless it was killed.
    process: Option<Process>,
}

impl RedisServer {
    /// Starts one with more arguments, which may need its folder. They are made anew for each port
    /// that is tried.
    ///
    /// # Panics
    ///
    /// When it isn't installed, with what to do, or doesn't start.
    pub fn start_with(arguments: impl Fn(&Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let server = Self {
            folder,
            port: 0,
            arguments: Vec::new(),
            process: None,
        };
        server.launched_with(|server| server.arguments = arguments(server.folder.path()))
    }

    /// Its folder, which is removed with it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The port, which the server keeps for its life, restarts included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL with something between the scheme and the host, such as `:password@`.
    pub fn url_with(&self, credentials: &str) -> String {
        format!("redis://{credentials}127.0.0.1:{}", self.port)
    }

    /// A connection of its own, beside those of the storages.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub fn connection(&self) -> Connection {
        connection(self.port)
    }

    /// Sends one command over a connection of its own.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Reply {
        self.connection().command(arguments)
    }
}

impl Launch for RedisServer {
    const NAME: &'static str = "redis-server";

    fn set_port(&mut self, port: u16) {
        self.port = port;
    }

    fn launch(&mut self) -> bool {
        let mut command = Command::new(binary());
        command
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.arguments);
        let mut process = Process::spawn(&mut command, &self.log_path(), BINARY_HINT);
        let id = process.id();
        let up = process.comes_up(|| serves(self.port, id));
        self.process = up.then_some(process);
        up
    }

    fn process_mut(&mut self) -> &mut Option<Process> {
        &mut self.process
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("redis.log")
    }
}

impl Server for RedisServer {
    fn start() -> Self {
        Self::start_with(|_| Vec::new())
    }

    fn url(&self) -> String {
        self.url_with("")
    }

    fn process(&self) -> Option<&Process> {
        self.process.as_ref()
    }

    /// It forgets everything.
    fn kill(&mut self) {
        self.end();
    }

    fn restart(&mut self) {
        self.relaunch();
    }

    async fn expire(&self, key: &Key, ttl: Duration) {
        expire(&mut self.connection(), key, ttl);
    }
}

/// As [`Server::expire`], at the server that has the key.
fn expire(connection: &mut Connection, key: &Key, ttl: Duration) {
    let left = connection.command(&["PTTL", key.as_str()]).integer();
    assert_left(left, ttl);
    connection.command(&["PEXPIRE", key.as_str(), "1"]);
    eventually_blocking("the server expires the entry", PATIENCE, || {
        connection.command(&["PTTL", key.as_str()]).integer() == -2
    });
}

/// The arguments of a text.
fn words(text: &str) -> Vec<String> {
    text.split(' ').map(ToOwned::to_owned).collect()
}

/// A connection to a port of the loopback, beside those of the storages.
///
/// # Panics
///
/// When nobody listens there.
pub fn connection(port: u16) -> Connection {
    Connection::open(port).expect("the server can be reached")
}

/// Whether the server on `port` is the process `id`, not one that had the port before.
fn serves(port: u16, id: u32) -> bool {
    let answer =
        Connection::open(port).and_then(|mut connection| connection.ask(&["INFO", "server"]));
    answer.is_ok_and(|info| info.figure("process_id") == Some(u64::from(id)))
}
