//! Streams in RDB files.

use crate::keyspace::types::{Packing, Stream};
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::lzf::Compressor;

/// The type streams are written with: listpacks of entries, and groups.
pub(super) const TYPE: u8 = 19;

pub(super) fn push(_out: &mut Vec<u8>, _stream: &Stream, _compressor: Option<&mut Compressor>) {}

pub(super) fn skip(_cursor: &mut Cursor<'_>, _type_byte: u8) -> Result<bool, RdbError> {
    Ok(false)
}

pub(super) fn decode(
    _cursor: &mut Cursor<'_>,
    _type_byte: u8,
    _packing: &Packing,
) -> Result<Option<Stream>, RdbError> {
    Ok(None)
}
