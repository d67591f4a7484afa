//! TLS for drivers that take a configuration of rustls.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::error::BoxError;

/// A client that trusts the certificates of the PEM file `ca`, or those that the system trusts. It
/// checks the server's name.
pub(in crate::storage) fn config(ca: Option<&Path>) -> Result<ClientConfig, BoxError> {
    let Some(path) = ca else {
        let roots = system();
        if roots.is_empty() {
            return Err("the system trusts no certificates: name a file of some by `ca`".into());
        }
        return trusting(roots);
    };
    let mut roots = RootCertStore::empty();
    let shown = path.display();
    let certificates = CertificateDer::pem_file_iter(path)
        .map_err(|error| format!("no certificates can be read from {shown}: {error}"))?;
    for certificate in certificates {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err(format!("there is no certificate in {shown}").into());
    }
    trusting(roots)
}

/// What the system trusts, which may be nothing.
pub(in crate::storage) fn system() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // Some of a system's certificates may be odd; what matters is that there are others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// A client that trusts these.
pub(in crate::storage) fn trusting(roots: RootCertStore) -> Result<ClientConfig, BoxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
