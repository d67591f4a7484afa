#![deny(warnings, clippy::pedantic, missing_docs)]
//! Every option, as a literal and as an expression.

use std::any::TypeId;
use std::time::Duration;

use cacheme::{Batch, MaxLoads, Node, Tier, codec};

const HOT: &str = "hot";
const JITTER: f64 = 0.5;
const TTL: Duration = Duration::from_secs(5);

#[cacheme::node(
    storage = HOT,
    ttl = TTL * 2,
    version = concat!("v", "1"),
    key = "user:{0}",
    codec = codec::Default,
)]
struct Expressions(u64);

#[cacheme::node(caches(
    cache(storage = "hot", ttl = "1h30m"),
    cache(ttl = Duration::from_secs(u64::from(u32::MAX)), storage = { HOT }),
    cache(storage = "cold"),
))]
struct Chain(u64);

#[cacheme::node(storage = "hot", codec = codec::Json, compress)]
struct Compressed(u64);

#[cacheme::node(compress, storage = "hot")]
struct DefaultCompressed<T>(T);

#[cacheme::node(storage = "hot", batch)]
struct Batched(u64);

#[cacheme::node(storage = "hot", batch(delay = "5ms", max = 5 * 2))]
struct BatchedBoth(u64);

#[cacheme::node(storage = "hot", max_loads = 16)]
struct Bounded(u64);

#[cacheme::node(storage = "hot", max_loads(queue = 2 * 50, at_once = { 8 }))]
struct BoundedBoth(u64);

#[cacheme::node(storage = "hot", ttl_jitter = 0.25)]
struct Literal(u64);

#[cacheme::node(storage = "hot", ttl_jitter = JITTER / 2.0)]
struct Expression(u64);

#[cacheme::node(storage = "hot", ttl = "1w1d1h1m1s1ms")]
struct Long(u64);

#[cacheme::node(storage = "hot", tags("tenant:{0}-{T}", "all",))]
struct Tagged<T>(u64, T);

#[cacheme::node(storage = "hot", stale = TTL, soft_timeout = TTL / 100, hard_timeout = TTL * 2, refresh_at = JITTER)]
struct Kept(u64);

#[cacheme::node(storage = "hot", stale = "1h", soft_timeout = "0ms", hard_timeout = "5s", refresh_at = 0.8)]
struct Literals(u64);

#[cacheme::node(storage = "hot", xfetch = 1.0)]
struct Fetched(u64);

#[cacheme::node(storage = "hot", xfetch = JITTER * 2.0)]
struct FetchedLate(u64);

#[cacheme::node(storage = "hot", tags("all"))]
enum Variants {
    Unit,
    Field(u64),
}

fn main() {
    assert_eq!(Tagged::<u8>::meta().tags(), ["tenant:{}-{}", "all"]);
    assert_eq!(Variants::meta().tags(), ["all"]);
    assert_eq!(Literals::meta().soft_timeout(), Some(Duration::ZERO));
    assert_eq!(Kept::meta().stale(), Some(TTL));
    let _ = (Kept(1), Literals(1));
    let _ = (Tagged(1, 2_u8), Variants::Unit, Variants::Field(1));
    let meta = Expressions::meta();
    assert_eq!(meta.version(), "v1");
    assert_eq!(
        meta.tiers(),
        [Tier::new("hot").with_ttl(Duration::from_secs(10))]
    );
    assert_eq!(
        TypeId::of::<<Expressions as Node>::Codec>(),
        TypeId::of::<<Chain as Node>::Codec>(),
    );

    let meta = Chain::meta();
    assert_eq!(meta.version(), "");
    let tiers = [
        Tier::new("hot").with_ttl(Duration::from_secs(5400)),
        Tier::new("hot").with_ttl(Duration::from_secs(u64::from(u32::MAX))),
        Tier::new("cold"),
    ];
    assert_eq!(meta.tiers(), tiers);

    assert_eq!(
        Long::meta().tiers()[0].ttl(),
        Some(Duration::from_millis(694_861_001))
    );
    assert_eq!(
        TypeId::of::<<Compressed as Node>::Codec>(),
        TypeId::of::<codec::Zstd<codec::Json>>(),
    );
    assert_eq!(
        TypeId::of::<<DefaultCompressed<u8> as Node>::Codec>(),
        TypeId::of::<codec::Zstd<codec::Default>>(),
    );
    let _ = (Compressed(1), DefaultCompressed(1_u8));
    assert_eq!(Batched::meta().batch(), Some(Batch::default()));
    let both = Batch::default()
        .with_max(10)
        .with_delay(Duration::from_millis(5));
    assert_eq!(BatchedBoth::meta().batch(), Some(both));
    let _ = (Batched(1), BatchedBoth(1));
    assert_eq!(Bounded::meta().max_loads(), Some(MaxLoads::new(16)));
    assert_eq!(
        BoundedBoth::meta().max_loads(),
        Some(MaxLoads::new(8).with_queue(100))
    );
    let _ = (Bounded(1), BoundedBoth(1));
    assert_eq!(Literal::meta().ttl_jitter(), Some(0.25));
    assert_eq!(Expression::meta().ttl_jitter(), Some(0.25));
    let _ = (Literal(1), Expression(1));
    let _ = (Expressions(1), Chain(1), Long(1));
}
