//! Where a server is.

use std::fmt;
use std::path::PathBuf;

use fred::types::config::{Server, ServerConfig};

use crate::storage::url::BadUrl;

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Address {
    /// A name or an IP address, an IPv6 one without its brackets.
    host: String,
    port: u16,
}

/// Where one server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Tcp(Address),
    Unix(PathBuf),
}

impl Address {
    pub(super) fn new(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Self { host, port }
    }

    /// Reads `host`, `host:port`, `[ipv6]` or `[ipv6]:port`, with this port where there is none.
    pub(super) fn parse(text: &str, port: u16) -> Result<Self, BadUrl> {
        let (host, rest) = match text.strip_prefix('[') {
            Some(bracketed) => bracketed
                .split_once(']')
                .ok_or_else(|| BadUrl::new("a `]` is missing after the IPv6 address"))?,
            None => text.split_at(text.find(':').unwrap_or(text.len())),
        };
        if host.is_empty() {
            return Err(BadUrl::new("no host is given"));
        }
        let port = match rest.strip_prefix(':') {
            Some(digits) => digits.parse().ok().filter(|port| *port > 0),
            None if rest.is_empty() => Some(port),
            None => None,
        };
        // Without the text: what was meant as a password may have ended up here.
        let port = port.ok_or_else(|| BadUrl::new("its port is not a number from 1 to 65535"))?;
        Ok(Self::new(host, port))
    }

    /// Reads the `host:port` of a redirection, or of a list in which an unknown host is left out:
    /// that is then the one of `asked`.
    pub(super) fn told(host: &str, port: u16, asked: &Endpoint) -> Self {
        match asked {
            Endpoint::Tcp(asked) if host.is_empty() || host == "?" => Self::new(&*asked.host, port),
            _ => Self::new(host, port),
        }
    }

    /// For fred, which wants an IPv6 address in brackets to look it up, and without to check it.
    fn server(&self) -> Server {
        if self.host.contains(':') {
            let host = format!("[{}]", self.host);
            Server::new_with_tls(host, self.port, Some(self.host.clone()))
        } else {
            Server::new(&*self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

impl Endpoint {
    pub(super) fn config(&self) -> ServerConfig {
        match self {
            Self::Tcp(address) => ServerConfig::Centralized {
                server: address.server(),
            },
            Self::Unix(path) => ServerConfig::Unix { path: path.clone() },
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}
