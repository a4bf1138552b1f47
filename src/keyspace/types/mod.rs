//! The collections that values may be: lists, sets, hashes, sorted sets and streams.
//!
//! Each is packed into one run of bytes as long as it is small (a listpack, a set of integers), and
//! then an entry keeps those bytes beside its key if they are few; a large one is kept in chunks
//! behind [`Arc`](std::sync::Arc). So the clone of a collection costs little, whatever its size, and stays what it was
//! while the original changes: a snapshot holds one and encodes it in its own time.
//!
//! What always holds: a collection in a database has an element (a stream excepted); its heap memory is
//! known without counting; a form that was left for a larger one is not returned to, except where
//! Redis does so.

mod hash;
mod list;
mod listpack;
mod set;
mod stream;
pub mod table;
pub mod tree;
mod zset;

pub use hash::{Field, Hash, HashRef};
pub use list::{End, List, ListRef, Piece, PieceLimit};
pub use listpack::{Elements, Listpack, ListpackRef, Position, element_len};
pub use set::{Intset, IntsetRef, Member, Set, SetRef};
pub use stream::{
    COUNTER_MAX, Consumer, Entry as StreamEntry, Fields, GivenId, Group, IdMap, Keep,
    NODE_BYTES_MAX, Node as StreamNode, Pending, Stream, StreamId,
};
pub use zset::{LexEdge, LexRange, ScoreRange, Zset, ZsetRef};

use super::hash::KeyHasher;

/// How large a collection may be and still be packed, as the directives of these names say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedLimits {
    /// `hash-max-listpack-entries`.
    pub hash_entries: usize,
    /// `hash-max-listpack-value`, in bytes.
    pub hash_value: usize,
    /// `set-max-intset-entries`.
    pub set_integers: usize,
    /// `set-max-listpack-entries`.
    pub set_entries: usize,
    /// `set-max-listpack-value`, in bytes.
    pub set_value: usize,
    /// `zset-max-listpack-entries`.
    pub zset_entries: usize,
    /// `zset-max-listpack-value`, in bytes.
    pub zset_value: usize,
    /// `list-max-listpack-size`: elements, or, negative, a class of bytes.
    pub list_size: i32,
    /// `stream-node-max-bytes`; 0 is no limit.
    pub stream_node_bytes: usize,
    /// `stream-node-max-entries`; 0 is no limit.
    pub stream_node_entries: usize,
}

impl Default for PackedLimits {
    fn default() -> Self {
        Self {
            hash_entries: 512,
            hash_value: 64,
            set_integers: 512,
            set_entries: 128,
            set_value: 64,
            zset_entries: 128,
            zset_value: 64,
            list_size: -2,
            stream_node_bytes: 4096,
            stream_node_entries: 100,
        }
    }
}

/// What collections are made with.
#[derive(Clone, Debug)]
pub struct Packing {
    /// Hashes the elements of large ones.
    pub hasher: KeyHasher,
    /// When they stop being packed.
    pub limits: PackedLimits,
}

impl Default for Packing {
    /// That of a keyspace with seed 0, for who decodes a value and does not keep it.
    fn default() -> Self {
        Self { hasher: KeyHasher::new(0), limits: PackedLimits::default() }
    }
}

/// The form of a collection that stands beside its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Packed {
    List = 1,
    Set = 2,
    Integers = 3,
    Hash = 4,
    Zset = 5,
}

impl Packed {
    /// The form that this number stands for.
    pub fn from_number(number: u8) -> Option<Self> {
        let all = [Self::List, Self::Set, Self::Integers, Self::Hash, Self::Zset];
        all.into_iter().find(|&packed| packed as u8 == number)
    }

    /// The collection of this form whose bytes are `bytes`.
    pub fn lend(self, bytes: &[u8]) -> CollectionRef<'_> {
        let pack = ListpackRef::trusted;
        match self {
            Self::List => CollectionRef::List(ListRef::Packed(pack(bytes))),
            Self::Set => CollectionRef::Set(SetRef::Packed(pack(bytes))),
            Self::Integers => CollectionRef::Set(SetRef::Integers(IntsetRef::trusted(bytes))),
            Self::Hash => CollectionRef::Hash(HashRef::Packed(pack(bytes))),
            Self::Zset => CollectionRef::Zset(ZsetRef::Packed(pack(bytes))),
        }
    }
}

/// A collection that owns its elements.
#[derive(Clone, Debug)]
pub enum Collection {
    /// A list.
    List(List),
    /// A set.
    Set(Set),
    /// A hash.
    Hash(Hash),
    /// A sorted set.
    Zset(Zset),
    /// A stream.
    Stream(Box<Stream>),
}

/// A collection lent by an entry.
#[derive(Clone, Copy, Debug)]
pub enum CollectionRef<'a> {
    /// A list.
    List(ListRef<'a>),
    /// A set.
    Set(SetRef<'a>),
    /// A hash.
    Hash(HashRef<'a>),
    /// A sorted set.
    Zset(ZsetRef<'a>),
    /// A stream.
    Stream(&'a Stream),
}

impl Collection {
    /// What stands for a collection that has been taken away: without memory, to be replaced.
    pub(super) fn empty() -> Self {
        Self::List(List::Packed(Listpack::hollow()))
    }

    /// The collection, borrowed.
    pub fn as_ref(&self) -> CollectionRef<'_> {
        match self {
            Self::List(list) => CollectionRef::List(list.as_ref()),
            Self::Set(set) => CollectionRef::Set(set.as_ref()),
            Self::Hash(hash) => CollectionRef::Hash(hash.as_ref()),
            Self::Zset(zset) => CollectionRef::Zset(zset.as_ref()),
            Self::Stream(stream) => CollectionRef::Stream(stream),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::List(list) => list.heap_bytes(),
            Self::Set(set) => set.heap_bytes(),
            Self::Hash(hash) => hash.heap_bytes(),
            Self::Zset(zset) => zset.heap_bytes(),
            Self::Stream(stream) => size_of::<Stream>() + stream.heap_bytes(),
        }
    }

    /// Gives back memory that is kept for growth.
    pub fn shrink(&mut self) {
        match self {
            Self::List(List::Packed(pack))
            | Self::Set(Set::Packed(pack))
            | Self::Hash(Hash::Packed(pack))
            | Self::Zset(Zset::Packed(pack)) => pack.shrink(),
            Self::Set(Set::Integers(integers)) => integers.shrink(),
            _ => {}
        }
    }
}

impl<'a> CollectionRef<'a> {
    /// The name `TYPE` gives.
    pub fn type_name(self) -> &'static str {
        match self {
            Self::List(_) => "list",
            Self::Set(_) => "set",
            Self::Hash(_) => "hash",
            Self::Zset(_) => "zset",
            Self::Stream(_) => "stream",
        }
    }

    /// The name `OBJECT ENCODING` gives.
    pub fn encoding(self) -> &'static str {
        match self {
            Self::List(list) => list.encoding(),
            Self::Set(set) => set.encoding(),
            Self::Hash(hash) => hash.encoding(),
            Self::Zset(zset) => zset.encoding(),
            Self::Stream(_) => "stream",
        }
    }

    /// Number of elements.
    pub fn len(self) -> usize {
        match self {
            Self::List(list) => list.len(),
            Self::Set(set) => set.len(),
            Self::Hash(hash) => hash.len(),
            Self::Zset(zset) => zset.len(),
            Self::Stream(stream) => stream.len(),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The form and the bytes of a collection that is packed.
    pub(super) fn packed(self) -> Option<(Packed, &'a [u8])> {
        match self {
            Self::List(ListRef::Packed(pack)) => Some((Packed::List, pack.bytes())),
            Self::Set(SetRef::Packed(pack)) => Some((Packed::Set, pack.bytes())),
            Self::Set(SetRef::Integers(integers)) => Some((Packed::Integers, integers.bytes())),
            Self::Hash(HashRef::Packed(pack)) => Some((Packed::Hash, pack.bytes())),
            Self::Zset(ZsetRef::Packed(pack)) => Some((Packed::Zset, pack.bytes())),
            _ => None,
        }
    }

    /// A collection of its own; what is packed gets room for `more` bytes.
    pub fn to_owned(self, more: usize) -> Collection {
        match self {
            Self::List(list) => Collection::List(list.to_list(more)),
            Self::Set(set) => Collection::Set(set.to_set(more)),
            Self::Hash(hash) => Collection::Hash(hash.to_hash(more)),
            Self::Zset(zset) => Collection::Zset(zset.to_zset(more)),
            Self::Stream(stream) => Collection::Stream(Box::new(stream.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_have_numbers_of_three_bits() {
        for number in 0..=u8::MAX {
            let packed = Packed::from_number(number);
            assert_eq!(packed.is_some(), (1..=5).contains(&number));
            assert!(packed.is_none_or(|packed| packed as u8 == number));
        }
    }
}
