//! What replication needs of the server around it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use super::handshake::Introduction;
use crate::engine::Engine;
use crate::log::Layout;
use crate::storage::Storage;

/// The directives that concern replication, as they are now.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What this server says of itself to its master.
    pub introduction: Introduction,
    /// The address to connect to a master from, empty for any.
    pub source_address: String,
    /// Silence after which the other side is taken for dead (`repl-timeout`).
    pub timeout: Duration,
    /// Time between the pings a master puts into its stream (`repl-ping-replica-period`).
    pub ping_period: Duration,
    /// Whether data is kept from an empty or unrelated master (`replica-refuse-empty-master`).
    pub refuse_empty_master: bool,
    /// Whether clients may not write on a replica (`replica-read-only`).
    pub read_only: bool,
    /// Whether reads are answered while the link is down (`replica-serve-stale-data`).
    pub serve_stale: bool,
    /// Replicas in good state that a write needs (`min-replicas-to-write`).
    pub min_replicas: usize,
    /// How long ago a replica in good state may have acknowledged (`min-replicas-max-lag`).
    pub max_lag: Duration,
    /// Threads that verify and load a snapshot.
    pub threads: usize,
}

/// The server as replication sees it. All calls come from the executor's thread.
pub trait Site: 'static {
    /// Commands, keyspace and log. Borrowed for a call, never across an await.
    fn engine(&self) -> &RefCell<Engine>;
    /// The directives.
    fn settings(&self) -> Settings;
    /// The file system.
    fn storage(&self) -> Arc<dyn Storage>;
    /// The names in the data directory.
    fn layout(&self) -> Layout;
    /// Has the log committed at the end of this turn.
    fn commit_soon(&self);
    /// Begins a snapshot unless one is being taken.
    fn want_snapshot(&self);
    /// Forgets a client whose socket had been taken over.
    fn forget_client(&self, client: u64);
    /// Tells the operator's log whether this is a master or a replica.
    fn role_changed(&self, is_replica: bool);
}
