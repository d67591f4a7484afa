//! A cluster: commands go to the master that has the key's slot, those of each master in one
//! pipeline.
//!
//! fred has a way of its own to speak to clusters, and it isn't used: with it all nodes share what
//! becomes of one of them, and an `ASK` while others' commands are under way gives those the wrong
//! answers. Here every node has links of its own, and what fred sees is single servers.

mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use fred::error::{Error as FredError, ErrorKind};
use fred::types::Value;
use fred::util::redis_keyslot;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::slots::{Redirection, Slots};
use super::address::{Address, Endpoint};
use super::client::{Access, Attempts};
use super::command::Command;
use super::link::Link;
use super::pool::Pool;
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::driver::together::{first, grouped};
use crate::together::together;

/// The nodes of a cluster, as far as they are known.
pub(super) struct Cluster {
    access: Access,
    /// Nodes that the URL names.
    seeds: Vec<Address>,
    map: RwLock<Arc<Map>>,
    pools: Mutex<HashMap<Address, Arc<Pool>>>,
    trouble: Arc<Notify>,
}

/// The masters of slots, in the order of the slots.
#[derive(Default)]
struct Map {
    ranges: Vec<(slots::Range, Arc<Pool>)>,
}

/// A command on its way.
#[derive(Clone)]
struct Visit<'a> {
    /// Its place in the batch.
    place: usize,
    command: Command<'a>,
    link: Arc<Link>,
    asking: bool,
}

impl Cluster {
    /// How often a command is sent on. It is refused each time, so it is done at most once.
    const REDIRECTIONS: u32 = 5;

    /// What is waited for when nodes send a command to and fro, as they do for a moment when a
    /// slot changes hands.
    const PAUSE: Duration = Duration::from_millis(5);

    /// How long a node that a command is sent on to may take to connect.
    const GREETING: Duration = Duration::from_millis(250);

    /// A cluster of which nothing is known yet but some nodes. Of commands that fail for want of a
    /// node that serves, `trouble` is told.
    pub(super) fn new(access: Access, seeds: Vec<Address>, trouble: &Arc<Notify>) -> Self {
        Self {
            access,
            seeds,
            map: RwLock::default(),
            pools: Mutex::default(),
            trouble: Arc::clone(trouble),
        }
    }

    /// Nodes that the URL names.
    pub(super) fn seeds(&self) -> &[Address] {
        &self.seeds
    }

    /// Waits until all masters take commands.
    pub(super) async fn wait(&self, until: Instant) -> Result<(), BoxError> {
        let pools: Vec<_> = self.pools().values().cloned().collect();
        let waiting = together(pools.iter().map(|pool| pool.wait(until))).await;
        let problem = waiting.into_iter().find_map(Result::err);
        // A cluster that has lost a master mends itself, and does its work for the others' keys.
        match problem {
            Some(problem) if !pools.iter().any(|pool| pool.is_up()) => Err(problem),
            _ => Ok(()),
        }
    }

    /// A connection to any master, for what isn't about a key.
    pub(super) fn any(&self) -> Option<Arc<Link>> {
        let pools = self.pools();
        let up = pools.values().find(|pool| pool.is_up());
        Some(Arc::clone(up.or_else(|| pools.values().next())?.any()))
    }

    /// Does commands, each of a key of its own, and gives what became of each.
    pub(super) async fn run(
        &self,
        commands: impl Iterator<Item = Command<'_>>,
        until: Instant,
    ) -> Vec<Result<Value, BoxError>> {
        let map = self.map();
        let mut outcomes = Vec::new();
        let mut visits = Vec::new();
        for (place, command) in commands.enumerate() {
            outcomes.push(Err("no node of the cluster has the key's slot".into()));
            if let Some(pool) = map.pool(command.key()) {
                visits.push(Visit {
                    place,
                    command,
                    link: Arc::clone(pool.link(command.key())),
                    asking: false,
                });
            } else {
                self.trouble.notify_one();
            }
        }
        for round in 0..=Self::REDIRECTIONS {
            if round > 1 {
                tokio::time::sleep(Self::PAUSE * round).await;
            }
            let next = std::mem::take(&mut visits);
            for (visit, answer) in Self::visit(next, round > 0, until).await {
                let sent_on = match &answer {
                    Err(error) if round < Self::REDIRECTIONS => self.sent_on(&visit, error),
                    _ => None,
                };
                if let Some(sent_on) = sent_on {
                    visits.push(sent_on);
                } else {
                    outcomes[visit.place] = answer.map_err(|error| match error.kind() {
                        // Sent on too often, or the cluster is down: its words say it.
                        ErrorKind::Cluster => error.details().into(),
                        _ => visit.link.explained(&error),
                    });
                }
            }
            if visits.is_empty() {
                break;
            }
        }
        outcomes
    }

    /// Sends commands to their nodes, those of each in one pipeline. Those that were `sent_on` may
    /// go to a node that there is only just a connection to.
    async fn visit(
        visits: Vec<Visit<'_>>,
        sent_on: bool,
        until: Instant,
    ) -> impl Iterator<Item = (Visit<'_>, Result<Value, FredError>)> {
        let node = |visit: &Visit<'_>| Arc::as_ptr(&visit.link).addr();
        let groups = grouped(visits, |visit| (node(visit), visit.asking));
        let running = groups.into_iter().map(|visits| async move {
            let commands: Vec<_> = visits.iter().map(|visit| visit.command).collect();
            let link = &visits[0].link;
            if sent_on {
                let soon = Instant::now() + Self::GREETING;
                // If it isn't up then, the commands fail, and say so.
                let _ = link.wait(until.min(soon)).await;
            }
            let answers = link.run(&commands, visits[0].asking, until).await;
            visits.into_iter().zip(answers)
        });
        together(running).await.into_iter().flatten()
    }

    /// Where a node sent a command on, if it did.
    fn sent_on<'a>(&self, visit: &Visit<'a>, error: &FredError) -> Option<Visit<'a>> {
        if *error.kind() != ErrorKind::Cluster {
            return None;
        }
        let asked = visit.link.endpoint()?;
        let Redirection { to, asking } = Redirection::read(error.details(), &asked)?;
        let pool = self.pool(&to);
        let link = Arc::clone(pool.link(visit.command.key()));
        Some(Visit {
            link,
            asking,
            ..visit.clone()
        })
    }

    fn map(&self) -> Arc<Map> {
        let map = self.map.read();
        Arc::clone(&map.unwrap_or_else(PoisonError::into_inner))
    }

    fn pools(&self) -> MutexGuard<'_, HashMap<Address, Arc<Pool>>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connections to a node, which are begun if there are none.
    fn pool(&self, address: &Address) -> Arc<Pool> {
        let mut pools = self.pools();
        let pool = pools.entry(address.clone()).or_insert_with(|| {
            let pool = Pool::new(&self.access, &self.trouble);
            // Only a wrong configuration fails here, and then the first connection has.
            let _ = pool.lead_to(&Endpoint::Tcp(address.clone()), Attempts::Forever);
            Arc::new(pool)
        });
        Arc::clone(pool)
    }

    /// Asks the nodes which has which slots: those that are known, and the first ones if none of
    /// them answers.
    pub(super) async fn refresh(&self) -> Result<(), BoxError> {
        let slots = match self.ask_known().await {
            Ok(slots) => slots,
            Err(_) => self.ask_seeds().await?,
        };
        let master = |range: slots::Range| {
            let pool = self.pool(&range.master);
            (range, pool)
        };
        let ranges: Vec<_> = slots.ranges.into_iter().map(master).collect();
        self.pools().retain(|address, pool| {
            let is_master = ranges.iter().any(|(range, _)| range.master == *address);
            // A node that is to get slots isn't the master of any yet.
            is_master || (pool.is_up() && !slots.replicas.contains(address))
        });
        let map = self.map.write();
        *map.unwrap_or_else(PoisonError::into_inner) = Arc::new(Map { ranges });
        Ok(())
    }

    /// The first answer of the nodes that there are connections to.
    async fn ask_known(&self) -> Result<Slots, BoxError> {
        let until = Instant::now() + self.access.reach.deadline;
        let up = |pool: &Arc<Pool>| pool.is_up().then(|| Arc::clone(pool.any()));
        let links: Vec<_> = self.pools().values().filter_map(up).collect();
        let asking = links.into_iter().map(|link| async move {
            let answer: Value = link.ask("CLUSTER", &["SLOTS"], until).await?;
            let asked = link.endpoint().ok_or("the node is gone")?;
            Slots::read(answer, &asked)
        });
        first(asking).await
    }

    /// The first answer of the nodes that the URL names.
    async fn ask_seeds(&self) -> Result<Slots, BoxError> {
        let seeds = self.seeds.iter().cloned();
        let asking = seeds.map(|seed| {
            let (access, seed) = (self.access.clone(), Endpoint::Tcp(seed));
            async move {
                let answer = Link::ask_once(&access, &seed, "CLUSTER", &["SLOTS"]).await?;
                Slots::read(answer, &seed)
            }
        });
        first(asking).await
    }
}

impl Map {
    /// The master of a key.
    fn pool(&self, key: &Key) -> Option<&Pool> {
        let slot = redis_keyslot(key.as_str().as_bytes());
        let place = self.ranges.partition_point(|(range, _)| range.last < slot);
        let (range, pool) = self.ranges.get(place)?;
        (range.first <= slot).then_some(pool)
    }
}
