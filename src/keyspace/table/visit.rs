//! Going through a table: all of it, from a scan cursor, at random, or in steps of a sweep.
//!
//! Scan order is hash order, so a cursor stays good whatever splits or merges meanwhile.

use super::{Segment, Table, tag_of};
use crate::keyspace::entry::{Entry, TAG_BITS};
use crate::keyspace::prefetch::prefetch;

/// Bits of the hash that a scan position does not show, so that it stays below 2^53.
const POSITION_SHIFT: u32 = 12;
/// Batches (parts of a segment) that one call of `scan` looks through at least, before it returns
/// fewer entries than it was asked for.
const SCAN_BATCHES_MIN: usize = 64;
/// How far ahead entries are prefetched when a segment is gone through.
const LOOKAHEAD: usize = 16;

const _: () = assert!(POSITION_SHIFT + TAG_BITS <= 64, "a position shows the whole tag");

/// Where `hash` lies in scan order.
fn position(hash: u64) -> u64 {
    hash >> POSITION_SHIFT
}

/// How far a sweep over a table has come.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sweep {
    /// A hash in the segment that the sweep is in: all before are done.
    hash: u64,
    /// The next bucket in that segment, as long as the table's version stays the same.
    bucket: usize,
    version: u64,
}

impl Table {
    /// The segments in order of their hashes, from that of `hash` on, with their first hashes.
    pub(super) fn segments_from(&self, hash: u64) -> impl Iterator<Item = (u64, &Segment)> {
        let mut next = (!self.directory.is_empty()).then_some(hash);
        std::iter::from_fn(move || {
            let segment = self.segment_of(next?)?;
            let first = first_hash(next?, segment.depth);
            next = next_hash(first, segment.depth);
            Some((first, segment))
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.segments_from(0).flat_map(|(_, segment)| segment.slots.iter())
    }

    /// A random entry. Segments have about equally many entries for the hashes they cover, and
    /// buckets are tried until a full one is found, so all entries are about equally likely.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&Entry> {
        const TRIES: usize = 100;
        if self.len == 0 {
            return None;
        }
        for _ in 0..TRIES {
            let slots = &self.segment_of(rng.u64(..))?.slots;
            if slots.is_empty() {
                continue;
            }
            for _ in 0..TRIES {
                if let Some(entry) = slots.get_bucket(rng.usize(..slots.num_buckets())) {
                    return Some(entry);
                }
            }
        }
        self.iter().nth(rng.usize(..self.len))
    }

    /// See [`Db::scan`](super::Db::scan).
    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(&Entry)) -> u64 {
        let count = count.max(1);
        let mut seen = 0;
        let mut from = cursor;
        for _ in 0..count.max(SCAN_BATCHES_MIN) {
            if from > position(u64::MAX) {
                return 0;
            }
            let Some((batch, next)) = self.scan_batch(from, count - seen) else { return 0 };
            for same_place in batch.chunk_by(|a, b| a.0 == b.0) {
                if seen >= count {
                    return same_place[0].0;
                }
                seen += same_place.len();
                same_place.iter().for_each(|found| f(found.1));
            }
            from = next;
            if seen >= count {
                break;
            }
        }
        if from > position(u64::MAX) { 0 } else { from }
    }

    /// The entries at positions from `from` on, in order, and the position up to which they are all:
    /// the end of the segment, or as far as about `want` entries reach. Only these are looked at, for
    /// the tags order them before the keys are read.
    fn scan_batch(&self, from: u64, want: usize) -> Option<(Vec<(u64, &Entry)>, u64)> {
        let first = from << POSITION_SHIFT;
        let segment = self.segment_of(first)?;
        let tag_min = tag_of(first);
        let mut found: Vec<&Entry> = segment.slots.iter().filter(|e| e.tag() >= tag_min).collect();
        let mut next = match next_hash(first_hash(first, segment.depth), segment.depth) {
            Some(hash) => position(hash),
            None => position(u64::MAX) + 1,
        };
        if want < found.len() {
            let tag_max = found.select_nth_unstable_by_key(want, |e| e.tag()).1.tag();
            found.retain(|e| e.tag() <= tag_max);
            let next_tag = (u64::from(tag_max) + 1) << (64 - TAG_BITS - POSITION_SHIFT);
            next = next.min(next_tag);
        }
        found.iter().for_each(|entry| prefetch(entry.address()));
        let place = |e: &Entry| position(self.hasher.hash(e.key()));
        let mut batch: Vec<_> = found.into_iter().map(|e| (place(e), e)).collect();
        batch.retain(|found| found.0 >= from);
        batch.sort_unstable_by_key(|found| found.0);
        Some((batch, next))
    }

    /// Hands entries of other epochs than `epoch` to `f`, which brings them there, from where `sweep`
    /// stands, until `budget` (in entries) is used up; whether the end was reached.
    pub fn sweep(
        &mut self,
        sweep: &mut Sweep,
        epoch: u8,
        budget: &mut usize,
        f: &mut dyn FnMut(&Entry),
    ) -> bool {
        while let Some(&number) = self.directory.get(self.cell(sweep.hash)) {
            if sweep.version != self.version {
                (sweep.bucket, sweep.version) = (0, self.version);
            }
            let segment = self.segment_mut(number);
            while sweep.bucket < segment.slots.num_buckets() {
                if *budget == 0 {
                    return false;
                }
                if let Some(ahead) = segment.slots.get_bucket(sweep.bucket + LOOKAHEAD) {
                    prefetch(ahead.address());
                }
                if let Some(entry) = segment.slots.get_bucket_mut(sweep.bucket)
                    && entry.epoch() != epoch
                {
                    f(entry);
                    entry.set_epoch(epoch);
                    *budget -= 1;
                }
                sweep.bucket += 1;
            }
            // A segment costs something even where nothing is left to read.
            *budget = budget.saturating_sub(1);
            sweep.bucket = 0;
            let Some(next) = next_hash(first_hash(sweep.hash, segment.depth), segment.depth) else {
                return true;
            };
            sweep.hash = next;
        }
        true
    }

    /// Brings all entries to one epoch.
    pub fn set_epochs(&mut self, epoch: u8) {
        for segment in self.chunks.iter_mut().flatten() {
            segment.slots.iter_mut().for_each(|entry| entry.set_epoch(epoch));
        }
    }
}

/// The first hash with the same prefix of `depth` bits as `hash`.
pub(super) fn first_hash(hash: u64, depth: u32) -> u64 {
    if depth == 0 { 0 } else { hash & (u64::MAX << (64 - depth)) }
}

/// The first hash after those with the prefix of `depth` bits of `first`; `None` after the last.
fn next_hash(first: u64, depth: u32) -> Option<u64> {
    if depth == 0 { None } else { first.checked_add(1 << (64 - depth)) }
}
