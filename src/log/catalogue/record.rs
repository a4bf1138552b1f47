//! The values of the catalogue, in bincode's variable-width encoding.

use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

use crate::base::replid::REPL_ID_LEN;
use crate::base::{Offset, ReplId};

/// What a segment holds, as far as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SegmentRecord {
    /// Name of the file; whether it is in the log's folder or in the archive is not noted.
    pub name: String,
    /// The history of its frames.
    pub replid: ReplId,
    /// Offset of its first frame.
    pub start: Offset,
    /// Offset after its last frame.
    pub end: Offset,
    /// Milliseconds since the Unix epoch at which it was begun.
    pub created_ms: u64,
    /// Time of its first frame, in milliseconds since the Unix epoch; `u64::MAX` without one.
    pub first_time_ms: u64,
    /// Time of its last frame, in milliseconds since the Unix epoch; 0 without one.
    pub last_time_ms: u64,
    /// Bytes of the file up to the end of its last frame.
    pub read_len: u64,
    /// Bytes of the file when it was last looked at, filler included.
    pub file_len: u64,
    /// Number of points noted for it.
    pub points: u64,
}

/// Where a frame begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Point {
    /// Its offset.
    pub offset: Offset,
    /// Its header's position in the file.
    pub position: u64,
    /// Its time, in milliseconds since the Unix epoch.
    pub time_ms: u64,
}

/// A snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SnapshotRecord {
    /// Name of the file.
    pub name: String,
    /// The history it belongs to.
    pub replid: ReplId,
    /// The offset at which it was cut.
    pub offset: Offset,
    /// Bytes of the file.
    pub len: u64,
    /// Keys in it.
    pub keys: u64,
    /// The CRC-64 at its end.
    pub checksum: u64,
}

/// The replication identity: whose history the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct IdentityRecord {
    /// The replication ID.
    pub replid: ReplId,
    /// The history it continues and the offset up to which it does, if any.
    pub former: Option<(ReplId, Offset)>,
}

impl Encode for ReplId {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.as_bytes().encode(encoder)
    }
}

impl<Context> Decode<Context> for ReplId {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let digits = <[u8; REPL_ID_LEN]>::decode(decoder)?;
        Self::parse(&digits).ok_or(DecodeError::Other("not a replication ID"))
    }
}

impl Encode for Offset {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.get().encode(encoder)
    }
}

impl<Context> Decode<Context> for Offset {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        u64::decode(decoder).map(Self::new)
    }
}

bincode::impl_borrow_decode!(ReplId);
bincode::impl_borrow_decode!(Offset);
