#[cacheme::cached(storage = "hot")]
fn profile(user_id: u64) -> u64 {
    user_id
}

fn main() {}
