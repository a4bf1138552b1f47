//! A segment of a table: all elements whose hashes have one prefix.

use super::index::Index;
use super::{LEN_MAX, Slot, allocated_bytes};
use crate::keyspace::hash::KeyHasher;

/// Elements that a segment of `len` elements gets room for.
fn room(len: usize) -> usize {
    let more = len + (len / 8).max(8);
    if len < LEN_MAX { more.min(LEN_MAX) } else { more }
}

/// Elements side by side, in no order, and an index of them.
#[derive(Debug)]
pub(super) struct Segment<T> {
    items: Vec<T>,
    index: Index,
    /// The first hash with the prefix.
    first_hash: u64,
    /// Length of the prefix, in bits.
    depth: u32,
}

impl<T: Slot> Segment<T> {
    /// An empty segment with room for `capacity` elements.
    pub fn with_capacity(capacity: usize, first_hash: u64, depth: u32) -> Self {
        let items = Vec::with_capacity(capacity);
        let index = Index::with_capacity(items.capacity());
        Self { items, index, first_hash, depth }
    }

    /// An empty segment for `len` elements of one that has split: with more room, unless it is to
    /// split again before it gets any.
    fn for_half(len: usize, first_hash: u64, depth: u32) -> Self {
        let capacity = if len <= LEN_MAX { room(len).min(LEN_MAX) } else { room(len) };
        Self::with_capacity(capacity, first_hash, depth)
    }

    pub fn items(&self) -> &[T] {
        &self.items
    }

    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn depth(&self) -> u32 {
        self.depth
    }

    pub fn first_hash(&self) -> u64 {
        self.first_hash
    }

    /// The first hash after those with the prefix; `None` after the last.
    pub fn next_hash(&self) -> Option<u64> {
        if self.depth == 0 { None } else { self.first_hash.checked_add(1 << (64 - self.depth)) }
    }

    #[inline]
    fn suffix(&self, hash: u64) -> u32 {
        ((hash << self.depth) >> 32) as u32
    }

    /// The place in the index and the position of an element.
    #[inline]
    pub fn find(&self, hash: u64, mut eq: impl FnMut(&T) -> bool) -> Option<(usize, usize)> {
        self.index.find(self.suffix(hash), |position| eq(&self.items[position]))
    }

    pub fn item_mut(&mut self, position: usize) -> &mut T {
        &mut self.items[position]
    }

    #[inline]
    pub fn is_full(&self) -> bool {
        self.items.len() == self.items.capacity()
    }

    /// Adds an element; there is room.
    #[inline]
    pub fn push(&mut self, hash: u64, item: T) {
        self.index.insert(self.suffix(hash), self.items.len());
        self.items.push(item);
    }

    /// Takes out what [`Segment::find`] has found.
    pub fn remove(&mut self, (place, position): (usize, usize), hasher: &KeyHasher) -> T {
        self.index.remove(place);
        let item = self.items.swap_remove(position);
        if let Some(moved) = self.items.get(position) {
            let suffix = self.suffix(moved.hash(hasher));
            self.index.renumber(suffix, self.items.len(), position);
        }
        item
    }

    /// Makes more room.
    pub fn grow(&mut self) {
        let len = self.items.len();
        self.items.reserve_exact(room(len) - len);
        self.index.resize(self.items.capacity());
    }

    /// Whether most of the room is not used.
    pub fn is_sparse(&self) -> bool {
        self.items.capacity() > room(self.items.len()) * 2
    }

    /// Gives back room that is not used.
    pub fn shrink(&mut self) {
        self.items.shrink_to(room(self.items.len()));
        self.index.resize(self.items.capacity());
    }

    /// Keeps the elements whose next bit of the hash is 0; the segment of the others.
    pub fn split(&mut self, hasher: &KeyHasher) -> Self {
        let bit = 1 << (63 - self.depth);
        let (len, low_len) = (self.items.len(), self.index.count_low());
        let mut low = Self::for_half(low_len, self.first_hash, self.depth + 1);
        let mut high = Self::for_half(len - low_len, self.first_hash | bit, self.depth + 1);
        for item in std::mem::take(&mut self.items) {
            let hash = item.hash(hasher);
            let half = if hash & bit == 0 { &mut low } else { &mut high };
            half.push(hash, item);
        }
        *self = low;
        high
    }

    /// The segment of all elements of two neighbours.
    pub fn merged(self, other: Self, hasher: &KeyHasher) -> Self {
        let first_hash = self.first_hash.min(other.first_hash);
        let len = self.items.len() + other.items.len();
        let mut merged = Self::with_capacity(room(len), first_hash, self.depth - 1);
        for item in self.items.into_iter().chain(other.items) {
            merged.push(item.hash(hasher), item);
        }
        merged
    }

    /// What shows of hashes in scan order: `hash` without the bits that the index does not keep.
    pub fn shown(&self, hash: u64) -> u64 {
        self.hash_of(self.index.shown(self.suffix(hash)))
    }

    fn hash_of(&self, suffix: u32) -> u64 {
        self.first_hash | (u64::from(suffix) << 32) >> self.depth
    }

    /// The elements in order of what shows of their hashes, with that, from that of `hash` on.
    pub fn iter_from(&self, hash: u64) -> impl Iterator<Item = (u64, &T)> {
        let words = self.index.iter_from(self.suffix(hash));
        words.map(|(suffix, position)| (self.hash_of(suffix), &self.items[position]))
    }

    /// Bytes of memory of the segment without what elements own.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        /// The two counters of an `Arc`.
        const COUNTERS_BYTES: usize = 2 * size_of::<usize>();
        allocated_bytes::<Self>(1)
            + COUNTERS_BYTES
            + allocated_bytes::<T>(self.items.capacity())
            + self.index.memory_bytes()
    }
}

impl<T: Clone> Clone for Segment<T> {
    /// With the same capacity: the copy is about to change.
    fn clone(&self) -> Self {
        let mut items = Vec::with_capacity(self.items.capacity());
        items.extend_from_slice(&self.items);
        Self { items, index: self.index.clone(), ..*self }
    }
}

#[cfg(test)]
impl<T: Slot> Segment<T> {
    /// Asserts that the index leads to every element.
    pub fn check(&self, hasher: &KeyHasher) {
        assert_eq!(self.index.check(), self.items.len());
        for (position, item) in self.items.iter().enumerate() {
            let hash = item.hash(hasher);
            assert_eq!(
                hash.checked_shr(64 - self.depth),
                self.first_hash.checked_shr(64 - self.depth)
            );
            assert!(self.index.find(self.suffix(hash), |found| found == position).is_some());
        }
    }
}
