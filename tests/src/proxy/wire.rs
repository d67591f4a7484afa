//! One connection through a proxy.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::{Door, Flow};

/// How a connection ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Close,
    Reset,
}

/// A connection through the proxy.
pub(super) struct Wire {
    door: Door,
    /// Whether it is half-open.
    is_dead: AtomicBool,
    /// Whether something was lost, so that it is of no use any more.
    is_lossy: AtomicBool,
}

impl Wire {
    pub(super) fn new(door: Door) -> Self {
        Self {
            door,
            is_dead: AtomicBool::new(false),
            is_lossy: AtomicBool::new(false),
        }
    }

    fn flow(&self) -> Flow {
        *self.door.flow.borrow()
    }

    fn count(&self) {
        self.door.injected.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether what comes now is lost.
    fn loses(&self) -> bool {
        let loses = self.is_dead.load(Ordering::Relaxed) || self.flow() == Flow::BlackHole;
        if loses {
            self.is_lossy.store(true, Ordering::Relaxed);
            self.count();
        }
        loses
    }

    pub(super) async fn watch(&self) -> End {
        let mut flow = self.door.flow.clone();
        // What was before concerns those that were there.
        flow.mark_unchanged();
        while flow.changed().await.is_ok() {
            match *flow.borrow() {
                Flow::Refuse => {
                    self.count();
                    return End::Reset;
                }
                Flow::HalfOpen => self.is_dead.store(true, Ordering::Relaxed),
                Flow::Pass
                    if self.is_lossy.load(Ordering::Relaxed)
                        && !self.is_dead.load(Ordering::Relaxed) =>
                {
                    return End::Reset;
                }
                _ => {}
            }
        }
        End::Close
    }

    pub(super) async fn questions(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> End {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let Ok(count @ 1..) = from.read(&mut buffer).await else {
                return End::Close;
            };
            if !self.loses() && to.write_all(&buffer[..count]).await.is_err() {
                return End::Close;
            }
        }
    }

    pub(super) async fn answers(
        &self,
        mut from: impl AsyncRead + Unpin,
        mut to: impl AsyncWrite + Unpin,
    ) -> End {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let Ok(count @ 1..) = from.read(&mut buffer).await else {
                if self.is_dead.load(Ordering::Relaxed) {
                    // Nobody tells the client.
                    std::future::pending::<()>().await;
                }
                return End::Close;
            };
            if self.loses() {
                continue;
            }
            if let Some(end) = self.answer(&mut buffer[..count], &mut to).await {
                return end;
            }
        }
    }

    /// Hands a part of an answer on, as the flow is.
    async fn answer(&self, part: &mut [u8], to: &mut (impl AsyncWrite + Unpin)) -> Option<End> {
        let number = self.door.parts.fetch_add(1, Ordering::Relaxed);
        let spoilt = number.is_multiple_of(Flow::ONE_OF);
        let mut sent = &*part;
        let mut end = None;
        match self.flow() {
            Flow::Delay(time) => {
                self.count();
                tokio::time::sleep(time).await;
            }
            Flow::Drip(pause) => {
                self.count();
                return drip(part, pause, to).await.err().map(|_| End::Close);
            }
            Flow::Omit if spoilt => {
                self.count();
                return None;
            }
            Flow::Reset if spoilt => (sent, end) = (&[], Some(End::Reset)),
            Flow::Truncate if spoilt => {
                (sent, end) = (&part[..part.len() / 2], Some(End::Close));
            }
            Flow::Flip if spoilt => {
                self.count();
                let bit = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
                let place = usize::try_from(bit >> 3).unwrap_or_default() % part.len();
                part[place] ^= 1 << (bit & 7);
                sent = part;
            }
            _ => {}
        }
        if end.is_some() {
            self.count();
        }
        let written = to.write_all(sent).await;
        end.or(written.err().map(|_| End::Close))
    }
}

async fn drip(part: &[u8], pause: Duration, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    for byte in part {
        to.write_all(&[*byte]).await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}
