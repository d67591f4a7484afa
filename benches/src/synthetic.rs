//! Workloads made by rule, the same in every run, for where there are no traces.

use crate::random::{Random, Zipf};
use crate::trace::Trace;

/// Where ids begin that are requested once.
const FRESH: u32 = 1 << 30;

/// Five million Zipf(0.9) requests over one million keys.
pub(crate) fn zipf() -> Trace {
    let (zipf, mut random) = (Zipf::new(1_000_000, 0.9), Random::new(1));
    let ids = (0..5_000_000).map(|_| zipf.draw(&mut random));
    Trace::new("zipf:0.9", ids.collect())
}

/// The others: one for each way in which a policy can go wrong.
pub(crate) fn others() -> [Trace; 4] {
    [scan(), repeat(), shift(), recency()]
}

/// A hot set, through which long runs of keys pass that are never used again.
fn scan() -> Trace {
    let (zipf, mut random) = (Zipf::new(20_000, 0.8), Random::new(2));
    let mut ids = Vec::new();
    for round in 0..50 {
        ids.extend((0..15_000).map(|_| zipf.draw(&mut random)));
        ids.extend((0..5000).map(|at| FRESH + round * 5000 + at));
    }
    Trace::new("scan", ids)
}

/// The same keys in the same order, again and again: LRU has no hit with less than all of them.
fn repeat() -> Trace {
    let ids = (0..60).flat_map(|_| 0..20_000);
    Trace::new("loop-20k", ids.collect())
}

/// A hot set that is another one every now and then.
fn shift() -> Trace {
    let (zipf, mut random) = (Zipf::new(40_000, 1.0), Random::new(3));
    let mut ids = Vec::new();
    for phase in 0..10 {
        ids.extend((0..100_000).map(|_| phase * 20_000 + zipf.draw(&mut random)));
    }
    Trace::new("shift", ids)
}

/// The more recently a key was used, the likelier it is used again; how often it was tells nothing.
fn recency() -> Trace {
    let mut random = Random::new(4);
    let mut stack: Vec<u32> = Vec::new();
    let mut ids = Vec::new();
    let mut next = 0;
    for _ in 0..400_000 {
        // Distances with a heavy tail; a new key where the stack isn't as deep, or one time in ten.
        let distance = crate::number::floor(100.0 / (1.0 - random.unit())) - 100;
        let id = if distance >= stack.len().min(20_000) || random.below(10) == 0 {
            next += 1;
            next
        } else {
            stack.remove(stack.len() - 1 - distance)
        };
        stack.push(id);
        ids.push(id);
    }
    Trace::new("recency", ids)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::belady;
    use crate::peer::Library;

    fn lru_share_of_optimum(trace: &Trace, capacity: usize) -> f64 {
        let ids = &trace.ids()[..200_000];
        let lru = Library::Lru.build::<u64, u64>(capacity).replay(ids);
        let best = belady::hits(ids, trace.distinct(), capacity);
        assert!(lru <= best, "{}: {lru} of {best}", trace.name());
        crate::number::share(lru, best)
    }

    #[test]
    fn workloads_have_their_character() {
        let capacity = 2000;
        assert!(lru_share_of_optimum(&repeat(), capacity) < 0.001);
        assert!(lru_share_of_optimum(&recency(), capacity) > 0.8);
        let mixed = [scan(), shift()].map(|trace| lru_share_of_optimum(&trace, capacity));
        assert!(
            mixed.iter().all(|share| (0.3..0.9).contains(share)),
            "{mixed:?}"
        );
    }
}
