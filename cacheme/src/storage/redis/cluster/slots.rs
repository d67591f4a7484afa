//! Which node of a cluster has which slots, by the word of one of them.

use std::collections::HashSet;

use fred::types::Value;

use crate::error::BoxError;
use crate::storage::redis::address::{Address, Endpoint};

/// Slots one after another that have the same master.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u16,
    pub(super) last: u16,
    pub(super) master: Address,
}

/// The answer to `CLUSTER SLOTS`.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    /// By their first slots; some slots may be in none.
    pub(super) ranges: Vec<Range>,
    pub(super) replicas: HashSet<Address>,
}

impl Slots {
    /// Reads the answer that the node at `asked` gave.
    pub(super) fn read(answer: Value, asked: &Endpoint) -> Result<Self, BoxError> {
        let mut slots = Self::default();
        for range in answer.into_array() {
            let mut parts = range.into_array().into_iter();
            let (Some(first), Some(last)) = (parts.next(), parts.next()) else {
                return Err(format!("{asked}: it gives slots in a way that isn't known").into());
            };
            let (first, last) = (first.convert()?, last.convert()?);
            let mut nodes = parts.map(|node| Self::node(node, asked));
            let Some(master) = nodes.next().transpose()? else {
                continue;
            };
            for replica in nodes {
                slots.replicas.insert(replica?);
            }
            slots.ranges.push(Range {
                first,
                last,
                master,
            });
        }
        if slots.ranges.is_empty() {
            return Err(format!("{asked}: no node of the cluster has slots").into());
        }
        slots.ranges.sort_by_key(|range| range.first);
        Ok(slots)
    }

    fn node(node: Value, asked: &Endpoint) -> Result<Address, BoxError> {
        let mut parts = node.into_array().into_iter();
        let (host, port) = (parts.next(), parts.next().unwrap_or(Value::Null));
        // A node that doesn't know its own name leaves it out.
        let host = host.and_then(Value::into_string).unwrap_or_default();
        Ok(Address::told(&host, port.convert()?, asked))
    }
}

/// Where a node sends a command instead of doing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    pub(super) to: Address,
    /// Only this command: the key's slot is on its way there.
    pub(super) asking: bool,
}

impl Redirection {
    /// Reads `MOVED slot host:port` or `ASK slot host:port`.
    pub(super) fn read(error: &str, asked: &Endpoint) -> Option<Self> {
        let mut words = error.split(' ');
        let asking = match words.next()? {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let (host, port) = words.nth(1)?.rsplit_once(':')?;
        let to = Address::told(host, port.parse().ok()?, asked);
        Some(Self { to, asking })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Endpoint {
        Endpoint::Tcp(Address::new("asked", 1))
    }

    fn node(host: Value, port: i64) -> Value {
        Value::Array(vec![host, port.into(), "id".into(), Value::Array(vec![])])
    }

    #[test]
    fn reads_slots() {
        let range = |first: i64, last: i64, nodes: Vec<Value>| {
            Value::Array([vec![first.into(), last.into()], nodes].concat())
        };
        let answer = Value::Array(vec![
            range(10, 20, vec![node("b".into(), 2), node("c".into(), 3)]),
            range(0, 9, vec![node(Value::Null, 1), node("?".into(), 4)]),
        ]);
        let slots = Slots::read(answer, &asked()).expect("it is right");
        let range = |first, last, host, port| Range {
            first,
            last,
            master: Address::new(host, port),
        };
        assert_eq!(
            slots.ranges,
            [range(0, 9, "asked", 1), range(10, 20, "b", 2)]
        );
        let replicas = [Address::new("c", 3), Address::new("asked", 4)];
        assert_eq!(slots.replicas, HashSet::from(replicas));
        assert!(Slots::read(Value::Array(vec![]), &asked()).is_err());
        assert!(Slots::read(Value::Array(vec!["x".into()]), &asked()).is_err());
    }

    #[test]
    fn reads_redirections() {
        let read = |error| Redirection::read(error, &asked());
        let to = |host, port, asking| {
            let to = Address::new(host, port);
            Some(Redirection { to, asking })
        };
        assert_eq!(
            read("MOVED 3999 127.0.0.1:6381"),
            to("127.0.0.1", 6381, false)
        );
        assert_eq!(read("ASK 3999 ::1:6381"), to("::1", 6381, true));
        assert_eq!(read("MOVED 3999 :6381"), to("asked", 6381, false));
        assert_eq!(read("MOVED 3999"), None);
        assert_eq!(read("ERR MOVED 3999 127.0.0.1:6381"), None);
    }
}
