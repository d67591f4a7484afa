#[cacheme::node(storage = "hot", codec = "json")]
struct Id(u64);

fn main() {}
