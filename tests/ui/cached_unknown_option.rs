#[cacheme::cached(storage = "hot", tll = "1m", time = 3)]
async fn profile(user_id: u64) -> u64 {
    user_id
}

fn main() {}
