//! The link to the master as everybody but its task sees it: state and figures.

use std::cell::Cell;
use std::time::Instant;

use tokio::sync::Notify;

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
    /// Somebody else is the master now: the task ends.
    pub ended: Cell<bool>,
    /// Tells the task to look at `ended`.
    pub stop: Notify,
}

impl MasterLink {
    /// A link that has not been tried yet.
    pub fn new(address: MasterAddress, by_command: bool) -> Self {
        Self {
            address,
            by_command,
            state: Cell::new(LinkState::Connect),
            heard_at: Cell::new(None),
            down_since: Cell::new(None),
            transfer: Cell::new(None),
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
