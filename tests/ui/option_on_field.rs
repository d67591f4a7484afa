use cacheme::Node;

#[derive(Node)]
#[node(storage = "hot")]
struct UserInfo {
    #[node(skip)]
    user_id: u64,
}

#[cacheme::node(storage = "hot")]
enum Page {
    #[node(key = "home")]
    Home,
}

fn main() {}
