//! A runtime's part in a bus: what it hears ends entries in process, what it may have missed ends all of them.

use std::fmt;
use std::future::{Future, pending};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

use super::message::CHANNEL;
use super::{Bus, Listening, Message};
use crate::error::BoxError;
use crate::event::Event;
use crate::lock::lock;
use crate::panic::catch_panic;
use crate::race::{First, first};
use crate::tag::Tags;

/// Listens for as long as it lives.
pub(crate) struct Follower {
    line: Arc<Line>,
    task: Mutex<AbortHandle>,
}

/// What is shared with the task that listens.
struct Line {
    bus: Arc<dyn Bus>,
    /// What tells this runtime's messages from others'.
    origin: u64,
    /// How many messages weren't sent, so that the others are to drop everything.
    missed: AtomicU64,
    /// How many of these they have heard of by now.
    made_up: AtomicU64,
    /// How long a message may take.
    deadline: Duration,
    tags: Arc<Tags>,
}

/// A message that is to be sent. The others are told to drop everything if it isn't.
pub(crate) struct Telling<'a>(Option<&'a Follower>);

/// A message on its way.
type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send + 'a>>;

/// How often it is looked what is to be sent again, and how long a connection lasts that counts as one.
const TICK: Duration = Duration::from_secs(1);

/// After so many ticks in which nothing came, something is sent that has to come back.
const SILENCE: u32 = 5;

/// The least that connecting may take.
const CONNECTING: Duration = Duration::from_secs(10);

/// How long it is between two attempts to listen anew, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];

impl Follower {
    /// Listens from now on, and has seen that what is sent comes back. A message may take as long as `deadline`.
    pub(crate) async fn start(
        bus: Arc<dyn Bus>,
        tags: &Arc<Tags>,
        deadline: Duration,
    ) -> Result<Self, BoxError> {
        let line = Arc::new(Line {
            bus,
            origin: RandomState::new().build_hasher().finish(),
            missed: AtomicU64::new(0),
            made_up: AtomicU64::new(0),
            deadline,
            tags: Arc::clone(tags),
        });
        let mut listening = line.listen().await?;
        line.send(&Message::Ping).await?;
        let returning = async {
            while Message::read(&caught(listening.next()).await?)
                != Some((line.origin, Message::Ping))
            {}
            Ok::<_, BoxError>(())
        };
        let answer = timeout(deadline, returning).await;
        answer.map_err(|_| "what is sent doesn't come back")??;
        let task = tokio::spawn(Arc::clone(&line).follow(Some(listening)));
        let task = Mutex::new(task.abort_handle());
        Ok(Self { line, task })
    }

    /// Begins to tell the others something: before what it is about is changed where they may look.
    pub(crate) fn telling(&self) -> Telling<'_> {
        Telling(Some(self))
    }

    /// Has the others drop everything by and by: they may have read what has ended.
    pub(crate) fn has_missed(&self) {
        self.line.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether something wasn't sent that the others haven't heard of since.
    pub(crate) fn has_untold(&self) -> bool {
        self.line.has_untold()
    }

    /// Tells the others to drop everything, if something wasn't sent.
    pub(crate) async fn catch_up(&self) {
        if self.has_untold() {
            self.revive();
            // Otherwise it is tried again.
            let _ = self.line.make_up().await;
        }
    }

    /// Listens anew if the tokio runtime is gone that it listened on.
    fn revive(&self) {
        let mut task = lock(&self.task);
        if task.is_finished() {
            *task = tokio::spawn(Arc::clone(&self.line).follow(None)).abort_handle();
        }
    }
}

impl Telling<'_> {
    /// Nobody is told anything.
    pub(crate) const NOTHING: Self = Self(None);

    pub(crate) fn is_to_nobody(&self) -> bool {
        self.0.is_none()
    }

    /// There is nothing to tell.
    pub(crate) fn nothing(mut self) {
        self.0 = None;
    }

    /// Tells them. When that fails, they are told to drop everything as soon as the bus carries something.
    pub(crate) async fn tell(mut self, message: Message) -> Result<(), BoxError> {
        if let Some(follower) = self.0 {
            follower.revive();
            follower.line.send(&message).await?;
            self.0 = None;
        }
        Ok(())
    }
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if let Some(follower) = self.0 {
            follower.has_missed();
        }
    }
}

impl Line {
    async fn listen(&self) -> Result<Box<dyn Listening>, BoxError> {
        let deadline = self.deadline.max(CONNECTING);
        timeout(deadline, caught(self.bus.listen(CHANNEL))).await?
    }

    async fn send(&self, message: &Message) -> Result<(), BoxError> {
        let sending = async {
            for text in message.texts(self.origin) {
                caught(self.bus.publish(CHANNEL, &text)).await?;
            }
            Ok(())
        };
        timeout(self.deadline, sending).await?
    }

    /// Whether the others are to drop everything.
    fn has_untold(&self) -> bool {
        self.made_up.load(Ordering::Relaxed) < self.missed.load(Ordering::Relaxed)
    }

    /// Has the others drop everything, for all that wasn't sent until now.
    async fn make_up(&self) -> Result<(), BoxError> {
        let missed = self.missed.load(Ordering::Relaxed);
        self.send(&Message::Everything).await?;
        self.made_up.fetch_max(missed, Ordering::Relaxed);
        Ok(())
    }

    /// Obeys what comes, and listens anew whenever that ends.
    async fn follow(self: Arc<Self>, mut listening: Option<Box<dyn Listening>>) {
        let _deaf = Deaf(&self.tags);
        let mut is_deaf = false;
        let [shortest, longest] = PAUSES;
        let mut pause = shortest;
        loop {
            if let Some(listening) = listening.take() {
                let begun = Instant::now();
                self.obey(listening).await;
                if begun.elapsed() >= TICK {
                    pause = shortest;
                }
                // From now on something may be missed.
                self.tags.end_all();
                Event::Deaf.tell();
                is_deaf = true;
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(longest);
            listening = self.listen().await.ok();
            if listening.is_some() {
                // What was missed until now.
                self.tags.end_all();
                if std::mem::take(&mut is_deaf) {
                    Event::Hearing.tell();
                }
            }
        }
    }

    /// Obeys what comes until something may have been missed.
    async fn obey(&self, mut listening: Box<dyn Listening>) {
        let mut silent = 0;
        let mut sending: Option<Sending<'_>> = None;
        let mut tried = Instant::now();
        loop {
            let next = timeout(TICK, caught(listening.next()));
            let sent = async {
                match &mut sending {
                    Some(sending) => sending.await,
                    None => pending().await,
                }
            };
            match first(next, sent).await {
                First::One(Ok(Ok(text))) => {
                    silent = 0;
                    self.hear(&text);
                }
                First::One(Ok(Err(_))) => return,
                First::One(Err(_)) if silent >= 2 * SILENCE => return,
                First::One(Err(_)) => silent += 1,
                // What isn't sent is tried again.
                First::Other(_) => sending = None,
            }
            if sending.is_some() || tried.elapsed() < TICK {
                continue;
            }
            if self.has_untold() {
                sending = Some(Box::pin(self.make_up()));
            } else if silent == SILENCE {
                sending = Some(Box::pin(async {
                    // Whether it comes back is all that counts.
                    let _ = self.send(&Message::Ping).await;
                    Ok(())
                }));
            }
            tried = Instant::now();
        }
    }

    fn hear(&self, text: &str) {
        match Message::read(text) {
            // Its own, or nothing to do.
            Some((origin, _)) if origin == self.origin => {}
            Some((_, Message::Ping)) => {}
            Some((_, Message::Keys(digests))) => self.tags.end_keys(&digests),
            Some((_, Message::Changed(digests))) => self.tags.change_keys(&digests),
            Some((_, Message::Tag(scope, name))) => self.tags.invalidate(scope, &name),
            Some((_, Message::Node(digest))) => self.tags.end_node(digest),
            // Whatever it was meant to be.
            Some((_, Message::Everything)) | None => self.tags.end_all(),
        }
    }
}

/// An operation of a bus, whose panic is an error.
async fn caught<T>(operation: impl Future<Output = Result<T, BoxError>>) -> Result<T, BoxError> {
    catch_panic(pin!(operation)).await?
}

/// Ends all that is in process when nobody listens any more.
struct Deaf<'a>(&'a Tags);

impl Drop for Deaf<'_> {
    fn drop(&mut self) {
        self.0.end_all();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        lock(&self.task).abort();
    }
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Follower").field(&self.line.bus).finish()
    }
}
