//! What is cached of a function's result: the value of a `Result`, anything else as it is, and a
//! `None` in either place as the options say.
//!
//! It goes by the type and not by how that is written, so aliases work. [`Returns`] and the types that it dereferences to
//! have a method of the same name, each for some results, and the compiler takes the first one that there is for `R`. So
//! generated code names no trait.

use std::any::Any;
use std::fmt::Display;
use std::marker::PhantomData;
use std::ops::Deref;

use crate::codec::Cacheable;
use crate::error::{BoxError, Error};
use crate::weight;

/// Stands for the return type `R`; the first step of the search, for a `Result` of an `Option`.
#[derive(Debug)]
pub struct Returns<R>(PhantomData<fn() -> R>);

/// The second step, for another `Result`.
#[derive(Debug)]
pub struct NoOptionInResult<R>(PhantomData<fn() -> R>);

/// The third step, for an `Option`.
#[derive(Debug)]
pub struct NoResult<R>(PhantomData<fn() -> R>);

/// The last step, for anything else.
#[derive(Debug)]
pub struct NeitherResultNorOption<R>(PhantomData<fn() -> R>);

impl<R> Returns<R> {
    /// For `R`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R> Default for Returns<R> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R> Deref for Returns<R> {
    type Target = NoOptionInResult<R>;

    fn deref(&self) -> &NoOptionInResult<R> {
        &NoOptionInResult(PhantomData)
    }
}

impl<R> Deref for NoOptionInResult<R> {
    type Target = NoResult<R>;

    fn deref(&self) -> &NoResult<R> {
        &NoResult(PhantomData)
    }
}

impl<R> Deref for NoResult<R> {
    type Target = NeitherResultNorOption<R>;

    fn deref(&self) -> &NeitherResultNorOption<R> {
        &NeitherResultNorOption(PhantomData)
    }
}

impl<T, E> Returns<Result<Option<T>, E>> {
    /// How such results are cached.
    pub fn __cacheme_shape(&self) -> AsResult<Option<T>> {
        let is_something = Option::is_some;
        AsResult { is_something }
    }
}

impl<T, E> NoOptionInResult<Result<T, E>> {
    /// How such results are cached.
    pub fn __cacheme_shape(&self) -> AsResult<T> {
        AsResult {
            is_something: |_| true,
        }
    }
}

impl<T> NoResult<Option<T>> {
    /// How such results are cached.
    pub fn __cacheme_shape(&self) -> AsValue<Option<T>> {
        let is_something = Option::is_some;
        AsValue { is_something }
    }
}

impl<R> NeitherResultNorOption<R> {
    /// How such results are cached.
    pub fn __cacheme_shape(&self) -> AsValue<R> {
        AsValue {
            is_something: |_| true,
        }
    }
}

/// What is cached of an `R`, by the codec `C`.
pub trait Shape<R, C>: Copy + Send + Sync {
    /// The type of what is cached.
    type Value: Cacheable<C>;

    /// Whether there is a result that says that there is no value.
    const CAN_FAIL: bool;

    /// What of a result is cached, or the result back where it is none to be shared, and why.
    fn split(self, result: R) -> Result<Self::Value, (R, BoxError)>;

    /// Whether there is something to keep.
    fn is_something(self, value: &Self::Value) -> bool;

    /// The result of a value.
    fn join(self, value: Self::Value) -> R;

    /// The result that says that there is no value and why; `None` if there is no such result.
    fn failed(self, error: Error) -> Option<R>;
}

/// Of a `Result`: its value.
#[derive(Debug)]
pub struct AsResult<T> {
    is_something: fn(&T) -> bool,
}

/// Of anything: itself.
#[derive(Debug)]
pub struct AsValue<T> {
    is_something: fn(&T) -> bool,
}

impl<T> Clone for AsResult<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for AsResult<T> {}

impl<T> Clone for AsValue<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for AsValue<T> {}

/// Weighs what is cached of a function's result `R`, by its option `weight`.
pub fn weigh<R, C, S, W>(value: &dyn Any, _: S, weigh: impl FnOnce(&S::Value) -> W) -> u32
where
    S: Shape<R, C>,
    W: TryInto<u32>,
{
    weight::weigh(value, weigh)
}

/// A function's result that may say that there is nothing.
#[diagnostic::on_unimplemented(
    message = "`ttl_none` is for functions that return an `Option`, by itself or in a `Result`",
    label = "the result is always something"
)]
pub trait MayBeNothing {}

impl<T> MayBeNothing for Returns<Option<T>> {}
impl<T, E> MayBeNothing for Returns<Result<Option<T>, E>> {}

/// Asks that a result may say that there is nothing.
pub fn may_be_nothing<R>(_: &Returns<R>)
where
    Returns<R>: MayBeNothing,
{
}

/// An error of a cached function, which can say that the cache failed, or that another caller's load
/// did.
#[diagnostic::on_unimplemented(
    message = "a cached function's error has to be made of a `cacheme::Error`, and `{Self}` can't",
    label = "can't say that another caller's load failed",
    note = "return an error type of your own that has `From<cacheme::Error>` and `Display`, or `anyhow::Error` or `Box<dyn Error + Send + Sync>`, which have both"
)]
pub trait Failure: Sized {
    /// The error for who waited.
    fn of(error: Error) -> Self;

    /// What it says, for who waits.
    fn text(&self) -> BoxError;
}

#[diagnostic::do_not_recommend]
impl<E: From<Error> + Display> Failure for E {
    fn of(error: Error) -> Self {
        error.into()
    }

    fn text(&self) -> BoxError {
        // With its sources where it shows them so.
        format!("{self:#}").into()
    }
}

impl<T: Cacheable<C>, E: Failure, C> Shape<Result<T, E>, C> for AsResult<T> {
    type Value = T;

    const CAN_FAIL: bool = true;

    fn split(self, result: Result<T, E>) -> Result<T, (Result<T, E>, BoxError)> {
        result.map_err(|error| {
            let text = error.text();
            (Err(error), text)
        })
    }

    fn is_something(self, value: &T) -> bool {
        (self.is_something)(value)
    }

    fn join(self, value: T) -> Result<T, E> {
        Ok(value)
    }

    fn failed(self, error: Error) -> Option<Result<T, E>> {
        Some(Err(E::of(error)))
    }
}

impl<R: Cacheable<C>, C> Shape<R, C> for AsValue<R> {
    type Value = R;

    const CAN_FAIL: bool = false;

    fn split(self, result: R) -> Result<R, (R, BoxError)> {
        Ok(result)
    }

    fn is_something(self, value: &R) -> bool {
        (self.is_something)(value)
    }

    fn join(self, value: R) -> R {
        value
    }

    fn failed(self, _error: Error) -> Option<R> {
        None
    }
}
