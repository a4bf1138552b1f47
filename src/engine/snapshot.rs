//! Snapshots without fork: the executor walks the keyspace in small steps between commands,
//! [`crate::rdb::background`] writes, syncs and verifies the file.
//!
//! The cut is an offset. In a durable log a new segment begins there, so that snapshot and segments
//! behind it are the whole state; the manifest is switched only when the file has been read back and
//! found whole. Without a durable log the file takes the name of the dump.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use super::apply::ApplyError;
use super::commit::Committer;
use super::executor::Engine;
use crate::base::Offset;
use crate::log::{LogError, LogMode, SegmentInfo, SyncPolicy};
use crate::rdb::background::{self, Writing};
use crate::rdb::{
    BLOCK_LEN_TARGET, Header, Progress, RdbError, SYNC_LEN, SnapshotFile, StreamPosition, Written,
};
use crate::storage::{Storage, crashsafe};

/// How long a snapshot that everybody waits for sleeps between looks at the disk's work.
const WAIT_STEP: Duration = Duration::from_millis(1);
/// Entries looked at between two looks at the clock.
const STEP_ENTRIES: usize = 64;
/// Bytes between two syncs of the file while commits wait for syncs of their own.
const SYNC_LEN_COMMITS_WAIT: u64 = 256 * 1024;
/// Blocks on their way to the disk take no more than this part of the data's memory, or the least.
const MEMORY_SHARE: usize = 50;
const BLOCKS_MIN: usize = 4;
const BLOCKS_MAX: usize = 64;

/// Why there is no new snapshot. The old one is as good as it was.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// One is being taken.
    #[error("Background save already in progress")]
    Busy,
    /// The file could not be written, or did not read back as written.
    #[error("snapshot {}: {source}", path.display())]
    File {
        /// The temporary file.
        path: PathBuf,
        /// What is wrong.
        source: RdbError,
    },
    /// The file could not be put in its place.
    #[error("snapshot {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The log failed before it came to the cut.
    #[error("the log could not begin a new segment at the snapshot's offset")]
    NotCut,
    /// The log could not be switched to the snapshot.
    #[error("{0}")]
    Log(#[from] LogError),
    /// What the master sent cannot be applied, and so the state at the cut is not known.
    #[error("cannot apply what the master sent: {0}")]
    Stream(#[from] ApplyError),
    /// It was given up.
    #[error("the snapshot was given up")]
    Cancelled,
}

/// What to take a snapshot for.
#[derive(Clone, Debug)]
pub struct SnapshotPlan {
    /// Where files are.
    pub storage: Arc<dyn Storage>,
    /// The file while it is being written; in the data directory.
    pub temporary: PathBuf,
    /// Its name when there is no durable log to put it under.
    pub dump: PathBuf,
    /// Whether strings are compressed (`rdbcompression`).
    pub compress: bool,
    /// Whether it goes under the log: that is durable already, or is so from then on.
    pub under_log: bool,
}

/// A snapshot that is in its place.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The file.
    pub path: PathBuf,
    /// The state is that at this offset.
    pub offset: Offset,
    /// What was written.
    pub written: Written,
    /// Seconds it took.
    pub took_s: f64,
}

/// A snapshot being taken, or about to be.
pub struct SnapshotTask {
    plan: SnapshotPlan,
    started: Instant,
    /// `None` until the log can be cut without holding commits up.
    taking: Option<Taking>,
}

/// What is known of a snapshot from its cut on.
struct Taking {
    offset: Offset,
    /// Changes before the cut: what the snapshot will make good.
    dirty_at_cut: u64,
    walking: bool,
    keys_total: usize,
    /// Where the log was cut, once it has been; `None` without a durable log.
    cut: Option<Receiver<SegmentInfo>>,
    file: Option<background::SnapshotTask>,
    written: Option<Written>,
    placed: Option<Receiver<Result<PathBuf, LogError>>>,
    /// The file in its place, and whether what it supersedes is put away.
    ending: Option<(PathBuf, Receiver<()>)>,
}

impl std::fmt::Debug for SnapshotTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotTask").field("offset", &self.offset()).finish_non_exhaustive()
    }
}

impl SnapshotTask {
    /// Whether it goes under the log.
    pub fn is_under_log(&self) -> bool {
        self.plan.under_log
    }

    /// When it began.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Entries encoded so far, while the file is being written.
    pub fn keys_done(&self) -> u64 {
        self.taking.as_ref().map_or(0, |taking| {
            let total = taking.keys_total as u64;
            taking.file.as_ref().map_or(total, background::SnapshotTask::entries)
        })
    }

    /// The offset of its cut, once it is made.
    pub fn offset(&self) -> Option<Offset> {
        self.taking.as_ref().map(|taking| taking.offset)
    }

    /// Keys there were at the cut.
    pub fn keys_total(&self) -> usize {
        self.taking.as_ref().map_or(0, |taking| taking.keys_total)
    }
}

impl Taking {
    fn is_behind(&self) -> bool {
        self.file.as_ref().is_some_and(background::SnapshotTask::is_behind)
    }
}

impl Engine {
    /// The snapshot being taken, if one is.
    pub fn snapshot_task(&self) -> Option<&SnapshotTask> {
        self.snapshot.as_ref()
    }

    /// Begins a snapshot; [`step_snapshot`](Self::step_snapshot) carries it on. Its cut is here, or in a
    /// moment: once what the log has not synced is little enough not to hold commits up.
    ///
    /// # Errors
    /// One is being taken already, or the file cannot be made.
    pub fn begin_snapshot(&mut self, plan: SnapshotPlan) -> Result<(), SnapshotError> {
        if self.snapshot.is_some() || self.keyspace.is_walking() {
            return Err(SnapshotError::Busy);
        }
        let taking = if self.may_cut(&plan) { Some(self.cut_snapshot(&plan)?) } else { None };
        self.snapshot = Some(SnapshotTask { plan, started: Instant::now(), taking });
        Ok(())
    }

    fn may_cut(&mut self, plan: &SnapshotPlan) -> bool {
        !plan.under_log || self.log.as_mut().is_none_or(Committer::may_end_segment)
    }

    fn cut_snapshot(&mut self, plan: &SnapshotPlan) -> Result<Taking, SnapshotError> {
        // What is in the log and not yet in memory would be in neither snapshot nor replay.
        self.apply_all_stored()?;
        if plan.under_log
            && let Some(log) = &mut self.log
        {
            // A log that is about to be one of the data set is kept from the cut on.
            log.wake().map_err(|error| {
                tracing::warn!(%error, "the log cannot begin");
                SnapshotError::NotCut
            })?;
        }
        let offset = self.offset();
        let header = self.snapshot_header(offset, plan.under_log);
        let storage = Arc::clone(&plan.storage);
        let (sink, file) = background::start(storage, &plan.temporary, header, self.writing(plan))
            .map_err(|source| SnapshotError::File { path: plan.temporary.clone(), source })?;
        let keys_total = self.keyspace.len();
        self.keyspace.begin_walk(Box::new(sink)).map_err(|_| SnapshotError::Busy)?;
        if let Some(log) = &mut self.log {
            log.share_disk(true);
        }
        Ok(Taking {
            cut: if plan.under_log { self.cut_log() } else { None },
            offset,
            dirty_at_cut: self.dirty,
            walking: true,
            keys_total,
            file: Some(file),
            written: None,
            placed: None,
            ending: None,
        })
    }

    fn writing(&self, plan: &SnapshotPlan) -> Writing {
        let policy = self.log.as_ref().map(Committer::policy);
        let commits_wait = self.has_durable_log() && policy == Some(SyncPolicy::Always);
        let blocks = self.keyspace.memory_bytes() / MEMORY_SHARE / BLOCK_LEN_TARGET;
        Writing {
            compress: plan.compress,
            sync_len: if commits_wait { SYNC_LEN_COMMITS_WAIT } else { SYNC_LEN },
            blocks_max: blocks.clamp(BLOCKS_MIN, BLOCKS_MAX),
        }
    }

    fn snapshot_header(&self, offset: Offset, under_log: bool) -> Header {
        Header {
            created_s: Some(self.clock.unix_ms() / 1000),
            used_memory_bytes: Some(self.keyspace.memory_bytes() as u64),
            stream: self.identity().map(|identity| StreamPosition {
                repl_id: identity.replid,
                offset,
                db: u32::try_from(self.stream_db()).ok(),
            }),
            aof_base: under_log,
            ..Header::default()
        }
    }

    /// Has a new segment begin here.
    fn cut_log(&mut self) -> Option<Receiver<SegmentInfo>> {
        let (report, cut) = channel();
        let clock = Arc::clone(&self.clock);
        self.log.as_mut()?.enqueue(Box::new(move |writer| {
            // A cut that nobody waits for any more is an ordinary rotation.
            let _ = report.send(writer.rotate(clock.unix_ms())?);
            Ok(())
        }));
        Some(cut)
    }

    /// Goes on with the snapshot for about `budget_us` microseconds. `None` while it is not done.
    pub fn step_snapshot(&mut self, budget_us: u64) -> Option<Result<Snapshot, SnapshotError>> {
        let task = self.snapshot.as_ref()?;
        if task.taking.is_none() {
            let plan = task.plan.clone();
            if !self.may_cut(&plan) {
                return None;
            }
            let cut = self.cut_snapshot(&plan);
            match cut {
                Ok(taking) => self.snapshot.as_mut()?.taking = Some(taking),
                Err(error) => {
                    self.cancel_snapshot();
                    return Some(Err(error));
                }
            }
        }
        let taking = self.snapshot.as_mut()?.taking.as_mut()?;
        let until = self.clock.monotonic_us() + budget_us;
        while taking.walking && !taking.is_behind() {
            taking.walking = !self.keyspace.walk_step(STEP_ENTRIES);
            if self.clock.monotonic_us() >= until {
                break;
            }
        }
        let result = match self.collect_snapshot() {
            Ok(None) => return None,
            Ok(Some(snapshot)) => Ok(snapshot),
            Err(error) => Err(error),
        };
        match &result {
            Ok(_) => {
                let taking = self.end_snapshot().and_then(|task| task.taking)?;
                self.dirty = self.dirty.saturating_sub(taking.dirty_at_cut);
            }
            Err(_) => self.cancel_snapshot(),
        }
        Some(result)
    }

    fn end_snapshot(&mut self) -> Option<SnapshotTask> {
        if let Some(log) = &mut self.log {
            log.share_disk(false);
        }
        self.snapshot.take()
    }

    /// Whether only the disk is waited for: the next step has nothing to do yet.
    pub fn snapshot_is_waiting(&self) -> bool {
        let taking = self.snapshot.as_ref().and_then(|task| task.taking.as_ref());
        taking.is_none_or(|taking| !taking.walking || taking.is_behind())
    }

    fn collect_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(SnapshotTask { plan, started, taking: Some(taking) }) = &mut self.snapshot else {
            return Err(SnapshotError::Cancelled);
        };
        if taking.walking {
            return Ok(None);
        }
        if let Some(file) = taking.file.take_if(|file| file.is_finished()) {
            let path = &plan.temporary;
            taking.written = Some(
                file.finish()
                    .map_err(|source| SnapshotError::File { path: path.clone(), source })?,
            );
        }
        let Some(written) = taking.written else { return Ok(None) };
        let Some(placed) = &taking.placed else {
            let cut = match taking.cut.as_ref().map(Receiver::try_recv) {
                None => None,
                Some(Ok(cut)) => Some(cut),
                Some(Err(TryRecvError::Empty)) => return Ok(None),
                Some(Err(TryRecvError::Disconnected)) => return Err(SnapshotError::NotCut),
            };
            let plan = plan.clone();
            let placed = self.place_snapshot(plan, cut)?;
            if let Some(taking) = self.snapshot.as_mut().and_then(|task| task.taking.as_mut()) {
                taking.placed = Some(placed);
            }
            return Ok(None);
        };
        let Some((path, put_away)) = &taking.ending else {
            let path = match placed.try_recv() {
                Ok(path) => path?,
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(SnapshotError::NotCut),
            };
            let is_under_log = taking.cut.is_some();
            let put_away = self.put_away_superseded(is_under_log.then(|| path.clone()));
            if let Some(taking) = self.snapshot.as_mut().and_then(|task| task.taking.as_mut()) {
                taking.ending = Some((path, put_away));
            }
            return Ok(None);
        };
        if matches!(put_away.try_recv(), Err(TryRecvError::Empty)) {
            return Ok(None);
        }
        let path = path.clone();
        let took_s = started.elapsed().as_secs_f64();
        Ok(Some(Snapshot { path, offset: taking.offset, written, took_s }))
    }

    /// Has the log's thread put the file in its place.
    fn place_snapshot(
        &mut self,
        plan: SnapshotPlan,
        cut: Option<SegmentInfo>,
    ) -> Result<Receiver<Result<PathBuf, LogError>>, SnapshotError> {
        let (report, placed) = channel();
        let log = self.log.as_mut().ok_or(SnapshotError::Cancelled)?;
        log.enqueue(Box::new(move |writer| {
            let result = match cut {
                Some(cut) => writer.switch_base(&plan.temporary, &cut),
                None => crashsafe::rename(&*plan.storage, &plan.temporary, &plan.dump)
                    .map(|()| plan.dump.clone())
                    .map_err(LogError::io("rename a snapshot to", &plan.dump)),
            };
            // When the server goes down nobody waits any more: the snapshot stands all the same.
            let _ = report.send(result);
            Ok(())
        }));
        log.tick();
        Ok(placed)
    }

    /// Has the log's thread put away what the snapshot under the log supersedes; a task of its own, so
    /// that commits come in between.
    fn put_away_superseded(&mut self, base: Option<PathBuf>) -> Receiver<()> {
        let (report, put_away) = channel();
        let clock = Arc::clone(&self.clock);
        if let Some((log, base)) = self.log.as_mut().zip(base) {
            log.enqueue(Box::new(move |writer| {
                writer.put_away(&base, clock.unix_ms());
                // As above.
                let _ = report.send(());
                Ok(())
            }));
            log.tick();
        }
        put_away
    }

    /// Gives the snapshot up.
    pub fn cancel_snapshot(&mut self) {
        if let Some(task) = self.end_snapshot() {
            self.keyspace.cancel_walk();
            // A leftover is removed at the next start as well.
            let _ = task.plan.storage.remove(&task.plan.temporary);
        }
    }

    /// Takes a snapshot while everybody waits (`SAVE`, `SHUTDOWN`, `DEBUG RELOAD`).
    ///
    /// # Errors
    /// As [`begin_snapshot`](Self::begin_snapshot) and [`step_snapshot`](Self::step_snapshot).
    pub fn snapshot_now(&mut self, plan: SnapshotPlan) -> Result<Snapshot, SnapshotError> {
        if let Some(log) = &mut self.log {
            // So that the cut is here. A log that cannot be synced fails it.
            let _ = log.settle();
        }
        self.begin_snapshot(plan)?;
        loop {
            if let Some(result) = self.step_snapshot(u64::from(u32::MAX)) {
                return result;
            }
            if let Some(log) = &mut self.log {
                log.tick();
            }
            if self.snapshot_is_waiting() {
                std::thread::sleep(WAIT_STEP);
            }
        }
    }

    /// Whether the log is what makes data durable, and not only a backlog.
    pub fn has_durable_log(&self) -> bool {
        self.log.as_ref().is_some_and(|log| log.status().mode == LogMode::Durable)
    }
}

/// Loads a snapshot into an empty keyspace.
///
/// # Errors
/// The file is damaged or of an unknown kind; the keyspace is then of no use.
pub fn load_snapshot(
    engine: &mut Engine,
    storage: &dyn Storage,
    path: &Path,
    threads: usize,
    progress: &Progress,
) -> Result<crate::rdb::Contents, RdbError> {
    let mapping = storage.map(path)?;
    let file = SnapshotFile::open(mapping.bytes())?;
    let databases = engine.keyspace.databases();
    let mut beyond = None;
    let packing = engine.keyspace.packing().clone();
    let make = |entry| crate::rdb::LoadedEntry::decode(entry, &packing);
    let contents = file.load(threads, progress, make, |batch| {
        for entry in batch {
            if entry.db as usize >= databases {
                beyond = Some(entry.db);
                return ControlFlow::Break(());
            }
            let hash = engine.keyspace.hash(&entry.key);
            let db = engine.keyspace.db_mut(entry.db as usize);
            db.insert(hash, &entry.key, entry.value, entry.expire_ms);
        }
        ControlFlow::Continue(())
    });
    match beyond {
        Some(db) => Err(RdbError::Database { db, databases }),
        None => contents,
    }
}
