//! Waits until the server shall stop, by SHUTDOWN or a signal, and brings it to a good end.

use std::cell::{Cell, RefCell};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, oneshot};

use super::config::lists::ShutdownOptions;
use super::node::Node;
use super::pause::PauseMode;
use super::process::Supervisor;
use crate::engine::service::{Answer, Wait};

/// Rounds of the event loop that replies get to leave before the log is closed.
const LAST_ROUNDS: usize = 16;
/// How long sockets that take no more bytes may hold up the end.
const LAST_PAUSE: Duration = Duration::from_millis(20);
/// How often to look whether replicas have caught up.
const REPLICA_STEP: Duration = Duration::from_millis(20);

/// Requests to stop, and who waits for what becomes of them.
#[derive(Debug, Default)]
pub struct Stop {
    request: Cell<Option<ShutdownOptions>>,
    wanted: Notify,
    /// Clients whose SHUTDOWN waits; told when it comes to nothing.
    waiting: RefCell<Vec<oneshot::Sender<()>>>,
    in_progress: Cell<bool>,
    /// It waits for replicas, and can still be given up.
    waits: Cell<bool>,
    /// Until when it waits for them at most, in ms since the Unix epoch; 0 when it does not.
    waits_until_ms: Cell<u64>,
    aborted: Notify,
    /// For the thread that looks for a second signal.
    insistence: Arc<Insistence>,
}

/// What tells a second signal from the first one, which two listeners get at different times: the
/// executor, which may be busy for long, and the thread that ends the process.
#[derive(Debug, Default)]
struct Insistence {
    /// The stop under way was begun by SHUTDOWN: any signal is one more request.
    by_command: AtomicBool,
    /// Signals that the thread has got.
    seen: AtomicUsize,
    /// Signals that the executor has got.
    taken: AtomicUsize,
    /// Those of them whose stop came to nothing.
    forgiven: AtomicUsize,
}

impl Insistence {
    fn is_met(&self) -> bool {
        let seen = self.seen.fetch_add(1, Ordering::SeqCst) + 1;
        let open = seen.saturating_sub(self.forgiven.load(Ordering::SeqCst));
        open > 1 || self.by_command.load(Ordering::SeqCst)
    }

    fn begin(&self, by_command: bool) {
        self.by_command.store(by_command, Ordering::SeqCst);
        self.taken.fetch_add(usize::from(!by_command), Ordering::SeqCst);
    }

    fn end(&self) {
        self.by_command.store(false, Ordering::SeqCst);
        self.forgiven.store(self.taken.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

impl Stop {
    /// Asks the server to stop. The wait ends only if it does not.
    pub fn request(&self, options: ShutdownOptions) -> Wait {
        let (sender, failed) = oneshot::channel();
        self.waiting.borrow_mut().push(sender);
        // A stop that is under way is not begun twice: whoever asks again waits for what becomes of it.
        if !self.in_progress.replace(true) {
            self.request.set(Some(options));
            self.waits.set(!options.now);
            self.wanted.notify_one();
        }
        Box::pin(async move {
            if failed.await.is_err() {
                std::future::pending::<()>().await;
            }
            Answer::of(b"-ERR Errors trying to SHUTDOWN. Check logs.\r\n".to_vec())
        })
    }

    /// Gives up a stop that waits for replicas; whether one did.
    pub fn abort(&self) -> bool {
        let waits = self.waits.replace(false);
        if waits {
            self.aborted.notify_one();
        }
        waits
    }

    /// How long a stop still waits for replicas at most, where it does: below 0 when it should be over.
    pub fn waits_ms(&self, now_ms: u64) -> Option<i64> {
        let until_ms = self.waits_until_ms.get();
        (until_ms > 0).then(|| until_ms as i64 - now_ms as i64)
    }

    /// Whether the server is about to stop.
    pub fn in_progress(&self) -> bool {
        self.in_progress.get()
    }

    fn given_up(&self) {
        self.insistence.end();
        self.waits_until_ms.set(0);
        self.in_progress.set(false);
        for waiting in self.waiting.take() {
            // A client that has left meanwhile need not be told.
            let _ = waiting.send(());
        }
    }
}

/// The signals that ask the server to stop.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// Signals that would end the process and must not: a terminal that goes away, and a file at its greatest
/// length, which the failed write reports.
fn ignored() -> [SignalKind; 2] {
    [SignalKind::hangup(), SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw())]
}

impl Signals {
    /// Receives them from now on, instead of being ended by them.
    ///
    /// # Errors
    /// The system does not let.
    pub fn listen() -> std::io::Result<Self> {
        for kind in ignored() {
            // The handler stays in place when the stream of its signals is dropped.
            drop(signal(kind)?);
        }
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal's kind.
    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}

/// Waits for SHUTDOWN or a signal.
pub async fn stop_wanted(node: &Node, signals: &mut Signals) {
    tokio::select! {
        () = node.stop.wanted.notified() => {}
        _ = signals.next() => {}
    }
}

/// Serves until SHUTDOWN or a signal, then stops; the status says whether all went well. Returns with
/// the log closed.
///
/// # Errors
/// Signals cannot be received.
pub async fn until_stopped(node: &Rc<Node>, signals: &mut Signals) -> std::io::Result<ExitCode> {
    watch_for_second_signal(Arc::clone(&node.stop.insistence))?;
    loop {
        let (by_command, options) = tokio::select! {
            () = node.stop.wanted.notified() => {
                (true, node.stop.request.take().unwrap_or_default())
            }
            kind = signals.next() => {
                let config = node.config.borrow();
                let (name, options) = if kind == SignalKind::interrupt() {
                    ("SIGINT", config.shutdown_on_sigint)
                } else {
                    ("SIGTERM", config.shutdown_on_sigterm)
                };
                tracing::warn!("Received {name} scheduling shutdown...");
                (false, options)
            }
        };
        node.stop.in_progress.set(true);
        node.stop.insistence.begin(by_command);
        tracing::warn!("User requested shutdown...");
        match finish(node, options).await {
            Ok(status) => return Ok(status),
            Err(reason) => {
                tracing::warn!(%reason, "Can't shut down; the server goes on");
                node.stop.given_up();
            }
        }
    }
}

/// A second signal ends the process at once, even where the executor is in a long system call.
fn watch_for_second_signal(insistence: Arc<Insistence>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let watch = async move {
        let mut signals = Signals::listen()?;
        loop {
            signals.next().await;
            if insistence.is_met() {
                tracing::warn!("You insist... exiting now.");
                std::process::exit(1);
            }
        }
        #[expect(unreachable_code, reason = "states the type of the block's errors")]
        std::io::Result::Ok(())
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            if let Err(error) = runtime.block_on(watch) {
                tracing::warn!(%error, "a second signal will not end the process at once");
            }
        })
        .map(|_| ())
}

/// Brings everything to disk and lets the last replies leave. The error says why the server must not
/// stop; it then goes on.
async fn finish(node: &Rc<Node>, options: ShutdownOptions) -> Result<ExitCode, String> {
    if !options.now {
        node.stop.waits.set(true);
        tokio::select! {
            biased;
            () = node.stop.aborted.notified() => {
                node.pauses.end();
                return Err("aborted".to_owned());
            }
            () = wait_for_replicas(node) => {}
        }
        node.stop.waits.set(false);
    }
    report_replicas(node);
    let supervisor = Supervisor::find(node.config.borrow().supervised);
    // An init system that cannot be told must not keep the server from stopping.
    let _ = supervisor.tell_stopping();
    let settled = settle(node, options);
    if let Err(reason) = &settled
        && !options.force
    {
        return Err(reason.clone());
    }
    // Nothing new is begun; what has been done may be told.
    node.pauses.begin(PauseMode::All, u64::MAX, 0);
    for _ in 0..LAST_ROUNDS {
        node.flush.notify_one();
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(LAST_PAUSE).await;
    let log = node.engine.borrow_mut().log.take();
    let closed = log.map_or(Ok(()), |log| log.close().map_err(|e| e.to_string()));
    match settled.and(closed) {
        Ok(()) => {
            tracing::warn!("Vellum is now ready to exit, bye bye...");
            Ok(ExitCode::SUCCESS)
        }
        Err(reason) => {
            tracing::error!(%reason, "stopped, and not everything is on disk");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Puts on disk what is in memory only.
fn settle(node: &Node, options: ShutdownOptions) -> Result<(), String> {
    let mut engine = node.engine.borrow_mut();
    engine.cancel_snapshot();
    if engine.guards.loading {
        return Ok(());
    }
    if !engine.has_durable_log() {
        let at_save_points = !node.config.borrow().save.0.is_empty();
        if options.save || (at_save_points && !options.nosave) {
            tracing::info!("Saving the final RDB snapshot before exiting.");
            engine.finish_cancelled_walk();
            node.snapshot_now(&mut engine).map_err(|error| error.to_string())?;
        }
    }
    match &mut engine.log {
        Some(log) => log.settle().map(|_| ()).map_err(|error| error.to_string()),
        None => Ok(()),
    }
}

/// Says which replicas have everything, and how far the others are behind.
fn report_replicas(node: &Node) {
    let end = node.engine.borrow().offset();
    let replicas = node.replication.replicas.all();
    let lagging = replicas.iter().filter(|replica| replica.acked.get() != end);
    for replica in lagging.clone() {
        tracing::warn!(
            ip = %replica.ip, port = replica.port, acknowledged = %replica.acked.get(), offset = %end,
            state = replica.state.get().as_str(), lag_s = replica.lag().as_secs(),
            "Lagging replica"
        );
    }
    if !replicas.is_empty() {
        let in_sync = replicas.len() - lagging.count();
        tracing::info!("{in_sync} of {} replicas are in sync when shutting down.", replicas.len());
    }
}

/// Holds writes back until all replicas have everything, for `shutdown-timeout` seconds at most.
async fn wait_for_replicas(node: &Rc<Node>) {
    let timeout = Duration::from_secs(node.config.borrow().shutdown_timeout);
    if !node.replicas_lag() || timeout.is_zero() {
        return;
    }
    let now_ms = node.engine.borrow().clock.unix_ms();
    let until_ms = now_ms.saturating_add(timeout.as_millis() as u64);
    node.pauses.begin(PauseMode::Writes, until_ms, now_ms);
    node.stop.waits_until_ms.set(until_ms);
    let caught_up = async {
        while node.replicas_lag() {
            tokio::time::sleep(REPLICA_STEP).await;
        }
    };
    if tokio::time::timeout(timeout, caught_up).await.is_err() {
        tracing::warn!("Replicas have not caught up within shutdown-timeout");
    }
    node.pauses.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_signal_is_one_more_than_those_whose_stop_came_to_nothing() {
        let insistence = Insistence::default();
        assert!(!insistence.is_met());
        insistence.begin(false);
        insistence.end();
        assert!(!insistence.is_met(), "the first one was answered by a stop that failed");
        assert!(insistence.is_met(), "the executor has not even seen the one before");
    }

    #[test]
    fn any_signal_insists_on_a_stop_that_a_client_asked_for() {
        let insistence = Insistence::default();
        insistence.begin(true);
        assert!(insistence.is_met());
    }

    #[test]
    fn a_signal_the_thread_gets_late_counts_for_the_stop_it_belongs_to() {
        let insistence = Insistence::default();
        insistence.begin(false);
        insistence.end();
        assert!(!insistence.is_met());
        assert!(!insistence.is_met(), "another stop, asked for once");
    }
}
