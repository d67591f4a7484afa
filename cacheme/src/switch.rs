//! Caching off by one switch.
//!
//! A hit doesn't look at the switch: while caching is off it looks among the entries of a scope that
//! has none, so that what it does is what it always does. Everything behind a hit asks.

use std::env;
use std::ffi::OsStr;

use crate::runtime::Cacheme;

/// The scope that no entry is in: no prefix has it.
pub(crate) const NOWHERE: u64 = u64::MAX;

/// Switches caching off where it is set, read when a runtime is made.
const VARIABLE: &str = "CACHEME_DISABLED";

impl Cacheme {
    /// Switches caching off: every `get` loads, and nothing is read from any tier or put into one.
    ///
    /// For looking whether a wrong value comes from the cache, and for an emergency. What still holds:
    ///
    /// - Simultaneous requests share one load, so that the source isn't flooded. Requests one after the
    ///   other load each.
    /// - [`invalidate`](Self::invalidate) removes entries, and a [`refresh`](Self::refresh) removes what it
    ///   would have replaced, so that they are gone when caching is [on](Self::enable) again. Other entries
    ///   are still there then, unless they expired.
    /// - Figures go on; each request that loads is a miss, of no tier.
    ///
    /// A read of a tier that is under way still answers who asked. Clones of the handle share the switch.
    ///
    /// A runtime is made with caching off where the environment variable `CACHEME_DISABLED` is anything but
    /// empty, `0` or `false`.
    ///
    /// ```
    /// # use cacheme::{Cacheme, LocalStorage};
    /// #[cacheme::node(storage = "hot")]
    /// struct Answer;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> cacheme::Result<()> {
    /// # let runtime = Cacheme::builder().storage("hot", LocalStorage::tlfu(100)).build().await?;
    /// let answer = async |answer| runtime.get_with(Answer, move |_cx| async move { Ok(answer) }).await;
    /// assert_eq!((answer(1).await?, answer(2).await?), (1, 1));
    /// runtime.disable();
    /// assert_eq!((answer(3).await?, answer(4).await?), (3, 4));
    /// runtime.enable();
    /// assert_eq!(answer(5).await?, 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn disable(&self) {
        self.look_in(|_| NOWHERE);
    }

    /// Switches caching on, as it is unless the environment says otherwise; see
    /// [`disable`](Self::disable).
    pub fn enable(&self) {
        self.look_in(|of_prefix| of_prefix);
    }

    /// Whether caching is on.
    pub fn is_enabled(&self) -> bool {
        self.scope() != NOWHERE
    }

    /// Switches caching off if the environment says so.
    pub(crate) fn obey_environment(&self) {
        if env::var_os(VARIABLE).is_some_and(|value| says_off(&value)) {
            self.disable();
        }
    }
}

fn says_off(value: &OsStr) -> bool {
    !["", "0", "false"]
        .iter()
        .any(|on| value.eq_ignore_ascii_case(on))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_value_that_says_off_does() {
        for (value, is_off) in [
            ("1", true),
            ("true", true),
            ("yes", true),
            ("", false),
            ("0", false),
            ("FALSE", false),
        ] {
            assert_eq!(says_off(OsStr::new(value)), is_off, "{value}");
        }
    }
}
