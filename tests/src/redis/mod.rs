//! A real `redis-server` of a test's own, to be frozen, killed and started again.

mod connection;

pub use self::connection::{Connection, Reply};

use std::env;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::wait::eventually_blocking;

/// The variable that names the binary to run instead of `redis-server`.
const BINARY: &str = "CACHEME_TEST_REDIS_SERVER";

/// How long a server may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// A `redis-server` on a free port of the loopback, with a folder of its own and nothing kept on
/// disk. Dropping it kills the server.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    port: u16,
    /// The server, unless it was killed.
    process: Option<Child>,
}

impl RedisServer {
    /// Starts a server, and returns when it answers.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or it doesn't start.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut server = Self {
            folder,
            port: 0,
            process: None,
        };
        // Between the look at a port and its use, somebody else may take it.
        for _ in 0..20 {
            server.port = free_port();
            if server.launch() {
                return server;
            }
        }
        panic!(
            "redis-server doesn't start on any port; it says:\n{}",
            server.log()
        );
    }

    /// The port, which the server keeps for its life, restarts included.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL to register.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The URL with something between the scheme and the host, such as `:password@`.
    pub fn url_with(&self, credentials: &str) -> String {
        format!("redis://{credentials}127.0.0.1:{}", self.port)
    }

    /// Ends the server at once by SIGKILL. It forgets everything.
    ///
    /// # Panics
    ///
    /// When it is ended already.
    pub fn kill(&mut self) {
        let process = self.process.take().expect("the server is running");
        end(process);
    }

    /// Starts a killed server again on the same port.
    ///
    /// # Panics
    ///
    /// When the server is still running, or doesn't start.
    pub fn restart(&mut self) {
        assert!(self.process.is_none(), "the server is running");
        assert!(
            self.launch(),
            "redis-server doesn't start again:\n{}",
            self.log()
        );
    }

    /// Stops the server by SIGSTOP: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen server go on.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    /// A connection of its own, beside those of the storages.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub fn connection(&self) -> Connection {
        Connection::open(self.port).expect("the server can be reached")
    }

    /// Sends one command over a connection of its own.
    ///
    /// # Panics
    ///
    /// When the server can't be reached.
    pub fn command<A: AsRef<[u8]>>(&self, arguments: &[A]) -> Reply {
        self.connection().command(arguments)
    }

    /// Starts the process on the port; `false` when it ended, as when the port is taken.
    fn launch(&mut self) -> bool {
        let mut process = self.spawn();
        let mut ended = false;
        eventually_blocking("redis-server answers or ends", PATIENCE, || {
            ended = process
                .try_wait()
                .expect("a child can be waited for")
                .is_some();
            ended || serves(self.port, process.id())
        });
        if !ended {
            self.process = Some(process);
        }
        !ended
    }

    fn spawn(&self) -> Child {
        let binary = env::var_os(BINARY).map_or_else(|| "redis-server".into(), PathBuf::from);
        let log = File::create(self.log_path()).expect("the log can be made");
        let spawned = Command::new(&binary)
            .args(["--port", &self.port.to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .arg("--dir")
            .arg(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(Stdio::null())
            .spawn();
        spawned.unwrap_or_else(|error| {
            let hint = match error.kind() {
                io::ErrorKind::NotFound => {
                    format!(
                        "; install it (Debian's package is redis-server) or name it by {BINARY}"
                    )
                }
                _ => String::new(),
            };
            panic!("`{}` can't be run: {error}{hint}", binary.display())
        })
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("the server is running");
        let status = Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status()
            .expect("`kill` can be run");
        assert!(status.success(), "kill {signal}: {status}");
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("redis.log")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_else(|error| error.to_string())
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            end(process);
        }
    }
}

fn end(mut process: Child) {
    // It may have ended by itself, and then there is nothing to kill.
    let _ = process.kill();
    let _ = process.wait();
}

/// Whether the server on `port` is the process `id`, not one that had the port before.
fn serves(port: u16, id: u32) -> bool {
    let answer =
        Connection::open(port).and_then(|mut connection| connection.ask(&["INFO", "server"]));
    answer.is_ok_and(|info| info.figure("process_id") == Some(u64::from(id)))
}

/// A port that nobody listens on.
///
/// Below those that the system gives to outgoing connections, so that it is still free when a
/// killed server comes back, and no attempt to reconnect can be connected to itself.
pub fn free_port() -> u16 {
    loop {
        let [low, high, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
        let port = 20_000 + u16::from_le_bytes([low, high]) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
