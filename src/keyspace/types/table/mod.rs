//! A table of elements by the hash of their names: extendible hashing, so that no change ever touches
//! more than a segment, in segments that clones share until one of them changes.
//!
//! ```text
//! hash   63 ........ 64-depth | ............................................ 0
//!        directory index      |      the segment's index shows the next 22 or so
//!
//! directory   [u32; 1 << depth]: index -> number of a segment
//! segment     up to 960 elements side by side, and an index of them in hash order
//! ```
//!
//! A full segment splits in two by the next bit of the hash, and neighbours that have become small
//! merge again; the directory doubles or halves when the longest prefix does. So the longest insert
//! handles some 1000 elements. Elements lie side by side without gaps, which the table of keys does not
//! have: room grows by an eighth, not to the double, and a segment is copied element after element.
//!
//! A clone costs a walk over the segments' counters. After it a change copies the one segment that it
//! is about. While nothing is shared, a change costs one atomic operation for asking.
//!
//! What always holds: a segment of depth `d` stands in `1 << (depth - d)` neighbouring directory
//! cells; scan order is hash order, which splits and merges do not change.

mod index;
mod segment;
#[cfg(test)]
mod tests;
mod visit;

use std::sync::Arc;

use segment::Segment;

use crate::keyspace::hash::KeyHasher;

/// Elements of a full segment.
const LEN_MAX: usize = 960;
/// Two neighbours with no more elements than this together become one.
const MERGE_LEN_MAX: usize = LEN_MAX / 2;
/// A removal that leaves a multiple of this many elements looks whether memory can be given back.
const REMOVALS_PER_LOOK: usize = 8;
/// Elements a segment is given when the size of the table is known before.
const EXPECTED_LEN: usize = LEN_MAX * 3 / 4;
/// Directory cells there may be for each segment before a segment grows instead of splitting. With
/// hashes of any quality there are two to four; this bounds what chosen collisions can do.
const CELLS_PER_SEGMENT_MAX: usize = 64;
/// The longest prefix: what an index shows below it are bits that a scan position has.
const DEPTH_MAX: u32 = 30;
/// What the allocator adds to an allocation.
const ALLOCATION_OVERHEAD_BYTES: usize = 8;

const _: () = assert!(MERGE_LEN_MAX <= LEN_MAX / 2, "what has just split does not merge");
const _: () = assert!(LEN_MAX + 1 < 1 << index::POSITION_BITS_MIN, "a position fits in a word");

/// Bytes that an allocation of `len` values takes.
fn allocated_bytes<V>(len: usize) -> usize {
    if len == 0 { 0 } else { len * size_of::<V>() + ALLOCATION_OVERHEAD_BYTES }
}

/// What a [`MemberTable`] holds: an element with the name it is found by.
pub trait Slot: Clone {
    /// The hash of its name, which is taken again when a segment splits or merges and when the element
    /// moves. It must be the one it was inserted with.
    fn hash(&self, hasher: &KeyHasher) -> u64;

    /// Bytes of memory it owns beside itself, with 8 bytes for each allocation. A clone owns as much.
    fn heap_bytes(&self) -> usize;
}

/// The elements of one hash, set or sorted set, by the hash of their names. Cloning it is cheap.
///
/// Every call takes the hash that [`Slot::hash`] would give: it is taken once by the caller. Who hands
/// in a false one finds nothing.
#[derive(Clone, Debug)]
pub struct MemberTable<T> {
    directory: Vec<u32>,
    segments: Vec<Arc<Segment<T>>>,
    /// Bits of the hash that index the directory.
    depth: u32,
    /// Number of segments as deep as the directory.
    deepest: usize,
    len: usize,
    segments_bytes: usize,
    items_heap_bytes: usize,
    hasher: KeyHasher,
}

impl<T: Slot> MemberTable<T> {
    /// An empty table, which has not allocated anything.
    pub fn new(hasher: KeyHasher) -> Self {
        const { assert!(size_of::<T>() > 0, "elements have content") };
        Self {
            directory: Vec::new(),
            segments: Vec::new(),
            depth: 0,
            deepest: 0,
            len: 0,
            segments_bytes: 0,
            items_heap_bytes: 0,
            hasher,
        }
    }

    /// An empty table with room for `capacity` elements, which the caller has bounded.
    pub fn with_capacity(capacity: usize, hasher: KeyHasher) -> Self {
        let mut table = Self::new(hasher);
        let (depth, room) = if capacity <= LEN_MAX {
            (0, capacity)
        } else {
            let segments = capacity.div_ceil(EXPECTED_LEN).next_power_of_two();
            let depth = segments.ilog2().min(DEPTH_MAX);
            // Segments get unequal shares.
            (depth, ((capacity >> depth) * 9 / 8).min(LEN_MAX))
        };
        let numbers = 0..1_u32 << depth;
        table.directory = numbers.clone().collect();
        table.segments.reserve_exact(numbers.len());
        for number in numbers {
            let first_hash = (u64::from(number) << 32) << (32 - depth);
            table.add_segment(Segment::with_capacity(room, first_hash, depth));
        }
        (table.depth, table.deepest) = (depth, table.segments.len());
        table
    }

    /// What takes the hashes of names.
    pub fn hasher(&self) -> &KeyHasher {
        &self.hasher
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of memory of directory, segments, elements and what those own, beside the table itself.
    /// What clones share counts for each of them.
    pub fn memory_bytes(&self) -> usize {
        self.segments_bytes
            + self.items_heap_bytes
            + allocated_bytes::<u32>(self.directory.capacity())
            + allocated_bytes::<Arc<Segment<T>>>(self.segments.capacity())
    }

    #[inline]
    fn cell(&self, hash: u64) -> usize {
        // In two steps, because a shift by 64 is none.
        ((hash >> 1) >> (63 - self.depth)) as usize
    }

    /// The number of the segment to which `hash` belongs.
    #[inline]
    fn number_of(&self, hash: u64) -> Option<usize> {
        self.directory.get(self.cell(hash)).map(|&number| number as usize)
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> Option<&Segment<T>> {
        Some(&self.segments[self.number_of(hash)?])
    }

    /// Changes a segment, which is copied before if it is shared, and counts its memory again.
    #[inline]
    fn change<R>(&mut self, number: usize, f: impl FnOnce(&mut Segment<T>) -> R) -> R {
        let segment = Arc::make_mut(&mut self.segments[number]);
        let before = segment.memory_bytes();
        let result = f(segment);
        self.segments_bytes = self.segments_bytes + segment.memory_bytes() - before;
        result
    }

    /// The element with this hash that passes `eq`.
    #[inline]
    pub fn get(&self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<&T> {
        let segment = self.segment_of(hash)?;
        let (_, position) = segment.find(hash, eq)?;
        segment.items().get(position)
    }

    /// Has `f` change the element with this hash that passes `eq`; not what its hash is of. What `f`
    /// returns, or `None` if there is no such element.
    #[inline]
    pub fn update<R>(
        &mut self,
        hash: u64,
        eq: impl FnMut(&T) -> bool,
        f: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let number = self.number_of(hash)?;
        let (_, position) = self.segments[number].find(hash, eq)?;
        let item = Arc::make_mut(&mut self.segments[number]).item_mut(position);
        let before = item.heap_bytes();
        let result = f(item);
        self.items_heap_bytes = self.items_heap_bytes + item.heap_bytes() - before;
        Some(result)
    }

    /// Adds an element, of whose name there is none.
    #[inline]
    pub fn insert_new(&mut self, hash: u64, item: T) {
        let number = self.number_with_room(hash);
        self.len += 1;
        self.items_heap_bytes += item.heap_bytes();
        self.change(number, |segment| segment.push(hash, item));
    }

    /// Takes out the element with this hash that passes `eq`. It may be followed by one step of giving
    /// memory back: a segment shrinks or two merge.
    pub fn remove(&mut self, hash: u64, eq: impl FnMut(&T) -> bool) -> Option<T> {
        let number = self.number_of(hash)?;
        let found = self.segments[number].find(hash, eq)?;
        let segment = Arc::make_mut(&mut self.segments[number]);
        let item = segment.remove(found, &self.hasher);
        let len = segment.len();
        self.len -= 1;
        self.items_heap_bytes -= item.heap_bytes();
        if len.is_multiple_of(REMOVALS_PER_LOOK) {
            self.shrink(number, hash);
        }
        Some(item)
    }

    /// The number of the segment to which `hash` belongs, after it has got room for one more.
    #[inline]
    fn number_with_room(&mut self, hash: u64) -> usize {
        loop {
            match self.number_of(hash) {
                None => *self = Self::with_capacity(1, self.hasher.clone()),
                Some(number) if self.segments[number].is_full() => self.make_room(number, hash),
                Some(number) => return number,
            }
        }
    }

    /// Stores a segment; its number.
    fn add_segment(&mut self, segment: Segment<T>) -> u32 {
        self.segments_bytes += segment.memory_bytes();
        let number = self.segments.len();
        self.segments.push(Arc::new(segment));
        u32::try_from(number).unwrap_or_else(|_| unreachable!("elements fill memory long before"))
    }

    /// Makes room in the full segment `number`, to which `hash` belongs: it grows or splits (after
    /// which the segment of `hash` may still be full).
    #[cold]
    fn make_room(&mut self, number: usize, hash: u64) {
        let segment = &self.segments[number];
        let doubles = segment.depth() == self.depth;
        let cells = self.directory.len() << u32::from(doubles);
        let cells_max = CELLS_PER_SEGMENT_MAX * (self.segments.len() + 1);
        if segment.len() >= LEN_MAX && segment.depth() < DEPTH_MAX && cells <= cells_max {
            self.split(number, hash);
        } else {
            self.change(number, Segment::grow);
        }
    }

    /// Splits the segment `number`, to which `hash` belongs, by the next bit.
    fn split(&mut self, number: usize, hash: u64) {
        let depth = self.segments[number].depth();
        if depth == self.depth {
            self.double_directory();
        }
        let hasher = self.hasher.clone();
        let high = self.change(number, |segment| segment.split(&hasher));
        let neighbour = self.add_segment(high);
        if depth + 1 == self.depth {
            self.deepest += 2;
        }
        let bit = 1 << (63 - depth);
        let first = self.cell(hash & !(bit - 1) | bit);
        self.directory[first..first + (1 << (self.depth - depth - 1))].fill(neighbour);
    }

    fn double_directory(&mut self) {
        self.directory = self.directory.iter().flat_map(|&number| [number, number]).collect();
        self.depth += 1;
        self.deepest = 0;
    }

    /// Gives memory back after a removal from the segment `number`, to which `hash` belongs. One step:
    /// it merges with its neighbour, or shrinks.
    fn shrink(&mut self, number: usize, hash: u64) {
        let segment = &self.segments[number];
        let (len, depth) = (segment.len(), segment.depth());
        if depth > 0 && len <= MERGE_LEN_MAX {
            let neighbour = self.directory[self.cell(hash ^ 1 << (64 - depth))] as usize;
            let other = &self.segments[neighbour];
            if other.depth() == depth && len + other.len() <= MERGE_LEN_MAX {
                return self.merge(number, neighbour);
            }
        }
        if self.segments[number].is_sparse() {
            self.change(number, Segment::shrink);
        }
    }

    /// Makes one segment, numbered `kept`, of two neighbours.
    fn merge(&mut self, kept: usize, gone: usize) {
        let other = self.segments.swap_remove(gone);
        // The last one has the number of the one that is gone.
        let moved = self.segments.len();
        let kept = if kept == moved { gone } else { kept };
        if gone < moved {
            self.fill_cells(gone);
        }
        let depth = other.depth();
        let empty = Arc::new(Segment::with_capacity(0, 0, 0));
        let ours = std::mem::replace(&mut self.segments[kept], empty);
        self.segments_bytes -= ours.memory_bytes() + other.memory_bytes();
        let (ours, other) = (Arc::unwrap_or_clone(ours), Arc::unwrap_or_clone(other));
        let merged = ours.merged(other, &self.hasher);
        self.segments_bytes += merged.memory_bytes();
        self.segments[kept] = Arc::new(merged);
        self.fill_cells(kept);
        if self.segments.capacity() > self.segments.len() * 4 {
            self.segments.shrink_to(self.segments.len() * 2);
        }
        if depth == self.depth {
            self.deepest -= 2;
            if self.deepest == 0 {
                self.halve_directory();
            }
        }
    }

    /// Enters a segment's number in its directory cells.
    fn fill_cells(&mut self, number: usize) {
        let segment = &self.segments[number];
        let (first, cells) = (self.cell(segment.first_hash()), 1 << (self.depth - segment.depth()));
        // Numbers are those that `add_segment` gave.
        self.directory[first..first + cells].fill(number as u32);
    }

    fn halve_directory(&mut self) {
        self.directory = self.directory.iter().step_by(2).copied().collect();
        self.depth -= 1;
        // Each of the segments that are now the deepest stands in one cell; a shallower one in an
        // even number of them, where neighbouring cells are equal.
        let pairs = self.directory.chunks_exact(2).filter(|pair| pair[0] != pair[1]).count();
        self.deepest = if self.depth == 0 { 1 } else { 2 * pairs };
    }
}
