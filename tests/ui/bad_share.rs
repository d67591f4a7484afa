macro_rules! nodes {
    ($($name:ident $share:literal)*) => {
        $(#[cacheme::node(storage = "hot", ttl_jitter = $share)] struct $name(u64);)*
    };
}

nodes! {
    Zero 0.0
    Above 1.5
    Negative -0.1
    Whole 1
    Text "0.1"
}

fn main() {}
