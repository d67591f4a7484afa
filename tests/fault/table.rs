//! All faults: a line for each kind.

use crate::fault::Fault;
use crate::{
    bus, clock, embedded, fleet, loader, mysql, network, outage, postgres, process, redis, schema,
};

/// The faults, in the order of the table.
pub(crate) fn faults() -> Vec<Fault> {
    let kinds = [
        network::faults(),
        process::faults(),
        redis::faults(),
        postgres::faults(),
        mysql::faults(),
        embedded::faults(),
        loader::faults(),
        schema::faults(),
        clock::faults(),
        fleet::faults(),
        bus::faults(),
        outage::faults(),
    ];
    kinds.into_iter().flatten().collect()
}
