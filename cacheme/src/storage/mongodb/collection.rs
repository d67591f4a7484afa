//! The collection: whether it is ours, its index, and the sweep of what the server leaves.

use std::fmt;
use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};
use mongodb::options::IndexOptions;
use mongodb::results::CollectionType;
use mongodb::{Collection, IndexModel};

use super::failure::Failure;
use crate::error::BoxError;
use crate::storage::driver::sweep::BATCH;
use crate::storage::driver::table::Table;

/// The document that says who sweeps: no key is a string.
const LEASE: &str = "sweep";

/// How long a sweep of one batch may take before another process takes over.
const LEASED: Duration = Duration::from_secs(10);

/// What is expired for less long is left to the server, which has a look once a minute.
const GRACE: Duration = Duration::from_secs(120);

/// Looks that the collection is ours, and makes it and its index where they are missing.
pub(super) async fn prepare(
    collection: &Collection<Document>,
    table: &Table,
) -> Result<(), BoxError> {
    let name = collection.name();
    if exists(collection).await? {
        for direction in [1, -1] {
            check(collection, direction).await?;
        }
    } else if !table.create {
        return Err(format!(
            "there is no collection `{name}`, and `create` is off: create it as the storage's docs \
             say"
        )
        .into());
    }
    if table.create {
        index(collection).await?;
    }
    Ok(())
}

/// Whether there is a collection of this name, and no view.
async fn exists(collection: &Collection<Document>) -> Result<bool, BoxError> {
    let (name, namespace) = (collection.name(), collection.namespace());
    let database = collection.client().database(&namespace.db);
    let named = database.list_collections().filter(doc! { "name": name });
    let mut named = named.await.map_err(Failure::new)?;
    if !named.advance().await.map_err(Failure::new)? {
        return Ok(false);
    }
    let found = named.deserialize_current().map_err(Failure::new)?;
    if found.collection_type != CollectionType::Collection {
        return Err(other(
            name,
            format_args!("it is a {:?}", found.collection_type),
        ));
    }
    if found.options.capped == Some(true) {
        return Err(other(name, "it is capped, so that nothing can be removed"));
    }
    Ok(true)
}

/// Looks at the types of the first or the last document by `_id`. Those are sorted by type, so where
/// these two are of binary data all are.
async fn check(collection: &Collection<Document>, direction: i32) -> Result<(), BoxError> {
    let types = collection.aggregate([
        doc! { "$match": { "_id": { "$ne": LEASE } } },
        doc! { "$sort": { "_id": direction } },
        doc! { "$limit": 1 },
        doc! { "$project": {
            "_id": 0,
            "id": { "$type": "$_id" },
            "value": { "$type": "$value" },
            "expires": { "$type": "$expires" },
        } },
    ]);
    let mut types = types.await.map_err(Failure::new)?;
    if !types.advance().await.map_err(Failure::new)? {
        return Ok(());
    }
    let types = types.current();
    let of = |field| types.get_str(field).unwrap_or("missing");
    match (of("id"), of("value"), of("expires")) {
        ("binData", "binData", "date" | "missing") => Ok(()),
        (id, value, expires) => Err(other(
            collection.name(),
            format_args!(
                "in one of its documents the types of `_id`, `value` and `expires` are {id}, \
                 {value} and {expires} instead of binData, binData and date or missing"
            ),
        )),
    }
}

fn other(name: &str, difference: impl fmt::Display) -> BoxError {
    format!(
        "the collection `{name}` isn't cacheme's: {difference}; it was left as it is: give another \
         name by `collection`"
    )
    .into()
}

/// Makes the index by which the server, or else a sweep, finds what is expired.
async fn index(collection: &Collection<Document>) -> Result<(), BoxError> {
    let keys = || IndexModel::builder().keys(doc! { "expires": 1 });
    let at_expires = IndexOptions::builder().expire_after(Duration::ZERO).build();
    let made = collection.create_index(keys().options(at_expires).build());
    match made.await.map_err(Failure::new) {
        Ok(_) => Ok(()),
        Err(failure) if failure.is_refused_index() => {
            let plain = collection.create_index(keys().build());
            plain.await.map_err(Failure::new)?;
            Ok(())
        }
        Err(failure) if failure.is_other_index() => Err(other(
            collection.name(),
            format_args!("it has another index of `expires`: {failure}"),
        )),
        Err(failure) => Err(failure.into()),
    }
}

/// Removes up to [`BATCH`] documents that are expired for some time at `now`, unless another process
/// is at it, and says how many it found.
pub(super) async fn sweep(
    collection: &Collection<Document>,
    now: Duration,
) -> Result<u64, BoxError> {
    let over = doc! { "$lte": date(now.saturating_sub(GRACE)) };
    let found = collection
        .find(doc! { "expires": over.clone() })
        .projection(doc! { "_id": 1 })
        .limit(i64::try_from(BATCH)?);
    let mut found = found.await.map_err(Failure::new)?;
    let mut ids = Vec::new();
    while found.advance().await.map_err(Failure::new)? {
        if let Some(id) = found.current().get("_id")? {
            ids.push(Bson::try_from(id)?);
        }
    }
    let until = date(now + LEASED);
    if ids.is_empty() || !lease(collection, now, until).await? {
        return Ok(0);
    }
    let count = ids.len() as u64;
    let removed = collection.delete_many(doc! { "_id": { "$in": ids }, "expires": over });
    let removed = removed.await.map_err(Failure::new);
    // No other has the same end.
    let lease = collection.delete_one(doc! { "_id": LEASE, "expires": until });
    lease.await.map_err(Failure::new)?;
    removed?;
    Ok(count)
}

/// Takes the lease until then, unless another has it.
async fn lease(
    collection: &Collection<Document>,
    now: Duration,
    until: DateTime,
) -> Result<bool, BoxError> {
    let free = doc! { "_id": LEASE, "expires": { "$lte": date(now) } };
    let taken = collection
        .update_one(free, doc! { "$set": { "expires": until } })
        .upsert(true);
    match taken.await {
        Ok(_) => Ok(true),
        // It isn't free, so a second one was to be inserted.
        Err(error) if is_duplicate(&error) => Ok(false),
        Err(error) => Err(Failure::new(error).into()),
    }
}

fn is_duplicate(error: &MongoError) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == 11000,
        ErrorKind::Command(error) => error.code == 11000,
        _ => false,
    }
}

fn date(time: Duration) -> DateTime {
    DateTime::from_millis(i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}
