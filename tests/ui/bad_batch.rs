#[cacheme::node(storage = "hot", batch = 100)]
struct Value(u64);

#[cacheme::node(storage = "hot", batch(max = 0, delay = "2"))]
struct Bounds(u64);

#[cacheme::node(storage = "hot", batch(size = 10))]
struct Unknown(u64);

fn main() {}
