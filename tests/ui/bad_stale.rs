#[cacheme::node(storage = "hot", soft_timeout = "50ms")]
struct NothingOld(u64);

#[cacheme::node(storage = "hot", stale = "0s", hard_timeout = 5)]
struct NoTime(u64);

#[cacheme::node(storage = "hot", stale = "1h", soft_timeout = "soon")]
struct NoWait(u64);

#[cacheme::node(storage = "hot", ttl = "1m", refresh_at = 1.0)]
struct TooLate(u64);

#[cacheme::node(storage = "hot", ttl = "1m", refresh_at)]
struct Never(u64);

#[cacheme::node(storage = "hot", ttl = "1m", xfetch = 0.0)]
struct Unwanted(u64);

#[cacheme::cached(storage = "hot", soft_timeout = "50ms")]
async fn soft(of: u64) -> u64 {
    of
}

#[cacheme::cached(storage = "hot", refresh_at = 0.5)]
async fn eager(of: u64) -> u64 {
    of
}

fn main() {}
