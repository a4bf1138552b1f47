//! What a segment begins with: whose history it is, at which offset, in which database.
//!
//! ```text
//! #VELLUM 1 replid=<40 hex> offset=<n> db=<n> created_ms=<n> [replid2=<40 hex> replid2_offset=<n> ]crc=<8 hex>\r\n
//! *2\r\n$6\r\nSELECT\r\n$<len>\r\n<db>\r\n
//! ```
//!
//! `crc` is the CRC-32 of the line before it. The SELECT makes the file readable by Redis from its
//! first frame on; it is not part of the stream and no offset counts it.

use std::path::{Path, PathBuf};

use super::LogError;
use crate::base::limits::DATABASES_MAX;
use crate::base::{Offset, ReplId};
use crate::resp::encode;

/// Format version of segments this program writes, and the newest it reads.
pub const SEGMENT_VERSION: u32 = 1;
/// What every segment of ours begins with.
pub(crate) const MAGIC: &[u8] = b"#VELLUM ";
/// Longest header, line and SELECT, in bytes.
pub(crate) const SEGMENT_HEADER_LEN_MAX: usize = 320;

/// The history a stream belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The replication ID.
    pub replid: ReplId,
    /// The history this one continues, if any.
    pub former: Option<Former>,
}

/// A history that another one continues: `master_replid2` and `second_repl_offset - 1` of INFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Former {
    /// The replication ID it had.
    pub replid: ReplId,
    /// The offset up to which the two histories are the same.
    pub end: Offset,
}

impl Identity {
    /// A history that begins from nothing.
    pub fn new(replid: ReplId) -> Self {
        Self { replid, former: None }
    }

    /// The history that continues this one from `end` on under a new name.
    pub fn succeeded_by(&self, replid: ReplId, end: Offset) -> Self {
        Self { replid, former: Some(Former { replid: self.replid, end }) }
    }

    /// Whether a stream of this history that starts at `start` goes on where one of `earlier` ended.
    pub(crate) fn continues(&self, earlier: &Identity, start: Offset) -> bool {
        self.replid == earlier.replid
            || self.former.is_some_and(|f| f.replid == earlier.replid && f.end == start)
    }
}

/// A segment as its name and header describe it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Number in the file's name; later segments have higher ones.
    pub seq: u64,
    /// The file.
    pub path: PathBuf,
    /// The history of its frames.
    pub identity: Identity,
    /// Stream offset of its first frame.
    pub start: Offset,
    /// Database selected at its first frame.
    pub db: u32,
    /// Milliseconds since the Unix epoch at which it was begun.
    pub created_ms: u64,
}

/// The header of a segment and what was computed of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub identity: Identity,
    pub start: Offset,
    pub db: u32,
    pub created_ms: u64,
}

/// A header as read: its length in the file and the checksum that seeds those of the frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParsedHeader {
    pub header: SegmentHeader,
    pub len: u64,
    pub seed: u32,
}

impl SegmentHeader {
    /// The bytes of the header and their checksum.
    pub(crate) fn encode(&self) -> (Vec<u8>, u32) {
        let mut line = format!(
            "#VELLUM {SEGMENT_VERSION} replid={} offset={} db={} created_ms={} ",
            self.identity.replid, self.start, self.db, self.created_ms
        );
        if let Some(former) = self.identity.former {
            line += &format!("replid2={} replid2_offset={} ", former.replid, former.end);
        }
        let crc = crc32fast::hash(line.as_bytes());
        line += &format!("crc={crc:08x}\r\n");
        let mut bytes = line.into_bytes();
        let mut digits = Vec::new();
        encode::push_decimal(&mut digits, self.db);
        encode::push_command(&mut bytes, &[b"SELECT", &digits]);
        assert!(bytes.len() <= SEGMENT_HEADER_LEN_MAX, "a segment header has bounded fields");
        (bytes, crc)
    }

    /// Reads a header from the first bytes of a segment.
    ///
    /// The only accepted spelling is the one [`SegmentHeader::encode`] produces, so that no byte of a
    /// header can change unnoticed. Errors say what does not fit; a version too new is `Err(Some(v))`.
    pub(crate) fn parse(bytes: &[u8]) -> Result<ParsedHeader, HeaderError> {
        let bytes = &bytes[..bytes.len().min(SEGMENT_HEADER_LEN_MAX)];
        let rest = bytes.strip_prefix(MAGIC).ok_or(HeaderError::Damaged)?;
        let line_len = rest.iter().position(|b| *b == b'\r').ok_or(HeaderError::Damaged)?;
        let line = std::str::from_utf8(&rest[..line_len]).map_err(|_| HeaderError::Damaged)?;
        let (version, fields) = line.split_once(' ').ok_or(HeaderError::Damaged)?;
        let version: u32 = version.parse().map_err(|_| HeaderError::Damaged)?;
        if version > SEGMENT_VERSION {
            return Err(HeaderError::Version(version));
        }
        let header = parse_fields(fields).ok_or(HeaderError::Damaged)?;
        let (canonical, seed) = header.encode();
        if !bytes.starts_with(&canonical) {
            return Err(HeaderError::Damaged);
        }
        Ok(ParsedHeader { header, len: canonical.len() as u64, seed })
    }

    pub(crate) fn info(&self, seq: u64, path: &Path) -> SegmentInfo {
        SegmentInfo {
            seq,
            path: path.to_path_buf(),
            identity: self.identity,
            start: self.start,
            db: self.db,
            created_ms: self.created_ms,
        }
    }
}

/// Why a header cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderError {
    /// Not what was written.
    Damaged,
    /// Of a later version.
    Version(u32),
}

impl HeaderError {
    pub(crate) fn of_file(self, path: &Path, dir: &Path, offset: Offset) -> LogError {
        let (path, dir) = (path.to_path_buf(), dir.to_path_buf());
        match self {
            Self::Damaged => LogError::Damaged {
                path,
                dir,
                position: 0,
                offset,
                what: "the segment header is not what was written",
            },
            Self::Version(version) => LogError::Version { path, version, known: SEGMENT_VERSION },
        }
    }
}

fn parse_fields(fields: &str) -> Option<SegmentHeader> {
    let mut words = fields.split(' ');
    let mut field = |name: &str| {
        words.next().and_then(|w| w.strip_prefix(name)).and_then(|w| w.strip_prefix('='))
    };
    let replid = ReplId::parse(field("replid")?.as_bytes())?;
    let start = Offset::new(field("offset")?.parse().ok()?);
    let db: u32 = field("db")?.parse().ok()?;
    let created_ms = field("created_ms")?.parse().ok()?;
    let former = match words.next()?.split_once('=')? {
        ("crc", _) => None,
        ("replid2", id) => {
            let end = words.next()?.strip_prefix("replid2_offset=")?.parse().ok()?;
            Some(Former { replid: ReplId::parse(id.as_bytes())?, end: Offset::new(end) })
        }
        _ => return None,
    };
    let identity = Identity { replid, former };
    (db < DATABASES_MAX as u32).then_some(SegmentHeader { identity, start, db, created_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(former: bool) -> SegmentHeader {
        let identity = Identity::new(ReplId::from_random([0xab; 20]));
        let identity = if former {
            identity.succeeded_by(ReplId::from_random([0xcd; 20]), Offset::new(u64::MAX))
        } else {
            identity
        };
        SegmentHeader { identity, start: Offset::new(u64::MAX), db: 65_535, created_ms: u64::MAX }
    }

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for former in [false, true] {
            let (bytes, seed) = header(former).encode();
            let parsed = SegmentHeader::parse(&bytes).unwrap();
            assert_eq!(parsed.header, header(former));
            assert_eq!((parsed.len, parsed.seed), (bytes.len() as u64, seed));
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (bytes, _) = header(true).encode();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(SegmentHeader::parse(&bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_later_version_is_told_from_damage() {
        let found = SegmentHeader::parse(b"#VELLUM 2 anything\r\n");
        assert_eq!(found, Err(HeaderError::Version(2)));
    }
}
