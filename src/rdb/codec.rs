//! The one codec of keys and values: snapshots, `DUMP` and `RESTORE`, Redis replicas and masters.
//!
//! ```text
//! entry  [FC + 8 bytes: expires at, ms]  [FD + 4 bytes: expires at, s]  [F8 idle s]  [F9 frequency]
//!        type byte, key, value
//! ```
//! Times are little-endian, since the Unix epoch. Keys and strings are encoded as `length.rs` shows.

use std::borrow::Cow;

use super::cursor::{Cursor, RdbString};
use super::error::{RdbError, shown};
use super::length::{ENCODING_LZF, SPECIAL, push_integer, push_lzf_header, push_raw_string};
use super::lzf::Compressor;
use super::types;
use crate::keyspace::types::Packing;
use crate::keyspace::{Content, NewValue, Value, ValueRef, parse_int};

/// Type byte of a string.
pub const TYPE_STRING: u8 = 0;

/// The next key's expiry in milliseconds follows, 8 bytes.
pub const OPCODE_EXPIRE_MS: u8 = 0xfc;
/// The next key's expiry in seconds follows, 4 bytes.
pub const OPCODE_EXPIRE_S: u8 = 0xfd;
/// The next key's idle time in seconds follows, a length.
pub const OPCODE_IDLE: u8 = 0xf8;
/// The next key's access frequency follows, one byte.
pub const OPCODE_FREQUENCY: u8 = 0xf9;

/// Strings up to this length, in bytes, are stored as they are. Redis compresses from 21 bytes on, but
/// what that gains of short strings every load pays back: an allocation each.
const UNCOMPRESSED_LEN_MAX: usize = 128;
/// Compression must save this part of the length.
const COMPRESSION_GAIN_DIVISOR: usize = 8;
/// No number of 32 bits has more digits with its sign.
const INTEGER_DIGITS_MAX: usize = 11;

/// A value as it stands in a file: its bytes have been measured, not decoded.
#[derive(Clone, Copy, Debug)]
pub struct EncodedValue<'a> {
    /// Its type byte.
    pub type_byte: u8,
    /// Its encoding.
    pub bytes: &'a [u8],
    /// Where the encoding begins in the file.
    pub position: u64,
}

impl<'a> EncodedValue<'a> {
    /// Measures the value of type `type_byte` that begins at the cursor and passes over it.
    ///
    /// `key` and `position` (of the type byte) are for the error when the type is not supported.
    pub(crate) fn read(
        cursor: &mut Cursor<'a>,
        type_byte: u8,
        key: &RdbString<'_>,
        position: u64,
    ) -> Result<Self, RdbError> {
        let start = cursor.remaining();
        let value_position = cursor.position();
        match type_byte {
            TYPE_STRING => cursor.skip_string("a string value")?,
            _ if types::skip(cursor, type_byte)? => {}
            _ => return Err(unsupported(type_byte, key, position)),
        }
        let len = start.len() - cursor.remaining().len();
        Ok(Self { type_byte, bytes: &start[..len], position: value_position })
    }

    /// Measures the value of type `type_byte` that begins at the cursor if it is a short string, as
    /// [`Cursor::short_string`] has it, and passes over it. Of any other nothing is read.
    #[inline(always)]
    pub(super) fn read_short(cursor: &mut Cursor<'a>, type_byte: u8) -> Option<Self> {
        let (start, position) = (cursor.remaining(), cursor.position());
        match type_byte {
            TYPE_STRING => cursor.short_string()?,
            _ => return None,
        };
        let len = start.len() - cursor.remaining().len();
        Some(Self { type_byte, bytes: &start[..len], position })
    }

    /// Checks the encoding and makes nothing of it: fails where [`EncodedValue::decode_unless_empty`] does.
    #[inline]
    pub fn check(&self) -> Result<(), RdbError> {
        match (self.type_byte, self.bytes) {
            // Once measured, any string that is not compressed is one.
            (TYPE_STRING, &[first, ..]) if first != SPECIAL | ENCODING_LZF => Ok(()),
            _ => self.decode_unless_empty(&Packing::default()).map(drop),
        }
    }

    /// Decodes the value. A string that is neither a number nor compressed is not copied.
    pub fn decode(&self, packing: &Packing) -> Result<NewValue<'a>, RdbError> {
        let mut cursor = Cursor::new(self.bytes, self.position);
        if self.type_byte == TYPE_STRING {
            return cursor.string("a string value").map(string_value);
        }
        types::decode(&mut cursor, self.type_byte, packing)?
            .map(NewValue::Collection)
            .ok_or_else(|| RdbError::malformed(self.position, "a value of unknown type"))
    }

    /// Decodes the value of a key in a file: nothing where it is a collection without elements, because
    /// such a key is not there.
    pub fn decode_unless_empty(&self, packing: &Packing) -> Result<Option<NewValue<'a>>, RdbError> {
        match self.decode(packing) {
            Err(RdbError::Empty { .. }) => Ok(None),
            decoded => decoded.map(Some),
        }
    }
}

/// One key with its value, as it stands in a file.
#[derive(Clone, Debug)]
pub struct EncodedEntry<'a> {
    /// Where the entry begins in the file, its expiry included.
    pub position: u64,
    /// The database it belongs to.
    pub db: u32,
    /// The key.
    pub key: RdbString<'a>,
    /// The value.
    pub value: EncodedValue<'a>,
    /// When the key expires, in milliseconds since the Unix epoch.
    pub expire_ms: Option<u64>,
    /// Seconds since the key was last used, if the file says.
    pub idle_s: Option<u64>,
    /// How often the key was used, on Redis's logarithmic scale, if the file says.
    pub frequency: Option<u8>,
}

fn string_value(string: RdbString<'_>) -> NewValue<'_> {
    match string {
        RdbString::Int(number) => NewValue::Int(number),
        RdbString::Bytes(Cow::Borrowed(bytes)) => ValueRef::from_string(bytes).into(),
        RdbString::Bytes(Cow::Owned(bytes)) => Value::from_string(bytes).into(),
    }
}

/// The type byte of `value`.
pub fn type_byte(value: &Content<'_>) -> u8 {
    match value {
        Content::String(_) => TYPE_STRING,
        Content::Collection(collection) => types::type_byte(*collection),
    }
}

/// Appends `value`; its type byte is apart from it, because a key stands between them.
pub fn push_value(out: &mut Vec<u8>, value: &Content<'_>, compressor: Option<&mut Compressor>) {
    match value {
        Content::String(string) => push_element(out, *string, compressor),
        Content::Collection(collection) => {
            types::push(out, *collection, compressor, &mut |_: &mut Vec<u8>| {});
        }
    }
}

/// Hands the encoding of an entry to `write`, uncompressed and in pieces that are hardly longer than
/// `piece_len` bytes, unless an element is.
///
/// # Errors
/// The first of `write`'s.
pub(super) fn push_in_pieces(
    key: &[u8],
    value: &Content<'_>,
    expire_ms: Option<u64>,
    piece_len: usize,
    write: &mut impl FnMut(&[u8]) -> Result<(), RdbError>,
) -> Result<(), RdbError> {
    let mut out = Vec::new();
    let mut result = Ok(());
    push_entry_head(&mut out, key, type_byte(value), expire_ms);
    let mut spill = |out: &mut Vec<u8>| {
        if out.len() >= piece_len {
            if result.is_ok() {
                result = write(out);
            }
            out.clear();
        }
    };
    match value {
        Content::String(string) => push_element(&mut out, *string, None),
        Content::Collection(collection) => types::push(&mut out, *collection, None, &mut spill),
    }
    result?;
    write(&out)
}

/// Whether the value is one string, which may be compressed after it was encoded.
pub(super) fn is_one_string(value: &Content<'_>) -> bool {
    let type_byte = type_byte(value);
    type_byte == TYPE_STRING || types::is_one_string(type_byte)
}

/// Appends a string value, or an element of a collection.
pub fn push_element(out: &mut Vec<u8>, value: ValueRef<'_>, compressor: Option<&mut Compressor>) {
    match value {
        ValueRef::Int(number) => push_integer(out, number),
        ValueRef::Bytes(bytes) => push_string(out, bytes, compressor),
    }
}

/// A value type in words, for types that Redis has and this codec does not.
fn type_name(type_byte: u8) -> Option<&'static str> {
    Some(match type_byte {
        1 | 10 | 14 | 18 => "list",
        2 | 11 | 20 => "set",
        3 | 5 | 12 | 17 => "sorted set",
        4 | 9 | 13 | 16 => "hash",
        22..=25 => "hash with expiring fields",
        15 | 19 | 21 => "stream",
        6 | 7 => "module value",
        _ => return None,
    })
}

fn unsupported(type_byte: u8, key: &RdbString<'_>, position: u64) -> RdbError {
    let Some(type_name) = type_name(type_byte) else {
        return RdbError::malformed(position, "a value of unknown type");
    };
    RdbError::UnsupportedType { position, key: shown(&key.clone().into_bytes()), type_name }
}

/// Appends everything of an entry but its value.
pub fn push_entry_head(out: &mut Vec<u8>, key: &[u8], type_byte: u8, expire_ms: Option<u64>) {
    if let Some(expire_ms) = expire_ms {
        out.push(OPCODE_EXPIRE_MS);
        out.extend_from_slice(&expire_ms.to_le_bytes());
    }
    out.push(type_byte);
    push_key(out, key);
}

/// Appends a key; never compressed, so that it can be read in place.
fn push_key(out: &mut Vec<u8>, key: &[u8]) {
    match small_integer(key) {
        Some(number) => push_integer(out, number),
        None => push_raw_string(out, key),
    }
}

/// Appends a string's bytes: as a number, compressed if that gains, or as they are.
pub fn push_string(out: &mut Vec<u8>, bytes: &[u8], compressor: Option<&mut Compressor>) {
    if let Some(number) = small_integer(bytes) {
        return push_integer(out, number);
    }
    if let Some(compressor) = compressor
        && push_compressed(out, bytes, compressor)
    {
        return;
    }
    push_raw_string(out, bytes);
}

/// Appends the string at `value` compressed, or returns false and appends nothing where it is no
/// plain string or that gains too little.
pub fn push_recompressed(
    out: &mut Vec<u8>,
    value: &EncodedValue<'_>,
    compressor: &mut Compressor,
) -> Result<bool, RdbError> {
    let is_one_string = value.type_byte == TYPE_STRING || types::is_one_string(value.type_byte);
    if !is_one_string || value.bytes.len() <= UNCOMPRESSED_LEN_MAX {
        return Ok(false);
    }
    Ok(match Cursor::new(value.bytes, value.position).string("a string value")? {
        RdbString::Bytes(Cow::Borrowed(bytes)) => push_compressed(out, bytes, compressor),
        _ => false,
    })
}

/// Appends `bytes` compressed, or returns false and appends nothing when that gains too little.
fn push_compressed(out: &mut Vec<u8>, bytes: &[u8], compressor: &mut Compressor) -> bool {
    if bytes.len() <= UNCOMPRESSED_LEN_MAX {
        return false;
    }
    let len_max = bytes.len() - bytes.len() / COMPRESSION_GAIN_DIVISOR;
    let Some(compressed) = compressor.compress(bytes, len_max) else { return false };
    push_lzf_header(out, compressed.len() as u64, bytes.len() as u64);
    out.extend_from_slice(compressed);
    true
}

/// The number that `bytes` are the decimal form of, if 32 bits hold it.
fn small_integer(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > INTEGER_DIGITS_MAX {
        return None;
    }
    parse_int(bytes).filter(|&number| i32::try_from(number).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_numbers_of_32_bits_are_numbers() {
        for (text, number) in [("0", 0), ("-1", -1), ("2147483647", i64::from(i32::MAX))] {
            assert_eq!(small_integer(text.as_bytes()), Some(number));
        }
        assert_eq!(small_integer(b"-2147483648"), Some(i64::from(i32::MIN)));
        for text in ["", "-", "+1", "01", "-0", "1 ", "2147483648", "12345678901", "1e3", "--1"] {
            assert_eq!(small_integer(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn strings_in_every_form_round_trip() {
        let mut compressor = Compressor::new();
        let texts: [&[u8]; 9] = [
            b"",
            b"127",
            b"-32768",
            b"2147483647",
            b"99999999999",
            b"short",
            &[b'a'; 129],
            &[b'b'; 20_000],
            b"no repeats: 0123456789abcdefghijk",
        ];
        for text in texts {
            let mut out = Vec::new();
            push_string(&mut out, text, Some(&mut compressor));
            let mut cursor = Cursor::new(&out, 0);
            let read = cursor.string("a test").map(RdbString::into_bytes);
            assert_eq!(read.ok().as_deref(), Some(text));
            assert!(cursor.is_at_end());
        }
    }
}
