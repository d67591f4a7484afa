//! A Redis cluster of a test's own: three masters, each with a replica.

use std::time::Duration;

use cacheme::Key;

use super::{Connection, RedisServer, Reply, expire, words};
use crate::server::{PATIENCE, Process, Server, free_port};
use crate::wait::eventually_blocking;

/// Six nodes of a cluster. Dropping it kills them.
#[derive(Debug)]
pub struct RedisCluster {
    /// First the three that begin as masters, then a replica of each, in their order.
    nodes: Vec<RedisServer>,
}

/// How many slots there are.
pub const SLOTS: u16 = 16_384;

/// How many nodes begin as masters.
const MASTERS: usize = 3;

impl RedisCluster {
    /// The nodes: first the three that began as masters, then a replica of each, in their order.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// Kills a node by SIGKILL.
    ///
    /// # Panics
    ///
    /// When it was killed before.
    pub fn kill_node(&mut self, number: usize) {
        self.nodes[number].kill();
    }

    /// A connection to the node that has the key's slot.
    ///
    /// # Panics
    ///
    /// When no node answers.
    pub fn connection(&self, key: &str) -> Connection {
        let running = self.nodes.iter().find(|node| node.process().is_some());
        let mut connection = running.expect("a node is running").connection();
        let slot = connection.command(&["CLUSTER", "KEYSLOT", key]).integer();
        let ranges = connection.command(&["CLUSTER", "SLOTS"]).array();
        let range = ranges.into_iter().map(Reply::array).find(|range| {
            let [first, last] = [0, 1].map(|place| range[place].integer());
            (first..=last).contains(&slot)
        });
        let master = range.expect("every slot has a master")[2].clone().array();
        let port = u16::try_from(master[1].integer()).expect("a port");
        Connection::open(port).expect("the master answers")
    }

    /// Moves a slot with its keys to another of the nodes that began as masters, the way that
    /// `redis-cli` does it.
    ///
    /// # Panics
    ///
    /// When a node refuses a step.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) {
        self.begin_to_move(slot, from, to);
        let slot = slot.to_string();
        let [mut source, mut target] = [from, to].map(|number| self.nodes[number].connection());
        let to_id = self.id(to);
        let port = self.nodes[to].port().to_string();
        loop {
            // A few at a time, so that others come between.
            let keys = source.command(&["CLUSTER", "GETKEYSINSLOT", &slot, "2"]);
            let keys: Vec<_> = keys.array().into_iter().filter_map(Reply::bytes).collect();
            if keys.is_empty() {
                break;
            }
            let head = [
                "MIGRATE",
                "127.0.0.1",
                &port,
                "",
                "0",
                "10000",
                "REPLACE",
                "KEYS",
            ];
            let head = head.iter().map(|word| word.as_bytes().to_vec());
            source.command(&head.chain(keys).collect::<Vec<_>>());
        }
        for connection in [&mut target, &mut source] {
            connection.command(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
        }
        // Before the next one: a node that hears an older claim of a newer epoch gives the slot up,
        // with its keys.
        eventually_blocking("the masters agree whose each slot is", PATIENCE, || {
            let views = [0, 1, 2].map(|number| self.view(number));
            views.iter().all(|view| *view == views[0])
        });
    }

    /// What a node says of the masters: their epochs and slots.
    fn view(&self, number: usize) -> Vec<String> {
        let nodes = self.nodes[number].command(&["CLUSTER", "NODES"]);
        let nodes = nodes.bytes().expect("a text");
        let nodes = String::from_utf8_lossy(&nodes);
        let masters = nodes.lines().filter(|line| line.contains("master"));
        let mut masters: Vec<_> = masters
            .map(|line| {
                let words: Vec<_> = line.split(' ').collect();
                let slots = words.iter().skip(8).filter(|word| !word.starts_with('['));
                let slots: Vec<_> = slots.copied().collect();
                format!("{} {} {}", words[0], words[6], slots.join(" "))
            })
            .collect();
        masters.sort();
        masters
    }

    /// Begins to move a slot: keys that aren't at its node any longer are looked for at the other.
    ///
    /// # Panics
    ///
    /// When a node refuses a step.
    pub fn begin_to_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        let [from_id, to_id] = [from, to].map(|number| self.id(number));
        let importing = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id];
        let migrating = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id];
        // What a node heard of slots before may overtake what it was told: then it is told again.
        let owner = ["CLUSTER", "SETSLOT", &slot, "NODE", &from_id];
        eventually_blocking("both nodes know whose the slot is", PATIENCE, || {
            let asked = [(to, &importing), (from, &migrating)];
            let begun = asked.map(|(number, command)| self.told(number, command));
            if begun == [true; 2] {
                return true;
            }
            for number in [from, to] {
                self.told(number, &owner);
            }
            false
        });
    }

    /// Whether a node did as it was told.
    fn told(&self, number: usize, command: &[&str]) -> bool {
        let reply = self.nodes[number].connection().ask(command);
        !matches!(reply.expect("the node answers"), Reply::Error(_))
    }

    fn id(&self, number: usize) -> String {
        let id = self.nodes[number].command(&["CLUSTER", "MYID"]);
        id.text().expect("an id is text").to_owned()
    }

    /// Makes the nodes one cluster.
    fn form(&self) {
        let share = SLOTS / 3;
        for (number, node) in self.nodes.iter().enumerate().take(MASTERS) {
            let first = u16::try_from(number).expect("there are three") * share;
            let last = if number + 1 == MASTERS {
                SLOTS - 1
            } else {
                first + share - 1
            };
            let [first, last] = [first, last].map(|slot| slot.to_string());
            node.command(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
        for (number, node) in self.nodes.iter().enumerate() {
            let epoch = (number + 1).to_string();
            node.command(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]);
            let [port, bus] = [node.port(), node.bus_port()].map(|port| port.to_string());
            self.nodes[0].command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
        }
        self.wait("all nodes know each other", |node| {
            let info = node.command(&["CLUSTER", "INFO"]);
            let all = u64::try_from(self.nodes.len()).ok();
            info.figure("cluster_known_nodes") == all
        });
        for number in MASTERS..self.nodes.len() {
            let master = self.id(number - MASTERS);
            self.nodes[number].command(&["CLUSTER", "REPLICATE", &master]);
        }
        self.serves();
    }

    /// Waits until every slot is served and every replica is up to date.
    fn serves(&self) {
        self.wait("the cluster serves", |node| {
            let mut connection = node.connection();
            let info = connection.command(&["CLUSTER", "INFO"]);
            let replication = connection.command(&["INFO", "replication"]);
            let ranges = connection.command(&["CLUSTER", "SLOTS"]).array();
            let replicated = ranges.into_iter().all(|range| range.array().len() == 4);
            let role = replication.text().unwrap_or_default();
            let linked = role.contains("role:master") || role.contains("master_link_status:up");
            let ok = info
                .text()
                .is_some_and(|text| text.contains("cluster_state:ok"));
            ok && replicated && linked
        });
    }

    fn wait(&self, what: &str, mut is_so: impl FnMut(&RedisServer) -> bool) {
        for node in &self.nodes {
            eventually_blocking(what, PATIENCE, || is_so(node));
        }
    }
}

impl RedisServer {
    /// The port on which a node of a cluster speaks to other nodes.
    fn bus_port(&self) -> u16 {
        let place = self
            .arguments
            .iter()
            .position(|word| word == "--cluster-port");
        let port = place.and_then(|place| self.arguments[place + 1].parse().ok());
        port.expect("it is a node of a cluster")
    }
}

impl Server for RedisCluster {
    fn start() -> Self {
        let node = |_: usize| {
            RedisServer::start_with(|_| {
                let bus = free_port();
                words(&format!(
                    "--cluster-enabled yes --cluster-node-timeout 4000 --cluster-port {bus} \
                     --cluster-replica-validity-factor 0 --repl-diskless-sync-delay 0 \
                     --cluster-allow-replica-migration no --repl-ping-replica-period 1"
                ))
            })
        };
        let cluster = Self {
            nodes: (0..2 * MASTERS).map(node).collect(),
        };
        cluster.form();
        cluster
    }

    fn url(&self) -> String {
        let ports: Vec<_> = self.nodes.iter().map(RedisServer::port).collect();
        let [first, second, ..] = ports[..] else {
            panic!("there are six nodes");
        };
        format!("redis-cluster://127.0.0.1:{first}?node=127.0.0.1:{second}")
    }

    /// The first node.
    fn process(&self) -> Option<&Process> {
        self.nodes[0].process()
    }

    fn kill(&mut self) {
        self.nodes.iter_mut().for_each(Server::kill);
    }

    fn restart(&mut self) {
        self.nodes.iter_mut().for_each(Server::restart);
        self.serves();
    }

    /// All nodes, which take each other for living when they go on: for the time that all were away they would doubt it,
    /// elect masters anew, and serve some seconds later, which is an outage of its own.
    fn freeze(&self) {
        for node in &self.nodes {
            node.command(&["CONFIG", "SET", "cluster-node-timeout", "600000"]);
        }
        self.nodes.iter().for_each(Server::freeze);
    }

    fn thaw(&self) {
        self.nodes.iter().for_each(Server::thaw);
    }

    async fn expire(&self, key: &Key, ttl: Duration) {
        expire(&mut self.connection(key.as_str()), key, ttl);
    }
}

/// The slot of a key, by the specification of Redis Cluster: CRC16 (XMODEM) of the key, or of what
/// stands between the first `{` and the next `}`.
pub fn slot(key: &str) -> u16 {
    let tag = key
        .split_once('{')
        .and_then(|(_, rest)| rest.split_once('}'));
    let hashed = tag.map(|(tag, _)| tag).filter(|tag| !tag.is_empty());
    let mut crc = 0_u16;
    for byte in hashed.unwrap_or(key).bytes() {
        crc ^= u16::from(byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 {
                crc << 1
            } else {
                (crc << 1) ^ 0x1021
            };
        }
    }
    crc % SLOTS
}
