#[cacheme::node(storage = "hot", ttl = "30s", caches(cache(storage = "cold")))]
struct Id(u64);

fn main() {}
