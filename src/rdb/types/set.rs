//! Sets in RDB files.

use super::push_packed;
use crate::keyspace::types::{Packing, Set, SetRef};
use crate::rdb::codec::push_element;
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::length::push_length;
use crate::rdb::lzf::Compressor;

/// Members, one by one.
const SET: u8 = 2;
/// A set of integers.
const SET_INTSET: u8 = 11;

/// The types whose values are one string.
pub(super) const ONE_STRING: &[u8] = &[SET_INTSET];

pub(super) fn type_byte(set: SetRef<'_>) -> u8 {
    match set {
        SetRef::Integers(_) => SET_INTSET,
        SetRef::Packed(_) => SET,
    }
}

pub(super) fn push(out: &mut Vec<u8>, set: SetRef<'_>, mut compressor: Option<&mut Compressor>) {
    match set {
        SetRef::Integers(bytes) => push_packed(out, bytes, compressor),
        SetRef::Packed(pack) => {
            push_length(out, pack.len() as u64);
            for member in pack.iter() {
                push_element(out, member, compressor.as_deref_mut());
            }
        }
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    match type_byte {
        SET => {
            for _ in 0..cursor.length("a set")? {
                cursor.skip_string("a set")?;
            }
        }
        SET_INTSET => cursor.skip_string("a set")?,
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    _packing: &Packing,
) -> Result<Option<Set>, RdbError> {
    match type_byte {
        SET_INTSET => {
            Ok(Some(Set::Integers(cursor.string("a set of integers")?.into_bytes().into_owned())))
        }
        _ => Ok(None),
    }
}
