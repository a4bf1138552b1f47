//! A place in the bytes of a file: reads the primitives of RDB and knows the position of each.

use std::borrow::Cow;

use super::error::RdbError;
use super::length::{
    ENCODING_INT8, ENCODING_INT16, ENCODING_INT32, ENCODING_LZF, LEN_32, LEN_64, Length, SPECIAL,
};
use super::lzf;
use crate::base::limits::RDB_STRING_LEN_MAX;

/// A string as it stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RdbString<'a> {
    /// A number in an integer encoding.
    Int(i64),
    /// Bytes: part of the file, or decompressed.
    Bytes(Cow<'a, [u8]>),
}

impl<'a> RdbString<'a> {
    /// The string's bytes; a number in decimal.
    pub fn into_bytes(self) -> Cow<'a, [u8]> {
        match self {
            Self::Int(number) => Cow::Owned(itoa::Buffer::new().format(number).as_bytes().to_vec()),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// First bytes of numbers in the integer encodings.
const INT8: u8 = SPECIAL | ENCODING_INT8;
const INT16: u8 = SPECIAL | ENCODING_INT16;
const INT32: u8 = SPECIAL | ENCODING_INT32;

/// Reads forward through `bytes`; `base` is the position of their first byte in the file.
#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    base: u64,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8], base: u64) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Where the next byte is, from the beginning of the file.
    #[inline]
    pub fn position(&self) -> u64 {
        self.base + self.at as u64
    }

    #[inline]
    pub fn remaining(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// The next `len` bytes, part of `what`.
    #[inline]
    pub fn take(&mut self, len: u64, what: &'static str) -> Result<&'a [u8], RdbError> {
        let taken = usize::try_from(len).ok().and_then(|len| self.remaining().get(..len));
        match taken {
            Some(taken) => {
                self.at += taken.len();
                Ok(taken)
            }
            None => Err(self.truncated(what)),
        }
    }

    /// The next `N` bytes, part of `what`.
    #[inline]
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], RdbError> {
        match self.next_array() {
            Some(taken) => Ok(taken),
            None => Err(self.truncated(what)),
        }
    }

    /// The next `N` bytes, if there are so many.
    #[inline]
    pub fn next_array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let taken = *self.remaining().first_chunk()?;
        self.at += N;
        Some(taken)
    }

    /// The next byte, if there is one.
    #[inline]
    pub fn next_byte(&mut self) -> Option<u8> {
        self.next_array::<1>().map(|[byte]| byte)
    }

    #[cold]
    fn truncated(&self, what: &'static str) -> RdbError {
        RdbError::Truncated { position: self.position(), what }
    }

    pub fn byte(&mut self, what: &'static str) -> Result<u8, RdbError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn length_or_special(&mut self, what: &'static str) -> Result<Length, RdbError> {
        let position = self.position();
        let first = self.byte(what)?;
        Ok(match first >> 6 {
            0 => Length::Plain(u64::from(first)),
            1 => {
                let low = self.byte(what)?;
                Length::Plain(u64::from(first & 0x3f) << 8 | u64::from(low))
            }
            2 => match first {
                LEN_32 => Length::Plain(u64::from(u32::from_be_bytes(self.array(what)?))),
                LEN_64 => Length::Plain(u64::from_be_bytes(self.array(what)?)),
                _ => return Err(RdbError::malformed(position, "a length of unknown form")),
            },
            _ => Length::Special(first & 0x3f),
        })
    }

    /// Reads a length, a count or a database number.
    pub fn length(&mut self, what: &'static str) -> Result<u64, RdbError> {
        let position = self.position();
        match self.length_or_special(what)? {
            Length::Plain(length) => Ok(length),
            Length::Special(_) => {
                Err(RdbError::malformed(position, "a string where a length belongs"))
            }
        }
    }

    /// Reads a string in any encoding.
    pub fn string(&mut self, what: &'static str) -> Result<RdbString<'a>, RdbError> {
        let position = self.position();
        Ok(match self.length_or_special(what)? {
            Length::Plain(len) => RdbString::Bytes(Cow::Borrowed(self.take(len, what)?)),
            Length::Special(ENCODING_INT8) => {
                RdbString::Int(i64::from(i8::from_le_bytes(self.array(what)?)))
            }
            Length::Special(ENCODING_INT16) => {
                RdbString::Int(i64::from(i16::from_le_bytes(self.array(what)?)))
            }
            Length::Special(ENCODING_INT32) => {
                RdbString::Int(i64::from(i32::from_le_bytes(self.array(what)?)))
            }
            Length::Special(ENCODING_LZF) => {
                let (compressed, len) = self.lzf(what)?;
                match lzf::decompress(compressed, len) {
                    Some(bytes) => RdbString::Bytes(Cow::Owned(bytes)),
                    None => {
                        return Err(RdbError::malformed(position, "a broken compressed string"));
                    }
                }
            }
            Length::Special(_) => {
                return Err(RdbError::malformed(position, "a string of unknown encoding"));
            }
        })
    }

    /// The next string, if it is one of up to 16383 bytes that stand as they are, or a number. Of any
    /// other, and of one that is cut off, nothing is read: [`Cursor::string`] says what it is.
    #[inline(always)]
    pub fn short_string(&mut self) -> Option<RdbString<'a>> {
        let (&first, rest) = self.remaining().split_first()?;
        let (string, len) = match (first, rest) {
            (0..0x40, rest) => {
                let bytes = rest.get(..usize::from(first))?;
                (RdbString::Bytes(Cow::Borrowed(bytes)), 1 + bytes.len())
            }
            (0x40..0x80, [low, rest @ ..]) => {
                let bytes = rest.get(..usize::from(first & 0x3f) << 8 | usize::from(*low))?;
                (RdbString::Bytes(Cow::Borrowed(bytes)), 2 + bytes.len())
            }
            (INT8, &[a, ..]) => (RdbString::Int(i8::from_le_bytes([a]).into()), 2),
            (INT16, &[a, b, ..]) => (RdbString::Int(i16::from_le_bytes([a, b]).into()), 3),
            (INT32, &[a, b, c, d, ..]) => {
                (RdbString::Int(i32::from_le_bytes([a, b, c, d]).into()), 5)
            }
            _ => return None,
        };
        self.at += len;
        Some(string)
    }

    /// Passes over a string in any encoding without decompressing it.
    pub fn skip_string(&mut self, what: &'static str) -> Result<(), RdbError> {
        let position = self.position();
        match self.length_or_special(what)? {
            Length::Plain(len) => self.take(len, what)?,
            Length::Special(ENCODING_INT8) => self.take(1, what)?,
            Length::Special(ENCODING_INT16) => self.take(2, what)?,
            Length::Special(ENCODING_INT32) => self.take(4, what)?,
            Length::Special(ENCODING_LZF) => self.lzf(what)?.0,
            Length::Special(_) => {
                return Err(RdbError::malformed(position, "a string of unknown encoding"));
            }
        };
        Ok(())
    }

    /// The compressed bytes of an LZF string and the length they stand for.
    fn lzf(&mut self, what: &'static str) -> Result<(&'a [u8], usize), RdbError> {
        let position = self.position();
        let compressed_len = self.length(what)?;
        let len = self.length(what)?;
        let compressed = self.take(compressed_len, what)?;
        match usize::try_from(len) {
            Ok(len) if len as u64 <= RDB_STRING_LEN_MAX => Ok((compressed, len)),
            _ => Err(RdbError::malformed(position, "a compressed string longer than allowed")),
        }
    }
}
