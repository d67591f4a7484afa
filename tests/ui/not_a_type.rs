#[cacheme::node(storage = "hot")]
fn load() {}

#[cacheme::node(storage = "hot")]
type Id = u64;

fn main() {
    load();
    let _: Id = 7;
}
