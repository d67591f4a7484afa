//! What several processes did to the same values, and whether that is as if they had done it one after the other.
//!
//! The source counts the versions of each value. Something that ends what was there before, an invalidation or a `put`,
//! says which version the source had when it began. A read that begins when it is over may not give an older one.

use std::fmt;
use std::str::FromStr;

/// Something that one of the processes did, by the system's time in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// What was done.
    pub kind: Kind,
    /// To which value.
    pub key: u64,
    /// When it began.
    pub from: u64,
    /// When it was over.
    pub to: u64,
    /// The version that it gave, or that the source had when it began.
    pub version: u64,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value was read.
    Read,
    /// What was there before was ended.
    End,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Read => "read",
            Kind::End => "end",
        };
        let (from, to) = (self.from, self.to);
        write!(f, "{kind} {} {from} {to} {}", self.key, self.version)
    }
}

impl FromStr for Event {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let unknown = || format!("`{line}` is no event");
        let (kind, rest) = line.split_once(' ').ok_or_else(unknown)?;
        let kind = match kind {
            "read" => Kind::Read,
            "end" => Kind::End,
            _ => return Err(unknown()),
        };
        let numbers = rest.split(' ').map(u64::from_str);
        let numbers = numbers.collect::<Result<Vec<_>, _>>();
        let numbers = numbers.map_err(|_| unknown())?;
        let &[key, from, to, version] = numbers.as_slice() else {
            return Err(unknown());
        };
        Ok(Self {
            kind,
            key,
            from,
            to,
            version,
        })
    }
}

/// The reads that gave something older than what was ended before they began, each with what ended it.
pub fn violations(events: &[Event]) -> Vec<(Event, Event)> {
    let mut sorted: Vec<_> = events.to_vec();
    // An end counts from when it was over, a read from when it began.
    sorted.sort_by_key(|event| match event.kind {
        Kind::Read => (event.from, 0),
        Kind::End => (event.to, 1),
    });
    let mut ended = std::collections::HashMap::<u64, Event>::new();
    let mut violations = Vec::new();
    for event in sorted {
        let last = ended.get(&event.key).copied();
        match event.kind {
            Kind::End if last.is_none_or(|last| last.version < event.version) => {
                ended.insert(event.key, event);
            }
            Kind::End => {}
            Kind::Read => violations.extend(
                last.filter(|last| event.version < last.version)
                    .map(|last| (event, last)),
            ),
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: Kind, from: u64, to: u64, version: u64) -> Event {
        Event {
            kind,
            key: 1,
            from,
            to,
            version,
        }
    }

    #[test]
    fn a_read_that_begins_later_is_no_older() {
        let end = event(Kind::End, 10, 20, 2);
        let during = event(Kind::Read, 15, 30, 1);
        let new = event(Kind::Read, 21, 30, 2);
        let old = event(Kind::Read, 22, 23, 1);
        let other = Event { key: 2, ..old };
        assert_eq!(violations(&[old, new, during, other, end]), [(old, end)]);
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let end = event(Kind::End, 10, 20, 2);
        assert_eq!(end.to_string().parse(), Ok(end));
        assert!("read 1 2 3".parse::<Event>().is_err());
    }
}
