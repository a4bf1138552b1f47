//! Zsets in RDB files.

use super::{listpack, push_packed};
use crate::keyspace::types::{Packing, Zset, ZsetRef};
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::lzf::Compressor;

/// A listpack of pairs.
const ZSET_LISTPACK: u8 = 17;

/// The types whose values are one string.
pub(super) const ONE_STRING: &[u8] = &[ZSET_LISTPACK];

pub(super) fn type_byte(zset: ZsetRef<'_>) -> u8 {
    match zset {
        ZsetRef::Packed(_) => ZSET_LISTPACK,
    }
}

pub(super) fn push(out: &mut Vec<u8>, zset: ZsetRef<'_>, compressor: Option<&mut Compressor>) {
    match zset {
        ZsetRef::Packed(pack) => push_packed(out, pack.bytes(), compressor),
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    match type_byte {
        ZSET_LISTPACK => cursor.skip_string("a sorted set")?,
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    _packing: &Packing,
) -> Result<Option<Zset>, RdbError> {
    if type_byte != ZSET_LISTPACK {
        return Ok(None);
    }
    let position = cursor.position();
    let pack = listpack(cursor)?;
    if !pack.as_ref().len().is_multiple_of(2) {
        return Err(RdbError::malformed(position, "a sorted set with half a pair"));
    }
    Ok(Some(Zset::Packed(pack)))
}
