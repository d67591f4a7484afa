//! What a compare-and-swap has to do, where a storage has one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::{Shared, entry, get, get_one, key, remove};
use crate::key::Key;
use crate::storage::{Entry, Swap};

async fn swap(storage: &Shared, swaps: &[Swap]) -> Vec<bool> {
    storage.swap_many(swaps).await.expect("swap succeeds")
}

pub(super) async fn what_is_as_expected(storage: &Shared) {
    assert!(swap(storage, &[]).await.is_empty());
    let hour = Duration::from_secs(3600);
    let one = |value: &'static str| entry("swap:1", value).with_ttl(hour);
    let other = |value: &'static str| entry("swap:2", value);
    let absent = [Swap::absent(one("a")), Swap::absent(other("\0"))];
    assert_eq!(swap(storage, &absent).await, [true, true]);
    let mixed = [Swap::of("x", one("b")), Swap::of("\0", other("b"))];
    assert_eq!(swap(storage, &mixed).await, [false, true]);
    let again = [Swap::absent(one("c")), Swap::of("\0", other("c"))];
    assert_eq!(swap(storage, &again).await, [false, false]);
    let keys = ["swap:1", "swap:2"].map(key);
    assert_eq!(
        get(storage, &keys).await,
        ["a", "b"].map(|v| Some(v.into()))
    );
    let large: Bytes = (0..=u8::MAX).cycle().take(1 << 16).collect();
    let grown = [Swap::of("a", Entry::new(keys[0].clone(), large.clone()))];
    assert_eq!(swap(storage, &grown).await, [true]);
    assert_eq!(swap(storage, &[Swap::of(large, one("d"))]).await, [true]);
    remove(storage, &keys).await;
    let gone = [Swap::of("d", one("e")), Swap::absent(other("e"))];
    assert_eq!(swap(storage, &gone).await, [false, true]);
    assert_eq!(get(storage, &keys).await, [None, Some("e".into())]);
}

pub(super) async fn what_is_expired(storage: &Shared, pass: &impl AsyncFn(&Key, Duration)) {
    let minute = Duration::from_secs(60);
    let short = |value: &'static str| entry("swap:short", value).with_ttl(minute);
    assert_eq!(swap(storage, &[Swap::absent(short("a"))]).await, [true]);
    let longer = short("b").with_ttl(2 * minute);
    assert_eq!(swap(storage, &[Swap::of("a", longer)]).await, [true]);
    pass(&key("swap:short"), 2 * minute).await;
    assert_eq!(swap(storage, &[Swap::of("b", short("c"))]).await, [false]);
    assert_eq!(swap(storage, &[Swap::absent(short("d"))]).await, [true]);
    assert_eq!(get_one(storage, &key("swap:short")).await, Some("d".into()));
}

pub(super) async fn one_of_many(storage: &Shared) {
    for round in 0..10 {
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let storage = Arc::clone(storage);
            tasks.spawn(async move {
                let new = entry("swap:one", format!("{round}:{task}"));
                let found = get_one(&storage, &key("swap:one")).await;
                let swaps = match (round, found) {
                    (0, _) => Swap::absent(new),
                    // The last round's, or already this one's.
                    (_, Some(found)) if found.starts_with(format!("{round}:").as_bytes()) => {
                        return 0;
                    }
                    (_, found) => Swap::of(found.expect("it is never removed"), new),
                };
                usize::from(swap(&storage, &[swaps]).await == [true])
            });
        }
        let swapped: usize = tasks.join_all().await.into_iter().sum();
        assert_eq!(swapped, 1, "swaps of one value in round {round}");
    }
}
