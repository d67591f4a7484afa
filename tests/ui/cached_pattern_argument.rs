#[cacheme::cached(storage = "hot")]
async fn sum((left, right): (u64, u64)) -> u64 {
    left + right
}

fn main() {}
