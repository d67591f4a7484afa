//! Invalidations by a change stream of a collection of their own, for which the server is one of a replica set.
//!
//! A text replaces one of a few documents, of which the stream tells each time. So the collection doesn't grow.

use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use mongodb::bson::{Document, doc};
use mongodb::options::{CollectionOptions, WriteConcern};
use mongodb::{Collection, Cursor};

use super::Core;
use super::failure::Failure;
use crate::bus::{Bus, BusFuture, Listening};
use crate::error::BoxError;

/// The bus of a storage's servers.
pub(super) struct MongodbBus {
    pub(super) core: Arc<Core>,
}

/// What is told of the collection: a change stream's cursor waits for more by itself. The driver's own stream would go on by itself with a server that is back, and
/// nobody would hear that there was a gap.
struct Listener(Cursor<Document>);

/// So many documents are replaced in turn, so that simultaneous texts seldom wait for each other.
const PLACES: u64 = 64;

impl MongodbBus {
    fn collection(core: &Core) -> Collection<Document> {
        let name = format!("{}_bus", core.collection.name());
        // What others have heard isn't undone by a failover, whatever the URL says of entries.
        let concern = CollectionOptions::builder()
            .write_concern(WriteConcern::majority())
            .build();
        core.database().collection_with_options(&name, concern)
    }

    async fn send(core: Arc<Core>, channel: String, text: String) -> Result<(), BoxError> {
        let random = RandomState::new().build_hasher().finish();
        let id = format!("{channel}/{}", random % PLACES);
        // A document that is replaced by the same one isn't told of.
        let number = random.cast_signed();
        let told = doc! { "_id": &id, "channel": channel, "text": text, "number": number };
        let collection = Self::collection(&core);
        let send = async || {
            let replaced = collection.replace_one(doc! { "_id": &id }, &told);
            replaced.upsert(true).await.map_err(Failure::new)
        };
        match send().await {
            // Another one put the document in at the same time.
            Err(failure) if failure.met_another() => send().await?,
            sent => sent?,
        };
        Ok(())
    }
}

impl Bus for MongodbBus {
    fn publish<'a>(&'a self, channel: &'a str, text: &'a str) -> BusFuture<'a, ()> {
        Box::pin(async move {
            let core = Arc::clone(&self.core);
            let send = Self::send(core, channel.to_owned(), text.to_owned());
            // Nobody who writes an entry waits for it.
            self.core.courses.read(send).await
        })
    }

    fn listen<'a>(&'a self, channel: &'a str) -> BusFuture<'a, Box<dyn Listening>> {
        Box::pin(async move {
            let collection = Self::collection(&self.core);
            let watch = doc! {
                "aggregate": collection.name(),
                "pipeline": [
                    { "$changeStream": {} },
                    { "$match": { "fullDocument.channel": channel } },
                ],
                "cursor": {},
                "readConcern": { "level": "majority" },
            };
            let database = self.core.database();
            let watching = database.run_cursor_command(watch).await;
            let listening: Box<dyn Listening> = Box::new(Listener(watching.map_err(Failure::new)?));
            Ok(listening)
        })
    }
}

impl Listening for Listener {
    fn next(&mut self) -> BusFuture<'_, String> {
        Box::pin(async {
            let event = poll_fn(|cx| Pin::new(&mut self.0).poll_next(cx)).await;
            let event = event.ok_or("the collection's changes aren't told any more")?;
            let event = event.map_err(Failure::new)?;
            Ok(event
                .get_document("fullDocument")?
                .get_str("text")?
                .to_owned())
        })
    }
}

impl fmt::Debug for MongodbBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let collection = Self::collection(&self.core).namespace().to_string();
        f.debug_tuple("MongodbBus").field(&collection).finish()
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
