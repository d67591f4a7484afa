//! Hits in process: what a leading local tier has is copied into those before it.

use super::Fetch;
use crate::node::Node;
use crate::storage::Unserved;

impl<N: Node> Fetch<N> {
    /// The value in the nearest leading local tier that has one, counted; not one that is [due](Self::due).
    #[inline]
    pub(crate) fn hit<V: Clone + Send + Sync + 'static>(&self, scope: u64, node: &N) -> Option<V> {
        let nearest = self.nearest.as_ref()?;
        match nearest.cache.get(scope, node) {
            Ok(value) => {
                nearest.counters.hit();
                Some(value)
            }
            Err(_) if self.is_off(scope) => None,
            Err(Unserved::Due) => None,
            Err(Unserved::Miss(reason)) => {
                nearest.counters.miss(reason);
                self.hit_behind(scope, node)
            }
        }
    }

    /// The same of a leading local tier behind the nearest one.
    #[cold]
    fn hit_behind<V: Clone + Send + Sync + 'static>(&self, scope: u64, node: &N) -> Option<V> {
        for (cache, link) in self.chain.leading().skip(1) {
            match cache.get(scope, node) {
                Ok(value) => {
                    link.counters.hit();
                    self.refill::<V>(scope, node, 0);
                    return Some(value);
                }
                Err(Unserved::Due) => return None,
                Err(Unserved::Miss(reason)) => link.counters.miss(reason),
            }
        }
        None
    }

    /// The value that a [hit](Self::hit) didn't give since it is to be renewed, counted.
    #[cold]
    pub(crate) fn due<V: Clone + Send + Sync + 'static>(&self, scope: u64, node: &N) -> Option<V> {
        if self.is_off(scope) || !self.chain.meta.is_renewed() {
            return None;
        }
        for (cache, link) in self.chain.leading() {
            match cache.get::<N, V>(scope, node) {
                Err(Unserved::Due) => {
                    let found = cache.find(scope, node).ok()?;
                    link.counters.hit();
                    return Some(found.value);
                }
                Ok(_) => return None,
                Err(Unserved::Miss(_)) => {}
            }
        }
        None
    }

    /// A value in a leading local tier, to be renewed or not, for who doesn't.
    pub(crate) fn hit_or_due<V: Clone + Send + Sync + 'static>(
        &self,
        scope: u64,
        node: &N,
    ) -> Option<V> {
        self.hit(scope, node).or_else(|| self.due(scope, node))
    }

    /// Copies the nearest value of the leading local tiers from this place on into those before it. The value is
    /// read again under the table's lock, since it may just have been invalidated.
    pub(super) fn refill<V: Clone + Send + Sync + 'static>(
        &self,
        scope: u64,
        node: &N,
        from: usize,
    ) {
        let mut table = self.flights.lock();
        let draw = table.draw(1);
        let mut missed = Vec::new();
        for (place, (cache, link)) in self.chain.leading().enumerate() {
            let found = (place >= from).then(|| cache.find::<N, V>(scope, node).ok());
            let Some(found) = found.flatten() else {
                missed.push((cache, link));
                continue;
            };
            for (cache, link) in missed {
                let ttl = self.chain.ttl(link, found.left, draw);
                let value = found.value.clone();
                let mut stay = self.chain.stay(cache, &value, ttl, draw);
                stay.age = found.age;
                stay.stamp.clone_from(&found.stamp);
                if let Some(left) = found.left.filter(|_| found.is_stale) {
                    stay.make_old(left);
                }
                cache.put(scope, node.duplicate(), value, &stay);
                link.counters.wrote(1);
            }
            return;
        }
    }
}
