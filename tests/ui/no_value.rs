#[cacheme::node(storage)]
struct NoEquals(u64);

#[cacheme::node(storage = , ttl = "30s")]
struct NoValue(u64);

#[cacheme::node(storage("hot"), version: "v1")]
struct OtherSign(u64);

#[cacheme::node(storage = "hot" ttl = "30s")]
struct NoComma(u64);

#[cacheme::node("hot")]
struct NoName(u64);

fn main() {}
