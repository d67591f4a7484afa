//! A server that stops answering for half a minute, with the program `load` at it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cacheme_tests::PERIOD;
use cacheme_tests::server::Server;

/// A line of the program `load`.
#[derive(Clone, Copy, Debug)]
struct Line {
    hits: u64,
    loads: u64,
    longest: Duration,
    /// How late the line came, as the machine has others to serve.
    lag: Duration,
    /// In KiB.
    resident: u64,
}

/// The program `load` against a URL, and its lines.
struct Load {
    process: Child,
    lines: Receiver<Line>,
}

impl Load {
    fn start(url: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_load"))
            .arg(url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program can be run");
        let out = BufReader::new(process.stdout.take().expect("it is piped"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                let figures = line
                    .split(' ')
                    .map(|figure| figure.parse().expect("a figure"));
                let figures: Vec<u64> = figures.collect();
                let [hits, loads, longest, lag, resident] = figures[..] else {
                    panic!("`{line}` has five figures");
                };
                let [longest, lag] = [longest, lag].map(Duration::from_millis);
                let line = Line {
                    hits,
                    loads,
                    longest,
                    lag,
                    resident,
                };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { process, lines }
    }

    /// The lines of the time to come.
    fn watch(&self, time: Duration) -> Vec<Line> {
        let until = Instant::now() + time;
        let mut seen = Vec::new();
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            seen.extend(self.lines.recv_timeout(left).ok());
        }
        seen
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The median of hits per line.
fn speed(lines: &[Line]) -> u64 {
    let mut hits: Vec<_> = lines.iter().map(|line| line.hits).collect();
    hits.sort_unstable();
    hits[hits.len() / 2]
}

/// How late the machine was, summed up.
fn lag(lines: &[Line]) -> Duration {
    lines.iter().map(|line| line.lag).sum()
}

/// A server's freeze under load.
struct Freeze {
    frozen: Vec<Line>,
    /// Since the server went on.
    thawed: Vec<Line>,
}

impl Freeze {
    fn of(server: &impl Server, load: &Load, time: Duration) -> Self {
        server.freeze();
        let frozen = load.watch(time);
        server.thaw();
        let mut thawed = load.watch(Duration::from_secs(6));
        // By as much as it may be back later.
        thawed.extend(load.watch(lag(&thawed)));
        Self { frozen, thawed }
    }

    fn lines(&self) -> impl Iterator<Item = &Line> {
        self.frozen.iter().chain(&self.thawed)
    }

    /// Hits a line when it is over. Other tests may have more of the machine by then than before.
    fn speed(&self) -> u64 {
        speed(&self.thawed[self.thawed.len() / 2..])
    }

    /// Whether there is half of the speed two seconds after the server goes on: of that before, or of that
    /// which the rest of the machine leaves by then. A busy machine may add how late it is with other things.
    fn is_back_in_time(&self, full: u64) -> bool {
        let half = full.min(self.speed()).div_ceil(2);
        let lines = self.thawed.iter().take_while(|line| line.hits < half);
        let within = Duration::from_secs(2) + GRACE + lag(&self.thawed);
        PERIOD * u32::try_from(lines.count()).expect("a few") <= within
    }
}

/// For what the lines don't see of a busy machine.
const GRACE: Duration = Duration::from_millis(500);

/// Requests of a server that answers none take their deadline, not more; memory is flat; and the storage is back
/// soon after the server goes on.
pub(super) fn costs_deadlines_and_no_memory<S: Server>() {
    /// Of a read, or of the write of a refresh.
    const DEADLINE: Duration = Duration::from_secs(1);
    const TIME: Duration = Duration::from_secs(30);
    /// In KiB, beyond what buffers and allocators take when 64 requests wait.
    const MEMORY: u64 = 8 << 10;
    /// How often a server that was busy with something else may show that it is back in time.
    const ROUNDS: usize = 3;

    let server = S::start();
    let load = Load::start(&server.url());
    load.watch(Duration::from_secs(2));
    let before = load.watch(Duration::from_secs(3));
    let (full, memory) = (
        speed(&before),
        before.last().map_or(0, |line| line.resident),
    );
    assert!(full > 0, "there are hits before: {before:?}");

    let mut is_back = false;
    for _ in 0..ROUNDS {
        let freeze = Freeze::of(&server, &load, TIME);
        let late = freeze.lines().map(|line| line.lag).max();
        let longest = freeze.lines().map(|line| line.longest).max();
        let resident = freeze.lines().map(|line| line.resident).max();
        eprintln!(
            "{full} hits a line before, {} after; the longest request {longest:?}, {memory} to {resident:?} KiB, \
             {late:?} late at most; lines of {PERIOD:?} since the server goes on: {:?}",
            freeze.speed(),
            freeze.thawed,
        );
        let most = DEADLINE + GRACE + 4 * late.unwrap_or_default();
        assert!(
            longest.is_some_and(|longest| longest <= most),
            "a request took {longest:?}, where the machine was {late:?} late"
        );
        assert!(
            resident.is_some_and(|resident| resident <= memory + MEMORY),
            "{memory} KiB before, then {resident:?}"
        );
        let loads: u64 = freeze.frozen.iter().map(|line| line.loads).sum();
        // A task that waited for deadlines would have one or two a second.
        let least = 64 * 4 * TIME.as_secs();
        assert!(loads >= least, "the loader answers at once: {loads} loads");
        is_back = freeze.speed() * 4 >= full && freeze.is_back_in_time(full);
        if is_back {
            break;
        }
    }
    assert!(is_back, "the storage was back too late {ROUNDS} times");
}
