#[cacheme::node(storage = "hot", key = "pair:{a}{b}")]
struct Pair {
    a: u64,
    b: u64,
}

fn main() {}
