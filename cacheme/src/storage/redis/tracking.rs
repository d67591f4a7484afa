//! What others change of the keys in a server: it tells of that where a connection tracks them, which Redis calls
//! client-side caching, in its broadcasting mode.
//!
//! The connection for commands tracks, and has what it is told sent to the one that listens. It isn't told of what it did
//! itself, so a process hears of what others do to a key and not of its own writes.

use fred::types::Value;

use crate::bus::Message;
use crate::key::Digest;
use crate::storage::url::BadUrl;

/// Where a connection hears what is tracked for it.
pub(super) const CHANNEL: &str = "__redis__:invalidate";

/// How the keys begin that are tracked.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracking {
    prefixes: Vec<String>,
}

impl Tracking {
    /// Reads what stands in a URL, such as `user:*`.
    pub(super) fn read(patterns: &[String]) -> Result<Self, BadUrl> {
        let mut tracking = Self::default();
        for pattern in patterns {
            let prefix = pattern.strip_suffix('*').ok_or_else(|| {
                let problem = format!(
                    "`tracking={pattern}` doesn't end with `*`: write `tracking={pattern}*` for the keys \
                     that begin so, or `tracking=*` for all"
                );
                BadUrl::new(problem)
            })?;
            tracking.add(prefix.to_owned());
        }
        Ok(tracking)
    }

    /// Tracks the keys that begin so, too. A server refuses two prefixes of which one is the other's.
    pub(super) fn add(&mut self, prefix: String) {
        if self.prefixes.iter().any(|other| prefix.starts_with(other)) {
            return;
        }
        self.prefixes.retain(|other| !other.starts_with(&prefix));
        self.prefixes.push(prefix);
    }

    pub(super) fn is_on(&self) -> bool {
        !self.prefixes.is_empty()
    }

    /// The arguments of `CLIENT` that have what is tracked sent to the connection of this id.
    pub(super) fn arguments(&self, listener: i64) -> Vec<Value> {
        let mut arguments: Vec<Value> = ["TRACKING", "ON", "REDIRECT"].map(Value::from).into();
        arguments.push(listener.into());
        for prefix in &self.prefixes {
            arguments.extend(["PREFIX", prefix].map(Value::from));
        }
        arguments.extend(["BCAST", "NOLOOP"].map(Value::from));
        arguments
    }
}

/// What a server says on the [channel](CHANNEL).
pub(super) fn heard(value: &Value) -> Message {
    match value {
        Value::Array(keys) => {
            let keys = keys.iter().filter_map(Value::as_bytes);
            Message::Changed(keys.map(Digest::told).collect())
        }
        // The whole database was emptied.
        _ => Message::Everything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_prefixes_are_one() {
        let patterns = ["user:*", "order:*", "user:1*", "us*"].map(str::to_owned);
        let tracking = Tracking::read(&patterns).expect("they end with a star");
        assert_eq!(tracking.prefixes, ["order:", "us"]);
        let all = Tracking::read(&["a*", "*", "b*"].map(str::to_owned)).expect("as before");
        assert_eq!(all.prefixes, [""]);
        let refused = Tracking::read(&["user:".to_owned()]).expect_err("there is no star");
        assert!(refused.to_string().contains("write `tracking=user:*`"));
    }

    #[test]
    fn an_emptied_database_is_everything() {
        assert_eq!(heard(&Value::Null), Message::Everything);
        let keys = Value::Array(vec!["one".into(), "two".into()]);
        let both = Message::Changed([&b"one"[..], b"two"].map(Digest::told).to_vec());
        assert_eq!(heard(&keys), both);
    }
}
