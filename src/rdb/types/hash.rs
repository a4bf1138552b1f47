//! Hashs in RDB files.

use super::{listpack, push_packed};
use crate::keyspace::types::{Hash, HashRef, Packing};
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::lzf::Compressor;

/// A listpack of pairs.
const HASH_LISTPACK: u8 = 16;

/// The types whose values are one string.
pub(super) const ONE_STRING: &[u8] = &[HASH_LISTPACK];

pub(super) fn type_byte(hash: HashRef<'_>) -> u8 {
    match hash {
        HashRef::Packed(_) => HASH_LISTPACK,
    }
}

pub(super) fn push(out: &mut Vec<u8>, hash: HashRef<'_>, compressor: Option<&mut Compressor>) {
    match hash {
        HashRef::Packed(pack) => push_packed(out, pack.bytes(), compressor),
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    match type_byte {
        HASH_LISTPACK => cursor.skip_string("a hash")?,
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    _packing: &Packing,
) -> Result<Option<Hash>, RdbError> {
    if type_byte != HASH_LISTPACK {
        return Ok(None);
    }
    let position = cursor.position();
    let pack = listpack(cursor)?;
    if !pack.as_ref().len().is_multiple_of(2) {
        return Err(RdbError::malformed(position, "a hash with half a pair"));
    }
    Ok(Some(Hash::Packed(pack)))
}
