//! A Redis master with replicas and sentinels of a test's own.

use std::fs;
use std::process::Command;
use std::time::Duration;

use cacheme::Key;
use tempfile::TempDir;

use super::{BINARY_HINT, Connection, RedisServer, Reply, binary, expire, serves, words};
use crate::server::{PATIENCE, Process, Server, free_port};
use crate::wait::eventually_blocking;

/// A master and two replicas, and three sentinels that watch them as `main`. Dropping it kills all.
#[derive(Debug)]
pub struct RedisSentinel {
    /// The one that began as the master, and its replicas.
    servers: Vec<RedisServer>,
    sentinels: Vec<Sentinel>,
}

#[derive(Debug)]
struct Sentinel {
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

impl RedisSentinel {
    /// The one that began as the master, and its replicas.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The ports of the sentinels.
    pub fn sentinel_ports(&self) -> Vec<u16> {
        self.sentinels
            .iter()
            .map(|sentinel| sentinel.port)
            .collect()
    }

    /// Kills the server that began as the master.
    ///
    /// # Panics
    ///
    /// When it was killed before.
    pub fn kill_first(&mut self) {
        self.servers[0].kill();
    }

    /// Starts the server again that began as the master, as a master.
    pub fn restart_first(&mut self) {
        self.servers[0].restart();
    }

    /// Stops a sentinel by SIGSTOP.
    ///
    /// # Panics
    ///
    /// When it was killed.
    pub fn freeze_sentinel(&self, number: usize) {
        let process = self.sentinels[number].process.as_ref();
        process.expect("the sentinel is running").freeze();
    }

    /// Asks sentinels for a failover, without any need.
    pub fn fail_over(&self) {
        self.ask(0, &["SENTINEL", "FAILOVER", "main"]);
    }

    /// Whether the first server is a replica by now. While it changes sides it closes its connections.
    pub fn is_first_demoted(&self) -> bool {
        let first = Connection::open(self.servers[0].port());
        let info = first.and_then(|mut first| first.ask(&["INFO", "replication"]));
        info.is_ok_and(|info| info.text().is_some_and(|info| info.contains("role:slave")))
    }

    /// A connection to the master by the word of the last sentinel.
    ///
    /// # Panics
    ///
    /// When it can't be reached.
    pub fn master(&self) -> Connection {
        let last = self.sentinels.len() - 1;
        let master = self.ask(last, &["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"]);
        let port = master.array()[1].text().and_then(|port| port.parse().ok());
        Connection::open(port.expect("a port")).expect("the master answers")
    }

    fn ask(&self, sentinel: usize, command: &[&str]) -> Reply {
        let connection = Connection::open(self.sentinels[sentinel].port);
        connection.expect("the sentinel answers").command(command)
    }

    /// Waits until all sentinels know all servers and each other.
    fn agree(&self) {
        for number in 0..self.sentinels.len() {
            eventually_blocking("the sentinels know each other", PATIENCE, || {
                let count = |what| self.ask(number, &["SENTINEL", what, "main"]).array().len();
                count("SENTINELS") == 2 && count("REPLICAS") == 2
            });
        }
        for server in &self.servers {
            eventually_blocking("the replicas follow the master", PATIENCE, || {
                let info = server.command(&["INFO", "replication"]);
                let role = info.text().unwrap_or_default();
                role.contains("master_link_status:up") || role.contains("connected_slaves:2")
            });
        }
    }
}

impl Sentinel {
    fn start(master: u16) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut sentinel = Self {
            folder,
            port: 0,
            process: None,
        };
        for _ in 0..20 {
            sentinel.port = free_port();
            let text = format!(
                "port {}\nbind 127.0.0.1\n\
                 sentinel monitor main 127.0.0.1 {master} 2\n\
                 sentinel down-after-milliseconds main 1000\n\
                 sentinel failover-timeout main 3000\n",
                sentinel.port
            );
            let path = sentinel.folder.path().join("sentinel.conf");
            fs::write(path, text).expect("a file can be written");
            if sentinel.launch() {
                return sentinel;
            }
        }
        panic!("no sentinel starts on any port");
    }

    fn launch(&mut self) -> bool {
        let folder = self.folder.path();
        let mut command = Command::new(binary());
        command
            .arg(folder.join("sentinel.conf"))
            .arg("--sentinel")
            .arg("--dir")
            .arg(folder);
        let log = folder.join("sentinel.log");
        let mut process = Process::spawn(&mut command, &log, BINARY_HINT);
        let id = process.id();
        let up = process.comes_up(|| serves(self.port, id));
        self.process = up.then_some(process);
        up
    }
}

impl Server for RedisSentinel {
    fn start() -> Self {
        let master = RedisServer::start_with(|_| words("--repl-diskless-sync-delay 0"));
        let port = master.port();
        let replica = |_| {
            RedisServer::start_with(|_| {
                words(&format!(
                    "--repl-diskless-sync-delay 0 --replicaof 127.0.0.1 {port}"
                ))
            })
        };
        let replicas: Vec<_> = (0..2).map(replica).collect();
        let servers = std::iter::once(master).chain(replicas).collect();
        let mut set = Self {
            servers,
            sentinels: Vec::new(),
        };
        // A sentinel asks a master at first, and then rarely, for its replicas.
        eventually_blocking("the master has two replicas", PATIENCE, || {
            let info = set.servers[0].command(&["INFO", "replication"]);
            info.figure("connected_slaves") == Some(2)
        });
        set.sentinels = (0..3).map(|_| Sentinel::start(port)).collect();
        set.agree();
        set
    }

    fn url(&self) -> String {
        let ports: Vec<_> = self
            .sentinels
            .iter()
            .map(|sentinel| sentinel.port)
            .collect();
        let [first, second, third] = ports[..] else {
            panic!("there are three sentinels");
        };
        format!(
            "redis-sentinel://127.0.0.1:{first}?service=main&node=127.0.0.1:{second}\
             &node=127.0.0.1:{third}"
        )
    }

    /// The one that began as the master.
    fn process(&self) -> Option<&Process> {
        self.servers[0].process()
    }

    fn kill(&mut self) {
        self.servers.iter_mut().for_each(Server::kill);
        for sentinel in &mut self.sentinels {
            sentinel.process = None;
        }
    }

    fn restart(&mut self) {
        self.servers.iter_mut().for_each(Server::restart);
        for sentinel in &mut self.sentinels {
            assert!(sentinel.launch(), "the sentinel starts again");
        }
    }

    fn freeze(&self) {
        self.servers.iter().for_each(Server::freeze);
        for sentinel in &self.sentinels {
            sentinel.process.iter().for_each(Process::freeze);
        }
    }

    fn thaw(&self) {
        self.servers.iter().for_each(Server::thaw);
        for sentinel in &self.sentinels {
            sentinel.process.iter().for_each(Process::thaw);
        }
    }

    async fn expire(&self, key: &Key, ttl: Duration) {
        expire(&mut self.master(), key, ttl);
    }
}
