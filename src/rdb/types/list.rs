//! Lists in RDB files.
//!
//! ```text
//! 1    count, elements as strings                                      Redis 2
//! 10   a ziplist                                                       before Redis 3.2
//! 14   count, ziplists                                                 before Redis 7
//! 18   count, pieces: 1 and one element, or 2 and a listpack           written
//! ```

use super::{listpack, push_packed, ziplist};
use crate::keyspace::ValueRef;
use crate::keyspace::types::tree::Leaf;
use crate::keyspace::types::{List, ListRef, Listpack, Packing, Piece};
use crate::rdb::codec::push_element;
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::length::push_length;
use crate::rdb::lzf::Compressor;

const LIST: u8 = 1;
const LIST_ZIPLIST: u8 = 10;
const LIST_QUICKLIST: u8 = 14;
const LIST_QUICKLIST_2: u8 = 18;
/// A piece that is one element.
const PIECE_PLAIN: u64 = 1;
/// A piece that is a listpack.
const PIECE_PACKED: u64 = 2;
const WHAT: &str = "a list";

pub(super) fn type_byte(_list: ListRef<'_>) -> u8 {
    LIST_QUICKLIST_2
}

pub(super) fn push(
    out: &mut Vec<u8>,
    list: ListRef<'_>,
    mut compressor: Option<&mut Compressor>,
    spill: &mut impl FnMut(&mut Vec<u8>),
) {
    match list {
        ListRef::Packed(pack) => {
            push_length(out, 1);
            push_length(out, PIECE_PACKED);
            push_packed(out, pack.bytes(), compressor);
        }
        ListRef::Large(tree) => {
            push_length(out, tree.leaf_count() as u64);
            for (piece, _) in tree.leaves_from(0) {
                push_piece(out, piece, compressor.as_deref_mut());
                spill(out);
            }
        }
    }
}

fn push_piece(out: &mut Vec<u8>, piece: &Piece, compressor: Option<&mut Compressor>) {
    // Only an element too large for any other beside it makes a piece too large.
    match piece.pack().get(0).filter(|_| piece.len() == 1 && piece.is_oversized()) {
        Some(element) => {
            push_length(out, PIECE_PLAIN);
            push_element(out, element, compressor);
        }
        None => {
            push_length(out, PIECE_PACKED);
            push_packed(out, piece.pack().bytes(), compressor);
        }
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    match type_byte {
        LIST_ZIPLIST => cursor.skip_string(WHAT)?,
        LIST | LIST_QUICKLIST => {
            for _ in 0..cursor.length(WHAT)? {
                cursor.skip_string(WHAT)?;
            }
        }
        LIST_QUICKLIST_2 => {
            for _ in 0..cursor.length(WHAT)? {
                cursor.length(WHAT)?;
                cursor.skip_string(WHAT)?;
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
) -> Result<Option<List>, RdbError> {
    let position = cursor.position();
    let list = match type_byte {
        LIST => elements(cursor, packing)?,
        LIST_ZIPLIST => {
            let pack = Some(unzipped(cursor)?).filter(|pack| !pack.as_ref().is_empty());
            List::of_pieces(pack, packing)
        }
        LIST_QUICKLIST => pieces(cursor, packing, unzipped)?,
        LIST_QUICKLIST_2 => pieces(cursor, packing, piece)?,
        _ => return Ok(None),
    };
    if list.as_ref().is_empty() {
        return Err(RdbError::empty(position, WHAT));
    }
    Ok(Some(list))
}

/// Elements gathered into pieces, each as soon as it is full.
fn elements(cursor: &mut Cursor<'_>, packing: &Packing) -> Result<List, RdbError> {
    let mut list = List::new();
    for _ in 0..cursor.length(WHAT)? {
        let element = cursor.string("an element of a list")?.into_bytes();
        list.push(crate::keyspace::types::End::Back, std::iter::once(&*element), packing);
    }
    Ok(list)
}

/// Pieces, each read by `read`.
fn pieces(
    cursor: &mut Cursor<'_>,
    packing: &Packing,
    read: fn(&mut Cursor<'_>) -> Result<Listpack, RdbError>,
) -> Result<List, RdbError> {
    let mut found = Vec::new();
    for _ in 0..cursor.length(WHAT)? {
        let pack = read(cursor)?;
        // Redis may have written pieces without elements, and passes over them.
        if !pack.as_ref().is_empty() {
            found.push(pack);
        }
    }
    Ok(List::of_pieces(found, packing))
}

fn piece(cursor: &mut Cursor<'_>) -> Result<Listpack, RdbError> {
    let position = cursor.position();
    match cursor.length(WHAT)? {
        PIECE_PLAIN => {
            let element = cursor.string("an element of a list")?.into_bytes();
            Ok(Listpack::of([ValueRef::from_string(&element)]))
        }
        PIECE_PACKED => listpack(cursor),
        _ => Err(RdbError::malformed(position, "a piece of a list of unknown form")),
    }
}

/// Reads a string that is a ziplist.
fn unzipped(cursor: &mut Cursor<'_>) -> Result<Listpack, RdbError> {
    let position = cursor.position();
    let bytes = cursor.string("a ziplist")?.into_bytes();
    let elements = ziplist::elements(&bytes);
    let elements = elements.ok_or_else(|| RdbError::malformed(position, "a broken ziplist"))?;
    Ok(Listpack::of(elements))
}
