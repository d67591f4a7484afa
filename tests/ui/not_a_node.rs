struct UserInfo {
    user_id: u64,
}

fn is_node<N: cacheme::Node>(_: &N) {}

fn main() {
    is_node(&UserInfo { user_id: 1 });
}
