//! What a snapshot says about itself before its first entry.
//!
//! ```text
//! "REDIS0010"
//! FA field value ...                       redis-ver redis-bits ctime used-mem repl-stream-db
//!                                          repl-id repl-offset aof-base vellum-version
//! FE db FB keys expires ...                for each database that is not empty
//! FA "vellum-header" "1 <crc32>"           container version, CRC-32 of every byte before this field
//! ```
//! A file of Redis or Valkey has no `vellum-header`, and its fields are covered only by the CRC-64
//! at its end.

use super::error::RdbError;
use super::length::{push_integer, push_length, push_raw_string};
use super::reader::{
    MAGIC_LEN, OPCODE_AUX, OPCODE_DATABASE, OPCODE_RESIZE, Piece, Reader, push_magic, read_magic,
};
use crate::base::limits::DATABASES_MAX;
use crate::base::version::{REDIS_VERSION, VELLUM_VERSION};
use crate::base::{Offset, ReplId};

/// The version of the container: how blocks lie in the file.
pub const CONTAINER_VERSION: u32 = 1;
/// The AUX field that ends the header.
const HEADER_FIELD: &[u8] = b"vellum-header";

/// How many keys a database holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatabaseSize {
    /// The database.
    pub db: u32,
    /// Number of keys.
    pub keys: u64,
    /// Number of keys with an expiry.
    pub expires: u64,
}

/// The place in the replication stream at which a snapshot was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPosition {
    /// The stream's replication ID.
    pub repl_id: ReplId,
    /// The offset after the last byte of the stream that the snapshot holds the effect of.
    pub offset: Offset,
    /// The database selected in the stream at this offset, if one is.
    pub db: Option<u32>,
}

/// The fields of a snapshot. Those a file lacks are `None`, and `None` is not written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The version of Redis that wrote the file, or whose format it claims to follow. What is
    /// written does not depend on it.
    pub redis_version: Option<String>,
    /// The version of Vellum that wrote the file. What is written does not depend on it.
    pub vellum_version: Option<String>,
    /// When the snapshot was cut, in seconds since the Unix epoch.
    pub created_s: Option<u64>,
    /// Memory in use at that time, in bytes.
    pub used_memory_bytes: Option<u64>,
    /// The place in the replication stream.
    pub stream: Option<StreamPosition>,
    /// Whether the file is the base of an append-only file.
    pub aof_base: bool,
    /// Sizes of the databases: hints. Of a foreign file, those stated before its first entry.
    pub databases: Vec<DatabaseSize>,
}

/// A header read from a file.
#[derive(Clone, Debug)]
pub(crate) struct ReadHeader {
    pub fields: Header,
    /// The file's RDB version.
    pub version: u32,
    /// Where the pieces begin that are not part of the header.
    pub end: usize,
    /// Whether this is a file of blocks.
    pub is_own: bool,
}

impl Header {
    /// Appends the header, from the magic to its checksum.
    pub fn push(&self, out: &mut Vec<u8>) {
        let start = out.len();
        push_magic(out);
        push_aux(out, b"redis-ver", REDIS_VERSION.as_bytes());
        push_aux_number(out, b"redis-bits", usize::BITS.into());
        if let Some(created_s) = self.created_s {
            push_aux_number(out, b"ctime", created_s);
        }
        if let Some(used_memory_bytes) = self.used_memory_bytes {
            push_aux_number(out, b"used-mem", used_memory_bytes);
        }
        if let Some(stream) = &self.stream {
            if let Some(db) = stream.db {
                push_aux_number(out, b"repl-stream-db", db.into());
            }
            push_aux(out, b"repl-id", stream.repl_id.as_bytes());
            push_aux_number(out, b"repl-offset", stream.offset.get());
        }
        push_aux_number(out, b"aof-base", self.aof_base.into());
        push_aux(out, b"vellum-version", VELLUM_VERSION.as_bytes());
        for size in &self.databases {
            out.push(OPCODE_DATABASE);
            push_length(out, size.db.into());
            out.push(OPCODE_RESIZE);
            push_length(out, size.keys);
            push_length(out, size.expires);
        }
        let crc = crc32fast::hash(&out[start..]);
        push_aux(out, HEADER_FIELD, format!("{CONTAINER_VERSION} {crc:08x}").as_bytes());
    }

    fn set(&mut self, repl: &mut ReplFields, key: &[u8], value: &[u8]) {
        match key {
            b"redis-ver" | b"valkey-ver" => self.redis_version = Some(text(value)),
            b"vellum-version" => self.vellum_version = Some(text(value)),
            b"ctime" => self.created_s = number(value),
            b"used-mem" => self.used_memory_bytes = number(value),
            b"aof-base" | b"aof-preamble" => self.aof_base |= value == b"1",
            b"repl-id" => repl.id = ReplId::parse(value),
            b"repl-offset" => repl.offset = number(value),
            b"repl-stream-db" => repl.db = number(value).and_then(|db| u32::try_from(db).ok()),
            _ => {}
        }
    }
}

#[derive(Default)]
struct ReplFields {
    id: Option<ReplId>,
    offset: Option<u64>,
    db: Option<u32>,
}

impl ReadHeader {
    /// Reads the header of a file, `bytes`; that of our own files is checked.
    pub fn read(bytes: &[u8]) -> Result<Self, RdbError> {
        let version = read_magic(bytes)?;
        let mut reader = Reader::new(&bytes[MAGIC_LEN..], MAGIC_LEN as u64);
        let mut fields = Header::default();
        let mut repl = ReplFields::default();
        let mut end = MAGIC_LEN;
        let mut db = None;
        let is_own = loop {
            match reader.next_piece()? {
                Piece::Aux { position, key, value } => {
                    let (key, value) = (key.into_bytes(), value.into_bytes());
                    if *key == *HEADER_FIELD {
                        check(bytes, position, &value)?;
                        end = reader.position() as usize;
                        break true;
                    }
                    fields.set(&mut repl, &key, &value);
                    if db.is_none() {
                        end = reader.position() as usize;
                    }
                }
                Piece::Database(number) => db = Some(number),
                Piece::Sizes { keys, expires } => {
                    let db = db.unwrap_or(0);
                    if fields.databases.len() >= DATABASES_MAX {
                        let position = reader.position();
                        return Err(RdbError::malformed(position, "sizes of too many databases"));
                    }
                    fields.databases.push(DatabaseSize { db, keys, expires });
                }
                _ => break false,
            }
        };
        fields.stream = match repl {
            ReplFields { id: Some(repl_id), offset: Some(offset), db } => {
                Some(StreamPosition { repl_id, offset: Offset::new(offset), db })
            }
            _ => None,
        };
        Ok(Self { fields, version, end, is_own })
    }
}

/// Checks the header that ends with the field at `position`, whose value is `value`.
fn check(bytes: &[u8], position: u64, value: &[u8]) -> Result<(), RdbError> {
    let malformed = || RdbError::malformed(position, "a vellum-header field of unknown form");
    let (version, crc) = value.split_at_checked(2).ok_or_else(malformed)?;
    if version != format!("{CONTAINER_VERSION} ").as_bytes() {
        return Err(malformed());
    }
    let stated = parse_crc32(crc).ok_or_else(malformed)?;
    let covered = usize::try_from(position).ok().and_then(|end| bytes.get(..end));
    let computed = crc32fast::hash(covered.ok_or_else(malformed)?);
    if stated != computed {
        let (stated, computed) = (stated.into(), computed.into());
        return Err(RdbError::Checksum { position: 0, what: "the header", stated, computed });
    }
    Ok(())
}

/// Reads eight lower-case hexadecimal digits.
pub(crate) fn parse_crc32(digits: &[u8]) -> Option<u32> {
    if digits.len() != 8 || !digits.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn text(value: &[u8]) -> String {
    value.escape_ascii().to_string()
}

fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Appends an AUX field.
pub(crate) fn push_aux(out: &mut Vec<u8>, key: &[u8], value: &[u8]) {
    out.push(OPCODE_AUX);
    push_raw_string(out, key);
    push_raw_string(out, value);
}

/// Appends an AUX field that is a number, in the encoding Redis gives it.
fn push_aux_number(out: &mut Vec<u8>, key: &[u8], value: u64) {
    out.push(OPCODE_AUX);
    push_raw_string(out, key);
    match i64::try_from(value) {
        Ok(value) => push_integer(out, value),
        Err(_) => push_raw_string(out, itoa::Buffer::new().format(value).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::VERSION_WRITTEN;
    use super::*;

    fn header() -> Header {
        Header {
            created_s: Some(1_700_000_000),
            used_memory_bytes: Some(u64::MAX),
            stream: Some(StreamPosition {
                repl_id: ReplId::from_random([0xa5; 20]),
                offset: Offset::new(123_456_789_012),
                db: Some(3),
            }),
            aof_base: true,
            databases: vec![
                DatabaseSize { db: 0, keys: 10, expires: 2 },
                DatabaseSize { db: 15, keys: 1 << 40, expires: 0 },
            ],
            ..Header::default()
        }
    }

    fn bytes_of(header: &Header) -> Vec<u8> {
        let mut out = Vec::new();
        header.push(&mut out);
        out
    }

    #[test]
    fn what_is_written_is_read() -> Result<(), RdbError> {
        for written in [header(), Header::default()] {
            let bytes = bytes_of(&written);
            let read = ReadHeader::read(&bytes)?;
            assert!(read.is_own);
            assert_eq!((read.version, read.end), (VERSION_WRITTEN, bytes.len()));
            assert_eq!(read.fields.redis_version.as_deref(), Some(REDIS_VERSION));
            assert_eq!(read.fields.vellum_version.as_deref(), Some(VELLUM_VERSION));
            let fields = Header { redis_version: None, vellum_version: None, ..read.fields };
            assert_eq!(fields, written);
        }
        Ok(())
    }

    #[test]
    fn no_flipped_bit_and_no_cut_is_taken_for_the_same_header() {
        let bytes = bytes_of(&header());
        for at in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[at / 8] ^= 1 << (at % 8);
            let own = ReadHeader::read(&damaged).is_ok_and(|read| read.is_own);
            assert!(!own, "bit {at}");
        }
        for len in 0..bytes.len() {
            assert!(ReadHeader::read(&bytes[..len]).is_err(), "cut to {len}");
        }
    }

    #[test]
    fn versions_outside_the_range_are_refused() {
        assert!(matches!(read_magic(b"REDIS0012"), Ok(12)));
        assert!(matches!(read_magic(b"REDIS0013"), Err(RdbError::Version { version: 13 })));
        assert!(matches!(read_magic(b"REDIS0000"), Err(RdbError::Version { version: 0 })));
        assert!(matches!(read_magic(b"REDIS00a1"), Err(RdbError::NotRdb)));
        assert!(matches!(read_magic(b"VALKEY080"), Err(RdbError::NotRdb)));
        assert!(matches!(read_magic(b"REDIS001"), Err(RdbError::NotRdb)));
    }
}
