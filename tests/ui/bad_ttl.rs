macro_rules! nodes {
    ($($name:ident $ttl:literal)*) => {
        $(#[cacheme::node(storage = "hot", ttl = $ttl)] struct $name(u64);)*
    };
}

nodes! {
    Empty ""
    Zero "0s"
    NoUnit "1h30"
    NoNumber "s"
    UnknownUnit "3y"
    WrongCase "5M"
    Space "1 h"
    Fraction "1.5h"
    SmallestFirst "30m1h"
    TooLong "99999999999999999w"
}

fn main() {}
