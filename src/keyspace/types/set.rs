//! Sets: members without an order.

use super::{Listpack, ListpackRef};

/// A set that owns its elements.
#[derive(Clone, Debug)]
pub enum Set {
    /// Integers only, few: Redis's set of integers, ascending.
    Integers(Vec<u8>),
    /// A small one.
    Packed(Listpack),
}

/// A set lent.
#[derive(Clone, Copy, Debug)]
pub enum SetRef<'a> {
    /// Integers only, few.
    Integers(&'a [u8]),
    /// A small one.
    Packed(ListpackRef<'a>),
}

impl Set {
    /// An empty set.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// The set, borrowed.
    pub fn as_ref(&self) -> SetRef<'_> {
        match self {
            Self::Integers(bytes) => SetRef::Integers(bytes),
            Self::Packed(pack) => SetRef::Packed(pack.as_ref()),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Integers(bytes) => bytes.capacity(),
            Self::Packed(pack) => pack.heap_bytes(),
        }
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
            Self::Integers(bytes) => match bytes {
                [_, _, _, _, a, b, c, d, ..] => u32::from_le_bytes([*a, *b, *c, *d]) as usize,
                _ => 0,
            },
            Self::Packed(pack) => pack.len(),
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
        }
    }

    /// A set of its own; a packed one gets room for `more` bytes.
    pub fn to_set(self, more: usize) -> Set {
        match self {
            Self::Integers(bytes) => {
                let mut copy = Vec::with_capacity(bytes.len() + more);
                copy.extend_from_slice(bytes);
                Set::Integers(copy)
            }
            Self::Packed(pack) => Set::Packed(pack.to_listpack(more)),
        }
    }
}
