use cacheme::Node;

#[cacheme::node(storage = "hot")]
union Attribute {
    a: u64,
}

#[derive(Node)]
#[node(storage = "hot")]
union Derive {
    a: u64,
}

fn main() {}
