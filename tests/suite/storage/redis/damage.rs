//! Whatever stands in Redis under a node's key: it is a value, or a counted miss.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cacheme::{Cacheme, KeyWriter, ManualClock, Meta, Miss, Node, Tier, TierStats};
use cacheme_tests::redis::{Connection, RedisServer};
use cacheme_tests::server::Server;

use super::{Timeless, storage};

#[cacheme::node(storage = "far", ttl = "1h", key = "stored:{number}")]
struct Stored {
    number: u64,
}

/// What the loader gives, 20 characters.
const VALUE: &str = "the value of a node.";

/// Header, length, value, checksum.
const FRAME: usize = 48 + 1 + 20 + 8;

/// The runtime's clock stands still, so that every frame of a value is the same.
struct Bench {
    server: RedisServer,
    connection: Connection,
    runtime: Cacheme,
    loads: Arc<AtomicUsize>,
}

impl Bench {
    async fn new() -> Self {
        let server = RedisServer::start();
        let runtime = standing_still(&server).await;
        Self {
            connection: server.connection(),
            server,
            runtime,
            loads: Arc::default(),
        }
    }

    /// Gets node 1, and says whether it was loaded.
    async fn is_loaded(&self) -> bool {
        let before = self.loads.load(Ordering::SeqCst);
        let loads = Arc::clone(&self.loads);
        let value = self
            .runtime
            .get_with(Stored { number: 1 }, move |_| async move {
                loads.fetch_add(1, Ordering::SeqCst);
                Ok(VALUE.to_owned())
            });
        assert_eq!(value.await.expect("found or loaded"), VALUE);
        self.loads.load(Ordering::SeqCst) > before
    }

    /// What stands under the key of node 1.
    fn stored(&mut self) -> Vec<u8> {
        self.connection
            .command(&["GET", "stored:1"])
            .bytes()
            .expect("it is there")
    }

    fn store(&mut self, bytes: &[u8]) {
        self.connection.command(&[b"SET", &b"stored:1"[..], bytes]);
    }

    /// Stores bytes, and looks that they are a miss for the reason given back, and are replaced.
    async fn misses(&mut self, bytes: &[u8], good: &[u8]) -> Miss {
        let before = far::<Stored>(&self.runtime);
        self.store(bytes);
        assert!(self.is_loaded().await, "nothing can be read from {bytes:?}");
        let after = far::<Stored>(&self.runtime);
        let more: Vec<_> = Miss::ALL
            .into_iter()
            .filter(|&reason| after.missed(reason) > before.missed(reason))
            .collect();
        assert_eq!(after.misses(), before.misses() + 1, "{bytes:?}");
        assert!(self.stored() == good, "{bytes:?} is replaced");
        assert!(!self.is_loaded().await, "what replaced {bytes:?} is read");
        assert_eq!(far::<Stored>(&self.runtime).hits(), before.hits() + 1);
        more[0]
    }
}

async fn standing_still(server: &RedisServer) -> Cacheme {
    let builder = Cacheme::builder()
        .storage("far", Timeless(storage(server).await))
        .clock(Arc::new(ManualClock::new()));
    builder.build().await.expect("the runtime can be built")
}

fn far<N: Node>(runtime: &Cacheme) -> TierStats {
    let stats = runtime.stats();
    let tier = stats.node::<N>().map(|node| node.tiers()[0].clone());
    tier.expect("the node was used")
}

#[tokio::test]
async fn promise_5_every_cut_is_a_miss_and_is_replaced() {
    let mut bench = Bench::new().await;
    assert!(bench.is_loaded().await);
    let good = bench.stored();
    assert_eq!(good.len(), FRAME);
    for end in 0..good.len() {
        let reason = bench.misses(&good[..end], &good).await;
        assert_eq!(reason, Miss::Corrupt, "cut at {end}");
    }
    for tail in [&b"\0"[..], &good[..]] {
        let reason = bench.misses(&[&good[..], tail].concat(), &good).await;
        assert_eq!(reason, Miss::Corrupt);
    }
}

#[tokio::test]
async fn promise_5_every_flipped_byte_is_a_miss_and_is_replaced() {
    let mut bench = Bench::new().await;
    assert!(bench.is_loaded().await);
    let good = bench.stored();
    for (place, flip) in
        (0..good.len()).flat_map(|place| [(place, 0xff), (place, 1 << (place % 8))])
    {
        let mut bad = good.clone();
        bad[place] ^= flip;
        let reason = bench.misses(&bad, &good).await;
        // The magic number and the frame's version say whether it is a frame at all.
        let expected = if place < 5 {
            Miss::Foreign
        } else {
            Miss::Corrupt
        };
        assert_eq!(reason, expected, "byte {place} ^ {flip:#x}");
    }
}

#[tokio::test]
async fn promise_5_what_somebody_else_wrote_is_a_miss_and_is_replaced() {
    let mut bench = Bench::new().await;
    assert!(bench.is_loaded().await);
    let good = bench.stored();
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()[0]
    })
    .take(1 << 20)
    .collect();
    assert_eq!(bench.misses(&noise, &good).await, Miss::Foreign);
    let text = "plain text that somebody else keeps under this very key, long enough to be a frame";
    assert_eq!(bench.misses(text.as_bytes(), &good).await, Miss::Foreign);
    assert_eq!(bench.misses(b"short", &good).await, Miss::Corrupt);
    assert_eq!(bench.misses(&[0; FRAME], &good).await, Miss::Foreign);

    // A list is no string: MGET gives nothing, and SET replaces it.
    bench.connection.command(&["DEL", "stored:1"]);
    bench.connection.command(&["RPUSH", "stored:1", "element"]);
    assert!(bench.is_loaded().await);
    assert!(bench.stored() == good);
}

#[tokio::test]
async fn promise_5_an_entry_under_another_key_is_a_miss() {
    let mut bench = Bench::new().await;
    let other = bench.runtime.get_with(Stored { number: 2 }, |_| async {
        Ok("of another".to_owned())
    });
    other.await.expect("it is loaded");
    bench.connection.command(&["COPY", "stored:2", "stored:1"]);
    assert!(bench.is_loaded().await);
    assert_eq!(far::<Stored>(&bench.runtime).missed(Miss::Foreign), 1);
    assert!(!bench.is_loaded().await, "it was replaced");
}

mod newer {
    /// As the other one, with the fields the other way round.
    #[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
    pub(super) struct Point {
        pub(super) y: u32,
        pub(super) x: u32,
    }
}

mod older {
    #[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
    pub(super) struct Point {
        pub(super) x: u32,
        pub(super) y: u32,
    }
}

#[tokio::test]
async fn promise_5_a_value_of_another_structure_is_a_miss() {
    let bench = Bench::new().await;
    let other = standing_still(&bench.server).await;
    for _ in 0..2 {
        let old = bench.runtime.get_with(Stored { number: 3 }, |_| async {
            Ok(older::Point { x: 1, y: 2 })
        });
        assert_eq!(
            old.await.expect("it is loaded"),
            older::Point { x: 1, y: 2 }
        );
        let new = other.get_with(Stored { number: 3 }, |_| async {
            Ok(newer::Point { x: 3, y: 4 })
        });
        assert_eq!(
            new.await.expect("it is loaded"),
            newer::Point { x: 3, y: 4 }
        );
    }
    assert_eq!(far::<Stored>(&other).missed(Miss::Schema), 2);
    assert_eq!(far::<Stored>(&bench.runtime).missed(Miss::Schema), 1);
}

/// A node whose values are written by the codec `C`, and that is otherwise the same for every `C`.
struct Coded<C>(std::marker::PhantomData<fn() -> C>);

impl<C: 'static> Node for Coded<C> {
    type Codec = C;

    fn meta() -> Meta {
        Meta::new("Coded", "damage::Coded", "coded").with_tier(Tier::new("far"))
    }

    fn write_key(&self, key: &mut KeyWriter) {
        key.literal("coded");
    }

    fn same(&self, _other: &Self) -> bool {
        true
    }

    fn hash_into<H: std::hash::Hasher>(&self, _state: &mut H) {}

    fn duplicate(&self) -> Self {
        Self(std::marker::PhantomData)
    }
}

/// Bincode under another number.
struct Other;

impl cacheme::Codec<u64> for Other {
    const ID: u8 = 200;

    fn encode(value: &u64, out: &mut Vec<u8>) -> Result<(), cacheme::BoxError> {
        out.extend(value.to_le_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<u64, cacheme::BoxError> {
        Ok(u64::from_le_bytes(bytes.try_into()?))
    }

    fn fingerprint() -> Result<u64, cacheme::BoxError> {
        <cacheme::codec::Bincode as cacheme::Codec<u64>>::fingerprint()
    }
}

#[tokio::test]
async fn promise_5_a_value_of_another_codec_is_a_miss() {
    let bench = Bench::new().await;
    let (runtime, other) = (&bench.runtime, standing_still(&bench.server).await);
    let coded = Coded::<cacheme::codec::Bincode>(std::marker::PhantomData);
    assert_eq!(
        runtime
            .get_with(coded, |_| async { Ok(1_u64) })
            .await
            .expect("it is loaded"),
        1
    );
    for _ in 0..2 {
        let coded = Coded::<Other>(std::marker::PhantomData);
        assert_eq!(
            other
                .get_with(coded, |_| async { Ok(2_u64) })
                .await
                .expect("it is loaded"),
            2
        );
    }
    let tier = far::<Coded<Other>>(&other);
    assert_eq!((tier.missed(Miss::Codec), tier.hits()), (1, 1));
}
