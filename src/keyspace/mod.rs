//! Values, databases, expiry and scan: pure data. No I/O, no clock, no async.
//!
//! [`Keyspace`] is the databases of one server. A key's hash is taken once ([`Keyspace::hash`]) and
//! handed to every call about the key. All times are milliseconds since the Unix epoch, passed in.
//! Equal seeds and equal calls give equal orders.

mod bulk;
mod db;
mod entry;
mod expiry;
mod hash;
mod long;
mod prefetch;
mod table;
pub mod types;
mod value;
mod walk;

pub use bulk::{Build, Bulk, DuplicateKey, Filling, Sorter};
pub use db::{Db, EntryMut};
pub use entry::Entry;
pub use hash::KeyHasher;
pub use value::{Content, NewValue, Value, ValueRef, parse_int};
pub use walk::{Garbage, WalkActive, WalkSink};

use db::Access;
use entry::EPOCHS;
use types::{PackedLimits, Packing};
use walk::{Retired, SharedSink};

/// All databases of a server.
#[derive(Debug)]
pub struct Keyspace {
    databases: Vec<Db>,
    packing: Packing,
    access: Access,
    retired: Vec<Retired>,
    epoch: u8,
    /// Epochs other than the current one that entries may be in: of walks that were given up.
    epochs_lingering: u8,
    is_walking: bool,
    garbage: Garbage,
}

impl Keyspace {
    /// `databases` empty databases whose orders depend on `seed`.
    pub fn new(databases: usize, seed: u64) -> Self {
        let packing = Packing { hasher: KeyHasher::new(seed), limits: PackedLimits::default() };
        Self {
            databases: (0..databases).map(|_| Db::new(packing.clone())).collect(),
            packing,
            access: Access::default(),
            retired: Vec::new(),
            epoch: 0,
            epochs_lingering: 0,
            is_walking: false,
            garbage: Garbage::default(),
        }
    }

    /// An empty keyspace that may take the place of this one: as many databases, the same limits.
    pub fn blank(&self, seed: u64) -> Self {
        let mut blank = Self::new(self.databases.len(), seed);
        blank.set_packed_limits(self.packing.limits);
        blank
    }

    /// Number of databases.
    pub fn databases(&self) -> usize {
        self.databases.len()
    }

    /// The hash of `key`, the same in all databases.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        self.packing.hasher.hash(key)
    }

    /// What takes the hashes of keys, for other threads to take them ahead.
    pub fn hasher(&self) -> &KeyHasher {
        &self.packing.hasher
    }

    /// Begins to fill the keyspace with many entries at once; `sizes` says about how many keys each
    /// database will get, by its number. What it says of databases that do not exist is passed over.
    pub fn bulk(&self, sizes: impl IntoIterator<Item = (usize, u64)>) -> Bulk {
        let mut keys = vec![0; self.databases.len()];
        for (db, len) in sizes {
            if let Some(keys) = keys.get_mut(db) {
                *keys = len;
            }
        }
        Bulk::new(self.hasher().clone(), self.access, self.epoch, keys)
    }

    /// Takes over what was built of entries for this keyspace. Databases that get some are empty.
    pub fn adopt(&mut self, Filling(built): Filling) {
        for (db, built) in self.databases.iter_mut().zip(built) {
            if !built.segments.is_empty() {
                db.adopt(built);
            }
        }
    }

    /// Database `index`, which the caller knows to exist.
    #[inline]
    pub fn db(&self, index: usize) -> &Db {
        &self.databases[index]
    }

    /// Database `index`, which the caller knows to exist.
    #[inline]
    pub fn db_mut(&mut self, index: usize) -> &mut Db {
        &mut self.databases[index]
    }

    /// Number of keys in all databases.
    pub fn len(&self) -> usize {
        self.databases.iter().map(Db::len).sum()
    }

    /// Whether there is no key in any database.
    pub fn is_empty(&self) -> bool {
        self.databases.iter().all(Db::is_empty)
    }

    /// Exchanges the content of two databases, which the caller knows to exist.
    pub fn swap(&mut self, a: usize, b: usize) {
        self.databases.swap(a, b);
    }

    /// Empties one database. During a walk the memory may come out of [`Keyspace::take_garbage`]
    /// later instead.
    pub fn flush(&mut self, index: usize) -> Garbage {
        let mut garbage = Garbage::default();
        self.databases[index].flush(&mut self.retired, &mut garbage);
        garbage
    }

    /// Empties all databases; see [`Keyspace::flush`].
    pub fn flush_all(&mut self) -> Garbage {
        let mut garbage = Garbage::default();
        for db in &mut self.databases {
            db.flush(&mut self.retired, &mut garbage);
        }
        garbage
    }

    /// Bytes of memory in use by all databases.
    pub fn memory_bytes(&self) -> usize {
        self.databases.iter().map(Db::memory_bytes).sum()
    }

    /// Sets the access word (24 bits) that entries get when they are created from now on, and when
    /// they are replaced, unless those keep theirs. To be called as the clock that it shows goes on.
    pub fn set_access(&mut self, word: u32, kept_when_replaced: bool) {
        let access = Access { word, kept_when_replaced };
        if self.access != access {
            self.access = access;
            self.databases.iter_mut().for_each(|db| db.set_access(access));
        }
    }

    /// What collections are made with.
    pub fn packing(&self) -> &Packing {
        &self.packing
    }

    /// Sets how large collections may be and still be packed; those that are there stay as they are
    /// until they change.
    pub fn set_packed_limits(&mut self, limits: PackedLimits) {
        if self.packing.limits != limits {
            self.packing.limits = limits;
            self.databases.iter_mut().for_each(|db| db.set_packed_limits(limits));
        }
    }

    /// Starts a walk: `sink` gets the content that the databases have now, entry by entry, as
    /// [`Keyspace::walk_step`] is called and as entries are about to change.
    pub fn begin_walk(&mut self, sink: Box<dyn WalkSink>) -> Result<(), WalkActive> {
        if self.is_walking {
            return Err(WalkActive);
        }
        if self.epochs_lingering + 1 == EPOCHS {
            self.databases.iter_mut().for_each(Db::forget_epochs);
            self.epochs_lingering = 0;
        }
        self.epoch = (self.epoch + 1) % EPOCHS;
        let sink = SharedSink::new(sink);
        for (index, db) in self.databases.iter_mut().enumerate() {
            db.begin_walk(index, self.epoch, &sink);
        }
        self.is_walking = true;
        Ok(())
    }

    /// Whether a walk goes on.
    pub fn is_walking(&self) -> bool {
        self.is_walking
    }

    /// Visits up to `entries` entries; whether the walk is done (also when there is none). The sink
    /// is dropped with the last step.
    pub fn walk_step(&mut self, entries: usize) -> bool {
        let mut budget = entries.max(1);
        while let Some(mut retired) = self.retired.pop() {
            if !retired.walk.step(&mut retired.table, &mut budget) {
                self.retired.push(retired);
                return false;
            }
            self.garbage.add_table(retired.table, retired.expiry);
        }
        if !self.databases.iter_mut().all(|db| db.walk_step(&mut budget)) {
            return false;
        }
        if self.is_walking {
            self.is_walking = false;
            self.epochs_lingering = 0;
        }
        true
    }

    /// Gives a walk up and drops its sink.
    pub fn cancel_walk(&mut self) {
        if self.is_walking {
            self.is_walking = false;
            self.epochs_lingering += 1;
            self.databases.iter_mut().for_each(Db::cancel_walk);
            for retired in self.retired.drain(..) {
                self.garbage.add_table(retired.table, retired.expiry);
            }
        }
    }

    /// Memory that a walk, now finished or given up, has held back.
    pub fn take_garbage(&mut self) -> Garbage {
        std::mem::take(&mut self.garbage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyspace_and_garbage_may_go_to_another_thread() {
        fn is_send<T: Send>() {}
        is_send::<Keyspace>();
        is_send::<Garbage>();
    }

    #[test]
    fn new_entries_get_the_access_word_and_replaced_ones_may_keep_theirs() {
        let mut keyspace = Keyspace::new(1, 0);
        let hash = keyspace.hash(b"key");
        let mut word_after_insert = |word, kept| {
            keyspace.set_access(word, kept);
            keyspace.db_mut(0).insert(hash, b"key", 1, None);
            keyspace.db(0).get(hash, b"key").map(Entry::access)
        };
        assert_eq!(word_after_insert(7, false), Some(7));
        assert_eq!(word_after_insert(8, false), Some(8));
        assert_eq!(word_after_insert(9, true), Some(8));
    }
}
