//! The replicas of this server: what each has acknowledged, and how many that makes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::base::Offset;

/// How far a replica has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplicaState {
    /// A snapshot for it is being made.
    WaitSnapshot,
    /// It is being sent a snapshot.
    SendSnapshot,
    /// It follows the stream.
    Online,
    /// It has what it wanted: it asked for the snapshot only.
    SnapshotSent,
}

impl ReplicaState {
    /// As INFO says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::WaitSnapshot => "wait_bgsave",
            Self::SendSnapshot => "send_bulk",
            Self::Online => "online",
            Self::SnapshotSent => "rdb_transmitted",
        }
    }
}

/// One replica's link.
#[derive(Debug)]
pub struct Replica {
    /// The client it was before it asked for the stream.
    pub client: u64,
    /// The address it is known by.
    pub ip: String,
    /// The port it listens on, 0 when it did not say.
    pub port: i32,
    /// How far it has come.
    pub state: Cell<ReplicaState>,
    /// The offset it has applied.
    pub acked: Cell<Offset>,
    /// The offset it has on disk, if it ever said.
    pub synced: Cell<Option<Offset>>,
    /// The offset it has been sent.
    pub sent: Cell<Offset>,
    /// When it last acknowledged.
    pub acked_at: Cell<Instant>,
    /// When it last showed that it reads, or that it is loading.
    pub alive_at: Cell<Instant>,
    /// Ends the link.
    pub dropped: Notify,
}

impl Replica {
    /// A replica that has just asked.
    pub fn new(client: u64, ip: String, port: i32) -> Self {
        let now = Instant::now();
        Self {
            client,
            ip,
            port,
            state: Cell::new(ReplicaState::WaitSnapshot),
            acked: Cell::new(Offset::ZERO),
            synced: Cell::new(None),
            sent: Cell::new(Offset::ZERO),
            acked_at: Cell::new(now),
            alive_at: Cell::new(now),
            dropped: Notify::new(),
        }
    }

    /// Whether it follows the stream.
    pub fn is_online(&self) -> bool {
        self.state.get() == ReplicaState::Online
    }

    /// Time since it last acknowledged.
    pub fn lag(&self) -> Duration {
        self.acked_at.get().elapsed()
    }

    /// Takes in `REPLCONF ACK`; `end` is the end of the log, beyond which nobody can be.
    pub fn acknowledge(&self, applied: Offset, synced: Option<Offset>, end: Offset) {
        self.acked.set(self.acked.get().max(applied.min(end)));
        if let Some(synced) = synced {
            self.synced.set(Some(synced.min(end)).max(self.synced.get()));
        }
        self.acked_at.set(Instant::now());
    }
}

/// All of them, oldest first.
#[derive(Debug, Default)]
pub struct Replicas {
    links: RefCell<BTreeMap<u64, Rc<Replica>>>,
    /// Since when those that were there are waited for.
    gone_at: Cell<Option<Instant>>,
}

impl Replicas {
    /// Adds a replica.
    pub fn add(&self, replica: &Rc<Replica>) {
        self.links.borrow_mut().insert(replica.client, Rc::clone(replica));
    }

    /// Forgets one.
    pub fn remove(&self, client: u64) {
        if self.links.borrow_mut().remove(&client).is_some() {
            self.expect_return();
        }
    }

    /// Notes that from now on replicas may come that have been there, or at this server's predecessor.
    pub fn expect_return(&self) {
        self.gone_at.set(Some(Instant::now()));
    }

    /// Whether there were any, less than `time` ago; at any time where that is `None`.
    pub fn may_return(&self, time: Option<Duration>) -> bool {
        let gone_at = self.gone_at.get();
        gone_at.is_some_and(|at| time.is_none_or(|time| at.elapsed() < time))
    }

    /// All replicas, oldest first.
    pub fn all(&self) -> Vec<Rc<Replica>> {
        self.links.borrow().values().cloned().collect()
    }

    /// Number of links.
    pub fn len(&self) -> usize {
        self.links.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.links.borrow().is_empty()
    }

    /// Whether any follows the stream.
    pub fn any_online(&self) -> bool {
        self.links.borrow().values().any(|r| r.is_online())
    }

    fn count(&self, holds: impl Fn(&Replica) -> bool) -> usize {
        self.links.borrow().values().filter(|r| r.is_online() && holds(r)).count()
    }

    /// How many have applied everything before `offset`.
    pub fn applied(&self, offset: Offset) -> usize {
        self.count(|r| r.acked.get() >= offset)
    }

    /// How many have everything before `offset` on disk.
    pub fn synced(&self, offset: Offset) -> usize {
        self.count(|r| r.synced.get().is_some_and(|synced| synced >= offset))
    }

    /// How many have acknowledged within `max_lag`.
    pub fn good(&self, max_lag: Duration) -> usize {
        // Redis counts whole seconds.
        self.count(|r| r.lag().as_secs() <= max_lag.as_secs())
    }

    /// Ends the link of a client; whether it was a replica.
    pub fn drop_client(&self, client: u64) -> bool {
        let link = self.links.borrow().get(&client).cloned();
        link.inspect(|replica| replica.dropped.notify_one()).is_some()
    }

    /// Ends all links: the history has a new name, which they learn by asking again.
    pub fn drop_all(&self) {
        for replica in self.all() {
            replica.dropped.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_only_grow_and_count_only_online() {
        let replicas = Replicas::default();
        let replica = Rc::new(Replica::new(7, "10.0.0.1".to_owned(), 7000));
        replicas.add(&replica);
        let end = Offset::new(100);
        replica.acknowledge(Offset::new(500), None, end);
        assert_eq!(replica.acked.get(), end);
        replica.acknowledge(Offset::new(50), Some(Offset::new(40)), end);
        assert_eq!(replica.acked.get(), end);
        assert_eq!(replicas.applied(end), 0);
        replica.state.set(ReplicaState::Online);
        assert_eq!(replicas.applied(end), 1);
        assert_eq!((replicas.synced(Offset::new(40)), replicas.synced(end)), (1, 0));
        assert_eq!(replicas.good(Duration::from_secs(1)), 1);
        assert!(replicas.drop_client(7) && !replicas.drop_client(8));
        replicas.remove(7);
        assert!(replicas.is_empty());
    }
}
