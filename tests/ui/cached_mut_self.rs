struct Service;

impl Service {
    #[cacheme::cached(storage = "hot")]
    async fn profile(#[skip] &mut self, user_id: u64) -> u64 {
        user_id
    }
}

fn main() {}
