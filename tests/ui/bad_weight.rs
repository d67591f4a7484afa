#[cacheme::node(storage = "hot", weight = 100)]
struct Number(u64);

#[cacheme::node(storage = "hot", weight)]
struct Nothing(u64);

fn main() {}
