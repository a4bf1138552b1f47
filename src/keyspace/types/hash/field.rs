//! A field of a large hash: its name and its value in one allocation.
//!
//! ```text
//! length of the name, 7 bits a byte, the lowest first, 0x80 where more follow | name | value
//! ```

use crate::keyspace::hash::KeyHasher;
use crate::keyspace::types::table::Slot;
use crate::keyspace::value::ValueRef;

/// The bits of a length that one byte holds.
const LENGTH_BITS: u32 = 7;
/// Set in a byte of a length that another one follows.
const MORE: u8 = 0x80;
/// What the allocator adds to an allocation.
const ALLOCATION_OVERHEAD_BYTES: usize = 8;

/// A name with its value.
#[derive(Clone, Debug)]
pub struct Field(Box<[u8]>);

impl Field {
    /// The field `name` with this value.
    pub(super) fn new(name: &[u8], value: &[u8]) -> Self {
        let length_len = length_len(name.len());
        let mut bytes = Vec::with_capacity(length_len + name.len() + value.len());
        let mut rest = name.len();
        for _ in 1..length_len {
            bytes.push(rest as u8 | MORE);
            rest >>= LENGTH_BITS;
        }
        bytes.push(rest as u8);
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(value);
        Self(bytes.into_boxed_slice())
    }

    /// Where the name begins and where it ends.
    #[inline]
    fn bounds(&self) -> (usize, usize) {
        let (mut len, mut shift, mut at) = (0, 0, 0);
        loop {
            let byte = self.0[at];
            at += 1;
            len |= usize::from(byte & !MORE) << shift;
            if byte & MORE == 0 {
                return (at, at + len);
            }
            shift += LENGTH_BITS;
        }
    }

    /// Its name.
    #[inline]
    pub fn name(&self) -> &[u8] {
        let (start, end) = self.bounds();
        &self.0[start..end]
    }

    /// Its value.
    #[inline]
    pub fn value(&self) -> &[u8] {
        &self.0[self.bounds().1..]
    }

    /// Name and value.
    #[inline]
    pub fn pair(&self) -> (ValueRef<'_>, ValueRef<'_>) {
        let (start, end) = self.bounds();
        (ValueRef::Bytes(&self.0[start..end]), ValueRef::Bytes(&self.0[end..]))
    }

    /// Gives it another value: in place where that is as long as the one before.
    pub(super) fn set_value(&mut self, value: &[u8]) {
        let (start, end) = self.bounds();
        if self.0.len() - end == value.len() {
            self.0[end..].copy_from_slice(value);
        } else {
            *self = Self::new(&self.0[start..end], value);
        }
    }
}

/// Bytes that the length `len` takes.
fn length_len(len: usize) -> usize {
    let bits = (usize::BITS - len.leading_zeros()).max(1);
    bits.div_ceil(LENGTH_BITS) as usize
}

impl Slot for Field {
    #[inline]
    fn hash(&self, hasher: &KeyHasher) -> u64 {
        hasher.hash(self.name())
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        self.0.len() + ALLOCATION_OVERHEAD_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_of_any_length_come_apart_again() {
        let lens = [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152];
        for name in lens.map(|len| vec![b'n'; len]) {
            let mut field = Field::new(&name, b"");
            for value in [&b"value"[..], b"other", b"", b"longer than before"] {
                field.set_value(value);
                assert_eq!((field.name(), field.value()), (&name[..], value));
                let expected = (ValueRef::Bytes(&name), ValueRef::Bytes(value));
                assert_eq!(field.pair(), expected);
                let len = length_len(name.len()) + name.len() + value.len();
                assert_eq!(field.heap_bytes(), len + 8);
            }
        }
    }
}
