//! The tree of large values with nodes as wide as they are, against a plain vector: the tests beside
//! the code have narrow ones.

use std::ops::Range;

use vellum::keyspace::types::tree::{Leaf, SplitAt, Tree};

const ITEMS_MAX: usize = 16;

#[derive(Clone)]
struct Numbers(Vec<u32>);

impl Leaf for Numbers {
    type Key = ();

    fn len(&self) -> usize {
        self.0.len()
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * 4
    }

    fn separator(_: &Self, _: &Self) {}

    fn is_oversized(&self) -> bool {
        self.len() > ITEMS_MAX
    }

    fn is_undersized(&self) -> bool {
        self.len() < ITEMS_MAX / 2
    }

    fn split(&mut self, at: SplitAt) -> Self {
        Self(self.0.split_off(match at {
            SplitAt::Start => self.len() - ITEMS_MAX,
            SplitAt::Middle => self.len() / 2,
            SplitAt::End => ITEMS_MAX,
        }))
    }

    fn fits(&self, next: &Self) -> bool {
        self.len() + next.len() <= ITEMS_MAX
    }

    fn append(&mut self, mut next: Self) {
        self.0.append(&mut next.0);
    }

    fn remove(&mut self, range: Range<usize>) {
        self.0.drain(range);
    }
}

fn elements(tree: &Tree<Numbers>) -> impl Iterator<Item = u32> {
    tree.leaves_from(0).flat_map(|(leaf, _)| leaf.0.iter().copied())
}

#[test]
fn a_million_elements_are_three_levels_high_whichever_way_they_come() {
    const ELEMENTS: u32 = 1_000_000;
    let mut back = Tree::new();
    back.push_leaf_back(Numbers(vec![0]));
    for number in 1..ELEMENTS {
        back.update_at(back.len(), |leaf, at| leaf.0.insert(at, number));
    }
    assert!(elements(&back).eq(0..ELEMENTS));
    assert_eq!(back.height(), 3);
    assert!(back.leaf_count() <= ELEMENTS as usize / ITEMS_MAX + 2);

    let mut random = Tree::new();
    let mut rng = fastrand::Rng::with_seed(1);
    random.push_leaf_back(Numbers(vec![0]));
    for number in 1..ELEMENTS {
        random.update_at(rng.usize(..=random.len()), |leaf, at| leaf.0.insert(at, number));
    }
    assert_eq!((random.len(), random.height()), (ELEMENTS as usize, 3));
    let fill = random.len() as f64 / (random.leaf_count() * ITEMS_MAX) as f64;
    assert!(fill > 0.6, "leaves are filled by {fill}");

    // As it came, so it goes.
    while random.len() > 1 {
        let start = rng.usize(..random.len());
        random.remove_range(start..start + 1 + rng.usize(..20));
    }
    assert!(random.height() == 1 && random.leaf_count() <= 1);
}

#[test]
fn random_changes_are_those_of_a_vector_and_clones_stay_what_they_were() {
    for seed in 0..4 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut model: Vec<u32> = (0..150_000).collect();
        let mut tree = Tree::new();
        model.chunks(ITEMS_MAX).for_each(|part| tree.push_leaf_back(Numbers(part.to_vec())));
        let mut kept = vec![(tree.clone(), model.clone())];
        for step in 0..600 {
            let start = rng.usize(..=model.len());
            let many =
                if rng.u8(..).is_multiple_of(4) { rng.usize(..4000) } else { rng.usize(..4) };
            if rng.bool() {
                let items: Vec<u32> = (0..many).map(|_| rng.u32(..)).collect();
                tree.update_at(start, |leaf, at| drop(leaf.0.splice(at..at, items.clone())));
                model.splice(start..start, items);
            } else {
                tree.remove_range(start..start + many);
                model.drain(start..model.len().min(start + many));
            }
            let index = rng.usize(..=model.len());
            assert_eq!(tree.at(index).map(|(leaf, at)| leaf.0[at]), model.get(index).copied());
            if step % 100 == 0 {
                kept.push((tree.clone(), model.clone()));
            }
        }
        kept.push((tree, model));
        for (tree, model) in kept {
            assert!(tree.len() == model.len() && elements(&tree).eq(model.iter().copied()));
            let back = tree.leaves_back_from(tree.len());
            let back = back.flat_map(|(leaf, kept)| leaf.0[..kept].iter().rev());
            assert!(back.eq(model.iter().rev()));
        }
    }
}
