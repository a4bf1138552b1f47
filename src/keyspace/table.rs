//! The table of one database: entries in hash order.

use std::collections::BTreeMap;

use super::entry::Entry;

/// Bits of the hash that a position does not show.
const POSITION_SHIFT: u32 = 12;

/// Where `hash` lies in scan order.
pub(super) fn position(hash: u64) -> u64 {
    hash >> POSITION_SHIFT
}

/// Entries by hash.
#[derive(Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<u64, Vec<Entry>>,
    len: usize,
}

impl Table {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        self.entries.get(&hash)?.iter().find(|e| e.key() == key)
    }

    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        self.entries.get_mut(&hash)?.iter_mut().find(|e| e.key() == key)
    }

    pub fn find(&self, hash: u64, test: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        self.entries.get(&hash)?.iter().find(|e| test(e))
    }

    /// Adds an entry whose key is not there.
    pub fn insert_new(&mut self, hash: u64, entry: Entry) {
        self.entries.entry(hash).or_default().push(entry);
        self.len += 1;
    }

    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let same = self.entries.get_mut(&hash)?;
        let index = same.iter().position(|e| e.key() == key)?;
        let entry = same.swap_remove(index);
        if same.is_empty() {
            self.entries.remove(&hash);
        }
        self.len -= 1;
        Some(entry)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().flatten()
    }

    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&Entry> {
        let from = rng.u64(..);
        let after = self.entries.range(from..).next();
        after.or_else(|| self.entries.first_key_value())?.1.first()
    }

    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(&Entry)) -> u64 {
        if cursor > position(u64::MAX) {
            return 0;
        }
        let mut seen = 0;
        let mut last = 0;
        for (&hash, same) in self.entries.range(cursor << POSITION_SHIFT..) {
            if seen >= count.max(1) && position(hash) != last {
                return position(hash);
            }
            last = position(hash);
            seen += same.len();
            same.iter().for_each(&mut *f);
        }
        0
    }

    /// Visits unmarked entries from `cursor` on, clears marks behind, and stops after `budget`
    /// entries; whether the end was reached.
    pub fn sweep(
        &mut self,
        cursor: &mut u64,
        budget: &mut usize,
        f: &mut dyn FnMut(&Entry),
    ) -> bool {
        for (&hash, same) in self.entries.range_mut(*cursor..) {
            *cursor = hash;
            if *budget == 0 {
                return false;
            }
            for entry in same {
                *budget = budget.saturating_sub(1);
                if !entry.is_marked() {
                    f(entry);
                }
                entry.set_marked(false);
            }
        }
        true
    }

    pub fn memory_bytes(&self) -> usize {
        self.len * 2 * size_of::<usize>()
    }
}
