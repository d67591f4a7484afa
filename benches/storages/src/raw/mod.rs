//! The drivers used by hand, one file each: as many connections as the storage has, statements
//! prepared, the value decoded.

mod file;
mod mongodb;
mod mysql;
mod postgres;
mod redis;
mod sqlite;

use cacheme::BoxError;

use crate::round::Figures;

/// What can be measured.
pub(crate) const NAMES: [&str; 6] = ["redis", "postgres", "mysql", "mongodb", "sqlite", "file"];

/// Measures the storage of this name beside its driver.
pub(crate) async fn measure(name: &str, rounds: usize) -> Result<Figures, BoxError> {
    match name {
        "redis" => redis::measure(rounds).await,
        "postgres" => postgres::measure(rounds).await,
        "mysql" => mysql::measure(rounds).await,
        "mongodb" => mongodb::measure(rounds).await,
        "sqlite" => sqlite::measure(rounds).await,
        _ => file::measure(rounds).await,
    }
}
