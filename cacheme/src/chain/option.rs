//! What a node's options say, checked where a runtime first sees it.

use std::time::Duration;

use crate::doorkeeper::Door;
use crate::error::{Error, Result};
use crate::jitter::Jitter;
use crate::meta::Meta;
use crate::renewal::Renewal;

/// What the option `ttl_jitter` says.
pub(super) fn jitter(meta: &Meta) -> Result<Option<Jitter>> {
    let jitter = meta.ttl_jitter().map(|most| {
        Jitter::new(most).ok_or_else(|| {
            let node = meta.name();
            let message =
                format!("`ttl_jitter` of `{node}` is {most}: it is above 0 and at most 1");
            Error::node_config(node, message)
        })
    });
    jitter.transpose()
}

/// What the options `refresh_at` and `xfetch` say.
pub(super) fn renewal(meta: &Meta) -> Result<Option<Renewal>> {
    let node = meta.name();
    let (renewal, problem) = match (meta.refresh_at(), meta.xfetch()) {
        (None, None) => return Ok(None),
        (Some(part), None) => (
            Renewal::at(part),
            format!("`refresh_at` of `{node}` is {part}: it is above 0 and below 1"),
        ),
        (None, Some(beta)) => (
            Renewal::xfetch(beta),
            format!("`xfetch` of `{node}` is {beta}: it is above 0, and 1 if in doubt"),
        ),
        (Some(_), Some(_)) => (
            None,
            format!(
                "`{node}` has `refresh_at` and `xfetch`, which are two ways to say when values are renewed: leave \
                 out one of them"
            ),
        ),
    };
    let renewal = renewal.ok_or_else(|| Error::node_config(node, problem))?;
    Ok(Some(renewal))
}

/// What the option `doorkeeper` says.
pub(super) fn door(meta: &Meta) -> Result<Option<Door>> {
    let door = meta.doorkeeper().map(|settings| {
        Door::new(settings).map_err(|problem| {
            let node = meta.name();
            Error::node_config(node, format!("the `doorkeeper` of `{node}` {problem}"))
        })
    });
    door.transpose()
}

/// Checks the options that are about how long is waited.
pub(super) fn timeouts(meta: &Meta) -> Result<()> {
    if meta.soft_timeout().is_some() && meta.stale().is_none() {
        let node = meta.name();
        let message = format!(
            "`soft_timeout` of `{node}` is how long to wait where there is an old value: say how long it is \
             kept by `stale`"
        );
        return Err(Error::node_config(node, message));
    }
    if meta.hard_timeout() == Some(Duration::ZERO) {
        let node = meta.name();
        let message =
            format!("the `hard_timeout` of `{node}` is zero, so no load would be in time");
        return Err(Error::node_config(node, message));
    }
    Ok(())
}

/// Checks the option `lease`.
pub(super) fn lease(meta: &Meta) -> Result<()> {
    /// Much less than it takes to ask a server.
    const LEAST: Duration = Duration::from_millis(10);
    if meta.lease().is_some_and(|lease| lease < LEAST) {
        let node = meta.name();
        let message = format!(
            "the `lease` of `{node}` is less than {LEAST:?}, so it would end before it is taken"
        );
        return Err(Error::node_config(node, message));
    }
    Ok(())
}
