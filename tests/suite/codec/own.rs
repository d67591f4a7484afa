//! A codec of one's own.

use cacheme::codec::Zstd;
use cacheme::{BoxError, Cacheme, Codec, Miss, Node};
use cacheme_tests::memory::MemoryStorage;

use super::{reasons, tier};

/// Lengths of time as text.
struct Seconds;

impl Codec<u64> for Seconds {
    const ID: u8 = 128;

    fn encode(value: &u64, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend(format!("{value}s").into_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<u64, BoxError> {
        let text = std::str::from_utf8(bytes)?;
        Ok(text.strip_suffix('s').ok_or("no unit")?.parse()?)
    }

    fn fingerprint() -> Result<u64, BoxError> {
        Ok(1)
    }
}

/// One node in one spelling, in a module of its own.
macro_rules! spelling {
    ($module:ident, $(#[$attribute:meta])*) => {
        mod $module {
            $(#[$attribute])*
            pub(super) struct Timed(pub(super) u64);
        }
    };
}

spelling! { attribute, #[cacheme::node(storage = "far", codec = super::Seconds)] }
spelling! { derive,
    #[derive(cacheme::Node)]
    #[node(storage = "far", codec = self::super::Seconds)]
}
spelling! { both,
    #[derive(cacheme::Node)]
    #[cacheme::node(storage = "far")]
    #[node(codec = crate::codec::own::Seconds)]
}
spelling! { wrapped, #[cacheme::node(codec = ::cacheme::codec::Zstd<super::Seconds, { 1 << 12 }, 3>, storage = "far")] }

/// Gets a node twice, and gives what was stored.
async fn stored<N: Node>(node: N) -> Vec<u8>
where
    u64: cacheme::Cacheable<N::Codec>,
{
    let far = MemoryStorage::new();
    let builder = Cacheme::builder().storage("far", far.clone());
    let runtime = builder.build().await.expect("the set-up is right");
    for _ in 0..2 {
        let value = runtime.get_with(node.duplicate(), |_| async { Ok(90_u64) });
        assert_eq!(value.await.expect("a value"), 90);
    }
    let tier = tier::<N>(&runtime);
    assert_eq!((tier.hits(), reasons(&tier)), (1, vec![(Miss::Absent, 1)]));
    let entries = far.entries();
    let frame = entries.values().next().expect("an entry");
    frame[48..frame.len() - 8].to_vec()
}

#[tokio::test]
async fn serves_a_node_in_every_spelling() {
    assert_eq!(stored(attribute::Timed(1)).await, b"90s");
    assert_eq!(stored(derive::Timed(1)).await, b"90s");
    assert_eq!(stored(both::Timed(1)).await, b"90s");
    assert_eq!(stored(wrapped::Timed(1)).await, b"\090s");
}

#[test]
fn compressed_it_has_an_id_of_its_own() {
    assert_eq!(<Zstd<Seconds> as Codec<u64>>::ID, 192);
    let inner = <Seconds as Codec<u64>>::fingerprint().expect("a number");
    let outer = <Zstd<Seconds> as Codec<u64>>::fingerprint();
    assert_ne!(outer.expect("a number"), inner);
}
