#[cacheme::node(storage = "hot", key = "user:{usr_id}:{nmae}:info")]
struct UserInfo {
    user_id: u64,
    name: String,
}

fn main() {}
