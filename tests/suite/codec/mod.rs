//! Codecs: what comes back, what is refused, and what becomes of bytes that no codec wrote.

mod faithful;
mod hostile;
mod own;
mod structure;
mod zstd;

use cacheme::{BoxError, Codec, Miss, Node, TierStats};

fn encode<C: Codec<V>, V>(value: &V) -> Result<Vec<u8>, BoxError> {
    let mut bytes = b"in front".to_vec();
    C::encode(value, &mut bytes)?;
    Ok(bytes.split_off(8))
}

/// What is read of what is written.
fn back<C: Codec<V>, V>(value: &V) -> Result<V, BoxError> {
    C::decode(&encode::<C, V>(value)?)
}

/// Why a value isn't written.
fn refused<C: Codec<V>, V>(value: &V) -> String {
    let written = encode::<C, V>(value);
    written.expect_err("it isn't written").to_string()
}

/// The figures of a node's only tier.
fn tier<N: Node>(runtime: &cacheme::Cacheme) -> TierStats {
    let stats = runtime.stats();
    let node = stats.node::<N>().expect("the node was used");
    node.tiers()[0].clone()
}

/// Reasons why a tier had nothing, without those that didn't occur.
fn reasons(tier: &TierStats) -> Vec<(Miss, u64)> {
    let counts = Miss::ALL.map(|reason| (reason, tier.missed(reason)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}
