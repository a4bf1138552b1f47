//! Sets: members without an order.
//!
//! A set of few integers is kept as such, other small ones are a listpack in which the members stand in the
//! order they came, and a large one is a table. What always holds: no member is there twice.

mod intset;

use std::collections::HashSet;

use super::super::hash::KeyHasher;
use super::super::value::ValueRef;
use super::listpack::{LISTPACK_LEN_MAX, element_len};
use super::table::{MemberTable, Slot};
use super::{Listpack, ListpackRef, Packing};

pub use intset::{Intset, IntsetRef};

/// What the allocator adds to an allocation.
const ALLOCATION_OVERHEAD_BYTES: usize = 8;
/// Of a large set, this part at least is taken out by drawing members; more by going through it.
const DRAWN_DIVISOR: usize = 3;

/// A member of a large set.
pub type Member = Box<[u8]>;

impl Slot for Member {
    #[inline]
    fn hash(&self, hasher: &KeyHasher) -> u64 {
        hasher.hash(self)
    }

    #[inline]
    fn heap_bytes(&self) -> usize {
        self.len() + ALLOCATION_OVERHEAD_BYTES
    }
}

/// A set that owns its elements.
#[derive(Clone, Debug)]
pub enum Set {
    /// Integers only, few.
    Integers(Intset),
    /// A small one.
    Packed(Listpack),
    /// A large one.
    Large(Box<MemberTable<Member>>),
}

/// A set lent.
#[derive(Clone, Copy, Debug)]
pub enum SetRef<'a> {
    /// Integers only, few.
    Integers(IntsetRef<'a>),
    /// A small one.
    Packed(ListpackRef<'a>),
    /// A large one.
    Large(&'a MemberTable<Member>),
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Self::Integers(Intset::new())
    }

    /// An empty set in the form that so many members of a file need whatever they are, with room for
    /// `capacity` of them, which the caller has bounded.
    pub fn for_members(members: u64, capacity: usize, packing: &Packing) -> Self {
        if members > packing.limits.set_integers as u64 {
            Self::Large(Box::new(MemberTable::with_capacity(capacity, packing.hasher.clone())))
        } else {
            Self::new()
        }
    }

    /// The set of a listpack from elsewhere; `None` if that is empty or holds a member twice.
    pub fn from_listpack(pack: Listpack, packing: &Packing) -> Option<Self> {
        if pack.as_ref().is_empty() || has_duplicates(pack.as_ref(), packing) {
            return None;
        }
        let is_large = pack.as_ref().len() > packing.limits.set_entries;
        let mut set = Self::Packed(pack);
        if is_large {
            set.unpack(0, packing);
        }
        Some(set)
    }

    /// The set of integers from elsewhere.
    pub fn from_integers(integers: Intset, packing: &Packing) -> Self {
        let is_large = integers.as_ref().len() > packing.limits.set_integers;
        let mut set = Self::Integers(integers);
        if is_large {
            set.unpack(0, packing);
        }
        set
    }

    /// The set, borrowed.
    pub fn as_ref(&self) -> SetRef<'_> {
        match self {
            Self::Integers(integers) => SetRef::Integers(integers.as_ref()),
            Self::Packed(pack) => SetRef::Packed(pack.as_ref()),
            Self::Large(table) => SetRef::Large(table),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Integers(integers) => integers.heap_bytes(),
            Self::Packed(pack) => pack.heap_bytes(),
            Self::Large(table) => {
                size_of::<MemberTable<Member>>() + ALLOCATION_OVERHEAD_BYTES + table.memory_bytes()
            }
        }
    }

    /// Readies it for up to `members` new ones, the first of which is `first`: it becomes large at once
    /// where so many would not fit.
    pub fn make_room(&mut self, first: &[u8], members: usize, packing: &Packing) {
        let limits = &packing.limits;
        let members_max = match self {
            Self::Integers(integers) => {
                let takes_integers = !integers.as_ref().is_empty()
                    || matches!(ValueRef::from_string(first), ValueRef::Int(_));
                if takes_integers { limits.set_integers } else { limits.set_entries }
            }
            Self::Packed(_) => limits.set_entries,
            Self::Large(_) => return,
        };
        if members > members_max {
            self.unpack(members, packing);
        }
    }

    /// Adds `member`; whether it is new.
    pub fn add(&mut self, member: &[u8], packing: &Packing) -> bool {
        match self {
            Self::Large(table) => add_large(table, member),
            _ => self.add_small(ValueRef::from_string(member), packing),
        }
    }

    /// Adds a member of another set; whether it is new.
    pub fn add_value(&mut self, member: ValueRef<'_>, packing: &Packing) -> bool {
        match (&mut *self, member) {
            (Self::Integers(_), ValueRef::Int(_)) => self.add_small(member, packing),
            _ => member.with_bytes(|member| self.add(member, packing)),
        }
    }

    /// Adds to a set that is not large yet.
    fn add_small(&mut self, member: ValueRef<'_>, packing: &Packing) -> bool {
        let limits = &packing.limits;
        match (&mut *self, member) {
            (Self::Integers(integers), ValueRef::Int(number))
                if limits.set_integers > 0 || !integers.as_ref().is_empty() =>
            {
                let is_new = integers.insert(number);
                if is_new && integers.as_ref().len() > limits.set_integers {
                    self.unpack(0, packing);
                }
                return is_new;
            }
            (Self::Integers(integers), _) => {
                let numbers = integers.as_ref();
                let fits = numbers.len() < limits.set_entries
                    && widest(numbers).max(member.len()) <= limits.set_value;
                if fits {
                    let mut pack = Listpack::of(numbers.iter().map(ValueRef::Int));
                    pack.push(member);
                    *self = Self::Packed(pack);
                    return true;
                }
            }
            (Self::Packed(pack), _) => {
                if member.with_bytes(|bytes| pack.as_ref().find(bytes, 1).is_some()) {
                    return false;
                }
                let fits = pack.as_ref().len() < limits.set_entries
                    && member.len() <= limits.set_value
                    && pack.byte_len() + element_len(member) <= LISTPACK_LEN_MAX;
                if fits {
                    pack.push(member);
                    return true;
                }
            }
            (Self::Large(_), _) => {}
        }
        self.unpack(1, packing);
        member.with_bytes(|member| self.add(member, packing))
    }

    /// Takes `member` out; whether it was in.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match self {
            Self::Integers(integers) => match ValueRef::from_string(member) {
                ValueRef::Int(number) => integers.remove(number),
                ValueRef::Bytes(_) => false,
            },
            Self::Packed(pack) => {
                let found = pack.as_ref().find(member, 1);
                if let Some(position) = found {
                    pack.remove(position, 1);
                }
                found.is_some()
            }
            Self::Large(table) => {
                let hash = table.hasher().hash(member);
                table.remove(hash, |held| **held == *member).is_some()
            }
        }
    }

    /// Takes `count` random members out, all choices of which are equally likely, or all if there are no
    /// more; hands them to `f`.
    pub fn take_random(&mut self, count: usize, rng: &mut fastrand::Rng, mut f: impl FnMut(&[u8])) {
        let mut draw = Draw { missing: count, left: self.as_ref().len() };
        match self {
            Self::Integers(integers) => integers.retain(|number| {
                let taken = draw.next(rng);
                if taken {
                    ValueRef::Int(number).with_bytes(&mut f);
                }
                !taken
            }),
            Self::Packed(pack) => {
                let mut kept = Listpack::new();
                for member in pack.as_ref().iter() {
                    if draw.next(rng) { member.with_bytes(&mut f) } else { kept.push(member) }
                }
                *pack = kept;
            }
            Self::Large(table) => {
                let taken: Vec<Member> = SetRef::Large(table).draw(count, rng);
                for member in taken {
                    f(&member);
                    let hash = table.hasher().hash(&member);
                    table.remove(hash, |held| *held == member);
                }
            }
        }
    }

    /// Makes a small one a table, with room for `more` members.
    #[cold]
    pub fn unpack(&mut self, more: usize, packing: &Packing) {
        if matches!(self, Self::Large(_)) {
            return;
        }
        let small = self.as_ref();
        let hasher = &packing.hasher;
        let mut table = MemberTable::with_capacity(small.len() + more, hasher.clone());
        for member in small.iter() {
            member.with_bytes(|member| table.insert_new(hasher.hash(member), member.into()));
        }
        *self = Self::Large(Box::new(table));
    }
}

/// Draws without putting back, in one pass: each is taken with the chance that leaves all choices of so many
/// equally likely.
struct Draw {
    missing: usize,
    left: usize,
}

impl Draw {
    /// Whether the next one is taken.
    fn next(&mut self, rng: &mut fastrand::Rng) -> bool {
        let taken = self.missing > 0 && rng.usize(..self.left) < self.missing;
        self.missing -= usize::from(taken);
        self.left -= 1;
        taken
    }
}

/// Digits, with the sign, of the longest of these numbers.
fn widest(numbers: IntsetRef<'_>) -> usize {
    let ends = [numbers.get(0), numbers.len().checked_sub(1).and_then(|last| numbers.get(last))];
    ends.into_iter().flatten().map(|number| ValueRef::Int(number).len()).max().unwrap_or(0)
}

fn add_large(table: &mut MemberTable<Member>, member: &[u8]) -> bool {
    let hash = table.hasher().hash(member);
    let is_new = table.get(hash, |held| **held == *member).is_none();
    if is_new {
        table.insert_new(hash, member.into());
    }
    is_new
}

/// Whether a member is in a listpack twice. Members are equal whichever way they are stored.
fn has_duplicates(pack: ListpackRef<'_>, packing: &Packing) -> bool {
    let hash = |member: ValueRef<'_>| member.with_bytes(|bytes| packing.hasher.hash(bytes));
    let mut hashes: Vec<u64> = pack.iter().map(hash).collect();
    hashes.sort_unstable();
    // Different members of one hash are possible, if hardly likely: then the members are compared.
    hashes.windows(2).any(|pair| pair[0] == pair[1]) && {
        let mut seen = HashSet::new();
        pack.iter().any(|member| !seen.insert(member.to_cow()))
    }
}

impl Default for Set {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> SetRef<'a> {
    /// Number of elements.
    pub fn len(self) -> usize {
        match self {
            Self::Integers(integers) => integers.len(),
            Self::Packed(pack) => pack.len(),
            Self::Large(table) => table.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The name `OBJECT ENCODING` gives.
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Integers(_) => "intset",
            Self::Packed(_) => "listpack",
            Self::Large(_) => "hashtable",
        }
    }

    /// Whether `member` is in.
    #[inline]
    pub fn contains(self, member: &[u8]) -> bool {
        match self {
            Self::Integers(integers) => match ValueRef::from_string(member) {
                ValueRef::Int(number) => integers.contains(number),
                ValueRef::Bytes(_) => false,
            },
            Self::Packed(pack) => pack.find(member, 1).is_some(),
            Self::Large(table) => {
                let hash = table.hasher().hash(member);
                table.get(hash, |held| **held == *member).is_some()
            }
        }
    }

    /// Whether a member of another set is in.
    pub fn contains_value(self, member: ValueRef<'_>) -> bool {
        match (self, member) {
            (Self::Integers(integers), ValueRef::Int(number)) => integers.contains(number),
            _ => member.with_bytes(|member| self.contains(member)),
        }
    }

    /// All members: integers ascending, those of a small set in the order they came, and those of a large
    /// one in an order that the seed and its history decide.
    pub fn iter(self) -> impl Iterator<Item = ValueRef<'a>> {
        let (integers, packed, large) = match self {
            Self::Integers(integers) => (Some(integers), None, None),
            Self::Packed(pack) => (None, Some(pack), None),
            Self::Large(table) => (None, None, Some(table)),
        };
        let integers = integers.into_iter().flat_map(IntsetRef::iter).map(ValueRef::Int);
        let packed = packed.into_iter().flat_map(ListpackRef::iter);
        let large = large.into_iter().flat_map(MemberTable::iter);
        integers.chain(packed).chain(large.map(|member| ValueRef::Bytes(member)))
    }

    /// A random member; all are equally likely.
    pub fn random(self, rng: &mut fastrand::Rng) -> Option<ValueRef<'a>> {
        match self {
            _ if self.is_empty() => None,
            Self::Integers(integers) => {
                integers.get(rng.usize(..integers.len())).map(ValueRef::Int)
            }
            Self::Packed(pack) => pack.get(rng.usize(..pack.len())),
            Self::Large(table) => table.random(rng).map(|member| ValueRef::Bytes(member)),
        }
    }

    /// Hands `count` different random members to `f`, or all if there are no more. All choices are equally
    /// likely.
    pub fn random_different(
        self,
        count: usize,
        rng: &mut fastrand::Rng,
        mut f: impl FnMut(ValueRef<'a>),
    ) {
        let len = self.len();
        match self {
            Self::Large(table) if count < len / DRAWN_DIVISOR => {
                let mut seen = HashSet::new();
                while seen.len() < count {
                    let Some(member) = table.random(rng) else { break };
                    if seen.insert(member) {
                        f(ValueRef::Bytes(member));
                    }
                }
            }
            _ => {
                let mut draw = Draw { missing: count, left: len };
                self.iter().filter(|_| draw.next(rng)).for_each(f);
            }
        }
    }

    fn draw(self, count: usize, rng: &mut fastrand::Rng) -> Vec<Member> {
        let mut drawn = Vec::with_capacity(count.min(self.len()));
        self.random_different(count, rng, |member| {
            drawn.push(member.with_bytes(|bytes| Member::from(bytes)));
        });
        drawn
    }

    /// A set of its own; a packed one gets room for `more` bytes.
    pub fn to_set(self, more: usize) -> Set {
        match self {
            Self::Integers(integers) => Set::Integers(integers.to_intset(more)),
            Self::Packed(pack) => Set::Packed(pack.to_listpack(more)),
            Self::Large(table) => Set::Large(Box::new(table.clone())),
        }
    }
}
