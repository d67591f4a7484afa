//! A TCP proxy of a test's own, which does to the traffic what the test says.

mod wire;

use std::net::{self, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use self::wire::{End, Wire};
use crate::server::free_port;

/// What becomes of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes through.
    Pass,
    /// Each part of an answer waits for so long.
    Delay(Duration),
    /// Whatever is sent is lost. Connections that lost something are reset when this is over.
    BlackHole,
    /// Some connections are reset when an answer comes.
    Reset,
    /// Some connections are closed in the middle of an answer.
    Truncate,
    /// Some answers have a bit turned round.
    Flip,
    /// Some answers are left out, as if they were never given.
    Omit,
    /// Answers come byte by byte, each so long after the last one.
    Drip(Duration),
    /// Connections are closed, and nobody listens.
    Refuse,
    /// Connections that there are lose all that is sent, and are never closed; new ones work.
    HalfOpen,
}

impl Flow {
    /// Of so many parts of answers one is spoilt, so that connections get as far as to be used.
    const ONE_OF: u64 = 8;
}

/// A proxy before a server of the loopback. Dropping it closes its connections.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    flow: watch::Sender<Flow>,
    injected: Arc<AtomicU64>,
}

impl Proxy {
    /// Starts one before the server of a URL, and gives the URL by which it is asked.
    ///
    /// # Panics
    ///
    /// When the URL has no port of the loopback.
    pub fn before(url: &str) -> (Self, String) {
        const HOST: &str = "127.0.0.1:";
        let place = url.find(HOST).expect("a server of the loopback") + HOST.len();
        let digits = url[place..].find(|character: char| !character.is_ascii_digit());
        let end = digits.map_or(url.len(), |digits| place + digits);
        let proxy = Self::start(url[place..end].parse().expect("a port"));
        let proxied = format!("{}{}{}", &url[..place], proxy.port, &url[end..]);
        (proxy, proxied)
    }

    /// Starts one before a port of the loopback.
    fn start(target: u16) -> Self {
        let (port, listener) = listener();
        let proxy = Self {
            port,
            flow: watch::Sender::new(Flow::Pass),
            injected: Arc::default(),
        };
        let door = Door {
            port: proxy.port,
            target,
            flow: proxy.flow.subscribe(),
            parts: Arc::default(),
            injected: Arc::clone(&proxy.injected),
        };
        // On a thread of its own: what the test is busy with doesn't delay answers.
        thread::spawn(|| {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            runtime.block_on(door.serve(listener));
        });
        proxy
    }

    /// Changes what becomes of the traffic.
    pub fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }

    /// How many parts of answers, or connections, had something done to them.
    pub fn injected(&self) -> u64 {
        self.injected.load(Ordering::Relaxed)
    }
}

/// Where connections come in.
#[derive(Clone)]
struct Door {
    port: u16,
    target: u16,
    flow: watch::Receiver<Flow>,
    /// Parts of answers that came.
    parts: Arc<AtomicU64>,
    injected: Arc<AtomicU64>,
}

impl Door {
    /// Until the proxy is dropped.
    async fn serve(self, listener: net::TcpListener) {
        let mut flow = self.flow.clone();
        let mut first = TcpListener::from_std(listener).ok();
        while flow.wait_for(|flow| *flow != Flow::Refuse).await.is_ok() {
            // Below the ports that others are given, so that it is still free.
            let listener = match first.take() {
                None => self.listen().await,
                first => first,
            };
            let Some(listener) = listener else {
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let accept = async {
                while let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(self.clone().carry(client));
                }
            };
            tokio::select! {
                () = accept => {}
                refused = flow.wait_for(|flow| *flow == Flow::Refuse) => if refused.is_err() {
                    return;
                }
            }
        }
    }

    async fn listen(&self) -> Option<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))
            .await
            .ok()
    }

    async fn carry(self, mut client: TcpStream) {
        let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, self.target)).await;
        let Ok(mut server) = connected else {
            return;
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let wire = Wire::new(self);
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let end = tokio::select! {
            end = wire.questions(from_client, to_server) => end,
            end = wire.answers(from_server, to_client) => end,
            end = wire.watch() => end,
        };
        if end == End::Reset {
            let _ = client.set_zero_linger();
        }
    }
}

/// A port that others don't have, and who listens there.
fn listener() -> (u16, net::TcpListener) {
    loop {
        let port = free_port();
        if let Ok(listener) = net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            listener
                .set_nonblocking(true)
                .expect("a listener needn't block");
            return (port, listener);
        }
    }
}
