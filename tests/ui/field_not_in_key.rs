#[cacheme::node(storage = "hot", key = "user:{user_id}")]
struct UserInfo {
    user_id: u64,
    tenant: String,
}

#[cacheme::node(storage = "hot", key = "page:{0}")]
struct Page<T, const SIZE: usize>(T);

fn main() {}
