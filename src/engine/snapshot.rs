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
use super::executor::Engine;
use crate::base::Offset;
use crate::log::{LogError, LogMode, SegmentInfo};
use crate::rdb::{Header, Progress, RdbError, SnapshotFile, StreamPosition, Written, background};
use crate::storage::{Storage, crashsafe};

/// How long a snapshot that everybody waits for sleeps between looks at the disk's work.
const WAIT_STEP: Duration = Duration::from_millis(1);
/// Entries looked at between two looks at the clock.
const STEP_ENTRIES: usize = 64;

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

/// A snapshot being taken.
pub struct SnapshotTask {
    plan: SnapshotPlan,
    offset: Offset,
    started: Instant,
    /// Changes before the cut: what the snapshot will make good.
    dirty_at_cut: u64,
    walking: bool,
    keys_total: usize,
    /// Where the log was cut, once it has been; `None` without a durable log.
    cut: Option<Receiver<SegmentInfo>>,
    file: Option<background::SnapshotTask>,
    written: Option<Written>,
    placed: Option<Receiver<Result<PathBuf, LogError>>>,
}

impl std::fmt::Debug for SnapshotTask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotTask").field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl SnapshotTask {
    /// When it began.
    pub fn started(&self) -> Instant {
        self.started
    }

    fn is_behind(&self) -> bool {
        self.file.as_ref().is_some_and(background::SnapshotTask::is_behind)
    }

    /// Entries encoded so far, while the file is being written.
    pub fn keys_done(&self) -> u64 {
        self.file.as_ref().map_or(self.keys_total as u64, background::SnapshotTask::entries)
    }

    /// The offset of its cut.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// Keys there were at the cut.
    pub fn keys_total(&self) -> usize {
        self.keys_total
    }
}

impl Engine {
    /// The snapshot being taken, if one is.
    pub fn snapshot_task(&self) -> Option<&SnapshotTask> {
        self.snapshot.as_ref()
    }

    /// Cuts here and begins a snapshot; [`step_snapshot`](Self::step_snapshot) carries it on.
    ///
    /// # Errors
    /// One is being taken already, or the file cannot be made.
    pub fn begin_snapshot(&mut self, plan: SnapshotPlan) -> Result<(), SnapshotError> {
        if self.snapshot.is_some() || self.keyspace.is_walking() {
            return Err(SnapshotError::Busy);
        }
        // What is in the log and not yet in memory would be in neither snapshot nor replay.
        self.apply_all_stored()?;
        let offset = self.offset();
        let header = self.snapshot_header(offset, plan.under_log);
        let storage = Arc::clone(&plan.storage);
        let (sink, file) = background::start(storage, &plan.temporary, header, plan.compress)
            .map_err(|source| SnapshotError::File { path: plan.temporary.clone(), source })?;
        let keys_total = self.keyspace.len();
        self.keyspace.begin_walk(Box::new(sink)).map_err(|_| SnapshotError::Busy)?;
        self.snapshot = Some(SnapshotTask {
            cut: if plan.under_log { self.cut_log() } else { None },
            plan,
            offset,
            started: Instant::now(),
            dirty_at_cut: self.dirty,
            walking: true,
            keys_total,
            file: Some(file),
            written: None,
            placed: None,
        });
        Ok(())
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
        let task = self.snapshot.as_mut()?;
        let until = self.clock.monotonic_us() + budget_us;
        while task.walking && !task.is_behind() {
            task.walking = !self.keyspace.walk_step(STEP_ENTRIES);
            if self.clock.monotonic_us() >= until {
                break;
            }
        }
        let result = match self.collect_snapshot() {
            Ok(None) => return None,
            Ok(Some(snapshot)) => Ok(snapshot),
            Err(error) => Err(error),
        };
        let task = self.snapshot.take()?;
        if result.is_ok() {
            self.dirty = self.dirty.saturating_sub(task.dirty_at_cut);
        } else {
            self.keyspace.cancel_walk();
            // A leftover is removed at the next start as well.
            let _ = task.plan.storage.remove(&task.plan.temporary);
        }
        Some(result)
    }

    /// Whether only the disk is waited for: the next step has nothing to do yet.
    pub fn snapshot_is_waiting(&self) -> bool {
        self.snapshot.as_ref().is_none_or(|task| !task.walking || task.is_behind())
    }

    fn collect_snapshot(&mut self) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(task) = &mut self.snapshot else { return Err(SnapshotError::Cancelled) };
        if task.walking {
            return Ok(None);
        }
        if let Some(file) = task.file.take_if(|file| file.is_finished()) {
            let path = &task.plan.temporary;
            task.written = Some(
                file.finish()
                    .map_err(|source| SnapshotError::File { path: path.clone(), source })?,
            );
        }
        let Some(written) = task.written else { return Ok(None) };
        let Some(placed) = &task.placed else {
            let cut = match task.cut.as_ref().map(Receiver::try_recv) {
                None => None,
                Some(Ok(cut)) => Some(cut),
                Some(Err(TryRecvError::Empty)) => return Ok(None),
                Some(Err(TryRecvError::Disconnected)) => return Err(SnapshotError::NotCut),
            };
            let plan = task.plan.clone();
            let placed = self.place_snapshot(plan, cut)?;
            if let Some(task) = &mut self.snapshot {
                task.placed = Some(placed);
            }
            return Ok(None);
        };
        let path = match placed.try_recv() {
            Ok(path) => path?,
            Err(TryRecvError::Empty) => return Ok(None),
            Err(TryRecvError::Disconnected) => return Err(SnapshotError::NotCut),
        };
        let took_s = task.started.elapsed().as_secs_f64();
        Ok(Some(Snapshot { path, offset: task.offset, written, took_s }))
    }

    /// Has the log's thread put the file in its place.
    fn place_snapshot(
        &mut self,
        plan: SnapshotPlan,
        cut: Option<SegmentInfo>,
    ) -> Result<Receiver<Result<PathBuf, LogError>>, SnapshotError> {
        let (report, placed) = channel();
        let clock = Arc::clone(&self.clock);
        let log = self.log.as_mut().ok_or(SnapshotError::Cancelled)?;
        log.enqueue(Box::new(move |writer| {
            let result = match cut {
                Some(cut) => writer.switch_base(&plan.temporary, &cut, clock.unix_ms()),
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

    /// Gives the snapshot up.
    pub fn cancel_snapshot(&mut self) {
        if let Some(task) = self.snapshot.take() {
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
    let contents = file.load(threads, progress, crate::rdb::LoadedEntry::decode, |batch| {
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
