//! One database: its table, its expiry index and its part of a snapshot walk, kept in step.
//!
//! Every change goes through here: the walk reads an entry before it changes, the expiry index holds
//! exactly the keys that have a time, and the memory count follows each allocation.

use std::ops::Deref;

use super::bulk::Built;
use super::entry::Entry;
use super::expiry::ExpiryIndex;
use super::table::Table;
use super::types::{Collection, PackedLimits, Packing};
use super::value::NewValue;
use super::walk::{Garbage, Retired, SharedSink, TableWalk};

/// Bytes by which a short collection may grow in one change without being moved.
const COLLECTION_ROOM: usize = 64;

/// The access word that entries get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Access {
    pub word: u32,
    pub kept_when_replaced: bool,
}

/// The keys of one database.
#[derive(Debug)]
pub struct Db {
    table: Table,
    expiry: ExpiryIndex,
    expires_len: usize,
    entry_bytes: usize,
    access: Access,
    packing: Packing,
    /// The epoch of entries made now.
    epoch: u8,
    walk: Option<TableWalk>,
}

/// An entry that may be changed. A walk has read it already.
#[derive(Debug)]
pub struct EntryMut<'a> {
    entry: &'a mut Entry,
    entry_bytes: &'a mut usize,
    packing: &'a Packing,
}

impl Db {
    pub(super) fn new(packing: Packing) -> Self {
        Self {
            table: Table::new(packing.hasher.clone()),
            expiry: ExpiryIndex::default(),
            expires_len: 0,
            entry_bytes: 0,
            access: Access::default(),
            packing,
            epoch: 0,
            walk: None,
        }
    }

    /// Number of keys.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are no keys.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of keys that expire.
    pub fn expires_len(&self) -> usize {
        self.expires_len
    }

    /// The entry of `key`, expired or not.
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.table.get(hash, key)
    }

    /// The entry of `key`, to be changed.
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<EntryMut<'_>> {
        let entry = self.table.get_mut(hash, key)?;
        if let Some(walk) = &self.walk {
            walk.capture(entry);
        }
        Some(EntryMut { entry, entry_bytes: &mut self.entry_bytes, packing: &self.packing })
    }

    /// Sets `key` to `value`, expiring at `expire_ms` or never; whether it replaced an entry.
    pub fn insert<'v>(
        &mut self,
        hash: u64,
        key: &[u8],
        value: impl Into<NewValue<'v>>,
        expire_ms: Option<u64>,
    ) -> bool {
        let access = self.access;
        if let Some(mut entry) = self.get_mut(hash, key) {
            let before = entry.expire_ms();
            entry.resize(|entry| {
                entry.set_value(value.into());
                entry.set_expire_ms(expire_ms);
            });
            if !access.kept_when_replaced {
                entry.set_access(access.word);
            }
            self.reindex(hash, before, expire_ms);
            return true;
        }
        let mut entry = Entry::new(hash, key, value.into(), expire_ms);
        entry.set_access(access.word);
        entry.set_epoch(self.epoch);
        self.entry_bytes += entry.memory_bytes();
        self.table.insert_new(hash, entry);
        self.reindex(hash, None, expire_ms);
        false
    }

    /// Takes over the content that was built for this database, which is empty.
    pub(super) fn adopt(&mut self, built: Built) {
        self.expires_len = built.expiring.len();
        self.entry_bytes = built.entry_bytes;
        self.table.adopt(built.segments);
        self.expiry = ExpiryIndex::of(built.expiring);
    }

    /// Removes `key`; whether it was there.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        self.take(hash, key).is_some()
    }

    /// Removes `key` and hands its entry out, to be looked at or dropped elsewhere.
    pub fn take(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let mut entry = self.table.remove(hash, key)?;
        if let Some(walk) = &self.walk {
            walk.capture(&mut entry);
        }
        self.entry_bytes -= entry.memory_bytes();
        self.reindex(hash, entry.expire_ms(), None);
        Some(entry)
    }

    /// Sets or clears the time at which `key` expires (milliseconds since the Unix epoch); whether
    /// the key was there.
    pub fn set_expire(&mut self, hash: u64, key: &[u8], expire_ms: Option<u64>) -> bool {
        let Some(mut entry) = self.get_mut(hash, key) else { return false };
        let before = entry.expire_ms();
        entry.set_expire_ms(expire_ms);
        self.reindex(hash, before, expire_ms);
        true
    }

    /// Brings the expiry index in step with the table, in which an entry of `hash` had the time
    /// `before` and now has (or has gone with) `after`.
    fn reindex(&mut self, hash: u64, before: Option<u64>, after: Option<u64>) {
        if before == after {
            return;
        }
        if let Some(at) = before {
            self.expires_len -= 1;
            if self.table.find(hash, |twin| twin.expire_ms() == Some(at)).is_none() {
                self.expiry.remove(at, hash);
            }
        }
        if let Some(at) = after {
            self.expires_len += 1;
            self.expiry.insert(at, hash);
        }
    }

    /// A key chosen at random.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&Entry> {
        self.table.random(rng)
    }

    /// Hands about `count` entries from `cursor` on to `f` and returns the next cursor; 0 starts and
    /// 0 says that the end was reached.
    ///
    /// A cursor is a position in hash order (below 2^53, so that clients may keep it in any number).
    /// It stays good whatever happens in between: an entry that is there all the time is seen exactly
    /// once, one that comes or goes meanwhile at most once.
    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(&Entry)) -> u64 {
        self.table.scan(cursor, count, f)
    }

    /// All entries, in an order that the seed and the history of the database decide.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.table.iter()
    }

    /// The earliest time at which a key expires, in milliseconds since the Unix epoch.
    pub fn next_expire_ms(&self) -> Option<u64> {
        self.expiry.first_ms()
    }

    /// The keys whose time has come at `now_ms`, the oldest first.
    pub fn expired(&self, now_ms: u64) -> impl Iterator<Item = &Entry> {
        self.expiring().take_while(move |entry| entry.is_expired(now_ms))
    }

    /// The keys that expire, in order of time.
    pub fn expiring(&self) -> impl Iterator<Item = &Entry> {
        self.expiry.iter().filter_map(|(expire_ms, hash)| {
            self.table.find(hash, |entry| entry.expire_ms() == Some(expire_ms))
        })
    }

    /// Starts to load what a lookup of `hash` will read first. Call it for every key of a batch, then
    /// [`Db::prefetch_entry`] for every key, then look them up: the cache misses overlap.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        self.table.prefetch_bucket(hash);
    }

    /// Starts to load the entry that `hash` probably leads to.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        self.table.prefetch_entry(hash);
    }

    /// Bytes of memory in use: entries, table and expiry index.
    pub fn memory_bytes(&self) -> usize {
        self.entry_bytes + self.table.memory_bytes() + self.expiry.memory_bytes()
    }

    /// Bytes of memory in use beside the entries.
    pub fn overhead_bytes(&self) -> usize {
        self.table.memory_bytes() + self.expiry.memory_bytes()
    }

    pub(super) fn set_access(&mut self, access: Access) {
        self.access = access;
    }

    pub(super) fn set_packed_limits(&mut self, limits: PackedLimits) {
        self.packing.limits = limits;
    }

    /// What collections are made with.
    pub fn packing(&self) -> &Packing {
        &self.packing
    }

    pub(super) fn begin_walk(&mut self, db: usize, epoch: u8, sink: &SharedSink) {
        self.epoch = epoch;
        if !self.is_empty() {
            sink.with(|sink| sink.database(db, self.len(), self.expires_len));
            self.walk = Some(TableWalk::new(db, epoch, sink.clone()));
        }
    }

    pub(super) fn cancel_walk(&mut self) {
        self.walk = None;
    }

    /// Brings all entries to the epoch of those made now.
    pub(super) fn forget_epochs(&mut self) {
        self.table.set_epochs(self.epoch);
    }

    /// Walks on; whether this database is done.
    pub(super) fn walk_step(&mut self, budget: &mut usize) -> bool {
        if let Some(walk) = &mut self.walk
            && walk.step(&mut self.table, budget)
        {
            self.walk = None;
        }
        self.walk.is_none()
    }

    /// Empties the database: what the walk has not read goes to `retired`, the rest to `garbage`.
    pub(super) fn flush(&mut self, retired: &mut Vec<Retired>, garbage: &mut Garbage) {
        let table = self.table.take();
        let expiry = std::mem::take(&mut self.expiry);
        self.expires_len = 0;
        self.entry_bytes = 0;
        match self.walk.take() {
            Some(walk) => retired.push(Retired { table, expiry, walk }),
            None => garbage.add_table(table, expiry),
        }
    }
}

impl EntryMut<'_> {
    /// Sets the value and keeps the time at which the key expires.
    pub fn set<'v>(&mut self, value: impl Into<NewValue<'v>>) {
        self.resize(|entry| entry.set_value(value.into()));
    }

    /// Lends the collection to `f` to be changed; `None` if the value is a string. The collection must
    /// not stay empty, a stream excepted: then the caller removes the key.
    pub fn change_collection<R>(
        &mut self,
        f: impl FnOnce(&mut Collection, &Packing) -> R,
    ) -> Option<R> {
        let packing = self.packing;
        let mut result = None;
        self.resize(|entry| {
            result = entry.change_collection(COLLECTION_ROOM, |collection| f(collection, packing));
        });
        result
    }

    /// Appends to the string; its new length, in bytes.
    pub fn append(&mut self, bytes: &[u8]) -> usize {
        let len = self.string_len();
        self.set_range(len, bytes)
    }

    /// Writes over the string from `offset` on, with zeros before it where the string was shorter;
    /// its new length, in bytes. The caller has checked the length against its limit.
    pub fn set_range(&mut self, offset: usize, bytes: &[u8]) -> usize {
        let end = offset + bytes.len();
        self.resize(|entry| entry.string_mut(end)[offset..end].copy_from_slice(bytes));
        self.string_len()
    }

    fn string_len(&self) -> usize {
        self.as_string().map_or(0, |string| string.len())
    }

    fn set_expire_ms(&mut self, expire_ms: Option<u64>) {
        self.resize(|entry| entry.set_expire_ms(expire_ms));
    }

    fn resize(&mut self, change: impl FnOnce(&mut Entry)) {
        *self.entry_bytes -= self.entry.memory_bytes();
        change(self.entry);
        *self.entry_bytes += self.entry.memory_bytes();
    }
}

impl Deref for EntryMut<'_> {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        self.entry
    }
}
