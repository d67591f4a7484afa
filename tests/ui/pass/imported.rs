#![deny(warnings)]
//! The attribute macro under its own name.

use cacheme::node;

#[node(storage = "hot")]
struct Id(u64);

#[node(storage = "hot")]
#[node(version = "v1")]
struct Twice(u64);

fn is_node<N: cacheme::Node>(_: &N) {}

fn main() {
    is_node(&Id(1));
    is_node(&Twice(1));
}
