#[cacheme::cached(storage = "hot")]
struct UserInfo {
    user_id: u64,
}

fn main() {}
