//! The snapshot walk: the state of all databases at one moment, read out in small steps.
//!
//! The cut is the call of [`Keyspace::begin_walk`](super::Keyspace::begin_walk). Each step reads the
//! next entries in hash order. Whoever is about to change or drop an entry that the walk has not read
//! has it read first; entries made after the cut are marked, and the walk passes over them. So what
//! the sink gets is exactly what was there at the cut, each entry once.
//!
//! Each walk has an epoch, and every entry stands in one: an entry made since the walk began, or read
//! by it, is in the walk's epoch; all others are in earlier ones. So one comparison of bits beside the
//! pointer tells whether an entry has still to be read, and an abandoned walk leaves nothing to undo.
//! Epochs are few. A walk that reaches its end leaves only its own; the epochs of abandoned ones
//! linger, and before they run out all entries are brought to one.

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

/// A walk was asked for while another one goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a snapshot walk is going on")]
pub struct WalkActive;

/// The sink as all databases share it.
#[derive(Clone)]
pub(super) struct SharedSink(Arc<Mutex<Box<dyn WalkSink>>>);

impl SharedSink {
    pub fn new(sink: Box<dyn WalkSink>) -> Self {
        Self(Arc::new(Mutex::new(sink)))
    }

    pub fn with<R>(&self, f: impl FnOnce(&mut dyn WalkSink) -> R) -> R {
        f(self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
    }
}

impl std::fmt::Debug for SharedSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSink")
    }
}

/// The walk over one table.
#[derive(Debug)]
pub(super) struct TableWalk {
    db: usize,
    epoch: u8,
    sweep: Sweep,
    sink: SharedSink,
}

impl TableWalk {
    /// A walk of `epoch` over the table that database `db` has now.
    pub fn new(db: usize, epoch: u8, sink: SharedSink) -> Self {
        Self { db, epoch, sweep: Sweep::default(), sink }
    }

    /// Reads `entry` if the walk has not done so: it is about to be changed or dropped.
    pub fn capture(&self, entry: &mut Entry) {
        if entry.epoch() != self.epoch {
            self.sink.with(|sink| sink.entry(self.db, entry));
            entry.set_epoch(self.epoch);
        }
    }

    /// Reads entries until `budget` is used up; whether the table is done.
    pub fn step(&mut self, table: &mut Table, budget: &mut usize) -> bool {
        let Self { db, epoch, sweep, sink } = self;
        sink.with(|sink| table.sweep(sweep, *epoch, budget, &mut |entry| sink.entry(*db, entry)))
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
