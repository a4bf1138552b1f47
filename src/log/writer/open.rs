//! Opens the log for writing, after everything recovery named was loaded.
//!
//! The order matters, since the machine may die at any step and the next start must come to the same
//! conclusions: the torn tail goes first, then the new segment and the manifest come, and the lock
//! file's note, which says that a server is running on this boot, is replaced last of all.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use super::files::Files;
use super::{Active, Head, LogMode, SegmentFile, Writer};
use crate::log::lockfile::{LockFile, LockNote, SyncPolicy};
use crate::log::manifest::Manifest;
use crate::log::recovery::{self, Part, Recovery, Tail};
use crate::log::segment::SegmentInfo;
use crate::log::tail::Ending;
use crate::log::{Layout, LogError, LogOptions, filler, retention};
use crate::storage::{File, OpenMode, Storage, crashsafe};

/// What a writer is opened with.
#[derive(Debug)]
pub struct Opening {
    /// The file system.
    pub storage: Arc<dyn Storage>,
    /// The names of the data directory.
    pub layout: Layout,
    /// Sizes and retention.
    pub options: LogOptions,
    /// The directory, held.
    pub lock: LockFile,
    /// How the log is going to be synced.
    pub policy: SyncPolicy,
}

impl Opening {
    /// Opens the log of the data set that `recovery` found, to go on at `head`.
    ///
    /// `head` is where the recovered log ended (with the database selected there), under the same
    /// identity or one that continues it; anything for a directory without a log of ours. `now_ms` is
    /// milliseconds since the Unix epoch. Where the identity is the same and nothing of another
    /// server's follows, the last segment is written on; otherwise a new one is begun.
    pub fn durable(self, recovery: &Recovery, head: Head, now_ms: u64) -> Result<Writer, LogError> {
        if let Some(end) =
            recovery.head.filter(|end| head.identity.continues(&end.identity, end.offset))
        {
            assert_eq!(head.offset, end.offset, "a history goes on where it ended");
        }
        let Self { storage, layout, options, lock, policy } = self;
        for dir in [layout.append_dir(), layout.archive_dir()] {
            crashsafe::create_dir(&*storage, dir).map_err(LogError::io("create", dir))?;
        }
        // Also where they existed: a start that was killed may have left them without a durable name.
        sync_names(&*storage, &layout)?;
        retention::remove_prepared(&*storage, &layout)?;
        retention::remove_unfinished(&*storage, &layout)?;
        let mut manifest = recovery.manifest.clone().unwrap_or_default();
        // What another server had still to remove is removed below, with everything not named.
        manifest.history.clear();
        let mut freed = Vec::new();
        retention::remove_backlog(&*storage, &layout, recovery.manifest.as_ref(), &mut freed)?;
        if let Some(Part::Foreign(part)) = recovery.parts.last() {
            // Cuts off a command that another server did not finish, and makes durable what stays.
            cut(&*storage, &part.path, part.to).map_err(LogError::io("cut", &part.path))?;
        } else if let Some((path, to)) = &recovery.foreign_cut {
            cut(&*storage, path, *to).map_err(LogError::io("cut", path))?;
        }
        if let Some(tail) = &recovery.tail {
            mend_tail(&*storage, tail, recovery.ending)
                .map_err(LogError::io("cut to its last frame", &tail.path))?;
        }
        let mut files = Files::new(storage, layout, options, LogMode::Durable, recovery.next_seq);
        files.preparer.give_back(freed);
        files.manifest = files.adopt_base(recovery, manifest)?;
        let goes_on = recovery.tail.as_ref().filter(|tail| {
            recovery.head.is_some_and(|end| end.identity == head.identity)
                && tail.position < files.options.segment_len_max
        });
        let mut chain = recovery.chain.clone();
        let active = match goes_on {
            Some(tail) => go_on(&mut files, tail, recovery)?,
            None => start_segment(&mut files, &mut chain, head, now_ms)?,
        };
        files.retire()?;
        // Under the same name it is the same server's history, whoever that is.
        let is_replica = recovery.was_replica
            && recovery.head.is_some_and(|end| end.identity.replid == head.identity.replid);
        let mut writer = Writer::new(files, lock, (policy, is_replica), active, chain, head)?;
        writer.prune(now_ms)?;
        Ok(writer)
    }

    /// Whether the server before this one kept a backlog, and so had replicas not long ago.
    ///
    /// # Errors
    /// The archive cannot be looked at.
    pub fn finds_backlog(&self) -> Result<bool, LogError> {
        retention::has_backlog(&*self.storage, &self.layout)
    }

    /// Opens a log that is only a backlog (`appendonly no`), beginning at `head`. The backlog of an
    /// earlier server is removed: it belongs to a data set that is gone.
    pub fn backlog(self, head: Head, now_ms: u64) -> Result<Writer, LogError> {
        let mut writer = self.asleep(head)?;
        writer.wake(now_ms)?;
        Ok(writer)
    }

    /// As [`Opening::backlog`], but nobody needs it yet: the log sleeps until it is woken.
    pub fn asleep(self, head: Head) -> Result<Writer, LogError> {
        let Self { storage, layout, options, lock, policy } = self;
        // What the note says is of the log that stays as it is, for a start that goes on in it.
        let was_replica = LockNote::read(&*storage, &layout)?.is_some_and(|note| note.is_replica);
        let archive = layout.archive_dir();
        crashsafe::create_dir(&*storage, archive).map_err(LogError::io("create", archive))?;
        retention::remove_unfinished(&*storage, &layout)?;
        let next_seq = recovery::next_seq(&*storage, &layout, 0)?;
        let mut freed = Vec::new();
        match recovery::read_manifest(&*storage, &layout) {
            Ok(manifest) => {
                retention::remove_backlog(&*storage, &layout, manifest.as_ref(), &mut freed)?;
            }
            // It is not this mode's to judge, but what it names must stay.
            Err(error) => tracing::warn!(%error, "left the backlog of an earlier server in place"),
        }
        let files = Files::new(storage, layout, options, LogMode::Backlog, next_seq);
        files.preparer.give_back(freed);
        let (active, chain) = (Active::none(), VecDeque::new());
        Writer::new(files, lock, (policy, was_replica), active, chain, head)
    }
}

fn sync_names(storage: &dyn Storage, layout: &Layout) -> Result<(), LogError> {
    for dir in [layout.dir(), layout.append_dir(), layout.archive_dir()] {
        storage.sync_dir(dir).map_err(LogError::io("sync", dir))?;
    }
    Ok(())
}

/// Begins the first segment a writer writes to.
fn start_segment(
    files: &mut Files,
    chain: &mut VecDeque<SegmentInfo>,
    head: Head,
    now_ms: u64,
) -> Result<Active, LogError> {
    let (mut active, info) = files.create_segment(head, now_ms)?;
    files.fill_first(&mut active)?;
    files.list_segment(&info)?;
    super::append_to(chain, info);
    Ok(active)
}

/// Writes on in the last segment.
fn go_on(files: &mut Files, tail: &Tail, recovery: &Recovery) -> Result<Active, LogError> {
    let storage = Arc::clone(&files.storage);
    let file =
        storage.open(&tail.path, OpenMode::Write).map_err(LogError::io("open", &tail.path))?;
    let mut active = Active {
        seq: tail.seq,
        path: tail.path.clone(),
        file: SegmentFile::new(file),
        seed: tail.seed,
        position: tail.position,
        synced_len: tail.position,
        filled_len: 0,
        next_wanted: false,
    };
    files.fill_first(&mut active)?;
    let sealed = Manifest { sealed: true, ..files.manifest.clone() };
    if recovery.manifest.as_ref() != Some(&sealed) {
        files.store_manifest(sealed)?;
    }
    Ok(active)
}

impl Writer {
    fn new(
        files: Files,
        lock: LockFile,
        (policy, is_replica): (SyncPolicy, bool),
        active: Active,
        chain: VecDeque<SegmentInfo>,
        head: Head,
    ) -> Result<Self, LogError> {
        // The note comes last: it says that all of the above is done.
        let dir = files.layout.dir();
        let boot_id = files.storage.boot_id().map_err(LogError::io("read the boot ID for", dir))?;
        let pid = std::process::id();
        let note = LockNote { boot_id, pid, policy, is_replica, clean: None };
        lock.write(&*files.storage, &files.layout.lock(), &note)?;
        Ok(Self {
            files,
            lock,
            note,
            chain,
            active,
            identity: head.identity,
            db: head.db,
            queue: VecDeque::new(),
            queue_len: 0,
            spares: Vec::new(),
            written: head.offset,
            durable: head.offset,
            end: head.offset,
            failure: None,
        })
    }
}

/// Cuts a torn end off, and makes durable what is kept: a killed process may have left frames that no
/// sync covered, or whose sync failed and whose pages the kernel now takes for clean.
fn mend_tail(storage: &dyn Storage, tail: &Tail, ending: Ending) -> std::io::Result<()> {
    let file = storage.open(&tail.path, OpenMode::Write)?;
    if tail.file_len != tail.position {
        file.set_len(tail.position)?;
    }
    if ending == Ending::Killed {
        write_again(&*file, tail.synced_len, tail.position)?;
    }
    file.sync_all()
}

fn write_again(file: &dyn File, from: u64, to: u64) -> std::io::Result<()> {
    let mut bytes = vec![0; filler::BLOCK_LEN];
    let mut at = from;
    while at < to {
        let rest = usize::try_from(to - at).unwrap_or(usize::MAX).min(bytes.len());
        let read = file.read_full_at(&mut bytes[..rest], at)?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        file.write_all_at(&bytes[..read], at)?;
        at += read as u64;
    }
    Ok(())
}

fn cut(storage: &dyn Storage, path: &Path, len: u64) -> std::io::Result<()> {
    let file = storage.open(path, OpenMode::Write)?;
    file.set_len(len)?;
    file.sync_all()
}
