//! Hashes: fields with values.

use super::{Listpack, ListpackRef};

/// A hash that owns its elements.
#[derive(Clone, Debug)]
pub enum Hash {
    /// A small one.
    Packed(Listpack),
}

/// A hash lent.
#[derive(Clone, Copy, Debug)]
pub enum HashRef<'a> {
    /// A small one.
    Packed(ListpackRef<'a>),
}

impl Hash {
    /// An empty hash.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// The hash, borrowed.
    pub fn as_ref(&self) -> HashRef<'_> {
        match self {
            Self::Packed(pack) => HashRef::Packed(pack.as_ref()),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.heap_bytes(),
        }
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
            Self::Packed(pack) => pack.len() / 2,
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
        }
    }

    /// A hash of its own; a packed one gets room for `more` bytes.
    pub fn to_hash(self, more: usize) -> Hash {
        match self {
            Self::Packed(pack) => Hash::Packed(pack.to_listpack(more)),
        }
    }
}
