//! Invalidations between processes, for what they have in their local tiers.
//!
//! A bus carries text to all who listen, and promises nothing: what may have been missed is a gap, after which a
//! process drops what it has in process ([`follower`]). It carries invalidations only, never values ([`message`]).

mod connect;
mod follower;
mod message;

pub(crate) use self::follower::{Follower, Telling};
pub(crate) use self::message::Message;
#[cfg(feature = "redis")]
pub(crate) use self::message::OTHERS;

use std::fmt;
use std::sync::Arc;

use crate::storage::StorageFuture;

/// What an operation of a [`Bus`] returns: a boxed future, so that the trait is object-safe.
pub type BusFuture<'a, T> = StorageFuture<'a, T>;

/// Carries short texts from each process to all of them, itself included.
///
/// Redis, PostgreSQL and MongoDB storages have one ([`Storage::bus`](crate::Storage::bus)); implement it for any other broker.
/// A text may be lost, as long as the listener is told by an error; it may come twice, and in any order.
///
/// # Errors
///
/// Whatever the driver says.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Sends a text of at most 4 KiB of printable ASCII, tags aside, which are as they are, to a channel of a name that
    /// stands in it.
    fn publish<'a>(&'a self, channel: &'a str, text: &'a str) -> BusFuture<'a, ()>;

    /// Begins to listen to a channel: what is published when this has returned comes out of the result.
    fn listen<'a>(&'a self, channel: &'a str) -> BusFuture<'a, Box<dyn Listening>>;
}

#[deny(clippy::missing_trait_methods)]
impl<B: Bus + ?Sized> Bus for Arc<B> {
    fn publish<'a>(&'a self, channel: &'a str, text: &'a str) -> BusFuture<'a, ()> {
        (**self).publish(channel, text)
    }

    fn listen<'a>(&'a self, channel: &'a str) -> BusFuture<'a, Box<dyn Listening>> {
        (**self).listen(channel)
    }
}

/// What comes over a [`Bus`]; dropping it ends it.
pub trait Listening: fmt::Debug + Send {
    /// Waits for the next text.
    ///
    /// # Errors
    ///
    /// When something may have been missed: the connection was lost, or too much came at once. The runtime then
    /// listens anew.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no text.
    fn next(&mut self) -> BusFuture<'_, String>;
}

/// What a runtime uses as its bus: the name of a registered storage that has one, or any [`Bus`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a bus nor the name of a storage that has one",
    note = "give the name of a storage in Redis, PostgreSQL or MongoDB, or a type that implements `cacheme::Bus`"
)]
pub trait IntoBus: Send {
    /// What was given.
    #[doc(hidden)]
    fn into_bus(self) -> Given;
}

/// A bus, or where to find it.
#[doc(hidden)]
#[derive(Debug)]
pub enum Given {
    /// That of the storage of this name.
    OfStorage(String),
    /// This one.
    Itself(Arc<dyn Bus>),
}

impl<B: Bus> IntoBus for B {
    fn into_bus(self) -> Given {
        Given::Itself(Arc::new(self))
    }
}

impl IntoBus for &str {
    fn into_bus(self) -> Given {
        Given::OfStorage(self.to_owned())
    }
}

impl IntoBus for String {
    fn into_bus(self) -> Given {
        Given::OfStorage(self)
    }
}
