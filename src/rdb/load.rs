//! Reads a whole snapshot on several threads.
//!
//! The file is read in parts, in order, each by whichever thread is free. In a file of blocks these
//! are the parts; each is checked before it is decoded, and the CRC-64 of the file is summed on the
//! way, so every byte is touched once. A foreign file has no blocks: its structure is walked first to
//! find its end and places where it can be divided, then its CRC-64 is summed, then it is decoded.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::block::{Block, Blocks};
use super::codec::EncodedEntry;
use super::crc64::{CRC64_LEN, ParallelCrc64};
use super::error::RdbError;
use super::reader::{Piece, Reader};
use super::snapshot::{Contents, Progress, SnapshotFile};

/// Entries in a batch.
const BATCH_LEN: usize = 1024;
/// Bytes of a foreign file that one thread takes at a time.
const CHUNK_LEN: u64 = 1024 * 1024;
/// RDB files of older versions end without a checksum.
const VERSION_WITH_CHECKSUM: u32 = 5;

/// Reads `file`; see [`SnapshotFile::read`].
pub(super) fn share<'a, S: Send>(
    file: &SnapshotFile<'a>,
    progress: &Progress,
    states: &mut [S],
    take: impl Fn(&mut S, EncodedEntry<'a>) -> Result<(), RdbError> + Sync,
) -> Result<Contents, RdbError> {
    let source = Source::open(file, states.len(), progress)?;
    let work = |state: &mut S| source.work(|entry| take(state, entry));
    let Some((first, others)) = states.split_first_mut() else { return Err(RdbError::Stopped) };
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(others.len());
        for state in others {
            let worker = thread::Builder::new().name("rdb-load".into());
            // Fewer threads do the same work.
            workers.extend(worker.spawn_scoped(scope, || work(state)));
        }
        let result = work(first);
        workers.into_iter().fold(result, |result, worker| result.and(joined(worker)))
    })?;
    source.finish(file)
}

/// Reads `file`; see [`SnapshotFile::load`].
pub(super) fn batches<'a, T: Send>(
    file: &SnapshotFile<'a>,
    threads: usize,
    progress: &Progress,
    make: impl Fn(EncodedEntry<'a>) -> Result<T, RdbError> + Sync,
    receive: &mut dyn FnMut(Vec<T>) -> ControlFlow<()>,
) -> Result<Contents, RdbError> {
    let source = Source::open(file, threads, progress)?;
    let work = |send: Deliver<'_, T>| {
        let mut batcher = Batcher { batch: Vec::new(), send };
        source.work(|entry| batcher.push(make(entry)?))?;
        batcher.flush()
    };
    if threads < 2 {
        work(receive)?;
    } else {
        let stop = || source.stopped.store(true, Ordering::Relaxed);
        on_threads(threads - 1, &work, receive, &stop)?;
    }
    source.finish(file)
}

fn joined<T>(worker: thread::ScopedJoinHandle<'_, T>) -> T {
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

type Deliver<'s, T> = &'s mut dyn FnMut(Vec<T>) -> ControlFlow<()>;

/// Gathers what is made into batches.
struct Batcher<'b, T> {
    batch: Vec<T>,
    send: Deliver<'b, T>,
}

impl<T> Batcher<'_, T> {
    fn push(&mut self, item: T) -> Result<(), RdbError> {
        if self.batch.capacity() == 0 {
            self.batch.reserve_exact(BATCH_LEN);
        }
        self.batch.push(item);
        if self.batch.len() >= BATCH_LEN { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), RdbError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        match (self.send)(std::mem::take(&mut self.batch)) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(RdbError::Stopped),
        }
    }
}

/// Runs `work` on `workers_max` threads, handing what each sends to `receive` on this one; `stop`
/// makes the work end early. The first error that is not the consequence of another one is returned.
fn on_threads<T: Send>(
    workers_max: usize,
    work: &(dyn Fn(Deliver<'_, T>) -> Result<(), RdbError> + Sync),
    receive: Deliver<'_, T>,
    stop: &dyn Fn(),
) -> Result<(), RdbError> {
    thread::scope(|scope| {
        let (sender, receiver) = sync_channel(2 * workers_max);
        let mut workers = Vec::with_capacity(workers_max);
        for _ in 0..workers_max {
            let sender = sender.clone();
            let run = move || {
                work(&mut |batch| match sender.send(batch) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                })
            };
            match thread::Builder::new().name("rdb-load".into()).spawn_scoped(scope, run) {
                Ok(worker) => workers.push(worker),
                // Fewer threads do the same work.
                Err(_) if !workers.is_empty() => break,
                Err(e) => return Err(e.into()),
            }
        }
        drop(sender);
        let mut result = Ok(());
        for batch in &receiver {
            if receive(batch).is_break() {
                stop();
                result = Err(RdbError::Stopped);
                break;
            }
        }
        drop(receiver);
        for worker in workers {
            match joined(worker) {
                Err(e) if !matches!(result, Err(ref e) if !matches!(e, RdbError::Stopped)) => {
                    result = Err(e);
                }
                _ => {}
            }
        }
        result
    })
}

/// What the threads that read one file share.
struct Source<'q, 'a> {
    parts: Mutex<Parts<'a>>,
    /// Set once nobody should take another part.
    stopped: AtomicBool,
    /// The sum over a file of blocks.
    crc: Option<ParallelCrc64>,
    /// What is known of a foreign file beforehand; nothing of one of blocks.
    contents: Contents,
    entries: AtomicU64,
    blocks: AtomicU64,
    progress: &'q Progress,
}

enum Parts<'a> {
    Blocks(Blocks<'a>),
    Foreign(std::vec::IntoIter<ForeignPart<'a>>),
}

enum Part<'a> {
    Block(Block<'a>),
    Foreign(ForeignPart<'a>),
}

/// Whole pieces of a foreign file, which `reader` begins with.
struct ForeignPart<'a> {
    reader: Reader<'a>,
    len: u64,
}

impl<'q, 'a> Source<'q, 'a> {
    fn open(
        file: &SnapshotFile<'a>,
        threads: usize,
        progress: &'q Progress,
    ) -> Result<Self, RdbError> {
        let (parts, contents) = match file.blocks() {
            Some(blocks) => (Parts::Blocks(blocks), Contents::default()),
            None => {
                let (parts, contents) = foreign_parts(file, threads)?;
                (Parts::Foreign(parts.into_iter()), contents)
            }
        };
        Ok(Self {
            parts: Mutex::new(parts),
            stopped: AtomicBool::new(false),
            crc: file.has_blocks().then(|| ParallelCrc64::new(covered_len(file) as u64)),
            contents,
            entries: AtomicU64::new(0),
            blocks: AtomicU64::new(0),
            progress,
        })
    }

    fn take(&self) -> Result<Option<Part<'a>>, RdbError> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match &mut *parts {
            Parts::Blocks(blocks) => Ok(blocks.next_block()?.map(Part::Block)),
            Parts::Foreign(parts) => Ok(parts.next().map(Part::Foreign)),
        }
    }

    /// Checks and decodes parts until there are no more.
    fn work(
        &self,
        mut take: impl FnMut(EncodedEntry<'a>) -> Result<(), RdbError>,
    ) -> Result<(), RdbError> {
        let mut work = || {
            while let Some(part) = self.take()? {
                match part {
                    Part::Block(block) => self.read_block(&block, &mut take)?,
                    Part::Foreign(part) => self.read_foreign(part, &mut take)?,
                }
            }
            Ok(())
        };
        let result = work();
        if result.is_err() {
            self.stopped.store(true, Ordering::Relaxed);
        }
        result
    }

    fn read_block(
        &self,
        block: &Block<'a>,
        take: &mut impl FnMut(EncodedEntry<'a>) -> Result<(), RdbError>,
    ) -> Result<(), RdbError> {
        if let Some(crc) = &self.crc {
            crc.add(block.position, block.bytes());
        }
        block.check()?.for_each(take)?;
        self.entries.fetch_add(block.entries, Ordering::Relaxed);
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.progress.add(block.bytes().len() as u64);
        Ok(())
    }

    fn read_foreign(
        &self,
        part: ForeignPart<'a>,
        take: &mut impl FnMut(EncodedEntry<'a>) -> Result<(), RdbError>,
    ) -> Result<(), RdbError> {
        let ForeignPart { mut reader, len } = part;
        let end = reader.position() + len;
        while reader.position() < end {
            if let Some(entry) = reader.next_short_entry() {
                take(entry)?;
            } else if let Piece::Entry(entry) = reader.next_piece()? {
                take(entry)?;
            }
        }
        self.progress.add(len);
        Ok(())
    }

    /// What the file holds, once all of it has been read and its checksum is right.
    fn finish(self, file: &SnapshotFile<'a>) -> Result<Contents, RdbError> {
        let Some(crc) = self.crc else {
            self.progress.add(file.len().saturating_sub(self.progress.done_len()));
            return Ok(self.contents);
        };
        let parts = self.parts.into_inner().unwrap_or_else(PoisonError::into_inner);
        let end = match &parts {
            Parts::Blocks(blocks) => blocks.position() as usize,
            Parts::Foreign(_) => file.header.end,
        };
        let covered_len = covered_len(file);
        if end + 1 != covered_len {
            let position = end as u64;
            return Err(RdbError::malformed(position, "the file does not end with its last block"));
        }
        let header_end = file.header.end;
        crc.add(0, &file.bytes[..header_end]);
        crc.add(end as u64, &file.bytes[end..covered_len]);
        compare_crc(file.bytes, covered_len, crc.value())?;
        self.progress.add((header_end + file.bytes.len() - end) as u64);
        Ok(Contents {
            len: file.len(),
            entries: self.entries.into_inner(),
            blocks: self.blocks.into_inner(),
            is_checked: true,
            ..Contents::default()
        })
    }
}

/// Bytes of a file of blocks that its CRC-64 is about.
fn covered_len(file: &SnapshotFile<'_>) -> usize {
    file.bytes.len().saturating_sub(CRC64_LEN)
}

/// Walks the structure of a foreign file and compares its checksum, if it has one: the parts it can be
/// read in, and what it holds.
fn foreign_parts<'a>(
    file: &SnapshotFile<'a>,
    threads: usize,
) -> Result<(Vec<ForeignPart<'a>>, Contents), RdbError> {
    let (parts, mut contents) = walk(file)?;
    let entries_end = contents.len as usize;
    if file.version() >= VERSION_WITH_CHECKSUM {
        let stated = stated_crc(file.bytes, entries_end)?;
        contents.len += CRC64_LEN as u64;
        // Redis writes zero for "no checksum was taken".
        if stated != 0 {
            let computed = crc_of(&file.bytes[..entries_end], threads);
            compare_crc(file.bytes, entries_end, computed)?;
            contents.is_checked = true;
        }
    }
    Ok((parts, contents))
}

/// Walks the structure of a foreign file; `len` of the result is that up to the end of the entries.
fn walk<'a>(file: &SnapshotFile<'a>) -> Result<(Vec<ForeignPart<'a>>, Contents), RdbError> {
    let mut contents = Contents::default();
    let mut reader = file.pieces();
    let mut parts = Vec::new();
    let mut part = reader.clone();
    loop {
        let len = reader.position() - part.position();
        if len >= CHUNK_LEN {
            parts.push(ForeignPart { reader: std::mem::replace(&mut part, reader.clone()), len });
        }
        if reader.next_short_entry().is_some() {
            contents.entries += 1;
            continue;
        }
        match reader.next_piece()? {
            Piece::Entry(_) => contents.entries += 1,
            Piece::Function { .. } => contents.functions += 1,
            Piece::Module { .. } => contents.modules += 1,
            Piece::Aux { .. } | Piece::Database(_) | Piece::Sizes { .. } | Piece::Slot => {}
            Piece::End => {
                contents.len = reader.position();
                let len = contents.len - part.position();
                parts.push(ForeignPart { reader: part, len });
                return Ok((parts, contents));
            }
        }
    }
}

/// The CRC-64 of `bytes`, taken on `threads` threads.
fn crc_of(bytes: &[u8], threads: usize) -> u64 {
    let total_len = bytes.len() as u64;
    let sum = ParallelCrc64::new(total_len);
    let next = AtomicU64::new(0);
    let work = || {
        loop {
            let start = next.fetch_add(CHUNK_LEN, Ordering::Relaxed);
            if start >= total_len {
                break;
            }
            let range: Range<usize> = start as usize..(start + CHUNK_LEN).min(total_len) as usize;
            sum.add(start, &bytes[range]);
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            // A thread that cannot be had is no loss: this one does the rest.
            drop(thread::Builder::new().name("rdb-check".into()).spawn_scoped(scope, work));
        }
        work();
    });
    sum.value()
}

fn stated_crc(bytes: &[u8], position: usize) -> Result<u64, RdbError> {
    let chunk = bytes.get(position..).and_then(|rest| rest.first_chunk());
    let position = position as u64;
    chunk
        .map(|crc| u64::from_le_bytes(*crc))
        .ok_or(RdbError::Truncated { position, what: "the file's checksum" })
}

fn compare_crc(bytes: &[u8], position: usize, computed: u64) -> Result<(), RdbError> {
    let stated = stated_crc(bytes, position)?;
    if stated != computed {
        return Err(RdbError::Checksum { position: 0, what: "the file", stated, computed });
    }
    Ok(())
}
