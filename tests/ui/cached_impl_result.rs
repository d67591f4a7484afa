#[cacheme::cached(storage = "hot")]
async fn numbers(until: u64) -> impl Iterator<Item = u64> {
    0..until
}

fn main() {}
