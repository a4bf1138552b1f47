//! Values as they go into and come out of a database: strings, and the collections of
//! [`types`](super::types).
//!
//! A string that is the canonical decimal form of an `i64` is kept as that number: the two forms are
//! one value, and every reader gets the digits back.

use std::borrow::Cow;

use super::types::{Collection, CollectionRef};
use crate::base::shared::SharedBytes;

/// Longest string, in bytes, that Redis keeps in one allocation with its header (`embstr`).
const EMBEDDED_LEN_MAX: usize = 44;
/// Longest decimal form of an `i64`, in bytes.
const INT_LEN_MAX: usize = 20;
/// Numbers that Redis keeps once for all keys, which shows in `OBJECT REFCOUNT`.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

/// A value that owns its bytes.
#[derive(Clone, Debug)]
pub enum Value {
    /// A string that is a decimal number.
    Int(i64),
    /// Any other string.
    Bytes(Vec<u8>),
    /// Anything else.
    Collection(Collection),
}

/// A value lent by an entry.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// A string.
    String(ValueRef<'a>),
    /// Anything else.
    Collection(CollectionRef<'a>),
}

/// A string lent by an entry, or an element lent by a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRef<'a> {
    /// A string that is a decimal number.
    Int(i64),
    /// Any other string.
    Bytes(&'a [u8]),
}

/// A value on its way into a database: copied from a request, or moved in.
#[derive(Clone, Debug)]
pub enum NewValue<'a> {
    /// A string that is a decimal number.
    Int(i64),
    /// A string to be copied.
    Copied(&'a [u8]),
    /// A string whose buffer the entry may keep.
    Moved(Vec<u8>),
    /// Anything else.
    Collection(Collection),
    /// A long string that the entry holds as well.
    Shared(SharedBytes),
}

impl Value {
    /// The string `bytes`, as a number where it is the canonical form of one.
    pub fn from_string(bytes: Vec<u8>) -> Self {
        match parse_int(&bytes) {
            Some(number) => Self::Int(number),
            None => Self::Bytes(bytes),
        }
    }
}

impl<'a> Content<'a> {
    /// The string, if it is one.
    pub fn as_string(self) -> Option<ValueRef<'a>> {
        match self {
            Self::String(string) => Some(string),
            Self::Collection(_) => None,
        }
    }

    /// The name `TYPE` gives.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::String(_) => "string",
            Self::Collection(collection) => collection.type_name(),
        }
    }

    /// The name `OBJECT ENCODING` gives; see [`ValueRef::encoding`] for strings.
    pub fn encoding(self) -> &'static str {
        match self {
            Self::String(string) => string.encoding(),
            Self::Collection(collection) => collection.encoding(),
        }
    }

    /// The references Redis would show.
    pub fn reference_count(self) -> i64 {
        match self {
            Self::String(string) => string.reference_count(),
            Self::Collection(_) => 1,
        }
    }

    /// A copy that owns its bytes. Collections share what they have in chunks.
    pub fn to_value(self) -> Value {
        match self {
            Self::String(string) => string.to_value(),
            Self::Collection(collection) => Value::Collection(collection.to_owned(0)),
        }
    }
}

impl<'a> ValueRef<'a> {
    /// The string `bytes`, as a number where it is the canonical form of one.
    pub fn from_string(bytes: &'a [u8]) -> Self {
        parse_int(bytes).map_or(Self::Bytes(bytes), Self::Int)
    }

    /// The name `OBJECT ENCODING` gives to a string set as a whole; an entry knows better, because a
    /// string that was changed in part stays `raw` (see [`Entry::encoding`](super::Entry::encoding)).
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Int(_) => "int",
            Self::Bytes(bytes) if bytes.len() <= EMBEDDED_LEN_MAX => "embstr",
            Self::Bytes(_) => "raw",
        }
    }

    /// The references Redis would show: those of a number that it shares are not counted.
    pub fn reference_count(&self) -> i64 {
        let shared = matches!(self, Self::Int(number) if SHARED_INTEGERS.contains(number));
        if shared { i64::from(i32::MAX) } else { 1 }
    }

    /// Length of the string, in bytes.
    pub fn len(&self) -> usize {
        match self {
            Self::Int(number) => int_len(*number),
            Self::Bytes(bytes) => bytes.len(),
        }
    }

    /// Whether the string has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands the string's bytes to `f`; a number's digits stand on the stack.
    pub fn with_bytes<R>(&self, f: impl FnOnce(&[u8]) -> R) -> R {
        match self {
            Self::Int(number) => f(itoa::Buffer::new().format(*number).as_bytes()),
            Self::Bytes(bytes) => f(bytes),
        }
    }

    /// The string's bytes, copied when they are digits of a number.
    pub fn to_cow(&self) -> Cow<'a, [u8]> {
        match self {
            Self::Int(number) => {
                Cow::Owned(itoa::Buffer::new().format(*number).as_bytes().to_vec())
            }
            Self::Bytes(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// The number the string stands for, if it is the canonical form of one.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bytes(bytes) => parse_int(bytes),
        }
    }

    /// A copy that owns its bytes.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Int(number) => Value::Int(*number),
            Self::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
        }
    }
}

impl From<Value> for NewValue<'_> {
    fn from(value: Value) -> Self {
        match value {
            Value::Int(number) => Self::Int(number),
            Value::Bytes(bytes) => Self::Moved(bytes),
            Value::Collection(collection) => Self::Collection(collection),
        }
    }
}

impl<'a> From<ValueRef<'a>> for Content<'a> {
    fn from(string: ValueRef<'a>) -> Self {
        Self::String(string)
    }
}

impl From<Collection> for NewValue<'_> {
    fn from(collection: Collection) -> Self {
        Self::Collection(collection)
    }
}

impl<'a> From<ValueRef<'a>> for NewValue<'a> {
    fn from(value: ValueRef<'a>) -> Self {
        match value {
            ValueRef::Int(number) => Self::Int(number),
            ValueRef::Bytes(bytes) => Self::Copied(bytes),
        }
    }
}

impl From<i64> for NewValue<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// The number of which `bytes` is the canonical decimal form: no sign but `-`, no leading zero.
pub fn parse_int(bytes: &[u8]) -> Option<i64> {
    if bytes.is_empty() || bytes.len() > INT_LEN_MAX {
        return None;
    }
    let (negative, digits) = match bytes.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, bytes),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    let mut number: i64 = 0;
    for &digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        let digit = i64::from(digit - b'0');
        number = number.checked_mul(10)?;
        number = if negative { number.checked_sub(digit)? } else { number.checked_add(digit)? };
    }
    Some(number)
}

/// Digits (and sign) in the decimal form of `number`.
fn int_len(number: i64) -> usize {
    let digits = number.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(number < 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_parse() {
        for number in [0, 1, -1, 9, 10, -10, i64::MAX, i64::MIN, 1_000_000] {
            let text = number.to_string();
            assert_eq!(parse_int(text.as_bytes()), Some(number));
            assert_eq!(int_len(number), text.len());
        }
        for text in ["", "-", "-0", "00", "01", "+1", "1 ", "9223372036854775808", "1a", "--1"] {
            assert_eq!(parse_int(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(parse_int(b"-9223372036854775809"), None);
    }

    #[test]
    fn encodings_follow_redis() {
        assert_eq!(ValueRef::from_string(b"12").encoding(), "int");
        assert_eq!(ValueRef::from_string(&[b'a'; 44]).encoding(), "embstr");
        assert_eq!(ValueRef::from_string(&[b'a'; 45]).encoding(), "raw");
    }
}
