//! What the driver says of a failure, without what is of no use to a reader.

use std::error::Error;
use std::fmt;

use mongodb::error::{Error as MongoError, ErrorKind, WriteFailure};

/// An error of the driver.
#[derive(Debug)]
pub(super) struct Failure(MongoError);

impl Failure {
    pub(super) fn new(error: MongoError) -> Self {
        Self(error)
    }

    /// Whether no server could be found in time.
    pub(super) fn is_no_server(&self) -> bool {
        matches!(*self.0.kind, ErrorKind::ServerSelection { .. })
    }

    /// Whether the server has no indexes by which documents expire.
    pub(super) fn is_refused_index(&self) -> bool {
        // CommandNotFound, CannotCreateIndex, InvalidOptions, CommandNotSupported and
        // InvalidIndexSpecificationOption.
        matches!(self.code(), Some(59 | 67 | 72 | 115 | 197))
    }

    /// Whether there is an index that differs.
    pub(super) fn is_other_index(&self) -> bool {
        // IndexOptionsConflict and IndexKeySpecsConflict.
        matches!(self.code(), Some(85 | 86))
    }

    /// Whether another process put the same document in at the same moment.
    pub(super) fn met_another(&self) -> bool {
        self.code() == Some(super::document::DUPLICATE)
    }

    fn code(&self) -> Option<i32> {
        match &*self.0.kind {
            ErrorKind::Command(error) => Some(error.code),
            ErrorKind::Write(WriteFailure::WriteError(error)) => Some(error.code),
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0.kind {
            ErrorKind::Command(error) => {
                write!(
                    f,
                    "{} ({}, code {})",
                    error.message, error.code_name, error.code
                )
            }
            ErrorKind::Write(WriteFailure::WriteError(error)) => {
                write!(f, "{} (code {})", error.message, error.code)
            }
            ErrorKind::Write(WriteFailure::WriteConcernError(error)) => {
                write!(
                    f,
                    "{} ({}, code {})",
                    error.message, error.code_name, error.code
                )
            }
            kind => kind.fmt(f),
        }
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
