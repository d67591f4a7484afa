macro_rules! nodes {
    ($($name:ident $key:literal)*) => {
        $(#[cacheme::node(storage = "hot", key = $key)] struct $name { id: u64 })*
    };
}

nodes! {
    NoName "user:{}"
    Spec "user:{id:?}"
    Open "user:{id"
    Closed "user:id}"
    Nested "user:{a{id}"
    Control "user:\n{id}"
    Empty ""
}

fn main() {}
