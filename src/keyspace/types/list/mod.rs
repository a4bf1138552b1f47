//! Lists: elements in the order of their insertion.
//!
//! A small list is one listpack; a large one is a tree of listpacks, each as large as
//! `list-max-listpack-size` lets it be, or one element that is larger alone. As in Redis 7.2 a list
//! grows into a tree when the listpack would exceed that size, and becomes a listpack again when it has
//! shrunk to half of it.

mod node;

pub use node::{Piece, PieceLimit};

use super::tree::{Leaf, Tree};
use super::{Elements, Listpack, ListpackRef, Packing};
use crate::keyspace::value::ValueRef;

/// Bytes given to a piece in one go before it is looked at whether it should be split.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The left one, where the first element is.
    Front,
    /// The right one.
    Back,
}

/// A list that owns its elements.
#[derive(Clone, Debug)]
pub enum List {
    /// A small one.
    Packed(Listpack),
    /// A large one.
    Large(Tree<Piece>),
}

/// A list lent.
#[derive(Clone, Copy, Debug)]
pub enum ListRef<'a> {
    /// A small one.
    Packed(ListpackRef<'a>),
    /// A large one.
    Large(&'a Tree<Piece>),
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
            Self::Large(tree) => ListRef::Large(tree),
        }
    }

    /// Memory it takes beside this struct, in bytes.
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Packed(pack) => pack.heap_bytes(),
            Self::Large(tree) => tree.memory_bytes(),
        }
    }

    /// A list of whole pieces in order, as a file has them.
    pub fn of_pieces(pieces: impl IntoIterator<Item = Listpack>, packing: &Packing) -> Self {
        let limit = PieceLimit::of_directive(packing.limits.list_size);
        let mut tree = Tree::new();
        for pack in pieces {
            tree.push_leaf_back(Piece::new(pack, limit));
        }
        let mut list = Self::Large(tree);
        list.pack_if(limit);
        list
    }

    /// Puts elements one after the other at `end`.
    pub fn push<'v>(
        &mut self,
        end: End,
        values: impl Iterator<Item = &'v [u8]> + Clone,
        packing: &Packing,
    ) {
        let added = values.clone().fold((0, 0), |(bytes, len), v| (bytes + v.len(), len + 1));
        self.make_room(added, packing);
        match self {
            Self::Packed(pack) => {
                for value in values.map(ValueRef::from_string) {
                    match end {
                        End::Front => pack.insert(pack.as_ref().first_position(), &[value]),
                        End::Back => pack.push(value),
                    }
                }
            }
            Self::Large(tree) => push_all(tree, end, values, packing),
        }
    }

    /// Puts `value` before the element that has `index` now, or at the end.
    pub fn insert(&mut self, index: usize, value: &[u8], packing: &Packing) {
        self.make_room((value.len(), 1), packing);
        let value = ValueRef::from_string(value);
        match self {
            Self::Packed(pack) => {
                let position = pack.as_ref().position(index);
                let position = position.unwrap_or_else(|| pack.as_ref().end_position());
                pack.insert(position, &[value]);
            }
            Self::Large(tree) => {
                let inserted = tree.update_at(index, |piece, at| piece.splice(at, 0, &[value]));
                if inserted.is_none() {
                    let limit = PieceLimit::of_directive(packing.limits.list_size);
                    tree.push_leaf_back(Piece::new(Listpack::of([value]), limit));
                }
            }
        }
    }

    /// Puts `value` in the place of the element at `index`, which is there.
    pub fn set(&mut self, index: usize, value: &[u8], packing: &Packing) {
        self.make_room((value.len(), 0), packing);
        let new = ValueRef::from_string(value);
        match self {
            Self::Packed(pack) => {
                if let Some(position) = pack.as_ref().position(index) {
                    pack.replace(position, new);
                }
            }
            Self::Large(tree) => {
                tree.update_at(index, |piece, at| piece.splice(at, 1, &[new]));
            }
        }
        self.pack_again(packing);
    }

    /// Removes up to `count` elements from `end` on, telling each first.
    pub fn pop(
        &mut self,
        end: End,
        count: usize,
        packing: &Packing,
        mut tell: impl FnMut(ValueRef<'_>),
    ) {
        let len = self.as_ref().len();
        let count = count.min(len);
        match end {
            End::Front => {
                self.as_ref().for_each_in(0, count, &mut tell);
                self.remove(0, count, packing);
            }
            End::Back => {
                self.as_ref().for_each_back_in(len, count, &mut tell);
                self.remove(len - count, count, packing);
            }
        }
    }

    /// Removes `count` elements from `index` on.
    pub fn remove(&mut self, index: usize, count: usize, packing: &Packing) {
        if count == 0 {
            return;
        }
        match self {
            Self::Packed(pack) => {
                if let Some(position) = pack.as_ref().position(index) {
                    pack.remove(position, count);
                }
            }
            Self::Large(tree) => {
                tree.remove_range(index..index.saturating_add(count));
                self.pack_again(packing);
            }
        }
    }

    /// Removes elements equal to `value`: up to `max` of them, looked for from `end` on. Returns how many.
    pub fn remove_equal(&mut self, value: &[u8], end: End, max: usize, packing: &Packing) -> usize {
        let mut found = Vec::new();
        self.as_ref().find(value, end, |index| {
            found.push(index);
            found.len() < max
        });
        if end == End::Front {
            found.reverse();
        }
        // From the back to the front, so that those still to go keep their places.
        for &index in &found {
            match self {
                Self::Packed(pack) => {
                    if let Some(position) = pack.as_ref().position(index) {
                        pack.remove(position, 1);
                    }
                }
                Self::Large(tree) => tree.remove_range(index..index + 1),
            }
        }
        self.pack_again(packing);
        found.len()
    }

    /// Makes a listpack a tree if so much more (bytes, elements) would be too much for it.
    fn make_room(&mut self, (bytes, len): (usize, usize), packing: &Packing) {
        let limit = PieceLimit::of_directive(packing.limits.list_size);
        let Self::Packed(pack) = self else { return };
        if limit.is_exceeded(pack.byte_len() + bytes, pack.as_ref().len() + len) {
            let mut tree = Tree::new();
            tree.push_leaf_back(Piece::new(std::mem::take(pack), limit));
            *self = Self::Large(tree);
        }
    }

    /// Makes a tree a listpack if it has shrunk enough.
    fn pack_again(&mut self, packing: &Packing) {
        self.pack_if(PieceLimit::of_directive(packing.limits.list_size).half());
    }

    fn pack_if(&mut self, limit: PieceLimit) {
        let Self::Large(tree) = self else { return };
        if tree.leaf_count() > 1 {
            return;
        }
        let Some(piece) = tree.first() else { return *self = Self::new() };
        if !limit.is_exceeded(piece.byte_len(), piece.len()) {
            *self = Self::Packed(piece.clone().into_pack());
        }
    }
}

/// Puts elements one after the other at an end of a tree.
fn push_all<'v>(
    tree: &mut Tree<Piece>,
    end: End,
    values: impl Iterator<Item = &'v [u8]>,
    packing: &Packing,
) {
    let limit = PieceLimit::of_directive(packing.limits.list_size);
    if tree.is_empty() {
        tree.push_leaf_back(Piece::new(Listpack::new(), limit));
    }
    let mut values = values.peekable();
    while values.peek().is_some() {
        let index = if end == End::Front { 0 } else { tree.len() };
        let batch = |piece: &mut Piece, _| {
            while let Some(value) = values.next().map(ValueRef::from_string) {
                match end {
                    End::Front => piece.push_front(value),
                    End::Back => piece.push_back(value),
                }
                // One that grows step by step moves what it has each time it grows at the front.
                if piece.byte_len() > BATCH_BYTES_MAX || piece.is_oversized() {
                    break;
                }
            }
        };
        if tree.update_at(index, batch).is_none() {
            let mut pack = Listpack::new();
            values.next().into_iter().for_each(|value| pack.push(ValueRef::from_string(value)));
            tree.push_leaf_back(Piece::new(pack, limit));
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
            Self::Large(tree) => tree.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        match self {
            Self::Packed(pack) => pack.is_empty(),
            Self::Large(tree) => tree.is_empty(),
        }
    }

    /// The name `OBJECT ENCODING` gives.
    pub fn encoding(self) -> &'static str {
        match self {
            Self::Packed(_) => "listpack",
            Self::Large(_) => "quicklist",
        }
    }

    /// A list of its own; a packed one gets room for `more` bytes.
    pub fn to_list(self, more: usize) -> List {
        match self {
            Self::Packed(pack) => List::Packed(pack.to_listpack(more)),
            Self::Large(tree) => List::Large(tree.clone()),
        }
    }

    /// The element at `index`.
    pub fn get(self, index: usize) -> Option<ValueRef<'a>> {
        match self {
            Self::Packed(pack) => pack.get(index),
            Self::Large(tree) => {
                let (piece, at) = tree.at(index)?;
                piece.pack().get(at)
            }
        }
    }

    /// The elements from the first to the last.
    pub fn iter(self) -> impl Iterator<Item = ValueRef<'a>> {
        self.iter_from(0)
    }

    /// The elements from `index` to the last.
    pub fn iter_from(self, index: usize) -> impl Iterator<Item = ValueRef<'a>> {
        let (pack, tree) = match self {
            Self::Packed(pack) => (Some((pack, index)), None),
            Self::Large(tree) => (None, Some(tree.leaves_from(index))),
        };
        let leaves = tree.into_iter().flatten().map(|(piece, before)| (piece.pack(), before));
        pack.into_iter().chain(leaves).flat_map(|(pack, before)| elements_from(pack, before))
    }

    /// The elements before `index`, from the last of these to the first of all.
    pub fn iter_back_from(self, index: usize) -> impl Iterator<Item = ValueRef<'a>> {
        let (pack, tree) = match self {
            Self::Packed(pack) => (Some((pack, index)), None),
            Self::Large(tree) => (None, Some(tree.leaves_back_from(index))),
        };
        let leaves = tree.into_iter().flatten().map(|(piece, before)| (piece.pack(), before));
        pack.into_iter()
            .chain(leaves)
            .flat_map(|(pack, before)| elements_before(pack, before).rev())
    }

    /// Hands `count` elements from `index` on to `f`.
    pub fn for_each_in(self, index: usize, count: usize, f: &mut dyn FnMut(ValueRef<'a>)) {
        self.iter_from(index).take(count).for_each(f);
    }

    /// Hands `count` elements before `index` to `f`, the last of them first.
    pub fn for_each_back_in(self, index: usize, count: usize, f: &mut dyn FnMut(ValueRef<'a>)) {
        self.iter_back_from(index).take(count).for_each(f);
    }

    /// Hands the places of elements equal to `wanted` to `found`, in order from `end` on, until that
    /// returns false.
    pub fn find(self, wanted: &[u8], end: End, mut found: impl FnMut(usize) -> bool) {
        let wanted = ValueRef::from_string(wanted);
        let len = self.len();
        match end {
            End::Front => {
                for (index, value) in self.iter().enumerate() {
                    if value == wanted && !found(index) {
                        break;
                    }
                }
            }
            End::Back => {
                for (passed, value) in self.iter_back_from(len).enumerate() {
                    if value == wanted && !found(len - 1 - passed) {
                        break;
                    }
                }
            }
        }
    }
}

/// The elements of `pack` behind the first `before`.
fn elements_from(pack: ListpackRef<'_>, before: usize) -> Elements<'_> {
    match pack.position(before) {
        Some(position) => pack.iter_from(position),
        None => pack.iter_from(pack.end_position()),
    }
}

/// The first `before` elements of `pack`.
fn elements_before(pack: ListpackRef<'_>, before: usize) -> Elements<'_> {
    match pack.position(before) {
        Some(position) => pack.iter_before(position),
        None => pack.iter(),
    }
}
