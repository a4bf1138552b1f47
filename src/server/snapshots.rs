//! Snapshots as the server takes them: on demand, at save points, when the log has grown; one at a time.
//!
//! The engine walks the keyspace; here is who steps it, in slices between commands, and what became of
//! it. In a durable log every snapshot is put under the log, so that BGSAVE and BGREWRITEAOF do the
//! same; they are told apart only for INFO.

use std::cell::Cell;
use std::rc::Weak;
use std::time::Duration;

use tokio::sync::Notify;

use super::config::Config;
use super::node::Node;
use super::{effects, settings};
use crate::base::Offset;
use crate::engine::Engine;
use crate::engine::snapshot::{Snapshot, SnapshotError};

/// Microseconds of walking at a time.
const STEP_US: u64 = 500;
/// How long commands have the executor to themselves between two steps, where there are commands.
const STEP_PAUSE: Duration = Duration::from_millis(1);
/// How long to wait before looking again at what the disk does.
const DISK_PAUSE: Duration = Duration::from_millis(2);
/// Milliseconds before a save point tries again after a failure.
const RETRY_MS: u64 = 5000;
/// A log that failed to be rewritten is left alone for longer and longer, up to an hour.
const REWRITE_RETRY_MS_MAX: u64 = 3_600_000;

/// What a snapshot is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// BGSAVE, a save point, a replica's full sync.
    Save,
    /// BGREWRITEAOF, a log that has grown.
    Rewrite,
}

/// What became of the snapshots for one purpose.
#[derive(Debug)]
pub struct History {
    /// Those in their places, since the start.
    pub count: Cell<u64>,
    /// Whether the last one succeeded.
    pub last_ok: Cell<bool>,
    /// Seconds the last one took.
    pub last_took_s: Cell<Option<u64>>,
    /// Failures since the last success.
    pub failures: Cell<u64>,
    /// Unix time in milliseconds of the last failure.
    failed_ms: Cell<u64>,
    /// One is to be taken as soon as none is under way.
    pub scheduled: Cell<bool>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            count: Cell::default(),
            last_ok: Cell::new(true),
            last_took_s: Cell::default(),
            failures: Cell::default(),
            failed_ms: Cell::default(),
            scheduled: Cell::default(),
        }
    }
}

/// The snapshot under the log.
#[derive(Clone, Copy, Debug, Default)]
pub struct BaseFigures {
    /// Where the log behind it begins.
    pub offset: Offset,
    /// Bytes of the file; 0 where there is none.
    pub len: u64,
}

/// The snapshots of one server.
#[derive(Debug, Default)]
pub struct Snapshots {
    /// For what the one under way is.
    pub running: Cell<Option<Purpose>>,
    /// Those for saving.
    pub saves: History,
    /// Those for a shorter log.
    pub rewrites: History,
    /// Unix time in seconds of the last success, or of the start.
    pub last_save_s: Cell<u64>,
    /// Notified when one has ended, well or not.
    pub ended: Notify,
    /// The snapshot under the log.
    base: Cell<BaseFigures>,
    /// Commands run at the last step: whether there were any since.
    commands_seen: Cell<u64>,
}

impl Snapshots {
    /// Notes which snapshot is under the log now.
    pub fn set_base(&self, base: BaseFigures) {
        self.base.set(base);
    }

    /// The snapshot under the log.
    pub fn base(&self) -> BaseFigures {
        self.base.get()
    }

    /// Whether the log behind the snapshot, up to `end`, has `len_min` bytes and this percentage of the
    /// snapshot's own; 0 percent is never.
    pub fn log_has_grown(&self, end: Offset, percentage: u64, len_min: u64) -> bool {
        let base = self.base.get();
        let log_len = end.saturating_since(base.offset);
        let wanted = u128::from(base.len) * u128::from(percentage) / 100;
        percentage > 0 && log_len > 0 && log_len >= len_min && u128::from(log_len) >= wanted
    }

    fn history(&self, purpose: Purpose) -> &History {
        match purpose {
            Purpose::Save => &self.saves,
            Purpose::Rewrite => &self.rewrites,
        }
    }

    /// Whether a failure is too recent for another attempt that nobody asked for.
    pub fn must_wait(&self, purpose: Purpose, now_ms: u64) -> bool {
        let history = self.history(purpose);
        let wait_ms = match (purpose, history.failures.get()) {
            (_, 0) => return false,
            (Purpose::Save, _) => RETRY_MS,
            (Purpose::Rewrite, failures) => {
                (RETRY_MS << failures.min(20)).min(REWRITE_RETRY_MS_MAX)
            }
        };
        now_ms < history.failed_ms.get().saturating_add(wait_ms)
    }

    fn note(&self, purpose: Purpose, result: &Result<Snapshot, SnapshotError>, now_ms: u64) {
        let history = self.history(purpose);
        history.last_ok.set(result.is_ok());
        match result {
            Ok(snapshot) => {
                history.count.set(history.count.get() + 1);
                history.failures.set(0);
                history.last_took_s.set(Some(snapshot.took_s as u64));
                self.last_save_s.set(now_ms / 1000);
                self.set_base(BaseFigures { offset: snapshot.offset, len: snapshot.written.len });
                tracing::info!(
                    path = %snapshot.path.display(),
                    offset = %snapshot.offset,
                    keys = snapshot.written.entries,
                    bytes = snapshot.written.len,
                    seconds = snapshot.took_s,
                    "Snapshot saved"
                );
            }
            Err(error) => {
                history.failures.set(history.failures.get() + 1);
                history.failed_ms.set(now_ms);
                tracing::warn!(%error, "Snapshot failed");
            }
        }
        self.ended.notify_waiters();
    }
}

impl Node {
    /// Begins a snapshot in the background; its cut is here and now.
    ///
    /// # Errors
    /// One is under way already, or the file cannot be made.
    pub fn begin_snapshot(
        &self,
        engine: &mut Engine,
        purpose: Purpose,
    ) -> Result<(), SnapshotError> {
        self.begin_snapshot_with(engine, purpose, &self.config.borrow())
    }

    /// As [`begin_snapshot`](Self::begin_snapshot), under a configuration that may not be in force yet.
    ///
    /// # Errors
    /// As there.
    pub fn begin_snapshot_with(
        &self,
        engine: &mut Engine,
        purpose: Purpose,
        config: &Config,
    ) -> Result<(), SnapshotError> {
        let plan = settings::snapshot_plan(config, &self.storage);
        match engine.begin_snapshot(plan) {
            Ok(()) => {
                tracing::info!(offset = %engine.offset(), "Background saving started");
                self.snapshots.running.set(Some(purpose));
                self.snapshots.history(purpose).scheduled.set(false);
                tokio::task::spawn_local(carry_on(self.handle()));
                // The log is cut by the flusher's next commit.
                self.flush.notify_one();
                Ok(())
            }
            Err(SnapshotError::Busy) => Err(SnapshotError::Busy),
            Err(error) => {
                let failed = Err(error);
                self.snapshots.note(purpose, &failed, engine.clock.unix_ms());
                self.refresh_guards(engine);
                failed.map(|_| ())
            }
        }
    }

    /// Takes a snapshot while everybody waits.
    ///
    /// # Errors
    /// As the engine's.
    pub fn snapshot_now(&self, engine: &mut Engine) -> Result<Snapshot, SnapshotError> {
        let plan = settings::snapshot_plan(&self.config.borrow(), &self.storage);
        let result = engine.snapshot_now(plan);
        if !matches!(result, Err(SnapshotError::Busy)) {
            self.snapshots.note(Purpose::Save, &result, engine.clock.unix_ms());
            self.refresh_guards(engine);
        }
        result
    }

    /// One step of the snapshot under way; `None` once it has ended.
    fn step_snapshot(&self) -> Option<Duration> {
        let mut engine = self.engine.borrow_mut();
        engine.snapshot_task()?;
        let commands = engine.commands_run;
        let Some(result) = engine.step_snapshot(STEP_US) else {
            let busy = self.snapshots.commands_seen.replace(commands) != commands;
            let waits = engine.snapshot_is_waiting();
            return Some(match (waits, busy) {
                (true, _) => DISK_PAUSE,
                (false, true) => STEP_PAUSE,
                (false, false) => Duration::ZERO,
            });
        };
        let purpose = self.snapshots.running.take().unwrap_or(Purpose::Save);
        self.snapshots.note(purpose, &result, engine.clock.unix_ms());
        self.refresh_guards(&mut engine);
        if let Some(catalogue) = &*self.catalogue.borrow() {
            catalogue.wake();
        }
        // The log may have become durable with it.
        effects::tell_log(&mut engine, &self.config.borrow());
        None
    }
}

/// Steps the snapshot under way to its end. Steps are short, and longer apart the more there is to do
/// besides.
async fn carry_on(node: Weak<Node>) {
    loop {
        let Some(pause) = node.upgrade().and_then(|node| node.step_snapshot()) else { return };
        if pause.is_zero() {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(pause).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_grows_by_the_size_of_its_snapshot() {
        let snapshots = Snapshots::default();
        assert!(!snapshots.log_has_grown(Offset::new(0), 100, 0));
        assert!(snapshots.log_has_grown(Offset::new(10), 100, 10));
        snapshots.set_base(BaseFigures { offset: Offset::new(100), len: 50 });
        assert!(!snapshots.log_has_grown(Offset::new(149), 100, 0));
        assert!(snapshots.log_has_grown(Offset::new(150), 100, 0));
        assert!(!snapshots.log_has_grown(Offset::new(150), 100, 51));
        assert!(!snapshots.log_has_grown(Offset::new(150), 0, 0));
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_waits() {
        let snapshots = Snapshots::default();
        assert!(!snapshots.must_wait(Purpose::Rewrite, 0));
        let fail = |now_ms| {
            snapshots.note(Purpose::Rewrite, &Err(SnapshotError::Cancelled), now_ms);
            snapshots.note(Purpose::Save, &Err(SnapshotError::Cancelled), now_ms);
        };
        fail(1000);
        assert!(
            snapshots.must_wait(Purpose::Save, 5999) && !snapshots.must_wait(Purpose::Save, 6000)
        );
        assert!(snapshots.must_wait(Purpose::Rewrite, 10_999));
        assert!(!snapshots.must_wait(Purpose::Rewrite, 11_000));
        (0..40).for_each(|_| fail(1000));
        assert!(snapshots.must_wait(Purpose::Rewrite, 3_600_999));
        assert!(!snapshots.must_wait(Purpose::Rewrite, 3_601_000));
        assert_eq!(snapshots.rewrites.failures.get(), 41);
    }
}
