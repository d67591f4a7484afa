const NAME: &str = "hot";

#[cacheme::node(storage = NAME.len(), ttl = NAME)]
struct Id(u64);

fn main() {}
