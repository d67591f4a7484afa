#[cacheme::node(caches())]
struct Empty(u64);

#[cacheme::node(caches = "hot")]
struct NoList(u64);

#[cacheme::node(caches("hot", "cold"))]
struct Strings(u64);

#[cacheme::node(caches(cache(ttl = "30s"), cache))]
struct NoStorage(u64);

#[cacheme::node(caches(cache(storage = "hot", version = "v1")))]
struct NotOfTiers(u64);

#[cacheme::node(caches(cache(storage = "hot"), cache(storage = "hot", ttl = "1d")))]
struct Same(u64);

fn main() {}
