#[cacheme::node(storage = "hot", compress = true)]
struct Value(u64);

#[cacheme::node(storage = "hot", compress(3))]
struct List(u64);

fn main() {}
