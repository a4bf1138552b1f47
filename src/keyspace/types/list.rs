//! Lists: elements in the order of their insertion.

use super::{Listpack, ListpackRef};

/// A list that owns its elements.
#[derive(Clone, Debug)]
pub enum List {
    /// A small one.
    Packed(Listpack),
}

/// A list lent.
#[derive(Clone, Copy, Debug)]
pub enum ListRef<'a> {
    /// A small one.
    Packed(ListpackRef<'a>),
}

impl List {
    /// An empty list.
    pub fn new() -> Self {
        Self::Packed(Listpack::new())
    }

    /// The list, borrowed.
    pub fn as_ref(&self) -> ListRef<'_> {
        match self {
            Self::Packed(pack) => ListRef::Packed(pack.as_ref()),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.heap_bytes(),
        }
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> ListRef<'a> {
    /// Number of elements.
    pub fn len(self) -> usize {
        match self {
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
            Self::Packed(_) => "listpack",
        }
    }

    /// A list of its own; a packed one gets room for `more` bytes.
    pub fn to_list(self, more: usize) -> List {
        match self {
            Self::Packed(pack) => List::Packed(pack.to_listpack(more)),
        }
    }
}
