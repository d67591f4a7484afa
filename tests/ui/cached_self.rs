struct Service;

impl Service {
    #[cacheme::cached(storage = "hot")]
    async fn profile(&self, user_id: u64) -> u64 {
        user_id
    }
}

fn main() {}
