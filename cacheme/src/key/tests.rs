use std::collections::BTreeMap;

use serde::Serialize;

use super::text;

fn text(value: &impl Serialize) -> String {
    let mut out = String::new();
    text::write(&mut out, &mut String::new(), value, Some(':')).expect("a writable value");
    out
}

#[derive(Serialize)]
enum Shape {
    Point,
    Circle(u8),
    Line(u8, u8),
    Named { name: &'static str },
}

#[test]
fn shows_each_kind_of_value() {
    assert_eq!(text(&-7), "-7");
    assert_eq!(text(&true), "true");
    assert_eq!(text(&"a b:c%é/"), "a%20b%3Ac%25é%2F");
    assert_eq!(text(&vec![1, 2]), "(1,2,)");
    assert_eq!(text(&BTreeMap::from([("k", 1)])), "(k=1,)");
    assert_eq!(text(&Shape::Point), "Point");
    assert_eq!(text(&Shape::Circle(1)), "Circle(1,)");
    assert_eq!(text(&Shape::Line(1, 2)), "Line(1,2,)");
    assert_eq!(text(&Shape::Named { name: "a" }), "Named(name=a,)");
}

#[test]
fn tells_empty_things_apart() {
    let none: Option<String> = None;
    assert_ne!(text(&none), text(&Some("")));
    assert_ne!(text(&none), text(&Some("~")));
    assert_ne!(text(&None::<Option<u8>>), text(&Some(None::<u8>)));
    assert_ne!(text(&Vec::<String>::new()), text(&vec![""]));
    assert_ne!(text(&vec![""]), text(&vec!["", ""]));
    assert_ne!(text(&vec!["a,b"]), text(&vec!["a", "b"]));
}

#[test]
fn escapes_the_separator() {
    let mut out = String::new();
    text::write(&mut out, &mut String::new(), &"a-b_c", Some('-')).expect("a writable value");
    assert_eq!(out, "a%2Db_c");
}

#[derive(Serialize)]
#[serde(untagged)]
enum Untagged {
    Number(u8),
    Text(&'static str),
}

#[test]
fn kinds_differ_where_the_text_does_not() {
    let write = |value| {
        let (mut out, mut kinds) = (String::new(), String::new());
        text::write(&mut out, &mut kinds, &value, Some(':')).expect("a writable value");
        (out, kinds)
    };
    let (number, text) = (write(Untagged::Number(1)), write(Untagged::Text("1")));
    assert_eq!(number.0, text.0);
    assert_ne!(number.1, text.1);
}
