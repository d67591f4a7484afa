//! The MongoDB protocol, as much of it as a test needs to look past a driver.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use mongodb::bson::Document;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Connection {
    /// How long an answer may take.
    const DEADLINE: Duration = Duration::from_secs(20);

    /// The message that has a command or its answer.
    const OP_MSG: i32 = 2013;

    /// Connects to a `host:port`.
    pub(super) fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Self::DEADLINE))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends a command and reads the answer.
    ///
    /// # Panics
    ///
    /// When the connection breaks, or the answer is an error.
    pub fn command(&mut self, database: &str, command: Document) -> Document {
        let answer = self.ask(database, command).expect("the server answers");
        let failed = !is_ok(&answer) || answer.contains_key("writeErrors");
        assert!(!failed, "the server refuses: {answer}");
        answer
    }

    pub(super) fn ask(&mut self, database: &str, mut command: Document) -> io::Result<Document> {
        command.insert("$db", database);
        let body = command.to_vec().map_err(io::Error::other)?;
        let length = i32::try_from(16 + 4 + 1 + body.len()).map_err(io::Error::other)?;
        // The header, no flags, and a section of kind 0.
        let header = [length, 1, 0, Self::OP_MSG, 0].map(i32::to_le_bytes);
        self.0
            .write_all(&[&header.concat(), &[0][..], &body].concat())?;

        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let length = usize::try_from(i32::from_le_bytes(length)).map_err(io::Error::other)?;
        let mut rest = vec![0; length.saturating_sub(4)];
        self.0.read_exact(&mut rest)?;
        let body = rest.get(12 + 4 + 1..).ok_or(io::ErrorKind::InvalidData)?;
        Document::from_reader(body).map_err(io::Error::other)
    }
}

fn is_ok(answer: &Document) -> bool {
    answer.get_f64("ok").is_ok_and(|ok| ok > 0.0) || answer.get_i32("ok").is_ok_and(|ok| ok > 0)
}
