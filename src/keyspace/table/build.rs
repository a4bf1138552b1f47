//! Builds a table from all of its entries at once: each segment in one go, none of them ever split.
//!
//! The segments are those that inserting the entries one by one would have made: hashes with a common
//! prefix stay together as long as one segment can hold them. Segments have nothing in common, so any
//! thread can build any of them.

use std::ops::Range;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;

use super::{
    CELLS_PER_SEGMENT_MAX, DEPTH_MAX, SEGMENT_CAPACITY, Segment, Table, table_hash, tag_of,
};
use crate::keyspace::entry::Entry;

/// Bits of the hash by which entries are divided in one step, at most.
const STEP_BITS: u32 = 4;

/// An entry on its way into a table; without the entry once that is there.
#[derive(Debug)]
pub(in crate::keyspace) struct Hashed {
    pub hash: u64,
    pub entry: Option<Entry>,
}

const _: () = assert!(size_of::<Hashed>() == 16, "the entry's pointer says whether it is there");

/// A key that comes twice.
#[derive(Debug)]
pub(in crate::keyspace) struct Twice(pub Box<[u8]>);

/// How long the prefix of a segment may be in a table of `len` entries, in bits: what bounds the directory.
pub(in crate::keyspace) fn depth_max(len: usize) -> u32 {
    (CELLS_PER_SEGMENT_MAX * (len / SEGMENT_CAPACITY + 1)).ilog2().min(DEPTH_MAX)
}

/// Decides which of neighbouring parts, a power of two of them with `lens` entries, make one segment
/// together: calls `leaf` with each such range and the length of its prefix, in order. All parts have a
/// prefix of `depth` bits in common. A part by itself may still be too long for one segment.
pub(in crate::keyspace) fn divide(
    lens: &[usize],
    depth: u32,
    depth_max: u32,
    leaf: &mut impl FnMut(Range<usize>, u32),
) {
    divide_from(0, lens, depth, depth_max, leaf);
}

fn divide_from(
    first: usize,
    lens: &[usize],
    depth: u32,
    depth_max: u32,
    leaf: &mut impl FnMut(Range<usize>, u32),
) {
    let len: usize = lens.iter().sum();
    if lens.len() == 1 || len <= SEGMENT_CAPACITY || depth >= depth_max {
        return leaf(first..first + lens.len(), depth);
    }
    let (low, high) = lens.split_at(lens.len() / 2);
    divide_from(first, low, depth + 1, depth_max, leaf);
    divide_from(first + low.len(), high, depth + 1, depth_max, leaf);
}

/// Appends the segments of `entries`, `len` of them, which have a prefix of `depth` bits in common.
pub(in crate::keyspace) fn push_segments<'e>(
    out: &mut Vec<Segment>,
    entries: impl Iterator<Item = &'e mut Hashed>,
    len: usize,
    depth: u32,
    depth_max: u32,
) -> Result<(), Twice> {
    if len <= SEGMENT_CAPACITY || depth >= depth_max {
        out.push(segment(entries, len, depth)?);
        return Ok(());
    }
    let bits = STEP_BITS.min(depth_max - depth);
    let mask = (1 << bits) - 1;
    let room = (len >> bits) + (len >> bits) / 4 + 8;
    let mut parts: Vec<_> = (0..1 << bits).map(|_| Vec::with_capacity(room)).collect();
    for Hashed { hash, entry } in entries {
        let part = (*hash >> (64 - depth - bits)) as usize & mask;
        parts[part].push(Hashed { hash: *hash, entry: entry.take() });
    }
    let lens: Vec<_> = parts.iter().map(Vec::len).collect();
    let mut ranges = Vec::with_capacity(parts.len());
    divide(&lens, depth, depth_max, &mut |range, depth| ranges.push((range, depth)));
    for (range, depth) in ranges {
        let len = lens[range.clone()].iter().sum();
        // Behind a pointer, so that the types of iterators do not go on for ever.
        let entries: &mut dyn Iterator<Item = _> = &mut parts[range].iter_mut().flatten();
        push_segments(out, entries, len, depth, depth_max)?;
    }
    Ok(())
}

fn segment<'e>(
    entries: impl Iterator<Item = &'e mut Hashed>,
    len: usize,
    depth: u32,
) -> Result<Segment, Twice> {
    // Segments that came from a split have all of their room at once.
    let capacity = if depth == 0 { len } else { len.max(SEGMENT_CAPACITY) };
    let mut segment = Segment { slots: HashTable::with_capacity(capacity), slots_end: 0, depth };
    for Hashed { hash, entry } in entries {
        let Some(entry) = entry.take() else { unreachable!("an entry is taken once") };
        segment.insert_if_new(*hash, entry).map_err(|twin| Twice(twin.key().into()))?;
    }
    Ok(segment)
}

impl Segment {
    /// Adds an entry, for which there is room; hands it back if its key is there.
    fn insert_if_new(&mut self, hash: u64, entry: Entry) -> Result<(), Entry> {
        let tag = tag_of(hash);
        let is_twin = |other: &Entry| other.tag() == tag && other.key() == entry.key();
        let rehash = |_: &Entry| unreachable!("the segment has been given room");
        match self.slots.entry(table_hash(hash), is_twin, rehash) {
            Slot::Occupied(_) => Err(entry),
            Slot::Vacant(slot) => {
                let slot = slot.insert(entry);
                let address = std::ptr::from_ref(slot.get()).addr();
                self.slots_end = address + (slot.bucket_index() + 1) * size_of::<Entry>();
                Ok(())
            }
        }
    }
}

impl Table {
    /// Takes over `segments`, which are in order of their hashes and have all prefixes. The table is empty.
    pub fn adopt(&mut self, segments: Vec<Segment>) {
        assert!(self.directory.is_empty(), "only an empty table is built");
        self.depth = segments.iter().map(|segment| segment.depth).max().unwrap_or(0);
        self.directory.reserve(1 << self.depth);
        for segment in segments {
            self.len += segment.slots.len();
            self.deepest += usize::from(segment.depth == self.depth);
            let cells = self.directory.len() + (1 << (self.depth - segment.depth));
            let number = self.add_segment(segment);
            self.directory.resize(cells, number);
        }
        assert_eq!(self.directory.len(), 1 << self.depth, "segments have all prefixes");
        self.version += 1;
    }
}
