//! What drivers share: a piece of work in the background, batches, deadlines, operations that end
//! by themselves, a server's time, the sweep of expired rows, the name and shape of a table, TLS, work for several
//! connections at once.

pub(super) mod background;
pub(super) mod batch;
pub(super) mod course;
pub(super) mod reach;
pub(super) mod server_clock;
pub(super) mod sweep;
pub(super) mod table;
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(super) mod tls;
pub(super) mod together;
