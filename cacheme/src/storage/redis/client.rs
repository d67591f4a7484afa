//! A client of fred's for one server, set up so that nothing waits for ever and nothing is sent
//! twice.

use std::path::Path;
use std::time::Duration;

use fred::clients::Client;
use fred::error::{Error as FredError, ErrorKind};
use fred::interfaces::ClientLike;
use fred::types::config::{
    Config, ConnectionConfig, PerformanceConfig, ReconnectPolicy, Server, TlsConfig, TlsConnector,
    UnresponsiveConfig,
};
use fred::types::{Builder, ConnectHandle};
use tokio::sync::Mutex;
use tokio::sync::broadcast::Receiver;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::address::Endpoint;
use super::target::Credentials;
use crate::error::BoxError;
use crate::storage::driver::reach::Reach;
use crate::storage::driver::tls;

/// How the servers of a storage are reached, and as whom.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) reach: Reach,
    pub(super) credentials: Credentials,
    pub(super) database: Option<u8>,
    pub(super) tls: Option<TlsConfig>,
}

/// What becomes of a client that can't connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempts {
    /// It ends with the first failure; once it was connected it goes on for ever.
    First,
    /// It goes on for ever.
    Forever,
}

/// Has something to receive when a connection is lost, and is closed when it is given up.
pub(super) type Losses = Receiver<(FredError, Option<Server>)>;

/// A client at work. Dropping it closes its connection, and what it still held fails.
pub(super) struct Connected {
    client: Client,
    endpoint: Endpoint,
    /// fred's task, which would keep the connection, or the attempts to connect, up for ever.
    task: AbortHandle,
    handle: Mutex<Option<ConnectHandle>>,
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The TLS of all connections, if there is to be any.
pub(super) fn tls(wanted: bool, ca: Option<&Path>) -> Result<Option<TlsConfig>, BoxError> {
    let connector = || Ok(TlsConnector::from(tls::config(ca)?).into());
    wanted.then(connector).transpose()
}

impl Access {
    /// Commands that may wait to be sent; more of them fail at once. What they hold is bounded by
    /// the [`Link`](super::link::Link).
    const QUEUE: usize = 4096;

    /// Texts that may wait to be taken by who listens to them; with more of them some are lost.
    const TEXTS: usize = 1024;

    /// Begins to connect.
    pub(super) fn open(
        &self,
        endpoint: Endpoint,
        attempts: Attempts,
    ) -> Result<Connected, FredError> {
        let events = PerformanceConfig::default().broadcast_channel_capacity;
        self.open_with(endpoint, attempts, events)
    }

    /// Begins to connect in order to listen.
    pub(super) fn open_to_listen(&self, endpoint: Endpoint) -> Result<Connected, FredError> {
        self.open_with(endpoint, Attempts::First, Self::TEXTS)
    }

    fn open_with(
        &self,
        endpoint: Endpoint,
        attempts: Attempts,
        events: usize,
    ) -> Result<Connected, FredError> {
        let Self { reach, .. } = self;
        let config = Config {
            fail_fast: attempts == Attempts::First,
            username: self.credentials.user.clone(),
            password: self.credentials.password.clone(),
            server: endpoint.config(),
            database: self.database,
            tls: self.tls.clone(),
            ..Config::default()
        };
        let mut policy = ReconnectPolicy::new_exponential(0, 20, 1000, 2);
        policy.set_jitter(20);
        let client = Builder::from_config(config)
            .set_policy(policy)
            .with_performance_config(|performance: &mut PerformanceConfig| {
                performance.default_command_timeout = reach.deadline;
                performance.broadcast_channel_capacity = events;
            })
            .with_connection_config(|connection: &mut ConnectionConfig| {
                connection.connection_timeout = reach.connect_timeout;
                connection.internal_command_timeout = reach.connect_timeout;
                connection.max_command_attempts = 1;
                connection.max_command_buffer_len = Self::QUEUE;
                connection.tcp.nodelay = Some(true);
                connection.unresponsive = UnresponsiveConfig {
                    max_timeout: Some(reach.deadline),
                    interval: reach.deadline / 2,
                };
            })
            .build()?;
        let handle = client.connect();
        Ok(Connected {
            client,
            endpoint,
            task: handle.abort_handle(),
            handle: Mutex::new(Some(handle)),
        })
    }
}

impl Connected {
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether commands are taken.
    pub(super) fn is_up(&self) -> bool {
        self.client.is_connected()
    }

    /// Waits until commands are taken, or there is no hope that they will be.
    pub(super) async fn wait(&self, until: Instant) -> Result<(), FredError> {
        // fred's own way to wait misses a connection that is made just when it begins to.
        const LOOK: Duration = Duration::from_millis(2);
        while !self.is_up() {
            if self.task.is_finished() {
                let handle = self.handle.lock().await.take();
                let ended = match handle {
                    Some(handle) => handle.await.map_err(FredError::from).flatten(),
                    None => Ok(()),
                };
                return Err(ended.err().unwrap_or_else(not_connected));
            }
            if Instant::now() >= until {
                let problem = "it doesn't answer in time";
                return Err(FredError::new(ErrorKind::Timeout, problem));
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }
}

pub(super) fn not_connected() -> FredError {
    FredError::new(ErrorKind::IO, "there is no connection")
}

/// An error of a server, with what to do about it where that isn't plain.
pub(super) fn explained(endpoint: &Endpoint, error: &FredError) -> BoxError {
    let details = error.details();
    let is_bad = |why: &str| details.contains(&format!("InvalidCertificate({why}"));
    if is_bad("UnknownIssuer") || is_bad("BadSignature") {
        let problem = "the server's certificate is signed by no authority that is trusted: name \
                       the PEM file of its authority by `ca`";
        return format!("{endpoint}: {problem}").into();
    }
    if is_bad("NotValidForName") {
        return format!("{endpoint}: the server's certificate is for another name").into();
    }
    let advice = if details.starts_with("MOVED ") || details.starts_with("ASK ") {
        ": this server is a node of a cluster, whose URL begins with `redis-cluster://`"
    } else if details.contains("cluster support disabled") {
        ": this server is no node of a cluster, so its URL begins with `redis://`"
    } else {
        ""
    };
    // fred tells of the system's errors as they look to a debugger.
    let message = details.split_once("message: \"").map(|(_, rest)| rest);
    let message = message.and_then(|rest| rest.split('"').next());
    format!("{endpoint}: {}{advice}", message.unwrap_or(details)).into()
}
