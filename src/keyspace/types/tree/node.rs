//! A node: the descent to a leaf, and what a change does to the nodes on the way back.
//!
//! What grows too large is split on the way back. What becomes too small is mended in a second
//! descent, which is rarely needed: see [`Node::mend`].

use std::cmp::Ordering;
use std::ops::Range;
use std::sync::Arc;

use super::fan::{CHILDREN_MAX, CHILDREN_MIN, Edges, Fan, Part, Totals};
use super::{Leaf, SplitAt};

/// What is above the leaves.
#[derive(Clone)]
pub(super) enum Node<L: Leaf> {
    /// Right above them.
    Bottom(Fan<L, L>),
    /// Above other nodes, all of one height.
    Upper(Fan<L, Node<L>>),
}

/// Which child a descent goes on to, and how many elements are before that child.
pub(super) trait Route<K> {
    fn choose<L: Leaf<Key = K>, T>(&mut self, fan: &Fan<L, T>) -> (usize, usize);
}

/// To the element with an index, or the last; counted from the node that is reached.
pub(super) struct ToIndex(pub usize);

impl<K> Route<K> for ToIndex {
    #[inline]
    fn choose<L: Leaf<Key = K>, T>(&mut self, fan: &Fan<L, T>) -> (usize, usize) {
        let (at, before) = fan.find(self.0);
        self.0 -= before;
        (at, before)
    }
}

/// To where a key belongs; how separators compare to it.
pub(super) struct ToKey<F>(pub F);

impl<K, F: FnMut(&K) -> Ordering> Route<K> for ToKey<F> {
    #[inline]
    fn choose<L: Leaf<Key = K>, T>(&mut self, fan: &Fan<L, T>) -> (usize, usize) {
        fan.seek(&mut self.0)
    }
}

/// What has come of a change.
pub(super) struct Updated<L: Leaf, R> {
    pub result: R,
    /// Nodes to go behind the one that was changed.
    pub behind: Vec<Part<L, Node<L>>>,
    /// Whether nodes have become too small, so that the tree should be mended.
    pub is_sparse: bool,
}

impl<L: Leaf> Node<L> {
    #[inline]
    pub fn totals(&self) -> Totals {
        match self {
            Self::Bottom(fan) => fan.totals(),
            Self::Upper(fan) => fan.totals(),
        }
    }

    /// Number of children.
    pub fn len(&self) -> usize {
        match self {
            Self::Bottom(fan) => fan.len(),
            Self::Upper(fan) => fan.len(),
        }
    }

    pub fn height(&self) -> usize {
        let mut height = 1;
        let mut node = self;
        while let Self::Upper(fan) = node {
            height += 1;
            node = &fan.children()[0];
        }
        height
    }

    /// The node below, if there is just one.
    pub fn only_node(&self) -> Option<Arc<Self>> {
        match self {
            Self::Upper(fan) if fan.len() == 1 => Some(Arc::clone(&fan.children()[0])),
            _ => None,
        }
    }

    /// The leaf that a route leads to, and the number of elements before it. There are leaves.
    #[inline]
    pub fn reach(&self, route: &mut impl Route<L::Key>) -> (&L, usize) {
        let mut node = self;
        let mut passed = 0;
        loop {
            match node {
                Self::Bottom(fan) => {
                    let (at, before) = route.choose(fan);
                    return (&fan.children()[at], passed + before);
                }
                Self::Upper(fan) => {
                    let (at, before) = route.choose(fan);
                    passed += before;
                    node = &fan.children()[at];
                }
            }
        }
    }

    /// Has `change` change the leaf that a route leads to; it is told how many elements are before
    /// the leaf, of which `passed` are before this node. There are leaves.
    pub fn update<R>(
        &mut self,
        route: &mut impl Route<L::Key>,
        passed: usize,
        edges: Edges,
        change: impl FnOnce(&mut L, usize) -> R,
    ) -> Updated<L, R> {
        match self {
            Self::Bottom(fan) => update_leaf(fan, route, passed, edges, change),
            Self::Upper(fan) => {
                let (at, before) = route.choose(fan);
                let len = fan.len();
                let below = edges.of_child(at, len);
                let (mut updated, is_empty) = fan.change(at, |node| {
                    (node.update(route, passed + before, below, change), node.len() == 0)
                });
                if is_empty {
                    fan.remove(at..at + 1);
                    updated.is_sparse |= fan.len() < CHILDREN_MIN;
                }
                let behind = fan.insert(at + 1, updated.behind, edges);
                Updated { behind: wrap(behind, Self::Upper), ..updated }
            }
        }
    }

    /// Puts a leaf behind all others; nodes to go behind this one.
    pub fn push_back(&mut self, leaf: L, edges: Edges) -> Vec<Part<L, Self>> {
        match self {
            Self::Bottom(fan) => match fan.children().last() {
                None => wrap(fan.insert_first(leaf, None), Self::Bottom),
                Some(last) => {
                    let key = L::separator(last, &leaf);
                    wrap(fan.insert(fan.len(), vec![(key, leaf)], edges), Self::Bottom)
                }
            },
            Self::Upper(fan) => {
                let len = fan.len();
                let below = edges.of_child(len - 1, len);
                let behind = fan.change(len - 1, |node| node.push_back(leaf, below));
                wrap(fan.insert(len, behind, edges), Self::Upper)
            }
        }
    }

    /// Puts a leaf before all others; nodes to go behind this one.
    pub fn push_front(&mut self, leaf: L, edges: Edges) -> Vec<Part<L, Self>> {
        match self {
            Self::Bottom(fan) => {
                let key = fan.children().first().map(|first| L::separator(&leaf, first));
                wrap(fan.insert_first(leaf, key), Self::Bottom)
            }
            Self::Upper(fan) => {
                let below = edges.of_child(0, fan.len());
                let behind = fan.change(0, |node| node.push_front(leaf, below));
                wrap(fan.insert(1, behind, edges), Self::Upper)
            }
        }
    }

    /// Removes some elements, but not all. Beside the gap nodes and leaves may be too small then.
    pub fn remove(&mut self, range: Range<usize>) {
        match self {
            Self::Bottom(fan) => fan.remove_elements(range, |leaf, range| leaf.remove(range)),
            Self::Upper(fan) => fan.remove_elements(range, |node, range| node.remove(range)),
        }
    }

    /// Joins nodes on the way to element `index` with neighbours as long as they are small, and the
    /// leaf there.
    ///
    /// A child gets more than it needs before the descent goes on to it: there two of its children
    /// may go, when a small one is joined with both its neighbours.
    pub fn mend(&mut self, index: usize, edges: Edges) {
        match self {
            Self::Bottom(fan) => {
                let (at, _) = fan.find(index);
                join_leaf(fan, at);
            }
            Self::Upper(fan) => {
                let (mut at, mut before) = fan.find(index);
                while fan.children()[at].len() < CHILDREN_MIN + 2 && join_node(fan, at, edges) {
                    (at, before) = fan.find(index);
                }
                let below = edges.of_child(at, fan.len());
                fan.change(at, |node| node.mend(index - before, below));
            }
        }
    }

    /// Takes the children of the next node; what does not fit is returned.
    fn absorb(&mut self, key: L::Key, next: Self) -> Vec<Part<L, Self>> {
        match (self, next) {
            (Self::Bottom(fan), Self::Bottom(next)) => wrap(fan.absorb(key, next), Self::Bottom),
            (Self::Upper(fan), Self::Upper(next)) => wrap(fan.absorb(key, next), Self::Upper),
            _ => unreachable!("neighbours have the same height"),
        }
    }
}

/// The bottom of [`Node::update`].
fn update_leaf<L: Leaf, R>(
    fan: &mut Fan<L, L>,
    route: &mut impl Route<L::Key>,
    passed: usize,
    edges: Edges,
    change: impl FnOnce(&mut L, usize) -> R,
) -> Updated<L, R> {
    let (at, before) = route.choose(fan);
    let children = fan.len();
    let count = fan.counts()[at];
    let below = edges.of_child(at, children);
    let split_at = match (below.is_first, below.is_last) {
        (true, false) => SplitAt::Start,
        (false, true) => SplitAt::End,
        _ => SplitAt::Middle,
    };
    let (result, leaves) = fan.change(at, |leaf| {
        let result = change(leaf, passed + before);
        (result, separated(leaf, split_at))
    });
    if fan.counts()[at] == 0 {
        fan.remove(at..at + 1);
    } else if leaves.is_empty() && fan.counts()[at] <= count {
        join_leaf(fan, at);
    }
    let is_sparse = fan.len() < children && fan.len() < CHILDREN_MIN;
    let behind = fan.insert(at + 1, leaves, edges);
    Updated { result, behind: wrap(behind, Node::Bottom), is_sparse }
}

/// Splits a leaf until no part is oversized; the parts to go behind it, in order.
pub(super) fn split_leaf<L: Leaf>(leaf: &mut L, split_at: SplitAt) -> Vec<L> {
    let mut parts = Vec::new();
    let mut pending = Vec::new();
    let halve = |part: &mut L, pending: &mut Vec<L>| {
        while part.len() > 1 && part.is_oversized() {
            let len = part.len();
            let behind = part.split(split_at);
            assert!(
                !part.is_empty() && !behind.is_empty() && part.len() + behind.len() == len,
                "a leaf is split into two that have all its elements"
            );
            pending.push(behind);
        }
    };
    halve(leaf, &mut pending);
    while let Some(mut part) = pending.pop() {
        halve(&mut part, &mut pending);
        parts.push(part);
    }
    parts
}

/// [`split_leaf`], and the separator before each part.
fn separated<L: Leaf>(leaf: &mut L, split_at: SplitAt) -> Vec<Part<L, L>> {
    let mut separated: Vec<Part<L, L>> = Vec::new();
    for part in split_leaf(leaf, split_at) {
        let before = separated.last().map_or(&*leaf, |(_, leaf)| leaf);
        separated.push((L::separator(before, &part), part));
    }
    separated
}

/// Joins leaf `at` with a neighbour if it is small and they fit.
fn join_leaf<L: Leaf>(fan: &mut Fan<L, L>, at: usize) {
    let leaves = fan.children();
    if !leaves[at].is_undersized() {
        return;
    }
    let fits = |left: usize| leaves[left].fits(&leaves[left + 1]);
    let left = match at {
        _ if at + 1 < leaves.len() && fits(at) => at,
        1.. if fits(at - 1) => at - 1,
        _ => return,
    };
    let (_, next) = fan.take(left + 1);
    fan.change(left, |leaf| leaf.append(next));
}

/// Joins node `at`, which is small, with the smaller neighbour, or takes children from there. Whether
/// it did: not if there is no neighbour, and not if the node is on an edge of the tree, and may
/// therefore be small, but they do not fit into one.
fn join_node<L: Leaf>(fan: &mut Fan<L, Node<L>>, at: usize, edges: Edges) -> bool {
    let nodes = fan.children();
    let size_of = |at: usize| nodes.get(at).map_or(usize::MAX, |node| node.len());
    let left = match at {
        1.. if size_of(at - 1) <= size_of(at + 1) => at - 1,
        _ if at + 1 < nodes.len() => at,
        _ => return false,
    };
    let sum = size_of(left) + size_of(left + 1);
    if sum > CHILDREN_MAX && edges.of_child(at, nodes.len()).is_any() {
        return false;
    }
    let (key, next) = fan.take(left + 1);
    let behind = fan.change(left, |node| node.absorb(key, next));
    let more = fan.insert(left + 1, behind, edges);
    assert!(more.is_empty(), "a node has room for a child that was just taken out");
    true
}

/// The same parts as nodes.
pub(super) fn wrap<L: Leaf, T>(
    parts: Vec<Part<L, Fan<L, T>>>,
    node: impl Fn(Fan<L, T>) -> Node<L>,
) -> Vec<Part<L, Node<L>>> {
    parts.into_iter().map(|(key, fan)| (key, node(fan))).collect()
}
