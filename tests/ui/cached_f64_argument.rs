#[cacheme::cached(storage = "hot")]
async fn rounded(number: f64) -> u64 {
    number as u64
}

fn main() {}
