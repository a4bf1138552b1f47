//! Group commit: what the turn appended goes to disk as the policy says, here or on the log thread.
//!
//! The writer has one owner at a time: the executor while it is idle, the log thread while that
//! writes and syncs. Whatever is appended meanwhile gathers in the head and goes with the next
//! commit. A log that sleeps has nothing to commit: see [`sleep`].

mod sleep;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use super::gate::Ticket;
use crate::base::{Clock, Offset};
use crate::log::{
    FrameBuffer, Identity, LogError, LogMode, SyncOutcome, SyncPolicy, SyncTask, Writer,
};

/// Where commits under [`SyncPolicy::Always`] are done (`log-sync-inline`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InlineSync {
    /// On the executor when the turn held writes only and syncs are quick.
    #[default]
    Auto,
    /// Always on the executor.
    Yes,
    /// Always on the log thread.
    No,
}

/// A sync slower than this, on average, is left to the log thread: probes must still be answered.
const INLINE_SYNC_MAX: Duration = Duration::from_millis(2);
/// Under [`SyncPolicy::EverySec`]: no more than this much time's writes are lost with the machine.
/// Once the oldest write that is not durable is as old, no other is acknowledged.
const LOSS_MAX: Duration = Duration::from_secs(1);
/// Under [`SyncPolicy::EverySec`]: a sync begins once the oldest write not on its way to the disk is
/// as old. What is left of [`LOSS_MAX`] is the disk's.
const SYNC_AFTER: Duration = Duration::from_millis(500);
/// Unsynced bytes with which a segment may end: their sync holds commits up.
const ENDING_LEN_MAX: u64 = 256 * 1024;
/// Syncs made beforehand to come down to [`ENDING_LEN_MAX`], when writes come as fast as the disk.
const SYNCS_AHEAD_MAX: u32 = 4;
/// How long to wait between attempts to open a new segment after a failure.
const MEND_INTERVAL: Duration = Duration::from_millis(200);

/// What the log thread does with the writer.
enum Work {
    /// Writes and syncs a group; its end is released when that is done.
    Commit { frames: FrameBuffer, ticket: Ticket },
    /// Opens a new segment after a failure.
    Mend,
    /// Ends a full segment and begins the next one.
    Rotate,
    /// Anything else that takes the disk's time; tells its result itself.
    Task(WriterTask),
}

/// Work on the writer that is not a commit: rotation, a switch of snapshots.
pub type WriterTask = Box<dyn FnOnce(&mut Writer) -> Result<(), LogError> + Send>;

struct Job {
    writer: Box<Writer>,
    work: Work,
}

struct Done {
    writer: Box<Writer>,
    result: Result<(), LogError>,
    /// What is released by it.
    ticket: Option<Ticket>,
    synced: bool,
    took: Duration,
}

/// The log as the executor sees it: the head that takes appends, and the writer behind it.
pub struct Committer {
    /// What has been appended and not yet been given to the writer; only its length while the log
    /// sleeps.
    head: FrameBuffer,
    asleep: bool,
    /// The ticket behind the last byte of the head.
    appended: Ticket,
    /// The ticket behind the last byte given to the writer.
    given: Ticket,
    /// Work that goes to the log thread before the head does.
    queue: VecDeque<Work>,
    writer: Option<Box<Writer>>,
    log_thread: Worker<Job, Done>,
    sync_thread: Worker<SyncTask, SyncOutcome>,
    /// When the oldest write that the sync under way is to make durable was made.
    syncing_since_us: Option<u64>,
    /// When the oldest write that no sync has been begun for was made.
    unsynced_since_us: Option<u64>,
    /// Syncs begun so that the segment can end.
    syncs_ahead: u32,
    policy: SyncPolicy,
    inline: InlineSync,
    /// Something else writes to the same disk: a sync may take long.
    disk_is_shared: bool,
    sync_average: Duration,
    failure: Option<Failure>,
    mending: bool,
    status: LogStatus,
    written: Offset,
    durable: Offset,
    released: Ticket,
    clock: Arc<dyn Clock>,
}

/// What is known of the log while the writer may be away.
#[derive(Clone, Copy, Debug)]
pub struct LogStatus {
    /// The history that is written.
    pub identity: Identity,
    /// What the log is for.
    pub mode: LogMode,
    /// First offset that a partial resync can be served from.
    pub backlog_start: Offset,
    /// Bytes of the segments behind the newest snapshot.
    pub segments_len: u64,
}

impl LogStatus {
    fn of(writer: &Writer) -> Self {
        Self {
            identity: *writer.identity(),
            mode: writer.mode(),
            backlog_start: writer.backlog_start(),
            segments_len: writer.end().saturating_since(writer.backlog_start()),
        }
    }
}

/// Why the log takes no writes at the moment.
#[derive(Debug)]
struct Failure {
    reason: String,
    next_try_us: u64,
}

impl std::fmt::Debug for Committer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Committer")
            .field("durable", &self.durable)
            .field("written", &self.written)
            .field("appended", &self.head.end())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// Called, from any thread, when there is something to collect.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// A thread that turns jobs into results, one at a time, and says so.
struct Worker<J, D> {
    jobs: Option<Sender<J>>,
    done: Receiver<D>,
    thread: Option<JoinHandle<()>>,
}

impl<J: Send + 'static, D: Send + 'static> Worker<J, D> {
    fn spawn(name: &str, wake: Wake, mut run: impl FnMut(J) -> D + Send + 'static) -> Self {
        let (jobs, inbox) = channel::<J>();
        let (outbox, done) = channel();
        let work = move || {
            for job in inbox {
                if outbox.send(run(job)).is_err() {
                    break;
                }
                wake();
            }
        };
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(work).ok();
        Self { jobs: Some(jobs), done, thread }
    }

    fn give(&self, job: J) {
        let given = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        assert!(given, "a log thread has died: nothing can be promised any more");
    }
}

impl<J, D> Drop for Worker<J, D> {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl Committer {
    /// A committer over `writer`, whose log ends at `end` with database `db` selected.
    pub fn new(
        writer: Writer,
        db: u32,
        policy: SyncPolicy,
        inline: InlineSync,
        clock: Arc<dyn Clock>,
        wake: Wake,
    ) -> Self {
        let end = writer.written();
        let log_clock = Arc::clone(&clock);
        Self {
            head: FrameBuffer::new(end, db),
            asleep: writer.is_asleep(),
            appended: Ticket::NONE,
            given: Ticket::NONE,
            queue: VecDeque::new(),
            log_thread: Worker::spawn("log", Arc::clone(&wake), move |job| {
                work(job, log_clock.as_ref())
            }),
            sync_thread: Worker::spawn("log-sync", wake, SyncTask::run),
            syncing_since_us: None,
            unsynced_since_us: None,
            syncs_ahead: 0,
            policy,
            inline,
            disk_is_shared: false,
            sync_average: Duration::ZERO,
            failure: None,
            mending: false,
            status: LogStatus::of(&writer),
            written: end,
            durable: writer.durable(),
            released: Ticket::NONE,
            clock,
            writer: Some(Box::new(writer)),
        }
    }

    /// The offset behind everything appended.
    pub fn appended_offset(&self) -> Offset {
        self.head.end()
    }

    /// The offset behind everything given to the kernel.
    pub fn written_offset(&self) -> Offset {
        self.written
    }

    /// The offset behind everything that a power cut leaves.
    pub fn durable_offset(&self) -> Offset {
        self.durable
    }

    /// The offset behind everything that replicas may have.
    pub fn shippable_offset(&self) -> Offset {
        if self.policy == SyncPolicy::Always { self.durable } else { self.written }
    }

    /// The ticket behind everything appended.
    pub fn appended(&self) -> Ticket {
        self.appended
    }

    /// The ticket behind everything clients may see.
    pub fn released(&self) -> Ticket {
        self.released
    }

    /// Why writes are refused, if they are.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(|f| f.reason.as_str())
    }

    /// What is known of the log as of the last commit.
    pub fn status(&self) -> LogStatus {
        if self.asleep {
            return LogStatus { backlog_start: self.head.end(), segments_len: 0, ..self.status };
        }
        self.status
    }

    /// The policy in force.
    pub fn policy(&self) -> SyncPolicy {
        self.policy
    }

    /// Changes the policy; takes effect with the next commit.
    pub fn set_policy(&mut self, policy: SyncPolicy) {
        self.policy = policy;
        self.enqueue(Box::new(move |writer| {
            writer.set_policy(policy)?;
            writer.sync().map(|_| ())
        }));
    }

    /// Changes where commits under [`SyncPolicy::Always`] are done.
    pub fn set_inline(&mut self, inline: InlineSync) {
        self.inline = inline;
    }

    /// Says whether something else is written to the same disk, so that syncs may take long.
    pub fn share_disk(&mut self, shared: bool) {
        self.disk_is_shared = shared;
    }

    /// Whether the segment can end without holding commits up for long: what of it is not durable is
    /// little, or does not get less. If not, a sync beside the commits is begun, or under way.
    pub fn may_end_segment(&mut self) -> bool {
        if self.policy == SyncPolicy::Always || self.failure.is_some() {
            return true;
        }
        let Some(writer) = &self.writer else { return false };
        if writer.unsynced_len() <= ENDING_LEN_MAX || self.syncs_ahead >= SYNCS_AHEAD_MAX {
            self.syncs_ahead = 0;
            return true;
        }
        if self.syncing_since_us.is_none() {
            self.syncs_ahead += 1;
            self.begin_sync();
        }
        false
    }

    /// Appends whole commands to the head. Local ones are kept here and never shipped.
    pub fn append(&mut self, commands: &[u8], local: bool) {
        if self.asleep {
            self.head.pass_over(commands.len(), local);
        } else {
            self.head.push(commands, local);
        }
        self.appended = self.appended.after(commands.len() as u64);
    }

    /// Ends an atomic unit: what was appended since the last call is never torn apart.
    pub fn boundary(&mut self) {
        self.head.boundary();
    }

    /// Notes that the stream now has database `db` selected.
    pub fn set_db(&mut self, db: u32) {
        self.head.set_db(db);
    }

    /// The database selected in the stream behind everything appended.
    pub fn db(&self) -> u32 {
        self.head.db()
    }

    /// Commits what was appended. `others_wait` says that somebody besides the writers of this turn
    /// wants the executor, so that it should not sit in a system call.
    pub fn commit(&mut self, others_wait: bool) {
        self.collect();
        if self.asleep {
            self.pass_over();
        }
        if self.failure.is_some() {
            return self.mend_if_due();
        }
        if self.writer.is_none() || self.run_queue() || self.rotate_if_full() {
            return;
        }
        if self.head.is_empty() {
            return self.sync_if_due();
        }
        let always = self.policy == SyncPolicy::Always;
        if always && !self.sync_here(others_wait) {
            return self.hand_over();
        }
        if self.policy == SyncPolicy::EverySec && self.is_at_risk_for(LOSS_MAX) {
            // Whoever waits for this is answered once the disk has caught up.
            return self.sync_if_due();
        }
        let Some(mut writer) = self.writer.take() else { return };
        let frames = self.take_head(writer.take_spare());
        self.given = self.appended;
        let started_us = self.clock.monotonic_us();
        let now_ms = self.clock.unix_ms();
        let result = write(&mut writer, frames, always, now_ms);
        let ticket = Some(self.given);
        if !always {
            self.unsynced_since_us.get_or_insert(started_us);
        }
        let took = self.since(started_us);
        self.finish(Done { writer, result, ticket, synced: always, took });
        if !always {
            self.sync_if_due();
        }
    }

    /// Collects what the threads have done, and starts what is due by time alone.
    pub fn tick(&mut self) {
        self.commit(true);
    }

    /// Has the log thread run `task` after everything appended so far has been committed, and before
    /// anything appended later is: a cut in the log, without waiting for the disk.
    pub fn enqueue(&mut self, task: WriterTask) {
        let task = if self.asleep { self.behind_counted(task) } else { task };
        if !self.head.is_empty() {
            let ticket = self.appended;
            let frames = self.take_head(FrameBuffer::new(Offset::ZERO, 0));
            self.queue.push_back(Work::Commit { frames, ticket });
        }
        self.queue.push_back(Work::Task(task));
    }

    /// Commits and syncs everything appended, waiting for it.
    ///
    /// # Errors
    /// The log cannot take writes; what was appended stays in memory for a later attempt.
    pub fn settle(&mut self) -> Result<&mut Writer, LogStopped> {
        self.collect_all();
        while self.failure.is_none() && self.run_queue() {
            self.collect_all();
        }
        if self.failure.is_none()
            && let Some(mut writer) = self.writer.take()
        {
            let started_us = self.clock.monotonic_us();
            let frames = self.take_head(writer.take_spare());
            self.given = self.appended;
            let result = if self.asleep {
                writer.pass_over(frames);
                Ok(())
            } else if frames.is_empty() {
                writer.sync().map(|_| ())
            } else {
                write(&mut writer, frames, true, self.clock.unix_ms())
            };
            let ticket = Some(self.given);
            let took = self.since(started_us);
            self.finish(Done { writer, result, ticket, synced: true, took });
        }
        match (&self.failure, &mut self.writer) {
            (None, Some(writer)) => Ok(writer),
            (Some(failure), _) => Err(LogStopped(failure.reason.clone())),
            (None, None) => Err(LogStopped("the log is in use by its thread".to_owned())),
        }
    }

    /// Settles, then has `task` run on the writer here and now.
    ///
    /// # Errors
    /// As [`settle`](Self::settle), or what `task` met with.
    pub fn run_now(
        &mut self,
        task: impl FnOnce(&mut Writer) -> Result<(), LogError>,
    ) -> Result<(), LogStopped> {
        let writer = self.settle()?;
        let result = task(writer);
        self.note_writer();
        if let Err(error) = &result {
            self.fail(error);
        }
        result.map_err(|error| LogStopped(error.to_string()))
    }

    /// Starts the head anew at `offset` after the writer has been given another log to go on with.
    pub fn restart_at(&mut self, offset: Offset, db: u32) {
        assert!(self.head.is_empty(), "a new log begins while the old one has bytes to write");
        self.head = FrameBuffer::new(offset, db);
        self.written = offset;
        self.durable = offset;
    }

    /// Settles, trims the log to its last frame and notes that it ended well.
    ///
    /// # Errors
    /// As [`settle`](Self::settle), or the disk refused the trimming.
    pub fn close(mut self) -> Result<(), LogStopped> {
        self.settle()?;
        match self.writer.take() {
            Some(mut writer) => writer.close_clean().map_err(|e| LogStopped(e.to_string())),
            None => Ok(()),
        }
    }

    fn sync_here(&self, others_wait: bool) -> bool {
        match self.inline {
            InlineSync::Yes => true,
            InlineSync::No => false,
            InlineSync::Auto => {
                !others_wait && !self.disk_is_shared && self.sync_average < INLINE_SYNC_MAX
            }
        }
    }

    /// Takes the head's frames and goes on with `next`.
    fn take_head(&mut self, mut next: FrameBuffer) -> FrameBuffer {
        next.reset(self.head.end(), self.head.db());
        std::mem::replace(&mut self.head, next)
    }

    fn hand_over(&mut self) {
        let Some(mut writer) = self.writer.take() else { return };
        let frames = self.take_head(writer.take_spare());
        self.given = self.appended;
        let work = Work::Commit { frames, ticket: self.given };
        self.log_thread.give(Job { writer, work });
    }

    /// Has the log thread end a full segment; whether it is full. That takes several syncs, and who
    /// reads should not wait for them.
    fn rotate_if_full(&mut self) -> bool {
        let is_full = self.writer.as_ref().is_some_and(|writer| writer.needs_rotation());
        if !is_full || !self.may_end_segment() {
            return false;
        }
        let Some(writer) = self.writer.take() else { return false };
        self.log_thread.give(Job { writer, work: Work::Rotate });
        true
    }

    /// Gives the log thread the next of the queue; whether there was one.
    fn run_queue(&mut self) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let Some(writer) = self.writer.take() else { return false };
        let Some(work) = self.queue.pop_front() else { return false };
        if let Work::Commit { ticket, .. } = &work {
            self.given = *ticket;
        }
        self.log_thread.give(Job { writer, work });
        true
    }

    fn collect(&mut self) {
        while let Ok(done) = self.log_thread.done.try_recv() {
            self.finish(done);
        }
        while let Ok(synced) = self.sync_thread.done.try_recv() {
            self.finish_sync(synced);
        }
    }

    /// As [`collect`](Self::collect), but waits for what is under way.
    fn collect_all(&mut self) {
        if self.writer.is_none()
            && let Ok(done) = self.log_thread.done.recv()
        {
            self.finish(done);
        }
        if self.syncing_since_us.is_some()
            && let Ok(synced) = self.sync_thread.done.recv()
        {
            self.finish_sync(synced);
        }
        self.collect();
    }

    fn finish(&mut self, done: Done) {
        let Done { writer, result, mut ticket, synced, took } = done;
        if std::mem::take(&mut self.mending) {
            // All that the writer had been given is on disk now.
            ticket = Some(self.given);
        }
        match result {
            Ok(()) => {
                if !self.asleep {
                    self.written = writer.written();
                    self.durable = writer.durable();
                }
                self.status = LogStatus::of(&writer);
                if self.failure.take().is_some() {
                    tracing::warn!(offset = %self.durable, "the log takes writes again");
                }
                self.released = self.released.max(ticket.unwrap_or(Ticket::NONE));
                if synced {
                    self.sync_average = (self.sync_average * 7 + took) / 8;
                }
                if !writer.has_unsynced() {
                    self.unsynced_since_us = None;
                }
            }
            Err(error) => self.fail(&error),
        }
        self.writer = Some(writer);
    }

    fn fail(&mut self, error: &LogError) {
        if self.failure.is_none() {
            tracing::error!(%error, "the log cannot be written: writes are refused until it can");
        }
        let next_try_us = self.clock.monotonic_us() + MEND_INTERVAL.as_micros() as u64;
        self.failure = Some(Failure { reason: error.to_string(), next_try_us });
    }

    fn finish_sync(&mut self, synced: SyncOutcome) {
        let since_us = self.syncing_since_us.take();
        let Some(writer) = &mut self.writer else {
            // The log thread has it: its work ends in a sync of its own, or in a failure.
            self.unsynced_since_us = since_us.or(self.unsynced_since_us);
            return;
        };
        match writer.synced(synced) {
            Ok(durable) => self.durable = durable,
            Err(error) => self.fail(&error),
        }
    }

    /// Whether a write that is not durable yet was made at least `age` ago.
    fn is_at_risk_for(&self, age: Duration) -> bool {
        let oldest_us = self.syncing_since_us.or(self.unsynced_since_us);
        oldest_us.is_some_and(|oldest_us| self.since(oldest_us) >= age)
    }

    fn since(&self, earlier_us: u64) -> Duration {
        Duration::from_micros(self.clock.monotonic_us().saturating_sub(earlier_us))
    }

    fn sync_if_due(&mut self) {
        let Some(since_us) = self.unsynced_since_us else { return };
        if self.policy != SyncPolicy::EverySec
            || self.syncing_since_us.is_some()
            || self.since(since_us) < SYNC_AFTER
        {
            return;
        }
        self.begin_sync();
    }

    /// Has what is written and not durable synced beside the commits.
    fn begin_sync(&mut self) {
        let Some(writer) = &self.writer else { return };
        let since_us = self.unsynced_since_us.take();
        if let Some(task) = writer.sync_task() {
            self.syncing_since_us = since_us.or_else(|| Some(self.clock.monotonic_us()));
            self.sync_thread.give(task);
        }
    }

    fn mend_if_due(&mut self) {
        let now_us = self.clock.monotonic_us();
        let due = self.failure.as_ref().is_some_and(|f| f.next_try_us <= now_us);
        if due
            && self.syncing_since_us.is_none()
            && let Some(writer) = self.writer.take()
        {
            self.log_thread.give(Job { writer, work: Work::Mend });
            self.mending = true;
        }
    }
}

/// The log takes no writes, for this reason.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LogStopped(pub String);

fn write(
    writer: &mut Writer,
    mut frames: FrameBuffer,
    sync: bool,
    now_ms: u64,
) -> Result<(), LogError> {
    frames.seal(now_ms);
    writer.write(frames)?;
    if sync {
        writer.sync()?;
    }
    Ok(())
}

fn work(job: Job, clock: &dyn Clock) -> Done {
    let Job { mut writer, work } = job;
    let started_us = clock.monotonic_us();
    let (result, ticket, synced) = match work {
        Work::Commit { frames, ticket } => {
            (write(&mut writer, frames, true, clock.unix_ms()), Some(ticket), true)
        }
        Work::Mend => (writer.mend(clock.unix_ms()), None, false),
        Work::Rotate => (writer.rotate(clock.unix_ms()).map(|_| ()), None, false),
        Work::Task(task) => (task(&mut writer), None, false),
    };
    let took = Duration::from_micros(clock.monotonic_us().saturating_sub(started_us));
    Done { writer, result, ticket, synced, took }
}
