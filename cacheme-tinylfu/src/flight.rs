//! One thread at a time makes the value of a key.
//!
//! A flight is known by the hash of its key. Two keys with one hash wait for each other, which costs time
//! and nothing else, since who has waited looks for its own key.

use std::sync::Arc;

use crate::sync::{Condvar, Mutex, unpoisoned};

/// The flights of a shard. They are few: as many as threads make values for it just now.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<Vec<Arc<Flight>>>);

#[derive(Debug)]
struct Flight {
    hash: u64,
    over: Mutex<bool>,
    landing: Condvar,
}

/// Ends its flight when it is dropped, also by a panic.
#[derive(Debug)]
pub(crate) struct Lead<'a> {
    flights: &'a Flights,
    flight: Arc<Flight>,
}

impl Flights {
    /// Begins the flight of a hash, or waits for the end of the one there is and returns nothing.
    pub(crate) fn lead(&self, hash: u64) -> Option<Lead<'_>> {
        let mut flights = unpoisoned(self.0.lock());
        let under_way = flights.iter().find(|flight| flight.hash == hash);
        if let Some(flight) = under_way.map(Arc::clone) {
            drop(flights);
            flight.wait();
            return None;
        }
        let flight = Arc::new(Flight {
            hash,
            over: Mutex::new(false),
            landing: Condvar::new(),
        });
        flights.push(Arc::clone(&flight));
        Some(Lead {
            flights: self,
            flight,
        })
    }
}

impl Flight {
    fn wait(&self) {
        let mut over = unpoisoned(self.over.lock());
        while !*over {
            over = unpoisoned(self.landing.wait(over));
        }
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let mut flights = unpoisoned(self.flights.0.lock());
        flights.retain(|flight| !Arc::ptr_eq(flight, &self.flight));
        drop(flights);
        *unpoisoned(self.flight.over.lock()) = true;
        self.flight.landing.notify_all();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn second_waits_until_the_first_has_ended() {
        let flights = Flights::default();
        let lead = flights.lead(1);
        assert!(lead.is_some());
        assert!(flights.lead(2).is_some(), "another key is not held up");
        thread::scope(|scope| {
            let second = scope.spawn(|| flights.lead(1).is_none());
            drop(lead);
            assert!(second.join().is_ok());
        });
        assert!(flights.lead(1).is_some());
        assert!(unpoisoned(flights.0.lock()).is_empty());
    }
}

#[cfg(all(test, loom))]
mod models {
    use std::panic::{self, AssertUnwindSafe};

    use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
    use loom::thread;

    use super::*;

    /// What a cache does with flights, and what it keeps: relaxed, so that only flights order it.
    #[derive(Default)]
    struct Making {
        flights: Flights,
        leads: AtomicU32,
        made: AtomicBool,
    }

    impl Making {
        /// Waits for others or makes the value by the closure. Returns whether it was made here.
        fn make(&self, make: impl FnOnce()) -> bool {
            loop {
                let lead = self.flights.lead(1);
                if self.made.load(Relaxed) {
                    return false;
                }
                if lead.is_some() {
                    assert_eq!(self.leads.fetch_add(1, Relaxed), 0, "two lead at once");
                    let made = panic::catch_unwind(AssertUnwindSafe(make));
                    self.leads.fetch_sub(1, Relaxed);
                    made.unwrap_or_else(|panic| panic::resume_unwind(panic));
                    self.made.store(true, Relaxed);
                    return true;
                }
            }
        }
    }

    #[test]
    fn one_makes_it_for_all() {
        loom::model(|| {
            let making = Arc::new(Making::default());
            let others = [(), ()].map(|()| {
                let making = Arc::clone(&making);
                thread::spawn(move || making.make(|| ()))
            });
            let own = making.make(|| ());
            let others = others.map(|other| other.join().expect("nobody panics"));
            let makers = u8::from(own) + others.map(u8::from).iter().sum::<u8>();
            assert_eq!(makers, 1);
            assert!(unpoisoned(making.flights.0.lock()).is_empty());
        });
    }

    #[test]
    fn another_makes_it_where_the_first_panics() {
        loom::model(|| {
            let making = Arc::new(Making::default());
            let first = Arc::clone(&making);
            let first = thread::spawn(move || {
                let unwind = || panic::resume_unwind(Box::new(()));
                panic::catch_unwind(AssertUnwindSafe(|| first.make(unwind)))
            });
            let own = making.make(|| ());
            let first = first.join().expect("the panic is caught");
            assert!(own, "the first can't make it");
            assert!(!first.is_ok_and(|made| made));
            assert!(unpoisoned(making.flights.0.lock()).is_empty());
        });
    }
}
