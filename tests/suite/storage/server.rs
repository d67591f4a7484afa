//! What holds for the storage of every server: one line in [`servers!`] runs all of it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cacheme::testing::Conformance;
use cacheme::{Cacheme, Clock, Entry, Key, LocalStorage, ManualClock, Miss, Storage, SystemClock};
use cacheme_tests::mongodb::MongodbServer;
use cacheme_tests::mysql::MysqlServer;
use cacheme_tests::postgres::PostgresServer;
use cacheme_tests::redis::{RedisCluster, RedisSentinel, RedisServer};
use cacheme_tests::server::Server;
use cacheme_tests::wait::eventually;

/// For what comes about by itself; never reached when all is well.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Tests of every server, in a module for each.
macro_rules! servers {
    ($($name:ident: $server:ident;)*) => {
        $(mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn conforms_to_the_contract() {
                super::conforms_to_the_contract::<super::$server>().await;
            }

            #[tokio::test]
            async fn clients_whose_clocks_differ_agree() {
                super::clients_whose_clocks_differ_agree::<super::$server>().await;
            }

            #[tokio::test]
            async fn a_tag_ends_values_of_all_clients() {
                super::a_tag_ends_values_of_all_clients::<super::$server>().await;
            }

            #[tokio::test]
            async fn comes_back_with_a_server_that_was_killed() {
                super::comes_back_with_a_server_that_was_killed::<super::$server>().await;
            }

            #[tokio::test]
            async fn starts_before_its_server() {
                super::starts_before_its_server::<super::$server>().await;
            }

            #[tokio::test]
            async fn promise_4_a_frozen_server_costs_deadlines_and_no_memory() {
                super::a_frozen_server_costs_deadlines_and_no_memory::<super::$server>();
            }
        })*
    };
}

servers! {
    mongodb: MongodbServer;
    mysql: MysqlServer;
    postgres: PostgresServer;
    redis: RedisServer;
    redis_cluster: RedisCluster;
    redis_sentinel: RedisSentinel;
}

async fn open(url: &str) -> Arc<dyn Storage> {
    cacheme::storage::open(url)
        .await
        .expect("the server can be reached")
}

/// The URL with one more parameter.
pub(super) fn with(url: &str, parameter: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{parameter}")
}

async fn conforms_to_the_contract<S: Server>() {
    let server = S::start();
    // The largest values take a busy machine longer than a second.
    let storage = open(&with(&server.url(), "deadline=30s")).await;
    let conformance = Conformance::of(storage).largest_value(S::LARGEST);
    let pass = async |key: &Key, ttl| server.expire(key, ttl).await;
    conformance.run(pass).await;
}

/// The system's time, moved.
#[derive(Debug)]
struct Skewed {
    clock: SystemClock,
    ahead: Duration,
    behind: Duration,
}

impl Clock for Skewed {
    fn monotonic(&self) -> Duration {
        self.clock.monotonic()
    }

    fn unix(&self) -> Duration {
        (self.clock.unix() + self.ahead).saturating_sub(self.behind)
    }
}

#[cacheme::node(storage = "far", ttl = "30m", key = "skewed:{number}")]
struct Skew {
    number: u64,
}

#[cacheme::node(
    caches(cache(storage = "near"), cache(storage = "far", ttl = "30m")),
    key = "near:{number}"
)]
struct SkewNear {
    number: u64,
}

#[cacheme::node(storage = "far", ttl = "30m", tags("tenant:{tenant}"))]
struct Tagged {
    tenant: u64,
    number: u64,
}

const HOUR: Duration = Duration::from_secs(3600);

async fn runtime(url: String, clock: Arc<dyn Clock>) -> Cacheme {
    let builder = Cacheme::builder()
        .clock(clock)
        .storage("near", LocalStorage::lru(10))
        // It isn't about time: a busy machine may take more than a second.
        .storage("far", with(&url, "deadline=30s"));
    builder.build().await.expect("the server can be reached")
}

async fn skewed(url: String, ahead: Duration, behind: Duration) -> Cacheme {
    let clock = SystemClock::new();
    runtime(
        url,
        Arc::new(Skewed {
            clock,
            ahead,
            behind,
        }),
    )
    .await
}

async fn value(runtime: &Cacheme, number: u64, loaded: &'static str) -> String {
    let value = runtime.get_with(
        Skew { number },
        move |_| async move { Ok(loaded.to_owned()) },
    );
    value.await.expect("hit or loaded")
}

async fn a_tag_ends_values_of_all_clients<S: Server>() {
    let server = S::start();
    let one = skewed(server.url(), HOUR, Duration::ZERO).await;
    let two = skewed(server.url(), Duration::ZERO, HOUR).await;
    let get = async |runtime: &Cacheme, tenant, number, loaded: u64| {
        let load = move |cx: cacheme::LoadContext| async move {
            cx.add_tag(format!("number:{number}"));
            Ok(loaded)
        };
        let value = runtime.get_with(Tagged { tenant, number }, load).await;
        value.expect("hit or loaded")
    };
    let ended = async |runtime: &Cacheme, tag| {
        let ended = runtime.invalidate_tag(tag).await;
        ended.expect("the server can be reached");
    };
    for number in 0..3 {
        assert_eq!(get(&one, 1, number, 1).await, 1);
        assert_eq!(get(&one, 2, number, 2).await, 2);
    }
    assert_eq!(
        get(&two, 1, 0, 10).await,
        1,
        "the other one's value is read"
    );
    ended(&two, "tenant:1").await;
    for runtime in [&one, &two] {
        assert_eq!(get(runtime, 1, 0, 20).await, 20);
        assert_eq!(get(runtime, 2, 0, 30).await, 2, "another tenant's stays");
        ended(runtime, "tenant:1").await;
    }
    ended(&one, "number:1").await;
    assert_eq!(get(&two, 2, 1, 40).await, 40);
    assert_eq!(get(&two, 2, 2, 50).await, 2, "another number's stays");
}

/// One client is an hour ahead and one an hour behind: what one wrote the other reads for as long
/// as it lives, and no longer.
async fn clients_whose_clocks_differ_agree<S: Server>() {
    let server = S::start();
    let ahead = skewed(server.url(), HOUR, Duration::ZERO).await;
    let behind = skewed(server.url(), Duration::ZERO, HOUR).await;
    for (number, writer, reader) in [(1, &ahead, &behind), (2, &behind, &ahead)] {
        assert_eq!(value(writer, number, "first").await, "first");
        assert_eq!(
            value(reader, number, "lost").await,
            "first",
            "nothing is lost"
        );
        let key = Key::new(format!("skewed:{number}"));
        server.expire(&key, HOUR / 2).await;
        assert_eq!(
            value(reader, number, "second").await,
            "second",
            "it is expired"
        );
        assert_eq!(value(writer, number, "lost").await, "second");
    }
    // A refill lives as long as what it was copied from.
    let clock = Arc::new(ManualClock::new());
    let refilled = runtime(server.url(), Arc::<ManualClock>::clone(&clock)).await;
    let get_from = async |runtime: &Cacheme| {
        let node = SkewNear { number: 3 };
        let value = runtime.get_with(node, |_| async { Ok("x".to_owned()) });
        value.await.expect("hit or loaded")
    };
    get_from(&behind).await;
    let get = async || get_from(&refilled).await;
    get().await;
    let missed = || {
        let stats = refilled.stats();
        stats
            .node::<SkewNear>()
            .map_or(0, |node| node.tiers()[0].missed(Miss::Expired))
    };
    clock.advance(28 * Duration::from_secs(60));
    get().await;
    assert_eq!(missed(), 0);
    // Half an hour, and by how much the clients' notions of the server's time may differ.
    clock.advance(Duration::from_secs(130));
    get().await;
    assert_eq!(missed(), 1, "it lived in process no longer than its ttl");
}

async fn put_and_get(storage: &dyn Storage, key: &str) -> bool {
    let put = storage
        .put_many(&[Entry::new(Key::new(key), "value")])
        .await;
    let found = storage.get_many(&[Key::new(key)]).await;
    put.is_ok() && found.is_ok_and(|found| found == [Some("value".into())])
}

async fn comes_back_with_a_server_that_was_killed<S: Server>() {
    let mut server = S::start();
    let storage = open(&server.url()).await;
    assert!(put_and_get(&*storage, "before").await);
    server.kill();
    assert!(storage.get_many(&[Key::new("before")]).await.is_err());
    server.restart();
    eventually("the storage works again", PATIENCE, async || {
        put_and_get(&*storage, "after").await
    })
    .await;
}

async fn starts_before_its_server<S: Server>() {
    let mut server = S::start();
    server.kill();
    let url = server.url();
    let opened = cacheme::storage::open(&url).await;
    let error = opened.expect_err("nobody is there").to_string();
    assert!(!error.is_empty());
    let storage = open(&with(&url, "lazy=true")).await;
    assert!(storage.get_many(&[Key::new("key")]).await.is_err());
    server.restart();
    eventually("the storage works", PATIENCE, async || {
        put_and_get(&*storage, "key").await
    })
    .await;
}

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

/// Requests of a server that answers none take their deadline, not more; memory is flat; and the
/// storage is at half of its speed two seconds after the server goes on: of that before, or of that which
/// the rest of the machine leaves it by then. A busy machine may add how late it is with other things.
fn a_frozen_server_costs_deadlines_and_no_memory<S: Server>() {
    /// Of a read, or of the write of a refresh.
    const DEADLINE: Duration = Duration::from_secs(1);
    /// For what the lines don't see of a busy machine.
    const GRACE: Duration = Duration::from_millis(500);
    /// In KiB, beyond what buffers and allocators take when 64 requests wait.
    const MEMORY: u64 = 8 << 10;

    let server = S::start();
    let load = Load::start(&server.url());
    load.watch(Duration::from_secs(2));
    let before = load.watch(Duration::from_secs(3));
    let (full, memory) = (
        speed(&before),
        before.last().map_or(0, |line| line.resident),
    );
    assert!(full > 0, "there are hits before: {before:?}");

    server.freeze();
    let frozen = load.watch(Duration::from_secs(30));
    server.thaw();
    let thawed = load.watch(Duration::from_secs(6));

    let lines: Vec<_> = frozen.iter().chain(&thawed).collect();
    let lag: Duration = lines.iter().map(|line| line.lag).max().unwrap_or_default();
    let longest = lines.iter().map(|line| line.longest).max();
    let resident = lines.iter().map(|line| line.resident).max();
    // Other tests may have more of the machine by now than before.
    let after = speed(&thawed[thawed.len() / 2..]);
    let back = thawed
        .iter()
        .position(|line| line.hits * 2 >= full.min(after));
    eprintln!(
        "{full} hits a line before, {after} after; frozen: {longest:?} the longest request, \
         {memory} to {resident:?} KiB, {lag:?} late at most; back after {back:?} lines of 250 ms: {thawed:?}"
    );
    assert!(
        longest.is_some_and(|longest| longest <= DEADLINE + GRACE + 4 * lag),
        "a request took {longest:?}, where the machine was {lag:?} late"
    );
    assert!(
        resident.is_some_and(|resident| resident <= memory + MEMORY),
        "{memory} KiB before, then {resident:?}"
    );
    let loads: u64 = frozen.iter().map(|line| line.loads).sum();
    assert!(loads >= 64 * 10, "the loader answers: {loads} loads");
    assert!(
        after * 4 >= full,
        "{full} hits a line before, after: {thawed:?}"
    );
    let late: Duration = thawed.iter().map(|line| line.lag).sum();
    let within = Duration::from_secs(2) + GRACE + late;
    let back =
        back.and_then(|lines| Duration::from_millis(250).checked_mul(u32::try_from(lines).ok()?));
    assert!(
        back.is_some_and(|back| back <= within),
        "{full} hits a line before, after: {thawed:?}"
    );
}
