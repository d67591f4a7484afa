//! An answer that never comes: each command gets that to the next one, for ever.

use std::sync::Arc;
use std::time::Duration;

use cacheme::storage::RedisStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::proxy::{Flow, Proxy};
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use tokio::task::JoinSet;

use super::PATIENCE;

/// How many use the connection at once: to one alone it would be silent.
const TASKS: usize = 16;

/// Whether what is put is got, by all.
async fn works(storage: &Arc<RedisStorage>) -> bool {
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let storage = Arc::clone(storage);
        tasks.spawn(async move {
            let (key, value) = (Key::new(format!("key:{task}")), format!("value {task}"));
            let entry = Entry::new(key.clone(), value.clone());
            let put = storage.put_many(&[entry]).await;
            let found = storage.get_many(&[key]).await;
            put.is_ok() && found.is_ok_and(|found| found == [Some(value.into())])
        });
    }
    tasks.join_all().await.into_iter().all(|works| works)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_answers_went_astray_is_given_up() {
    let server = RedisServer::start();
    let (proxy, url) = Proxy::before(&server.url());
    let storage = RedisStorage::builder(&url).deadline(Duration::from_millis(300));
    let storage = Arc::new(storage.connect().await.expect("the server can be reached"));
    for _ in 0..5 {
        let before = proxy.injected();
        proxy.set(Flow::Omit);
        eventually("an answer is left out", PATIENCE, async || {
            works(&storage).await;
            proxy.injected() > before
        })
        .await;
        proxy.set(Flow::Pass);
        eventually("it works again", PATIENCE, async || works(&storage).await).await;
    }
}
