//! Sorted sets: members in the order of their scores.

use super::{Listpack, ListpackRef};

/// A zset that owns its elements.
#[derive(Clone, Debug)]
pub enum Zset {
    /// A small one.
    Packed(Listpack),
}

/// A zset lent.
#[derive(Clone, Copy, Debug)]
pub enum ZsetRef<'a> {
    /// A small one.
    Packed(ListpackRef<'a>),
}

impl Zset {
    /// An empty zset.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// The zset, borrowed.
    pub fn as_ref(&self) -> ZsetRef<'_> {
        match self {
            Self::Packed(pack) => ZsetRef::Packed(pack.as_ref()),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.heap_bytes(),
        }
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

    /// A zset of its own; a packed one gets room for `more` bytes.
    pub fn to_zset(self, more: usize) -> Zset {
        match self {
            Self::Packed(pack) => Zset::Packed(pack.to_listpack(more)),
        }
    }
}
