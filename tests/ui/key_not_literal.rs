const KEY: &str = "user:{0}";

#[cacheme::node(storage = "hot", key = KEY)]
struct Path(u64);

#[cacheme::node(storage = "hot", key = concat!("user", ":{0}"))]
struct Macro(u64);

#[cacheme::node(storage = "hot", key = 7)]
struct Number(u64);

fn main() {}
