//! Sorted sets: members in the order of their scores, members of one score in the order of their bytes.
//!
//! A small one is a listpack in which each member is followed by its score; a large one is a tree of
//! pairs with a table of scores. What always holds: pairs are in order, no member is there twice, no
//! score is "not a number".

mod large;
mod leaf;
mod packed;
mod range;
mod walk;

use std::cmp::Ordering;
use std::ops::Range;

pub use large::Large;
pub use range::{LexEdge, LexRange, ScoreRange};
pub use walk::Walk;

use super::{Listpack, ListpackRef, Packing};
use crate::keyspace::value::ValueRef;

/// Elements of a pair in a listpack.
const PAIR: usize = 2;
/// What the allocator adds to an allocation.
const ALLOCATION_OVERHEAD_BYTES: usize = 8;

/// A place among members of one score.
#[derive(Clone, Copy, Debug)]
enum Place<'a> {
    /// Before all of them.
    Start,
    /// Where a member is, or belongs.
    At(&'a [u8]),
    /// Behind that.
    Behind(&'a [u8]),
    /// Behind all of them.
    End,
}

/// How a pair lies to a place among the members of `place_score`.
fn order(score: f64, member: &[u8], place_score: f64, place: Place<'_>) -> Ordering {
    let by_score = score.partial_cmp(&place_score).unwrap_or(Ordering::Equal);
    by_score.then_with(|| match place {
        Place::Start => Ordering::Greater,
        Place::At(place) => member.cmp(place),
        Place::Behind(place) if member <= place => Ordering::Less,
        Place::Behind(_) => Ordering::Greater,
        Place::End => Ordering::Less,
    })
}

/// A sorted set that owns its elements.
#[derive(Clone, Debug)]
pub enum Zset {
    /// A small one.
    Packed(Listpack),
    /// A large one.
    Large(Box<Large>),
}

/// A sorted set lent.
#[derive(Clone, Copy, Debug)]
pub enum ZsetRef<'a> {
    /// A small one.
    Packed(ListpackRef<'a>),
    /// A large one.
    Large(&'a Large),
}

impl Zset {
    /// An empty sorted set.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// An empty one in the form that so many members need whatever they are, with room for `capacity` of
    /// them, which the caller has bounded.
    pub fn for_members(members: u64, capacity: usize, packing: &Packing) -> Self {
        if members > packing.limits.zset_entries as u64 {
            Self::Large(Box::new(Large::new(capacity, packing.hasher.clone())))
        } else {
            Self::new()
        }
    }

    /// The sorted set of a listpack from elsewhere; `None` if that is none: no pairs, half a one, scores
    /// that are no numbers, a wrong order, a member twice.
    pub fn from_listpack(pack: Listpack, packing: &Packing) -> Option<Self> {
        if !packed::is_valid(pack.as_ref(), &packing.hasher) {
            return None;
        }
        let mut zset = Self::Packed(pack);
        if zset.as_ref().len() > packing.limits.zset_entries {
            zset.unpack(0, packing);
        }
        Some(zset)
    }

    /// The sorted set, borrowed.
    pub fn as_ref(&self) -> ZsetRef<'_> {
        match self {
            Self::Packed(pack) => ZsetRef::Packed(pack.as_ref()),
            Self::Large(large) => ZsetRef::Large(large),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.heap_bytes(),
            Self::Large(large) => {
                size_of::<Large>() + ALLOCATION_OVERHEAD_BYTES + large.heap_bytes()
            }
        }
    }

    /// Readies it for up to `members` new members, none longer than `len_max` bytes: it stops being packed
    /// if that is beyond the limits. A length counts only while it has no members.
    pub fn make_room(&mut self, members: usize, len_max: usize, packing: &Packing) {
        let limits = &packing.limits;
        let is_long = len_max > limits.zset_value && self.as_ref().is_empty();
        if members > limits.zset_entries || is_long {
            self.unpack(members, packing);
        }
    }

    /// Adds a member that is not there.
    pub fn insert_new(&mut self, member: &[u8], score: f64, packing: &Packing) {
        if let Self::Packed(pack) = self {
            let limits = &packing.limits;
            if pack.as_ref().len() / PAIR < limits.zset_entries
                && member.len() <= limits.zset_value
                && packed::has_room(pack, member)
            {
                return packed::insert(pack, member, score);
            }
            self.unpack(1, packing);
        }
        if let Self::Large(large) = self {
            large.insert_new(member, score);
        }
    }

    /// Gives a member that has the score `before` another one.
    pub fn update(&mut self, member: &[u8], before: f64, score: f64) {
        match self {
            Self::Packed(pack) => {
                packed::remove(pack, member);
                packed::insert(pack, member, score);
            }
            Self::Large(large) => large.update(member, before, score),
        }
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Self::Packed(pack) => packed::remove(pack, member),
            Self::Large(large) => match large.score(member) {
                Some(score) => {
                    large.remove(member, score);
                    true
                }
                None => false,
            },
        }
    }

    /// Takes out members by their places.
    pub fn remove_range(&mut self, range: Range<usize>) {
        match self {
            Self::Packed(pack) => packed::remove_range(pack, range),
            Self::Large(large) => large.remove_range(range),
        }
    }

    /// Makes a packed one large, with room for `more` members.
    #[cold]
    pub fn unpack(&mut self, more: usize, packing: &Packing) {
        let Self::Packed(pack) = self else { return };
        let capacity = pack.as_ref().len() / PAIR + more;
        let mut large = Large::new(capacity, packing.hasher.clone());
        for (member, score) in ZsetRef::Packed(pack.as_ref()).iter() {
            member.with_bytes(|member| large.insert_new(member, score));
        }
        *self = Self::Large(Box::new(large));
    }
}

impl Default for Zset {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> ZsetRef<'a> {
    /// Number of members.
    pub fn len(self) -> usize {
        match self {
            Self::Packed(pack) => pack.len() / PAIR,
            Self::Large(large) => large.pairs().len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The name `OBJECT ENCODING` gives.
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Large(_) => "skiplist",
        }
    }

    /// A sorted set of its own; a packed one gets room for `more` bytes.
    pub fn to_zset(self, more: usize) -> Zset {
        match self {
            Self::Packed(pack) => Zset::Packed(pack.to_listpack(more)),
            Self::Large(large) => Zset::Large(Box::new(large.clone())),
        }
    }

    /// The score of a member.
    pub fn score(self, member: &[u8]) -> Option<f64> {
        match self {
            Self::Packed(pack) => packed::score(pack, member),
            Self::Large(large) => large.score(member),
        }
    }

    /// The place of a member, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        match self {
            Self::Packed(pack) => packed::rank(pack, member),
            Self::Large(large) => {
                let score = large.score(member)?;
                Some((large.before(score, Place::At(member)), score))
            }
        }
    }

    /// The pair at a place.
    pub fn get(self, index: usize) -> Option<(ValueRef<'a>, f64)> {
        match self {
            Self::Packed(_) => self.walk(index..index + 1, false).next(),
            Self::Large(large) => {
                large.pair(index).map(|(member, score)| (ValueRef::Bytes(member), score))
            }
        }
    }

    /// All pairs.
    pub fn iter(self) -> Walk<'a> {
        self.walk(0..self.len(), false)
    }

    /// The pairs of `range`, from its start or, reversed, from its end.
    pub fn walk(self, range: Range<usize>, reversed: bool) -> Walk<'a> {
        Walk::new(self, range, reversed)
    }

    /// Hands about `count` pairs from `cursor` on to `tell` and returns the next cursor: 0 at the end, which
    /// is at once for what is packed.
    pub fn scan(self, cursor: u64, count: usize, tell: &mut dyn FnMut(ValueRef<'_>, f64)) -> u64 {
        match self {
            Self::Packed(_) => {
                self.iter().for_each(|(member, score)| tell(member, score));
                0
            }
            Self::Large(large) => large.scan(cursor, count, &mut |member, score| {
                tell(ValueRef::Bytes(member), score);
            }),
        }
    }
}
