use cacheme::Node;

#[cacheme::node(storage = "hot", ttl = "30s", storage = "cold")]
struct InOneAttribute(u64);

#[derive(Node)]
#[node(storage = "hot", version = "v1")]
#[node(version = "v2")]
struct InTwo(u64);

fn main() {}
