//! What faults are done to: a server, perhaps with a proxy before it.

use std::time::Duration;

use cacheme_tests::proxy::{Flow, Proxy};
use cacheme_tests::server::Server;

/// Where a process has its far storage.
pub(crate) trait Scene: 'static {
    /// The storage's URL.
    fn url(&self) -> String;
}

impl<S: Server> Scene for S {
    fn url(&self) -> String {
        Server::url(self)
    }
}

/// A server that is asked by way of a proxy.
#[derive(Debug)]
pub(crate) struct Proxied<S> {
    proxy: Proxy,
    url: String,
    _server: S,
}

impl<S: Server> Proxied<S> {
    pub(crate) fn start() -> Self {
        let server = S::start();
        let (proxy, url) = Proxy::before(&server.url());
        Self {
            proxy,
            url,
            _server: server,
        }
    }

    /// The same, with one more parameter in the URL.
    pub(crate) fn start_with(parameter: &str) -> Self {
        let proxied = Self::start();
        let url = format!("{}?{parameter}", proxied.url);
        Self { url, ..proxied }
    }

    /// Has the traffic be so for a time, and says how often something was done to it.
    pub(crate) async fn flows(&self, flow: Flow, time: Duration) -> u64 {
        let before = self.proxy.injected();
        self.proxy.set(flow);
        tokio::time::sleep(time).await;
        self.proxy.set(Flow::Pass);
        self.proxy.injected() - before
    }
}

impl<S: Server> Scene for Proxied<S> {
    fn url(&self) -> String {
        self.url.clone()
    }
}

/// A server of the storage, and another one beside it.
#[derive(Debug)]
pub(crate) struct Pair<S> {
    pub(crate) first: S,
    pub(crate) other: S,
}

impl<S: Server> Pair<S> {
    pub(crate) fn start() -> Self {
        Self {
            first: S::start(),
            other: S::start(),
        }
    }
}

impl<S: Server> Scene for Pair<S> {
    fn url(&self) -> String {
        self.first.url()
    }
}
