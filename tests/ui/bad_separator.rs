#[cacheme::node(storage = "hot", key = "{a}x{b}é{c}%")]
struct Triple {
    a: u64,
    b: u64,
    c: u64,
}

fn main() {}
