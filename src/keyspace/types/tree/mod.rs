//! A counted B+tree whose clones are free: what large lists, sorted sets and streams are made of.
//!
//! The elements lie in leaves, in order; what a leaf is, its owner says ([`Leaf`]). Nodes above count
//! the elements, leaves and bytes below them, so that a position is found, and the position of what
//! was found is known, in one descent. Between neighbours stands a separator: a key that is after
//! everything on its left and not after anything on its right. It need not be the key of an element
//! that exists, so removing elements changes none.
//!
//! Nodes and leaves are shared between clones. A change copies what is shared of the path to one leaf,
//! and that leaf (when leaves or nodes are joined, a neighbour as well); a clone therefore stays what
//! it was, and another thread may read or drop it.
//!
//! What always holds: all leaves are equally deep and none is empty; a node has at most
//! `CHILDREN_MAX` children and at least `CHILDREN_MIN`, but for those on the left and right edge of the tree, which have at least one: so a tree that is
//! filled from one end has full nodes, and one used as a queue moves no children about. No call
//! recurses deeper than the tree is high, nor does dropping it.

mod fan;
mod leaves;
mod node;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use leaves::{Leaves, LeavesBack};

use fan::{Edges, Fan, Part};
use node::{Node, ToIndex, ToKey, split_leaf};

/// Some neighbouring elements, in order.
pub trait Leaf: Clone {
    /// What separates leaves; `()` where elements are found by position alone. Copied with the nodes
    /// that hold it, so it should be small.
    type Key: Clone;

    /// Number of elements.
    fn len(&self) -> usize;

    /// Whether there is no element.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory beside the struct itself. Asked for with every change: it must not count.
    fn heap_bytes(&self) -> usize;

    /// A key that is after the last element of `before`, and not after the first of `after`; the
    /// shorter the better. Both have elements.
    fn separator(before: &Self, after: &Self) -> Self::Key;

    /// Bytes of memory of a key beside the struct itself; the same for its clones.
    fn key_heap_bytes(_: &Self::Key) -> usize {
        0
    }

    /// Whether it should be split. Not heeded for a single element.
    fn is_oversized(&self) -> bool;

    /// Whether it is small enough to be joined with a neighbour.
    fn is_undersized(&self) -> bool;

    /// Takes off and returns some of the last elements; there are at least two, and at least one
    /// stays. Called again for parts that are still oversized.
    fn split(&mut self, at: SplitAt) -> Self;

    /// Whether this and `next`, which follows it, are not oversized as one.
    fn fits(&self, next: &Self) -> bool;

    /// Puts `next`, which fits, behind the own elements.
    fn append(&mut self, next: Self);

    /// Drops the elements of `range`, never all of them.
    fn remove(&mut self, range: Range<usize>);
}

/// Where a leaf is best split: where most growth is to be expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitAt {
    /// It is the first leaf: what is split off should be as full as may be.
    Start,
    /// Into halves.
    Middle,
    /// It is the last leaf: what stays should be as full as may be.
    End,
}

/// Leaves in order. See the module for what holds.
///
/// For keyed trees the owner keeps the elements in order, and puts new ones where [`Tree::update_seek`]
/// leads: a leaf must not get elements that belong before the separator at its left, or not before
/// the one at its right.
pub struct Tree<L: Leaf> {
    root: Arc<Node<L>>,
}

impl<L: Leaf> Tree<L> {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self { root: Arc::new(Node::Bottom(Fan::new())) }
    }

    /// Number of elements.
    #[inline]
    pub fn len(&self) -> usize {
        self.root.totals().elements
    }

    /// Whether there is no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of leaves.
    pub fn leaf_count(&self) -> usize {
        self.root.totals().leaves
    }

    /// Levels of nodes above the leaves, at least 1.
    pub fn height(&self) -> usize {
        self.root.height()
    }

    /// Bytes of memory of leaves and nodes, as if none were shared with a clone.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        self.root.totals().bytes
    }

    /// The leaf of element `index`, and the element's place in it.
    pub fn at(&self, index: usize) -> Option<(&L, usize)> {
        if index >= self.len() {
            return None;
        }
        let (leaf, before) = self.root.reach(&mut ToIndex(index));
        Some((leaf, index - before))
    }

    /// The first leaf.
    pub fn first(&self) -> Option<&L> {
        self.at(0).map(|(leaf, _)| leaf)
    }

    /// The last leaf.
    pub fn last(&self) -> Option<&L> {
        self.at(self.len().wrapping_sub(1)).map(|(leaf, _)| leaf)
    }

    /// The leaf where a key is, or belongs, and the number of elements before the leaf: the last one
    /// whose separator is not after the key. `order` says how a separator compares to the key. If
    /// all elements of the leaf are before the key, then the next element is the next leaf's first.
    /// None if there is no leaf.
    pub fn seek(&self, order: impl FnMut(&L::Key) -> Ordering) -> Option<(&L, usize)> {
        (!self.is_empty()).then(|| self.root.reach(&mut ToKey(order)))
    }

    /// The leaves from the one of element `index` to the last. With each comes how many of its
    /// elements are before `index`: none but for the first.
    pub fn leaves_from(&self, index: usize) -> Leaves<'_, L> {
        Leaves::new(&self.root, index)
    }

    /// The leaves from the one of the element before `index` back to the first. With each comes how
    /// many of its elements are before `index`: all but for the first that is returned.
    pub fn leaves_back_from(&self, index: usize) -> LeavesBack<'_, L> {
        LeavesBack::new(&self.root, index)
    }

    /// Has `change` change the leaf of element `index`; it is told the element's place in the leaf.
    /// The number of elements, as an index, leads to the end of the last leaf. The leaf may grow to
    /// any size, shrink or become empty. None if there is no such leaf.
    pub fn update_at<R>(
        &mut self,
        index: usize,
        change: impl FnOnce(&mut L, usize) -> R,
    ) -> Option<R> {
        if self.is_empty() || index > self.len() {
            return None;
        }
        Some(self.update(ToIndex(index), |leaf, before| change(leaf, index - before)))
    }

    /// Has `change` change the leaf that [`Tree::seek`] finds; it is told the number of elements
    /// before the leaf. The leaf may grow to any size, shrink or become empty. None if there is no
    /// leaf.
    pub fn update_seek<R>(
        &mut self,
        order: impl FnMut(&L::Key) -> Ordering,
        change: impl FnOnce(&mut L, usize) -> R,
    ) -> Option<R> {
        (!self.is_empty()).then(|| self.update(ToKey(order), change))
    }

    /// Puts a leaf behind all others. Leaves put so stay as they are and fill the nodes above, unless
    /// one is oversized. An empty one is dropped.
    pub fn push_leaf_back(&mut self, mut leaf: L) {
        let behind = split_leaf(&mut leaf, SplitAt::End);
        for leaf in std::iter::once(leaf).chain(behind).filter(|leaf| !leaf.is_empty()) {
            let behind = Arc::make_mut(&mut self.root).push_back(leaf, Edges::ROOT);
            self.grow(behind);
        }
    }

    /// Puts a leaf before all others; see [`Tree::push_leaf_back`].
    pub fn push_leaf_front(&mut self, mut leaf: L) {
        let behind = split_leaf(&mut leaf, SplitAt::Start);
        let leaves = std::iter::once(leaf).chain(behind).filter(|leaf| !leaf.is_empty());
        for leaf in leaves.collect::<Vec<_>>().into_iter().rev() {
            let behind = Arc::make_mut(&mut self.root).push_front(leaf, Edges::ROOT);
            self.grow(behind);
        }
    }

    /// Removes elements by their positions. Leaves and nodes that hold no others are dropped whole.
    /// What of the range is beyond the last element is not heeded.
    pub fn remove_range(&mut self, range: Range<usize>) {
        let range = range.start..range.end.min(self.len());
        if range.is_empty() {
            return;
        }
        if range.len() == self.len() {
            *self = Self::new();
            return;
        }
        let seam = range.start;
        Arc::make_mut(&mut self.root).remove(range);
        self.mend(seam);
    }

    fn update<R>(
        &mut self,
        mut route: impl node::Route<L::Key>,
        change: impl FnOnce(&mut L, usize) -> R,
    ) -> R {
        let mut place = 0;
        let root = Arc::make_mut(&mut self.root);
        let updated = root.update(&mut route, 0, Edges::ROOT, |leaf, before| {
            place = before;
            change(leaf, before)
        });
        self.grow(updated.behind);
        if updated.is_sparse {
            self.mend(place);
        }
        updated.result
    }

    /// Puts new roots above the root and what was split off it, until one node holds all.
    fn grow(&mut self, mut behind: Vec<Part<L, Node<L>>>) {
        while !behind.is_empty() {
            let mut fan = Fan::of(Arc::clone(&self.root));
            let more = fan.insert(1, behind, Edges::ROOT);
            self.root = Arc::new(Node::Upper(fan));
            behind = node::wrap(more, Node::Upper);
        }
    }

    /// Joins what has become too small beside position `seam`, and drops roots with one child.
    fn mend(&mut self, seam: usize) {
        if !self.is_empty() {
            let root = Arc::make_mut(&mut self.root);
            root.mend(seam.saturating_sub(1), Edges::ROOT);
            root.mend(seam, Edges::ROOT);
        }
        while let Some(only) = self.root.only_node() {
            self.root = only;
        }
    }
}

impl<L: Leaf> Default for Tree<L> {
    fn default() -> Self {
        Self::new()
    }
}

impl<L: Leaf> Clone for Tree<L> {
    /// Takes no longer for a large tree: all is shared until one of the two changes.
    fn clone(&self) -> Self {
        Self { root: Arc::clone(&self.root) }
    }
}

impl<L: Leaf> fmt::Debug for Tree<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("totals", &self.root.totals()).finish_non_exhaustive()
    }
}
