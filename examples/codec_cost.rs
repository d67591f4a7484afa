//! What each codec costs: the bytes of a value, and the time to write and to read it.
//!
//! Run it with `cargo run --release --example codec_cost`. The values are a profile of about 1 KiB and
//! a page of twenty of them; what is printed is the median of 101 times.

#![expect(clippy::print_stdout, reason = "the table is the output")]

use std::hint::black_box;
use std::iter;
use std::time::Instant;

use cacheme::codec::{Bincode, Json, Msgpack, Zstd};
use cacheme::{BoxError, Codec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Profile {
    id: u64,
    name: String,
    email: Option<String>,
    address: Address,
    roles: Vec<Role>,
    scores: Vec<f64>,
    visits: Vec<u32>,
    about: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Address {
    street: String,
    city: String,
    country: String,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
enum Role {
    Reader,
    Author { since: u16 },
    Editor(String),
}

/// Random numbers, the same in every run (Marsaglia, "Xorshift RNGs", 2003).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }

    fn word(&mut self) -> String {
        const PARTS: [&str; 16] = [
            "ca", "che", "me", "ro", "lin", "ta", "su", "ver", "ni", "gor", "el", "dra", "po",
            "qui", "sha", "ben",
        ];
        let parts = 1 + self.roll(4);
        iter::repeat_with(|| PARTS[usize::try_from(self.roll(16)).unwrap_or_default()])
            .take(usize::try_from(parts).unwrap_or_default())
            .collect()
    }

    fn words(&mut self, count: usize) -> String {
        let words: Vec<_> = iter::repeat_with(|| self.word()).take(count).collect();
        words.join(" ")
    }

    fn profile(&mut self) -> Profile {
        #[expect(clippy::cast_precision_loss, reason = "any number will do")]
        let score = |dice: &mut Self| dice.roll(1 << 50) as f64 / 1e9;
        let visit = |dice: &mut Self| u32::try_from(dice.roll(100_000)).unwrap_or_default();
        Profile {
            id: self.roll(1 << 40),
            name: self.words(2),
            email: Some(format!("{}@{}.example", self.word(), self.word())),
            address: Address {
                street: self.words(3),
                city: self.word(),
                country: self.word(),
            },
            roles: vec![
                Role::Reader,
                Role::Author { since: 2026 },
                Role::Editor(self.word()),
            ],
            scores: iter::repeat_with(|| score(self)).take(12).collect(),
            visits: iter::repeat_with(|| visit(self)).take(24).collect(),
            about: self.words(110),
        }
    }
}

const ROUNDS: usize = 101;

/// The median time of a call, in microseconds.
fn time(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 20;
    let round = || {
        let start = Instant::now();
        (0..CALLS).for_each(|_| call());
        start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS)
    };
    let mut times: Vec<_> = iter::repeat_with(round).take(ROUNDS).collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

fn row<C: Codec<V>, V: PartialEq>(name: &str, value: &V) -> Result<(), BoxError> {
    let mut bytes = Vec::new();
    C::encode(value, &mut bytes)?;
    assert!(
        C::decode(&bytes)? == *value,
        "{name} gives back what it was given"
    );
    let encode = time(|| {
        let mut out = Vec::new();
        let written = C::encode(black_box(value), &mut out);
        black_box((written.is_ok(), out));
    });
    let decode = time(|| {
        black_box(C::decode(black_box(&bytes)).is_ok());
    });
    let length = bytes.len();
    println!("| `{name}` | {length} | {encode:.1} | {decode:.1} |");
    Ok(())
}

fn table<V>(what: &str, value: &V) -> Result<(), BoxError>
where
    V: PartialEq + Serialize + DeserializeOwned,
{
    println!("| {what} | bytes | µs to write | µs to read |");
    println!("| --- | --: | --: | --: |");
    row::<Bincode, V>("Bincode", value)?;
    row::<Msgpack, V>("Msgpack", value)?;
    row::<Json, V>("Json", value)?;
    row::<Zstd<Bincode>, V>("Zstd<Bincode>", value)?;
    row::<Zstd<Msgpack>, V>("Zstd<Msgpack>", value)?;
    row::<Zstd<Json>, V>("Zstd<Json>", value)?;
    row::<Zstd<Json, 1024, 3>, V>("Zstd<Json, 1024, 3>", value)?;
    row::<Zstd<Json, 1024, 9>, V>("Zstd<Json, 1024, 9>", value)?;
    println!();
    Ok(())
}

fn main() -> Result<(), BoxError> {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    let page: Vec<_> = iter::repeat_with(|| dice.profile()).take(20).collect();
    table("a profile", &page[0])?;
    table("twenty profiles", &page)
}
