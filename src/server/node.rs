//! The node: one server's engine, clients and configuration, as the network layer sees it.
//!
//! Everything is on one thread. A borrow of a cell here lasts for a call and never across an await.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use tokio::sync::Notify;

use super::config::Config;
use super::cron::Rounds;
use super::logging::LogHandle;
use super::observers::Observers;
use super::oom::OomScore;
use super::pause::Pauses;
use super::snapshots::Snapshots;
use super::supervise::Stop;
use crate::base::{Clock, ReplId, alloc};
use crate::engine::LogStopped;
use crate::engine::service::{OutputLimit, TakenSocket};
use crate::engine::session::{Card, ClientKind, ReplyMode};
use crate::engine::{Engine, Flow, Order, Peer, Service, Session, Ticket};
use crate::log::Identity;
use crate::log::catalogue::CatalogueThread;
use crate::replication::{Replication, Site};
use crate::resp::Batch;
use crate::resp::request::ParseLimits;
use crate::storage::Storage;
use std::path::PathBuf;

/// One server.
pub struct Node {
    /// Commands, keyspace and log.
    pub engine: RefCell<Engine>,
    /// The configuration in force.
    pub config: RefCell<Config>,
    /// The connected clients, by number, oldest first.
    pub cards: RefCell<BTreeMap<u64, Rc<Card>>>,
    /// What the network layer is to do to other connections.
    pub orders: RefCell<Vec<Order>>,
    /// Wakes the flusher; may be notified from any thread.
    pub flush: Arc<Notify>,
    /// Figures since the start or the last `CONFIG RESETSTAT`.
    pub figures: Figures,
    /// The file the configuration was read from.
    pub config_file: Option<PathBuf>,
    /// Where the data directory is.
    pub storage: Arc<dyn Storage>,
    /// Changes the server's log.
    pub log_handle: LogHandle,
    /// What is recorded of each command.
    pub observers: Observers,
    /// Snapshots taken and to be taken.
    pub snapshots: Snapshots,
    /// Replicas, and the master.
    pub replication: Rc<Replication>,
    /// What keeps the catalogue, once there is a log.
    pub catalogue: RefCell<Option<CatalogueThread>>,
    /// `CLIENT PAUSE`.
    pub pauses: Pauses,
    /// SHUTDOWN and signals.
    pub stop: Stop,
    /// `oom-score-adj`.
    pub oom_score: OomScore,
    /// What background rounds measure.
    pub rounds: Rounds,
    /// Bytes allocated once the server was ready to load.
    pub startup_memory_bytes: Cell<u64>,
    /// Unix time of the start, in milliseconds.
    pub started_ms: u64,
    /// Forty characters that tell this run from all others.
    pub run_id: ReplId,
    /// Changes the addresses listened on; set once there are listeners.
    pub rebind: RefCell<Option<Rebind>>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Whether the log refused a write at the last commit.
    log_failing: Cell<bool>,
    next_client: Cell<u64>,
    me: Weak<Node>,
}

/// Listens on the addresses of the second configuration instead of the first one's.
pub type Rebind = Box<dyn Fn(&Config, &Config) -> Result<(), String>>;

/// Counters of the node itself.
#[derive(Debug, Default)]
pub struct Figures {
    /// Connections accepted (`total_connections_received`).
    pub connections_received: Cell<u64>,
    /// Connections refused for `maxclients` (`rejected_connections`).
    pub connections_rejected: Cell<u64>,
    /// Reads from clients (`total_reads_processed`).
    pub reads: Cell<u64>,
    /// Writes to clients (`total_writes_processed`).
    pub writes: Cell<u64>,
    /// Bytes read from clients (`total_net_input_bytes`).
    pub input_bytes: Cell<u64>,
    /// Bytes written to clients (`total_net_output_bytes`).
    pub output_bytes: Cell<u64>,
}

impl Figures {
    /// Begins to count anew.
    pub fn reset(&self) {
        let counters = [
            &self.connections_received,
            &self.connections_rejected,
            &self.reads,
            &self.writes,
            &self.input_bytes,
            &self.output_bytes,
        ];
        counters.into_iter().for_each(|counter| counter.set(0));
    }
}

fn add(counter: &Cell<u64>, more: u64) {
    counter.set(counter.get() + more);
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("figures", &self.figures).finish_non_exhaustive()
    }
}

impl Node {
    /// A node over an engine.
    pub fn new(
        engine: Engine,
        config: Config,
        config_file: Option<PathBuf>,
        storage: Arc<dyn Storage>,
        flush: Arc<Notify>,
        log_handle: LogHandle,
    ) -> Rc<Self> {
        let started_ms = engine.clock.unix_ms();
        Rc::new_cyclic(|me: &Weak<Self>| Self {
            replication: Replication::new(me.clone() as Weak<dyn Site>),
            observers: Observers::new(engine.table(), &config),
            snapshots: Snapshots::default(),
            catalogue: RefCell::default(),
            pauses: Pauses::default(),
            stop: Stop::default(),
            oom_score: OomScore::default(),
            rounds: Rounds::default(),
            startup_memory_bytes: Cell::new(alloc::used_bytes() as u64),
            started_ms,
            rebind: RefCell::default(),
            clock: Arc::clone(&engine.clock),
            log_failing: Cell::new(false),
            run_id: ReplId::from_random(std::array::from_fn(|_| fastrand::u8(..))),
            config_file,
            storage,
            log_handle,
            engine: RefCell::new(engine),
            config: RefCell::new(config),
            cards: RefCell::default(),
            orders: RefCell::default(),
            flush,
            figures: Figures::default(),
            next_client: Cell::new(1),
            me: me.clone(),
        })
    }

    /// A handle that futures can keep.
    pub fn handle(&self) -> Weak<Self> {
        self.me.clone()
    }

    /// Gives the network layer something to do to another connection.
    pub fn order(&self, order: Order) {
        if let Order::Kill { client } = &order
            && self.replication.replicas.drop_client(*client)
        {
            return;
        }
        self.orders.borrow_mut().push(order);
        self.flush.notify_one();
    }

    /// A number for a client, never given twice.
    pub fn take_client_id(&self) -> u64 {
        self.next_client.replace(self.next_client.get() + 1)
    }

    /// Brings what is forbidden up to date with the log, the snapshots, replication and the
    /// configuration.
    pub fn refresh_guards(&self, engine: &mut Engine) {
        self.replication.refresh_guards(engine);
        let config = self.config.borrow();
        let failure = engine.log.as_ref().and_then(|log| log.failure());
        let snapshot_failed = !engine.has_durable_log()
            && config.stop_writes_on_bgsave_error
            && !config.save.0.is_empty()
            && !self.snapshots.saves.last_ok.get();
        engine.guards.cannot_persist = match failure {
            Some(reason) => Some(format!("Errors writing to the AOF file: {reason}")),
            None => snapshot_failed.then(|| SNAPSHOT_FAILED.to_owned()),
        };
        engine.settings.writes_refused = engine.guards.cannot_persist.is_some();
    }

    /// Whether a replica has not acknowledged everything.
    pub fn replicas_lag(&self) -> bool {
        let end = self.engine.borrow().offset();
        self.replication.replicas.all().iter().any(|r| r.is_online() && r.acked.get() < end)
    }

    /// Gives the process the out-of-memory score of its role. One that cannot be had is no reason not to
    /// serve.
    pub fn adjust_oom_score(&self, is_replica: bool) {
        if let Err(error) = self.oom_score.adjust(&self.config.borrow(), is_replica) {
            tracing::warn!(%error, "cannot set the out-of-memory score");
        }
    }

    /// DEBUG CHANGE-REPL-ID: the stream goes on under another name.
    ///
    /// # Errors
    /// The log cannot take it.
    pub fn change_replid(&self, engine: &mut Engine) -> Result<(), LogStopped> {
        let identity =
            Identity::new(ReplId::from_random(std::array::from_fn(|_| fastrand::u8(..))));
        let now_ms = self.clock.unix_ms();
        match &mut engine.log {
            Some(log) => log.run_now(|writer| writer.renew(identity, now_ms)),
            None => Ok(()),
        }
    }

    /// Listens on what `after` says instead of `before`.
    ///
    /// # Errors
    /// An address cannot be listened on; the old ones are then listened on as before.
    pub fn relisten(&self, before: &Config, after: &Config) -> Result<(), String> {
        match &*self.rebind.borrow() {
            Some(rebind) => rebind(before, after),
            None => Ok(()),
        }
    }

    fn admit(&self, peer: &Peer) -> Result<(), String> {
        let config = self.config.borrow();
        if self.cards.borrow().len() >= config.maxclients as usize {
            add(&self.figures.connections_rejected, 1);
            return Err("-ERR max number of clients reached\r\n".to_owned());
        }
        let open = config.protected_mode && config.requirepass.is_empty();
        match peer {
            Peer::Tcp(remote, _) if open && !remote.ip().to_canonical().is_loopback() => {
                add(&self.figures.connections_rejected, 1);
                Err(PROTECTED_MODE.to_owned())
            }
            _ => Ok(()),
        }
    }
}

/// Why writes are refused after a snapshot that failed.
const SNAPSHOT_FAILED: &str = "Redis is configured to save RDB snapshots, but it's currently unable to \
persist to disk. Commands that may modify the data set are disabled, because this instance is \
configured to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error \
option). Please check the Redis logs for details about the RDB error.";

/// What a stranger is told while no password is set.
const PROTECTED_MODE: &str = "-DENIED Vellum is running in protected mode because protected mode is \
enabled and no password is set for the default user. In this mode connections are only accepted from \
the loopback interface. To accept others set a password with 'requirepass', or switch this mode off \
with 'CONFIG SET protected-mode no' from this machine, or 'protected-mode no' in the configuration \
file.\r\n";

impl Service for Node {
    fn connect(&self, peer: &Peer) -> Result<Session, String> {
        self.admit(peer)?;
        add(&self.figures.connections_received, 1);
        let authenticated = self.config.borrow().requirepass.is_empty();
        let now_ms = self.engine.borrow().clock.unix_ms();
        let session = Session::new(self.take_client_id(), peer.clone(), authenticated, now_ms);
        self.cards.borrow_mut().insert(session.id(), Rc::clone(&session.card));
        Ok(session)
    }

    fn run(
        &self,
        session: &mut Session,
        buffer: &[u8],
        batch: &Batch,
        first: usize,
    ) -> (usize, Flow) {
        self.engine.borrow_mut().run_batch(self, session, buffer, batch, first)
    }

    fn disconnect(&self, session: &mut Session) {
        let mut engine = self.engine.borrow_mut();
        engine.forget_transaction(session);
        engine.unsubscribe_all(session);
        engine.untrack(session);
        session.card.takes_mail.set(false);
        if session.card.kind.get() == ClientKind::Monitor {
            self.observers.monitors.remove(session.id());
        }
        self.cards.borrow_mut().remove(&session.id());
    }

    fn commit(&self) {
        let mut engine = self.engine.borrow_mut();
        engine.commit();
        let failing = engine.log.as_ref().is_some_and(|log| log.failure().is_some());
        if failing != self.log_failing.replace(failing) {
            self.refresh_guards(&mut engine);
        }
        self.replication.advanced(&engine);
    }

    fn released(&self) -> Ticket {
        self.engine.borrow().gate.released()
    }

    fn limits(&self, session: &Session) -> ParseLimits {
        ParseLimits {
            bulk_len_max: self.config.borrow().proto_max_bulk_len,
            authenticated: session.authenticated,
            inline: true,
        }
    }

    fn output_limit(&self, session: &Session) -> OutputLimit {
        let config = self.config.borrow();
        let limits = &config.client_output_buffer_limit;
        let limit = match session.card.kind.get() {
            ClientKind::Replica => &limits.replica,
            _ if session.card.is_subscribed() => &limits.pubsub,
            ClientKind::Normal | ClientKind::Monitor => &limits.normal,
        };
        OutputLimit {
            hard_bytes: limit.hard_bytes,
            soft_bytes: limit.soft_bytes,
            soft_seconds: limit.soft_seconds,
        }
    }

    fn take_orders(&self) -> Vec<Order> {
        let mut orders = std::mem::take(&mut *self.orders.borrow_mut());
        self.observers.monitors.take_orders(&mut orders);
        let mut engine = self.engine.borrow_mut();
        orders.extend(engine.take_mail().map(|client| Order::Mail { client }));
        orders
    }

    fn take_over(&self, mut session: Session, socket: TakenSocket) {
        let mut engine = self.engine.borrow_mut();
        engine.unsubscribe_all(&mut session);
        engine.untrack(&mut session);
        drop(engine);
        session.card.takes_mail.set(false);
        self.replication.take_over(session, socket);
    }

    fn protocol_error(&self, session: &mut Session, reply_text: &[u8]) {
        if session.reply_mode == ReplyMode::On {
            session.out.reply.error(reply_text);
        }
        session.out.seal(Ticket::NONE, self.released());
        tracing::debug!(
            client = session.id(),
            error = %reply_text.escape_ascii(),
            "protocol error from client"
        );
    }

    fn keepalive_s(&self) -> u64 {
        self.config.borrow().tcp_keepalive
    }

    fn query_buffer_max(&self) -> u64 {
        self.config.borrow().client_query_buffer_limit
    }

    fn count_read(&self, bytes: usize) {
        add(&self.figures.reads, 1);
        add(&self.figures.input_bytes, bytes as u64);
    }

    fn count_writes(&self, writes: usize, bytes: usize) {
        add(&self.figures.writes, writes as u64);
        add(&self.figures.output_bytes, bytes as u64);
    }
}
