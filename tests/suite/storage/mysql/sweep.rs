//! Expired rows leave the table.

use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;
use mysql_async::prelude::Queryable;

use super::{PATIENCE, get, storage};

/// So many that it takes three batches.
const EXPIRED: u64 = 2500;

async fn fill(server: &MysqlServer) {
    for (from, expires) in [(1, "1"), (100_001, "NULL"), (200_001, "9000000000000000")] {
        let sql = format!(
            "INSERT INTO cacheme SELECT CONCAT('k', seq), 'x', {expires} FROM seq_{from}_to_{}",
            from + EXPIRED - 1
        );
        server.query::<u8>(&sql).await;
    }
}

async fn rows(server: &MysqlServer, condition: &str) -> u64 {
    let sql = format!("SELECT COUNT(*) FROM cacheme WHERE {condition}");
    server.query(&sql).await[0]
}

async fn swept(server: &MysqlServer) {
    eventually("expired rows leave", PATIENCE, async || {
        rows(server, "expires = 1").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_rows_leave_and_others_stay() {
    let server = MysqlServer::start();
    let quiet = storage(&server, "?sweep=off").await;
    fill(&server).await;
    assert_eq!(get(&quiet, "k1").await, None);
    assert_eq!(rows(&server, "expires = 1").await, EXPIRED);
    // Two at once, and by one connection each.
    let _storages = [
        storage(&server, "?sweep=20ms&pool=1").await,
        storage(&server, "?sweep=20ms&pool=1").await,
    ];
    swept(&server).await;
    assert_eq!(
        rows(&server, "expires IS NULL OR expires > 1").await,
        2 * EXPIRED
    );
    fill_again(&server).await;
    swept(&server).await;
}

async fn fill_again(server: &MysqlServer) {
    server
        .query::<u8>("UPDATE cacheme SET expires = 1 WHERE expires > 1")
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sweeps_at_a_time() {
    const LOCK: &str = "'cacheme:cacheme.cacheme'";
    let server = MysqlServer::start();
    let mut holder = server.connection().await;
    let sql = format!("SELECT GET_LOCK({LOCK}, 0)");
    let taken: Option<u8> = holder.query_first(sql).await.expect("the lock is free");
    assert_eq!(taken, Some(1));
    let _storage = storage(&server, "?sweep=5ms&pool=2").await;
    fill(&server).await;
    // Many sweeps are begun meanwhile, and none gets the lock.
    let before = server.figure("Com_select").await;
    eventually("sweeps are begun", PATIENCE, async || {
        server.figure("Com_select").await > before + 20
    })
    .await;
    assert_eq!(rows(&server, "expires = 1").await, EXPIRED);
    let sql = format!("DO RELEASE_LOCK({LOCK})");
    holder.query_drop(sql).await.expect("the lock is released");
    swept(&server).await;
    // It isn't left behind on a connection of the pool.
    let sql = format!("SELECT GET_LOCK({LOCK}, 20)");
    let taken: Option<u8> = holder.query_first(sql).await.expect("the server answers");
    assert_eq!(taken, Some(1));
}
