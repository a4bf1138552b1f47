//! Hashes in RDB files.
//!
//! ```text
//! plain     number of fields, then for each its name and its value, as strings
//! others    one string that is a listpack, a ziplist or a zipmap of names, each followed by its value
//! ```

use super::{listpack, push_packed, ziplist, zipmap};
use crate::keyspace::types::{Hash, HashRef, Listpack, Packing};
use crate::rdb::codec::push_element;
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::length::push_length;
use crate::rdb::lzf::Compressor;

/// Fields, one by one.
const HASH: u8 = 4;
/// A zipmap, of before Redis 2.6.
const HASH_ZIPMAP: u8 = 9;
/// A ziplist of pairs, of before Redis 7.
const HASH_ZIPLIST: u8 = 13;
/// A listpack of pairs.
const HASH_LISTPACK: u8 = 16;

/// The types whose values are one string.
pub(super) const ONE_STRING: &[u8] = &[HASH_ZIPMAP, HASH_ZIPLIST, HASH_LISTPACK];
/// Bytes that a field of usual length takes in a file at least. A table is made for so many fields as
/// may be there, whatever number is stated.
const FIELD_LEN_USUAL: usize = 16;

pub(super) fn type_byte(hash: HashRef<'_>) -> u8 {
    match hash {
        HashRef::Packed(_) => HASH_LISTPACK,
        HashRef::Large(_) => HASH,
    }
}

pub(super) fn push(
    out: &mut Vec<u8>,
    hash: HashRef<'_>,
    mut compressor: Option<&mut Compressor>,
    spill: &mut impl FnMut(&mut Vec<u8>),
) {
    match hash {
        HashRef::Packed(pack) => push_packed(out, pack.bytes(), compressor),
        HashRef::Large(table) => {
            push_length(out, table.len() as u64);
            for (name, value) in hash.pairs() {
                push_element(out, name, compressor.as_deref_mut());
                push_element(out, value, compressor.as_deref_mut());
                spill(out);
            }
        }
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    match type_byte {
        HASH => {
            for _ in 0..cursor.length("a hash")? {
                cursor.skip_string("a hash")?;
                cursor.skip_string("a hash")?;
            }
        }
        HASH_ZIPMAP | HASH_ZIPLIST | HASH_LISTPACK => cursor.skip_string("a hash")?,
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    packing: &Packing,
) -> Result<Option<Hash>, RdbError> {
    let position = cursor.position();
    let pack = match type_byte {
        HASH => return decode_plain(cursor, packing).map(Some),
        HASH_ZIPMAP => zipmap::listpack(&cursor.string("a hash")?.into_bytes())
            .ok_or_else(|| RdbError::malformed(position, "a broken zipmap"))?,
        HASH_ZIPLIST => ziplist::elements(&cursor.string("a hash")?.into_bytes())
            .map(Listpack::of)
            .ok_or_else(|| RdbError::malformed(position, "a broken ziplist"))?,
        HASH_LISTPACK => listpack(cursor)?,
        _ => return Ok(None),
    };
    if pack.as_ref().is_empty() {
        return Err(RdbError::empty(position, "a hash"));
    }
    let too_long = type_byte == HASH_ZIPMAP && {
        let mut elements = pack.as_ref().iter();
        elements.any(|element| element.len() > packing.limits.hash_value)
    };
    let mut hash = Hash::from_listpack(pack, packing)
        .ok_or_else(|| RdbError::malformed(position, "a hash with half a pair or a field twice"))?;
    if too_long {
        hash.unpack(0, packing);
    }
    Ok(Some(hash))
}

fn decode_plain(cursor: &mut Cursor<'_>, packing: &Packing) -> Result<Hash, RdbError> {
    let position = cursor.position();
    let fields = cursor.length("a hash")?;
    if fields == 0 {
        return Err(RdbError::empty(position, "a hash"));
    }
    let likely = cursor.remaining().len() / FIELD_LEN_USUAL;
    let capacity = usize::try_from(fields).unwrap_or(usize::MAX).min(likely);
    let mut hash = Hash::for_fields(fields, capacity, packing);
    for _ in 0..fields {
        let position = cursor.position();
        let name = cursor.string("a hash")?.into_bytes();
        let value = cursor.string("a hash")?.into_bytes();
        if !hash.set(&name, &value, packing) {
            return Err(RdbError::malformed(position, "a field that its hash has already"));
        }
    }
    Ok(hash)
}
