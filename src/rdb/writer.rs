//! Writes a snapshot: header, blocks, end. The file counts only once [`SnapshotWriter::finish`] has
//! returned; until then it has a temporary name.

use std::sync::Arc;

use super::block::{BlockBuilder, write_in_pieces};
use super::codec::{is_one_string, push_recompressed};
use super::crc64::{Crc64, crc64};
use super::error::RdbError;
use super::header::Header;
use super::lzf::Compressor;
use super::reader::{OPCODE_END, Piece, Reader, push_magic};
use crate::keyspace::Content;
use crate::storage::File;

/// Bytes written between two syncs, unless told otherwise: the last sync is to be a short one.
pub const SYNC_LEN: u64 = 4 * 1024 * 1024;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// Length of the file, in bytes.
    pub len: u64,
    /// Number of blocks.
    pub blocks: u64,
    /// Number of entries.
    pub entries: u64,
    /// The checksum of the file, as its last eight bytes state it.
    pub crc64: u64,
}

/// A snapshot being written. After an error it is of no more use, and neither is the file.
#[derive(Debug)]
pub struct SnapshotWriter {
    file: Arc<dyn File>,
    written: Written,
    sync_len: u64,
    synced_len: u64,
    crc: Crc64,
    compression: Option<Compression>,
}

#[derive(Debug)]
struct Compression {
    compressor: Compressor,
    block: BlockBuilder,
}

/// A snapshot of nothing.
pub fn empty_snapshot() -> Vec<u8> {
    let mut bytes = Vec::new();
    push_magic(&mut bytes);
    bytes.push(OPCODE_END);
    let crc = crc64(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

impl SnapshotWriter {
    /// Begins a snapshot at the beginning of `file`, which is empty.
    ///
    /// With `compress`, strings are compressed where that gains.
    pub fn begin(file: Arc<dyn File>, header: &Header, compress: bool) -> Result<Self, RdbError> {
        let mut writer = Self {
            file,
            written: Written { len: 0, blocks: 0, entries: 0, crc64: 0 },
            sync_len: SYNC_LEN,
            synced_len: 0,
            crc: Crc64::new(),
            compression: compress
                .then(|| Compression { compressor: Compressor::new(), block: BlockBuilder::new() }),
        };
        let mut bytes = Vec::new();
        header.push(&mut bytes);
        writer.write(&bytes)?;
        Ok(writer)
    }

    /// Has the file synced each time `len` bytes have been written, so that other syncs of the same disk
    /// wait for no more than these.
    pub fn sync_every(&mut self, len: u64) {
        self.sync_len = len.max(1);
    }

    /// Writes a block; one without entries is left out.
    pub fn write_block(&mut self, block: &mut BlockBuilder) -> Result<(), RdbError> {
        if block.is_empty() {
            return Ok(());
        }
        self.written.blocks += 1;
        self.written.entries += block.entries();
        match self.compression.take() {
            None => self.write(block.seal()),
            Some(mut compression) => {
                compression.compress(block)?;
                let result = self.write(compression.block.seal());
                self.compression = Some(compression);
                result
            }
        }
    }

    /// Writes a block of one entry, without holding more of its encoding than a piece of it.
    pub fn write_large(
        &mut self,
        db: u32,
        key: &[u8],
        value: &Content<'_>,
        expire_ms: Option<u64>,
    ) -> Result<(), RdbError> {
        if self.compression.is_some() && is_one_string(value) {
            let mut block = BlockBuilder::new();
            block.push(db, key, *value, expire_ms);
            return self.write_block(&mut block);
        }
        self.written.blocks += 1;
        self.written.entries += 1;
        write_in_pieces(db, key, value, expire_ms, &mut |piece: &[u8]| self.write(piece))
    }

    /// Writes the end and makes the file durable. Its name is the caller's to make durable.
    pub fn finish(mut self) -> Result<Written, RdbError> {
        self.write(&[OPCODE_END])?;
        let crc64 = self.crc.value();
        self.write(&crc64.to_le_bytes())?;
        self.file.sync_all()?;
        Ok(Written { crc64, ..self.written })
    }

    /// Bytes written so far.
    pub fn written_len(&self) -> u64 {
        self.written.len
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), RdbError> {
        self.crc.update(bytes);
        for piece in bytes.chunks(usize::try_from(self.sync_len).unwrap_or(usize::MAX)) {
            self.file.write_all_at(piece, self.written.len)?;
            self.written.len += piece.len() as u64;
            if self.written.len - self.synced_len >= self.sync_len {
                self.file.sync_data()?;
                self.synced_len = self.written.len;
            }
        }
        Ok(())
    }
}

impl Compression {
    /// Makes `self.block` a copy of `block` with its strings compressed.
    fn compress(&mut self, block: &BlockBuilder) -> Result<(), RdbError> {
        self.block.clear();
        let content = block.content();
        let mut reader = Reader::new(content, 0);
        while !reader.is_at_end() {
            let Piece::Entry(entry) = reader.next_piece()? else { continue };
            let value_start = entry.value.position as usize;
            let head = &content[entry.position as usize..value_start];
            let out = self.block.begin_entry(entry.db);
            out.extend_from_slice(head);
            if !push_recompressed(out, &entry.value, &mut self.compressor)? {
                out.extend_from_slice(entry.value.bytes);
            }
        }
        assert_eq!(self.block.entries(), block.entries());
        Ok(())
    }
}
