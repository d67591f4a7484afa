//! Certificates of a test's own, for servers with TLS on the loopback.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate of an authority of its own, made by `openssl`. It holds for `localhost` and
/// 127.0.0.1.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The authority's certificate, which a client is to trust.
    pub authority: PathBuf,
    /// The server's certificate.
    pub certificate: PathBuf,
    /// The server's key.
    pub key: PathBuf,
}

impl Certificate {
    /// Makes one in a folder.
    ///
    /// # Panics
    ///
    /// When `openssl` can't do it.
    pub fn make(folder: &Path) -> Self {
        let path = |name| folder.join(name);
        let made = Self {
            authority: path("authority.pem"),
            certificate: path("certificate.pem"),
            key: path("key.pem"),
        };
        let authority_key = path("authority.key");
        openssl(&made.authority, &authority_key, |command| {
            command.args(["-subj", "/CN=authority"]);
        });
        openssl(&made.certificate, &made.key, |command| {
            command
                .args(["-subj", "/CN=server"])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
                .arg("-CA")
                .arg(&made.authority)
                .arg("-CAkey")
                .arg(&authority_key);
        });
        made
    }
}

fn openssl(certificate: &Path, key: &Path, more: impl FnOnce(&mut Command)) {
    let mut command = Command::new("openssl");
    command
        .args(["req", "-x509", "-nodes", "-days", "30", "-newkey", "ec"])
        .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .arg("-out")
        .arg(certificate)
        .arg("-keyout")
        .arg(key);
    more(&mut command);
    let output = command
        .output()
        .expect("`openssl` can be run: install Debian's package openssl");
    assert!(
        output.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
