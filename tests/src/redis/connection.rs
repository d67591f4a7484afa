//! The Redis protocol, as much of it as a test needs to look past a driver.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

/// An answer of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A status such as `OK`.
    Status(String),
    /// An error, with its code.
    Error(String),
    /// A number.
    Integer(i64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Nothing.
    Nil,
    /// Several answers.
    Array(Vec<Self>),
}

impl Connection {
    /// How long an answer may take.
    const DEADLINE: Duration = Duration::from_secs(20);

    /// Connects to a port of the loopback.
    pub(super) fn open(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Self::DEADLINE))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::new(stream);
        Ok(Self { stream })
    }

    /// Sends a command and reads the answer.
    ///
    /// # Panics
    ///
    /// When the connection breaks, or the answer is an error.
    pub fn command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Reply {
        match self.ask(arguments).expect("the server answers") {
            Reply::Error(message) => panic!("the server refuses: {message}"),
            reply => reply,
        }
    }

    pub(super) fn ask<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Reply> {
        let mut command = format!("*{}\r\n", arguments.len()).into_bytes();
        for argument in arguments.iter().map(AsRef::as_ref) {
            command.extend(format!("${}\r\n", argument.len()).bytes());
            command.extend(argument);
            command.extend(b"\r\n");
        }
        self.stream.get_mut().write_all(&command)?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let (kind, rest) = line.split_at_checked(1).ok_or_else(|| unknown(&line))?;
        let number = || rest.parse::<i64>().map_err(|_| unknown(&line));
        match kind {
            "+" => Ok(Reply::Status(rest.to_owned())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => Ok(Reply::Integer(number()?)),
            "$" | "*" => match (kind, usize::try_from(number()?)) {
                (_, Err(_)) => Ok(Reply::Nil),
                ("$", Ok(length)) => self.bytes(length).map(Reply::Bytes),
                (_, Ok(count)) => (0..count)
                    .map(|_| self.reply())
                    .collect::<Result<_, _>>()
                    .map(Reply::Array),
            },
            _ => Err(unknown(&line)),
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let ended = line
            .strip_suffix("\r\n")
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(ended.to_owned())
    }

    fn bytes(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length + 2];
        self.stream.read_exact(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }
}

fn unknown(line: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("not an answer of Redis: {line}"),
    )
}

impl Reply {
    /// The number.
    ///
    /// # Panics
    ///
    /// When the answer isn't one.
    pub fn integer(&self) -> i64 {
        match self {
            Self::Integer(number) => *number,
            other => panic!("not a number: {other:?}"),
        }
    }

    /// The bytes, if there are any.
    ///
    /// # Panics
    ///
    /// When the answer is of another kind.
    pub fn bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Nil => None,
            other => panic!("not bytes: {other:?}"),
        }
    }

    /// The answers that this one is made of.
    ///
    /// # Panics
    ///
    /// When it isn't.
    pub fn array(self) -> Vec<Self> {
        match self {
            Self::Array(answers) => answers,
            other => panic!("not an array: {other:?}"),
        }
    }

    /// The answer as text, if it is bytes and UTF-8.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Bytes(bytes) => str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// A figure out of the answer of `INFO`: the one of the line `name:figure`, or of
    /// `line:name=figure,...` where `name` is `line.name`.
    pub fn figure(&self, name: &str) -> Option<u64> {
        let (line, part) = name.split_once('.').unwrap_or((name, ""));
        let mut lines = self.text()?.lines();
        let value = lines.find_map(|text| text.strip_prefix(line)?.strip_prefix(':'))?;
        if part.is_empty() {
            return value.parse().ok();
        }
        let mut parts = value.split(',').filter_map(|pair| pair.split_once('='));
        parts.find(|(name, _)| *name == part)?.1.parse().ok()
    }
}
