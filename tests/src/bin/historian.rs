//! Reads, puts, invalidates and changes values for some seconds, beside other processes, and says what it did.

use std::env;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cacheme::{BoxError, Cacheme, Load, LoadContext, LoadResult};
use cacheme_tests::history::{Event, Kind};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Few, so that processes meet.
const PLACES: usize = 8;
const KEYS: u64 = PLACES as u64;
const PROCESSES: u64 = 4;

/// Held by who changes a value, until the cache has been told: who is held up in between would put it over a newer one.
static CHANGES: [Mutex<()>; PLACES] = [const { Mutex::const_new(()) }; PLACES];

#[cacheme::node(storage = "far", ttl = "1h", lease = "1s", key = "leased:{key}")]
struct Leased {
    key: u64,
}

/// Without what makes it safe.
#[cacheme::node(storage = "far", ttl = "1h", key = "plain:{key}")]
struct Plain {
    key: u64,
}

/// The versions of the values, in a file that all processes have open. Each value is changed by one of them.
#[derive(Clone, Debug)]
struct Versions(Arc<File>);

impl Versions {
    fn get(&self, key: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0
            .read_exact_at(&mut bytes, key * 8)
            .expect("the file is there");
        u64::from_le_bytes(bytes)
    }

    fn next(&self, key: u64) -> u64 {
        let version = self.get(key) + 1;
        let written = self.0.write_all_at(&version.to_le_bytes(), key * 8);
        written.expect("the file is there");
        version
    }
}

macro_rules! loads {
    ($($node:ident)*) => {
        $(impl Load for $node {
            type Value = u64;

            async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
                let version = cx.state::<Versions>()?.get(self.key);
                tokio::time::sleep(Duration::from_micros(500 + random(3000))).await;
                Ok(version)
            }
        })*
    };
}

loads!(Leased Plain);

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}

/// A number below this one.
fn random(below: u64) -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish() % below
}

/// One of the things that are done, over and over.
async fn act<N: Load<Value = u64>>(
    cache: &Cacheme,
    versions: &Versions,
    number: u64,
    node: fn(u64) -> N,
    events: &UnboundedSender<Event>,
) -> cacheme::Result<()> {
    let (choice, mut key) = (random(100), random(KEYS));
    let mut from = now();
    let (kind, version) = match choice {
        0..80 => (Kind::Read, cache.get(node(key)).await?),
        80..90 => {
            let version = versions.get(key);
            cache.invalidate(node(key)).await?;
            (Kind::End, version)
        }
        _ => {
            key = key / PROCESSES * PROCESSES + number;
            let place = usize::try_from(key).expect("it is one of a few");
            let _changing = CHANGES[place].lock().await;
            from = now();
            let version = versions.next(key);
            if choice < 95 {
                cache.put(node(key), version).await?;
            } else {
                cache.invalidate(node(key)).await?;
            }
            (Kind::End, version)
        }
    };
    let to = now();
    // It is received to the end.
    let _ = events.send(Event {
        kind,
        key,
        from,
        to,
        version,
    });
    Ok(())
}

async fn run<N: Load<Value = u64>>(
    node: fn(u64) -> N,
    url: String,
    versions: Versions,
    number: u64,
    until: Instant,
) -> Result<(), BoxError> {
    let cache = Cacheme::builder()
        .storage("far", url)
        .bus("far")
        .state(versions.clone())
        .build()
        .await?;
    let (events, mut all) = unbounded_channel();
    for _ in 0..6 {
        let (cache, versions, events) = (cache.clone(), versions.clone(), events.clone());
        tokio::spawn(async move {
            while Instant::now() < until {
                // What fails isn't over: it may end what was there or not, and promises nothing.
                if let Err(error) = act(&cache, &versions, number, node, &events).await {
                    eprintln!("process {number}: {error:?}");
                }
                tokio::time::sleep(Duration::from_micros(random(2000))).await;
            }
        });
    }
    drop(events);
    let mut out = BufWriter::new(io::stdout());
    while let Some(event) = all.recv().await {
        writeln!(out, "{event}")?;
    }
    Ok(out.flush()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [kind, url, path, number, seconds] = arguments.as_slice() else {
        return Err("usage: historian leased|plain URL FILE NUMBER SECONDS".into());
    };
    let file = File::options().read(true).write(true).open(path)?;
    let (versions, number) = (Versions(Arc::new(file)), number.parse()?);
    let until = Instant::now() + Duration::from_secs(seconds.parse()?);
    match kind.as_str() {
        "leased" => run(|key| Leased { key }, url.clone(), versions, number, until).await,
        _ => run(|key| Plain { key }, url.clone(), versions, number, until).await,
    }
}
