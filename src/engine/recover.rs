//! Loads what recovery found: the base, then the log behind it, through the engine's one apply.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::apply::{Applier, ApplyError};
use super::executor::Engine;
use crate::base::{Offset, ReplId};
use crate::command::Origin;
use crate::log::{
    Base, BaseKind, ForeignCommands, Head, Identity, Layout, LogError, Record, Recovery, Replay,
};
use crate::rdb::{Progress, RdbError, SnapshotFile, StreamPosition, fill};
use crate::storage::{OpenMode, Storage};

/// Why the data cannot be loaded. Nothing has been changed on disk.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The snapshot is damaged or of an unknown kind.
    #[error("cannot load {}: {source}{}", path.display(), advice(source, dir))]
    Snapshot {
        /// The file.
        path: PathBuf,
        /// The data directory, for the command that repairs it.
        dir: PathBuf,
        /// What is wrong, and where in the file.
        source: RdbError,
    },
    /// The log cannot be read.
    #[error("{0}")]
    Log(#[from] LogError),
    /// A command that another server wrote cannot be applied.
    #[error("cannot replay another server's log: {0}")]
    Foreign(ApplyError),
    /// A command in the log cannot be applied.
    #[error("cannot replay {} at position {position} (offset {offset}): {source}", path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// Where the frame or command begins in it.
        position: u64,
        /// The stream offset there.
        offset: Offset,
        /// What is wrong.
        source: ApplyError,
    },
}

fn advice(source: &RdbError, dir: &Path) -> String {
    if !source.is_damage() {
        return String::new();
    }
    let dir = dir.display();
    format!(
        "; nothing was changed. `vellum-log verify {dir}` looks for more, `vellum-log repair {dir}` \
         starts from an older snapshot where one is whole"
    )
}

/// How far loading has come, for another thread to look at.
#[derive(Debug, Default)]
pub struct LoadProgress {
    /// Bytes of the snapshot.
    pub snapshot: Progress,
    started_ms: u64,
    total_len: AtomicU64,
    replayed_len: AtomicU64,
}

impl LoadProgress {
    /// Nothing loaded yet; `started_ms` is milliseconds since the Unix epoch.
    pub fn new(started_ms: u64) -> Arc<Self> {
        Arc::new(Self { started_ms, ..Self::default() })
    }

    /// When loading began, in milliseconds since the Unix epoch.
    pub fn started_ms(&self) -> u64 {
        self.started_ms
    }

    /// Notes how many bytes there are to load.
    pub fn set_total_len(&self, len: u64) {
        self.total_len.store(len, Ordering::Relaxed);
    }

    /// Bytes of all files to load.
    pub fn total_len(&self) -> u64 {
        self.total_len.load(Ordering::Relaxed)
    }

    /// Bytes loaded.
    pub fn done_len(&self) -> u64 {
        self.snapshot.done_len() + self.replayed_len.load(Ordering::Relaxed)
    }
}

/// Loads into `engine`'s empty keyspace; on `threads` threads where that helps.
///
/// # Errors
/// See [`LoadError`].
pub fn load(
    engine: &mut Engine,
    storage: &Arc<dyn Storage>,
    layout: &Layout,
    recovery: &mut Recovery,
    threads: usize,
    progress: &LoadProgress,
) -> Result<LoadSummary, LoadError> {
    let file_len = |path: &PathBuf| {
        storage.open(path, OpenMode::Read).and_then(|file| file.len()).unwrap_or(0)
    };
    let base_len = recovery.base.as_ref().map_or(0, |base| file_len(&base.path));
    progress.set_total_len(base_len + recovery.replay_len(&**storage));
    let mut summary = LoadSummary::default();
    let mut stream = Applier::new(Origin::Replay, 0);
    if let Some(base) = recovery.base.clone() {
        let snapshot_len =
            load_snapshot(engine, storage, layout, &base, threads, progress, &mut summary)?;
        if base.kind != BaseKind::Rdb
            && let Some(part) = recovery.measure_base(&**storage, layout.dir(), snapshot_len)?
        {
            let mut commands = ForeignCommands::open_part(&**storage, layout.dir(), &part)?;
            while let Some(command) = commands.next_command()? {
                stream.apply(engine, command).map_err(LoadError::Foreign)?;
            }
        }
    }
    let mut local = Applier::new(Origin::Replay, 0);
    let mut replay = Replay::new(Arc::clone(storage), layout, recovery);
    let mut path = PathBuf::new();
    while let Some(record) = replay.next_record()? {
        match record {
            Record::Segment(info) => {
                path.clone_from(&info.path);
                stream.select(info.db as usize);
            }
            Record::Frame(frame) => {
                let applier = if frame.local { &mut local } else { &mut stream };
                let (position, offset) = (frame.position, frame.offset);
                applier.apply(engine, frame.payload).map_err(|source| LoadError::Replay {
                    path: path.clone(),
                    position,
                    offset,
                    source,
                })?;
            }
            Record::Command(command) => {
                stream.apply(engine, command).map_err(LoadError::Foreign)?;
            }
        }
        progress.replayed_len.store(replay.read_len(), Ordering::Relaxed);
    }
    summary.stream_db = stream.db();
    summary.commands = stream.commands + local.commands;
    Ok(summary)
}

/// Loads the snapshot at the front of the base; where it ends in the file.
fn load_snapshot(
    engine: &mut Engine,
    storage: &Arc<dyn Storage>,
    layout: &Layout,
    base: &Base,
    threads: usize,
    progress: &LoadProgress,
    summary: &mut LoadSummary,
) -> Result<u64, LoadError> {
    if base.kind == BaseKind::Aof {
        return Ok(0);
    }
    let (path, dir) = (base.path.clone(), layout.dir().to_owned());
    let failed = |source| LoadError::Snapshot { path: path.clone(), dir: dir.clone(), source };
    let mapping = storage.map(&base.path).map_err(|e| failed(e.into()))?;
    let file = SnapshotFile::open(mapping.bytes()).map_err(failed)?;
    summary.base_position = file.header().stream;
    let filled = fill(&mut engine.keyspace, &file, threads, None, &progress.snapshot);
    filled.map(|filled| filled.contents.len).map_err(failed)
}

/// What [`load`] learned.
#[derive(Debug, Default)]
pub struct LoadSummary {
    /// The place in the stream that the base states.
    pub base_position: Option<StreamPosition>,
    /// The database selected in the stream at the end of the log.
    pub stream_db: usize,
    /// Commands replayed.
    pub commands: u64,
}

/// Where the log goes on: under the recovered identity, unless others may have seen what is lost, or it is
/// that of a master which is followed no more. Then, and when there is none, it goes on under `new_id`. A
/// replica's log is its master's, which has what is lost.
///
/// Without a log (cache mode) it begins at the place in a history that the dump states. A replica asks its
/// master to go on from there. A master goes on under a new name, because it may have told replicas more
/// than it saved; those that are exactly there can follow.
pub fn head_after(
    recovery: Option<&Recovery>,
    summary: &LoadSummary,
    is_replica: bool,
    new_id: ReplId,
) -> Head {
    let db = summary.stream_db as u32;
    let Some(recovery) = recovery else {
        let Some(at) = summary.base_position.filter(|at| at.repl_id != ReplId::NONE) else {
            return Head { identity: Identity::new(new_id), offset: Offset::ZERO, db };
        };
        let saved = Identity::new(at.repl_id);
        let identity = if is_replica { saved } else { saved.succeeded_by(new_id, at.offset) };
        return Head { identity, offset: at.offset, db };
    };
    let Some(end) = recovery.head else {
        return Head { identity: Identity::new(new_id), offset: Offset::ZERO, db };
    };
    let identity = if recovery.has_foreign_writes() {
        Identity::new(new_id)
    } else {
        let is_own = match (recovery.was_replica, is_replica) {
            (true, follows) => follows,
            (false, _) => !recovery.needs_new_id(),
        };
        if is_own { end.identity } else { end.identity.succeeded_by(new_id, end.offset) }
    };
    Head { identity, offset: end.offset, db }
}
