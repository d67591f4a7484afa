//! Storages in process, as nodes use them.

use std::sync::Arc;
use std::time::Duration;

use cacheme::{Cacheme, IntoStorage, LocalStorage, ManualClock, Miss, Node};

/// Counts itself: as many clones as there are entries.
type Token = Arc<()>;

#[cacheme::node(storage = "hot", codec = cacheme::codec::InProcess)]
struct Apple {
    number: u64,
}

#[cacheme::node(storage = "hot", codec = cacheme::codec::InProcess, ttl = "10s")]
struct Pear {
    number: u64,
}

#[cacheme::node(storage = "hot", codec = cacheme::codec::InProcess)]
struct Boxed<T> {
    number: T,
}

async fn runtime(storage: impl IntoStorage + 'static) -> (Cacheme, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::new());
    let builder = Cacheme::builder()
        .storage("hot", storage)
        .clock(Arc::<ManualClock>::clone(&clock));
    (
        builder.build().await.expect("the runtime can be built"),
        clock,
    )
}

async fn put<N: Node<Codec = cacheme::codec::InProcess>>(
    runtime: &Cacheme,
    node: N,
    token: &Token,
) {
    let token = Arc::clone(token);
    let value = runtime.get_with(node, move |_| async move { Ok(token) });
    value.await.expect("found or loaded");
}

/// Whether the value is there; nothing is loaded or put in for it.
async fn has<N: Node<Codec = cacheme::codec::InProcess>>(runtime: &Cacheme, node: N) -> bool {
    let value = runtime.get_with(node, |_| async { Err::<Token, _>("not there".into()) });
    value.await.is_ok()
}

const POLICIES: [fn(usize) -> LocalStorage; 2] = [LocalStorage::tlfu, LocalStorage::lru];

#[tokio::test]
async fn several_node_types_never_exceed_the_capacity() {
    for (policy, capacity) in POLICIES
        .into_iter()
        .flat_map(|policy| [1, 10, 300].map(|n| (policy, n)))
    {
        let (runtime, _) = runtime(policy(capacity)).await;
        let token = Token::default();
        for number in 0..1000 {
            put(&runtime, Apple { number }, &token).await;
            put(&runtime, Pear { number }, &token).await;
            put(
                &runtime,
                Boxed {
                    number: number.to_string(),
                },
                &token,
            )
            .await;
            let kept = Arc::strong_count(&token) - 1;
            assert!(
                kept <= capacity,
                "{kept} entries in a storage for {capacity}"
            );
        }
        let kept = Arc::strong_count(&token) - 1;
        assert!(
            kept * 10 >= capacity * 9,
            "{kept} entries in a storage for {capacity}"
        );
        let mut found = 0;
        for number in 0..1000 {
            found += usize::from(has(&runtime, Apple { number }).await);
            found += usize::from(has(&runtime, Pear { number }).await);
            found += usize::from(
                has(
                    &runtime,
                    Boxed {
                        number: number.to_string(),
                    },
                )
                .await,
            );
        }
        assert_eq!(found, kept, "what is kept is found");
    }
}

#[tokio::test]
async fn nodes_of_different_types_do_not_meet() {
    for policy in POLICIES {
        let (runtime, _) = runtime(policy(100)).await;
        put(&runtime, Apple { number: 1 }, &Token::default()).await;
        assert!(has(&runtime, Apple { number: 1 }).await);
        assert!(!has(&runtime, Apple { number: 2 }).await);
        assert!(!has(&runtime, Pear { number: 1 }).await);
        assert!(!has(&runtime, Boxed { number: 1_u64 }).await);
        put(&runtime, Boxed { number: 1_u64 }, &Token::default()).await;
        assert!(!has(&runtime, Boxed { number: 1_u32 }).await);
        runtime
            .invalidate(Boxed { number: 1_u64 })
            .await
            .expect("it is removed");
        assert!(has(&runtime, Apple { number: 1 }).await);
    }
}

#[tokio::test]
async fn entries_expire_by_the_clock() {
    for policy in POLICIES {
        let (runtime, clock) = runtime(policy(100)).await;
        let token = Token::default();
        put(&runtime, Apple { number: 1 }, &token).await;
        put(&runtime, Pear { number: 1 }, &token).await;
        clock.advance(Duration::from_millis(9_999));
        // A hit doesn't prolong the entry's life.
        assert!(has(&runtime, Pear { number: 1 }).await);
        clock.advance(Duration::from_millis(1));
        assert!(!has(&runtime, Pear { number: 1 }).await);
        let stats = runtime.stats();
        let tier = stats
            .node::<Pear>()
            .map(|node| &node.tiers()[0])
            .expect("the node was used");
        assert_eq!((tier.hits(), tier.missed(Miss::Expired)), (1, 1));
        clock.advance(Duration::from_secs(1 << 40));
        assert!(has(&runtime, Apple { number: 1 }).await);
    }
}

#[tokio::test]
async fn lru_keeps_what_was_used_last() {
    let (runtime, _) = runtime("local://lru?capacity=3").await;
    let token = Token::default();
    for number in 0..3 {
        put(&runtime, Apple { number }, &token).await;
    }
    assert!(has(&runtime, Apple { number: 0 }).await);
    put(&runtime, Apple { number: 3 }, &token).await;
    let mut kept = Vec::new();
    for number in 0..4 {
        kept.push(has(&runtime, Apple { number }).await);
    }
    assert_eq!(kept, [true, false, true, true]);
}

#[tokio::test]
async fn tlfu_keeps_what_is_used_often_through_a_flood() {
    let (runtime, _) = runtime("local://tlfu?capacity=100").await;
    let token = Token::default();
    for _ in 0..20 {
        for number in 0..50 {
            put(&runtime, Apple { number }, &token).await;
        }
    }
    for number in 1000..6000 {
        put(&runtime, Apple { number }, &token).await;
    }
    let mut kept = 0;
    for number in 0..50 {
        kept += u32::from(has(&runtime, Apple { number }).await);
    }
    assert!(kept >= 45, "{kept} of 50 are left");
}
