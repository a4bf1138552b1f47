//! A piece of a large list: a listpack, as long as `list-max-listpack-size` lets it be.

use std::ops::Range;

use crate::keyspace::types::tree::{Leaf, SplitAt};
use crate::keyspace::types::{Listpack, ListpackRef, Position};
use crate::keyspace::value::ValueRef;

/// Bytes of a piece for the classes -1 to -5.
const CLASS_BYTES: [u32; 5] = [4096, 8192, 16_384, 32_768, 65_536];
/// Most bytes of a piece that is limited by its elements.
const SAFE_BYTES: u32 = 8192;

/// How large a piece may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceLimit {
    bytes: u32,
    elements: u32,
}

impl PieceLimit {
    /// What `list-max-listpack-size` says.
    pub fn of_directive(size: i32) -> Self {
        if let Ok(elements) = u32::try_from(size) {
            return Self { bytes: SAFE_BYTES, elements: elements.max(1) };
        }
        let class = (size.unsigned_abs() as usize).min(CLASS_BYTES.len());
        Self { bytes: CLASS_BYTES[class - 1], elements: u32::MAX }
    }

    /// Whether so much is more than it lets.
    pub fn is_exceeded(self, bytes: usize, elements: usize) -> bool {
        bytes > self.bytes as usize || elements > self.elements as usize
    }

    /// Half of it.
    pub fn half(self) -> Self {
        let elements = if self.elements == u32::MAX { u32::MAX } else { self.elements / 2 };
        // Bytes do not count where elements do: a list that is short enough is packed again.
        let bytes = if elements == u32::MAX { self.bytes / 2 } else { u32::MAX };
        Self { bytes, elements }
    }
}

/// Neighbouring elements of a large list.
#[derive(Clone, Debug)]
pub struct Piece {
    pack: Listpack,
    /// Number of elements, which the listpack itself does not know of more than 65,534.
    len: u32,
    limit: PieceLimit,
}

impl Piece {
    /// A piece that holds the elements of `pack`.
    pub fn new(pack: Listpack, limit: PieceLimit) -> Self {
        let len = pack.as_ref().len() as u32;
        Self { pack, len, limit }
    }

    /// The elements.
    pub fn pack(&self) -> ListpackRef<'_> {
        self.pack.as_ref()
    }

    /// The elements, moved out.
    pub fn into_pack(self) -> Listpack {
        self.pack
    }

    /// Where element `index` begins, or where the last one ends.
    pub fn position(&self, index: usize) -> Position {
        let pack = self.pack.as_ref();
        pack.position(index).unwrap_or_else(|| pack.end_position())
    }

    /// Removes `removed` elements from `index` on and puts `values` in their place.
    pub fn splice(&mut self, index: usize, removed: usize, values: &[ValueRef<'_>]) {
        let removed = removed.min((self.len as usize).saturating_sub(index));
        self.pack.splice(self.position(index), removed, values);
        self.len = self.len - removed as u32 + values.len() as u32;
    }

    /// Appends an element.
    pub fn push_back(&mut self, value: ValueRef<'_>) {
        self.pack.push(value);
        self.len += 1;
    }

    /// Puts an element before all others.
    pub fn push_front(&mut self, value: ValueRef<'_>) {
        self.pack.insert(self.pack.as_ref().first_position(), &[value]);
        self.len += 1;
    }

    /// Length of the listpack, in bytes.
    pub fn byte_len(&self) -> usize {
        self.pack.byte_len()
    }

    fn split_off(&mut self, index: usize) -> Self {
        let rest = self.pack.split_off(self.position(index));
        let len = self.len - index as u32;
        self.len = index as u32;
        self.pack.shrink();
        Self { pack: rest, len, limit: self.limit }
    }

    /// The first element before which half of the bytes are; neither the first of all nor beyond.
    fn middle(&self) -> usize {
        let half = self.pack.byte_len() / 2;
        let (mut bytes, mut index) = (0, 0);
        for value in self.pack.as_ref().iter() {
            bytes += crate::keyspace::types::element_len(value);
            if bytes > half {
                break;
            }
            index += 1;
        }
        index.clamp(1, self.len as usize - 1)
    }

    /// How many elements from one end on fill a piece; at least one, and not all.
    fn full_len(&self, values: impl Iterator<Item = usize>) -> usize {
        let (mut bytes, mut len) = (Listpack::new().byte_len(), 0);
        for value_len in values {
            bytes += value_len;
            if self.limit.is_exceeded(bytes, len + 1) {
                break;
            }
            len += 1;
        }
        len.clamp(1, self.len as usize - 1)
    }
}

impl Leaf for Piece {
    type Key = ();

    fn len(&self) -> usize {
        self.len as usize
    }

    fn heap_bytes(&self) -> usize {
        self.pack.heap_bytes()
    }

    fn separator(_: &Self, _: &Self) -> Self::Key {}

    fn is_oversized(&self) -> bool {
        self.limit.is_exceeded(self.pack.byte_len(), self.len as usize)
    }

    fn is_undersized(&self) -> bool {
        let half =
            PieceLimit { bytes: self.limit.bytes / 2, elements: self.limit.elements.div_ceil(2) };
        !half.is_exceeded(self.pack.byte_len(), self.len as usize)
    }

    fn split(&mut self, at: SplitAt) -> Self {
        let element_len = crate::keyspace::types::element_len;
        let index = match at {
            SplitAt::Start => {
                let from_back = self.full_len(self.pack.as_ref().iter().rev().map(element_len));
                self.len as usize - from_back
            }
            SplitAt::Middle => self.middle(),
            SplitAt::End => self.full_len(self.pack.as_ref().iter().map(element_len)),
        };
        self.split_off(index)
    }

    fn fits(&self, next: &Self) -> bool {
        let bytes = self.pack.byte_len() + next.pack.byte_len();
        !self.limit.is_exceeded(bytes, self.len as usize + next.len as usize)
    }

    fn append(&mut self, next: Self) {
        self.pack.append(next.pack.as_ref());
        self.len += next.len;
    }

    fn remove(&mut self, range: Range<usize>) {
        self.splice(range.start, range.len(), &[]);
    }
}
