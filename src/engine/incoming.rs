//! A master's stream on its way from the log to the keyspace: what is stored and not yet applied.
//!
//! It is applied when it is as safe as the policy wants it: `applied <= durable <= received`. Whoever
//! needs the keyspace to be as the log's end says has all of it applied first: a snapshot, whose
//! offset that is, a client's own write, which comes behind it in the log, another role.

use std::collections::VecDeque;

use super::apply::{Applier, ApplyError};
use super::executor::Engine;
use crate::base::Offset;
use crate::command::Origin;

/// Stretches of stream that are in the log and not yet in memory.
#[derive(Debug)]
pub struct Incoming {
    queue: VecDeque<Stretch>,
    len: usize,
    applier: Applier,
    applied: Offset,
}

#[derive(Debug)]
struct Stretch {
    end: Offset,
    bytes: Vec<u8>,
}

impl Incoming {
    /// Nothing yet, to go on with database `db` selected at `offset`.
    pub(super) fn new(offset: Offset, db: usize) -> Self {
        let applier = Applier::new(Origin::Master, db);
        Self { queue: VecDeque::new(), len: 0, applier, applied: offset }
    }

    /// Bytes waiting.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The offset behind what has been applied.
    pub fn applied(&self) -> Offset {
        self.applied
    }

    fn take(&mut self, safe: Offset) -> Option<Stretch> {
        if self.queue.front()?.end > safe {
            return None;
        }
        let stretch = self.queue.pop_front()?;
        self.len -= stretch.bytes.len();
        Some(stretch)
    }
}

impl Engine {
    /// What is stored and not yet applied.
    pub fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// Makes ready for a stream that goes on from the end of the log. What was stored before must have
    /// been applied, or be of another data set.
    pub fn expect_stream(&mut self) {
        self.incoming = Incoming::new(self.offset(), self.stream_db());
    }

    /// Puts whole units of a master's stream into the log, at the master's offsets; `db` is the
    /// database selected behind them, if they select one. They are applied later.
    pub fn store_stream(&mut self, units: Vec<u8>, db: Option<u32>) {
        let Some(log) = &mut self.log else { return };
        log.append(&units, false);
        if let Some(db) = db {
            log.set_db(db);
        }
        log.boundary();
        self.gate.appended(log.appended());
        self.incoming.len += units.len();
        self.incoming.queue.push_back(Stretch { end: log.appended_offset(), bytes: units });
    }

    /// Applies the next stretch if it ends at `safe` or before; whether there was one.
    ///
    /// # Errors
    /// It cannot be applied here. What [`acceptable`](Self::acceptable) has let through can be.
    pub fn apply_stored(&mut self, safe: Offset) -> Result<bool, ApplyError> {
        let Some(stretch) = self.incoming.take(safe) else { return Ok(false) };
        let idle = Applier::new(Origin::Master, 0);
        let mut applier = std::mem::replace(&mut self.incoming.applier, idle);
        let result = applier.apply(self, &stretch.bytes);
        self.set_stream_db(applier.db());
        self.incoming.applier = applier;
        self.incoming.applied = stretch.end;
        result.map(|()| true)
    }

    /// Applies everything at once; reads then wait until it is safe.
    ///
    /// # Errors
    /// As [`apply_stored`](Self::apply_stored).
    pub fn apply_all_stored(&mut self) -> Result<(), ApplyError> {
        if self.incoming.is_empty() {
            return Ok(());
        }
        while self.apply_stored(Offset::MAX)? {}
        self.gate.wrote_everything();
        Ok(())
    }
}
