//! A value that a function makes, which may borrow what it needs.
//!
//! Such a load can't be a task. So the flight's work asks for it, and the caller that leads the flight
//! runs it where it is. When that caller goes, the flight ends without an outcome, and one of those
//! who waited leads another one with a load of its own.

use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::leg::Leg;
use super::{Boarding, Fetch, Loader, Reads, Source};
use crate::cached::Landed;
use crate::error::{BoxError, Error};
use crate::flight::{Group, Led, Purpose, Table};
use crate::function::Shape;
use crate::life::Life;
use crate::load::Loaded;
use crate::meta::Meta;
use crate::node::Node;
use crate::panic::{catch_unwind, panic_message};
use crate::race::{First, first};
use crate::runtime::Cacheme;
use crate::stats::NodeEvent;

impl Cacheme {
    /// The result of a function, from a tier, from another caller's flight or from `load`.
    ///
    /// What failed is said by the result where it can, as a `Result` does. Where it can't, the function
    /// is run as if there were no cache.
    ///
    /// # Panics
    ///
    /// When the set-up is wrong and the result can't say so.
    pub(crate) async fn call<N, R, S, F>(
        &self,
        node: N,
        shape: S,
        reads: Reads,
        load: impl FnOnce() -> F,
    ) -> R
    where
        N: Node,
        S: Shape<R, N::Codec>,
        F: Future<Output = R>,
    {
        let fetch = match self.fetch::<N>() {
            Ok(fetch) => fetch,
            Err(error) => return without(shape, error, load).await,
        };
        if reads != Reads::Nothing
            && let Some(value) = fetch.hit_or_due(fetch.scope(self), &node)
        {
            return shape.join(value);
        }
        Box::pin(fetch.call(self, node, shape, reads, load)).await
    }
}

/// The result when the cache has failed before `load` began.
async fn without<R, C, S: Shape<R, C>, F: Future<Output = R>>(
    shape: S,
    error: Error,
    load: impl FnOnce() -> F,
) -> R {
    let is_config = error.is_config();
    let message = is_config.then(|| format!("{error:#}"));
    if let Some(result) = shape.failed(error) {
        return result;
    }
    if let Some(message) = message {
        panic!("{message}");
    }
    load().await
}

/// Where the leader's answer goes.
type Reply<V> = oneshot::Sender<Result<(V, Life), Refused>>;

/// Why the leader has no value for others.
enum Refused {
    Failed(BoxError),
    Panicked(String),
}

/// A source that asks the leader.
fn asking<N: Node, V: Send + 'static>(
    can_fail: bool,
) -> (oneshot::Receiver<Reply<V>>, Source<N, V>) {
    let (ask, asked) = oneshot::channel();
    let mut ask = Some(ask);
    let load: Loader<N, V> = Box::new(move |nodes, cx| {
        let ask = ask.take();
        Box::pin(async move {
            if !can_fail {
                // Nobody could be told that it took too long.
                cx.be_patient();
            }
            let lost = || Error::lost(cx.node());
            let (reply, answer) = oneshot::channel();
            // A node is loaded once.
            let ask = ask.ok_or_else(lost)?;
            ask.send(reply).map_err(|_| lost())?;
            match answer.await.map_err(|_| lost())? {
                Ok((value, life)) => {
                    let loaded: Loaded<N, V> = nodes.into_iter().zip([value]).collect();
                    Ok(loaded.shortened(&life))
                }
                Err(Refused::Failed(error)) => Err(Error::load(cx.node(), error)),
                Err(Refused::Panicked(message)) => Err(Error::panic(cx.node(), &message)),
            }
        })
    });
    (asked, Source::Own(load))
}

impl<N: Node> Fetch<N> {
    async fn call<R, S, F>(
        &self,
        runtime: &Cacheme,
        node: N,
        shape: S,
        reads: Reads,
        load: impl FnOnce() -> F,
    ) -> R
    where
        S: Shape<R, N::Codec>,
        F: Future<Output = R>,
    {
        if let Err(error) = self.value_type::<S::Value>() {
            return without(shape, error, load).await;
        }
        let counters = &self.chain().counters;
        let passed = || {
            if reads != Reads::Nothing {
                counters.add(NodeEvent::Passed, 1);
            }
        };
        passed();
        let prefix = self.prefix(runtime);
        let group = self.group(Purpose::Load, prefix.scope, node);
        let asked = self.asked(runtime);
        loop {
            let boarding = {
                let mut table = self.flights.lock();
                let start = |table: &mut Table<N>| table.start_one(&group);
                match reads {
                    Reads::Nothing => Boarding::Leads(start(&mut table)),
                    _ => self.board(runtime, &mut table, group.aim(0), asked, start),
                }
            };
            match boarding {
                Boarding::There(value) => {
                    counters.add(NodeEvent::Joined, 1);
                    return shape.join(value.into_value());
                }
                Boarding::Joins(waiting) => {
                    waiting.share();
                    // Before the wait, which may be cancelled.
                    counters.add(NodeEvent::Joined, 1);
                    match waiting.outcome().await {
                        // It was invalidated before this call, and made before that.
                        Some(Ok(landed)) if landed.is_before(asked) => passed(),
                        Some(Ok(landed)) => return shape.join(landed.into_value()),
                        Some(Err(error)) => return without(shape, error, load).await,
                        // Its leader is gone: a request anew, and somebody has to lead.
                        None => passed(),
                    }
                }
                Boarding::Leads(started) => {
                    let (asked, source) = asking(S::CAN_FAIL);
                    let legs = vec![Leg::of(0)];
                    let led = self.depart(runtime, &prefix, started, legs, source, reads);
                    return match led {
                        Ok(led) => {
                            let meta = &self.chain().meta;
                            lead(meta, &led, group, asked, shape, load).await
                        }
                        Err(error) => without(shape, error, load).await,
                    };
                }
            }
        }
    }
}

/// Does the work of a flight, and the load if there has to be one.
async fn lead<N, R, C, S, F>(
    meta: &Meta,
    led: &Led,
    group: Arc<Group<N, Landed<S::Value>>>,
    asked: oneshot::Receiver<Reply<S::Value>>,
    shape: S,
    load: impl FnOnce() -> F,
) -> R
where
    N: Node,
    S: Shape<R, C>,
    F: Future<Output = R>,
{
    let mut load = Some(load);
    let own = led.until(async {
        let reply = match first(group.over(), asked).await {
            First::Other(Ok(reply)) => reply,
            // Nobody will ask.
            First::Other(Err(_)) | First::One(()) => {
                group.over().await;
                return None;
            }
        };
        let own = match load.take() {
            Some(load) => answer(reply, shape, meta.ttl_none(), load).await,
            None => None,
        };
        group.over().await;
        own
    });
    let own = own.await;
    let outcome = group.into_outcome();
    let outcome = outcome.unwrap_or_else(|| Err(Error::lost(meta.name())));
    match (own, &outcome) {
        // It has failed, and there is an old value.
        (Some(_), Ok(value)) if value.is_stale => {}
        (Some(own), _) => return own,
        (None, _) => {}
    }
    match (outcome, load) {
        (Ok(value), _) => shape.join(value.into_value()),
        (Err(error), Some(load)) => without(shape, error, load).await,
        (Err(error), None) => match shape.failed(error) {
            Some(result) => result,
            None => unreachable!("a result that can't say that it failed is the leader's own"),
        },
    }
}

/// Loads, and answers the flight. Its own result comes back where that isn't what others get.
async fn answer<R, C, S, F>(
    mut reply: Reply<S::Value>,
    shape: S,
    ttl_none: Option<Duration>,
    load: impl FnOnce() -> F,
) -> Option<R>
where
    S: Shape<R, C>,
    F: Future<Output = R>,
{
    // Nothing isn't kept unless the options say so.
    let life = |value: &S::Value| match ttl_none {
        _ if shape.is_something(value) => Life::default(),
        Some(ttl) => Life::at_most(ttl),
        None => Life::NONE,
    };
    let loaded = {
        // Dropped here, before others are answered.
        let loading = pin!(load());
        let mut loading = catch_unwind(loading);
        match first(&mut loading, reply.closed()).await {
            First::One(loaded) => loaded,
            // The deadline has passed, or the tokio runtime that did the flight's work is gone.
            First::Other(()) if S::CAN_FAIL => return None,
            First::Other(()) => match loading.await {
                Ok(own) => return Some(own),
                Err(panic) => resume_unwind(panic),
            },
        }
    };
    // Who asked may have gone.
    match loaded.map(|result| shape.split(result)) {
        Ok(Ok(value)) if S::CAN_FAIL => {
            let life = life(&value);
            match reply.send(Ok((value, life))) {
                // The deadline passed just now, and the value is there all the same.
                Err(Ok((value, _))) => Some(shape.join(value)),
                Ok(()) | Err(Err(_)) => None,
            }
        }
        Ok(Ok(value)) => {
            let life = life(&value);
            let _ = reply.send(Ok((value.clone(), life)));
            Some(shape.join(value))
        }
        Ok(Err((own, error))) => {
            let _ = reply.send(Err(Refused::Failed(error)));
            Some(own)
        }
        Err(panic) => {
            let _ = reply.send(Err(Refused::Panicked(panic_message(&*panic))));
            if S::CAN_FAIL {
                None
            } else {
                resume_unwind(panic)
            }
        }
    }
}
