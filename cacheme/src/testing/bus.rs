//! A bus within the process that does what the test says.

use std::sync::{Arc, Mutex};

use tokio::sync::broadcast::{self, Receiver, Sender};

use super::mode::{Mode, Told};
use crate::bus::{Bus, BusFuture, Listening};
use crate::lock::lock;

/// A bus for runtimes of one test, which fails, waits and loses its connections when it is told to. Clones are the same
/// one.
///
/// ```
/// use cacheme::testing::MemoryBus;
/// use cacheme::{Cacheme, LocalStorage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> cacheme::Result<()> {
/// let bus = MemoryBus::new();
/// let process = async || {
///     let builder = Cacheme::builder().storage("hot", LocalStorage::lru(100));
///     builder.bus(bus.clone()).build().await
/// };
/// #[cacheme::node(storage = "hot")]
/// struct Answer;
///
/// let (one, other) = (process().await?, process().await?);
/// other.get_with(Answer, |_cx| async { Ok(1) }).await?;
/// one.invalidate(Answer).await?;
/// while other.get_with(Answer, |_cx| async { Ok(2) }).await? == 1 {
///     // It is on its way.
///     tokio::task::yield_now().await;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBus(Arc<Core>);

#[derive(Debug)]
struct Core {
    /// The channel and the text.
    texts: Mutex<Sender<(String, String)>>,
    told: Told,
}

impl MemoryBus {
    /// How many texts a listener may be behind.
    const BEHIND: usize = 64;

    /// A bus that works.
    pub fn new() -> Self {
        Self(Arc::new(Core {
            texts: Mutex::new(broadcast::channel(Self::BEHIND).0),
            told: Told::new(),
        }))
    }

    /// Changes what happens to who sends and who begins to listen, those that wait included.
    pub fn set_mode(&self, mode: Mode) {
        self.0.told.set(mode);
    }

    /// Ends the connections of all who listen. They may listen anew.
    pub fn disconnect(&self) {
        *lock(&self.0.texts) = broadcast::channel(Self::BEHIND).0;
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        lock(&self.0.texts).receiver_count()
    }
}

impl Default for MemoryBus {
    fn default() -> Self {
        Self::new()
    }
}

impl Bus for MemoryBus {
    fn publish<'a>(&'a self, channel: &'a str, text: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move {
            self.0.told.begin().await?;
            // Nobody may listen.
            let _ = lock(&self.0.texts).send((channel.to_owned(), text.to_owned()));
            self.0.told.end().await
        })
    }

    fn listen<'a>(&'a self, channel: &'a str) -> BusFuture<'a, Box<dyn Listening>> {
        Box::pin(async move {
            self.0.told.begin().await?;
            let listening: Box<dyn Listening> = Box::new(Listener {
                channel: channel.to_owned(),
                texts: lock(&self.0.texts).subscribe(),
            });
            self.0.told.end().await?;
            Ok(listening)
        })
    }
}

#[derive(Debug)]
struct Listener {
    channel: String,
    texts: Receiver<(String, String)>,
}

impl Listening for Listener {
    fn next(&mut self) -> BusFuture<'_, String> {
        Box::pin(async {
            loop {
                let (channel, text) = self.texts.recv().await?;
                if channel == self.channel {
                    return Ok(text);
                }
            }
        })
    }
}
