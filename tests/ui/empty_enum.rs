#[cacheme::node(storage = "hot")]
enum Never {}

fn main() {}
