#[cacheme::node(storage = "hot", ttls = "30s")]
struct Near(u64);

#[cacheme::node(storage = "hot", namespace = "users")]
struct Far(u64);

fn main() {}
