#[cacheme::node(storage = "hot")]
struct UserInfo {
    user_id: u64,
}

#[cacheme::cached(node = UserInfo)]
async fn profile(id: u64) -> u64 {
    id
}

fn main() {}
