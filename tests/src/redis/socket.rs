//! What the system knows of the connections to a server.

use std::fs;

/// The server's side of a connection over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Socket {
    /// Whether both sides are open.
    pub open: bool,
    /// Bytes that have come and that the server hasn't read yet.
    pub unread: u64,
}

/// The connections to a port of the loopback.
///
/// # Panics
///
/// When the system doesn't say.
pub fn sockets(port: u16) -> Vec<Socket> {
    let table = fs::read_to_string("/proc/net/tcp").expect("there is /proc/net/tcp");
    let socket = |line: &str| {
        let words: Vec<_> = line.split_whitespace().collect();
        let hex = |text: &str| u64::from_str_radix(text, 16).ok();
        let local = hex(words.get(1)?.split_once(':')?.1)?;
        let open = match *words.get(3)? {
            "01" => true,
            // The other side has closed it.
            "08" => false,
            _ => return None,
        };
        let unread = hex(words.get(4)?.split_once(':')?.1)?;
        (local == u64::from(port)).then_some(Socket { open, unread })
    };
    table.lines().skip(1).filter_map(socket).collect()
}
