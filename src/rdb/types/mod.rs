//! How collections stand in RDB files and payloads: a file a type, this one chooses.
//!
//! Written is what Redis 7.0 reads (RDB version 10); read is whatever Redis 7.4 and Valkey 8 may have
//! written or carried along from older versions.

mod hash;
mod list;
mod set;
mod stream;
mod ziplist;
mod zipmap;
mod zset;

use super::codec::push_string;
use super::cursor::Cursor;
use super::error::RdbError;
use super::lzf::Compressor;
use crate::keyspace::types::{Collection, CollectionRef, Listpack, Packing};

/// The type byte that `collection` is written with.
pub fn type_byte(collection: CollectionRef<'_>) -> u8 {
    match collection {
        CollectionRef::List(list) => list::type_byte(list),
        CollectionRef::Set(set) => set::type_byte(set),
        CollectionRef::Hash(hash) => hash::type_byte(hash),
        CollectionRef::Zset(zset) => zset::type_byte(zset),
        CollectionRef::Stream(_) => stream::TYPE,
    }
}

/// Appends `collection`, without its type byte. Between its parts `spill` is called, which may take away what
/// is there so far.
pub fn push(
    out: &mut Vec<u8>,
    collection: CollectionRef<'_>,
    compressor: Option<&mut Compressor>,
    spill: &mut impl FnMut(&mut Vec<u8>),
) {
    match collection {
        CollectionRef::List(list) => list::push(out, list, compressor, spill),
        CollectionRef::Set(set) => set::push(out, set, compressor, spill),
        CollectionRef::Hash(hash) => hash::push(out, hash, compressor, spill),
        CollectionRef::Zset(zset) => zset::push(out, zset, compressor, spill),
        CollectionRef::Stream(stream) => stream::push(out, stream, compressor, spill),
    }
}

/// Whether values of this type are one string and nothing else, which may be compressed afterwards.
pub fn is_one_string(type_byte: u8) -> bool {
    hash::ONE_STRING.contains(&type_byte)
        || set::ONE_STRING.contains(&type_byte)
        || zset::ONE_STRING.contains(&type_byte)
}

/// Passes over a value of type `type_byte` without decoding it; `false` if there is no such type here.
pub fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    Ok(list::skip(cursor, type_byte)?
        || set::skip(cursor, type_byte)?
        || hash::skip(cursor, type_byte)?
        || zset::skip(cursor, type_byte)?
        || stream::skip(cursor, type_byte)?)
}

/// Decodes a value of type `type_byte`; `None` if there is no such type here.
pub fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    packing: &Packing,
) -> Result<Option<Collection>, RdbError> {
    Ok(if let Some(list) = list::decode(cursor, type_byte, packing)? {
        Some(Collection::List(list))
    } else if let Some(set) = set::decode(cursor, type_byte, packing)? {
        Some(Collection::Set(set))
    } else if let Some(hash) = hash::decode(cursor, type_byte, packing)? {
        Some(Collection::Hash(hash))
    } else if let Some(zset) = zset::decode(cursor, type_byte, packing)? {
        Some(Collection::Zset(zset))
    } else {
        stream::decode(cursor, type_byte, packing)?
            .map(|stream| Collection::Stream(Box::new(stream)))
    })
}

/// Appends the bytes of something packed as one string.
fn push_packed(out: &mut Vec<u8>, bytes: &[u8], compressor: Option<&mut Compressor>) {
    push_string(out, bytes, compressor);
}

/// Reads a string that is a listpack.
fn listpack(cursor: &mut Cursor<'_>) -> Result<Listpack, RdbError> {
    let position = cursor.position();
    let bytes = cursor.string("a listpack")?.into_bytes().into_owned();
    Listpack::from_bytes(bytes).ok_or_else(|| RdbError::malformed(position, "a broken listpack"))
}
