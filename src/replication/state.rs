//! The server's part in replication: its replicas, its master, and the way from one role to the other.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{Notify, oneshot};

use super::follow;
use super::link::{LinkState, MasterAddress, MasterLink};
use super::replicas::Replicas;
use super::serve;
use super::site::Site;
use crate::base::{Offset, ReplId};
use crate::engine::blocking::DEMOTED;
use crate::engine::service::TakenSocket;
use crate::engine::{Engine, Session};
use crate::log::{Identity, LogError};

/// Time between looks at what only time changes: lag, pings.
const TICK: Duration = Duration::from_millis(500);
/// Time before a new name for the history is tried again.
const RENEW_RETRY: Duration = Duration::from_millis(200);

/// Counters since the start or `CONFIG RESETSTAT`.
#[derive(Debug, Default)]
pub struct Figures {
    /// Full syncs begun (`sync_full`).
    pub full_syncs: Cell<u64>,
    /// Replicas that went on from where they were (`sync_partial_ok`).
    pub partial_syncs: Cell<u64>,
    /// Replicas that asked to and could not (`sync_partial_err`).
    pub partial_refusals: Cell<u64>,
    /// Bytes of the master's stream and snapshots (`total_net_repl_input_bytes`).
    pub input_bytes: Cell<u64>,
    /// Bytes sent to replicas (`total_net_repl_output_bytes`).
    pub output_bytes: Cell<u64>,
}

impl Figures {
    /// Adds to a counter.
    pub fn add(counter: &Cell<u64>, more: u64) {
        counter.set(counter.get() + more);
    }

    /// Begins anew.
    pub fn reset(&self) {
        let Self { full_syncs, partial_syncs, partial_refusals, input_bytes, output_bytes } = self;
        for counter in [full_syncs, partial_syncs, partial_refusals, input_bytes, output_bytes] {
            counter.set(0);
        }
    }
}

/// How far the log was at the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Extent {
    shippable: Offset,
    durable: Offset,
}

/// One server's part in replication.
pub struct Replication {
    me: Weak<Self>,
    pub(super) site: Weak<dyn Site>,
    /// Servers that follow this one.
    pub replicas: Replicas,
    /// Counters.
    pub figures: Figures,
    master: RefCell<Option<Rc<MasterLink>>>,
    seen: Cell<Extent>,
    /// Woken when the log has got further.
    pub(super) progress: Notify,
    /// Woken when a replica has acknowledged, or there is one less.
    pub(super) acknowledged: Notify,
    /// The name the history is about to have; while there is one nobody is told the old one.
    renewal: Cell<Option<Identity>>,
    good_replicas: Cell<usize>,
    /// The last name that this server gave a history itself.
    pub(super) named_here: Cell<Option<ReplId>>,
}

impl std::fmt::Debug for Replication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replication")
            .field("replicas", &self.replicas)
            .field("master", &self.master)
            .finish_non_exhaustive()
    }
}

impl Replication {
    /// A master without replicas.
    pub fn new(site: Weak<dyn Site>) -> Rc<Self> {
        Rc::new_cyclic(|me| Self {
            me: me.clone(),
            site,
            replicas: Replicas::default(),
            figures: Figures::default(),
            master: RefCell::new(None),
            seen: Cell::default(),
            progress: Notify::new(),
            acknowledged: Notify::new(),
            renewal: Cell::new(None),
            good_replicas: Cell::new(0),
            named_here: Cell::new(None),
        })
    }

    /// Whether there is neither a master nor a replica, nor one that is still waited for to come back
    /// within `time` (`repl-backlog-ttl`); without a time it is waited for ever.
    pub fn is_alone(&self, time: Option<Duration>) -> bool {
        self.master.borrow().is_none()
            && self.replicas.is_empty()
            && !self.replicas.may_return(time)
    }

    /// Whether messages that clients publish go into the stream: somebody gets it, and it is this server's.
    /// What a replica misses while it is away it never gets, as any listener. A log that cannot be written
    /// is not made longer by them either.
    pub fn takes_messages(&self, engine: &Engine) -> bool {
        let is_written = engine.log.as_ref().is_some_and(|log| log.failure().is_none());
        !self.replicas.is_empty() && !engine.guards.is_replica && is_written
    }

    /// A handle that futures can keep.
    pub fn handle(&self) -> Weak<Self> {
        self.me.clone()
    }

    /// The link to the master, if this is a replica.
    pub fn master(&self) -> Option<Rc<MasterLink>> {
        self.master.borrow().clone()
    }

    /// The identity of the history from now on, whether its name is on disk already or not.
    pub fn identity(&self, engine: &Engine) -> Option<Identity> {
        self.renewal.get().or_else(|| engine.identity())
    }

    /// Notes a name that this server gives the history itself.
    pub fn note_name(&self, replid: ReplId) {
        self.named_here.set(Some(replid));
    }

    /// Whether the history is being given a new name: until it has one nobody can follow it.
    pub(super) fn is_renewing(&self) -> bool {
        self.renewal.get().is_some()
    }

    /// Replicas in good state, as of the last look.
    pub fn good_replicas(&self) -> usize {
        self.good_replicas.get()
    }

    /// Notes how far the log is. Called after each commit: it costs a comparison when nothing is new.
    pub fn advanced(&self, engine: &Engine) {
        let Some(log) = &engine.log else { return };
        let extent = Extent { shippable: log.shippable_offset(), durable: log.durable_offset() };
        if self.seen.replace(extent) != extent {
            self.progress.notify_waiters();
        }
    }

    /// Takes the socket of a client that has asked for the stream.
    pub fn take_over(&self, session: Session, socket: TakenSocket) {
        if let Some(me) = self.me.upgrade() {
            tokio::task::spawn_local(serve::serve(me, session, socket));
        }
    }

    /// Follows a master from now on. Data stays as it is until the master has sent something better.
    ///
    /// `by_command` says that a client has ordered it, which outweighs `replica-refuse-empty-master`.
    pub fn follow(&self, engine: &mut Engine, address: MasterAddress, by_command: bool) {
        if let Some(link) = self.master.take() {
            link.end();
        }
        apply_stored(engine);
        engine.expect_stream();
        engine.dismiss_writers(DEMOTED);
        tracing::info!(master = %address.host, port = address.port, "following a master");
        let link = Rc::new(MasterLink::new(address, by_command));
        self.master.replace(Some(Rc::clone(&link)));
        self.acknowledged.notify_waiters();
        self.set_role(engine, true);
        if let Some(me) = self.me.upgrade() {
            tokio::task::spawn_local(follow::follow(me, link));
        }
    }

    /// Follows nobody from now on: the history goes on here, under a name of its own.
    pub fn promote(&self, engine: &mut Engine) {
        let Some(link) = self.master.take() else { return };
        link.end();
        // Those of the same master may follow this server next.
        self.replicas.expect_return();
        apply_stored(engine);
        self.begin_history(engine);
        // After the new name, so that the old one is never noted for a master.
        self.set_role(engine, false);
        let replid = self.identity(engine).map(|identity| identity.replid);
        tracing::info!(?replid, offset = %engine.offset(), "this server is a master now");
    }

    /// Makes ready for the log that has just been opened: a master may be followed already.
    pub fn log_opened(&self, engine: &mut Engine) {
        engine.expect_stream();
        note_role(engine, self.master.borrow().is_some());
    }

    fn set_role(&self, engine: &mut Engine, is_replica: bool) {
        engine.guards.is_replica = is_replica;
        engine.settings.is_replica = is_replica;
        note_role(engine, is_replica);
        self.refresh_guards(engine);
        if let Some(site) = self.site.upgrade() {
            site.role_changed(is_replica);
        }
    }

    /// Brings the guards up to date: replicas in good state, a link that is down, directives.
    pub fn refresh_guards(&self, engine: &mut Engine) {
        let Some(site) = self.site.upgrade() else { return };
        let settings = site.settings();
        let good = self.replicas.good(settings.max_lag);
        self.good_replicas.set(good);
        let is_up = self.master.borrow().as_ref().is_none_or(|link| link.is_up());
        engine.guards.replica_read_only = settings.read_only;
        if !settings.read_only {
            // A client's own write comes behind what is in the log before it.
            apply_stored(engine);
        }
        engine.guards.stale = !settings.serve_stale && !is_up;
        engine.guards.too_few_replicas = settings.min_replicas > 0
            && !settings.max_lag.is_zero()
            && good < settings.min_replicas;
    }

    /// Begins a history of its own from here on: whoever was told the old name may be told other things
    /// under it.
    pub fn begin_history(&self, engine: &mut Engine) {
        let replid = ReplId::from_random(std::array::from_fn(|_| fastrand::u8(..)));
        self.note_name(replid);
        if let Some(identity) = self.identity(engine) {
            self.renew(engine, identity.succeeded_by(replid, engine.offset()));
        }
    }

    /// Gives the history a new name from here on. Replicas learn it by asking again.
    pub(super) fn renew(&self, engine: &mut Engine, identity: Identity) {
        self.renewal.set(Some(identity));
        self.replicas.drop_all();
        let done = enqueue_renewal(engine, identity);
        let Some(me) = self.me.upgrade() else { return };
        tokio::task::spawn_local(async move { me.finish_renewal(identity, done).await });
    }

    /// Another data set has come with a history of its own.
    pub(super) fn renewal_is_void(&self) {
        self.renewal.set(None);
    }

    async fn finish_renewal(&self, identity: Identity, mut done: Option<Renewed>) {
        while self.renewal.get() == Some(identity) {
            let Some(site) = self.site.upgrade() else { return };
            site.commit_soon();
            let result = match done.take() {
                Some(done) => done.await,
                None => return,
            };
            match result {
                Ok(Ok(_)) => {
                    // A later renewal supersedes this one, and has its own task.
                    if self.renewal.get() == Some(identity) {
                        self.renewal.set(None);
                        self.progress.notify_waiters();
                    }
                    return;
                }
                Ok(Err(error)) => tracing::warn!(%error, "cannot rename the history yet"),
                // The log was closed: the server is going down.
                Err(_) => return,
            }
            tokio::time::sleep(RENEW_RETRY).await;
            done = enqueue_renewal(&mut site.engine().borrow_mut(), identity);
        }
    }

    /// Waits until there is a history to follow: nothing is being loaded or renamed.
    pub(super) async fn settled(&self) {
        loop {
            let Some(site) = self.site.upgrade() else { return };
            let is_loading = site.engine().borrow().guards.loading;
            if !is_loading && !self.is_renewing() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What time alone brings: pings for replicas, and replicas that fall behind. Runs for as long as
    /// the server does.
    pub async fn keep_time(self: Rc<Self>) {
        let mut pinged = Instant::now();
        loop {
            tokio::time::sleep(TICK).await;
            let Some(site) = self.site.upgrade() else { return };
            let mut engine = site.engine().borrow_mut();
            self.refresh_guards(&mut engine);
            if pinged.elapsed() >= site.settings().ping_period {
                pinged = Instant::now();
                if self.master.borrow().is_none() && self.replicas.any_online() {
                    engine.log_stream_command(&[b"PING"]);
                    site.commit_soon();
                }
            }
        }
    }

    /// Notes another state of the link.
    pub(super) fn link_changed(&self, link: &MasterLink, state: LinkState) {
        let was_up = link.is_up();
        link.state.set(state);
        let is_up = state == LinkState::Connected;
        if was_up && !is_up {
            link.down_since.set(Some(Instant::now()));
        } else if is_up {
            link.down_since.set(None);
        }
        if was_up != is_up
            && let Some(site) = self.site.upgrade()
        {
            self.refresh_guards(&mut site.engine().borrow_mut());
        }
    }
}

/// Has the log's lock say what this server is.
fn note_role(engine: &mut Engine, is_replica: bool) {
    if let Some(log) = &mut engine.log {
        log.enqueue(Box::new(move |writer| writer.set_replica(is_replica)));
    }
}

/// Applies what is stored: what is in the log counts, whoever the master is.
fn apply_stored(engine: &mut Engine) {
    if let Err(error) = engine.apply_all_stored() {
        tracing::error!(%error, "cannot apply what the master sent");
    }
}

type Renewed = oneshot::Receiver<Result<(), LogError>>;

fn enqueue_renewal(engine: &mut Engine, identity: Identity) -> Option<Renewed> {
    let (report, done) = oneshot::channel();
    let clock = std::sync::Arc::clone(&engine.clock);
    engine.log.as_mut()?.enqueue(Box::new(move |writer| {
        // Nobody listens only when the server is going down.
        let _ = report.send(writer.renew(identity, clock.unix_ms()));
        match writer.failure() {
            Some(reason) => Err(LogError::Latched { reason: reason.to_owned() }),
            None => Ok(()),
        }
    }));
    Some(done)
}
