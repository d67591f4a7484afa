//! Leases of clients whose clocks differ, on real servers.

use std::sync::Arc;
use std::time::Duration;

use cacheme::testing::Mode::{Waits, Works};
use cacheme::{Cacheme, Load, LoadContext, LoadResult};
use cacheme_tests::server::Server;
use cacheme_tests::skewed::Skewed;
use cacheme_tests::source::Source;

use super::server::PATIENCE;

#[cacheme::node(storage = "far", ttl = "30m", lease = "1s", key = "leased:{number}")]
#[derive(Clone, Copy)]
struct Leased {
    number: u64,
}

impl Load for Leased {
    type Value = u64;

    async fn load(&self, cx: &LoadContext) -> LoadResult<u64> {
        cx.state::<Source>()?.load(self.number).await
    }
}

fn leased(number: u64) -> Leased {
    Leased { number }
}

async fn client(url: String, source: &Source, clock: Skewed) -> Cacheme {
    let runtime = Cacheme::builder()
        .storage("far", url)
        .state(source.clone())
        .clock(Arc::new(clock))
        .build()
        .await;
    runtime.expect("the server can be reached")
}

/// One is an hour ahead and one an hour behind.
pub(super) async fn are_those_of_all_clients<S: Server>() {
    let (server, source) = (S::start(), Source::default());
    let ahead = client(server.url(), &source, Skewed::ahead()).await;
    let behind = client(server.url(), &source, Skewed::behind()).await;
    load_once(&ahead, &behind, &source).await;
    write_nothing_old(&ahead, &behind, &source).await;
    let gone = {
        let (url, source) = (server.url(), source.clone());
        std::thread::spawn(move || die(url, &source))
    };
    gone.join().expect("it doesn't panic");
    source.gate.set_mode(Works);
    let waited = tokio::time::timeout(PATIENCE, behind.get(leased(200)));
    assert_eq!(
        waited.await.expect("it takes over").expect("it loads"),
        1200
    );
}

/// Though it takes longer than a lease.
async fn load_once(ahead: &Cacheme, behind: &Cacheme, source: &Source) {
    source.gate.set_mode(Waits);
    let works = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        source.gate.set_mode(Works);
    };
    let (one, other, ()) = tokio::join!(
        ahead.get_all((0..20).map(leased)),
        behind.get_all((10..30).rev().map(leased)),
        works
    );
    assert!(one.expect("it loads").into_iter().eq(0..20));
    assert!(other.expect("it loads").into_iter().rev().eq(10..30));
    let mut loaded = source.gate.calls().concat();
    loaded.sort_unstable();
    assert!(loaded.iter().copied().eq(0..30), "{loaded:?}");
}

/// What the other client invalidates meanwhile.
async fn write_nothing_old(ahead: &Cacheme, behind: &Cacheme, source: &Source) {
    source.gate.set_mode(Waits);
    let begun = source.loads();
    let change = async {
        source.gate.passed(begun + 1).await;
        source.changes();
        behind.invalidate(leased(100)).await.expect("it is removed");
        source.gate.set_mode(Works);
    };
    let (old, ()) = tokio::join!(ahead.get(leased(100)), change);
    assert_eq!(old.expect("it loads"), 100);
    for client in [behind, ahead] {
        assert_eq!(client.get(leased(100)).await.expect("it loads"), 1100);
    }
}

/// A client that ends in the middle of a load.
fn die(url: String, source: &Source) {
    let tokio = tokio::runtime::Runtime::new().expect("it starts");
    source.gate.set_mode(Waits);
    let begun = source.loads();
    tokio.block_on(async {
        let client = client(url, source, Skewed::ahead()).await;
        tokio::select! {
            _ = client.get(leased(200)) => unreachable!("its load waits"),
            () = source.gate.passed(begun + 1) => {}
        }
    });
    drop(tokio);
}
