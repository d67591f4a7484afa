#[cacheme::node(storage = "", version = "")]
struct Empty(u64);

#[cacheme::node(storage = 1, version = 2, ttl = 30)]
struct Number(u64);

fn main() {}
