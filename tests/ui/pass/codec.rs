#![deny(warnings, clippy::pedantic, missing_docs)]
//! A codec is any type that implements the trait, in every spelling.

use cacheme::codec::{Json, Msgpack, Zstd};
use cacheme::{BoxError, Codec, Node};

mod my {
    pub(super) struct Text;
}

impl Codec<String> for my::Text {
    const ID: u8 = 128;

    fn encode(value: &String, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend(value.bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<String, BoxError> {
        Ok(String::from_utf8(bytes.to_vec())?)
    }

    fn fingerprint() -> Result<u64, BoxError> {
        Ok(0)
    }
}

#[cacheme::node(storage = "far", codec = my::Text)]
struct Attribute(u64);

#[derive(Node)]
#[node(storage = "far", codec = self::my::Text)]
struct Derive(u64);

#[derive(Node)]
#[cacheme::node(codec = Zstd<my::Text>, storage = "far")]
struct Both(u64);

#[cacheme::node(codec = Zstd<Json, { 4 * 1024 }, 3>, storage = "far")]
#[node(ttl = "1m")]
struct Parameters(u64);

#[cacheme::node(storage = "far", codec = ::cacheme::codec::Zstd<Msgpack, 4096>)]
enum Path {
    Only(u64),
}

fn takes<N: Node>(_: &N)
where
    String: cacheme::Cacheable<N::Codec>,
{
}

fn main() {
    takes(&Attribute(1));
    takes(&Derive(1));
    takes(&Both(1));
    takes(&Parameters(1));
    takes(&Path::Only(1));
}
