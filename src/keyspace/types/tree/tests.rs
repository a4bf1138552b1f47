//! Trees against plain vectors, with everything that always holds checked after each change. Nodes
//! have few children here (see [`CHILDREN_MAX`]), so that small trees are high.

use std::marker::PhantomData;

use proptest::prelude::*;

use super::fan::{ARC_BYTES, CHILDREN_MAX, CHILDREN_MIN, Child, Totals};
use super::*;

const ITEMS_MAX: usize = 4;

/// Whether elements are found by position or are sorted.
trait Kind: Clone {
    type Key: Clone;
    fn separator(before: u64, after: u64) -> Self::Key;
    fn key_heap_bytes(key: &Self::Key) -> usize;
    fn is_between(key: &Self::Key, before: u64, after: u64) -> bool;
}

#[derive(Clone)]
struct Listed;

impl Kind for Listed {
    type Key = ();
    fn separator(_: u64, _: u64) {}
    fn key_heap_bytes((): &()) -> usize {
        0
    }
    fn is_between((): &(), _: u64, _: u64) -> bool {
        true
    }
}

#[derive(Clone)]
struct Sorted;

impl Kind for Sorted {
    type Key = Box<[u8]>;

    fn separator(before: u64, after: u64) -> Box<[u8]> {
        let (before, after) = (before.to_be_bytes(), after.to_be_bytes());
        let shared = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
        after[..=shared].into()
    }

    fn key_heap_bytes(key: &Box<[u8]>) -> usize {
        key.len()
    }

    fn is_between(key: &Box<[u8]>, before: u64, after: u64) -> bool {
        before.to_be_bytes()[..] < key[..] && key[..] <= after.to_be_bytes()[..]
    }
}

#[derive(Clone)]
struct Chunk<K> {
    items: Vec<u64>,
    kind: PhantomData<K>,
}

fn chunk<K>(items: impl IntoIterator<Item = u64>) -> Chunk<K> {
    Chunk { items: items.into_iter().collect(), kind: PhantomData }
}

impl<K: Kind> Leaf for Chunk<K> {
    type Key = K::Key;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn heap_bytes(&self) -> usize {
        self.items.capacity() * 8
    }

    fn separator(before: &Self, after: &Self) -> K::Key {
        K::separator(before.items[before.len() - 1], after.items[0])
    }

    fn key_heap_bytes(key: &K::Key) -> usize {
        K::key_heap_bytes(key)
    }

    fn is_oversized(&self) -> bool {
        self.len() > ITEMS_MAX
    }

    fn is_undersized(&self) -> bool {
        self.len() < ITEMS_MAX / 2
    }

    fn split(&mut self, at: SplitAt) -> Self {
        let at = match at {
            SplitAt::Start => self.len() - ITEMS_MAX,
            SplitAt::Middle => self.len() / 2,
            SplitAt::End => ITEMS_MAX,
        };
        chunk(self.items.split_off(at))
    }

    fn fits(&self, next: &Self) -> bool {
        self.len() + next.len() <= ITEMS_MAX
    }

    fn append(&mut self, mut next: Self) {
        assert!(self.fits(&next));
        self.items.append(&mut next.items);
    }

    fn remove(&mut self, range: Range<usize>) {
        assert!(range.len() < self.len());
        self.items.drain(range);
    }
}

/// What a node has below: leaves are appended to `leaves`.
fn check_fan<'a, K: Kind, T: Child>(
    fan: &'a Fan<Chunk<K>, T>,
    edges: Option<Edges>,
    leaves: &mut Vec<&'a Chunk<K>>,
    mut descend: impl FnMut(&'a T, Edges, &mut Vec<&'a Chunk<K>>),
) {
    let len = fan.children().len();
    assert!(len <= CHILDREN_MAX);
    let fewest = match edges {
        Some(edges) if !edges.is_any() => CHILDREN_MIN,
        Some(_) => 1,
        None => 0,
    };
    assert!(len >= fewest, "{len} children, expected {fewest}, {edges:?}");
    assert_eq!(fan.keys().len(), len.saturating_sub(1));
    let mut totals = Totals::default();
    for (at, child) in fan.children().iter().enumerate() {
        let start = leaves.len();
        descend(child, edges.unwrap_or(Edges::ROOT).of_child(at, len), leaves);
        let count: usize = leaves[start..].iter().map(|leaf| leaf.len()).sum();
        assert_eq!(fan.counts()[at], count);
        if let Some(left) = at.checked_sub(1) {
            let (before, after) = (&leaves[start - 1].items, &leaves[start].items);
            assert!(K::is_between(&fan.keys()[left], before[before.len() - 1], after[0]));
            totals.bytes += K::key_heap_bytes(&fan.keys()[left]);
        }
        totals += child.totals();
    }
    totals.bytes += fan.frame_bytes();
    assert_eq!(fan.totals(), totals);
}

fn check_node<'a, K: Kind>(
    node: &'a Node<Chunk<K>>,
    edges: Option<Edges>,
    height: usize,
    leaves: &mut Vec<&'a Chunk<K>>,
) {
    match node {
        Node::Bottom(fan) => {
            assert_eq!(height, 1);
            check_fan(fan, edges, leaves, |leaf, _, leaves| {
                assert!(!leaf.is_empty() && leaf.len() <= ITEMS_MAX);
                leaves.push(leaf);
            });
        }
        Node::Upper(fan) => {
            assert!(edges.is_some() || fan.len() > 1);
            check_fan(fan, edges, leaves, |node, edges, leaves| {
                check_node(node, Some(edges), height - 1, leaves);
            });
        }
    }
}

/// All that always holds, and that the elements are the ones expected.
fn check<K: Kind>(tree: &Tree<Chunk<K>>, expected: &[u64]) {
    let mut leaves = Vec::new();
    check_node(&tree.root, None, tree.height(), &mut leaves);
    assert_eq!(tree.leaf_count(), leaves.len());
    let found: Vec<u64> = leaves.iter().flat_map(|leaf| leaf.items.iter().copied()).collect();
    assert_eq!(found, expected);
    assert_eq!(tree.len(), expected.len());
}

/// Every way to read, from `index`.
fn check_reading<K: Kind>(tree: &Tree<Chunk<K>>, expected: &[u64], index: usize) {
    let found = tree.at(index).map(|(leaf, place)| leaf.items[place]);
    assert_eq!(found, expected.get(index).copied());
    let forward = tree.leaves_from(index).flat_map(|(leaf, skipped)| &leaf.items[skipped..]);
    assert!(forward.eq(&expected[index.min(expected.len())..]));
    let back = tree.leaves_back_from(index);
    let back = back.flat_map(|(leaf, kept)| leaf.items[..kept].iter().rev());
    assert!(back.eq(expected[..index.min(expected.len())].iter().rev()));
    assert_eq!(tree.first().map(|leaf| leaf.items[0]), expected.first().copied());
    assert_eq!(tree.last().and_then(|leaf| leaf.items.last()), expected.last());
}

/// How a separator compares to a value.
fn to(value: u64) -> impl FnMut(&Box<[u8]>) -> Ordering {
    move |key| key[..].cmp(&value.to_be_bytes()[..])
}

fn listed(elements: usize) -> (Tree<Chunk<Listed>>, Vec<u64>) {
    let values: Vec<u64> = (0..elements as u64).collect();
    let mut tree = Tree::new();
    values.chunks(ITEMS_MAX).for_each(|items| tree.push_leaf_back(chunk(items.iter().copied())));
    (tree, values)
}

#[derive(Clone, Debug)]
enum Op {
    /// Inserts that many at a position (by value in sorted trees, where it is one).
    Insert(u16, u8),
    Remove(u16),
    /// Empties a leaf.
    Empty(u16),
    RemoveRange(u16, u16),
    /// Removes one by one from the front, or the back.
    Pop(u8, bool),
    PushBack(u8),
    PushFront(u8),
    Keep,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (any::<u16>(), prop_oneof![6 => 1..3u8, 1 => 0..100u8])
            .prop_map(|(at, many)| Op::Insert(at, many)),
        4 => any::<u16>().prop_map(Op::Remove),
        3 => any::<u16>().prop_map(Op::Empty),
        2 => any::<(u16, u16)>().prop_map(|(start, end)| Op::RemoveRange(start, end)),
        3 => (any::<u16>(), 0..200u16)
            .prop_map(|(start, len)| Op::RemoveRange(start, start.saturating_add(len * 100))),
        1 => (0..60u8, any::<bool>()).prop_map(|(many, is_front)| Op::Pop(many, is_front)),
        3 => (0..30u8).prop_map(Op::PushBack),
        3 => (0..30u8).prop_map(Op::PushFront),
        2 => Just(Op::Keep),
    ];
    proptest::collection::vec(op, 1..60)
}

/// A place among `len` elements.
fn place(at: u16, len: usize) -> usize {
    usize::from(at) * len / usize::from(u16::MAX)
}

fn remove_range<K: Kind>(tree: &mut Tree<Chunk<K>>, model: &mut Vec<u64>, start: u16, end: u16) {
    let (start, end) = (place(start, model.len()), place(end, model.len()));
    tree.remove_range(start..end);
    drop(model.drain(start..end.max(start)));
}

fn empty_leaf<K: Kind>(tree: &mut Tree<Chunk<K>>, model: &mut Vec<u64>, at: usize) {
    let gone = tree.update_at(at, |leaf, offset| (std::mem::take(&mut leaf.items), offset));
    if let Some((items, offset)) = gone {
        drop(model.drain(at - offset..at - offset + items.len()));
    }
}

fn pop<K: Kind>(tree: &mut Tree<Chunk<K>>, model: &mut Vec<u64>, is_front: bool) {
    if !model.is_empty() {
        let at = if is_front { 0 } else { model.len() - 1 };
        let popped = tree.update_at(at, |leaf, offset| leaf.items.remove(offset));
        assert_eq!(popped, Some(model.remove(at)));
    }
}

fn apply_listed(tree: &mut Tree<Chunk<Listed>>, model: &mut Vec<u64>, op: &Op, next: &mut u64) {
    let mut fresh = |many: u8| {
        let values: Vec<u64> = (*next..).take(many.into()).collect();
        *next += u64::from(many);
        values
    };
    match *op {
        Op::Insert(at, many) => {
            let at = place(at, model.len());
            let values = fresh(many);
            let put = |leaf: &mut Chunk<_>, offset| {
                leaf.items.splice(offset..offset, values.iter().copied());
            };
            match tree.update_at(at, put) {
                Some(()) => drop(model.splice(at..at, values)),
                None => assert!(model.is_empty()),
            }
        }
        Op::Remove(at) if !model.is_empty() => {
            let at = place(at, model.len() - 1);
            let removed = tree.update_at(at, |leaf, offset| leaf.items.remove(offset));
            assert_eq!(removed, Some(model.remove(at)));
        }
        Op::PushBack(many) => {
            let values = fresh(many);
            model.extend(&values);
            tree.push_leaf_back(chunk(values));
        }
        Op::PushFront(many) => {
            let values = fresh(many);
            model.splice(0..0, values.iter().copied());
            tree.push_leaf_front(chunk(values));
        }
        _ => apply_any(tree, model, op),
    }
}

fn apply_sorted(tree: &mut Tree<Chunk<Sorted>>, model: &mut Vec<u64>, op: &Op) {
    match *op {
        Op::Insert(value, _) => {
            // Many share their first bytes, and some are at the ends.
            let value = 1_000_000 + u64::from(value) * u64::from(value);
            let Err(at) = model.binary_search(&value) else { return };
            let Some((leaf, before)) = tree.seek(to(value)) else {
                model.push(value);
                return tree.push_leaf_back(chunk([value]));
            };
            assert_eq!(before + leaf.items.partition_point(|item| *item < value), at);
            let place = tree.update_seek(to(value), |leaf, before| {
                let place = leaf.items.partition_point(|item| *item < value);
                leaf.items.insert(place, value);
                before + place
            });
            assert_eq!(place, Some(at));
            model.insert(at, value);
        }
        Op::Remove(at) if !model.is_empty() => {
            let at = place(at, model.len() - 1);
            let value = model.remove(at);
            let removed = tree.update_seek(to(value), |leaf, before| {
                leaf.items.retain(|item| *item != value);
                before
            });
            assert!(removed.is_some_and(|before| before <= at));
        }
        Op::PushBack(many) => {
            let last = model.last().copied().unwrap_or(2_000_000);
            let values: Vec<u64> = (last + 1..).step_by(1000).take(many.into()).collect();
            model.extend(&values);
            tree.push_leaf_back(chunk(values));
        }
        Op::PushFront(many) => {
            let first = model.first().copied().unwrap_or(2_000_000);
            let values: Vec<u64> = (first.saturating_sub(u64::from(many))..first).collect();
            model.splice(0..0, values.iter().copied());
            tree.push_leaf_front(chunk(values));
        }
        _ => apply_any(tree, model, op),
    }
}

fn apply_any<K: Kind>(tree: &mut Tree<Chunk<K>>, model: &mut Vec<u64>, op: &Op) {
    match *op {
        Op::Empty(at) => empty_leaf(tree, model, place(at, model.len())),
        Op::RemoveRange(start, end) => remove_range(tree, model, start, end),
        Op::Pop(many, is_front) => (0..many).for_each(|_| pop(tree, model, is_front)),
        _ => {}
    }
}

/// Applies `ops` to a tree, keeps clones of it now and then, and checks all of them.
fn run<K: Kind>(
    mut tree: Tree<Chunk<K>>,
    mut model: Vec<u64>,
    ops: &[Op],
    mut apply: impl FnMut(&mut Tree<Chunk<K>>, &mut Vec<u64>, &Op),
) {
    let mut kept = Vec::new();
    for op in ops {
        if let Op::Keep = op {
            kept.push((tree.clone(), model.clone()));
        }
        apply(&mut tree, &mut model, op);
        check(&tree, &model);
        let index = model.len() * 2 / 3;
        [0, index, model.len(), model.len() + 1]
            .iter()
            .for_each(|index| check_reading(&tree, &model, *index));
    }
    kept.iter().for_each(|(tree, model)| check(tree, model));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_list_is_what_a_vector_is(elements in 0..3000usize, ops in ops()) {
        let (tree, model) = listed(elements);
        let mut next = elements as u64;
        run(tree, model, &ops, |tree, model, op| apply_listed(tree, model, op, &mut next));
    }

    #[test]
    fn a_sorted_tree_is_what_a_sorted_vector_is(elements in 0..3000u64, ops in ops()) {
        let mut tree = Tree::new();
        let mut model = Vec::new();
        for element in 0..elements {
            apply_sorted(&mut tree, &mut model, &Op::Insert((element * 40_503 % 65_536) as u16, 1));
        }
        run(tree, model, &ops, apply_sorted);
    }
}

#[test]
fn an_empty_tree_answers_nothing() {
    let mut tree: Tree<Chunk<Sorted>> = Tree::default();
    check(&tree, &[]);
    check_reading(&tree, &[], 0);
    assert!(tree.seek(to(1)).is_none());
    assert_eq!(tree.update_at(0, |_, _| ()), None);
    assert_eq!(tree.update_seek(to(1), |_, _| ()), None);
    tree.remove_range(0..5);
    tree.push_leaf_back(chunk([]));
    check(&tree, &[]);
}

#[test]
fn a_tree_that_loses_all_is_as_small_as_a_new_one() {
    let (mut tree, mut model) = listed(1000);
    while !model.is_empty() {
        pop(&mut tree, &mut model, false);
        check(&tree, &model);
    }
    let (mut other, _) = listed(1000);
    other.remove_range(0..5000);
    assert_eq!(other.memory_bytes(), Tree::<Chunk<Listed>>::new().memory_bytes());
    assert_eq!((tree.height(), other.height()), (1, 1));
}

#[test]
fn nodes_are_full_when_filled_from_one_end() {
    let leaves = CHILDREN_MAX.pow(3);
    let (back, _) = listed(leaves * ITEMS_MAX);
    assert_eq!((back.leaf_count(), back.height()), (leaves, 3));
    let mut front = Tree::<Chunk<Listed>>::new();
    (0..leaves).for_each(|_| front.push_leaf_front(chunk([1, 2, 3, 4])));
    assert_eq!((front.leaf_count(), front.height()), (leaves, 3));
    // One by one, where the tree has the leaves split.
    let mut sorted = Tree::<Chunk<Sorted>>::new();
    sorted.push_leaf_back(chunk([0]));
    let elements = leaves * ITEMS_MAX - ITEMS_MAX;
    for value in 1..elements as u64 {
        sorted.update_seek(to(value), |leaf, _| leaf.items.push(value));
    }
    assert_eq!((sorted.leaf_count(), sorted.height()), (leaves, 3));
}

#[test]
fn a_queue_stays_small() {
    let (mut tree, mut model) = listed(500);
    for value in 500..5000 {
        tree.push_leaf_back(chunk([value]));
        model.push(value);
        pop(&mut tree, &mut model, true);
    }
    check(&tree, &model);
    assert!(tree.height() <= 5, "{}", tree.height());
}

/// The addresses of all nodes and leaves.
fn addresses<K: Kind>(node: &Node<Chunk<K>>, found: &mut Vec<usize>) {
    match node {
        Node::Bottom(fan) => {
            found.extend(fan.children().iter().map(|leaf| Arc::as_ptr(leaf).addr()));
        }
        Node::Upper(fan) => {
            for node in fan.children() {
                found.push(Arc::as_ptr(node).addr());
                addresses(node, found);
            }
        }
    }
}

#[test]
fn a_change_copies_one_leaf_and_the_path_to_it() {
    let (mut tree, model) = listed(3000);
    let clone = tree.clone();
    assert!(Arc::ptr_eq(&tree.root, &clone.root));
    let new_addresses = |tree: &Tree<Chunk<Listed>>| {
        let (mut before, mut after) = (Vec::new(), Vec::new());
        addresses(&clone.root, &mut before);
        addresses(&tree.root, &mut after);
        assert_eq!(before.len(), after.len());
        after.iter().filter(|address| !before.contains(address)).count()
    };
    tree.update_at(1500, |leaf, offset| leaf.items[offset] = 0);
    assert_eq!(new_addresses(&tree), tree.height());
    tree.update_at(1501, |leaf, offset| leaf.items[offset] = 0);
    assert_eq!(new_addresses(&tree), tree.height());
    tree.update_at(0, |leaf, offset| leaf.items[offset] = 7);
    // Only the root is on both paths, and it is not among the addresses.
    assert_eq!(new_addresses(&tree), 2 * tree.height());
    check(&clone, &model);
}

#[test]
fn the_memory_of_leaves_is_counted() {
    let (mut tree, _) = listed(3000);
    let before = tree.memory_bytes();
    tree.update_at(1500, |leaf, _| leaf.items.reserve_exact(1000));
    assert_eq!(tree.memory_bytes(), before + 1000 * 8);
    let leaf = ARC_BYTES + size_of::<Chunk<Listed>>() + ITEMS_MAX * 8;
    assert!(before > tree.leaf_count() * leaf);
}

#[test]
fn clones_may_go_to_other_threads() {
    let (mut tree, model) = listed(3000);
    let clone = tree.clone();
    let reader = std::thread::spawn(move || check(&clone, &model));
    tree.remove_range(10..2990);
    reader.join().unwrap();
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Tree<Chunk<Sorted>>>();
}
