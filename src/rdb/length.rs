//! Length encoding: how RDB writes lengths, counts and database numbers.
//!
//! ```text
//! 00xxxxxx                      6-bit length
//! 01xxxxxx xxxxxxxx            14-bit length, big-endian
//! 10000000 + 4 bytes           32-bit length, big-endian
//! 10000001 + 8 bytes           64-bit length, big-endian
//! 11xxxxxx                     no length: a string in the special encoding xxxxxx
//! ```

/// Leads a 32-bit length.
pub const LEN_32: u8 = 0x80;
/// Leads a 64-bit length.
pub const LEN_64: u8 = 0x81;
/// The first byte of a string in a special encoding, which is added to it.
pub const SPECIAL: u8 = 0xc0;
/// Special encoding: one signed byte.
pub const ENCODING_INT8: u8 = 0;
/// Special encoding: two bytes, signed, little-endian.
pub const ENCODING_INT16: u8 = 1;
/// Special encoding: four bytes, signed, little-endian.
pub const ENCODING_INT32: u8 = 2;
/// Special encoding: compressed length, length, LZF bytes.
pub const ENCODING_LZF: u8 = 3;

/// What a length byte announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// A length or count.
    Plain(u64),
    /// A string in a special encoding (`ENCODING_*`).
    Special(u8),
}

/// Appends a length in its shortest form.
pub fn push_length(out: &mut Vec<u8>, length: u64) {
    if let Ok(byte) = u8::try_from(length)
        && byte < 1 << 6
    {
        out.push(byte);
    } else if let Ok(short) = u16::try_from(length)
        && short < 1 << 14
    {
        out.extend_from_slice(&(short | 1 << 14).to_be_bytes());
    } else if let Ok(word) = u32::try_from(length) {
        out.push(LEN_32);
        out.extend_from_slice(&word.to_be_bytes());
    } else {
        out.push(LEN_64);
        out.extend_from_slice(&length.to_be_bytes());
    }
}

/// Appends a string that is neither a number nor compressed.
pub fn push_raw_string(out: &mut Vec<u8>, bytes: &[u8]) {
    push_length(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a number as a string: in one of the integer encodings, or in decimal beyond 32 bits.
pub fn push_integer(out: &mut Vec<u8>, number: i64) {
    if let Ok(byte) = i8::try_from(number) {
        out.push(SPECIAL | ENCODING_INT8);
        out.extend_from_slice(&byte.to_le_bytes());
    } else if let Ok(short) = i16::try_from(number) {
        out.push(SPECIAL | ENCODING_INT16);
        out.extend_from_slice(&short.to_le_bytes());
    } else if let Ok(word) = i32::try_from(number) {
        out.push(SPECIAL | ENCODING_INT32);
        out.extend_from_slice(&word.to_le_bytes());
    } else {
        push_raw_string(out, itoa::Buffer::new().format(number).as_bytes());
    }
}

/// Appends the head of a compressed string, whose `compressed_len` bytes follow.
pub fn push_lzf_header(out: &mut Vec<u8>, compressed_len: u64, len: u64) {
    out.push(SPECIAL | ENCODING_LZF);
    push_length(out, compressed_len);
    push_length(out, len);
}
