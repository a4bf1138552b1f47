//! Lists in RDB files.

use super::{listpack, push_packed};
use crate::keyspace::types::{List, ListRef, Packing};
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::length::push_length;
use crate::rdb::lzf::Compressor;

/// Nodes, each of which is one element or a listpack.
const LIST_QUICKLIST_2: u8 = 18;
/// A node that is a listpack.
const NODE_PACKED: u64 = 2;

pub(super) fn type_byte(_list: ListRef<'_>) -> u8 {
    LIST_QUICKLIST_2
}

pub(super) fn push(out: &mut Vec<u8>, list: ListRef<'_>, compressor: Option<&mut Compressor>) {
    match list {
        ListRef::Packed(pack) => {
            push_length(out, 1);
            push_length(out, NODE_PACKED);
            push_packed(out, pack.bytes(), compressor);
        }
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    if type_byte != LIST_QUICKLIST_2 {
        return Ok(false);
    }
    for _ in 0..cursor.length("a list")? {
        cursor.length("a list")?;
        cursor.skip_string("a list")?;
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    _packing: &Packing,
) -> Result<Option<List>, RdbError> {
    if type_byte != LIST_QUICKLIST_2 {
        return Ok(None);
    }
    let position = cursor.position();
    if (cursor.length("a list")?, cursor.length("a list")?) != (1, NODE_PACKED) {
        return Err(RdbError::malformed(position, "a list of this form"));
    }
    Ok(Some(List::Packed(listpack(cursor)?)))
}
