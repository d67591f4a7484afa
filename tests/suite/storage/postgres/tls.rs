//! TLS: always with a certificate that is trusted.

use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::server::Server;

use super::{CONNECTIONS, closes_all, open, refused, works};

/// Connections of storages that are encrypted, and those that aren't.
async fn encrypted_and_clear(server: &PostgresServer) -> (i64, i64) {
    let count = async |kind| {
        let query = format!(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE {kind} AND application_name = 'cacheme'"
        );
        server.number(&query).await
    };
    (count("ssl").await, count("NOT ssl").await)
}

#[tokio::test]
async fn a_server_without_tls_is_spoken_to_in_the_clear_unless_tls_is_required() {
    let server = PostgresServer::start();
    works(&open(&server, "sslmode=prefer").await).await;
    works(&open(&server, "sslmode=disable").await).await;
    let ca = server.offer_tls("IP:127.0.0.1", "CA:FALSE").await;
    server.run("ALTER SYSTEM SET ssl = off").await;
    server.run("SELECT pg_reload_conf()").await;
    let ca = ca.display();
    for mode in ["require", "verify-full"] {
        let error = refused(&server, &format!("sslmode={mode}&ca={ca}")).await;
        assert!(error.contains("server does not support TLS"), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_is_refused_with_what_to_do() {
    let server = PostgresServer::start();
    let ca = server.offer_tls("IP:127.0.0.1", "CA:FALSE").await;
    let ca = ca.display();
    let error = refused(&server, "").await;
    assert!(
        error.contains("invalid peer certificate: UnknownIssuer"),
        "{error}"
    );
    assert!(
        error.contains("by `ca`, or do without TLS by `sslmode=disable`"),
        "{error}"
    );
    let clear = open(&server, "sslmode=disable").await;
    works(&clear).await;
    assert!(matches!(encrypted_and_clear(&server).await, (0, 1..)));
    drop(clear);
    closes_all(&server, CONNECTIONS).await;
    for mode in ["prefer", "require", "verify-full"] {
        let storage = open(&server, &format!("sslmode={mode}&ca={ca}")).await;
        works(&storage).await;
        assert!(
            matches!(encrypted_and_clear(&server).await, (1.., 0)),
            "{mode}"
        );
        drop(storage);
        closes_all(&server, CONNECTIONS).await;
    }
}

#[tokio::test]
async fn a_certificate_of_another_name_is_refused() {
    let server = PostgresServer::start();
    let ca = server.offer_tls("DNS:elsewhere.example", "CA:FALSE").await;
    let error = refused(&server, &format!("ca={}", ca.display())).await;
    assert!(error.contains("not valid for name"), "{error}");
}

#[tokio::test]
async fn an_authoritys_certificate_is_refused_as_a_servers() {
    let server = PostgresServer::start();
    let ca = server.offer_tls("IP:127.0.0.1", "CA:TRUE").await;
    let error = refused(&server, &format!("ca={}", ca.display())).await;
    assert!(error.contains("it needs one with `CA:FALSE`"), "{error}");
}

#[tokio::test]
async fn a_file_without_certificates_is_said() {
    let server = PostgresServer::start();
    let error = refused(&server, "ca=/nowhere.pem").await;
    assert!(
        error.contains("no certificates can be read from /nowhere.pem"),
        "{error}"
    );
}
