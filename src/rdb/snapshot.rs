//! A snapshot file as a whole: what it says of itself, whether it is sound, and its entries.
//!
//! Opening reads the header only. [`SnapshotFile::verify`], [`SnapshotFile::read`] and
//! [`SnapshotFile::load`] read every byte: the entries of a block are handed out only after its CRC-32 was
//! compared, and all return `Ok` only if the CRC-64 over the whole file, fields and all, is right too.
//! So what was handed out must not be served before they have returned.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};

use super::block::Blocks;
use super::codec::EncodedEntry;
use super::error::RdbError;
use super::header::{Header, ReadHeader};
use super::load;
use super::reader::{MAGIC_LEN, Reader};
use crate::keyspace::NewValue;
use crate::keyspace::types::Packing;

/// How far a file has been read, for another thread to look at.
#[derive(Debug, Default)]
pub struct Progress {
    done_len: AtomicU64,
}

impl Progress {
    /// Nothing read yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bytes read so far; the file's length when all is done.
    pub fn done_len(&self) -> u64 {
        self.done_len.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, len: u64) {
        self.done_len.fetch_add(len, Ordering::Relaxed);
    }
}

/// What a whole file was found to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Length of the snapshot, in bytes. A foreign file may go on behind it: an append-only file of
    /// Redis 4 to 6 does.
    pub len: u64,
    /// Number of entries.
    pub entries: u64,
    /// Number of blocks, 0 in a foreign file.
    pub blocks: u64,
    /// Libraries of functions, which were passed over.
    pub functions: u64,
    /// Sets of module data outside keys, which were passed over.
    pub modules: u64,
    /// Whether a CRC-64 was compared. It was not in a foreign file of a version before 5, and in one
    /// written with `rdbchecksum no`.
    pub is_checked: bool,
}

/// An entry decoded; what it borrows lies in the file.
#[derive(Clone, Debug)]
pub struct LoadedEntry<'a> {
    /// The database it belongs to; whether there is such a database is the receiver's question.
    pub db: u32,
    /// The key.
    pub key: std::borrow::Cow<'a, [u8]>,
    /// The value.
    pub value: NewValue<'a>,
    /// When the key expires or expired, in milliseconds since the Unix epoch.
    pub expire_ms: Option<u64>,
    /// Seconds since the key was last used, if the file says.
    pub idle_s: Option<u64>,
    /// How often the key was used, on Redis's logarithmic scale, if the file says.
    pub frequency: Option<u8>,
}

impl<'a> LoadedEntry<'a> {
    /// Decodes an entry.
    pub fn decode(entry: EncodedEntry<'a>, packing: &Packing) -> Result<Self, RdbError> {
        let value = entry.value.decode(packing)?;
        Ok(Self::of(entry, value))
    }

    /// An entry whose value has been decoded.
    pub(super) fn of(entry: EncodedEntry<'a>, value: NewValue<'a>) -> Self {
        Self {
            db: entry.db,
            value,
            key: entry.key.into_bytes(),
            expire_ms: entry.expire_ms,
            idle_s: entry.idle_s,
            frequency: entry.frequency,
        }
    }
}

/// A snapshot file in memory: one of ours, or an RDB file of Redis or Valkey.
#[derive(Clone, Debug)]
pub struct SnapshotFile<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) header: ReadHeader,
}

impl<'a> SnapshotFile<'a> {
    /// Reads the header of the file whose bytes are `bytes`; checks it, if the file is ours.
    pub fn open(bytes: &'a [u8]) -> Result<Self, RdbError> {
        Ok(Self { bytes, header: ReadHeader::read(bytes)? })
    }

    /// What the file says of itself.
    pub fn header(&self) -> &Header {
        &self.header.fields
    }

    /// The RDB version.
    pub fn version(&self) -> u32 {
        self.header.version
    }

    /// Length of the file, in bytes.
    pub fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Whether there are no bytes: never, for what opens.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether the file is made of checksummed blocks.
    pub fn has_blocks(&self) -> bool {
        self.header.is_own
    }

    /// The blocks of the file, unchecked; `None` for a foreign file.
    pub fn blocks(&self) -> Option<Blocks<'a>> {
        let (bytes, end) = (self.bytes, self.header.end);
        self.header.is_own.then(|| Blocks::new(&bytes[end..], end as u64))
    }

    /// Every piece of the file from the first field to the end, unchecked: for looking at it.
    pub fn pieces(&self) -> Reader<'a> {
        Reader::new(&self.bytes[MAGIC_LEN..], MAGIC_LEN as u64)
    }

    /// Checks every byte and every entry, on `threads` threads.
    pub fn verify(&self, threads: usize, progress: &Progress) -> Result<Contents, RdbError> {
        self.read(progress, &mut vec![(); threads.max(1)], |(), entry| entry.value.check())
    }

    /// Checks every byte and hands every entry to `take`, in no particular order, on as many threads as
    /// there are `states`: each has its own, the caller's the first.
    pub fn read<S: Send>(
        &self,
        progress: &Progress,
        states: &mut [S],
        take: impl Fn(&mut S, EncodedEntry<'a>) -> Result<(), RdbError> + Sync,
    ) -> Result<Contents, RdbError> {
        load::share(self, progress, states, take)
    }

    /// Checks every byte and hands out every entry, in batches and in no particular order.
    ///
    /// `make` turns entries into what is wanted ([`LoadedEntry::decode`] is one such function), on
    /// `threads - 1` threads at once; `receive` gets the results on the caller's thread and can break
    /// off, which gives [`RdbError::Stopped`]. With fewer than two threads all is done on the caller's.
    pub fn load<T: Send>(
        &self,
        threads: usize,
        progress: &Progress,
        make: impl Fn(EncodedEntry<'a>) -> Result<T, RdbError> + Sync,
        mut receive: impl FnMut(Vec<T>) -> ControlFlow<()>,
    ) -> Result<Contents, RdbError> {
        load::batches(self, threads, progress, make, &mut receive)
    }
}
