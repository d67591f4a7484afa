#[cacheme::cached(storage = "hot")]
async fn profile(#[skip(all)] db: &str, #[key] user_id: u64, #[skip] #[key(1)] other: u64) -> u64 {
    let _ = (db, other);
    user_id
}

fn main() {}
