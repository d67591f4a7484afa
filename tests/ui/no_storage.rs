use cacheme::Node;

#[cacheme::node]
struct NoOptions(u64);

#[cacheme::node(version = "v1")]
struct OtherOptions(u64);

#[derive(Node)]
#[node(ttl = "30s")]
struct Derived(u64);

#[derive(Node)]
struct NoAttribute(u64);

fn main() {}
