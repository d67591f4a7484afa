//! The one error of the crate.
//!
//! An error is shared by everyone who waited for the same flight, so it is cheap to clone: one
//! pointer, its source behind it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::bulkhead::MaxLoads;

/// What a loader, a codec or a storage may fail with: any error, by `?`.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A result with cacheme's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, of which node and at which storage.
///
/// One pointer wide; clones share the [source](std::error::Error::source), which is the loader's
/// own error where the [kind](Error::kind) is [`Load`](ErrorKind::Load). `{error}` shows the message
/// alone, `{error:#}` with its sources:
///
/// ```
/// # fn show(error: cacheme::Error) {
/// if error.is_load() {
///     eprintln!("{error:#}"); // loading `UserInfo` failed: no such user
/// }
/// # }
/// ```
#[derive(Clone)]
pub struct Error(Arc<Report>);

struct Report {
    kind: ErrorKind,
    node: Option<Arc<str>>,
    storage: Option<Arc<str>>,
    message: Cow<'static, str>,
    source: Option<BoxError>,
}

/// The kinds of [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The set-up is wrong: a URL, an option, a storage that isn't registered.
    Config,
    /// A node's key can't be written.
    Key,
    /// The loader returned an error, which is the source, or left a value out.
    Load,
    /// The loader panicked.
    Panic,
    /// The loader didn't end within its deadline.
    Timeout,
    /// The task that loaded is gone: its tokio runtime was shut down, or has no timer.
    Lost,
    /// As many loads of the node run and wait as its `max_loads` allows.
    Overloaded,
    /// A storage failed.
    Storage,
    /// The bus failed.
    Bus,
    /// The load context has no state of the type asked for.
    State,
}

impl Error {
    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of the node that it speaks of.
    pub fn node(&self) -> Option<&str> {
        self.0.node.as_deref()
    }

    /// The name of the storage that it speaks of.
    pub fn storage(&self) -> Option<&str> {
        self.0.storage.as_deref()
    }

    /// Whether the loader returned an error or left the value out.
    pub fn is_load(&self) -> bool {
        self.kind() == ErrorKind::Load
    }

    /// Whether the loader panicked.
    pub fn is_panic(&self) -> bool {
        self.kind() == ErrorKind::Panic
    }

    /// Whether the loader exceeded its deadline.
    pub fn is_timeout(&self) -> bool {
        self.kind() == ErrorKind::Timeout
    }

    /// Whether the load was refused, since as many run and wait as `max_loads` allows.
    pub fn is_overloaded(&self) -> bool {
        self.kind() == ErrorKind::Overloaded
    }

    /// Whether the set-up is wrong.
    pub fn is_config(&self) -> bool {
        self.kind() == ErrorKind::Config
    }

    /// Whether a storage failed.
    pub fn is_storage(&self) -> bool {
        self.kind() == ErrorKind::Storage
    }

    fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Report {
            kind,
            node: None,
            storage: None,
            message: message.into(),
            source: None,
        }))
    }

    /// Changes an error that nobody else holds yet.
    fn with(mut self, change: impl FnOnce(&mut Report)) -> Self {
        if let Some(report) = Arc::get_mut(&mut self.0) {
            change(report);
        }
        self
    }

    fn of_node(self, node: &str) -> Self {
        self.with(|report| report.node = Some(node.into()))
    }

    fn at_storage(self, storage: &str) -> Self {
        self.with(|report| report.storage = Some(storage.into()))
    }

    fn caused_by(self, source: BoxError) -> Self {
        self.with(|report| report.source = Some(source))
    }

    pub(crate) fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    pub(crate) fn node_config(node: &str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::config(message).of_node(node)
    }

    pub(crate) fn key(node: &str, failure: impl Into<BoxError>) -> Self {
        Self::new(
            ErrorKind::Key,
            format!("no key can be written for `{node}`"),
        )
        .of_node(node)
        .caused_by(failure.into())
    }

    pub(crate) fn load(node: &str, source: BoxError) -> Self {
        Self::new(ErrorKind::Load, format!("loading `{node}` failed"))
            .of_node(node)
            .caused_by(source)
    }

    pub(crate) fn left_out(node: &str) -> Self {
        let message = format!("`load_all` of `{node}` returned nothing for a node it was given");
        Self::new(ErrorKind::Load, message).of_node(node)
    }

    pub(crate) fn panic(node: &str, message: &str) -> Self {
        let message = format!("loading `{node}` panicked: {message}");
        Self::new(ErrorKind::Panic, message).of_node(node)
    }

    pub(crate) fn timeout(node: &str, deadline: Duration) -> Self {
        let message = format!("loading `{node}` took longer than its deadline of {deadline:?}");
        Self::new(ErrorKind::Timeout, message).of_node(node)
    }

    pub(crate) fn overloaded(node: &str, bound: MaxLoads) -> Self {
        let (at_once, queue) = (bound.at_once(), bound.queue());
        let message = format!(
            "`{node}` is overloaded: {at_once} of its loads run and {queue} wait, which is what its \
             `max_loads` allows"
        );
        Self::new(ErrorKind::Overloaded, message).of_node(node)
    }

    pub(crate) fn lost(node: &str) -> Self {
        let message = format!(
            "the task that loaded `{node}` is gone: its tokio runtime was shut down, or has no \
             timer (`enable_time`)"
        );
        Self::new(ErrorKind::Lost, message).of_node(node)
    }

    pub(crate) fn storage_failed(storage: &str, doing: &str, source: BoxError) -> Self {
        Self::new(
            ErrorKind::Storage,
            format!("storage \"{storage}\" could not {doing}"),
        )
        .at_storage(storage)
        .caused_by(source)
    }

    pub(crate) fn bus(doing: &str, source: BoxError) -> Self {
        Self::new(ErrorKind::Bus, format!("the bus could not {doing}")).caused_by(source)
    }

    pub(crate) fn second_state<T>() -> Self {
        let name = std::any::type_name::<T>();
        Self::config(format!("a state of type `{name}` is set already"))
    }

    pub(crate) fn state<T>() -> Self {
        let name = std::any::type_name::<T>();
        Self::new(
            ErrorKind::State,
            format!(
                "no state of type `{name}` is set: give it to the builder's `state` or to `set_state`"
            ),
        )
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.source {
            Some(source) if f.alternate() => write!(f, ": {source:#}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Error");
        debug.field("kind", &self.0.kind);
        debug.field("message", &self.0.message);
        if let Some(source) = &self.0.source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    }

    #[test]
    fn messages_are_lower_case_without_full_stop_and_without_their_source() {
        let source = || BoxError::from("the source");
        let errors = [
            Error::key("Node", source()),
            Error::load("Node", source()),
            Error::left_out("Node"),
            Error::panic("Node", "oh"),
            Error::timeout("Node", Duration::from_secs(1)),
            Error::lost("Node"),
            Error::overloaded("Node", MaxLoads::new(1)),
            Error::storage_failed("hot", "read", source()),
            Error::bus("carry", source()),
            Error::state::<u8>(),
        ];
        for error in errors {
            let message = error.to_string();
            assert!(!message.starts_with(char::is_uppercase), "{message}");
            assert!(!message.ends_with('.'), "{message}");
            assert!(!message.contains("the source"), "{message}");
        }
    }

    #[test]
    fn clones_share_the_source() {
        let error = Error::load("Node", "gone".into());
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("gone"));
        assert_eq!(format!("{error:#}"), "loading `Node` failed: gone");
        assert!(error.clone().is_load());
    }
}
