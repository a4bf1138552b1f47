//! What the server does to the data by itself, and not for a client: expiry, test data, a data set read
//! again from disk. Changes go through the one door to the log like everybody's.

use super::commit::LogStopped;
use super::executor::{Engine, Outcome};
use super::snapshot::SnapshotTask;
use crate::command::{Ctx, Origin};
use crate::keyspace::{Keyspace, ValueRef};
use crate::log::{LogMode, SyncPolicy};
use crate::resp::{Args, Reply};

impl Engine {
    /// Deletes up to `keys_max` keys of a database whose time has come; returns how many were found.
    pub fn delete_due(&mut self, db: usize, keys_max: usize) -> usize {
        self.now_ms = self.clock.unix_ms();
        let mut found = 0;
        self.run_own(db, |ctx| found = ctx.delete_due(keys_max));
        self.serve_waiters();
        found
    }

    /// Sets a key that is not there to a string; whether it was not.
    pub fn add_string(&mut self, db: usize, key: &[u8], value: &[u8]) -> bool {
        let mut added = false;
        self.run_own(db, |ctx| {
            let hash = ctx.prepare(key);
            if !ctx.exists(hash, key) {
                ctx.set(hash, key, ValueRef::from_string(value), None);
                ctx.log(&[b"SET", key, value]);
                added = true;
            }
        });
        added
    }

    fn run_own(&mut self, db: usize, action: impl FnOnce(&mut Ctx<'_>)) -> Outcome {
        let mut reply = Reply::default();
        self.run_in_context(db, &mut reply, Origin::Client, action, &Args::new(&[], &[], None))
    }

    /// Puts another data set in the place of the present one, which is freed on another thread. All
    /// watched keys have changed, and all copies of keys are old.
    pub fn replace_keyspace(&mut self, keyspace: Keyspace) {
        for db in 0..self.keyspace.databases() {
            self.watches.flushed(db);
        }
        self.invalidate_everything();
        let mut old = std::mem::replace(&mut self.keyspace, keyspace);
        let garbage = [old.flush_all(), old.take_garbage()];
        self.add_garbage(garbage);
    }

    /// `appendonly` switched off: the log goes on as a backlog for replicas, and what is on disk stays.
    /// Where `asleep` says that there are none, it sleeps.
    ///
    /// # Errors
    /// The log cannot be brought to disk, or not be ended there.
    pub fn stop_log(&mut self, asleep: bool) -> Result<(), LogStopped> {
        let now_ms = self.clock.unix_ms();
        let Some(log) = &mut self.log else { return Ok(()) };
        log.run_now(|writer| writer.leave_manifest(asleep, now_ms))?;
        if asleep {
            log.remove_backlog();
        }
        log.set_policy(SyncPolicy::No);
        Ok(())
    }

    /// Has the log kept for somebody who is about to read it, from here on if it was not kept so far.
    ///
    /// # Errors
    /// There is no log, or its file cannot be made.
    pub fn wake_log(&mut self) -> Result<(), LogStopped> {
        match &mut self.log {
            Some(log) => log.wake(),
            None => Err(LogStopped("there is no log".to_owned())),
        }
    }

    /// Has a log that is only a backlog sleep, since nobody is left to read it.
    pub fn let_log_sleep(&mut self) {
        let is_waited_for = self.snapshot_task().is_some_and(SnapshotTask::is_under_log);
        let Some(log) = self.log.as_mut().filter(|_| !is_waited_for) else { return };
        let is_backlog = log.status().mode == LogMode::Backlog;
        if is_backlog && !log.is_asleep() && log.failure().is_none() {
            log.sleep().unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot end the backlog");
            });
        }
    }

    /// Has the log thread remove the oldest segments of a log that is only a backlog, as far as
    /// retention does not keep them: no snapshot ever supersedes those. While one is being taken the
    /// log may still be wanted from its cut on.
    pub fn prune_backlog(&mut self) {
        let now_ms = self.clock.unix_ms();
        let is_waited_for = self.snapshot_task().is_some();
        let Some(log) = self.log.as_mut().filter(|_| !is_waited_for) else { return };
        if log.status().mode != LogMode::Backlog || log.failure().is_some() {
            return;
        }
        log.enqueue(Box::new(move |writer| {
            // The log can be written all the same.
            writer.prune(now_ms).unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot remove old segments of the backlog");
            });
            Ok(())
        }));
    }

    /// Has the walk of a snapshot that was given up cleared at once.
    pub fn finish_cancelled_walk(&mut self) {
        while self.snapshot_task().is_none() && !self.keyspace.walk_step(usize::MAX) {}
    }
}
