#[cacheme::node(storage = "hot", key = "page:{0}")]
enum Page {
    Home,
    User(u64),
}

fn main() {}
