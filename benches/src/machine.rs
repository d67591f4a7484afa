//! What the numbers were measured on and with: without it they say little.

use std::{env, fs, thread};

/// The lock file that this program was built by.
const LOCK: &str = include_str!("../../Cargo.lock");

/// The crates whose versions count.
const CRATES: [&str; 6] = [
    "moka",
    "quick_cache",
    "foyer-memory",
    "TinyUFO",
    "lru",
    "cacheme-tinylfu",
];

/// The processor, its cores, and the versions of the libraries, in one line.
pub(crate) fn description() -> String {
    let versions = CRATES.map(|name| format!("{name} {}", version(name).unwrap_or("?")));
    format!(
        "{}, {} cores, {} {}. {}.",
        processor(),
        cores(),
        env::consts::OS,
        env::consts::ARCH,
        versions.join(", "),
    )
}

/// How many threads run at the same time.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find(|line| line.starts_with("model name"));
    let name = model.and_then(|line| line.split_once(": "));
    name.map_or("unknown processor", |(_, name)| name)
        .to_owned()
}

fn version(name: &str) -> Option<&'static str> {
    let package = format!("name = \"{name}\"\nversion = \"");
    let (_, rest) = LOCK.split_once(&package)?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_known() {
        for name in CRATES {
            assert!(
                version(name).is_some_and(|version| version.contains('.')),
                "{name}"
            );
        }
        assert_eq!(version("no such crate"), None);
    }
}
