//! Blocks: the parts of a snapshot that are checked and decoded on their own, in any order.
//!
//! ```text
//! offset  0  FA                    an AUX field, which Redis passes over
//!         1  0C "vellum-block"
//!        14  1E                    its value, 30 bytes:
//!        15  10 digits, space      length of the content in bytes
//!        26  10 digits, space      number of entries
//!        37  8 hex digits          CRC-32 of the 37 bytes before it and of the content
//!        45  content               FE db, then entries; FE again where the database changes
//! ```

use super::codec::{EncodedEntry, push_entry_head, push_in_pieces, push_value, type_byte};
use super::cursor::Cursor;
use super::error::RdbError;
use super::header::{parse_crc32, push_aux};
use super::length::push_length;
use super::reader::{OPCODE_AUX, OPCODE_DATABASE, OPCODE_END, Piece, Reader};
use crate::keyspace::Content;

/// A block is closed once its content has this many bytes.
pub const BLOCK_LEN_TARGET: usize = 1024 * 1024;
/// Length of everything before a block's content.
pub const BLOCK_HEADER_LEN: usize = 45;

const FIELD: &[u8; 12] = b"vellum-block";
const DIGITS: usize = 10;
const CRC_DIGITS: usize = 8;
const VALUE_LEN: usize = DIGITS + 1 + DIGITS + 1 + CRC_DIGITS;
const CRC_OFFSET: usize = BLOCK_HEADER_LEN - CRC_DIGITS;
const _: () = assert!(1 + 1 + FIELD.len() + 1 + VALUE_LEN == BLOCK_HEADER_LEN);

/// Longest content that a header can state.
const CONTENT_LEN_MAX: u64 = 9_999_999_999;

/// A block in the making: room for its header, then its content.
#[derive(Debug)]
pub struct BlockBuilder {
    buffer: Vec<u8>,
    entries: u64,
    db: Option<u32>,
}

impl BlockBuilder {
    /// An empty block.
    pub fn new() -> Self {
        let mut buffer = Vec::with_capacity(BLOCK_HEADER_LEN + BLOCK_LEN_TARGET + 4096);
        buffer.resize(BLOCK_HEADER_LEN, 0);
        Self { buffer, entries: 0, db: None }
    }

    /// Empties the block. Its memory is kept, but for what a very long value took.
    pub fn clear(&mut self) {
        self.buffer.truncate(BLOCK_HEADER_LEN);
        self.buffer.shrink_to(2 * BLOCK_LEN_TARGET);
        self.entries = 0;
        self.db = None;
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Whether the block has reached its length.
    pub fn is_full(&self) -> bool {
        self.content().len() >= BLOCK_LEN_TARGET
    }

    /// Number of entries.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Length of the block, its header included, in bytes.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// The entries encoded so far.
    pub fn content(&self) -> &[u8] {
        &self.buffer[BLOCK_HEADER_LEN..]
    }

    /// Appends an entry, uncompressed.
    pub fn push<'v>(
        &mut self,
        db: u32,
        key: &[u8],
        value: impl Into<Content<'v>>,
        expire_ms: Option<u64>,
    ) {
        let value = value.into();
        self.select(db);
        push_entry_head(&mut self.buffer, key, type_byte(&value), expire_ms);
        push_value(&mut self.buffer, &value, None);
    }

    /// Begins an entry of `db`: the caller appends it to the buffer.
    pub(super) fn begin_entry(&mut self, db: u32) -> &mut Vec<u8> {
        self.select(db);
        &mut self.buffer
    }

    fn select(&mut self, db: u32) {
        if self.db != Some(db) {
            self.db = Some(db);
            self.buffer.push(OPCODE_DATABASE);
            push_length(&mut self.buffer, db.into());
        }
        self.entries += 1;
    }

    /// Writes the header and lends the whole block.
    pub fn seal(&mut self) -> &[u8] {
        let mut measured = Measured::default();
        measured.add(self.content());
        let header = measured.header(self.entries);
        self.buffer[..BLOCK_HEADER_LEN].copy_from_slice(&header);
        &self.buffer
    }
}

/// What the header of a block says of its content.
#[derive(Default)]
struct Measured {
    len: u64,
    crc: crc32fast::Hasher,
}

impl Measured {
    fn add(&mut self, bytes: &[u8]) {
        self.len += bytes.len() as u64;
        self.crc.update(bytes);
    }

    fn header(&self, entries: u64) -> Vec<u8> {
        assert!(self.len <= CONTENT_LEN_MAX, "a block of {} bytes", self.len);
        let mut header = Vec::with_capacity(BLOCK_HEADER_LEN);
        let value = format!("{:010} {entries:010} {:08x}", self.len, 0);
        push_aux(&mut header, FIELD, value.as_bytes());
        let mut crc = crc32fast::Hasher::new();
        crc.update(&header[..CRC_OFFSET]);
        crc.combine(&self.crc);
        let crc = format!("{:08x}", crc.finalize());
        header[CRC_OFFSET..].copy_from_slice(crc.as_bytes());
        header
    }
}

/// Hands a block of one entry to `write`, in pieces of about a block's usual length. The entry is encoded
/// twice, because its length and checksum come first, and never is as a whole.
///
/// # Errors
/// The first of `write`'s.
pub(super) fn write_in_pieces(
    db: u32,
    key: &[u8],
    value: &Content<'_>,
    expire_ms: Option<u64>,
    write: &mut impl FnMut(&[u8]) -> Result<(), RdbError>,
) -> Result<(), RdbError> {
    let mut database = vec![OPCODE_DATABASE];
    push_length(&mut database, db.into());
    let mut measured = Measured::default();
    measured.add(&database);
    push_in_pieces(key, value, expire_ms, BLOCK_LEN_TARGET, &mut |piece: &[u8]| {
        measured.add(piece);
        Ok(())
    })?;
    write(&measured.header(1))?;
    write(&database)?;
    push_in_pieces(key, value, expire_ms, BLOCK_LEN_TARGET, write)
}

/// The checksum of a whole block, but for the checksum itself.
fn crc_of(block: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&block[..CRC_OFFSET]);
    hasher.update(&block[BLOCK_HEADER_LEN..]);
    hasher.finalize()
}

impl Default for BlockBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// A block of a file, not yet checked.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Where its header begins in the file.
    pub position: u64,
    /// Number of entries its header states.
    pub entries: u64,
    /// The checksum its header states.
    pub crc: u32,
    /// Its bytes, header included.
    bytes: &'a [u8],
}

impl<'a> Block<'a> {
    /// The block with its header.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Compares header and content with the checksum.
    pub fn check(&self) -> Result<CheckedBlock<'a>, RdbError> {
        let content = &self.bytes[BLOCK_HEADER_LEN..];
        let computed = crc_of(self.bytes);
        if computed != self.crc {
            return Err(RdbError::Checksum {
                position: self.position,
                what: "the block",
                stated: self.crc.into(),
                computed: computed.into(),
            });
        }
        Ok(CheckedBlock { position: self.position, entries: self.entries, content })
    }
}

/// A block that fits its checksum: the only kind that can be decoded.
#[derive(Clone, Copy, Debug)]
pub struct CheckedBlock<'a> {
    position: u64,
    entries: u64,
    content: &'a [u8],
}

impl<'a> CheckedBlock<'a> {
    /// Hands every entry to `receive`; what the block holds besides entries is refused.
    pub fn for_each(
        &self,
        mut receive: impl FnMut(EncodedEntry<'a>) -> Result<(), RdbError>,
    ) -> Result<(), RdbError> {
        let content_position = self.position + BLOCK_HEADER_LEN as u64;
        if !matches!(self.content, [OPCODE_DATABASE, ..] | []) {
            return Err(RdbError::malformed(content_position, "a block that names no database"));
        }
        let mut reader = Reader::new(self.content, content_position);
        let mut found = 0;
        while !reader.is_at_end() {
            if let Some(entry) = reader.next_short_entry() {
                found += 1;
                receive(entry)?;
                continue;
            }
            let position = reader.position();
            match reader.next_piece()? {
                Piece::Entry(entry) => {
                    found += 1;
                    receive(entry)?;
                }
                Piece::Database(_) => {}
                _ => return Err(RdbError::malformed(position, "no entry where one belongs")),
            }
        }
        if found != self.entries {
            let (position, stated) = (self.position, self.entries);
            return Err(RdbError::EntryCount { position, stated, found });
        }
        Ok(())
    }
}

/// The blocks of a file, from front to back, not decoded and not checked.
#[derive(Clone, Debug)]
pub struct Blocks<'a> {
    cursor: Cursor<'a>,
}

impl<'a> Blocks<'a> {
    /// The blocks in `bytes`, which begin at `position` in the file and go on to the end of it.
    pub(super) fn new(bytes: &'a [u8], position: u64) -> Self {
        Self { cursor: Cursor::new(bytes, position) }
    }

    /// Where the next block begins, or the blocks end.
    pub fn position(&self) -> u64 {
        self.cursor.position()
    }

    /// The next block; `None` when the end of the entries is next. Not to be asked after an error.
    pub fn next_block(&mut self) -> Result<Option<Block<'a>>, RdbError> {
        let position = self.cursor.position();
        let start = self.cursor.remaining();
        if start.first() == Some(&OPCODE_END) {
            return Ok(None);
        }
        let header: [u8; BLOCK_HEADER_LEN] = self.cursor.array("a block's header")?;
        let (len, entries, crc) = parse_header(&header)
            .ok_or_else(|| RdbError::malformed(position, "no block where one belongs"))?;
        let content = self.cursor.take(len, "a block")?;
        let bytes = &start[..BLOCK_HEADER_LEN + content.len()];
        Ok(Some(Block { position, entries, crc, bytes }))
    }
}

fn parse_header(header: &[u8; BLOCK_HEADER_LEN]) -> Option<(u64, u64, u32)> {
    let value = header
        .strip_prefix(&[OPCODE_AUX, FIELD.len() as u8])?
        .strip_prefix(FIELD)?
        .strip_prefix(&[VALUE_LEN as u8])?;
    let (len, rest) = value.split_at_checked(DIGITS)?;
    let (entries, rest) = rest.strip_prefix(b" ")?.split_at_checked(DIGITS)?;
    let crc = rest.strip_prefix(b" ")?;
    Some((parse_decimal(len)?, parse_decimal(entries)?, parse_crc32(crc)?))
}

/// Reads decimal digits only, few enough for the number to fit.
fn parse_decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |sum: u64, digit| {
        digit.is_ascii_digit().then(|| sum * 10 + u64::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::ValueRef;
    use crate::keyspace::types::{Collection, End, Hash, List, Packing, Set, Zset};

    fn block() -> BlockBuilder {
        let mut block = BlockBuilder::new();
        block.push(0, b"key", ValueRef::Bytes(b"value"), None);
        block.push(0, b"17", ValueRef::Int(-5), Some(1_700_000_000_000));
        block.push(9, b"", ValueRef::Bytes(b""), Some(0));
        block
    }

    fn keys(bytes: &[u8]) -> Result<Vec<(u32, Vec<u8>)>, RdbError> {
        let mut keys = Vec::new();
        let mut blocks = Blocks::new(bytes, 1000);
        while let Some(block) = blocks.next_block()? {
            block.check()?.for_each(|entry| {
                keys.push((entry.db, entry.key.into_bytes().into_owned()));
                Ok(())
            })?;
        }
        Ok(keys)
    }

    #[test]
    fn blocks_are_found_checked_and_decoded() -> Result<(), RdbError> {
        let mut file = block().seal().to_vec();
        file.extend_from_slice(block().seal());
        file.push(OPCODE_END);
        let expected = [(0, b"key".to_vec()), (0, b"17".to_vec()), (9, Vec::new())];
        assert_eq!(keys(&file)?, [&expected[..], &expected].concat());
        Ok(())
    }

    #[test]
    fn the_format_is_what_it_was() {
        let golden = [
            &b"\xfa\x0cvellum-block\x1e0000000041 0000000003 fcff9873"[..],
            b"\xfe\x00\x00\x03key\x05value",
            b"\xfc\x00\x68\xe5\xcf\x8b\x01\x00\x00\x00\xc0\x11\xc0\xfb",
            b"\xfe\x09\xfc\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        ];
        assert_eq!(block().seal(), golden.concat());
    }

    #[test]
    fn a_block_in_pieces_is_the_block_as_a_whole() -> Result<(), RdbError> {
        let packing = Packing::default();
        let members = 0..120_000_u32;
        let mut hash = Hash::new();
        let mut set = Set::new();
        let mut zset = Zset::new();
        let mut list = List::new();
        for n in members {
            let (name, value) = (format!("member {n}"), n.to_string());
            hash.set(name.as_bytes(), value.as_bytes(), &packing);
            set.add(name.as_bytes(), &packing);
            zset.insert_new(name.as_bytes(), f64::from(n) / 3.0, &packing);
            list.push(End::Back, std::iter::once(name.as_bytes()), &packing);
        }
        let all = [
            Collection::Hash(hash),
            Collection::Set(set),
            Collection::Zset(zset),
            Collection::List(list),
        ];
        for collection in &all {
            let value = Content::Collection(collection.as_ref());
            let mut whole = BlockBuilder::new();
            whole.push(70_000, b"key", value, Some(5));
            let (mut pieces, mut len_max) = (Vec::new(), 0);
            write_in_pieces(70_000, b"key", &value, Some(5), &mut |piece: &[u8]| {
                pieces.extend_from_slice(piece);
                len_max = len_max.max(piece.len());
                Ok(())
            })?;
            assert!(whole.len() > BLOCK_LEN_TARGET, "{}", whole.len());
            assert!(len_max <= BLOCK_LEN_TARGET + 10_000, "{len_max}");
            assert!(whole.seal() == pieces, "other bytes");
            let broken = &mut |_: &[u8]| Err(RdbError::Stopped);
            let result = write_in_pieces(0, b"key", &value, None, broken);
            assert!(matches!(result, Err(RdbError::Stopped)));
        }
        Ok(())
    }

    #[test]
    fn no_flipped_bit_in_a_block_goes_by() {
        let mut file = block().seal().to_vec();
        file.push(OPCODE_END);
        for at in 0..(file.len() - 1) * 8 {
            let mut damaged = file.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            assert!(keys(&damaged).is_err(), "bit {at}");
        }
    }

    #[test]
    fn a_block_holds_nothing_but_entries() {
        for content in [&b"\xff"[..], b"\xfe\x00\xff", b"\xfa\x01a\x01b", b"\x00\x01a\x01b"] {
            let mut block = BlockBuilder::new();
            block.buffer.extend_from_slice(content);
            let mut file = block.seal().to_vec();
            file.push(OPCODE_END);
            assert!(matches!(keys(&file), Err(RdbError::Malformed { .. })), "{content:x?}");
        }
    }

    #[test]
    fn a_cleared_block_gives_up_the_memory_of_a_long_value() {
        let mut block = BlockBuilder::new();
        block.push(1, b"long", ValueRef::Bytes(&vec![b'x'; 8 * BLOCK_LEN_TARGET]), None);
        assert!(block.is_full());
        block.clear();
        assert!(block.is_empty() && block.buffer.capacity() <= 2 * BLOCK_LEN_TARGET + 64);
    }
}
