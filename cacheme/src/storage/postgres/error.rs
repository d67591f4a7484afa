//! What went wrong, in words: the driver's own say little more than "db error".

use std::error::Error as _;
use std::fmt::Write;
use std::io;

use deadpool_postgres::PoolError;
use rustls::{CertificateError, Error as TlsError};
use tokio_postgres::Error;

use crate::error::BoxError;

/// What the driver says and why, or what the server says, with its code and its detail.
pub(super) fn explain(error: &Error) -> BoxError {
    if let Some(said) = error.as_db_error() {
        let mut text = format!("{} (SQLSTATE {})", said.message(), said.code().code());
        for more in [said.detail(), said.hint()].into_iter().flatten() {
            // Writing to a string doesn't fail.
            let _ = write!(text, ": {more}");
        }
        return text.into();
    }
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(why) = cause {
        let _ = write!(text, ": {why}");
        if let Some(advice) = advice(why) {
            let _ = write!(text, "; {advice}");
        }
        cause = why.source();
    }
    text.into()
}

/// Why there is no connection.
pub(super) fn unconnected(error: PoolError) -> BoxError {
    match error {
        PoolError::Backend(error) => explain(&error),
        other => other.to_string().into(),
    }
}

/// What to do about a certificate that was refused.
fn advice(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let inner = error.downcast_ref::<io::Error>()?.get_ref()?;
    match inner.downcast_ref::<TlsError>()? {
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => Some(
            "the server offers TLS, and its certificate has to be trusted: name the file of the \
             authority that signed it by `ca`, or do without TLS by `sslmode=disable`",
        ),
        TlsError::InvalidCertificate(problem) if problem.to_string().contains(AUTHORITY) => Some(
            "the server's own certificate is one of an authority: it needs one with `CA:FALSE`, \
             or do without TLS by `sslmode=disable`",
        ),
        _ => None,
    }
}

/// How rustls says that a server has an authority's certificate for its own.
const AUTHORITY: &str = "CaUsedAsEndEntity";
