//! MULTI, the queue, and the keys a client watches.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::command::Spec;
use crate::resp::args::OwnedArgs;

/// One queued command.
#[derive(Debug)]
pub struct Queued {
    /// Its row in the table.
    pub spec: &'static Spec,
    /// Its arguments.
    pub args: OwnedArgs,
}

/// What one client has opened with MULTI and WATCH.
#[derive(Debug, Default)]
pub struct Transaction {
    /// Between MULTI and EXEC.
    pub open: bool,
    /// A command could not be queued: EXEC will refuse.
    pub failed: bool,
    /// The commands so far.
    pub queue: Vec<Queued>,
    /// A watched key was changed: EXEC will do nothing.
    touched: Rc<Cell<bool>>,
    watched: Vec<Watched>,
}

type WatchedKey = (usize, Box<[u8]>);

/// What became of a key before it was watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateAtWatch {
    /// It was not there.
    Missing,
    /// It was there.
    Present,
    /// It was there and its time was over: that it goes is no change.
    Expired,
}

/// One watched key.
#[derive(Debug)]
pub struct Watched {
    /// Its database.
    pub db: usize,
    /// Its name.
    pub key: Box<[u8]>,
    /// What it was then.
    pub state: StateAtWatch,
}

#[derive(Debug)]
struct Watcher {
    touched: Rc<Cell<bool>>,
    state: StateAtWatch,
}

impl Transaction {
    /// Whether a watched key has changed since WATCH.
    pub fn is_touched(&self) -> bool {
        self.touched.get()
    }

    /// Whether any key is watched.
    pub fn is_watching(&self) -> bool {
        !self.watched.is_empty()
    }

    /// Number of watched keys.
    pub fn watched_count(&self) -> usize {
        self.watched.len()
    }

    /// The watched keys.
    pub fn watched(&self) -> &[Watched] {
        &self.watched
    }

    /// Bytes the queue holds.
    pub fn queue_bytes(&self) -> usize {
        self.queue.iter().map(|q| q.args.len_bytes()).sum()
    }

    /// Closes the transaction and forgets its queue; watched keys stay.
    pub fn close(&mut self) -> Vec<Queued> {
        self.open = false;
        self.failed = false;
        std::mem::take(&mut self.queue)
    }
}

/// All watched keys of all clients.
#[derive(Debug, Default)]
pub struct Watches {
    by_key: HashMap<WatchedKey, Vec<Watcher>>,
}

impl Watches {
    /// Whether nobody watches anything.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Has `transaction` watch a key; twice is once.
    pub fn watch(
        &mut self,
        transaction: &mut Transaction,
        db: usize,
        key: &[u8],
        state: StateAtWatch,
    ) {
        if transaction.watched.iter().any(|w| w.db == db && *w.key == *key) {
            return;
        }
        let watcher = Watcher { touched: Rc::clone(&transaction.touched), state };
        self.by_key.entry((db, key.into())).or_default().push(watcher);
        transaction.watched.push(Watched { db, key: key.into(), state });
    }

    /// Has `transaction` watch nothing and forget what happened.
    pub fn unwatch(&mut self, transaction: &mut Transaction) {
        for watched in transaction.watched.drain(..) {
            let key = (watched.db, watched.key);
            if let Some(watchers) = self.by_key.get_mut(&key) {
                watchers.retain(|w| !Rc::ptr_eq(&w.touched, &transaction.touched));
                if watchers.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
        transaction.touched.set(false);
    }

    /// Notes a change of a key.
    pub fn touch(&self, db: usize, key: &[u8]) {
        if let Some(watchers) = self.by_key.get(&(db, Box::from(key))) {
            watchers.iter().for_each(|w| w.touched.set(true));
        }
    }

    /// Notes that all keys of a database went: those that were there have changed.
    pub fn flushed(&self, db: usize) {
        for ((watched_db, _), watchers) in &self.by_key {
            let there = |w: &&Watcher| w.state != StateAtWatch::Missing;
            if *watched_db == db {
                watchers.iter().filter(there).for_each(|w| w.touched.set(true));
            }
        }
    }

    /// Notes that two databases changed places: keys that were there, or are now, have changed.
    pub fn swapped(&self, first: usize, second: usize, is_there: impl Fn(usize, &[u8]) -> bool) {
        for ((db, key), watchers) in &self.by_key {
            if *db == first || *db == second {
                let now_there = is_there(*db, key);
                let changed = |w: &&Watcher| now_there || w.state != StateAtWatch::Missing;
                watchers.iter().filter(changed).for_each(|w| w.touched.set(true));
            }
        }
    }
}
