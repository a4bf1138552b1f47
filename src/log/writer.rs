//! The head of the log: groups of frames go in, durable offsets come out.
//!
//! What always holds: `durable <= written <= end`; every byte between `durable` and `end` is still in
//! memory; a segment that is not the last of the manifest is durable to its end. After the first
//! failure nothing is written until [`Writer::mend`] has put those bytes into a new segment.
//!
//! The writer blocks. It belongs to whoever commits: the executor, or the log thread it is handed to.

mod base;
mod files;
mod mend;
mod open;
mod roll;
mod sleep;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub use self::open::Opening;

use self::files::Files;
use super::buffer::FrameBuffer;
use super::lockfile::{LockFile, LockNote, SyncPolicy};
use super::prepare::Preparer;
use super::segment::{Identity, SegmentInfo};
use super::{Layout, LogError, LogOptions, Reader};
use crate::base::{Offset, ReplId};
use crate::storage::{File, Latched};

/// Unsynced bytes that are kept in memory at most; a write beyond them syncs first.
const UNSYNCED_LEN_MAX: usize = 64 * 1024 * 1024;
/// Unsynced bytes from which on a sync is worth asking for, whatever the policy.
const UNSYNCED_LEN_WANTED: usize = 8 * 1024 * 1024;
/// Emptied buffers kept for reuse.
const SPARES_MAX: usize = 4;

/// Appends a segment to a chain, which begins anew when the segment does not continue it.
fn append_to(chain: &mut VecDeque<SegmentInfo>, info: SegmentInfo) {
    let follows =
        chain.back().is_some_and(|last| info.identity.continues(&last.identity, info.start));
    if !follows {
        chain.clear();
    }
    chain.push_back(info);
}

/// A position in a history: where a log goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The history.
    pub identity: Identity,
    /// Stream offset of the next byte.
    pub offset: Offset,
    /// Database selected in the stream at that offset.
    pub db: u32,
}

/// What a log is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogMode {
    /// The data set: in the manifest, made durable, replayed at a start.
    Durable,
    /// A backlog for replicas (`appendonly no`): never synced, never replayed, removed at a start. As
    /// long as there are no replicas it [sleeps](Writer::is_asleep).
    Backlog,
}

/// Writes the log. See the module's description for what always holds.
#[derive(Debug)]
pub struct Writer {
    files: Files,
    lock: LockFile,
    note: LockNote,
    /// The segments a reader can follow without a gap, oldest first; the last one is written to. Empty
    /// while the log sleeps.
    chain: VecDeque<SegmentInfo>,
    active: Active,
    identity: Identity,
    db: u32,
    queue: VecDeque<Queued>,
    queue_len: usize,
    spares: Vec<FrameBuffer>,
    written: Offset,
    durable: Offset,
    end: Offset,
    failure: Option<String>,
}

/// The segment that is written to.
#[derive(Debug)]
struct Active {
    seq: u64,
    path: PathBuf,
    file: Arc<SegmentFile>,
    seed: u32,
    /// Where the next group goes.
    position: u64,
    /// Bytes known durable.
    synced_len: u64,
    /// Bytes that were filled ahead of use.
    filled_len: u64,
    next_wanted: bool,
}

/// A group that is not durable yet; `position` is where it ends in the active segment, `None` when it
/// was not written.
#[derive(Debug)]
struct Queued {
    buffer: FrameBuffer,
    position: Option<u64>,
}

/// A segment's file: the first failure is final, and syncs come one after another, so that a sync
/// never reports success while another one is about to report the loss.
#[derive(Debug)]
pub(super) struct SegmentFile {
    file: Latched,
    syncing: Mutex<()>,
    /// Set once a sync through another handle than `file` has failed.
    distrusted: AtomicBool,
}

impl SegmentFile {
    pub(super) fn new(file: Arc<dyn File>) -> Arc<Self> {
        let (file, syncing) = (Latched::new(file), Mutex::new(()));
        Arc::new(Self { file, syncing, distrusted: AtomicBool::new(false) })
    }

    fn sync(&self) -> std::io::Result<()> {
        // The mutex guards no data; a panic of another holder changes nothing here.
        let _one_at_a_time = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        self.file.sync_data()
    }

    pub(super) fn len(&self) -> std::io::Result<u64> {
        self.file.len()
    }

    /// Cuts the file; that need not be durable yet.
    pub(super) fn shorten(&self, len: u64) -> std::io::Result<()> {
        self.file.set_len(len)
    }

    /// Cuts the file to `len`, durably.
    pub(super) fn trim(&self, len: u64) -> std::io::Result<()> {
        let _one_at_a_time = self.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        if self.file.len()? != len {
            self.file.set_len(len)?;
        }
        self.file.sync_all()
    }

    /// Whether a sync has failed: what was not durable then may be gone although it can be read.
    fn is_distrusted(&self) -> bool {
        // Whoever reads the flag has set it, or has taken the file over from who did.
        self.file.sync_has_failed() || self.distrusted.load(Ordering::Relaxed)
    }
}

/// A sync that another thread runs while the writer goes on (`everysec`).
#[derive(Debug)]
pub struct SyncTask {
    file: Arc<SegmentFile>,
    path: PathBuf,
    seq: u64,
    position: u64,
    offset: Offset,
}

/// What came of a [`SyncTask`]; goes back to [`Writer::synced`].
#[derive(Debug)]
pub struct SyncOutcome {
    seq: u64,
    position: u64,
    offset: Offset,
    result: Result<(), LogError>,
}

impl SyncTask {
    /// Syncs; blocks as long as the disk takes.
    pub fn run(self) -> SyncOutcome {
        let result = self.file.sync().map_err(LogError::io("sync", &self.path));
        SyncOutcome { seq: self.seq, position: self.position, offset: self.offset, result }
    }
}

impl Writer {
    /// Writes a sealed group that begins where the last one ended, by one write call.
    ///
    /// The group is taken in any case and kept until it is durable: after an error it is written by
    /// [`Writer::mend`].
    ///
    /// # Errors
    /// [`LogError::Io`] for the failure itself, [`LogError::Latched`] for every write after one.
    pub fn write(&mut self, mut buffer: FrameBuffer) -> Result<(), LogError> {
        assert_eq!(buffer.start(), self.end, "groups follow each other without a gap");
        if buffer.is_empty() {
            self.db = buffer.db();
            self.recycle(buffer);
            return Ok(());
        }
        assert!(!self.is_asleep(), "a log that sleeps is not written to");
        let result = self.check().and_then(|()| self.make_room()).and_then(|()| {
            let active = &mut self.active;
            let bytes = buffer.finish(active.seed, active.synced_len, active.position);
            let written = active.file.file.write_all_at(bytes, active.position);
            written.map_err(LogError::io("write", &active.path))?;
            active.position += bytes.len() as u64;
            Ok(active.position)
        });
        let result = self.note_failure(result);
        (self.end, self.db) = (buffer.end(), buffer.db());
        self.queue_len += buffer.len();
        let position = result.as_ref().ok().copied();
        self.queue.push_back(Queued { buffer, position });
        if position.is_some() {
            self.written = self.end;
            self.want_next();
        }
        if self.files.mode == LogMode::Backlog && position.is_some() {
            self.release(u64::MAX, self.end);
        }
        result.map(|_| ())
    }

    /// Makes everything written durable and returns the durable offset.
    pub fn sync(&mut self) -> Result<Offset, LogError> {
        self.check()?;
        if self.has_unsynced() {
            let synced = self.active.file.sync().map_err(LogError::io("sync", &self.active.path));
            self.note_failure(synced)?;
            self.release(self.active.position, self.written);
        }
        Ok(self.durable)
    }

    /// Bytes written that are not durable yet, though they should be some day.
    pub fn unsynced_len(&self) -> u64 {
        match self.files.mode {
            LogMode::Durable => self.active.position - self.active.synced_len,
            LogMode::Backlog => 0,
        }
    }

    /// Whether something written is not durable yet, though it should be some day.
    pub fn has_unsynced(&self) -> bool {
        self.unsynced_len() > 0
    }

    /// A sync for another thread to run, or `None` when everything written is durable.
    pub fn sync_task(&self) -> Option<SyncTask> {
        let due = self.failure.is_none() && self.has_unsynced();
        due.then(|| SyncTask {
            file: Arc::clone(&self.active.file),
            path: self.active.path.clone(),
            seq: self.active.seq,
            position: self.active.position,
            offset: self.written,
        })
    }

    /// Takes in what came of a sync and returns the durable offset.
    ///
    /// A segment ended meanwhile was synced by then; one that was abandoned by [`Writer::mend`] says
    /// nothing about the bytes that were written anew.
    pub fn synced(&mut self, outcome: SyncOutcome) -> Result<Offset, LogError> {
        if outcome.seq == self.active.seq {
            self.note_failure(outcome.result)?;
            // After a failure all that is not durable is being written anew, this included.
            if self.failure.is_none() && outcome.position > self.active.synced_len {
                self.release(outcome.position, outcome.offset);
            }
        }
        Ok(self.durable)
    }

    /// Whether so much is unsynced that a sync should not wait for its turn.
    pub fn wants_sync(&self) -> bool {
        self.queue_len >= UNSYNCED_LEN_WANTED
    }

    /// An empty buffer that begins where the log ends.
    pub fn take_spare(&mut self) -> FrameBuffer {
        match self.spares.pop() {
            Some(mut spare) => {
                spare.reset(self.end, self.db);
                spare
            }
            None => FrameBuffer::new(self.end, self.db),
        }
    }

    /// Gives a buffer back for reuse.
    pub fn recycle(&mut self, mut buffer: FrameBuffer) {
        if self.spares.len() < SPARES_MAX {
            buffer.reset(self.end, self.db);
            self.spares.push(buffer);
        }
    }

    /// Offset up to which the file system has the stream.
    pub fn written(&self) -> Offset {
        self.written
    }

    /// Offset up to which the disk has the stream; what is written, in [`LogMode::Backlog`].
    pub fn durable(&self) -> Offset {
        self.durable
    }

    /// Offset up to which groups were handed in, written or not.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Database selected in the stream at [`Writer::end`].
    pub fn db(&self) -> u32 {
        self.db
    }

    /// The history that is written.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the log is for.
    pub fn mode(&self) -> LogMode {
        self.files.mode
    }

    /// The names of the data directory.
    pub fn layout(&self) -> &Layout {
        &self.files.layout
    }

    /// Why nothing can be written, `None` while all is well.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// What prepares segments; spawn its thread, or step it.
    pub fn preparer(&self) -> &Preparer {
        &self.files.preparer
    }

    /// The segment that is written to.
    pub fn segment(&self) -> Option<&SegmentInfo> {
        self.chain.back()
    }

    /// The segments a partial resync can be served from, oldest first.
    pub fn segments(&self) -> impl ExactSizeIterator<Item = &SegmentInfo> {
        self.chain.iter()
    }

    /// First offset a partial resync can be served from.
    pub fn backlog_start(&self) -> Offset {
        self.chain.front().map_or(self.end, |s| s.start)
    }

    /// Whether a replica of history `replid` that has everything before `offset` can go on from here.
    pub fn can_serve(&self, replid: ReplId, offset: Offset) -> bool {
        let same = self.identity.replid == replid
            || self.identity.former.is_some_and(|f| f.replid == replid && offset <= f.end);
        same && offset >= self.backlog_start() && offset <= self.end
    }

    /// A reader of this log that begins at `from`: for a partial resync that [`Writer::can_serve`] has
    /// allowed.
    pub fn reader(&self, from: Offset) -> Result<Reader, LogError> {
        let storage = Arc::clone(&self.files.storage);
        Reader::in_chain(storage, &self.files.layout, &self.chain, Some(from))
    }

    /// Changes sizes and retention; what is kept already is looked at anew when the next snapshot is put
    /// under the log.
    pub fn set_options(&mut self, options: LogOptions) {
        self.files.options = options;
    }

    /// Changes when bytes are made durable. The note of it is on disk before the change holds, since
    /// it decides what a lost machine may have lost.
    pub fn set_policy(&mut self, policy: SyncPolicy) -> Result<(), LogError> {
        self.set_note(LockNote { policy, ..self.note.clone() })
    }

    /// Whether what is appended from now on is another server's stream. Noted on disk before: a server
    /// that is no replica any more after a restart must not go on in that history under its name.
    pub fn set_replica(&mut self, is_replica: bool) -> Result<(), LogError> {
        self.set_note(LockNote { is_replica, ..self.note.clone() })
    }

    fn set_note(&mut self, note: LockNote) -> Result<(), LogError> {
        if self.note != note {
            self.lock.write(&*self.files.storage, &self.files.layout.lock(), &note)?;
            self.note = note;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), LogError> {
        match &self.failure {
            None => Ok(()),
            Some(reason) => Err(LogError::Latched { reason: reason.clone() }),
        }
    }

    /// Remembers the first failure.
    fn note_failure<T>(&mut self, result: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &result {
            self.failure.get_or_insert_with(|| error.to_string());
        }
        result
    }

    /// Syncs when more would have to be kept in memory than is allowed.
    fn make_room(&mut self) -> Result<(), LogError> {
        if self.queue_len < UNSYNCED_LEN_MAX {
            return Ok(());
        }
        self.sync().map(|_| ())
    }

    /// Everything up to `position` of the active segment, `offset` in the stream, is durable.
    fn release(&mut self, position: u64, offset: Offset) {
        assert!(self.durable <= offset && offset <= self.written, "durable <= written");
        self.active.synced_len = position.min(self.active.position);
        self.durable = offset;
        while self.queue.front().and_then(|q| q.position).is_some_and(|p| p <= position) {
            if let Some(queued) = self.queue.pop_front() {
                self.queue_len -= queued.buffer.len();
                self.recycle(queued.buffer);
            }
        }
    }

    /// Asks for the next segment once half of this one's filler is used.
    fn want_next(&mut self) {
        let active = &mut self.active;
        if !active.next_wanted
            && self.files.mode == LogMode::Durable
            && self.files.options.fill_len_first > 0
            && active.position >= active.filled_len / 2
        {
            active.next_wanted = true;
            let len = active.filled_len.max(self.files.options.fill_len_first).saturating_mul(4);
            self.files.preparer.want(len.min(self.files.options.segment_len_max));
        }
    }
}
