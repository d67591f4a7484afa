#[cacheme::node(storage = "hot")]
struct UserInfo {
    user_id: u64,
}

#[cacheme::cached(node = UserInfo, storage = "cold", ttl = "1m")]
async fn profile(user_id: u64) -> u64 {
    user_id
}

fn main() {}
