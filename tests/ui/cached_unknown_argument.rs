#[cacheme::cached(storage = "hot", key = "profile:{account}:{usr_id}")]
async fn profile(user_id: u64, name: String) -> u64 {
    let _ = name;
    user_id
}

fn main() {}
