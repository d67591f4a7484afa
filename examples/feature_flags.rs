//! Nodes whose names come at run time: one per tenant of a configuration, each with a time to live
//! of its own.
//!
//! Run it with `cargo run --example feature_flags`.

#![expect(clippy::print_stdout, reason = "what happens is the output")]

use std::collections::BTreeMap;
use std::time::Duration;

use cacheme::{Cacheme, DynamicNode, LocalStorage, Tier};

/// Stands for a file: a tenant, and for how many seconds its flags are kept.
const CONFIGURATION: &str = "acme 30\nglobex 300";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Cacheme::builder()
        .storage("hot", LocalStorage::tlfu(10_000))
        .build()
        .await?;

    let mut flags: BTreeMap<&str, DynamicNode<bool>> = BTreeMap::new();
    for line in CONFIGURATION.lines() {
        let (tenant, seconds) = line.split_once(' ').ok_or("a line has no time")?;
        let ttl = Duration::from_secs(seconds.parse()?);
        let node = runtime
            .dynamic(format!("flags of {tenant}"))
            .tier(Tier::new("hot").with_ttl(ttl))
            .build()?;
        flags.insert(tenant, node);
    }

    for tenant in ["acme", "globex", "acme"] {
        let node = &flags[tenant];
        // A user's flag: the key has two parts.
        let dark = node.get((7, "dark mode"), |_cx| async { Ok(true) }).await?;
        let names = ["beta", "new checkout"];
        let batch = node.get_all(names, |missing, _cx| async move {
            println!("{} flags are loaded in one call", missing.len());
            Ok(missing.into_iter().map(|name| (name, name.len() > 5)))
        });
        println!("{tenant}: dark mode {dark}, {names:?} {:?}", batch.await?);
    }
    flags["acme"].invalidate((7, "dark mode")).await?;

    println!("\n{}", runtime.stats());
    Ok(())
}
