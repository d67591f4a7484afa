//! The servers of a storage, whichever way they are set up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fred::types::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::address::Endpoint;
use super::client::{Access, Attempts, not_connected};
use super::cluster::Cluster;
use super::command::{Command, is_swapped};
use super::link::Link;
use super::pool::Pool;
use super::sentinel::Watch;
use super::target::Form;
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::driver::background::Background;
use crate::storage::driver::batch::{each_once, for_all, last_of_each};
use crate::storage::driver::reach::Reach;
use crate::storage::driver::server_clock::{ServerClock, Timed};
use crate::storage::{Entry, Swap};

/// What the clones of a storage share.
pub(super) struct Servers {
    setup: Setup,
    reach: Reach,
    clock: ServerClock,
    /// Told when a command fails for want of a server that serves.
    trouble: Arc<Notify>,
}

enum Setup {
    One { pool: Pool, endpoint: Endpoint },
    Watched { pool: Pool, watch: Watch },
    Cluster(Cluster),
}

impl Servers {
    /// The least time between two looks at where servers are.
    const PAUSE: Duration = Duration::from_millis(100);

    /// How soon it is looked again when nobody could tell.
    const RETRY: Duration = Duration::from_millis(250);

    /// Nothing is connected yet.
    pub(super) fn new(form: Form, access: Access) -> Self {
        let reach = access.reach.clone();
        let trouble = Arc::default();
        let setup = match form {
            Form::Server(endpoint) => Setup::One {
                pool: Pool::new(&access, &trouble),
                endpoint,
            },
            Form::Sentinel(sentinels) => Setup::Watched {
                pool: Pool::new(&access, &trouble),
                watch: Watch::new(sentinels, &access),
            },
            Form::Cluster(seeds) => Setup::Cluster(Cluster::new(access, seeds, &trouble)),
        };
        Self {
            setup,
            reach,
            clock: ServerClock::new(),
            trouble,
        }
    }

    /// In a cluster, a node that is down would fail the reads that were merged with its own.
    pub(super) fn parallel_reads(&self) -> Option<usize> {
        /// To a connection: the server has one to work at while the answer to another is read.
        const READS: usize = 2;

        match &self.setup {
            Setup::One { .. } | Setup::Watched { .. } => Some(self.reach.pool * READS),
            Setup::Cluster(_) => None,
        }
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.setup, Setup::Cluster(_))
    }

    /// Connects, and looks that commands are taken.
    pub(super) async fn connect(&self) -> Result<(), BoxError> {
        let until = Instant::now() + self.reach.connect_timeout;
        let connecting = async {
            match &self.setup {
                Setup::One { pool, endpoint } => {
                    pool.lead_to(endpoint, Attempts::First)?;
                    pool.wait(until).await?;
                }
                Setup::Watched { pool, watch } => {
                    pool.lead_to(&watch.master().await?, Attempts::First)?;
                    pool.wait(until).await?;
                }
                Setup::Cluster(cluster) => {
                    cluster.refresh().await?;
                    cluster.wait(until).await?;
                }
            }
            ServerClock::ask(self).await
        };
        let limit = self.reach.connect_timeout;
        match tokio::time::timeout_at(until, connecting).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no connection within {limit:?}").into()),
        }
    }

    /// Begins to connect.
    pub(super) fn connect_later(&self) -> Result<(), BoxError> {
        if let Setup::One { pool, endpoint } = &self.setup {
            pool.lead_to(endpoint, Attempts::Forever)?;
        }
        self.trouble.notify_one();
        Ok(())
    }

    /// Looks again where the servers are whenever commands fail, as long as the result lives.
    pub(super) fn follow(servers: &Arc<Self>) -> Background {
        Background::repeat(servers, |servers: Arc<Self>| async move {
            servers.trouble.notified().await;
            let found = match &servers.setup {
                Setup::One { .. } => Ok(()),
                Setup::Watched { pool, watch } => follow_master(pool, watch).await,
                Setup::Cluster(cluster) => cluster.refresh().await,
            };
            if found.is_ok() {
                return Self::PAUSE;
            }
            servers.trouble.notify_one();
            Self::RETRY
        })
    }

    fn until(&self) -> Instant {
        Instant::now() + self.reach.deadline
    }

    pub(super) async fn get(&self, keys: &[Key]) -> Result<Vec<Option<Bytes>>, BoxError> {
        let once = each_once(keys);
        let found = match &self.setup {
            Setup::One { pool, .. } | Setup::Watched { pool, .. } => {
                pool.get(&once, self.until()).await?
            }
            Setup::Cluster(cluster) => {
                let commands = once.iter().map(|key| Command::Get(key));
                found(cluster.run(commands, self.until()).await)?
            }
        };
        Ok(for_all(keys, once, found))
    }

    pub(super) async fn put(&self, entries: &[Entry]) -> Result<(), BoxError> {
        let last = last_of_each(entries);
        done(self.run(last.into_iter().map(Command::Put)).await)
    }

    pub(super) async fn swap(&self, swaps: &[Swap]) -> Result<Vec<bool>, BoxError> {
        let answers = self.run(swaps.iter().map(Command::Swap)).await.into_iter();
        answers
            .map(|answer| answer.map(|answer| is_swapped(&answer)))
            .collect()
    }

    /// Does commands, each of a key of its own, and gives what became of each.
    async fn run(
        &self,
        commands: impl Iterator<Item = Command<'_>>,
    ) -> Vec<Result<Value, BoxError>> {
        match &self.setup {
            Setup::One { pool, .. } | Setup::Watched { pool, .. } => {
                pool.run(commands, self.until()).await
            }
            Setup::Cluster(cluster) => cluster.run(commands, self.until()).await,
        }
    }

    pub(super) async fn remove(&self, keys: &[Key]) -> Result<(), BoxError> {
        let once = each_once(keys);
        match &self.setup {
            Setup::One { pool, .. } | Setup::Watched { pool, .. } => {
                pool.remove(&once, self.until()).await
            }
            Setup::Cluster(cluster) => {
                let commands = once.into_iter().map(Command::Remove);
                done(cluster.run(commands, self.until()).await)
            }
        }
    }

    /// A connection, for what any server can do.
    pub(super) fn any(&self) -> Option<Arc<Link>> {
        match &self.setup {
            Setup::One { pool, .. } | Setup::Watched { pool, .. } => Some(Arc::clone(pool.any())),
            Setup::Cluster(cluster) => cluster.any(),
        }
    }

    pub(super) fn now(&self) -> Option<Duration> {
        self.clock.now()
    }

    /// The servers that the URL names, without anything secret.
    pub(super) fn names(&self) -> Vec<String> {
        match &self.setup {
            Setup::One { endpoint, .. } => vec![endpoint.to_string()],
            Setup::Watched { watch, .. } => names(watch.sentinels()),
            Setup::Cluster(cluster) => names(cluster.seeds()),
        }
    }
}

fn names(addresses: &[impl ToString]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}

/// Follows the master to where it is now.
async fn follow_master(pool: &Pool, watch: &Watch) -> Result<(), BoxError> {
    let master = watch.next_master().await?;
    if pool.endpoint().as_ref() != Some(&master) {
        pool.lead_to(&master, Attempts::Forever)?;
    }
    Ok(())
}

/// What was read of a cluster. Where some nodes failed and others answered, what those have counts:
/// the keys of the others are as good as not there.
fn found(answers: Vec<Result<Value, BoxError>>) -> Result<Vec<Option<Bytes>>, BoxError> {
    let nothing = answers.iter().all(Result::is_err);
    let values = answers.into_iter().map(|answer| match answer {
        Ok(value) => Ok(value.convert()?),
        Err(error) if nothing => Err(error),
        Err(_) => Ok(None),
    });
    values.collect()
}

/// Whether all commands were done.
fn done(answers: Vec<Result<Value, BoxError>>) -> Result<(), BoxError> {
    answers.into_iter().try_for_each(|answer| answer.map(drop))
}

impl Timed for Servers {
    fn clock(&self) -> &ServerClock {
        &self.clock
    }

    async fn ask_time(&self) -> Result<Duration, BoxError> {
        let link = self.any().ok_or_else(not_connected)?;
        let time = link.ask("TIME", &[], self.until()).await;
        let (seconds, micros): (u64, u64) = time.map_err(|error| link.explained(&error))?;
        Ok(Duration::from_secs(seconds) + Duration::from_micros(micros))
    }
}
