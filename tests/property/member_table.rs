//! The table of elements of large values against a plain map, with clones taken in between.

use std::collections::HashMap;

use proptest::prelude::*;
use vellum::keyspace::KeyHasher;
use vellum::keyspace::types::table::{MemberTable, Slot};

/// Enough for several segments.
const BULK: std::ops::Range<u16> = 0..4000;

#[derive(Clone, Debug)]
struct Field {
    name: u16,
    value: Box<[u8]>,
}

impl Slot for Field {
    fn hash(&self, hasher: &KeyHasher) -> u64 {
        hasher.hash(&self.name.to_ne_bytes())
    }

    fn heap_bytes(&self) -> usize {
        if self.value.is_empty() { 0 } else { self.value.len() + 8 }
    }
}

#[derive(Clone, Debug)]
enum Op {
    Put { name: u16, value: u8 },
    Remove { name: u16 },
    PutMany { from: u16, to: u16 },
    RemoveMany { from: u16, to: u16 },
    Clone,
    Swap { clone: usize },
    Scan { count: usize },
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (BULK, any::<u8>()).prop_map(|(name, value)| Op::Put { name, value }),
        4 => BULK.prop_map(|name| Op::Remove { name }),
        3 => (BULK, BULK).prop_map(|(from, to)| Op::PutMany { from, to }),
        2 => (BULK, BULK).prop_map(|(from, to)| Op::RemoveMany { from, to }),
        3 => Just(Op::Clone),
        1 => (0..8usize).prop_map(|clone| Op::Swap { clone }),
        3 => (1..600usize).prop_map(|count| Op::Scan { count }),
    ]
}

/// A table and what it should hold.
#[derive(Clone)]
struct Pair {
    table: MemberTable<Field>,
    model: HashMap<u16, Box<[u8]>>,
}

impl Pair {
    fn put(&mut self, name: u16, value: u8) {
        let value: Box<[u8]> = vec![value; usize::from(value % 32)].into();
        let hash = self.table.hasher().hash(&name.to_ne_bytes());
        let put = value.clone();
        let updated = self.table.update(
            hash,
            |field| field.name == name,
            |field| std::mem::replace(&mut field.value, put),
        );
        let before = self.model.insert(name, value.clone());
        assert_eq!(updated, before);
        if before.is_none() {
            self.table.insert_new(hash, Field { name, value });
        }
    }

    fn remove(&mut self, name: u16) {
        let hash = self.table.hasher().hash(&name.to_ne_bytes());
        let removed = self.table.remove(hash, |field| field.name == name);
        assert_eq!(removed.map(|field| field.value), self.model.remove(&name));
    }

    fn scan(&self, count: usize) {
        let mut seen = HashMap::new();
        let mut cursor = 0;
        loop {
            cursor = self.table.scan(cursor, count, &mut |field| {
                assert!(seen.insert(field.name, field.value.clone()).is_none(), "seen twice");
            });
            if cursor == 0 {
                break;
            }
        }
        assert_eq!(seen, self.model);
    }

    fn check(&self) {
        assert_eq!(self.table.len(), self.model.len());
        let all = self.table.iter().map(|field| (field.name, field.value.clone()));
        assert_eq!(all.collect::<HashMap<_, _>>(), self.model);
        for name in BULK.step_by(7) {
            let hash = self.table.hasher().hash(&name.to_ne_bytes());
            let got = self.table.get(hash, |field| field.name == name);
            assert_eq!(got.map(|field| &field.value), self.model.get(&name));
        }
        let owned_bytes: usize = self.table.iter().map(Slot::heap_bytes).sum();
        assert!(self.table.memory_bytes() >= owned_bytes + self.table.len() * size_of::<Field>());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_table_and_its_clones_are_like_maps(
        seed: u64,
        ops in proptest::collection::vec(op(), 1..60),
    ) {
        let table = MemberTable::new(KeyHasher::new(seed));
        let mut pair = Pair { table, model: HashMap::new() };
        let mut clones: Vec<Pair> = Vec::new();
        for op in ops {
            match op {
                Op::Put { name, value } => pair.put(name, value),
                Op::Remove { name } => pair.remove(name),
                Op::PutMany { from, to } => (from..to).for_each(|name| pair.put(name, name as u8)),
                Op::RemoveMany { from, to } => (from..to).for_each(|name| pair.remove(name)),
                Op::Clone => clones.push(pair.clone()),
                Op::Swap { clone } => {
                    if let Some(clone) = clones.get_mut(clone) {
                        std::mem::swap(&mut pair, clone);
                    }
                }
                Op::Scan { count } => pair.scan(count),
            }
        }
        pair.check();
        clones.iter().for_each(Pair::check);
    }
}
