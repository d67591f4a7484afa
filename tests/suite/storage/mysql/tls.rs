//! Encrypted connections.

use cacheme::storage::MysqlStorage;
use cacheme_tests::certificate::Certificate;
use cacheme_tests::mysql::MysqlServer;

use super::{entry, get, put};

#[tokio::test]
async fn connections_are_encrypted_and_the_server_is_checked() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let certificate = Certificate::make(folder.path());
    let start = |option| {
        MysqlServer::start_with(&[
            &format!("--ssl-cert={}", certificate.certificate.display()),
            &format!("--ssl-key={}", certificate.key.display()),
            option,
        ])
    };
    let server = start("--require-secure-transport");
    let query = format!("?ca={}", certificate.authority.display());
    let url = server.url_with(&query);
    let storage = MysqlStorage::connect(&url)
        .await
        .expect("the certificate is trusted");
    put(&storage, &[entry("a", "1")]).await;
    assert_eq!(get(&storage, "a").await.as_deref(), Some("1"));
    let builder = MysqlStorage::builder(&server.url_with(""));
    let built = builder.ca(&certificate.authority).connect().await;
    assert!(built.is_ok(), "{built:?}");

    let cases = [
        (server.url_with(""), "Access denied"),
        (server.url_with("?tls=true"), "certificate"),
        (
            server.url_with("?ca=/nowhere.pem"),
            "no certificates can be read from /nowhere.pem",
        ),
    ];
    let elsewhere = start("--bind-address=127.0.0.2");
    let url_elsewhere = elsewhere.url_with(&query).replace("127.0.0.1", "127.0.0.2");
    let cases = cases
        .into_iter()
        .chain([(url_elsewhere, "not valid for name")]);
    for (url, expected) in cases {
        let error = MysqlStorage::connect(&url).await.expect_err(expected);
        assert!(error.to_string().contains(expected), "{url}: {error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_refused_where_it_is_asked_for() {
    let server = MysqlServer::start_with(&["--skip-ssl"]);
    let connected = MysqlStorage::connect(&server.url_with("?tls=true")).await;
    let message = connected.expect_err("there is no TLS").to_string();
    assert!(
        message.contains("does not have this capability"),
        "{message}"
    );
}
