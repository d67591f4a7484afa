#![deny(warnings, clippy::pedantic, missing_docs, unused_qualifications)]
//! Nodes in functions, in macros, and with fields that come and go.

use cacheme::Node;

macro_rules! node {
    ($name:ident { $($field:ident: $ty:ty),* } $storage:expr, $ttl:literal, $key:literal) => {
        #[cacheme::node(storage = $storage, ttl = $ttl, key = $key)]
        struct $name { $($field: $ty),* }
    };
}

macro_rules! annotate {
    ($item:item) => {
        #[cacheme::node(storage = "hot")]
        $item
    };
}

macro_rules! whole {
    ($name:ident) => {
        #[derive(Node)]
        #[node(storage = "hot", key = "user:{user_id}")]
        struct $name {
            user_id: u64,
        }
    };
}

node!(FromMacro { id: u64, name: String } "hot", "30s", "user:{id}:{name}");
annotate! {
    #[derive(Clone)]
    pub(crate) struct Annotated(u64);
}
whole!(Whole);

#[cacheme::node(storage = "hot")]
struct Sometimes {
    id: u64,
    #[cfg(any())]
    never: Missing,
    #[cfg(all())]
    always: u8,
}

mod inside {
    #[cacheme::node(storage = "hot")]
    pub(super) struct Id(pub(super) u64);
}

fn is_node<N: Node>(node: &N) {
    assert!(node.same(&node.duplicate()));
}

fn main() {
    #[cacheme::node(storage = "hot")]
    struct Local(u64);
    {
        #[derive(Node)]
        #[cacheme::node(storage = "hot")]
        struct Deeper(u64);
        is_node(&Deeper(1));
    }
    is_node(&Local(1));
    is_node(&FromMacro {
        id: 1,
        name: String::new(),
    });
    is_node(&Annotated(1).clone());
    is_node(&Whole { user_id: 1 });
    is_node(&Sometimes { id: 1, always: 2 });
    is_node(&inside::Id(1));
    assert_eq!(Sometimes::meta().pattern(), "Sometimes:{}:{}");
}
