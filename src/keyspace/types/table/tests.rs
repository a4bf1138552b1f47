//! The table's invariants, its memory, what clones share, and chosen collisions.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// A name and a value of its own.
#[derive(Clone, Debug, PartialEq)]
struct Pair {
    name: Box<[u8]>,
    value: Vec<u8>,
}

impl Slot for Pair {
    fn hash(&self, hasher: &KeyHasher) -> u64 {
        hasher.hash(&self.name)
    }

    fn heap_bytes(&self) -> usize {
        allocated_bytes::<u8>(self.name.len()) + allocated_bytes::<u8>(self.value.len())
    }
}

fn pair(name: &[u8]) -> Pair {
    Pair { name: name.into(), value: vec![1; name.len()] }
}

fn name(number: u32) -> Vec<u8> {
    number.to_string().into_bytes()
}

fn insert(table: &mut MemberTable<Pair>, name: &[u8]) {
    table.insert_new(table.hasher.hash(name), pair(name));
}

fn remove(table: &mut MemberTable<Pair>, name: &[u8]) -> Option<Pair> {
    table.remove(table.hasher.hash(name), |pair| *pair.name == *name)
}

fn get<'a>(table: &'a MemberTable<Pair>, name: &[u8]) -> Option<&'a Pair> {
    table.get(table.hasher.hash(name), |pair| *pair.name == *name)
}

fn filled(seed: u64, numbers: std::ops::Range<u32>) -> MemberTable<Pair> {
    let mut table = MemberTable::new(KeyHasher::new(seed));
    numbers.for_each(|number| insert(&mut table, &name(number)));
    table
}

/// What the heads of the files say always holds, and the memory counted anew.
fn check(table: &MemberTable<Pair>) {
    let (mut cell, mut len, mut deepest, mut bytes, mut heap_bytes) = (0, 0, 0, 0, 0);
    let mut numbers = BTreeSet::new();
    while let Some(&number) = table.directory.get(cell) {
        assert!(numbers.insert(number), "a segment's cells are neighbours");
        let segment = &table.segments[number as usize];
        assert_eq!(table.cell(segment.first_hash()), cell);
        let cells = 1 << (table.depth - segment.depth());
        assert!(table.directory[cell..cell + cells].iter().all(|&other| other == number));
        segment.check(&table.hasher);
        cell += cells;
        len += segment.len();
        deepest += usize::from(segment.depth() == table.depth);
        bytes += segment.memory_bytes();
        heap_bytes += segment.items().iter().map(Slot::heap_bytes).sum::<usize>();
    }
    assert_eq!(cell, table.directory.len());
    assert_eq!((len, numbers.len(), deepest), (table.len, table.segments.len(), table.deepest));
    assert_eq!((bytes, heap_bytes), (table.segments_bytes, table.items_heap_bytes));
    assert_eq!(table.iter().count(), len);
}

fn copied_segments(a: &MemberTable<Pair>, b: &MemberTable<Pair>) -> usize {
    a.segments.iter().zip(&b.segments).filter(|(a, b)| !Arc::ptr_eq(a, b)).count()
}

#[test]
fn a_table_may_go_to_another_thread() {
    fn is_send<T: Send>() {}
    is_send::<MemberTable<Pair>>();
}

#[test]
fn it_grows_and_shrinks_back() {
    let mut table = MemberTable::new(KeyHasher::new(3));
    assert_eq!(table.memory_bytes(), 0);
    for number in 0..50_000 {
        insert(&mut table, &name(number));
        if number % 5000 == 0 {
            check(&table);
        }
    }
    check(&table);
    assert!(table.depth >= 6);
    assert!((0..50_000).all(|number| get(&table, &name(number)).is_some()));
    assert_eq!(get(&table, b"50000"), None);
    let grown_bytes = table.memory_bytes();
    for number in 0..50_000 {
        assert_eq!(remove(&mut table, &name(number)), Some(pair(&name(number))));
        if number % 5000 == 0 {
            check(&table);
        }
    }
    check(&table);
    assert_eq!((table.len, table.depth, table.segments.len()), (0, 0, 1));
    assert!(table.memory_bytes() < grown_bytes / 1000, "{} left", table.memory_bytes());
}

#[test]
fn elements_taken_out_in_hash_order_leave_no_segments() {
    let mut table = filled(13, 0..50_000);
    let mut names = Vec::new();
    let mut cursor = table.scan(0, 100, &mut |pair| names.push(pair.name.clone()));
    while cursor != 0 {
        cursor = table.scan(cursor, 100, &mut |pair| names.push(pair.name.clone()));
    }
    for name in names {
        assert!(remove(&mut table, &name).is_some());
    }
    check(&table);
    assert!(table.is_empty() && table.segments.len() == 1, "{}", table.segments.len());
}

#[test]
fn memory_is_little_more_than_the_elements() {
    let mut sum = 0.0;
    let mut table = MemberTable::new(KeyHasher::new(8));
    let sizes: Vec<u32> =
        (0..16).map(|step| (20_000.0 * 2_f64.powf(step as f64 / 16.0)) as u32).collect();
    let mut number = 0;
    for &size in &sizes {
        while number < size {
            insert(&mut table, &name(number));
            number += 1;
        }
        let own_bytes = table.memory_bytes() - table.items_heap_bytes;
        sum += own_bytes as f64 / (size as usize * size_of::<Pair>()) as f64;
    }
    let mean = sum / sizes.len() as f64;
    assert!(mean < 1.3, "{mean} slots an element");
    let small = filled(8, 0..200);
    let own_bytes = small.memory_bytes() - small.items_heap_bytes;
    assert!(own_bytes < 200 * size_of::<Pair>() * 13 / 10 + 200, "{own_bytes}");
}

#[test]
fn room_asked_for_is_there_from_the_beginning() {
    for capacity in [0, 1, 500, 960, 961, 20_000] {
        let mut table = MemberTable::with_capacity(capacity, KeyHasher::new(9));
        check(&table);
        let segments = table.segments.len();
        for number in 0..capacity as u32 {
            insert(&mut table, &name(number));
        }
        check(&table);
        assert_eq!(table.segments.len(), segments.max(1), "no segment has split");
    }
}

#[test]
fn taking_out_and_putting_in_does_not_make_it_grow() {
    let mut table = filled(4, 0..40_000);
    let full_bytes = table.memory_bytes();
    for number in 0..200_000 {
        assert!(remove(&mut table, &name(number)).is_some());
        insert(&mut table, &name(number + 40_000));
    }
    check(&table);
    assert!(table.memory_bytes() <= full_bytes * 5 / 4, "{}", table.memory_bytes());
}

#[test]
fn an_update_counts_memory_again() {
    let mut table = filled(10, 0..3000);
    let before = table.memory_bytes();
    let hash = table.hasher.hash(b"7");
    let is_seven = |pair: &Pair| *pair.name == *b"7";
    assert_eq!(table.update(hash, is_seven, |pair| pair.value = vec![2; 1001]), Some(()));
    check(&table);
    assert_eq!(table.memory_bytes(), before + 1000);
    assert_eq!(table.update(hash, |_| false, |pair| pair.value.clear()), None);
    assert_eq!(get(&table, b"7").unwrap().value, [2; 1001]);
}

#[test]
fn one_change_after_a_clone_copies_one_segment() {
    let mut table = filled(11, 0..20_000);
    for number in 0..20_000 {
        let frozen = table.clone();
        let hash = table.hasher.hash(&name(number));
        let is_it = |pair: &Pair| *pair.name == *name(number);
        assert_eq!(table.update(hash, |_| false, |_| ()), None);
        assert_eq!(table.remove(hash, |_| false), None);
        assert_eq!(copied_segments(&table, &frozen), 0, "nothing has changed");
        match number % 3 {
            0 => assert!(table.update(hash, is_it, |pair| pair.value.push(3)).is_some()),
            1 => assert!(table.remove(hash, is_it).is_some()),
            _ => insert(&mut table, &name(number + 20_000)),
        }
        let segments = (table.segments.len(), frozen.segments.len());
        if segments.0 == segments.1 {
            assert_eq!(copied_segments(&table, &frozen), 1);
        } else {
            // A split keeps one; a merge moves the last one to another number.
            assert!(copied_segments(&table, &frozen) <= 2, "{segments:?}");
        }
        if number % 1000 == 0 {
            check(&table);
            check(&frozen);
        }
    }
}

#[test]
fn clones_stay_what_they_were() {
    let content = |table: &MemberTable<Pair>| -> BTreeMap<Vec<u8>, Vec<u8>> {
        table.iter().map(|pair| (pair.name.to_vec(), pair.value.clone())).collect()
    };
    let mut table = filled(12, 0..5000);
    let mut clones = Vec::new();
    let mut rng = fastrand::Rng::with_seed(2);
    for round in 0..12 {
        clones.push((table.clone(), content(&table)));
        // Grows for a while, then shrinks.
        let growth = if round < 6 { 0.7 } else { 0.2 };
        for _ in 0..4000 {
            let name = name(rng.u32(..30_000));
            let hash = table.hasher.hash(&name);
            let is_it = |pair: &Pair| *pair.name == *name;
            if rng.f64() < growth {
                let value = vec![4; rng.usize(..40)];
                let put = value.clone();
                if table.update(hash, is_it, |pair| pair.value = put).is_none() {
                    table.insert_new(hash, Pair { name: name.clone().into(), value });
                }
            } else {
                table.remove(hash, is_it);
            }
        }
    }
    for (table, content_then) in &clones {
        check(table);
        assert!(content(table) == *content_then);
    }
    check(&table);
}

#[test]
fn a_scan_sees_what_stays_exactly_once() {
    for seed in 0..20 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut table = filled(seed, 0..6000);
        let mut seen = BTreeMap::new();
        let mut cursor = 0;
        let mut extra = 6000;
        let grows = seed % 2 == 0;
        loop {
            let count = rng.usize(1..50);
            let mut got = 0;
            cursor = table.scan(cursor, count, &mut |pair| {
                got += 1;
                *seen.entry(pair.name.to_vec()).or_insert(0) += 1;
            });
            assert!(got <= count + 2 && cursor < 1 << 53, "{got} of {count}");
            if cursor == 0 {
                break;
            }
            // Of the first 6000, every third stays.
            for _ in 0..40 {
                if grows {
                    insert(&mut table, &name(extra));
                    extra += 1;
                } else {
                    let number = rng.u32(..6000);
                    if !number.is_multiple_of(3) {
                        remove(&mut table, &name(number));
                    }
                }
            }
        }
        check(&table);
        assert!(seen.values().all(|&times| times == 1));
        assert!((0..6000).step_by(3).all(|number| seen.contains_key(&name(number))));
    }
}

#[test]
fn colliding_names_do_not_blow_up_the_directory() {
    let mut table = MemberTable::new(KeyHasher::new(5));
    let names: Vec<_> = table.hasher.colliding_keys().take(3000).collect();
    (0..3000).for_each(|number| insert(&mut table, &name(number)));
    names.iter().for_each(|name| insert(&mut table, name));
    let hash = table.hasher.hash(&names[0]);
    assert!(names.iter().all(|name| table.hasher.hash(name) == hash));
    check(&table);
    let own_bytes = table.memory_bytes() - table.items_heap_bytes;
    assert!(own_bytes < 6000 * size_of::<Pair>() * 2, "{own_bytes}");
    assert!(names.iter().all(|name| get(&table, name).is_some()));
    let mut seen = 0;
    let mut cursor = table.scan(0, 10, &mut |_| seen += 1);
    while cursor != 0 {
        cursor = table.scan(cursor, 10, &mut |_| seen += 1);
    }
    assert_eq!(seen, 6000);
    let mut rng = fastrand::Rng::with_seed(3);
    let colliding = (0..6000).filter(|_| table.random(&mut rng).unwrap().name.len() == 16).count();
    assert!((100..5900).contains(&colliding), "both kinds are drawn: {colliding}");
    for name in &names {
        assert!(remove(&mut table, name).is_some());
    }
    check(&table);
    (0..3000).for_each(|number| assert!(remove(&mut table, &name(number)).is_some()));
    check(&table);
    assert_eq!((table.segments.len(), table.directory.len()), (1, 1));
}

#[test]
fn random_elements_are_equally_likely() {
    for len in [1, 700, 1000, 1500, 2000, 3000] {
        let table = filled(6, 0..len);
        let mut rng = fastrand::Rng::with_seed(1);
        let mut counts = BTreeMap::new();
        let draws = len * 100;
        for _ in 0..draws {
            *counts.entry(&table.random(&mut rng).unwrap().name).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), len as usize);
        // The sum of squared deviations by 100 is about the number of elements, if nothing but chance
        // is in it: its standard deviation is sqrt(2 * len).
        let squares: f64 = counts.values().map(|&n: &i32| f64::from(n - 100).powi(2) / 100.0).sum();
        let limit = f64::from(len) + 5.0 * f64::from(2 * len).sqrt();
        assert!(squares < limit, "{len}: {squares} above {limit}");
    }
    assert_eq!(filled(6, 0..0).random(&mut fastrand::Rng::with_seed(1)), None);
}
