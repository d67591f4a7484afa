//! TLS.

use cacheme::storage::RedisStorage;
use cacheme::{BoxError, Entry, Key, Storage};
use cacheme_tests::certificate::Certificate;
use cacheme_tests::redis::RedisServer;
use cacheme_tests::server::free_port;

/// A server with TLS on one port, and its certificate.
struct Secure {
    server: RedisServer,
    certificate: Certificate,
    port: u16,
}

impl Secure {
    fn start() -> Self {
        let found = std::cell::Cell::new(0);
        let server = RedisServer::start_with(|folder| {
            let certificate = Certificate::make(folder);
            found.set(free_port());
            let text = |path: &std::path::Path| path.display().to_string();
            [
                "--bind",
                "127.0.0.1",
                "127.0.0.2",
                "--tls-port",
                &found.get().to_string(),
                "--tls-cert-file",
                &text(&certificate.certificate),
                "--tls-key-file",
                &text(&certificate.key),
                "--tls-ca-cert-file",
                &text(&certificate.authority),
                "--tls-auth-clients",
                "no",
            ]
            .map(ToOwned::to_owned)
            .to_vec()
        });
        let path = |name| server.folder().join(name);
        let certificate = Certificate {
            authority: path("authority.pem"),
            certificate: path("certificate.pem"),
            key: path("key.pem"),
        };
        let port = found.get();
        Self {
            server,
            certificate,
            port,
        }
    }

    fn url(&self, host: &str, ca: &std::path::Path) -> String {
        let port = self.port;
        format!("rediss://:hunter2@{host}:{port}?ca={}", ca.display())
    }
}

async fn refused(url: &str) -> String {
    let opened: Result<_, BoxError> = RedisStorage::connect(url).await;
    let error = opened.expect_err("it isn't trusted");
    let shown = format!("{error} {error:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    shown
}

#[tokio::test]
async fn a_server_is_trusted_by_its_authority() {
    let secure = Secure::start();
    secure
        .server
        .command(&["CONFIG", "SET", "requirepass", "hunter2"]);
    for host in ["127.0.0.1", "localhost"] {
        let url = secure.url(host, &secure.certificate.authority);
        let storage = RedisStorage::connect(&url).await.expect("it is trusted");
        let entry = Entry::new(Key::new("key"), vec![7; 1 << 20]);
        storage
            .put_many(std::slice::from_ref(&entry))
            .await
            .expect("put succeeds");
        let found = storage
            .get_many(&[Key::new("key")])
            .await
            .expect("get succeeds");
        assert_eq!(found, [Some(entry.value().clone())]);
    }
    // By the builder, too.
    let url = format!("rediss://:hunter2@127.0.0.1:{}", secure.port);
    let builder = RedisStorage::builder(&url).ca(&secure.certificate.authority);
    builder.connect().await.expect("it is trusted");
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_refused_with_what_to_do() {
    let secure = Secure::start();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let other = Certificate::make(folder.path()).authority;
    let error = refused(&secure.url("127.0.0.1", &other)).await;
    assert!(error.contains("no authority that is trusted"), "{error}");
    assert!(error.contains("by `ca`"), "{error}");
    let error = refused(&secure.url("127.0.0.2", &secure.certificate.authority)).await;
    assert!(error.contains("is for another name"), "{error}");
    let error = refused(&secure.url("127.0.0.1", &secure.certificate.key)).await;
    assert!(error.contains("there is no certificate in"), "{error}");
    let error = refused(&secure.url("127.0.0.1", "/no/such.pem".as_ref())).await;
    assert!(error.contains("/no/such.pem"), "{error}");
}

#[tokio::test]
async fn certificates_without_tls_are_a_mistake() {
    let builder = RedisStorage::builder("redis://127.0.0.1").ca("/no/such.pem");
    let error = builder
        .connect()
        .await
        .expect_err("there is no TLS")
        .to_string();
    assert_eq!(error, "`ca` is for TLS: begin the URL with `rediss`");
}
