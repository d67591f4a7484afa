#![deny(warnings, clippy::pedantic, missing_docs)]
//! Every shape that a node may have.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::marker::PhantomData;

use cacheme::Node;

#[cacheme::node(storage = "hot")]
struct Unit;

#[cacheme::node(storage = "hot", key = "all users")]
struct UnitWithKey;

#[cacheme::node(storage = "hot")]
struct Braces {}

#[cacheme::node(storage = "hot", key = "pair:{1}-{0}")]
struct Tuple(u64, String);

#[cacheme::node(storage = "hot", key = "{{{r}}}:{r}|{type}.")]
struct Raw {
    r#type: u8,
    r: u8,
}

#[cacheme::node(storage = "hot")]
struct Generic<T: Clone, U, const N: usize = 3>
where
    U: Copy,
{
    items: Vec<T>,
    bytes: [u8; 4],
    marker: PhantomData<fn() -> U>,
}

#[cacheme::node(storage = "hot", key = "{T}:{N}:{item}")]
struct Keyed<T, const N: u8> {
    item: T,
}

#[cacheme::node(storage = "hot")]
struct List {
    head: u8,
    tail: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize)]
struct Part(Option<Box<Part>>);

#[cacheme::node(storage = "hot")]
#[allow(non_camel_case_types)]
enum Page {
    Home,
    Empty {},
    User(u64, String),
    At { r#type: u64, y: u64 },
    r#type,
    Codec(u8),
}

#[cacheme::node(storage = "hot")]
enum One {
    Only { id: u64 },
}

fn hash<N: Node>(node: &N) -> u64 {
    let mut state = DefaultHasher::new();
    node.hash_into(&mut state);
    state.finish()
}

fn check<N: Node>(nodes: &[N], pattern: &str) {
    assert_eq!(N::meta().pattern(), pattern);
    for (i, left) in nodes.iter().enumerate() {
        let copy = left.duplicate();
        for (j, right) in nodes.iter().enumerate() {
            assert_eq!(left.same(right), i == j);
            assert_eq!(copy.same(right), i == j);
            assert_eq!(hash(&copy) == hash(right), i == j);
        }
    }
}

fn generic<U: Copy + Send + Sync + 'static>(items: Vec<u8>) -> Generic<u8, U> {
    Generic {
        items,
        bytes: [0; 4],
        marker: PhantomData,
    }
}

fn main() {
    check(&[Unit], "Unit");
    check(&[UnitWithKey], "all users");
    check(&[Braces {}], "Braces");
    check(
        &[
            Tuple(1, "a".into()),
            Tuple(2, "a".into()),
            Tuple(1, "b".into()),
        ],
        "pair:{}-{}",
    );
    check(
        &[Raw { r#type: 1, r: 2 }, Raw { r#type: 2, r: 1 }],
        "{{}}:{}|{}.",
    );
    check(
        &[generic::<u8>(vec![1]), generic(vec![2])],
        "Generic:{}:{}:{}:{}:{}",
    );
    check(&[Keyed::<_, 3> { item: 1 }, Keyed { item: 2 }], "{}:{}:{}");
    let tail = vec![Part(Some(Box::new(Part(None))))];
    check(
        &[
            List { head: 1, tail },
            List {
                head: 1,
                tail: vec![],
            },
        ],
        "List:{}:{}",
    );
    let pages = [
        Page::Home,
        Page::Empty {},
        Page::User(1, "a".into()),
        Page::User(2, "a".into()),
        Page::At { r#type: 1, y: 2 },
        Page::At { r#type: 2, y: 1 },
        Page::r#type,
        Page::Codec(1),
    ];
    check(&pages, "Page:*");
    check(&[One::Only { id: 1 }, One::Only { id: 2 }], "One:*");
}
