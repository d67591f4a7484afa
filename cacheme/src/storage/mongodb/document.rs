//! Entries as documents: `{ _id: BinData(key), value: BinData, expires: Date or absent }`.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use mongodb::bson::error::Error as BsonError;
use mongodb::bson::raw::{RawArrayBuf, RawBinaryRef, RawBsonRef, RawDocument, RawDocumentBuf};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, cstr, doc, rawdoc};
use mongodb::raw_batch_cursor::RawBatch;

use crate::error::BoxError;
use crate::key::Key;
use crate::storage::driver::batch::{ByKey, Limit, bounded};
use crate::storage::{Entry, Swap};

/// What a command may write: the server's limits. In bytes it takes some more for the command.
pub(super) const UPDATES: Limit = Limit {
    entries: 100_000,
    bytes: DOCUMENT,
};

/// What a command may ask for or remove. A server would take more keys, and be busy for long: some
/// compare what they find with every key of the list.
pub(super) const KEYS: Limit = Limit {
    entries: 1000,
    bytes: DOCUMENT,
};

/// The most bytes of a document.
pub(super) const DOCUMENT: usize = 16 << 20;

/// What a document has beside key and value: its own length and end, and name, type, length and
/// subtype of its fields.
const FRAME: usize = 44;

/// More than an update has beside its document and another key, and more than a key of a list.
const AROUND: usize = 64;

/// The length of an entry's document at most.
pub(super) fn length(entry: &Entry) -> usize {
    FRAME + bounded(entry.key()).len() + entry.value().len()
}

/// The room that an entry takes in a command.
pub(super) fn room(entry: &Entry) -> usize {
    length(entry) + bounded(entry.key()).len() + AROUND
}

/// The room that a key takes in a command.
pub(super) fn key_room(key: &Key) -> usize {
    bounded(key).len() + AROUND
}

/// When an entry written `now` expires, no later than in a century: a `Date` has its end.
fn expires(now: Duration, ttl: Duration) -> DateTime {
    const MOST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);
    let micros = (now + ttl.min(MOST)).as_micros();
    DateTime::from_millis(i64::try_from(micros.div_ceil(1000)).unwrap_or(i64::MAX))
}

fn is_over(expires: DateTime, now: Duration) -> bool {
    let millis = u64::try_from(expires.timestamp_millis()).unwrap_or(0);
    Duration::from_millis(millis) <= now
}

/// The filter that finds keys.
pub(super) fn filter(keys: &[Key]) -> Document {
    let id = |key: &Key| {
        Bson::Binary(Binary {
            subtype: BinarySubtype::Generic,
            bytes: bounded(key).into_owned().into_bytes(),
        })
    };
    match keys {
        // A server finds one by a shorter way.
        [key] => doc! { "_id": id(key) },
        keys => doc! { "_id": { "$in": keys.iter().map(id).collect::<Vec<_>>() } },
    }
}

/// The command that writes entries, each over what is there.
pub(super) fn update(
    collection: &str,
    entries: &[Entry],
    now: Duration,
    concern: Option<&RawDocumentBuf>,
) -> RawDocumentBuf {
    let update = |entry| rawdoc! { "q": query(entry), "u": document(entry, now), "upsert": true };
    updates(collection, entries.iter().map(update), concern)
}

/// The command that writes an entry where that of its key is as expected.
pub(super) fn swap(
    collection: &str,
    swap: &Swap,
    now: Duration,
    concern: Option<&RawDocumentBuf>,
) -> RawDocumentBuf {
    let (mut query, time) = (query(swap.entry()), time(now));
    let over = rawdoc! { "$lte": time };
    match swap.expected() {
        // One that lives isn't found, and has the key of what is then to be put in.
        None => query.append(cstr!("expires"), over),
        Some(expected) => {
            query.append(cstr!("value"), binary(expected));
            query.append(cstr!("expires"), rawdoc! { "$not": over });
        }
    }
    let document = document(swap.entry(), now);
    let update = rawdoc! { "q": query, "u": document, "upsert": swap.expected().is_none() };
    updates(collection, [update], concern)
}

fn updates(
    collection: &str,
    updates: impl IntoIterator<Item = RawDocumentBuf>,
    concern: Option<&RawDocumentBuf>,
) -> RawDocumentBuf {
    let mut list = RawArrayBuf::new();
    updates.into_iter().for_each(|update| list.push(update));
    let mut command = rawdoc! { "update": collection, "updates": list, "ordered": false };
    if let Some(concern) = concern {
        command.append(cstr!("writeConcern"), concern.clone());
    }
    command
}

/// An entry without its key.
fn document(entry: &Entry, now: Duration) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("value"), binary(entry.value()));
    if let Some(ttl) = entry.ttl() {
        document.append(cstr!("expires"), expires(now, ttl));
    }
    document
}

/// What finds the document of an entry's key.
fn query(entry: &Entry) -> RawDocumentBuf {
    let mut query = RawDocumentBuf::new();
    query.append(cstr!("_id"), binary(bounded(entry.key()).as_bytes()));
    query
}

/// A time that isn't later.
fn time(now: Duration) -> DateTime {
    DateTime::from_millis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

fn binary(bytes: &[u8]) -> RawBinaryRef<'_> {
    RawBinaryRef {
        subtype: BinarySubtype::Generic,
        bytes,
    }
}

/// A reply with documents, as the bytes that it is.
struct Reply(RawBatch);

impl AsRef<[u8]> for Reply {
    fn as_ref(&self) -> &[u8] {
        self.0.as_raw_document().as_bytes()
    }
}

/// Takes the values that aren't expired `now` out of a reply, by key.
pub(super) fn take(
    reply: RawBatch,
    now: Duration,
    found: &mut ByKey<Vec<u8>, Bytes>,
) -> Result<(), BsonError> {
    let reply = Bytes::from_owner(Reply(reply));
    let cursor = RawDocument::from_bytes(&reply)?.get_document("cursor")?;
    let documents = match cursor.get("firstBatch")?.and_then(RawBsonRef::as_array) {
        Some(first) => first,
        None => cursor.get_array("nextBatch")?,
    };
    for document in documents {
        let Some(document) = document?.as_document() else {
            continue;
        };
        let expires = document.get("expires")?.and_then(RawBsonRef::as_datetime);
        if expires.is_some_and(|expires| is_over(expires, now)) {
            continue;
        }
        let value = document.get_binary("value")?.bytes;
        // One that is most of its reply isn't copied. Others don't keep a reply in memory.
        let value = if value.len() > reply.len() / 2 {
            reply.slice_ref(value)
        } else {
            Bytes::copy_from_slice(value)
        };
        found.insert(document.get_binary("_id")?.bytes.to_vec(), value);
    }
    Ok(())
}

/// `DuplicateKey`.
pub(super) const DUPLICATE: i32 = 11_000;

/// An update of a command that failed.
#[derive(Debug)]
pub(super) struct Rejected {
    /// Its place in the command.
    pub(super) index: usize,
    code: i64,
    message: String,
}

impl Rejected {
    /// Whether two writes of a new key met: the one that came second can be done again.
    pub(super) fn met_another(&self) -> bool {
        self.code == i64::from(DUPLICATE)
    }
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (code {})", self.message, self.code)
    }
}

/// What failed, by the reply to an update.
///
/// # Errors
///
/// When the writes were done, but not in the way that was asked for: on a majority of servers, say.
pub(super) fn rejected(reply: &Document) -> Result<Vec<Rejected>, BoxError> {
    if let Ok(error) = reply.get_document("writeConcernError") {
        let message = error.get_str("errmsg").unwrap_or("write concern failed");
        return Err(message.into());
    }
    let Ok(errors) = reply.get_array("writeErrors") else {
        return Ok(Vec::new());
    };
    let errors = errors.iter().filter_map(Bson::as_document);
    let rejected = errors.map(|error| Rejected {
        index: usize::try_from(number(error, "index")).unwrap_or(usize::MAX),
        code: number(error, "code"),
        message: error.get_str("errmsg").unwrap_or_default().to_owned(),
    });
    Ok(rejected.collect())
}

/// A number in a reply; -1 where there is none.
pub(super) fn number(document: &Document, name: &str) -> i64 {
    match document.get(name) {
        Some(Bson::Int32(number)) => (*number).into(),
        Some(Bson::Int64(number)) => *number,
        _ => -1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_that_of_the_document() {
        let entry = Entry::new(Key::new("key"), "value").with_ttl(Duration::from_secs(1));
        let mut document = rawdoc! { "expires": DateTime::from_millis(0) };
        document.append(cstr!("_id"), binary(b"key"));
        document.append(cstr!("value"), binary(b"value"));
        assert_eq!(length(&entry), document.as_bytes().len());
    }

    #[test]
    fn a_command_of_the_largest_document_fits_into_a_message() {
        let key = Key::new("k".repeat(1024));
        let value = vec![0; DOCUMENT - FRAME - 1024];
        let entry = Entry::new(key, value).with_ttl(Duration::from_secs(1));
        assert_eq!(length(&entry), DOCUMENT);
        let command = update("cache", std::slice::from_ref(&entry), Duration::ZERO, None);
        let bytes = command.as_bytes().len();
        assert!(bytes <= DOCUMENT + (8 << 10), "{bytes}");
        assert!(bytes <= room(&entry) + 64, "{bytes}");
    }

    #[test]
    fn an_entry_expires_no_earlier_than_its_ttl_ends() {
        let now = Duration::from_micros(1_000_500);
        let end = expires(now, Duration::from_millis(2));
        assert_eq!(end.timestamp_millis(), 1003);
        assert!(!is_over(end, Duration::from_micros(1_002_999)));
        assert!(is_over(end, Duration::from_millis(1003)));
        assert!(is_over(DateTime::from_millis(-5), Duration::ZERO));
        assert!(expires(now, Duration::MAX).timestamp_millis() > 0);
    }

    #[test]
    fn what_failed_is_named_by_its_place_and_two_that_met_are_told_apart() {
        let errors = [
            doc! { "index": 1, "code": 11000, "errmsg": "E11000 duplicate key" },
            doc! { "index": 4_i64, "code": 121_i64, "errmsg": "failed validation" },
        ];
        let reply = doc! { "n": 3, "ok": 1.0, "writeErrors": errors.to_vec() };
        let rejected = rejected(&reply).expect("the writes were done as asked for");
        let places = rejected
            .iter()
            .map(|rejected| (rejected.index, rejected.met_another()));
        assert!(places.eq([(1, true), (4, false)]), "{rejected:?}");
        assert_eq!(rejected[1].to_string(), "failed validation (code 121)");
    }

    #[test]
    fn a_write_that_is_not_as_safe_as_asked_for_is_an_error() {
        let error = doc! { "code": 64, "errmsg": "waiting for replication timed out" };
        let refused = rejected(&doc! { "n": 1, "ok": 1.0, "writeConcernError": error });
        let error = refused.expect_err("it isn't on a majority");
        assert_eq!(error.to_string(), "waiting for replication timed out");
        assert!(rejected(&doc! { "n": 1, "ok": 1.0 }).is_ok_and(|rejected| rejected.is_empty()));
    }
}
