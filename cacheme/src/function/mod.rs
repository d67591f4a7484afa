//! Functions whose results are cached: what the code that [`cached`](macro@crate::cached) writes
//! calls. No promises: it is for generated code only.
//!
//! A function's node is a [`Call`]: the owned values of the arguments that are in the key. How a
//! result is cached depends on what it is (`shape`), and the function itself, which
//! may borrow its arguments, is run by the caller that leads the flight (`fetch::call`).

mod call;
mod node;
mod part;
mod shape;

pub use self::call::{call, get_cached, method_stats, prime, stats, stats_of};
pub use self::node::{Call, Segment, Site};
pub use self::part::{Borrowed, Never, Own, Parts, TypeName, Unusable, Usable};
pub use crate::fetch::Reads;

pub use self::shape::{
    Failure, MayBeNothing, NeitherResultNorOption, NoOptionInResult, NoResult, Returns, Shape,
    may_be_nothing, weigh,
};
