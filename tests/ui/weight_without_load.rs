#[cacheme::node(storage = "hot", weight = String::len)]
struct Page(u64);

fn main() {}
