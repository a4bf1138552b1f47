//! Hashes: fields with values.
//!
//! A small one is a listpack in which each field is followed by its value, in the order they came; a
//! large one is a table by the names of the fields. What always holds: no name is there twice.

mod field;

use std::collections::HashSet;

use super::super::value::ValueRef;
use super::listpack::{LISTPACK_LEN_MAX, element_len};
use super::table::MemberTable;
use super::{Listpack, ListpackRef, Packing};

pub use field::Field;

/// Elements of a pair in a listpack.
const PAIR: usize = 2;
/// What the allocator adds to an allocation.
const ALLOCATION_OVERHEAD_BYTES: usize = 8;

/// A hash that owns its elements.
#[derive(Clone, Debug)]
pub enum Hash {
    /// A small one.
    Packed(Listpack),
    /// A large one.
    Large(Box<MemberTable<Field>>),
}

/// A hash lent.
#[derive(Clone, Copy, Debug)]
pub enum HashRef<'a> {
    /// A small one.
    Packed(ListpackRef<'a>),
    /// A large one.
    Large(&'a MemberTable<Field>),
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// An empty hash in the form that so many fields need whatever they are, with room for
    /// `capacity` of them, which the caller has bounded.
    pub fn for_fields(fields: u64, capacity: usize, packing: &Packing) -> Self {
        if fields > packing.limits.hash_entries as u64 {
            Self::Large(Box::new(MemberTable::with_capacity(capacity, packing.hasher.clone())))
        } else {
            Self::new()
        }
    }

    /// The hash of a listpack from elsewhere; `None` if that holds no pairs, half a one, or a name twice.
    pub fn from_listpack(pack: Listpack, packing: &Packing) -> Option<Self> {
        let elements = pack.as_ref().len();
        if elements == 0 || !elements.is_multiple_of(PAIR) || has_duplicates(pack.as_ref(), packing)
        {
            return None;
        }
        let mut hash = Self::Packed(pack);
        if elements / PAIR > packing.limits.hash_entries {
            hash.unpack(0, packing);
        }
        Some(hash)
    }

    /// The hash, borrowed.
    pub fn as_ref(&self) -> HashRef<'_> {
        match self {
            Self::Packed(pack) => HashRef::Packed(pack.as_ref()),
            Self::Large(table) => HashRef::Large(table),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.heap_bytes(),
            Self::Large(table) => {
                size_of::<MemberTable<Field>>() + ALLOCATION_OVERHEAD_BYTES + table.memory_bytes()
            }
        }
    }

    /// Readies it for up to `fields` new fields, with no name or value longer than `len_max` bytes: it
    /// stops being packed if one of these is beyond the limits.
    pub fn make_room(&mut self, fields: usize, len_max: usize, packing: &Packing) {
        let limits = &packing.limits;
        if fields > limits.hash_entries {
            self.unpack(fields, packing);
        } else if len_max > limits.hash_value {
            self.unpack(0, packing);
        }
    }

    /// Gives the field `name` this value; whether it is new.
    pub fn set(&mut self, name: &[u8], value: &[u8], packing: &Packing) -> bool {
        if let Self::Packed(pack) = self
            && !may_hold(pack, name, value, packing)
        {
            self.unpack(1, packing);
        }
        let is_new = match self {
            Self::Packed(pack) => set_packed(pack, name, value),
            Self::Large(table) => return set_large(table, name, value),
        };
        if self.as_ref().len() > packing.limits.hash_entries {
            self.unpack(0, packing);
        }
        is_new
    }

    /// Takes the field `name` out; whether it was there.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match self {
            Self::Packed(pack) => {
                let found = pack.as_ref().find(name, PAIR);
                if let Some(position) = found {
                    pack.remove(position, PAIR);
                }
                found.is_some()
            }
            Self::Large(table) => {
                let hash = table.hasher().hash(name);
                table.remove(hash, |field| field.name() == name).is_some()
            }
        }
    }

    /// Makes a packed one a table, with room for `more` fields.
    #[cold]
    pub fn unpack(&mut self, more: usize, packing: &Packing) {
        let Self::Packed(pack) = self else { return };
        let hasher = &packing.hasher;
        let mut table =
            MemberTable::with_capacity(pack.as_ref().len() / PAIR + more, hasher.clone());
        for (name, value) in HashRef::Packed(pack.as_ref()).pairs() {
            name.with_bytes(|name| {
                let field = value.with_bytes(|value| Field::new(name, value));
                table.insert_new(hasher.hash(name), field);
            });
        }
        *self = Self::Large(Box::new(table));
    }
}

/// Whether a field may be added to a packed hash and leave it packed; the number of fields is looked at
/// afterwards.
fn may_hold(pack: &Listpack, name: &[u8], value: &[u8], packing: &Packing) -> bool {
    let len = |bytes| element_len(ValueRef::Bytes(bytes));
    name.len().max(value.len()) <= packing.limits.hash_value
        && pack.byte_len() + len(name) + len(value) <= LISTPACK_LEN_MAX
}

fn set_packed(pack: &mut Listpack, name: &[u8], value: &[u8]) -> bool {
    let value = ValueRef::from_string(value);
    match pack.as_ref().find(name, PAIR) {
        Some(position) => {
            if let Some(position) = pack.as_ref().next(position) {
                pack.replace(position, value);
            }
            false
        }
        None => {
            let end = pack.as_ref().end_position();
            pack.insert(end, &[ValueRef::from_string(name), value]);
            true
        }
    }
}

fn set_large(table: &mut MemberTable<Field>, name: &[u8], value: &[u8]) -> bool {
    let hash = table.hasher().hash(name);
    let found = table.update(hash, |field| field.name() == name, |field| field.set_value(value));
    if found.is_none() {
        table.insert_new(hash, Field::new(name, value));
    }
    found.is_none()
}

/// Whether a name is in a listpack of pairs twice. Names are equal whichever way they are stored.
fn has_duplicates(pack: ListpackRef<'_>, packing: &Packing) -> bool {
    let names = || pack.iter().step_by(PAIR);
    let mut hashes: Vec<u64> =
        names().map(|name| name.with_bytes(|name| packing.hasher.hash(name))).collect();
    hashes.sort_unstable();
    // Different names of one hash are possible, if hardly likely: then the names are compared.
    hashes.windows(2).any(|pair| pair[0] == pair[1]) && {
        let mut seen = HashSet::new();
        names().any(|name| !seen.insert(name.to_cow()))
    }
}

impl Default for Hash {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> HashRef<'a> {
    /// Number of fields.
    pub fn len(self) -> usize {
        match self {
            Self::Packed(pack) => pack.len() / PAIR,
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
            Self::Packed(_) => "listpack",
            Self::Large(_) => "hashtable",
        }
    }

    /// The value of the field `name`.
    #[inline]
    pub fn get(self, name: &[u8]) -> Option<ValueRef<'a>> {
        match self {
            Self::Packed(pack) => pack.at(pack.next(pack.find(name, PAIR)?)?),
            Self::Large(table) => {
                let hash = table.hasher().hash(name);
                let field = table.get(hash, |field| field.name() == name)?;
                Some(ValueRef::Bytes(field.value()))
            }
        }
    }

    /// All fields with their values: in the order they came, or, of a large one, in an order that the
    /// seed and its history decide.
    pub fn pairs(self) -> impl Iterator<Item = (ValueRef<'a>, ValueRef<'a>)> {
        let (packed, large) = match self {
            Self::Packed(pack) => (Some(pack), None),
            Self::Large(table) => (None, Some(table)),
        };
        let packed = packed.into_iter().flat_map(|pack| {
            let mut elements = pack.iter();
            std::iter::from_fn(move || Some((elements.next()?, elements.next()?)))
        });
        packed.chain(large.into_iter().flat_map(MemberTable::iter).map(Field::pair))
    }

    /// A random field with its value; all are equally likely.
    pub fn random(self, rng: &mut fastrand::Rng) -> Option<(ValueRef<'a>, ValueRef<'a>)> {
        match self {
            Self::Packed(_) if self.is_empty() => None,
            Self::Packed(_) => self.pairs().nth(rng.usize(..self.len())),
            Self::Large(table) => table.random(rng).map(Field::pair),
        }
    }

    /// A hash of its own; a packed one gets room for `more` bytes.
    pub fn to_hash(self, more: usize) -> Hash {
        match self {
            Self::Packed(pack) => Hash::Packed(pack.to_listpack(more)),
            Self::Large(table) => Hash::Large(Box::new(table.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::types::PackedLimits;

    fn packing(hash_entries: usize, hash_value: usize) -> Packing {
        let limits = PackedLimits { hash_entries, hash_value, ..PackedLimits::default() };
        Packing { limits, ..Packing::default() }
    }

    fn filled(fields: usize, packing: &Packing) -> Hash {
        let mut hash = Hash::new();
        for number in 0..fields {
            let name = number.to_string();
            assert!(hash.set(name.as_bytes(), b"value", packing));
        }
        hash
    }

    #[test]
    fn the_number_of_fields_decides_after_they_are_set() {
        let packing = packing(4, 8);
        let mut hash = filled(4, &packing);
        assert_eq!(hash.as_ref().encoding(), "listpack");
        assert!(hash.remove(b"2") && !hash.remove(b"2"));
        assert!(hash.set(b"4", b"v", &packing));
        assert_eq!(hash.as_ref().encoding(), "listpack");
        assert!(hash.set(b"5", b"v", &packing));
        assert_eq!((hash.as_ref().encoding(), hash.as_ref().len()), ("hashtable", 5));
        // What has become large stays so.
        (0..6).for_each(|number: u8| assert_eq!(hash.remove(&[b'0' + number]), number != 2));
        assert_eq!((hash.as_ref().encoding(), hash.as_ref().len()), ("hashtable", 0));
        // A value that is replaced lets a lowered limit be felt.
        let mut hash = filled(4, &packing);
        assert!(!hash.set(b"1", b"v", &self::packing(3, 8)));
        assert_eq!(hash.as_ref().encoding(), "hashtable");
    }

    #[test]
    fn the_length_of_names_and_values_decides_before_they_are_set() {
        let packing = packing(4, 8);
        for (name, value) in [(&b"123456789"[..], &b"v"[..]), (b"n", b"123456789")] {
            let mut hash = filled(2, &packing);
            assert!(hash.set(name, value, &packing));
            assert_eq!(hash.as_ref().encoding(), "hashtable");
            assert_eq!(hash.as_ref().get(name), Some(ValueRef::Bytes(value)));
            assert_eq!(hash.as_ref().get(b"1"), Some(ValueRef::Bytes(b"value")));
        }
        let mut hash = filled(2, &packing);
        hash.make_room(4, 8, &packing);
        assert_eq!(hash.as_ref().encoding(), "listpack");
        hash.make_room(5, 8, &packing);
        assert_eq!((hash.as_ref().encoding(), hash.as_ref().len()), ("hashtable", 2));
    }

    #[test]
    fn a_listpack_from_elsewhere_holds_pairs_of_different_names() {
        let packing = packing(2, 8);
        let of =
            |names: &[ValueRef<'_>]| Hash::from_listpack(Listpack::of(names.to_vec()), &packing);
        let (a, b, c) = (ValueRef::Bytes(b"a"), ValueRef::Bytes(b"12"), ValueRef::Int(12));
        for refused in [&[][..], &[a], &[a, a, b], &[a, b, a, b], &[b, a, c, a]] {
            assert!(of(refused).is_none(), "{refused:?}");
        }
        let encoding = |names: &[ValueRef<'_>]| of(names).map(|hash| hash.as_ref().encoding());
        assert_eq!(encoding(&[a, b, b, a]), Some("listpack"));
        assert_eq!(encoding(&[a, a, b, a, ValueRef::Int(1), a]), Some("hashtable"));
        // A number is found whichever way it is stored.
        let hash = of(&[b, a, a, c]);
        assert_eq!(hash.as_ref().and_then(|hash| hash.as_ref().get(b"12")), Some(a));
    }

    #[test]
    fn different_names_of_one_hash_are_no_duplicates() {
        let packing = Packing::default();
        let names: Vec<Vec<u8>> = packing.hasher.colliding_keys().take(3).collect();
        let pairs = names.iter().flat_map(|name| [ValueRef::Bytes(name), ValueRef::Int(1)]);
        assert!(Hash::from_listpack(Listpack::of(pairs.clone()), &packing).is_some());
        let twice = pairs.chain([ValueRef::Bytes(&names[0]), ValueRef::Int(2)]);
        assert!(Hash::from_listpack(Listpack::of(twice), &packing).is_none());
    }

    #[test]
    fn memory_is_counted_without_looking_at_the_fields() {
        let packing = packing(4, 8);
        let mut hash = filled(100_000, &packing);
        let before = hash.heap_bytes();
        // Names of up to 5 bytes, values of 5, a length and the allocator's word, in slots of 16.
        assert!((100_000 * 35..100_000 * 50).contains(&before), "{before}");
        assert!(!hash.set(b"77", &[b'x'; 1000], &packing));
        assert_eq!(hash.heap_bytes(), before + 995);
    }
}
