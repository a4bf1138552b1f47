//! The link to the master as everybody but its task sees it: state, figures, and what was received and
//! is not yet applied.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Instant;

use tokio::sync::Notify;

use super::intake::Units;
use crate::base::Offset;
use crate::command::Origin;
use crate::engine::Engine;
use crate::engine::apply::{Applier, ApplyError};

/// Where a master listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterAddress {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

/// How far the link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// Waiting for the next attempt.
    Connect,
    /// Connecting.
    Connecting,
    /// Introducing itself.
    Handshake,
    /// Receiving a snapshot, or loading it.
    Sync,
    /// Following the stream.
    Connected,
}

impl LinkState {
    /// As ROLE says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Connecting => "connecting",
            Self::Handshake => "handshake",
            Self::Sync => "sync",
            Self::Connected => "connected",
        }
    }
}

/// How far the transfer of a snapshot has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Transfer {
    /// Its length in bytes, if the master said it.
    pub total_len: Option<u64>,
    /// Bytes received.
    pub read_len: u64,
}

/// A link to a master, up or down.
#[derive(Debug)]
pub struct MasterLink {
    /// The master.
    pub address: MasterAddress,
    /// Ordered by a client: what it says goes, whatever data is here.
    pub by_command: bool,
    /// How far the link has come.
    pub state: Cell<LinkState>,
    /// When the master was last heard.
    pub heard_at: Cell<Option<Instant>>,
    /// Since when the link is down, if it ever was up.
    pub down_since: Cell<Option<Instant>>,
    /// The snapshot being received.
    pub transfer: Cell<Option<Transfer>>,
    /// Received, in the log, and not yet applied.
    pub pending: RefCell<Pending>,
    /// Somebody else is the master now: the task ends.
    pub ended: Cell<bool>,
    /// Tells the task to look at `ended`.
    pub stop: Notify,
}

impl MasterLink {
    /// A link that has not been tried yet, to go on with database `db` selected at `offset`.
    pub fn new(address: MasterAddress, by_command: bool, offset: Offset, db: usize) -> Self {
        Self {
            address,
            by_command,
            state: Cell::new(LinkState::Connect),
            heard_at: Cell::new(None),
            down_since: Cell::new(None),
            transfer: Cell::new(None),
            pending: RefCell::new(Pending::new(offset, db)),
            ended: Cell::new(false),
            stop: Notify::new(),
        }
    }

    /// Whether the stream is being followed.
    pub fn is_up(&self) -> bool {
        self.state.get() == LinkState::Connected
    }

    /// Ends the link for good.
    pub fn end(&self) {
        self.ended.set(true);
        self.stop.notify_one();
    }
}

/// Stretches of stream that are in the log and not yet in memory.
///
/// What is here is applied when it is as safe as the policy wants it: `applied <= durable <= received`.
#[derive(Debug)]
pub struct Pending {
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

impl Pending {
    fn new(offset: Offset, db: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            len: 0,
            applier: Applier::new(Origin::Master, db),
            applied: offset,
        }
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

    /// Appends whole units to the log; they are applied later.
    pub fn store(&mut self, engine: &mut Engine, units: Units) {
        engine.append_stream(&units.bytes, units.db);
        self.len += units.bytes.len();
        self.queue.push_back(Stretch { end: engine.offset(), bytes: units.bytes });
    }

    /// Applies the next stretch if it ends at `safe` or before; whether there was one.
    ///
    /// # Errors
    /// It cannot be applied here: this server cannot follow that master.
    pub fn apply_next(&mut self, engine: &mut Engine, safe: Offset) -> Result<bool, ApplyError> {
        if self.queue.front().is_none_or(|stretch| stretch.end > safe) {
            return Ok(false);
        }
        let Some(stretch) = self.queue.pop_front() else { return Ok(false) };
        self.len -= stretch.bytes.len();
        self.applied = stretch.end;
        let result = self.applier.apply(engine, &stretch.bytes);
        engine.set_stream_db(self.applier.db());
        result.map(|()| true)
    }

    /// Applies everything at once; reads then wait until it is safe.
    ///
    /// # Errors
    /// As [`apply_next`](Self::apply_next).
    pub fn apply_all(&mut self, engine: &mut Engine) -> Result<(), ApplyError> {
        while self.apply_next(engine, Offset::MAX)? {}
        engine.gate.wrote_everything();
        Ok(())
    }

    /// Begins anew at `offset` with database `db` selected: another data set has been loaded.
    pub fn restart(&mut self, offset: Offset, db: usize) {
        *self = Self::new(offset, db);
    }
}
