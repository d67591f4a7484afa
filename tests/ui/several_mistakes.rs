#[cacheme::node(
    storage = 5,
    ttl = "soon",
    verison = "v1",
    codec = "json",
    key = "user:{user_id:?}:{}{group}"
)]
struct UserInfo<'a> {
    user_id: u64,
    name: &'a str,
}

fn is_node<N: cacheme::Node>(_: &N) {}

fn main() {
    is_node(&UserInfo {
        user_id: 1,
        name: "a",
    });
}
