//! Another structure of the value's type, or another codec, is a miss.

use std::any::type_name;

use cacheme::codec::{Bincode, Json, Msgpack, Zstd};
use cacheme::{Cacheme, Codec, Miss};
use cacheme_tests::coded::Coded;
use cacheme_tests::memory::MemoryStorage;
use serde::{Deserialize, Serialize};

use super::{reasons, tier};

macro_rules! versions {
    ($($module:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        mod $module {
            #[derive(Clone, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
            pub(super) struct User { $(pub(super) $field: $type),* }
        }
    )*};
}

versions! {
    first { id: u64, name: String }
    same { id: u64, name: String }
    optional { id: u64, name: String, email: Option<String> }
    renamed { id: u64, title: String }
    wider { id: u128, name: String }
    swapped { name: String, id: u64 }
}

fn fingerprint<C: Codec<V>, V>() -> u64 {
    C::fingerprint().expect("the codec takes the type")
}

#[test]
fn named_fields_do_not_hide_a_change() {
    fn check<C>()
    where
        C: Codec<first::User> + Codec<same::User> + Codec<optional::User>,
        C: Codec<renamed::User> + Codec<wider::User> + Codec<swapped::User>,
    {
        let first = fingerprint::<C, first::User>();
        assert_eq!(first, fingerprint::<C, same::User>());
        let others = [
            fingerprint::<C, optional::User>(),
            fingerprint::<C, renamed::User>(),
            fingerprint::<C, wider::User>(),
            fingerprint::<C, swapped::User>(),
        ];
        assert!(!others.contains(&first));
    }
    check::<Bincode>();
    check::<Msgpack>();
    check::<Json>();
    check::<Zstd<Msgpack>>();
}

#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(String),
}

#[derive(Deserialize, Serialize)]
struct Holds<T> {
    id: u8,
    held: T,
}

#[derive(Deserialize, Serialize)]
struct Flat<T> {
    id: u8,
    #[serde(flatten)]
    more: T,
}

type Map = std::collections::BTreeMap<String, u8>;

#[test]
fn what_has_no_structure_to_be_seen_is_known_by_its_name() {
    fn check<C>()
    where
        C: Codec<Untagged> + Codec<serde_json::Value> + Codec<Vec<Untagged>>,
        C: Codec<Holds<Untagged>> + Codec<Holds<serde_json::Value>> + Codec<Flat<Map>>,
        C: Codec<Holds<Option<Untagged>>> + Codec<Flat<Holds<u8>>>,
    {
        let all = [
            fingerprint::<C, Untagged>(),
            fingerprint::<C, serde_json::Value>(),
            fingerprint::<C, Vec<Untagged>>(),
            fingerprint::<C, Holds<Untagged>>(),
            fingerprint::<C, Holds<serde_json::Value>>(),
            fingerprint::<C, Holds<Option<Untagged>>>(),
            fingerprint::<C, Flat<Map>>(),
            fingerprint::<C, Flat<Holds<u8>>>(),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(
                !all[..place].contains(one),
                "the type at {place} looks like another"
            );
        }
    }
    check::<Msgpack>();
    check::<Json>();
    let message = <Bincode as Codec<Flat<Map>>>::fingerprint();
    let message = message.expect_err("bincode can't read it back").to_string();
    assert!(
        message.ends_with("`codec::Msgpack` and `codec::Json` are"),
        "{message}"
    );
}

#[test]
fn what_stands_beside_it_is_still_seen() {
    assert_ne!(
        fingerprint::<Msgpack, (serde_json::Value, u8)>(),
        fingerprint::<Msgpack, (serde_json::Value, u16)>()
    );
}

#[test]
fn every_codec_has_an_id_of_its_own() {
    type Value = String;
    let ids = [
        <cacheme::codec::InProcess as Codec<Value>>::ID,
        <Bincode as Codec<Value>>::ID,
        <Msgpack as Codec<Value>>::ID,
        <Json as Codec<Value>>::ID,
        <Zstd<Bincode> as Codec<Value>>::ID,
        <Zstd<Msgpack> as Codec<Value>>::ID,
        <Zstd<Json> as Codec<Value>>::ID,
    ];
    assert_eq!(ids, [0, 1, 2, 3, 65, 66, 67]);
    assert_eq!(
        <Zstd<Json> as Codec<Value>>::ID,
        <Zstd<Json, 9, 9> as Codec<Value>>::ID
    );
    // Where an id is taken twice, the fingerprint differs.
    assert_eq!(<Zstd<Zstd<Json>> as Codec<Value>>::ID, 3);
    let nested = [
        fingerprint::<Json, Value>(),
        fingerprint::<Zstd<Json>, Value>(),
        fingerprint::<Zstd<Zstd<Json>>, Value>(),
    ];
    assert!(nested[0] != nested[1] && nested[0] != nested[2] && nested[1] != nested[2]);
}

/// Why the value wasn't there the first time; the second time it is.
async fn misses<C: Codec<String>>(far: &MemoryStorage) -> Vec<(Miss, u64)> {
    let runtime = Cacheme::builder().storage("far", far.clone());
    let runtime = runtime.build().await.expect("the set-up is right");
    for _ in 0..2 {
        let text = type_name::<C>().repeat(100);
        let expected = text.clone();
        let value = runtime.get_with(Coded::<C>::new(), move |_| async move { Ok(text) });
        assert_eq!(value.await.expect("a value"), expected);
    }
    let tier = tier::<Coded<C>>(&runtime);
    assert_eq!(tier.hits(), 1);
    reasons(&tier)
}

#[tokio::test]
async fn promise_5_an_entry_of_another_codec_is_a_miss_and_is_replaced() {
    let far = MemoryStorage::new();
    assert_eq!(misses::<Bincode>(&far).await, [(Miss::Absent, 1)]);
    let all = [
        misses::<Zstd<Bincode>>(&far).await,
        misses::<Msgpack>(&far).await,
        misses::<Zstd<Msgpack>>(&far).await,
        misses::<Json>(&far).await,
        misses::<Zstd<Json>>(&far).await,
        misses::<Zstd<Zstd<Json>>>(&far).await,
    ];
    for reasons in all {
        assert_eq!(reasons, [(Miss::Codec, 1)]);
    }
    assert_eq!(misses::<Zstd<Json>>(&far).await, [(Miss::Codec, 1)]);
    assert_eq!(
        misses::<Zstd<Zstd<Zstd<Json>>>>(&far).await,
        [(Miss::Schema, 1)]
    );
}
