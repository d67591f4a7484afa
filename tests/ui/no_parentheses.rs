use cacheme::Node;

#[derive(Node)]
#[node = "hot"]
struct Equals(u64);

#[derive(Node)]
#[node]
struct Bare(u64);

fn main() {}
