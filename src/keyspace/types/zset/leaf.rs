//! A leaf of a large sorted set: neighbouring pairs side by side, in three runs of memory.

use std::cmp::Ordering;
use std::ops::Range;

use super::Place;
use super::order;
use crate::keyspace::types::tree::{Leaf, SplitAt};

/// Pairs of a full leaf.
const LEN_MAX: usize = 128;
/// Bytes of members in a full leaf, unless it holds one member only.
const BYTES_MAX: usize = 8192;
/// What the allocator adds to an allocation.
const ALLOCATION_OVERHEAD_BYTES: usize = 8;

/// Pairs in order of score and member.
///
/// A request is shorter than 2 GiB, and so is a member; a leaf that is about to be split has no more
/// than two such, so 32 bits hold where a member ends.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    scores: Vec<f64>,
    /// Where each member ends in `bytes`.
    ends: Vec<u32>,
    bytes: Vec<u8>,
}

/// What separates two leaves: a score, and the beginning of a member where scores are equal.
#[derive(Clone, Debug)]
pub struct Bound {
    score: f64,
    member: Box<[u8]>,
}

impl Bound {
    /// How it compares to a place.
    pub(super) fn compare(&self, score: f64, place: Place<'_>) -> Ordering {
        order(self.score, &self.member, score, place)
    }
}

/// Makes room for `more` elements; an eighth more than needed, so that little lies idle.
fn reserve<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact(more.max(items.len() / 8 + 4));
    }
}

impl Pairs {
    /// The leaf of one pair.
    pub(super) fn of(member: &[u8], score: f64) -> Self {
        let mut pairs = Self::default();
        pairs.insert(0, member, score);
        pairs
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// Member `index` and its score.
    #[inline]
    pub fn pair(&self, index: usize) -> (&[u8], f64) {
        (&self.bytes[self.start(index)..self.ends[index] as usize], self.scores[index])
    }

    /// Number of pairs before a place.
    pub(super) fn before(&self, score: f64, place: Place<'_>) -> usize {
        let (mut low, mut high) = (0, self.scores.len());
        while low < high {
            let middle = low.midpoint(high);
            let (member, member_score) = self.pair(middle);
            match order(member_score, member, score, place) {
                Ordering::Less => low = middle + 1,
                _ => high = middle,
            }
        }
        low
    }

    /// Whether the pair `index` is this one.
    pub(super) fn is(&self, index: usize, member: &[u8], score: f64) -> bool {
        index < self.scores.len() && self.scores[index] == score && self.pair(index).0 == member
    }

    /// Puts a pair before the one at `index`.
    pub(super) fn insert(&mut self, index: usize, member: &[u8], score: f64) {
        let start = self.start(index);
        reserve(&mut self.scores, 1);
        reserve(&mut self.ends, 1);
        reserve(&mut self.bytes, member.len());
        self.scores.insert(index, score);
        let old_len = self.bytes.len();
        self.bytes.extend_from_slice(member);
        self.bytes[start..].rotate_left(old_len - start);
        self.ends.insert(index, start as u32);
        self.ends[index..].iter_mut().for_each(|end| *end += member.len() as u32);
    }

    fn split_index(&self, at: SplitAt) -> usize {
        let (len, total) = (self.scores.len(), self.bytes.len());
        let mut kept = 1..len;
        let index = match at {
            SplitAt::End => kept.rfind(|&kept| kept <= LEN_MAX && self.start(kept) <= BYTES_MAX),
            SplitAt::Start => {
                kept.find(|&kept| len - kept <= LEN_MAX && total - self.start(kept) <= BYTES_MAX)
            }
            SplitAt::Middle if len > LEN_MAX => Some(len / 2),
            SplitAt::Middle => kept.find(|&kept| self.start(kept) >= total / 2),
        };
        index.unwrap_or(match at {
            SplitAt::End => 1,
            SplitAt::Start | SplitAt::Middle => len - 1,
        })
    }

    fn shrink(&mut self) {
        self.scores.shrink_to(self.scores.len() + self.scores.len() / 8);
        self.ends.shrink_to(self.ends.len() + self.ends.len() / 8);
        self.bytes.shrink_to(self.bytes.len() + self.bytes.len() / 8);
    }
}

impl Leaf for Pairs {
    type Key = Bound;

    fn len(&self) -> usize {
        self.scores.len()
    }

    fn heap_bytes(&self) -> usize {
        self.scores.capacity() * size_of::<f64>()
            + self.ends.capacity() * size_of::<u32>()
            + self.bytes.capacity()
            + 3 * ALLOCATION_OVERHEAD_BYTES
    }

    fn separator(before: &Self, after: &Self) -> Bound {
        let last = before.scores.len().saturating_sub(1);
        let ((left, left_score), (right, score)) = (before.pair(last), after.pair(0));
        let shared = if left_score == score {
            1 + left.iter().zip(right).take_while(|(left, right)| left == right).count()
        } else {
            0
        };
        Bound { score, member: right[..shared.min(right.len())].into() }
    }

    fn key_heap_bytes(key: &Bound) -> usize {
        if key.member.is_empty() { 0 } else { key.member.len() + ALLOCATION_OVERHEAD_BYTES }
    }

    fn is_oversized(&self) -> bool {
        self.scores.len() > LEN_MAX || self.bytes.len() > BYTES_MAX
    }

    fn is_undersized(&self) -> bool {
        self.scores.len() < LEN_MAX / 4 && self.bytes.len() < BYTES_MAX / 4
    }

    fn split(&mut self, at: SplitAt) -> Self {
        let index = self.split_index(at);
        let start = self.start(index);
        let rest = Self {
            scores: self.scores.split_off(index),
            ends: self.ends[index..].iter().map(|end| end - start as u32).collect(),
            bytes: self.bytes.split_off(start),
        };
        self.ends.truncate(index);
        self.shrink();
        rest
    }

    fn fits(&self, next: &Self) -> bool {
        self.scores.len() + next.scores.len() <= LEN_MAX
            && self.bytes.len() + next.bytes.len() <= BYTES_MAX
    }

    fn append(&mut self, next: Self) {
        let start = self.bytes.len() as u32;
        self.scores.extend_from_slice(&next.scores);
        self.ends.extend(next.ends.iter().map(|end| end + start));
        self.bytes.extend_from_slice(&next.bytes);
        self.shrink();
    }

    fn remove(&mut self, range: Range<usize>) {
        let bytes = self.start(range.start)..self.start(range.end);
        let gone = bytes.len() as u32;
        self.bytes.drain(bytes);
        self.ends[range.end..].iter_mut().for_each(|end| *end -= gone);
        self.ends.drain(range.clone());
        self.scores.drain(range);
        self.shrink();
    }
}
