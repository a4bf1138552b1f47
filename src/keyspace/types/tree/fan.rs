//! The children of a node, with what is known of each: how many elements it has, and the separator
//! between it and the one before.
//!
//! Everything that changes children goes through here, so that the totals are always those of the
//! children and the memory of the fan itself.

use std::cmp::Ordering;
use std::mem::size_of;
use std::ops::{Add, AddAssign, Range, Sub, SubAssign};
use std::sync::Arc;

use super::node::Node;
use super::{Leaf, SplitAt};

/// Most children of a node; one more is there for a moment, and vectors grow in powers of two. Trees
/// of unit tests are narrow, and so have many levels with few elements.
pub(super) const CHILDREN_MAX: usize = if cfg!(test) { 7 } else { 63 };
/// Fewest children of a node that is not on an edge of the tree. Far less than half, so that a node
/// that was just split or joined takes many changes before that happens again.
pub(super) const CHILDREN_MIN: usize = if cfg!(test) { 2 } else { 15 };

/// What was split into two has enough for [`Node::mend`] to go on.
const _: () = assert!(CHILDREN_MAX.div_ceil(2) >= CHILDREN_MIN + 2);

/// The two counts of an `Arc`, which stand beside what it holds.
pub(super) const ARC_BYTES: usize = 2 * size_of::<usize>();

/// What there is in a part of the tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    pub elements: usize,
    pub leaves: usize,
    /// Memory, as if nothing were shared.
    pub bytes: usize,
}

impl Add for Totals {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            elements: self.elements + other.elements,
            leaves: self.leaves + other.leaves,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Sub for Totals {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            elements: self.elements - other.elements,
            leaves: self.leaves - other.leaves,
            bytes: self.bytes - other.bytes,
        }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Totals {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

/// A leaf or a node.
pub(super) trait Child: Clone {
    fn totals(&self) -> Totals;
}

impl<L: Leaf> Child for L {
    #[inline]
    fn totals(&self) -> Totals {
        let bytes = ARC_BYTES + size_of::<L>() + self.heap_bytes();
        Totals { elements: self.len(), leaves: 1, bytes }
    }
}

impl<L: Leaf> Child for Node<L> {
    #[inline]
    fn totals(&self) -> Totals {
        Node::totals(self)
    }
}

/// Whether a part of the tree is its leftmost, or its rightmost, on its level.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edges {
    pub is_first: bool,
    pub is_last: bool,
}

impl Edges {
    pub const ROOT: Self = Self { is_first: true, is_last: true };

    /// The edges that child `at` of `len` is on.
    pub fn of_child(self, at: usize, len: usize) -> Self {
        Self { is_first: self.is_first && at == 0, is_last: self.is_last && at + 1 == len }
    }

    pub fn is_any(self) -> bool {
        self.is_first || self.is_last
    }
}

/// What goes behind some child: its separator, and itself.
pub(super) type Part<L, T> = (<L as Leaf>::Key, T);

/// Children in order.
pub(super) struct Fan<L: Leaf, T> {
    totals: Totals,
    /// Elements of each child.
    counts: Vec<usize>,
    /// Separators: number `n` stands between children `n` and `n + 1`.
    keys: Vec<L::Key>,
    children: Vec<Arc<T>>,
}

impl<L: Leaf, T> Fan<L, T> {
    pub fn totals(&self) -> Totals {
        self.totals
    }

    pub fn len(&self) -> usize {
        self.children.len()
    }

    pub fn children(&self) -> &[Arc<T>] {
        &self.children
    }

    pub fn counts(&self) -> &[usize] {
        &self.counts
    }

    #[cfg(test)]
    pub fn keys(&self) -> &[L::Key] {
        &self.keys
    }

    /// Memory of the fan and the node around it, without children and without what keys have on the
    /// heap.
    pub fn frame_bytes(&self) -> usize {
        ARC_BYTES
            + size_of::<Node<L>>()
            + self.counts.capacity() * size_of::<usize>()
            + self.keys.capacity() * size_of::<L::Key>()
            + self.children.capacity() * size_of::<Arc<T>>()
    }

    /// The child that has element `index`, or the last; and how many elements are before the child.
    #[inline]
    pub fn find(&self, index: usize) -> (usize, usize) {
        let total = self.totals.elements;
        if index < total / 2 {
            let mut before = 0;
            for (at, count) in self.counts.iter().enumerate() {
                if index - before < *count {
                    return (at, before);
                }
                before += count;
            }
        }
        let mut before = total;
        for (at, count) in self.counts.iter().enumerate().rev() {
            before -= count;
            if index >= before {
                return (at, before);
            }
        }
        (0, 0)
    }

    /// The last child whose separator is not after a key; and how many elements are before the child.
    #[inline]
    pub fn seek(&self, mut order: impl FnMut(&L::Key) -> Ordering) -> (usize, usize) {
        let at = self.keys.partition_point(|key| order(key) != Ordering::Greater);
        let before = if at <= self.counts.len() / 2 {
            self.counts[..at].iter().sum()
        } else {
            self.totals.elements - self.counts[at..].iter().sum::<usize>()
        };
        (at, before)
    }
}

impl<L: Leaf, T: Child> Fan<L, T> {
    /// No children.
    pub fn new() -> Self {
        Self::from_parts(Vec::new(), Vec::new(), Vec::new())
    }

    /// One child.
    pub fn of(child: Arc<T>) -> Self {
        Self::from_parts(vec![child.totals().elements], Vec::new(), vec![child])
    }

    fn from_parts(counts: Vec<usize>, keys: Vec<L::Key>, children: Vec<Arc<T>>) -> Self {
        let mut fan = Self { totals: Totals::default(), counts, keys, children };
        for child in &fan.children {
            fan.totals += child.totals();
        }
        fan.totals.bytes += fan.frame_bytes() + keys_bytes::<L>(&fan.keys);
        fan
    }

    /// Does what may change the capacities, and notes by how much.
    fn reframe<R>(&mut self, edit: impl FnOnce(&mut Self) -> R) -> R {
        let before = self.frame_bytes();
        let result = edit(self);
        self.totals.bytes = self.totals.bytes + self.frame_bytes() - before;
        result
    }

    /// Has `edit` change child `at`, or a copy if the child is shared. It may leave the child empty,
    /// which is then to be removed.
    #[inline]
    pub fn change<R>(&mut self, at: usize, edit: impl FnOnce(&mut T) -> R) -> R {
        let before = self.children[at].totals();
        let child = Arc::make_mut(&mut self.children[at]);
        let result = edit(child);
        let after = child.totals();
        self.totals = self.totals + after - before;
        self.counts[at] = after.elements;
        result
    }

    /// Puts `parts` behind child `at - 1`, each with the separator at its left. What does not fit any
    /// more is returned, to go behind this fan; `edges` are those that it is on.
    pub fn insert(
        &mut self,
        at: usize,
        parts: Vec<Part<L, T>>,
        edges: Edges,
    ) -> Vec<Part<L, Self>> {
        if parts.is_empty() {
            return Vec::new();
        }
        let split_at = match at {
            _ if at == self.len() && edges.is_last => SplitAt::End,
            0 | 1 if edges.is_first => SplitAt::Start,
            _ => SplitAt::Middle,
        };
        self.reframe(|fan| {
            for (at, (key, child)) in (at..).zip(parts) {
                let totals = child.totals();
                fan.totals += totals;
                fan.totals.bytes += L::key_heap_bytes(&key);
                fan.counts.insert(at, totals.elements);
                fan.keys.insert(at - 1, key);
                fan.children.insert(at, Arc::new(child));
            }
        });
        self.shed(split_at)
    }

    /// Puts a child before all others; `key` separates it from the next, if there is one. Returns
    /// what does not fit any more, to go behind this fan.
    pub fn insert_first(&mut self, child: T, key: Option<L::Key>) -> Vec<Part<L, Self>> {
        self.reframe(|fan| {
            let totals = child.totals();
            fan.totals += totals;
            fan.counts.insert(0, totals.elements);
            if let Some(key) = key {
                fan.totals.bytes += L::key_heap_bytes(&key);
                fan.keys.insert(0, key);
            }
            fan.children.insert(0, Arc::new(child));
        });
        self.shed(SplitAt::Start)
    }

    /// Splits off what is more than a node may have.
    fn shed(&mut self, split_at: SplitAt) -> Vec<Part<L, Self>> {
        let len = self.len();
        if len <= CHILDREN_MAX {
            return Vec::new();
        }
        let parts = len.div_ceil(CHILDREN_MAX);
        let start_of = |part: usize| match split_at {
            SplitAt::Start => len - (parts - part) * CHILDREN_MAX,
            SplitAt::Middle => part * len / parts,
            SplitAt::End => part * CHILDREN_MAX,
        };
        let mut behind: Vec<_> =
            (1..parts).rev().map(|part| self.split_off(start_of(part))).collect();
        behind.reverse();
        self.reframe(|fan| {
            fan.counts.shrink_to(CHILDREN_MAX + 1);
            fan.keys.shrink_to(CHILDREN_MAX);
            fan.children.shrink_to(CHILDREN_MAX + 1);
        });
        behind
    }

    /// Takes the children from `at` on, of which there are some as there are before, and the
    /// separator.
    fn split_off(&mut self, at: usize) -> Part<L, Self> {
        self.reframe(|fan| {
            let keys = fan.keys.split_off(at);
            let key = fan.keys.remove(at - 1);
            let behind =
                Self::from_parts(fan.counts.split_off(at), keys, fan.children.split_off(at));
            fan.totals -= behind.totals;
            fan.totals.bytes += behind.frame_bytes();
            fan.totals.bytes -= L::key_heap_bytes(&key);
            (key, behind)
        })
    }

    /// Takes the children of the next fan, which `key` separates; what does not fit is returned in a
    /// fan that has as many.
    pub fn absorb(&mut self, key: L::Key, mut next: Self) -> Vec<Part<L, Self>> {
        self.reframe(|fan| {
            fan.totals += next.totals;
            fan.totals.bytes -= next.frame_bytes();
            fan.totals.bytes += L::key_heap_bytes(&key);
            fan.counts.append(&mut next.counts);
            fan.keys.push(key);
            fan.keys.append(&mut next.keys);
            fan.children.append(&mut next.children);
        });
        self.shed(SplitAt::Middle)
    }

    /// Takes child `at`, which is not the first, with its separator.
    pub fn take(&mut self, at: usize) -> Part<L, T> {
        let child = self.children.remove(at);
        let key = self.keys.remove(at - 1);
        self.counts.remove(at);
        self.totals -= child.totals();
        self.totals.bytes -= L::key_heap_bytes(&key);
        (key, Arc::unwrap_or_clone(child))
    }

    /// Drops children.
    pub fn remove(&mut self, range: Range<usize>) {
        for child in self.children.drain(range.clone()) {
            self.totals -= child.totals();
        }
        self.counts.drain(range.clone());
        let start = range.start.saturating_sub(1).min(self.keys.len());
        let end = (start + range.len()).min(self.keys.len());
        for key in self.keys.drain(start..end) {
            self.totals.bytes -= L::key_heap_bytes(&key);
        }
    }

    /// Removes elements, but not all: children that lose all are dropped, and `cut` removes elements
    /// from those that lose some.
    pub fn remove_elements(
        &mut self,
        range: Range<usize>,
        mut cut: impl FnMut(&mut T, Range<usize>),
    ) {
        let (mut at, mut before) = self.find(range.start);
        if range.start > before {
            let count = self.counts[at];
            let end = (range.end - before).min(count);
            self.change(at, |child| cut(child, range.start - before..end));
            before += count;
            at += 1;
        }
        let first = at;
        while at < self.len() && before + self.counts[at] <= range.end {
            before += self.counts[at];
            at += 1;
        }
        if at < self.len() && before < range.end {
            self.change(at, |child| cut(child, 0..range.end - before));
        }
        self.remove(first..at);
    }
}

impl<L: Leaf, T> Clone for Fan<L, T> {
    /// Shares the children.
    fn clone(&self) -> Self {
        let mut clone = Self {
            totals: self.totals,
            counts: self.counts.clone(),
            keys: self.keys.clone(),
            children: self.children.clone(),
        };
        clone.totals.bytes = self.totals.bytes + clone.frame_bytes() - self.frame_bytes();
        clone
    }
}

/// Bytes that keys have on the heap.
pub(super) fn keys_bytes<L: Leaf>(keys: &[L::Key]) -> usize {
    keys.iter().map(L::key_heap_bytes).sum()
}
