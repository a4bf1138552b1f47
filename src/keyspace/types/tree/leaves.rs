//! Going along the leaves, forward or backward, from any place.

use std::iter::FusedIterator;
use std::slice::Iter;
use std::sync::Arc;

use super::Leaf;
use super::node::Node;

/// Leaves in order; see [`Tree::leaves_from`](super::Tree::leaves_from).
pub struct Leaves<'a, L: Leaf> {
    /// What is still to come of each level above the bottom, the root's first.
    above: Vec<Iter<'a, Arc<Node<L>>>>,
    leaves: Iter<'a, Arc<L>>,
    /// Elements of the next leaf that are before the place where to begin.
    skipped: usize,
}

impl<'a, L: Leaf> Leaves<'a, L> {
    pub(super) fn new(root: &'a Node<L>, index: usize) -> Self {
        let mut leaves = Self { above: Vec::new(), leaves: [].iter(), skipped: 0 };
        if index < root.totals().elements {
            leaves.descend(root, index);
        }
        leaves
    }

    fn descend(&mut self, mut node: &'a Node<L>, mut index: usize) {
        loop {
            match node {
                Node::Bottom(fan) => {
                    let (at, before) = fan.find(index);
                    self.leaves = fan.children()[at..].iter();
                    self.skipped = index - before;
                    return;
                }
                Node::Upper(fan) => {
                    let (at, before) = fan.find(index);
                    self.above.push(fan.children()[at + 1..].iter());
                    node = &fan.children()[at];
                    index -= before;
                }
            }
        }
    }
}

impl<'a, L: Leaf> Iterator for Leaves<'a, L> {
    /// A leaf, and how many of its elements are before the place where to begin.
    type Item = (&'a L, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(leaf) = self.leaves.next() {
                return Some((leaf, std::mem::take(&mut self.skipped)));
            }
            match self.above.last_mut()?.next() {
                Some(node) => self.descend(node, 0),
                None => drop(self.above.pop()),
            }
        }
    }
}

impl<L: Leaf> FusedIterator for Leaves<'_, L> {}

/// Leaves from the last to the first; see [`Tree::leaves_back_from`](super::Tree::leaves_back_from).
pub struct LeavesBack<'a, L: Leaf> {
    /// What is still to come of each level above the bottom, the root's first.
    above: Vec<Iter<'a, Arc<Node<L>>>>,
    leaves: Iter<'a, Arc<L>>,
    /// Elements of the next leaf that are before the place where to begin, if not all.
    kept: Option<usize>,
}

impl<'a, L: Leaf> LeavesBack<'a, L> {
    pub(super) fn new(root: &'a Node<L>, index: usize) -> Self {
        let mut leaves = Self { above: Vec::new(), leaves: [].iter(), kept: None };
        let elements = root.totals().elements;
        if let Some(last) = index.min(elements).checked_sub(1) {
            leaves.kept = Some(leaves.descend(root, last) + 1);
        }
        leaves
    }

    /// Goes to the leaf of element `index`; the element's place in it.
    fn descend(&mut self, mut node: &'a Node<L>, mut index: usize) -> usize {
        loop {
            match node {
                Node::Bottom(fan) => {
                    let (at, before) = fan.find(index);
                    self.leaves = fan.children()[..=at].iter();
                    return index - before;
                }
                Node::Upper(fan) => {
                    let (at, before) = fan.find(index);
                    self.above.push(fan.children()[..at].iter());
                    node = &fan.children()[at];
                    index -= before;
                }
            }
        }
    }
}

impl<'a, L: Leaf> Iterator for LeavesBack<'a, L> {
    /// A leaf, and how many of its elements are before the place where to begin.
    type Item = (&'a L, usize);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(leaf) = self.leaves.next_back() {
                return Some((leaf, self.kept.take().unwrap_or(leaf.len())));
            }
            match self.above.last_mut()?.next_back() {
                Some(node) => {
                    self.descend(node, node.totals().elements - 1);
                }
                None => drop(self.above.pop()),
            }
        }
    }
}

impl<L: Leaf> FusedIterator for LeavesBack<'_, L> {}
