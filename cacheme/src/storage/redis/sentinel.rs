//! A master that sentinels watch: where it is now.
//!
//! All sentinels that the URL names are asked at once, and the first whose word holds is believed:
//! one that is down, frozen or cut off from the others costs no time.

use std::time::Duration;

use fred::types::Value;

use super::address::{Address, Endpoint};
use super::client::Access;
use super::link::Link;
use super::target::Sentinels;
use crate::error::BoxError;
use crate::storage::driver::together::first;

/// The sentinels of a master, and how they and it are reached.
#[derive(Clone)]
pub(super) struct Watch {
    sentinels: Sentinels,
    /// As a client of the master.
    master: Access,
    /// As a client of the sentinels.
    sentinel: Access,
}

impl Watch {
    /// How soon a sentinel is asked again that didn't know.
    const RETRY: Duration = Duration::from_millis(250);

    pub(super) fn new(sentinels: Sentinels, access: &Access) -> Self {
        let sentinel = Access {
            credentials: sentinels.credentials.clone(),
            database: None,
            ..access.clone()
        };
        Self {
            sentinels,
            master: access.clone(),
            sentinel,
        }
    }

    /// The sentinels that the URL names.
    pub(super) fn sentinels(&self) -> &[Address] {
        &self.sentinels.addresses
    }

    /// Finds the master, if there is one.
    pub(super) async fn master(&self) -> Result<Endpoint, BoxError> {
        let sentinels = self.sentinels.addresses.iter().cloned();
        let asking = sentinels.map(|sentinel| {
            let watch = self.clone();
            async move { watch.checked(sentinel).await }
        });
        first(asking).await
    }

    /// Finds the master as soon as there is one. Each sentinel is asked again by itself, so that
    /// nobody waits for one that doesn't answer.
    pub(super) async fn next_master(&self) -> Result<Endpoint, BoxError> {
        let sentinels = self.sentinels.addresses.iter().cloned();
        let asking = sentinels.map(|sentinel| {
            let watch = self.clone();
            async move {
                loop {
                    if let Ok(master) = watch.checked(sentinel.clone()).await {
                        return Ok(master);
                    }
                    tokio::time::sleep(Self::RETRY).await;
                }
            }
        });
        first(asking).await
    }

    /// The master by the word of a sentinel and by its own.
    async fn checked(&self, sentinel: Address) -> Result<Endpoint, BoxError> {
        let master = self.ask(Endpoint::Tcp(sentinel)).await?;
        self.check(&master).await?;
        Ok(master)
    }

    /// Where the master is by the word of a sentinel.
    async fn ask(&self, sentinel: Endpoint) -> Result<Endpoint, BoxError> {
        let arguments = ["GET-MASTER-ADDR-BY-NAME", &self.sentinels.service];
        let answer = Link::ask_once(&self.sentinel, &sentinel, "SENTINEL", &arguments).await;
        let answer = answer.map_err(|error| format!("sentinel {error}"))?;
        let (host, port): (String, u16) = match answer {
            Value::Null => {
                let service = &self.sentinels.service;
                return Err(format!("sentinel {sentinel}: it watches no `{service}`").into());
            }
            known => known.convert()?,
        };
        Ok(Endpoint::Tcp(Address::told(&host, port, &sentinel)))
    }

    /// Looks that the server is a master by its own word: a sentinel that was cut off may not know
    /// that there is another.
    async fn check(&self, master: &Endpoint) -> Result<(), BoxError> {
        let role = Link::ask_once(&self.master, master, "ROLE", &[]).await?;
        let role = role.into_array().into_iter().next().unwrap_or(Value::Null);
        if role.as_str().as_deref() == Some("master") {
            return Ok(());
        }
        Err(format!("{master}: it isn't the master that a sentinel takes it for").into())
    }
}
