//! Large sorted sets: the pairs in a tree, in order, and the score of each member in a table.
//!
//! The table does not hold the members. It finds scores that go with the hash of a member, and the tree
//! tells whether the member is there with that score. What always holds: for each pair of the tree the
//! table has its score under the hash of its member, and nothing else.

use std::cmp::Ordering;
use std::ops::Range;

use super::Place;
use super::leaf::Pairs;
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::types::table::{MemberTable, Slot};
use crate::keyspace::types::tree::{Leaf, Tree};

/// Members of one score are gone through for a step of a scan. If there are more than this, a step tells
/// more than it was asked for, so that there are fewer of them.
const TIED_MAX: usize = 4096;
/// Steps that such members are told in, more or less.
const TIED_STEPS: usize = 64;

/// What the table knows of a member.
#[derive(Clone, Copy, Debug)]
struct Known {
    hash: u64,
    score: f64,
}

impl Slot for Known {
    fn hash(&self, _: &KeyHasher) -> u64 {
        self.hash
    }

    fn heap_bytes(&self) -> usize {
        0
    }
}

/// A large sorted set.
#[derive(Clone, Debug)]
pub struct Large {
    pairs: Tree<Pairs>,
    known: MemberTable<Known>,
}

impl Large {
    /// An empty one, with room for `capacity` members in the table, which the caller has bounded.
    pub(super) fn new(capacity: usize, hasher: KeyHasher) -> Self {
        Self { pairs: Tree::new(), known: MemberTable::with_capacity(capacity, hasher) }
    }

    /// The pairs, in order.
    pub fn pairs(&self) -> &Tree<Pairs> {
        &self.pairs
    }

    /// Memory it takes beside this struct, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.pairs.memory_bytes() + self.known.memory_bytes()
    }

    /// Number of pairs before a place.
    pub(super) fn before(&self, score: f64, place: Place<'_>) -> usize {
        let found = self.pairs.seek(|bound| bound.compare(score, place));
        found.map_or(0, |(leaf, before)| before + leaf.before(score, place))
    }

    fn contains(&self, member: &[u8], score: f64) -> bool {
        let place = Place::At(member);
        let found = self.pairs.seek(|bound| bound.compare(score, place));
        found.is_some_and(|(leaf, _)| leaf.is(leaf.before(score, place), member, score))
    }

    /// The score of a member.
    pub(super) fn score(&self, member: &[u8]) -> Option<f64> {
        let hash = self.known.hasher().hash(member);
        let is_it = |known: &Known| known.hash == hash && self.contains(member, known.score);
        self.known.get(hash, is_it).map(|known| known.score)
    }

    /// Pair `index`.
    pub(super) fn pair(&self, index: usize) -> Option<(&[u8], f64)> {
        self.pairs.at(index).map(|(leaf, at)| leaf.pair(at))
    }

    fn put(&mut self, member: &[u8], score: f64) {
        let place = Place::At(member);
        let put = self.pairs.update_seek(
            |bound| bound.compare(score, place),
            |leaf, _| leaf.insert(leaf.before(score, place), member, score),
        );
        if put.is_none() {
            self.pairs.push_leaf_back(Pairs::of(member, score));
        }
    }

    fn take(&mut self, member: &[u8], score: f64) {
        let index = self.before(score, Place::At(member));
        self.pairs.remove_range(index..index + 1);
    }

    /// Adds a member that is not there.
    pub(super) fn insert_new(&mut self, member: &[u8], score: f64) {
        let hash = self.known.hasher().hash(member);
        self.known.insert_new(hash, Known { hash, score });
        self.put(member, score);
    }

    /// Gives a member that has the score `before` another one.
    pub(super) fn update(&mut self, member: &[u8], before: f64, score: f64) {
        let hash = self.known.hasher().hash(member);
        let is_it = |known: &Known| known.hash == hash && known.score == before;
        self.known.update(hash, is_it, |known| known.score = score);
        self.take(member, before);
        self.put(member, score);
    }

    /// Takes out a member that has this score.
    pub(super) fn remove(&mut self, member: &[u8], score: f64) {
        self.forget(self.known.hasher().hash(member), score);
        self.take(member, score);
    }

    fn forget(&mut self, hash: u64, score: f64) {
        self.known.remove(hash, |known| known.hash == hash && known.score == score);
    }

    /// Takes out the pairs of `range`.
    pub(super) fn remove_range(&mut self, range: Range<usize>) {
        let hasher = self.known.hasher().clone();
        let mut left = range.len();
        let mut gone = Vec::with_capacity(left.min(self.pairs.len()));
        for (leaf, skipped) in self.pairs.leaves_from(range.start) {
            for index in skipped..leaf.len().min(skipped + left) {
                let (member, score) = leaf.pair(index);
                gone.push((hasher.hash(member), score));
            }
            left = range.len() - gone.len();
            if left == 0 {
                break;
            }
        }
        gone.into_iter().for_each(|(hash, score)| self.forget(hash, score));
        self.pairs.remove_range(range);
    }

    /// Hands about `count` pairs from `cursor` on to `tell` and returns the next cursor; see
    /// [`MemberTable::scan`]. Costs as much as there are members of the scores met.
    pub(super) fn scan(&self, cursor: u64, count: usize, tell: &mut dyn FnMut(&[u8], f64)) -> u64 {
        let mut found: Vec<Known> = Vec::new();
        let mut next = self.known.scan(cursor, count, &mut |&known| found.push(known));
        let tied = |score: f64| self.before(score, Place::Start)..self.before(score, Place::End);
        let tied_max = found.iter().map(|known| tied(known.score).len()).max().unwrap_or(0);
        let wanted = if tied_max > TIED_MAX { tied_max / TIED_STEPS } else { 0 };
        while next != 0 && found.len() < wanted {
            let missing = wanted - found.len();
            next = self.known.scan(next, missing, &mut |&known| found.push(known));
        }
        // Zero and its negative are one score.
        found.sort_by(|a, b| {
            let by_score = a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal);
            by_score.then(a.hash.cmp(&b.hash))
        });
        for group in found.chunk_by(|a, b| a.score == b.score) {
            let Some(Known { score, .. }) = group.first() else { continue };
            self.tell_tied(tied(*score), group, tell);
        }
        next
    }

    /// Hands those pairs of `range`, which have one score, to `tell` whose hashes are in `group`, in order.
    fn tell_tied(&self, range: Range<usize>, group: &[Known], tell: &mut dyn FnMut(&[u8], f64)) {
        let (mut left, mut missing) = (range.len(), group.len());
        for (leaf, skipped) in self.pairs.leaves_from(range.start) {
            for index in skipped..leaf.len().min(skipped + left) {
                let (member, score) = leaf.pair(index);
                let hash = self.known.hasher().hash(member);
                if group.binary_search_by_key(&hash, |known| known.hash).is_ok() {
                    tell(member, score);
                    missing = missing.saturating_sub(1);
                }
            }
            left = left.saturating_sub(leaf.len() - skipped);
            if left == 0 || missing == 0 {
                return;
            }
        }
    }
}
