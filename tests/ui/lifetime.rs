#[cacheme::node(storage = "hot")]
struct ByName<'a> {
    name: &'a str,
}

#[cacheme::node(storage = "hot")]
enum By<'name, 'mail> {
    Name(&'name str),
    Mail(&'mail str),
}

fn main() {}
