//! The table of one database: extendible hashing, so that no step ever touches more than a segment.
//!
//! ```text
//! hash   63 ........ 64-depth | ............................................ 0
//!        directory index      |      bits 32.. choose the bucket, 25..32 its control byte
//!
//! directory   [u32; 1 << depth]: index -> number of a segment
//! segment     a hash table of up to 1024 buckets; holds all hashes with its prefix
//! slot        8 bytes: an `Entry`, that is, a pointer with the top 16 bits of the hash
//! ```
//!
//! A full segment splits in two by the next bit of the hash, and neighbours that have become small
//! merge again; the directory doubles or halves when the longest prefix does. So the longest insert
//! handles some 900 entries. Slots keep no whole hash, which makes them half as large; so rehashing
//! reads the keys, which it prefetches.
//!
//! What always holds: a segment of depth `d` stands in `1 << (depth - d)` neighbouring directory
//! cells; scan order is hash order, which splits and merges do not change.

mod build;
mod visit;

use hashbrown::HashTable;

pub(super) use build::{Hashed, Twice, depth_max, divide, push_segments};
pub(super) use visit::Sweep;

use crate::keyspace::entry::{Entry, TAG_BITS};
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::prefetch::prefetch;

/// Buckets of a full-grown segment.
const SEGMENT_BUCKETS: usize = 1024;
/// Entries that a full-grown segment holds.
const SEGMENT_CAPACITY: usize = SEGMENT_BUCKETS / 8 * 7;
/// A full segment with fewer entries than this has many tombstones: it is swept, not split.
const SPLIT_LEN_MIN: usize = SEGMENT_CAPACITY / 4 * 3;
/// Two neighbours with no more entries than this together become one.
const MERGE_LEN_MAX: usize = SEGMENT_CAPACITY / 4;
/// Directory cells there may be for each segment before a segment grows instead of splitting. With
/// hashes of any quality there are two to four; this bounds what chosen collisions can do.
const CELLS_PER_SEGMENT_MAX: usize = 64;
/// Bits of the hash that a prefix has at most.
const DEPTH_MAX: u32 = 32;
/// Segments in a chunk of the arena.
const CHUNK_LEN: usize = 256;

const _: () = assert!(MERGE_LEN_MAX < SPLIT_LEN_MIN / 2, "what has just split does not merge");

/// The hash as the segment's own table takes it: that table uses the low bits and the top 7, the
/// directory uses the top ones.
fn table_hash(hash: u64) -> u64 {
    hash.rotate_left(32)
}

/// The tag that the entry of `hash` has.
fn tag_of(hash: u64) -> u16 {
    (hash >> (64 - TAG_BITS)) as u16
}

/// A hash table for all hashes with one prefix.
#[derive(Debug, Default)]
pub(super) struct Segment {
    slots: HashTable<Entry>,
    /// Where the slots end and the control bytes begin: a guess from the address of a slot, for
    /// prefetching only.
    slots_end: usize,
    /// Length of the prefix, in bits.
    depth: u32,
}

impl Segment {
    /// Adds an entry; there is room.
    fn insert(&mut self, hash: u64, entry: Entry) {
        let slot = self.slots.insert_unique(table_hash(hash), entry, |_| {
            unreachable!("the segment has been given room")
        });
        let address = std::ptr::from_ref(slot.get()).addr();
        self.slots_end = address + (slot.bucket_index() + 1) * size_of::<Entry>();
    }

    fn is_full(&self) -> bool {
        self.slots.len() == self.slots.capacity()
    }

    fn prefetch_entries(&self) {
        self.slots.iter().for_each(|entry| prefetch(entry.address()));
    }

    fn memory_bytes(&self) -> usize {
        self.slots.allocation_size()
    }
}

/// Entries by the hash of their keys.
#[derive(Debug)]
pub(super) struct Table {
    directory: Vec<u32>,
    /// The arena of segments: in chunks, so that it grows without moving.
    chunks: Vec<Vec<Segment>>,
    /// Segments that have been merged away.
    free: Vec<u32>,
    /// Bits of the hash that index the directory.
    depth: u32,
    /// Number of segments as deep as the directory.
    deepest: usize,
    len: usize,
    slots_bytes: usize,
    /// Counts the changes that move entries between buckets.
    version: u64,
    hasher: KeyHasher,
}

impl Table {
    pub fn new(hasher: KeyHasher) -> Self {
        Self {
            directory: Vec::new(),
            chunks: Vec::new(),
            free: Vec::new(),
            depth: 0,
            deepest: 0,
            len: 0,
            slots_bytes: 0,
            version: 0,
            hasher,
        }
    }

    /// The table, leaving an empty one.
    pub fn take(&mut self) -> Self {
        let empty = Self::new(self.hasher.clone());
        std::mem::replace(self, empty)
    }

    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    fn cell(&self, hash: u64) -> usize {
        // In two steps, because a shift by 64 is none.
        ((hash >> 1) >> (63 - self.depth)) as usize
    }

    #[inline]
    fn segment(&self, number: u32) -> &Segment {
        &self.chunks[number as usize / CHUNK_LEN][number as usize % CHUNK_LEN]
    }

    #[inline]
    fn segment_mut(&mut self, number: u32) -> &mut Segment {
        &mut self.chunks[number as usize / CHUNK_LEN][number as usize % CHUNK_LEN]
    }

    #[inline]
    fn segment_of(&self, hash: u64) -> Option<&Segment> {
        let number = *self.directory.get(self.cell(hash))?;
        Some(self.segment(number))
    }

    fn segment_count(&self) -> usize {
        let chunks = self.chunks.len().saturating_sub(1) * CHUNK_LEN;
        chunks + self.chunks.last().map_or(0, Vec::len) - self.free.len()
    }

    #[inline]
    pub fn get(&self, hash: u64, key: &[u8]) -> Option<&Entry> {
        let tag = tag_of(hash);
        let segment = self.segment_of(hash)?;
        segment.slots.find(table_hash(hash), |e| e.tag() == tag && e.key() == key)
    }

    #[inline]
    pub fn get_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut Entry> {
        let tag = tag_of(hash);
        let number = *self.directory.get(self.cell(hash))?;
        let slots = &mut self.segment_mut(number).slots;
        slots.find_mut(table_hash(hash), |e| e.tag() == tag && e.key() == key)
    }

    /// An entry with exactly this hash that passes `test`.
    pub fn find(&self, hash: u64, test: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        let tag = tag_of(hash);
        self.segment_of(hash)?.slots.find(table_hash(hash), |e| {
            e.tag() == tag && test(e) && self.hasher.hash(e.key()) == hash
        })
    }

    /// Adds an entry whose key is not there.
    pub fn insert_new(&mut self, hash: u64, entry: Entry) {
        if self.directory.is_empty() {
            let number = self.add_segment(Segment::default());
            self.directory.push(number);
            self.deepest = 1;
        }
        let mut number = self.directory[self.cell(hash)];
        while self.segment(number).is_full() {
            self.make_room(number, hash);
            number = self.directory[self.cell(hash)];
        }
        self.segment_mut(number).insert(hash, entry);
        self.len += 1;
    }

    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<Entry> {
        let tag = tag_of(hash);
        let number = *self.directory.get(self.cell(hash))?;
        let segment = self.segment_mut(number);
        let found =
            segment.slots.find_entry(table_hash(hash), |e| e.tag() == tag && e.key() == key);
        let (entry, _) = found.ok()?.remove();
        self.len -= 1;
        if self.segment(number).slots.len() <= MERGE_LEN_MAX {
            self.shrink(number, hash);
        }
        Some(entry)
    }

    /// Stores a segment in the arena; its number.
    fn add_segment(&mut self, segment: Segment) -> u32 {
        self.slots_bytes += segment.memory_bytes();
        if let Some(number) = self.free.pop() {
            *self.segment_mut(number) = segment;
            return number;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK_LEN) {
            let capacity = if self.chunks.is_empty() { 1 } else { CHUNK_LEN };
            self.chunks.push(Vec::with_capacity(capacity));
        }
        let before = (self.chunks.len() - 1) * CHUNK_LEN;
        let Some(chunk) = self.chunks.last_mut() else { unreachable!("a chunk was pushed") };
        let number = before + chunk.len();
        chunk.push(segment);
        u32::try_from(number).unwrap_or_else(|_| unreachable!("entries fill memory long before"))
    }

    /// Exchanges a segment's slots for others, which may be the same moved.
    fn set_slots(&mut self, number: u32, slots: HashTable<Entry>) {
        let before = self.segment(number).memory_bytes();
        let segment = self.segment_mut(number);
        segment.slots = slots;
        segment.slots_end = 0;
        self.slots_bytes = self.slots_bytes + self.segment(number).memory_bytes() - before;
        self.version += 1;
    }

    fn take_slots(&mut self, number: u32) -> HashTable<Entry> {
        let slots = std::mem::take(&mut self.segment_mut(number).slots);
        self.slots_bytes -= slots.allocation_size();
        slots
    }

    /// Makes room in the full segment `number`, to which `hash` belongs: it grows, is swept of
    /// tombstones, or splits (after which the segment of `hash` may still be full).
    fn make_room(&mut self, number: u32, hash: u64) {
        let segment = self.segment(number);
        let (len, buckets) = (segment.slots.len(), segment.slots.num_buckets());
        let doubles = segment.depth == self.depth;
        let cells = self.directory.len() << u32::from(doubles);
        segment.prefetch_entries();
        let more = len + len / 8 + 1;
        if buckets < SEGMENT_BUCKETS {
            self.rebuild(number, more);
        } else if len < SPLIT_LEN_MIN && buckets == SEGMENT_BUCKETS {
            self.rebuild(number, SEGMENT_CAPACITY);
        } else if cells <= CELLS_PER_SEGMENT_MAX * (self.segment_count() + 1)
            && self.depth < DEPTH_MAX
        {
            self.split(number, hash);
        } else {
            self.rebuild(number, more);
        }
    }

    /// Moves a segment's entries to slots for at least `capacity` entries.
    fn rebuild(&mut self, number: u32, capacity: usize) {
        let old = self.take_slots(number);
        let mut slots = HashTable::with_capacity(capacity.max(old.len()));
        for entry in old {
            let hash = table_hash(self.hasher.hash(entry.key()));
            slots.insert_unique(hash, entry, |_| unreachable!("there is room for all"));
        }
        self.set_slots(number, slots);
    }

    /// Splits the segment `number`, to which `hash` belongs, by the next bit.
    fn split(&mut self, number: u32, hash: u64) {
        let depth = self.segment(number).depth;
        if depth == self.depth {
            self.double_directory();
        }
        let old = self.take_slots(number);
        let capacity = old.len().max(SEGMENT_CAPACITY);
        let mut low = HashTable::with_capacity(capacity);
        let mut high = HashTable::with_capacity(capacity);
        let bit = 1 << (63 - depth);
        for entry in old {
            let hash = self.hasher.hash(entry.key());
            let half = if hash & bit == 0 { &mut low } else { &mut high };
            half.insert_unique(table_hash(hash), entry, |_| unreachable!("there is room for all"));
        }
        self.set_slots(number, low);
        self.segment_mut(number).depth = depth + 1;
        let neighbour = Segment { slots: high, slots_end: 0, depth: depth + 1 };
        let neighbour = self.add_segment(neighbour);
        if depth + 1 == self.depth {
            self.deepest += 2;
        }
        let cells = 1 << (self.depth - depth - 1);
        let first = self.cell(hash & !(bit - 1) | bit);
        self.directory[first..first + cells].fill(neighbour);
    }

    fn double_directory(&mut self) {
        self.directory = self.directory.iter().flat_map(|&number| [number, number]).collect();
        self.depth += 1;
        self.deepest = 0;
    }

    /// Gives memory back after a removal: the segment `number`, to which `hash` belongs, holds few
    /// entries. One step: it merges with its neighbour, or its slots shrink.
    fn shrink(&mut self, number: u32, hash: u64) {
        let segment = self.segment(number);
        let (len, depth) = (segment.slots.len(), segment.depth);
        if depth > 0 {
            let neighbour = self.directory[self.cell(hash ^ 1 << (64 - depth))];
            let other = self.segment(neighbour);
            if other.depth == depth && len + other.slots.len() <= MERGE_LEN_MAX {
                return self.merge(number, neighbour, hash);
            }
        }
        let segment = self.segment(number);
        if len < segment.slots.capacity() / 8 {
            segment.prefetch_entries();
            self.rebuild(number, len * 2);
        }
    }

    /// Moves the entries of `gone` to its neighbour `kept`, to which `hash` belongs.
    fn merge(&mut self, kept: u32, gone: u32, hash: u64) {
        let depth = self.segment(kept).depth;
        self.segment(kept).prefetch_entries();
        self.segment(gone).prefetch_entries();
        let (ours, theirs) = (self.take_slots(kept), self.take_slots(gone));
        let mut slots = HashTable::with_capacity((ours.len() + theirs.len()) * 2);
        for entry in ours.into_iter().chain(theirs) {
            let hash = table_hash(self.hasher.hash(entry.key()));
            slots.insert_unique(hash, entry, |_| unreachable!("there is room for all"));
        }
        self.set_slots(kept, slots);
        self.segment_mut(kept).depth = depth - 1;
        *self.segment_mut(gone) = Segment::default();
        self.free.push(gone);
        let cells = 1 << (self.depth - depth + 1);
        let first = self.cell(hash) & !(cells - 1);
        self.directory[first..first + cells].fill(kept);
        if depth == self.depth {
            self.deepest -= 2;
            if self.deepest == 0 {
                self.halve_directory();
            }
        }
    }

    fn halve_directory(&mut self) {
        self.directory = self.directory.iter().step_by(2).copied().collect();
        self.depth -= 1;
        // Each of the segments that are now the deepest stands in one cell; a shallower one in an
        // even number of them, where neighbouring cells are equal.
        let pairs = self.directory.chunks_exact(2).filter(|pair| pair[0] != pair[1]).count();
        self.deepest = if self.depth == 0 { 1 } else { 2 * pairs };
    }

    /// Starts to load the control bytes and the slots that `hash` leads to.
    #[inline]
    pub fn prefetch_bucket(&self, hash: u64) {
        if let Some(segment) = self.segment_of(hash) {
            let buckets = segment.slots.num_buckets();
            let bucket = table_hash(hash) as usize & buckets.saturating_sub(1);
            prefetch(segment.slots_end.wrapping_add(bucket));
            prefetch(segment.slots_end.wrapping_sub((bucket + 1) * size_of::<Entry>()));
        }
    }

    /// Starts to load the entry that `hash` probably leads to.
    #[inline]
    pub fn prefetch_entry(&self, hash: u64) {
        let tag = tag_of(hash);
        if let Some(segment) = self.segment_of(hash)
            && let Some(entry) = segment.slots.find(table_hash(hash), |e| e.tag() == tag)
        {
            prefetch(entry.address());
            prefetch(entry.address() + CACHE_LINE_LEN);
        }
    }

    /// Bytes of memory of directory, segments and slots.
    pub fn memory_bytes(&self) -> usize {
        let segments: usize = self.chunks.iter().map(Vec::capacity).sum();
        self.slots_bytes
            + self.directory.capacity() * size_of::<u32>()
            + segments * size_of::<Segment>()
    }
}

/// Bytes that the processor loads at a time.
const CACHE_LINE_LEN: usize = 64;

#[cfg(test)]
mod tests {
    use super::visit::first_hash;
    use super::*;
    use crate::keyspace::NewValue;

    fn insert(table: &mut Table, key: &[u8]) -> u64 {
        let hash = table.hasher.hash(key);
        table.insert_new(hash, Entry::new(hash, key, NewValue::Int(1), None));
        hash
    }

    /// What the head of this file says always holds.
    fn check(table: &Table) {
        assert_eq!(table.directory.len(), 1 << table.depth);
        let mut cell = 0;
        let (mut len, mut deepest, mut segments, mut bytes) = (0, 0, 0, 0);
        for (first, segment) in table.segments_from(0) {
            let cells = 1 << (table.depth - segment.depth);
            let number = table.directory[cell];
            assert!(table.directory[cell..cell + cells].iter().all(|&other| other == number));
            assert_eq!(table.cell(first), cell);
            for entry in &segment.slots {
                let hash = table.hasher.hash(entry.key());
                assert_eq!(first_hash(hash, segment.depth), first);
                assert_eq!(tag_of(hash), entry.tag());
            }
            cell += cells;
            len += segment.slots.len();
            deepest += usize::from(segment.depth == table.depth);
            segments += 1;
            bytes += segment.memory_bytes();
        }
        assert_eq!((cell, len), (table.directory.len(), table.len));
        assert_eq!((deepest, segments), (table.deepest, table.segment_count()));
        assert_eq!(bytes, table.slots_bytes);
    }

    #[test]
    fn it_grows_and_shrinks_back() {
        let mut table = Table::new(KeyHasher::new(3));
        let keys: Vec<Vec<u8>> = (0..50_000).map(|n: u32| n.to_string().into_bytes()).collect();
        for (index, key) in keys.iter().enumerate() {
            insert(&mut table, key);
            if index % 5000 == 0 {
                check(&table);
            }
        }
        let grown_bytes = table.memory_bytes();
        assert!(table.depth >= 6);
        for (index, key) in keys.iter().enumerate() {
            let hash = table.hasher.hash(key);
            assert!(table.remove(hash, key).is_some());
            if index % 5000 == 0 {
                check(&table);
            }
        }
        check(&table);
        assert_eq!((table.len, table.depth, table.segment_count()), (0, 0, 1));
        assert!(table.memory_bytes() < grown_bytes / 20, "{} left", table.memory_bytes());
    }

    #[test]
    fn taking_out_and_putting_in_does_not_make_it_grow() {
        let mut table = Table::new(KeyHasher::new(4));
        let key = |n: u32| n.to_string().into_bytes();
        (0..40_000).for_each(|n| {
            insert(&mut table, &key(n));
        });
        let full_bytes = table.memory_bytes();
        for n in 0..200_000 {
            let gone = key(n);
            assert!(table.remove(table.hasher.hash(&gone), &gone).is_some());
            insert(&mut table, &key(n + 40_000));
        }
        check(&table);
        assert!(table.memory_bytes() <= full_bytes * 2, "{}", table.memory_bytes());
    }

    #[test]
    fn colliding_keys_do_not_blow_up_the_directory() {
        let mut table = Table::new(KeyHasher::new(5));
        let keys: Vec<_> = table.hasher.colliding_keys().take(3000).collect();
        let hashes: Vec<u64> = keys.iter().map(|key| insert(&mut table, key)).collect();
        assert!(hashes.iter().all(|&hash| hash == hashes[0]));
        check(&table);
        assert!(table.memory_bytes() < 200_000, "{}", table.memory_bytes());
        let mut seen = 0;
        table.scan(0, 1, &mut |_| seen += 1);
        assert_eq!(seen, keys.len());
        for key in &keys {
            assert!(table.remove(hashes[0], key).is_some());
        }
        check(&table);
    }

    #[test]
    fn random_entries_are_about_equally_likely() {
        let mut table = Table::new(KeyHasher::new(6));
        (0..2000_u32).for_each(|n| {
            insert(&mut table, &n.to_ne_bytes());
        });
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..200_000 {
            let entry = table.random(&mut rng).unwrap();
            *counts.entry(entry.key().to_vec()).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 2000);
        let (min, max) = (counts.values().min().unwrap(), counts.values().max().unwrap());
        assert!(*min > 40 && *max < 250, "{min}..{max} around 100");
    }
}
