//! Nodes of every kind under the strictest lints.
//!
//! Whatever generated code could be blamed for is an error here. Clippy reads the module with the
//! rest of the package: `cargo clippy -p cacheme-tests -- -D warnings`.

#![deny(
    warnings,
    missing_docs,
    missing_debug_implementations,
    single_use_lifetimes,
    trivial_casts,
    trivial_numeric_casts,
    unreachable_pub,
    unused_import_braces,
    unused_lifetimes,
    unused_qualifications,
    unused_results,
    variant_size_differences,
    clippy::all,
    clippy::pedantic,
    clippy::nursery,
    clippy::cargo,
    clippy::allow_attributes_without_reason,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::clone_on_ref_ptr,
    clippy::default_numeric_fallback,
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_docs_in_private_items,
    clippy::missing_inline_in_public_items,
    clippy::multiple_inherent_impl,
    clippy::panic,
    clippy::pattern_type_mismatch,
    clippy::redundant_clone,
    clippy::shadow_reuse,
    clippy::shadow_unrelated,
    clippy::std_instead_of_core,
    clippy::unreachable,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm
)]

use core::marker::PhantomData;
use core::time::Duration;

use cacheme::Node;

/// A storage as a constant.
const STORAGE: &str = "hot";

/// The attribute alone, with a template.
#[cacheme::node(
    storage = "hot",
    ttl = "30s",
    version = "v1",
    key = "user:{user_id}:{type}"
)]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct UserInfo {
    /// A field.
    pub user_id: u64,
    /// A raw identifier.
    pub r#type: String,
}

/// The derive with its helper attribute, on a tuple struct.
#[derive(Debug, Node, PartialEq, Eq)]
#[node(caches(cache(storage = STORAGE, ttl = Duration::from_secs(5)), cache(storage = "cold")))]
#[non_exhaustive]
pub struct Pair(pub u64, pub Option<String>);

/// The derive above the attribute, on a unit struct.
#[derive(Copy, Clone, Debug, Node)]
#[cacheme::node(storage = "hot", codec = cacheme::codec::Default)]
#[non_exhaustive]
pub struct Everyone;

/// The attribute above the derive, on an enum.
#[cacheme::node(storage = "hot")]
#[derive(Debug, Node)]
#[non_exhaustive]
pub enum Page {
    /// A unit variant.
    Home,
    /// A tuple variant.
    User(u32, u32),
    /// A variant with names.
    Search {
        /// A field.
        text: u64,
        /// A raw identifier.
        r#in: u32,
    },
}

/// An enum of one variant.
#[cacheme::node(storage = "hot")]
#[derive(Debug)]
#[non_exhaustive]
pub enum Single {
    /// The variant.
    Only(u64),
}

/// Parameters of every kind.
#[cacheme::node(storage = "hot")]
#[node(version = "v1")]
#[derive(Debug)]
#[non_exhaustive]
pub struct Generic<T: Ord, U: ?Sized, const N: usize = 4>
where
    Vec<T>: PartialOrd,
{
    /// A field of a parameter's type.
    pub item: T,
    /// A field of a type that depends on a parameter.
    pub items: Vec<T>,
    /// A field that isn't in the key.
    pub marker: PhantomData<U>,
}

/// Parameters in a template.
#[cacheme::node(storage = "hot", key = "{T}/{N}/{item}")]
#[derive(Debug)]
#[non_exhaustive]
pub struct Keyed<T, const N: u8> {
    /// A field.
    pub item: T,
}

/// A type that is on its way out, and so is a field.
#[deprecated = "to see that generated code isn't blamed"]
#[cacheme::node(storage = "hot")]
#[derive(Debug)]
#[non_exhaustive]
pub struct Old {
    /// A field.
    #[deprecated = "to see that generated code isn't blamed"]
    pub id: u64,
}

/// A node of a private module.
mod inner {
    /// The node.
    #[cacheme::node(storage = "hot")]
    #[derive(Debug)]
    pub(super) struct Private(pub(super) u64);
}

/// Nodes in a function.
#[must_use]
#[inline]
pub fn is_same(left: u64, right: u64) -> bool {
    /// The node.
    #[cacheme::node(storage = "hot")]
    struct Local(u64);

    Local(left).same(&Local(right)) && inner::Private(left).same(&inner::Private(right))
}

/// A function.
///
/// # Errors
///
/// None.
#[cacheme::cached(
    storage = "hot",
    ttl = "1m",
    ttl_none = "1s",
    weight = |number: &Option<u64>| u32::from(number.is_some())
)]
pub async fn looked_up(#[skip] db: &str, number: u64) -> cacheme::Result<Option<u64>> {
    core::future::ready(()).await;
    Ok(u64::try_from(db.len())
        .ok()
        .filter(|length| *length > number))
}

/// A type with a method.
#[derive(Debug)]
#[non_exhaustive]
pub struct Service;

impl Service {
    /// A method.
    #[cacheme::cached(storage = "hot", key = "service:{number}")]
    pub async fn counted(#[skip] &self, number: u64) -> u64 {
        core::future::ready(number).await
    }
}
