//! Promise 6: different nodes never share a key.

#![expect(
    clippy::option_option,
    reason = "keys have to tell nested options apart"
)]

use cacheme::{Cacheme, Node};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
enum Kind {
    None,
    Some(String),
    Pair(String, String),
    Named { some: Option<String> },
}

#[cacheme::node(storage = "none")]
struct Plain {
    text: String,
    option: Option<Option<String>>,
    list: Vec<String>,
    kind: Kind,
}

#[cacheme::node(
    storage = "none",
    version = "v1",
    key = "{list}-{text}/x:{kind}_{option}|"
)]
struct Templated {
    text: String,
    option: Option<Option<String>>,
    list: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Debug, Node)]
#[node(storage = "none")]
enum Variants {
    Unit,
    Tuple(String, String),
    Named { text: String, list: Vec<String> },
}

/// Short texts of the characters that mean something in a key.
fn text() -> impl Strategy<Value = String> {
    "[-:/|_%~(),=x é]{0,3}"
}

type Fields = (String, Option<Option<String>>, Vec<String>, Kind);

fn fields() -> impl Strategy<Value = Fields> {
    let kind = prop_oneof![
        Just(Kind::None),
        text().prop_map(Kind::Some),
        (text(), text()).prop_map(|(a, b)| Kind::Pair(a, b)),
        option::of(text()).prop_map(|some| Kind::Named { some }),
    ];
    (
        text(),
        option::of(option::of(text())),
        vec(text(), 0..3),
        kind,
    )
}

fn variants() -> impl Strategy<Value = Variants> {
    prop_oneof![
        Just(Variants::Unit),
        (text(), text()).prop_map(|(a, b)| Variants::Tuple(a, b)),
        (text(), vec(text(), 0..3)).prop_map(|(text, list)| Variants::Named { text, list }),
    ]
}

fn key(node: &impl Node) -> String {
    let key = Cacheme::default().key(node);
    key.expect("the fields can be written").to_string()
}

/// Equal nodes have equal keys and different ones different keys.
fn agree<N: Node>(a: &N, b: &N) {
    assert_eq!(a.same(b), key(a) == key(b), "{} and {}", key(a), key(b));
    assert_eq!(key(a), key(&a.duplicate()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn promise_6_keys_differ_exactly_when_nodes_do(a in fields(), b in fields()) {
        let plain = |(text, option, list, kind)| Plain { text, option, list, kind };
        agree(&plain(a.clone()), &plain(b.clone()));
        let templated = |(text, option, list, kind)| Templated { text, option, list, kind };
        agree(&templated(a), &templated(b));
    }

    #[test]
    fn promise_6_one_field_that_differs_is_enough(a in fields(), other in text()) {
        let node = |text: &str| {
            let (_, option, list, kind) = a.clone();
            Templated { text: text.to_owned(), option, list, kind }
        };
        agree(&node(&a.0), &node(&other));
    }

    #[test]
    fn promise_6_holds_for_enums(a in variants(), b in variants()) {
        agree(&a, &b);
    }
}

#[test]
fn keys_look_as_documented() {
    #[cacheme::node(storage = "none", version = "v1", key = "user:{user_id}:info")]
    struct User {
        user_id: u64,
    }

    #[cacheme::node(storage = "none")]
    struct Unit;

    #[cacheme::node(storage = "none")]
    struct Page<T: Send + Sync + 'static, const SIZE: usize> {
        number: u8,
        item: std::marker::PhantomData<T>,
    }

    let runtime = Cacheme::default();
    let user = User { user_id: 7 };
    assert_eq!(
        runtime.key(&user).expect("a key").as_str(),
        "user:7:info:v1"
    );
    runtime.set_prefix("shop");
    assert_eq!(
        runtime.key(&user).expect("a key").as_str(),
        "shop:user:7:info:v1"
    );
    assert_eq!(key(&Unit), "Unit");
    let page = Page::<u8, 20> {
        number: 1,
        item: std::marker::PhantomData,
    };
    assert_eq!(key(&page), "Page:u8:20:1");
    let list = vec!["a".to_owned(), "b c".to_owned()];
    let text = "é:1".to_owned();
    assert_eq!(
        key(&Variants::Named { text, list }),
        "Variants:Named:é%3A1:(a,b%20c,)"
    );
}
