//! Reads a whole snapshot on several threads.
//!
//! Blocks are taken in order, one by one, by whichever thread is free, which checks and decodes
//! it; batches go to the caller through a bounded channel. The CRC-64 of the file is summed on the
//! way, so every byte is touched once. A foreign file has no blocks: its structure is walked first to
//! find its end, then its CRC-64 is summed on all threads, then one thread decodes it.

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
/// Bytes of a foreign file whose checksum one thread takes at a time.
const CHUNK_LEN: u64 = 4 * 1024 * 1024;
/// RDB files of older versions end without a checksum.
const VERSION_WITH_CHECKSUM: u32 = 5;

type Make<'m, 'a, T> = &'m (dyn Fn(EncodedEntry<'a>) -> Result<T, RdbError> + Sync);
type Receive<'r, T> = &'r mut dyn FnMut(Vec<T>) -> ControlFlow<()>;

/// Reads `file`; see [`SnapshotFile::load`].
pub(super) fn run<'a, T: Send>(
    file: &SnapshotFile<'a>,
    threads: usize,
    progress: &Progress,
    make: Make<'_, 'a, T>,
    receive: Receive<'_, T>,
) -> Result<Contents, RdbError> {
    match file.blocks() {
        Some(blocks) => run_blocks(file, blocks, threads, progress, make, receive),
        None => run_foreign(file, threads, progress, make, receive),
    }
}

/// Gathers what is made into batches.
struct Batcher<'b, T> {
    batch: Vec<T>,
    send: Receive<'b, T>,
}

impl<'b, T> Batcher<'b, T> {
    fn new(send: Receive<'b, T>) -> Self {
        Self { batch: Vec::new(), send }
    }

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

/// What the threads that read one file of blocks share.
struct BlockQueue<'q, 'a> {
    blocks: Mutex<Blocks<'a>>,
    /// Set once nobody should take another block.
    stopped: AtomicBool,
    crc: ParallelCrc64,
    entries: AtomicU64,
    block_count: AtomicU64,
    progress: &'q Progress,
}

impl<'a> BlockQueue<'_, 'a> {
    fn take(&self) -> Result<Option<Block<'a>>, RdbError> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if self.stopped.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let block = blocks.next_block();
        if block.is_err() {
            self.stop();
        }
        block
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Checks and decodes blocks until there are no more.
    fn work<T>(&self, make: Make<'_, 'a, T>, send: Receive<'_, T>) -> Result<(), RdbError> {
        let mut batcher = Batcher::new(send);
        while let Some(block) = self.take()? {
            let result = self.work_on(&block, make, &mut batcher);
            if result.is_err() {
                self.stop();
                return result;
            }
        }
        batcher.flush()
    }

    fn work_on<T>(
        &self,
        block: &Block<'a>,
        make: Make<'_, 'a, T>,
        batcher: &mut Batcher<'_, T>,
    ) -> Result<(), RdbError> {
        self.crc.add(block.position, block.bytes());
        block.check()?.for_each(|entry| batcher.push(make(entry)?))?;
        self.entries.fetch_add(block.entries, Ordering::Relaxed);
        self.block_count.fetch_add(1, Ordering::Relaxed);
        self.progress.add(block.bytes().len() as u64);
        Ok(())
    }
}

fn run_blocks<'a, T: Send>(
    file: &SnapshotFile<'a>,
    blocks: Blocks<'a>,
    threads: usize,
    progress: &Progress,
    make: Make<'_, 'a, T>,
    receive: Receive<'_, T>,
) -> Result<Contents, RdbError> {
    let header_end = file.header.end;
    let covered_len = file.bytes.len().saturating_sub(CRC64_LEN);
    let queue = BlockQueue {
        blocks: Mutex::new(blocks),
        stopped: AtomicBool::new(false),
        crc: ParallelCrc64::new(covered_len as u64),
        entries: AtomicU64::new(0),
        block_count: AtomicU64::new(0),
        progress,
    };
    if threads < 2 {
        queue.work(make, receive)?;
    } else {
        let work = |send: Receive<'_, T>| queue.work(make, send);
        on_threads(threads, &work, receive, &|| queue.stop())?;
    }
    let blocks = queue.blocks.into_inner().unwrap_or_else(PoisonError::into_inner);
    let end = blocks.position() as usize;
    if end + 1 != covered_len {
        let position = end as u64;
        return Err(RdbError::malformed(position, "the file does not end with its last block"));
    }
    queue.crc.add(0, &file.bytes[..header_end]);
    queue.crc.add(end as u64, &file.bytes[end..covered_len]);
    compare_crc(file.bytes, covered_len, queue.crc.value())?;
    progress.add((header_end + file.bytes.len() - end) as u64);
    Ok(Contents {
        len: file.len(),
        entries: queue.entries.into_inner(),
        blocks: queue.block_count.into_inner(),
        is_checked: true,
        ..Contents::default()
    })
}

/// Runs `work` on all but one of `threads` threads, handing what each sends to `receive` on this one;
/// `stop` makes the work end early. The first error that is not the consequence of another one is returned.
fn on_threads<T: Send>(
    threads: usize,
    work: &(dyn Fn(Receive<'_, T>) -> Result<(), RdbError> + Sync),
    receive: Receive<'_, T>,
    stop: &dyn Fn(),
) -> Result<(), RdbError> {
    thread::scope(|scope| {
        let workers_max = threads.saturating_sub(1).max(1);
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
            match worker.join() {
                Ok(Err(e)) if !matches!(result, Err(ref e) if !matches!(e, RdbError::Stopped)) => {
                    result = Err(e);
                }
                Ok(_) => {}
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        result
    })
}

fn run_foreign<'a, T: Send>(
    file: &SnapshotFile<'a>,
    threads: usize,
    progress: &Progress,
    make: Make<'_, 'a, T>,
    receive: Receive<'_, T>,
) -> Result<Contents, RdbError> {
    let mut contents = walk(file)?;
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
    let work = |send: Receive<'_, T>| {
        let mut batcher = Batcher::new(send);
        let mut reader = file.pieces();
        let mut reported = 0;
        loop {
            let piece = reader.next_piece()?;
            match piece {
                Piece::Entry(entry) => batcher.push(make(entry)?)?,
                Piece::End => break,
                _ => {}
            }
            if reader.position() - reported >= CHUNK_LEN {
                progress.add(reader.position() - reported);
                reported = reader.position();
            }
        }
        progress.add(file.len() - reported);
        batcher.flush()
    };
    if threads < 2 {
        work(receive)?
    } else {
        on_threads(2, &work, receive, &|| {})?
    }
    Ok(contents)
}

/// Walks the structure of a foreign file; `len` of the result is that up to the end of the entries.
fn walk(file: &SnapshotFile<'_>) -> Result<Contents, RdbError> {
    let mut contents = Contents::default();
    let mut reader: Reader<'_> = file.pieces();
    loop {
        match reader.next_piece()? {
            Piece::Entry(_) => contents.entries += 1,
            Piece::Function { .. } => contents.functions += 1,
            Piece::Module { .. } => contents.modules += 1,
            Piece::Aux { .. } | Piece::Database(_) | Piece::Sizes { .. } | Piece::Slot => {}
            Piece::End => {
                contents.len = reader.position();
                return Ok(contents);
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
