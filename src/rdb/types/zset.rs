//! Sorted sets in RDB files.
//!
//! ```text
//! 3    count, members each with its score as text                     Redis 2
//! 5    count, members each with its score in 8 bytes, from the highest score down     written
//! 12   a ziplist of members and scores                                before Redis 7
//! 17   a listpack of members and scores                               written
//! ```
//! Text: a length of one byte and digits; the lengths 253, 254 and 255 stand for "not a number", infinity
//! and negative infinity.

use super::{listpack, push_packed, ziplist};
use crate::base::double;
use crate::keyspace::types::{Listpack, Packing, Zset, ZsetRef};
use crate::rdb::codec::push_element;
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::length::push_length;
use crate::rdb::lzf::Compressor;

const ZSET: u8 = 3;
const ZSET_2: u8 = 5;
const ZSET_ZIPLIST: u8 = 12;
const ZSET_LISTPACK: u8 = 17;

const TEXT_NAN: u8 = 253;
const TEXT_INFINITE: u8 = 254;
const TEXT_NEGATIVE_INFINITE: u8 = 255;
/// Bytes that a pair takes in a file at least.
const PAIR_LEN_MIN: usize = 2;
const WHAT: &str = "a sorted set";

/// The types whose values are one string.
pub(super) const ONE_STRING: &[u8] = &[ZSET_ZIPLIST, ZSET_LISTPACK];

pub(super) fn type_byte(zset: ZsetRef<'_>) -> u8 {
    match zset {
        ZsetRef::Packed(_) => ZSET_LISTPACK,
        ZsetRef::Large(_) => ZSET_2,
    }
}

pub(super) fn push(
    out: &mut Vec<u8>,
    zset: ZsetRef<'_>,
    mut compressor: Option<&mut Compressor>,
    spill: &mut impl FnMut(&mut Vec<u8>),
) {
    match zset {
        ZsetRef::Packed(pack) => push_packed(out, pack.bytes(), compressor),
        ZsetRef::Large(_) => {
            push_length(out, zset.len() as u64);
            for (member, score) in zset.walk(0..zset.len(), true) {
                push_element(out, member, compressor.as_deref_mut());
                out.extend_from_slice(&score.to_le_bytes());
                spill(out);
            }
        }
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    match type_byte {
        ZSET_ZIPLIST | ZSET_LISTPACK => cursor.skip_string(WHAT)?,
        ZSET | ZSET_2 => {
            for _ in 0..cursor.length(WHAT)? {
                cursor.skip_string(WHAT)?;
                let len = if type_byte == ZSET_2 { 8 } else { text_len(cursor.byte(WHAT)?) };
                cursor.take(u64::from(len), WHAT)?;
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    packing: &Packing,
) -> Result<Option<Zset>, RdbError> {
    let position = cursor.position();
    let pack = match type_byte {
        ZSET_LISTPACK => listpack(cursor)?,
        ZSET_ZIPLIST => unzipped(cursor)?,
        ZSET => return pairs(cursor, packing, text_score).map(Some),
        ZSET_2 => return pairs(cursor, packing, binary_score).map(Some),
        _ => return Ok(None),
    };
    if pack.as_ref().is_empty() {
        return Err(RdbError::empty(position, WHAT));
    }
    let zset = Zset::from_listpack(pack, packing);
    let broken =
        || RdbError::malformed(position, "a sorted set without order, or with half a pair");
    zset.ok_or_else(broken).map(Some)
}

/// Pairs one by one, with scores read by `score`.
fn pairs(
    cursor: &mut Cursor<'_>,
    packing: &Packing,
    score: fn(&mut Cursor<'_>) -> Result<f64, RdbError>,
) -> Result<Zset, RdbError> {
    let start = cursor.position();
    let count = cursor.length(WHAT)?;
    let possible = cursor.remaining().len() / PAIR_LEN_MIN;
    let capacity = usize::try_from(count).unwrap_or(possible).min(possible);
    let mut zset = Zset::for_members(count, capacity, packing);
    for _ in 0..count {
        let position = cursor.position();
        let member = cursor.string("a member of a sorted set")?.into_bytes();
        let score = score(cursor)?;
        if zset.as_ref().score(&member).is_some() {
            return Err(RdbError::malformed(position, "a member that is there twice"));
        }
        zset.insert_new(&member, score, packing);
    }
    if count == 0 {
        return Err(RdbError::empty(start, WHAT));
    }
    Ok(zset)
}

fn binary_score(cursor: &mut Cursor<'_>) -> Result<f64, RdbError> {
    let position = cursor.position();
    let score = f64::from_le_bytes(cursor.array("a score")?);
    if score.is_nan() { Err(not_a_number(position)) } else { Ok(score) }
}

/// Bytes of text behind its length.
fn text_len(len: u8) -> u8 {
    if len >= TEXT_NAN { 0 } else { len }
}

fn text_score(cursor: &mut Cursor<'_>) -> Result<f64, RdbError> {
    let position = cursor.position();
    match cursor.byte("a score")? {
        TEXT_NAN => Err(not_a_number(position)),
        TEXT_INFINITE => Ok(f64::INFINITY),
        TEXT_NEGATIVE_INFINITE => Ok(f64::NEG_INFINITY),
        len => {
            let text = cursor.take(u64::from(len), "a score")?;
            double::parse(text).ok_or_else(|| not_a_number(position))
        }
    }
}

fn not_a_number(position: u64) -> RdbError {
    RdbError::malformed(position, "a score that is not a number")
}

/// Reads a string that is a ziplist.
fn unzipped(cursor: &mut Cursor<'_>) -> Result<Listpack, RdbError> {
    let position = cursor.position();
    let bytes = cursor.string("a ziplist")?.into_bytes();
    let elements = ziplist::elements(&bytes);
    let elements = elements.ok_or_else(|| RdbError::malformed(position, "a broken ziplist"))?;
    Ok(Listpack::of(elements))
}
