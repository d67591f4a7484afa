use cacheme::cached;

#[cacheme::node(storage = "hot", crate = "cacheme")]
struct Quoted {
    id: u64,
}

#[cached(storage = "hot", crate)]
async fn nowhere(id: u64) -> u64 {
    id
}

fn main() {}
