//! Which keys expire, in order of time: the active cycle finds due keys without sampling.

use std::collections::BTreeSet;

/// The expiring keys of one database, as (time in milliseconds, hash of the key).
///
/// Two keys may share both; the index then holds one element for them, and the database puts it
/// back when it takes out only one of the two.
#[derive(Debug, Default)]
pub(super) struct ExpiryIndex {
    due: BTreeSet<(u64, u64)>,
}

/// Bytes of memory an element takes, nodes and their free space included.
const ELEMENT_LEN_ESTIMATE: usize = 26;

impl ExpiryIndex {
    /// The index of all these, in whatever order they come.
    pub fn of(due: Vec<(u64, u64)>) -> Self {
        Self { due: due.into_iter().collect() }
    }

    pub fn insert(&mut self, expire_ms: u64, hash: u64) {
        self.due.insert((expire_ms, hash));
    }

    pub fn remove(&mut self, expire_ms: u64, hash: u64) {
        self.due.remove(&(expire_ms, hash));
    }

    /// Elements in order of time.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.due.iter().copied()
    }

    /// The earliest time, in milliseconds.
    pub fn first_ms(&self) -> Option<u64> {
        self.due.first().map(|&(expire_ms, _)| expire_ms)
    }

    pub fn memory_bytes(&self) -> usize {
        self.due.len() * ELEMENT_LEN_ESTIMATE
    }
}
