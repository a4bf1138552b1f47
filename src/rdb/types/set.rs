//! Sets in RDB files.
//!
//! ```text
//! plain     number of members, then each as a string
//! others    one string that is a set of integers, or (read only) a listpack of members
//! ```

use super::{listpack, push_packed};
use crate::keyspace::types::{Intset, Packing, Set, SetRef};
use crate::rdb::codec::push_element;
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::length::push_length;
use crate::rdb::lzf::Compressor;

/// Members, one by one.
const SET: u8 = 2;
/// A set of integers.
const SET_INTSET: u8 = 11;
/// A listpack, since Redis 7.2: not written, because older ones do not read it.
const SET_LISTPACK: u8 = 20;

/// The types whose values are one string.
pub(super) const ONE_STRING: &[u8] = &[SET_INTSET, SET_LISTPACK];
/// Bytes that a member of usual length takes in a file at least. A table is made for so many members as
/// may be there, whatever number is stated.
const MEMBER_LEN_USUAL: usize = 4;

pub(super) fn type_byte(set: SetRef<'_>) -> u8 {
    match set {
        SetRef::Integers(_) => SET_INTSET,
        SetRef::Packed(_) | SetRef::Large(_) => SET,
    }
}

pub(super) fn push(
    out: &mut Vec<u8>,
    set: SetRef<'_>,
    mut compressor: Option<&mut Compressor>,
    spill: &mut impl FnMut(&mut Vec<u8>),
) {
    if let SetRef::Integers(integers) = set {
        return push_packed(out, integers.bytes(), compressor);
    }
    push_length(out, set.len() as u64);
    for member in set.iter() {
        push_element(out, member, compressor.as_deref_mut());
        spill(out);
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    match type_byte {
        SET => {
            for _ in 0..cursor.length("a set")? {
                cursor.skip_string("a set")?;
            }
        }
        SET_INTSET | SET_LISTPACK => cursor.skip_string("a set")?,
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    packing: &Packing,
) -> Result<Option<Set>, RdbError> {
    let position = cursor.position();
    let set = match type_byte {
        SET => decode_plain(cursor, packing)?,
        SET_INTSET => {
            let bytes = cursor.string("a set of integers")?.into_bytes().into_owned();
            if is_empty_intset(&bytes) {
                return Err(RdbError::empty(position, "a set"));
            }
            let integers = Intset::from_bytes(bytes)
                .ok_or_else(|| RdbError::malformed(position, "a broken set of integers"))?;
            Set::from_integers(integers, packing)
        }
        SET_LISTPACK => {
            let pack = listpack(cursor)?;
            if pack.as_ref().is_empty() {
                return Err(RdbError::empty(position, "a set"));
            }
            Set::from_listpack(pack, packing)
                .ok_or_else(|| RdbError::malformed(position, "a set that has a member twice"))?
        }
        _ => return Ok(None),
    };
    Ok(Some(set))
}

/// Whether this is a set of integers that says it has none: a width, and a number of 0.
fn is_empty_intset(bytes: &[u8]) -> bool {
    matches!(bytes, [2 | 4 | 8, 0, 0, 0, 0, 0, 0, 0])
}

fn decode_plain(cursor: &mut Cursor<'_>, packing: &Packing) -> Result<Set, RdbError> {
    let position = cursor.position();
    let members = cursor.length("a set")?;
    if members == 0 {
        return Err(RdbError::empty(position, "a set"));
    }
    let likely = cursor.remaining().len() / MEMBER_LEN_USUAL;
    let capacity = usize::try_from(members).unwrap_or(usize::MAX).min(likely);
    let mut set = Set::for_members(members, capacity, packing);
    for _ in 0..members {
        let position = cursor.position();
        let member = cursor.string("a set")?.into_bytes();
        if !set.add(&member, packing) {
            return Err(RdbError::malformed(position, "a member that its set has already"));
        }
    }
    Ok(set)
}
