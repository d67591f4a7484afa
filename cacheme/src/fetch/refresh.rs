//! A new value in place of the old one.

use super::Reads;
use super::get::load_one;
use crate::error::Result;
use crate::flight::{Aim, Outcomes, Purpose, Work};
use crate::load::Load;
use crate::runtime::Cacheme;

impl Cacheme {
    /// Loads `node` anew, without looking into its tiers, and puts the value into all of them.
    ///
    /// The load begins after the call does, so the value is at least as new as the call. A flight
    /// that is under way goes on for those who wait for it, but what it finds is put nowhere;
    /// callers of [`get`](Self::get) that come from now on wait for the new value only if no local
    /// tier has an old one.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get). The old value then stays where it is. A tier that can't be written to
    /// is counted, no error, and may keep the old value until its time to live ends.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. The load goes on.
    pub async fn refresh<N: Load>(&self, node: N) -> Result<N::Value> {
        let fetch = self.fetch::<N>()?;
        fetch.value_type::<N::Value>()?;
        let prefix = self.prefix();
        let aim = Aim::new(prefix.scope, node);
        let (work, outcomes) = (Work::new(), Outcomes::new(1));
        let flight = {
            let mut table = fetch.flights.lock();
            let flights = &fetch.flights;
            flights.start(&mut table, aim, &work, &outcomes, 0, Purpose::Load)
        };
        let source = load_one::<N>();
        let led = fetch.depart(self, &prefix, work, vec![flight], source, Reads::Nothing)?;
        Ok(fetch.outcome(&led, outcomes).await?.into_value())
    }
}
