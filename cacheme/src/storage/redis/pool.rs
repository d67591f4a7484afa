//! The connections to one server.
//!
//! A key always takes the same one, so that what is begun earlier for it is done earlier, even
//! where its caller has given it up.

use std::sync::Arc;

use bytes::Bytes;
use fred::error::Error as FredError;
use fred::types::Value;
use fred::util::redis_keyslot;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::address::Endpoint;
use super::client::{Access, Attempts};
use super::command::Command;
use super::link::Link;
use crate::error::BoxError;
use crate::key::Key;
use crate::storage::driver::together::grouped;
use crate::together::together;

/// Some links to the same server, at least one.
pub(super) struct Pool {
    links: Box<[Arc<Link>]>,
}

impl Pool {
    /// A pool that leads nowhere yet. Of commands that fail for want of a server that serves,
    /// `trouble` is told.
    pub(super) fn new(access: &Access, trouble: &Arc<Notify>) -> Self {
        let links = (0..access.reach.pool).map(|_| Arc::new(Link::new(access, trouble)));
        Self {
            links: links.collect(),
        }
    }

    /// Begins to connect, and gives up the connections that there were.
    pub(super) fn lead_to(&self, endpoint: &Endpoint, attempts: Attempts) -> Result<(), FredError> {
        let mut links = self.links.iter();
        links.try_for_each(|link| link.lead_to(endpoint.clone(), attempts))
    }

    /// Where it leads.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        self.links[0].endpoint()
    }

    /// Whether a connection takes commands.
    pub(super) fn is_up(&self) -> bool {
        self.links.iter().any(|link| link.is_up())
    }

    /// The connection for a key.
    pub(super) fn link(&self, key: &Key) -> &Arc<Link> {
        &self.links[self.number(key)]
    }

    fn number(&self, key: &Key) -> usize {
        match self.links.len() {
            1 => 0,
            count => usize::from(redis_keyslot(key.as_str().as_bytes())) % count,
        }
    }

    /// A connection for what isn't about a key: one that takes commands, if there is one.
    pub(super) fn any(&self) -> &Arc<Link> {
        let up = self.links.iter().find(|link| link.is_up());
        up.unwrap_or(&self.links[0])
    }

    /// Waits until all connections take commands.
    pub(super) async fn wait(&self, until: Instant) -> Result<(), BoxError> {
        let waiting = self.links.iter().map(|link| async move {
            let outcome = link.wait(until).await;
            outcome.map_err(|error| link.explained(&error))
        });
        together(waiting).await.into_iter().collect()
    }

    /// Reads keys, each given once: one `MGET` on each connection.
    pub(super) async fn get(
        &self,
        keys: &[&Key],
        until: Instant,
    ) -> Result<Vec<Option<Bytes>>, BoxError> {
        if let [link] = &*self.links {
            let values = link.get(keys, until).await;
            return values.map_err(|error| link.explained(&error));
        }
        let places = keys.iter().copied().enumerate();
        let groups = grouped(places, |(_, key)| self.number(key));
        let reading = groups.into_iter().map(|group| async move {
            let (places, keys): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            let link = self.link(keys[0]);
            let values = link.get(&keys, until).await;
            let values = values.map_err(|error| link.explained(&error))?;
            Ok::<_, BoxError>(places.into_iter().zip(values))
        });
        let mut found = vec![None; keys.len()];
        for values in together(reading).await {
            for (place, value) in values? {
                found[place] = value;
            }
        }
        Ok(found)
    }

    /// Does commands, each of a key of its own, and gives what became of each: one pipeline on each connection.
    pub(super) async fn run(
        &self,
        commands: impl Iterator<Item = Command<'_>>,
        until: Instant,
    ) -> Vec<Result<Value, BoxError>> {
        let groups = grouped(commands.enumerate(), |(_, command)| {
            self.number(command.key())
        });
        let running = groups.into_iter().map(|group| async move {
            let (places, commands): (Vec<_>, Vec<_>) = group.into_iter().unzip();
            let link = self.link(commands[0].key());
            let answers = link.run(&commands, false, until).await.into_iter();
            let answers = answers.map(|answer| answer.map_err(|error| link.explained(&error)));
            places.into_iter().zip(answers.collect::<Vec<_>>())
        });
        let mut answers: Vec<_> = together(running).await.into_iter().flatten().collect();
        answers.sort_unstable_by_key(|(place, _)| *place);
        answers.into_iter().map(|(_, answer)| answer).collect()
    }

    /// Removes keys, each given once: one `DEL` on each connection.
    pub(super) async fn remove(&self, keys: &[&Key], until: Instant) -> Result<(), BoxError> {
        let groups = grouped(keys.iter().copied(), |key| self.number(key));
        let removing = groups.into_iter().map(|keys| async move {
            let link = self.link(keys[0]);
            let removed = link.remove(&keys, until).await;
            removed.map_err(|error| link.explained(&error))
        });
        together(removing).await.into_iter().collect()
    }
}
