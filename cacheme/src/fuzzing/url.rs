//! URLs of storages, of which nobody opens any.

use super::input::Input;
use crate::storage::said;

/// Has each driver read a URL: an arbitrary one, or one with a password, which nothing that is said of it may
/// show.
///
/// # Panics
///
/// When it is shown.
pub fn url(data: &[u8]) {
    let mut input = Input::new(data);
    let form = input.below(3);
    if form == 0 {
        let _ = said(&String::from_utf8_lossy(input.rest()));
        return;
    }
    let scheme = SCHEMES[usize::from(input.byte()) % SCHEMES.len()];
    // The fuzzer learns what the password is, and would show it elsewhere: without its digits it can't.
    let without = |text: &str| text.replace('3', "");
    let (before, after) = (without(&input.text()), without(&input.text()));
    let rest = without(&String::from_utf8_lossy(input.rest()));
    let url = if form == 1 {
        format!("{scheme}://user:{before}{SECRET}{after}@{rest}")
    } else {
        // What is special in a parameter has to be written as it is.
        let before = before.replace(['&', '#', '?'], "");
        format!("redis-sentinel://host?sentinel_password={before}{SECRET}{after}{rest}")
    };
    for said in said(&url) {
        assert!(!said.contains(SECRET), "{url}: {said}");
    }
}

const SECRET: &str = "s3cr3t";

const SCHEMES: [&str; 9] = [
    "redis",
    "rediss-cluster",
    "valkey-sentinel",
    "redis+unix",
    "postgresql",
    "mysql",
    "mariadb",
    "mongodb",
    "mongodb+srv",
];
