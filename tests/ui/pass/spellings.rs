#![deny(warnings, clippy::pedantic, missing_docs)]
//! However a node is written, it is the same node.

use std::time::Duration;

use cacheme::Node;

#[cacheme::node(storage = "hot", ttl = "30s", version = "v1")]
struct Attribute(u64);

#[derive(Node)]
#[node(storage = "hot", ttl = "30s", version = "v1")]
struct Derive(u64);

#[derive(Node)]
#[cacheme::node(storage = "hot", ttl = "30s", version = "v1")]
struct DeriveAbove(u64);

#[cacheme::node(storage = "hot", ttl = "30s", version = "v1")]
#[derive(Node)]
struct DeriveBelow(u64);

#[derive(Clone, cacheme::Node, PartialEq)]
#[cacheme::node(storage = "hot")]
#[node(ttl = "30s")]
#[cacheme::node(version = "v1")]
struct Mixed(u64);

#[cacheme::node(storage = "hot")]
#[derive(Clone)]
#[node(ttl = "30s")]
#[derive(PartialEq)]
#[cacheme::node(version = "v1")]
struct MixedWithoutDerive(u64);

#[cacheme::node(storage = "hot")]
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize)]
#[node(ttl = "30s", version = "v1")]
#[cfg_attr(all(), derive(Default))]
struct OtherDerives(u64);

fn check<N: Node>() {
    let meta = N::meta();
    assert_eq!(meta.version(), "v1");
    assert_eq!(meta.tiers().len(), 1);
    assert_eq!(meta.tiers()[0].storage(), "hot");
    assert_eq!(meta.tiers()[0].ttl(), Some(Duration::from_secs(30)));
    assert_eq!(meta.pattern(), format!("{}:{{}}", meta.name()));
    assert_eq!(meta.path(), format!("{}::{}", module_path!(), meta.name()));
}

fn main() {
    check::<Attribute>();
    check::<Derive>();
    check::<DeriveAbove>();
    check::<DeriveBelow>();
    check::<Mixed>();
    check::<MixedWithoutDerive>();
    check::<OtherDerives>();
    assert!(Mixed(1).clone() == Mixed(1));
    assert!(MixedWithoutDerive(1).clone() == MixedWithoutDerive(1));
    assert_eq!(OtherDerives::default(), OtherDerives(0));
    let _ = (Attribute(1), Derive(1), DeriveAbove(1), DeriveBelow(1));
}
