//! A snapshot written beside the commands: the walk encodes entries into blocks on the executor, a
//! thread compresses, checksums, writes, syncs and reads back.
//!
//! A large collection is not encoded on the executor: the thread gets a clone, which shares what it has in
//! chunks and stays what it was, and encodes it in pieces.
//!
//! Memory is bounded: a few blocks are on their way to the thread at most. The one who steps the walk
//! should do no step while [`SnapshotTask::is_behind`]; entries captured because they are about to
//! change cannot wait for that, so a full queue makes them wait for the disk.
//!
//! The file gets its end only if as many entries came as the databases held at the cut: a walk given
//! up half-way leaves no file that could be taken for a whole one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::{self, JoinHandle};

use super::block::BlockBuilder;
use super::error::RdbError;
use super::header::{DatabaseSize, Header};
use super::snapshot::{Progress, SnapshotFile};
use super::writer::{SYNC_LEN, SnapshotWriter, Written};
use crate::keyspace::types::Collection;
use crate::keyspace::{Content, Entry, WalkSink};
use crate::storage::{File, OpenMode, Storage};

/// With this many blocks waiting for the thread, the walk should pause.
const BEHIND_LEN: usize = 2;
/// A collection with more memory than this, in bytes, is encoded by the thread, from a clone.
const ENCODED_HERE_BYTES_MAX: usize = 256 * 1024;

/// How a snapshot is written.
#[derive(Clone, Copy, Debug)]
pub struct Writing {
    /// Whether strings are compressed.
    pub compress: bool,
    /// Bytes between two syncs of the file.
    pub sync_len: u64,
    /// Blocks that may wait for the thread; whoever changes entries then waits with them.
    pub blocks_max: usize,
}

impl Default for Writing {
    fn default() -> Self {
        Self { compress: true, sync_len: SYNC_LEN, blocks_max: 4 }
    }
}

enum Message {
    Header(Box<Header>),
    Block(BlockBuilder),
    Large(LargeEntry),
    /// All entries have come.
    End,
}

/// An entry whose encoding would hold commands up: a collection, frozen.
struct LargeEntry {
    db: u32,
    key: Vec<u8>,
    value: Collection,
    expire_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: AtomicUsize,
    entries: AtomicU64,
    written_len: AtomicU64,
}

/// The walk's side: encodes entries. Dropping it ends the snapshot.
#[derive(Debug)]
pub struct SnapshotSink {
    /// Taken by the first block.
    header: Option<Box<Header>>,
    block: BlockBuilder,
    entries_expected: u64,
    entries: u64,
    /// `None` once the thread is gone: there is no use in encoding any more.
    sender: Option<SyncSender<Message>>,
    spare: Receiver<BlockBuilder>,
    shared: Arc<Shared>,
}

/// The starter's side: how far the snapshot is, and what became of it.
#[derive(Debug)]
pub struct SnapshotTask {
    thread: JoinHandle<Result<Written, RdbError>>,
    shared: Arc<Shared>,
}

/// Begins a snapshot in the new file `path`, a temporary name; a file left there by an earlier snapshot
/// is removed, and its thread, should it still be at work, goes on in the nameless file. The sink is for [`Keyspace::begin_walk`](crate::keyspace::Keyspace::begin_walk), which also tells it the sizes
/// of the databases: those in `header` are ignored.
pub fn start(
    storage: Arc<dyn Storage>,
    path: &Path,
    mut header: Header,
    writing: Writing,
) -> Result<(SnapshotSink, SnapshotTask), RdbError> {
    header.databases.clear();
    match storage.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let file = storage.open(path, OpenMode::CreateNew)?;
    let shared = Arc::new(Shared::default());
    let (sender, receiver) = sync_channel(writing.blocks_max.max(BEHIND_LEN));
    let (spare_sender, spare) = channel();
    let worker = Worker {
        storage,
        path: path.to_path_buf(),
        file,
        writing,
        receiver,
        spare: spare_sender,
        shared: Arc::clone(&shared),
    };
    let thread = thread::Builder::new().name("snapshot".into()).spawn(move || worker.run())?;
    let sink = SnapshotSink {
        header: Some(Box::new(header)),
        block: BlockBuilder::new(),
        entries_expected: 0,
        entries: 0,
        sender: Some(sender),
        spare,
        shared: Arc::clone(&shared),
    };
    Ok((sink, SnapshotTask { thread, shared }))
}

impl SnapshotTask {
    /// Whether so many blocks wait for the disk that the walk should pause.
    pub fn is_behind(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed) >= BEHIND_LEN
    }

    /// Entries encoded so far.
    pub fn entries(&self) -> u64 {
        self.shared.entries.load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    pub fn written_len(&self) -> u64 {
        self.shared.written_len.load(Ordering::Relaxed)
    }

    /// Whether [`SnapshotTask::finish`] returns at once: the file is whole, durable and verified, or
    /// it failed.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the file to be whole, durable and read back. The sink has to be gone, or this waits
    /// for ever. [`RdbError::Stopped`] says that the walk was given up. The file's name is not yet
    /// durable; after an error the file is the caller's to remove.
    pub fn finish(self) -> Result<Written, RdbError> {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl SnapshotSink {
    fn send(&mut self, message: Message) {
        if let Some(sender) = &self.sender
            && sender.send(message).is_err()
        {
            self.sender = None;
        }
    }

    fn send_header(&mut self) {
        if let Some(header) = self.header.take() {
            self.send(Message::Header(header));
        }
    }

    fn send_block(&mut self) {
        self.send_header();
        let empty = self.spare.try_recv().unwrap_or_default();
        let full = std::mem::replace(&mut self.block, empty);
        self.shared.waiting.fetch_add(1, Ordering::Relaxed);
        self.send(Message::Block(full));
    }
}

impl WalkSink for SnapshotSink {
    fn database(&mut self, db: usize, keys: usize, expires: usize) {
        let (db, keys, expires) = (db as u32, keys as u64, expires as u64);
        self.entries_expected += keys;
        if let Some(header) = &mut self.header {
            header.databases.push(DatabaseSize { db, keys, expires });
        }
    }

    fn entry(&mut self, db: usize, entry: &Entry) {
        if self.sender.is_none() {
            return;
        }
        self.entries += 1;
        self.shared.entries.store(self.entries, Ordering::Relaxed);
        let (db, value) = (db as u32, entry.value());
        if let Content::Collection(collection) = value
            && entry.memory_bytes() > ENCODED_HERE_BYTES_MAX
        {
            self.send_header();
            let (key, value) = (entry.key().to_vec(), collection.to_owned(0));
            let large = LargeEntry { db, key, value, expire_ms: entry.expire_ms() };
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
            return self.send(Message::Large(large));
        }
        self.block.push(db, entry.key(), value, entry.expire_ms());
        if self.block.is_full() {
            self.send_block();
        }
    }
}

impl Drop for SnapshotSink {
    fn drop(&mut self) {
        if self.entries == self.entries_expected {
            self.send_block();
            self.send(Message::End);
        }
    }
}

struct Worker {
    storage: Arc<dyn Storage>,
    path: PathBuf,
    file: Arc<dyn File>,
    writing: Writing,
    receiver: Receiver<Message>,
    spare: Sender<BlockBuilder>,
    shared: Arc<Shared>,
}

impl Worker {
    fn run(self) -> Result<Written, RdbError> {
        let written = self.write()?;
        let mapping = self.storage.map(&self.path)?;
        let file = SnapshotFile::open(mapping.bytes())?;
        let contents = file.verify(1, &Progress::new())?;
        let read = (contents.len, contents.entries, contents.blocks);
        if read != (written.len, written.entries, written.blocks) {
            return Err(RdbError::malformed(0, "the file read back is not the one written"));
        }
        Ok(written)
    }

    fn write(&self) -> Result<Written, RdbError> {
        let Ok(Message::Header(header)) = self.receiver.recv() else {
            return Err(RdbError::Stopped);
        };
        let Writing { compress, sync_len, .. } = self.writing;
        let mut writer = SnapshotWriter::begin(Arc::clone(&self.file), &header, compress)?;
        writer.sync_every(sync_len);
        drop(header);
        loop {
            match self.receiver.recv() {
                Ok(Message::Block(mut block)) => {
                    self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                    writer.write_block(&mut block)?;
                    self.shared.written_len.store(writer.written_len(), Ordering::Relaxed);
                    block.clear();
                    // Nobody takes it back once the walk is over.
                    drop(self.spare.send(block));
                }
                Ok(Message::Large(large)) => {
                    self.shared.waiting.fetch_sub(1, Ordering::Relaxed);
                    let LargeEntry { db, key, value, expire_ms } = large;
                    let value = Content::Collection(value.as_ref());
                    writer.write_large(db, &key, &value, expire_ms)?;
                    self.shared.written_len.store(writer.written_len(), Ordering::Relaxed);
                }
                Ok(Message::End) => return writer.finish(),
                Ok(Message::Header(_)) | Err(_) => return Err(RdbError::Stopped),
            }
        }
    }
}
