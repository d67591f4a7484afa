//! Expiry by the server's clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cacheme::{Key, Storage};
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::{Server, assert_left};
use cacheme_tests::wait::eventually;

use super::{PATIENCE, entry, get, put, storage};

fn unix_millis() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.expect("it is after 1970").as_millis()).expect("a time of today")
}

#[tokio::test]
async fn time_zones_change_nothing() {
    let ttl = Duration::from_millis(7_200_123);
    for zone in ["+00:00", "+05:30", "-11:00", "SYSTEM"] {
        let server = MysqlServer::start_with(&[&format!("--default-time-zone={zone}")]);
        let storage = storage(&server, "").await;
        put(&storage, &[entry("one", "x").with_ttl(ttl)]).await;
        put(
            &storage,
            &[entry("two", "x").with_ttl(ttl), entry("ever", "x")],
        )
        .await;
        for key in ["one", "two"] {
            let sql = format!("SELECT expires FROM cacheme WHERE `key` = '{key}'");
            let expires: Vec<i64> = server.query(&sql).await;
            assert_left(expires[0] - unix_millis(), ttl);
        }
        let sql = "SELECT expires FROM cacheme WHERE `key` = 'ever'";
        let expires: Vec<Option<i64>> = server.query(sql).await;
        assert_eq!(expires, [None]);
        let now = storage.now().expect("the server's time is known");
        let apart =
            unix_millis().abs_diff(i64::try_from(now.as_millis()).expect("a time of today"));
        assert!(apart < 5_000, "{zone}: {apart} ms");
        server.expire(&Key::new("one"), ttl).await;
        assert_eq!(get(&storage, "one").await, None);
        assert!(get(&storage, "two").await.is_some());
    }
}

#[tokio::test]
async fn the_shortest_ttl_passes() {
    let server = MysqlServer::start();
    let storage = storage(&server, "").await;
    put(&storage, &[entry("a", "x").with_ttl(Duration::ZERO)]).await;
    eventually("it is expired", PATIENCE, async || {
        get(&storage, "a").await.is_none()
    })
    .await;
}
