//! Connections, at most so many at a time.
//!
//! The driver's own pool hands a connection whose command was cut off to a task that reads the rest
//! of the answer, however long the server takes, and ties an attempt to connect to the deadline of
//! whoever happens to need it. Here a connection that was cut off is closed at once, and an attempt
//! to connect goes on within its own time for whoever comes next: of a server that hangs there are
//! never more attempts than the pool has places.

use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Waker};
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, Error, IoError, Opts, Row, ServerError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::statement::{Parameter, Statement};
use crate::error::BoxError;
use crate::lock::lock;

/// Places for connections, and those that nobody uses.
pub(super) struct Pool {
    opts: Opts,
    connect_timeout: Duration,
    /// What a connection is told first.
    greeting: String,
    places: Arc<Semaphore>,
    /// The one used last is the last; `None` when the pool is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

/// A connection and what its server takes.
struct Connection {
    conn: Conn,
    /// The server's `max_allowed_packet`, in bytes.
    packet: usize,
}

/// A connection in use. Dropping it gives it back, or closes it if a command was cut off.
pub(super) struct Lease {
    /// There, but while it is replaced.
    held: Option<(Connection, Place)>,
    /// Whether it was idle: the server may have closed it meanwhile.
    reused: bool,
    /// Whether every command came to its end.
    whole: bool,
}

/// The right to a connection.
struct Place {
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    /// A pool of `size` connections. They are made when they are needed, each within
    /// `connect_timeout`, and told not to wait for a row's lock much longer than `deadline`.
    pub(super) fn new(
        opts: Opts,
        size: usize,
        connect_timeout: Duration,
        deadline: Duration,
    ) -> Self {
        let seconds = deadline.as_secs().clamp(1, 1 << 29) + 1;
        Self {
            opts,
            connect_timeout,
            greeting: format!(
                "SET autocommit = 1, sql_mode = 'STRICT_ALL_TABLES', \
                 innodb_lock_wait_timeout = {seconds}"
            ),
            places: Arc::new(Semaphore::new(size.min(Semaphore::MAX_PERMITS))),
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// Waits for a connection.
    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease, BoxError> {
        let place = Place {
            pool: Arc::clone(self),
            _permit: Arc::clone(&self.places).acquire_owned().await?,
        };
        let idle = self.idle().as_mut().and_then(Vec::pop);
        match idle {
            Some(connection) => Ok(Lease::new(connection, place, true)),
            None => place.connect().await,
        }
    }

    /// Closes all connections: idle ones now, others when they are given back.
    pub(super) fn close(&self) {
        let idle = self.idle().take();
        idle.into_iter().flatten().for_each(Connection::close);
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        lock(&self.idle)
    }
}

impl Place {
    /// Connects, in a task that goes on when the future is dropped.
    async fn connect(self) -> Result<Lease, BoxError> {
        let task = tokio::spawn(async move {
            let timeout = self.pool.connect_timeout;
            let connecting = Connection::open(&self.pool);
            match tokio::time::timeout(timeout, connecting).await {
                Ok(Ok(connection)) => Ok(Lease::new(connection, self, false)),
                Ok(Err(error)) => Err(self.unreachable(plain(error))),
                Err(_) => Err(self.unreachable(format_args!("no answer within {timeout:?}"))),
            }
        });
        task.await?
    }

    fn unreachable(&self, problem: impl fmt::Display) -> BoxError {
        let (host, port) = (self.pool.opts.ip_or_hostname(), self.pool.opts.tcp_port());
        format!("no connection to {host}:{port}: {problem}").into()
    }
}

impl Connection {
    async fn open(pool: &Pool) -> Result<Self, Error> {
        let mut conn = Conn::new(pool.opts.clone()).await?;
        conn.query_drop(&pool.greeting).await?;
        let packet = conn.query_first("SELECT @@max_allowed_packet").await?;
        // Of a server that doesn't say: the least that one has by default.
        let packet = packet.unwrap_or(1 << 20);
        Ok(Self { conn, packet })
    }

    /// Closes the socket at once, with a goodbye to the server if that needs no waiting.
    ///
    /// Just dropping the driver's connection would start a task that reads an answer that was cut
    /// off to its end. Beginning to disconnect, and no more, doesn't.
    fn close(self) {
        let goodbye = pin!(self.conn.disconnect());
        let _ = goodbye.poll(&mut Context::from_waker(Waker::noop()));
    }
}

impl Lease {
    /// How often a statement that the server rolled back is tried.
    const TRIES: usize = 4;

    fn new(connection: Connection, place: Place, reused: bool) -> Self {
        Self {
            held: Some((connection, place)),
            reused,
            whole: true,
        }
    }

    /// The server's `max_allowed_packet`, in bytes.
    pub(super) fn packet(&self) -> usize {
        self.held.as_ref().map_or(0, |(held, _)| held.packet)
    }

    /// How many rows the last statement changed.
    pub(super) fn affected(&self) -> u64 {
        let held = self.held.as_ref();
        held.map_or(0, |(held, _)| held.conn.affected_rows())
    }

    /// Runs a statement, whose effect has to be the same done once or twice, and returns its rows.
    pub(super) async fn run(&mut self, statement: &Statement) -> Result<Vec<Row>, BoxError> {
        let mut tries = 1;
        loop {
            match self.attempt(statement).await {
                Ok(rows) => {
                    self.reused = false;
                    return Ok(rows);
                }
                Err(error) if self.reused && ends_connection(&error) => self.replace().await?,
                Err(error) if rolled_back(&error) && tries < Self::TRIES => tries += 1,
                Err(error) => return Err(plain(error)),
            }
        }
    }

    async fn attempt(&mut self, statement: &Statement) -> Result<Vec<Row>, Error> {
        let Some((Connection { conn, .. }, _)) = &mut self.held else {
            return Err(DriverError::ConnectionClosed.into());
        };
        self.whole = false;
        let outcome = match statement {
            Statement::Text(sql) => conn.query(&sql[..]).await,
            Statement::Prepared(sql, parameters) => {
                let values: Vec<_> = parameters.iter().map(Parameter::value).collect();
                conn.exec(&**sql, values).await
            }
        };
        self.whole = !outcome.as_ref().is_err_and(ends_connection);
        outcome
    }

    /// Takes a new connection for this one, in the same place.
    async fn replace(&mut self) -> Result<(), BoxError> {
        if let Some((connection, place)) = self.held.take() {
            connection.close();
            *self = place.connect().await?;
        }
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some((connection, place)) = self.held.take() else {
            return;
        };
        let mut idle = place.pool.idle();
        match &mut *idle {
            Some(idle) if self.whole => idle.push(connection),
            _ => {
                drop(idle);
                connection.close();
            }
        }
    }
}

/// Whether a connection is of no more use after this.
fn ends_connection(error: &Error) -> bool {
    /// The server shuts down, doesn't know what was prepared, takes no writes any more (another
    /// does, after a failover), or has closed the connection: killed, or idle for too long.
    const CODES: [u16; 6] = [1053, 1243, 1290, 1836, 1927, 4031];
    match error {
        Error::Server(error) => CODES.contains(&error.code),
        _ => true,
    }
}

/// Whether the statement did nothing, since it was in the way of another: a deadlock, or a row that
/// changed.
fn rolled_back(error: &Error) -> bool {
    matches!(
        error,
        Error::Server(ServerError {
            code: 1213 | 1020,
            ..
        })
    )
}

/// The error without the driver's words around it.
fn plain(error: Error) -> BoxError {
    match error {
        Error::Server(error) => error.into(),
        Error::Io(IoError::Io(error)) => error.into(),
        Error::Io(error) => error.into(),
        Error::Driver(error) => error.into(),
        error => error.into(),
    }
}
