//! What sets the entries of a runtime apart from others: its prefix, and what was ended.

use std::sync::atomic::Ordering;

use super::Cacheme;
use crate::chain::Remote;
use crate::fetch::beside;
use crate::lock::{lock, read, write};
use crate::prefix::Prefix;
use crate::storage::Ready;

impl Cacheme {
    /// Puts `prefix:` in front of every key from now on; an empty one is none. Entries under the
    /// old prefix stay where they are and are not seen any more, in local tiers as in remote ones.
    pub fn set_prefix(&self, prefix: impl Into<String>) {
        let prefix = Prefix::new(prefix.into());
        let mut current = write(&self.core.prefix);
        *current = prefix;
        self.scope_of(&mut current);
    }

    /// Gives a prefix, which is locked, the scope that it has now.
    fn scope_of(&self, prefix: &mut Prefix) {
        prefix.scope = self.core.epoch.of(prefix.id);
        if self.is_enabled() {
            self.core.scope.store(prefix.scope, Ordering::Relaxed);
        }
    }

    /// Has local tiers find nothing of what they have.
    pub(crate) fn end_locals(&self) {
        {
            let mut prefix = write(&self.core.prefix);
            self.core.epoch.next();
            self.scope_of(&mut prefix);
        }
        let storages: Vec<_> = lock(&self.core.storages).values().cloned().collect();
        beside(move || {
            let locals = storages.iter().filter_map(|storage| match storage {
                Ready::Local(cache) => Some(cache),
                Ready::Remote(_) => None,
            });
            locals.for_each(|cache| cache.clear_all());
        });
    }

    /// Takes it that everything in the storage of a name that began until then is ended.
    pub(crate) fn learn(&self, storage: &str, until: u64) {
        self.each_of(storage, |remote| remote.ended().learn(until));
    }

    /// Until when anything in the storage of a name is known to be ended.
    pub(crate) fn known_ended(&self, storage: &str) -> u64 {
        let mut latest = 0;
        self.each_of(storage, |remote| {
            latest = latest.max(remote.ended().until());
        });
        latest
    }

    /// Shows all tiers that are in the storage of a name.
    fn each_of(&self, storage: &str, mut show: impl FnMut(Remote<'_>)) {
        for chain in lock(&self.core.chains).iter() {
            let remotes = chain.remotes();
            let remotes = remotes.filter(|remote| **remote.name() == *storage);
            remotes.for_each(&mut show);
        }
    }

    /// Has hits look among the entries of a scope from now on, given that of the prefix.
    pub(crate) fn look_in(&self, choose: impl FnOnce(u64) -> u64) {
        // Under the lock, so that a change of the prefix comes before or after.
        let prefix = write(&self.core.prefix);
        let scope = choose(prefix.scope);
        self.core.scope.store(scope, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn scope(&self) -> u64 {
        self.core.scope.load(Ordering::Relaxed)
    }

    pub(crate) fn prefix(&self) -> Prefix {
        // Most often there is none, which is known without the lock that all requests share.
        match self.scope() {
            0 => Prefix::default(),
            _ => read(&self.core.prefix).clone(),
        }
    }
}
