//! The snapshot walk: the state of all databases at one moment, read out in small steps.
//!
//! The cut is the call of [`Keyspace::begin_walk`](super::Keyspace::begin_walk). Each step reads the
//! next entries in hash order. Whoever is about to change or drop an entry that the walk has not read
//! has it read first; entries made after the cut are marked, and the walk passes over them. So what
//! the sink gets is exactly what was there at the cut, each entry once.
//!
//! Marks: outside a walk no entry is marked. During one, an entry at or after the walk's position is
//! marked when it was read early or is younger than the cut; the walk clears the mark when it passes.

use std::sync::{Arc, Mutex, PoisonError};

use super::entry::Entry;
use super::expiry::ExpiryIndex;
use super::table::{Sweep, Table};

/// Receives the entries of a walk. Databases are numbered as they were at the cut.
pub trait WalkSink: Send {
    /// Told once for each database that is not empty, at the cut: how many keys there are, and how
    /// many of them expire.
    fn database(&mut self, db: usize, keys: usize, expires: usize);
    /// One entry of `db` as it was at the cut. Entries come in no useful order, and those of
    /// different databases may alternate.
    fn entry(&mut self, db: usize, entry: &Entry);
}

/// A walk was asked for while another one goes on, or while an abandoned one is still being cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot walk is going on")]
pub struct WalkActive;

/// The sink as all databases share it; empty once the walk was given up.
#[derive(Clone)]
pub(super) struct SharedSink(Arc<Mutex<Option<Box<dyn WalkSink>>>>);

impl SharedSink {
    pub fn new(sink: Box<dyn WalkSink>) -> Self {
        Self(Arc::new(Mutex::new(Some(sink))))
    }

    pub fn take(&self) -> Option<Box<dyn WalkSink>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub fn with(&self, f: impl FnOnce(&mut dyn WalkSink)) {
        if let Some(sink) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            f(sink.as_mut());
        }
    }
}

impl std::fmt::Debug for SharedSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSink")
    }
}

/// How far the walk has come in one table.
#[derive(Debug)]
pub(super) struct TableWalk {
    db: usize,
    sweep: Sweep,
    sink: SharedSink,
}

impl TableWalk {
    pub fn new(db: usize, sink: SharedSink) -> Self {
        Self { db, sweep: Sweep::default(), sink }
    }

    /// Reads `entry` if the walk has not done so: it is about to be changed or dropped.
    pub fn capture(&self, hash: u64, entry: &mut Entry) {
        if !self.sweep.is_past(hash) && !entry.is_marked() {
            self.sink.with(|sink| sink.entry(self.db, entry));
            entry.set_marked(true);
        }
    }

    /// Marks an entry that is younger than the cut, if the walk would come by it.
    pub fn pass_over(&self, hash: u64, entry: &mut Entry) {
        entry.set_marked(!self.sweep.is_past(hash));
    }

    /// Reads entries until `budget` is used up; whether the table is done.
    pub fn step(&mut self, table: &mut Table, budget: &mut usize) -> bool {
        let mut guard = self.sink.0.lock().unwrap_or_else(PoisonError::into_inner);
        match guard.as_mut() {
            Some(sink) => {
                table.sweep(&mut self.sweep, budget, &mut |entry| sink.entry(self.db, entry))
            }
            None => table.sweep(&mut self.sweep, budget, &mut |_| {}),
        }
    }
}

/// A database's content that was flushed before the walk had read it.
#[derive(Debug)]
pub(super) struct Retired {
    pub table: Table,
    pub expiry: ExpiryIndex,
    pub walk: TableWalk,
}

/// Memory that is no longer needed. Dropping it frees it: on another thread where there is one.
#[derive(Debug, Default)]
#[must_use = "dropping it here frees the memory on this thread"]
pub struct Garbage {
    tables: Vec<(Table, ExpiryIndex)>,
    entries: Vec<Entry>,
}

impl Garbage {
    pub(super) fn add_table(&mut self, table: Table, expiry: ExpiryIndex) {
        if table.len() > 0 {
            self.tables.push((table, expiry));
        }
    }

    /// Adds an entry that was taken out of a database.
    pub fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Adds all of `other`.
    pub fn append(&mut self, mut other: Self) {
        self.tables.append(&mut other.tables);
        self.entries.append(&mut other.entries);
    }

    /// Whether there is nothing to free.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of entries that will be freed.
    pub fn len(&self) -> usize {
        self.entries.len() + self.tables.iter().map(|(table, _)| table.len()).sum::<usize>()
    }
}
