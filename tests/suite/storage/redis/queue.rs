//! A server that takes nothing: what waits for it is bounded, and its connection is given up.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cacheme::storage::RedisStorage;
use cacheme::{Entry, Key, Storage};
use cacheme_tests::redis::{RedisServer, sockets};
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

use super::PATIENCE;

const LARGE: usize = 16 << 20;

/// A large value that is counted for as long as anybody has it.
struct Counted {
    bytes: Vec<u8>,
    _count: Arc<()>,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[tokio::test]
async fn writes_that_were_given_up_take_bounded_memory() {
    let server = RedisServer::start();
    let storage = RedisStorage::builder(&server.url())
        .deadline(Duration::from_secs(60))
        .connect()
        .await
        .expect("the server can be reached");
    server.freeze();
    let count = Arc::new(());
    for number in 0..32 {
        let value = Bytes::from_owner(Counted {
            bytes: vec![7; LARGE],
            _count: Arc::clone(&count),
        });
        let entries = [Entry::new(Key::new(format!("key:{number}")), value)];
        let put = tokio::time::timeout(Duration::from_millis(20), storage.put_many(&entries));
        put.await.expect_err("nobody answers");
    }
    // 64 MiB, less what keys take.
    let held = Arc::strong_count(&count) - 1;
    assert!((1..=4).contains(&held), "{held} values are held");

    server.thaw();
    eventually("what was sent is answered", PATIENCE, async || {
        Arc::strong_count(&count) == 1
    })
    .await;
    let found = storage.get_many(&[Key::new("key:0")]).await;
    assert_eq!(
        found.expect("the server answers")[0]
            .as_ref()
            .map(Bytes::len),
        Some(LARGE)
    );
}

/// fred is stuck in sending, and looks at nothing else.
#[tokio::test]
async fn a_connection_that_takes_nothing_is_given_up() {
    let server = RedisServer::start();
    let storage = RedisStorage::builder(&server.url())
        .deadline(Duration::from_millis(100))
        .connect()
        .await
        .expect("the server can be reached");
    server.freeze();
    let value = Bytes::from(vec![7; LARGE]);
    let entry = |n: usize| Entry::new(Key::new(format!("key:{n}")), value.clone());
    for number in 0..4 {
        let put = storage.put_many(&[entry(number)]).await;
        put.expect_err("nobody answers");
    }
    eventually("there is another connection", PATIENCE, async || {
        let sockets = sockets(server.port());
        sockets.iter().any(|socket| !socket.open) && sockets.iter().any(|socket| socket.open)
    })
    .await;
    server.thaw();
    eventually("the server answers", PATIENCE, async || {
        storage
            .put_many(&[Entry::new(Key::new("small"), "x")])
            .await
            .is_ok()
    })
    .await;
}
