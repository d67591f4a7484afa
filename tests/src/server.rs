//! Servers of a test's own: real ones, on free ports of the loopback, to be frozen, killed and
//! started again.

use std::fmt::Debug;
use std::fs::{self, File};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use cacheme::Key;

use crate::wait::eventually_blocking;

/// How long a server may take to start or to end.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server with its storage's URL. Dropping it ends the server.
///
/// What is here is all that the suite needs to run every test of storages against it.
pub trait Server: Debug + Sized + Send + Sync + 'static {
    /// The largest value that it takes, 16 MiB unless it can't.
    const LARGEST: usize = 16 << 20;

    /// Starts one, and returns when it answers.
    ///
    /// # Panics
    ///
    /// When it isn't installed, with what to do, or doesn't start.
    fn start() -> Self;

    /// The URL to register, with the user and the password in it where it wants them.
    fn url(&self) -> String;

    /// The process, unless it was killed.
    fn process(&self) -> Option<&Process>;

    /// Ends it at once by SIGKILL.
    fn kill(&mut self);

    /// Starts a killed server again on the same port.
    fn restart(&mut self);

    /// Stops it by SIGSTOP: connections stay open and nothing is answered.
    ///
    /// # Panics
    ///
    /// When it was killed.
    fn freeze(&self) {
        self.process().expect("the server is running").freeze();
    }

    /// Lets a frozen server go on.
    ///
    /// # Panics
    ///
    /// When it was killed.
    fn thaw(&self) {
        self.process().expect("the server is running").thaw();
    }

    /// Looks that the server would have the entry expire at the end of `ttl`, of which at most a
    /// minute has passed, and has it expired now.
    fn expire(&self, key: &Key, ttl: Duration) -> impl Future<Output = ()> + Send;
}

/// A server that is one process on one port.
pub(crate) trait Launch: Sized {
    /// What it is called in a failure.
    const NAME: &'static str;

    fn set_port(&mut self, port: u16);

    /// Starts the process on the port; `false` when it ended, as when the port is taken.
    fn launch(&mut self) -> bool;

    fn process_mut(&mut self) -> &mut Option<Process>;

    fn log_path(&self) -> PathBuf;

    fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_else(|error| error.to_string())
    }

    /// Starts it for the first time, on a port that nobody has.
    fn launched(self) -> Self {
        self.launched_with(|_| {})
    }

    /// As [`launched`](Self::launched), prepared anew for each port that is tried.
    fn launched_with(mut self, prepare: impl Fn(&mut Self)) -> Self {
        // Between the look at a port and its use, somebody else may take it.
        for _ in 0..20 {
            self.set_port(free_port());
            prepare(&mut self);
            if self.launch() {
                return self;
            }
        }
        let (name, log) = (Self::NAME, self.log());
        panic!("{name} doesn't start on any port; it says:\n{log}");
    }

    fn end(&mut self) {
        let running = self.process_mut().take();
        assert!(running.is_some(), "the server is running");
    }

    fn relaunch(&mut self) {
        assert!(self.process_mut().is_none(), "the server is running");
        // What is left of the one that was killed may take a moment to be gone, on a busy machine some seconds.
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.launch() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
        let (name, log) = (Self::NAME, self.log());
        panic!("{name} doesn't start again; it says:\n{log}");
    }
}

/// A server's process and those that it started. Dropping it kills all of them.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Runs `command`, its output in the file `log`.
    ///
    /// # Panics
    ///
    /// When it can't be run, with `hint`, which says how to install it.
    pub fn spawn(command: &mut Command, log: &Path, hint: &str) -> Self {
        let out = File::create(log).expect("the log can be made");
        let errors = out.try_clone().expect("a file can be shared");
        let spawned = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(errors)
            .spawn();
        Self(spawned.unwrap_or_else(|error| {
            let binary = Path::new(command.get_program()).display();
            let hint = match error.kind() {
                io::ErrorKind::NotFound => hint,
                _ => "",
            };
            panic!("`{binary}` can't be run: {error}; {hint}")
        }))
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it ended well, once it has ended.
    ///
    /// # Panics
    ///
    /// When the system doesn't say.
    pub fn has_ended(&mut self) -> Option<bool> {
        let waited = self.0.try_wait().expect("a child can be waited for");
        waited.map(|status| status.success())
    }

    /// Waits until `serves` says that the server answers; `false` when it ended before.
    ///
    /// # Panics
    ///
    /// When neither comes about.
    pub fn comes_up(&mut self, mut serves: impl FnMut() -> bool) -> bool {
        let mut ended = false;
        eventually_blocking("the server answers or ends", PATIENCE, || {
            let waited = self.0.try_wait();
            ended = waited.expect("a child can be waited for").is_some();
            ended || serves()
        });
        !ended
    }

    /// Stops it by SIGSTOP.
    pub fn freeze(&self) {
        signal("-STOP", &self.tree());
    }

    /// Lets it go on after [`freeze`](Self::freeze).
    pub fn thaw(&self) {
        signal("-CONT", &self.tree());
    }

    /// The process and its descendants.
    fn tree(&self) -> Vec<u32> {
        let mut tree = vec![self.id()];
        let processes = parents();
        let mut place = 0;
        while let Some(&parent) = tree.get(place) {
            let children = processes.iter().filter(|(_, of)| *of == parent);
            tree.extend(children.map(|(child, _)| child));
            place += 1;
        }
        tree
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A server whose helper dies starts others in its place, unless it is stopped and can't.
        let _ = send("-STOP", &[self.id()]);
        let tree = self.tree();
        // Some may have ended by themselves, and then there is nothing to kill.
        let _ = send("-KILL", &tree);
        let _ = self.0.wait();
        // What they hold, as PostgreSQL's shared memory, is free once they are gone.
        for _ in 0..500 {
            if !tree
                .iter()
                .any(|id| stat(*id).is_some_and(|stat| stat.runs))
            {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn signal(signal: &str, processes: &[u32]) {
    let status = send(signal, processes).expect("`kill` can be run");
    assert!(status.success(), "kill {signal}: {status}");
}

/// An error, or a status of failure when one of them was gone.
fn send(signal: &str, processes: &[u32]) -> io::Result<ExitStatus> {
    let ids = processes.iter().map(ToString::to_string);
    Command::new("kill")
        .arg(signal)
        .args(ids)
        .stderr(Stdio::null())
        .status()
}

/// All processes with their parents.
fn parents() -> Vec<(u32, u32)> {
    let entries = fs::read_dir("/proc").expect("there is /proc").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| Some((id, stat(id)?.parent)))
        .collect()
}

/// What the system says of a process.
struct Stat {
    /// Whether it is more than a status that nobody has asked for yet.
    runs: bool,
    parent: u32,
}

/// `None` when there is no such process.
fn stat(id: u32) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // After the name, which may contain anything: the state and the parent.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    Some(Stat {
        runs: fields.next()? != "Z",
        parent: fields.next()?.parse().ok()?,
    })
}

/// A port that nobody listens on.
///
/// Below those that the system gives to outgoing connections, so that it is still free when a
/// killed server comes back, and no attempt to reconnect can be connected to itself.
pub fn free_port() -> u16 {
    loop {
        let [low, high, ..] = RandomState::new().build_hasher().finish().to_le_bytes();
        let port = 20_000 + u16::from_le_bytes([low, high]) % 12_000;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// That of `ttl` no more than a minute is gone, which is more than a test takes. A client may be a bit wrong about its
/// server's time.
///
/// # Panics
///
/// When more is gone, or less than nothing.
pub fn assert_left(left_millis: i64, ttl: Duration) {
    let whole = i64::try_from(ttl.as_millis()).expect("a short ttl");
    assert!(
        (whole - 60_000..=whole + 100).contains(&left_millis) && left_millis > 0,
        "{left_millis} ms of {ttl:?}"
    );
}
