#[cacheme::cached(storage = "hot", ttl_none = "5s")]
async fn profile(user_id: u64) -> u64 {
    user_id
}

fn main() {}
