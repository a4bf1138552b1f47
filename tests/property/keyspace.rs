//! The keyspace against a plain map: contents, expiry, scan and snapshot walk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use vellum::keyspace::{Db, Entry, Keyspace, NewValue, Value, ValueRef, WalkSink};

const DATABASES: usize = 3;
/// Keys that are written one by one; bulk operations use others as well.
const KEYS: u16 = 50;
/// Enough for several segments.
const BULK: std::ops::Range<u16> = 0..6000;

type Content = BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)>;

#[derive(Clone, Debug)]
enum Op {
    Insert { db: usize, key: u16, value: Value, expire_ms: Option<u64> },
    Set { db: usize, key: u16, value: Value },
    Append { db: usize, key: u16, bytes: Vec<u8> },
    SetRange { db: usize, key: u16, offset: usize, bytes: Vec<u8> },
    Expire { db: usize, key: u16, expire_ms: Option<u64> },
    Remove { db: usize, key: u16 },
    InsertMany { db: usize, from: u16, to: u16 },
    RemoveMany { db: usize, from: u16, to: u16 },
    ExpireDue { db: usize, now_ms: u64 },
    Swap { a: usize, b: usize },
    Flush { db: usize },
    FlushAll,
    BeginWalk,
    WalkStep { entries: usize },
}

fn key(number: u16) -> Vec<u8> {
    // A few long keys among short ones.
    if number.is_multiple_of(17) {
        format!("key:{number}:{}", "x".repeat(usize::from(number % 500))).into_bytes()
    } else {
        number.to_string().into_bytes()
    }
}

fn value() -> impl Strategy<Value = Value> {
    let len = prop_oneof![0..80usize, 1000..1050usize, Just(5000)];
    let bytes = (len, any::<u8>()).prop_map(|(len, byte)| Value::Bytes(vec![byte; len]));
    prop_oneof![any::<i64>().prop_map(Value::Int), (-200..200i64).prop_map(Value::Int), bytes]
}

fn expire_ms() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![Just(None), (1..20u64).prop_map(Some)]
}

fn op() -> impl Strategy<Value = Op> {
    let db = 0..DATABASES;
    let many = (0..DATABASES, BULK, BULK);
    let bytes = proptest::collection::vec(any::<u8>(), 0..60);
    prop_oneof![
        8 => (db.clone(), 0..KEYS, value(), expire_ms())
            .prop_map(|(db, key, value, expire_ms)| Op::Insert { db, key, value, expire_ms }),
        4 => (db.clone(), 0..KEYS, value()).prop_map(|(db, key, value)| Op::Set { db, key, value }),
        4 => (db.clone(), 0..KEYS, bytes.clone())
            .prop_map(|(db, key, bytes)| Op::Append { db, key, bytes }),
        3 => (db.clone(), 0..KEYS, 0..1100usize, bytes)
            .prop_map(|(db, key, offset, bytes)| Op::SetRange { db, key, offset, bytes }),
        4 => (db.clone(), 0..KEYS, expire_ms())
            .prop_map(|(db, key, expire_ms)| Op::Expire { db, key, expire_ms }),
        4 => (db.clone(), 0..KEYS).prop_map(|(db, key)| Op::Remove { db, key }),
        3 => many.clone().prop_map(|(db, from, to)| Op::InsertMany { db, from, to }),
        2 => many.prop_map(|(db, from, to)| Op::RemoveMany { db, from, to }),
        1 => (db.clone(), 0..25u64).prop_map(|(db, now_ms)| Op::ExpireDue { db, now_ms }),
        1 => (db.clone(), db.clone()).prop_map(|(a, b)| Op::Swap { a, b }),
        1 => db.prop_map(|db| Op::Flush { db }),
        1 => Just(Op::FlushAll),
        2 => Just(Op::BeginWalk),
        6 => (1..3000usize).prop_map(|entries| Op::WalkStep { entries }),
    ]
}

fn text(value: &Value) -> Vec<u8> {
    match value {
        Value::Int(number) => number.to_string().into_bytes(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::Collection(_) => panic!("there are strings only"),
    }
}

fn content_of(entry: &Entry) -> (Vec<u8>, (Vec<u8>, Option<u64>)) {
    (entry.key().to_vec(), (entry.as_string().unwrap().to_cow().into_owned(), entry.expire_ms()))
}

/// What a walk has handed out so far.
#[derive(Default)]
struct Captured {
    databases: Vec<Content>,
    announced: BTreeMap<usize, (usize, usize)>,
    is_dropped: bool,
}

struct Sink(Arc<Mutex<Captured>>);

impl WalkSink for Sink {
    fn database(&mut self, db: usize, keys: usize, expires: usize) {
        self.0.lock().unwrap().announced.insert(db, (keys, expires));
    }

    fn entry(&mut self, db: usize, entry: &Entry) {
        let (key, content) = content_of(entry);
        let twice = self.0.lock().unwrap().databases[db].insert(key, content);
        assert!(twice.is_none(), "captured twice: {entry:?}");
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.0.lock().unwrap().is_dropped = true;
    }
}

/// A keyspace and what it should hold.
struct Pair {
    keyspace: Keyspace,
    model: Vec<Content>,
    /// The content at the cut of the walk that goes on, and what the walk has captured.
    walk: Option<(Vec<Content>, Arc<Mutex<Captured>>)>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let model = vec![Content::new(); DATABASES];
        Self { keyspace: Keyspace::new(DATABASES, seed), model, walk: None }
    }

    fn insert(&mut self, db: usize, key: &[u8], value: Value, expire_ms: Option<u64>) {
        let hash = self.keyspace.hash(key);
        let before = self.model[db].insert(key.to_vec(), (text(&value), expire_ms));
        let replaced = self.keyspace.db_mut(db).insert(hash, key, value, expire_ms);
        assert_eq!(replaced, before.is_some());
    }

    fn remove(&mut self, db: usize, key: &[u8]) {
        let hash = self.keyspace.hash(key);
        let before = self.model[db].remove(key);
        let taken = self.keyspace.db_mut(db).take(hash, key);
        assert_eq!(taken.map(|entry| content_of(&entry).1), before);
    }

    fn write_at(&mut self, db: usize, key: &[u8], offset: Option<usize>, bytes: &[u8]) {
        let hash = self.keyspace.hash(key);
        let entry = self.keyspace.db_mut(db).get_mut(hash, key);
        let expected = self.model[db].get_mut(key);
        assert_eq!(entry.is_some(), expected.is_some());
        let (Some(mut entry), Some((string, _))) = (entry, expected) else { return };
        let at = offset.unwrap_or(string.len());
        string.resize(string.len().max(at + bytes.len()), 0);
        string[at..at + bytes.len()].copy_from_slice(bytes);
        let len = match offset {
            Some(offset) => entry.set_range(offset, bytes),
            None => entry.append(bytes),
        };
        assert_eq!(len, string.len());
        assert_eq!(entry.encoding(), "raw");
    }

    fn apply(&mut self, op: Op) {
        match op {
            Op::Insert { db, key: k, value, expire_ms } => {
                self.insert(db, &key(k), value, expire_ms);
            }
            Op::Set { db, key: k, value } => {
                let hash = self.keyspace.hash(&key(k));
                let entry = self.keyspace.db_mut(db).get_mut(hash, &key(k));
                let expected = self.model[db].get_mut(&key(k));
                assert_eq!(entry.is_some(), expected.is_some());
                if let (Some(mut entry), Some((string, _))) = (entry, expected) {
                    *string = text(&value);
                    entry.set(value);
                }
            }
            Op::Append { db, key: k, bytes } => self.write_at(db, &key(k), None, &bytes),
            Op::SetRange { db, key: k, offset, bytes } => {
                self.write_at(db, &key(k), Some(offset), &bytes);
            }
            Op::Expire { db, key: k, expire_ms } => {
                let hash = self.keyspace.hash(&key(k));
                let expected = self.model[db].get_mut(&key(k));
                let found = self.keyspace.db_mut(db).set_expire(hash, &key(k), expire_ms);
                assert_eq!(found, expected.is_some());
                if let Some((_, at)) = expected {
                    *at = expire_ms;
                }
            }
            Op::Remove { db, key: k } => self.remove(db, &key(k)),
            Op::InsertMany { db, from, to } => {
                for k in from..to {
                    self.insert(db, &key(k), Value::Int(k.into()), None);
                }
            }
            Op::RemoveMany { db, from, to } => (from..to).for_each(|k| self.remove(db, &key(k))),
            Op::ExpireDue { db, now_ms } => {
                let due: Vec<Vec<u8>> =
                    self.keyspace.db(db).expired(now_ms).map(|e| e.key().to_vec()).collect();
                let is_due = |at: Option<u64>| at.is_some_and(|at| at <= now_ms);
                let expected = self.model[db].iter().filter(|(_, v)| is_due(v.1)).count();
                assert_eq!(due.len(), expected);
                due.iter().for_each(|key| self.remove(db, key));
            }
            Op::Swap { a, b } => {
                self.keyspace.swap(a, b);
                self.model.swap(a, b);
            }
            Op::Flush { db } => {
                drop(self.keyspace.flush(db));
                self.model[db].clear();
            }
            Op::FlushAll => {
                drop(self.keyspace.flush_all());
                self.model.iter_mut().for_each(BTreeMap::clear);
            }
            Op::BeginWalk => self.begin_walk(),
            Op::WalkStep { entries } => self.walk_step(entries),
        }
    }

    fn begin_walk(&mut self) {
        let databases = vec![Content::new(); DATABASES];
        let captured = Arc::new(Mutex::new(Captured { databases, ..Captured::default() }));
        let begun = self.keyspace.begin_walk(Box::new(Sink(Arc::clone(&captured))));
        assert_eq!(begun.is_ok(), self.walk.is_none());
        if begun.is_ok() {
            self.walk = Some((self.model.clone(), captured));
        }
    }

    fn walk_step(&mut self, entries: usize) {
        let done = self.keyspace.walk_step(entries);
        if done && let Some((expected, captured)) = self.walk.take() {
            let captured = captured.lock().unwrap();
            assert!(captured.databases == expected, "the walk's content differs from the cut");
            assert!(captured.is_dropped);
            for (db, content) in expected.iter().enumerate() {
                let expires = content.values().filter(|v| v.1.is_some()).count();
                let announced = captured.announced.get(&db).copied().unwrap_or_default();
                assert_eq!(announced, (content.len(), expires));
            }
            drop(self.keyspace.take_garbage());
        }
        assert_eq!(self.keyspace.is_walking(), self.walk.is_some());
    }

    fn check(&self) {
        for (db, expected) in self.model.iter().enumerate() {
            let db = self.keyspace.db(db);
            assert_eq!(db.len(), expected.len());
            let content: Content = db.iter().map(content_of).collect();
            assert!(content == *expected);
            for (key, (value, _)) in expected {
                let entry = db.get(self.keyspace.hash(key), key).unwrap();
                assert_eq!(&*entry.as_string().unwrap().to_cow(), value);
            }
            let mut due: Vec<u64> = expected.values().filter_map(|v| v.1).collect();
            due.sort_unstable();
            assert_eq!(db.expires_len(), due.len());
            assert_eq!(db.next_expire_ms(), due.first().copied());
            let indexed: Vec<u64> = db.expiring().filter_map(Entry::expire_ms).collect();
            assert_eq!(indexed, due);
            let entry_bytes: usize = db.iter().map(Entry::memory_bytes).sum();
            assert_eq!(db.memory_bytes() - db.overhead_bytes(), entry_bytes);
            assert_eq!(scan_all(db, 100), expected.keys().cloned().collect());
            let random = db.random(&mut fastrand::Rng::with_seed(1));
            assert_eq!(random.is_some(), !expected.is_empty());
        }
    }
}

/// The keys a whole scan sees; panics when it sees one twice.
fn scan_all(db: &Db, count: usize) -> BTreeSet<Vec<u8>> {
    let mut keys = BTreeSet::new();
    let mut cursor = 0;
    loop {
        cursor = db.scan(cursor, count, &mut |entry| {
            assert!(keys.insert(entry.key().to_vec()), "seen twice: {entry:?}");
        });
        assert!(cursor < 1 << 53);
        if cursor == 0 {
            return keys;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, the databases hold what a map would, and a walk captures its cut.
    #[test]
    fn databases_are_maps_and_walks_capture_their_cut(
        seed in any::<u64>(),
        ops in proptest::collection::vec(op(), 1..80),
    ) {
        let mut pair = Pair::new(seed);
        for op in ops {
            pair.apply(op);
        }
        pair.check();
        while pair.walk.is_some() {
            pair.walk_step(700);
        }
        pair.begin_walk();
        pair.apply(Op::InsertMany { db: 0, from: 0, to: 3000 });
        pair.apply(Op::FlushAll);
        while pair.walk.is_some() {
            pair.walk_step(700);
        }
        pair.check();
    }

    /// Walks that were given up leave nothing behind that a later one trips over.
    #[test]
    fn walks_that_were_given_up_do_not_show_in_later_ones(
        seed in any::<u64>(),
        cancelled in proptest::collection::vec((0..30usize, BULK, 0..200u16), 0..40),
    ) {
        let mut pair = Pair::new(seed);
        pair.apply(Op::InsertMany { db: 0, from: 0, to: 2000 });
        for (steps, from, len) in cancelled {
            pair.begin_walk();
            (0..steps).for_each(|_| pair.walk_step(50));
            for k in from..from + len {
                pair.insert(0, &key(k), Value::Int(-1), None);
            }
            pair.keyspace.cancel_walk();
            if let Some((_, captured)) = pair.walk.take() {
                assert!(captured.lock().unwrap().is_dropped);
            }
        }
        pair.begin_walk();
        while pair.walk.is_some() {
            pair.walk_step(1000);
        }
    }

    /// A scan sees what is there all the time exactly once, and everything else at most once.
    #[test]
    fn a_scan_misses_nothing_while_the_table_grows_and_shrinks(
        seed in any::<u64>(),
        stable in 1..2000u16,
        count in 1..300usize,
        changes in proptest::collection::vec((any::<bool>(), 2000..8000u16, 0..2000u16), 0..40),
    ) {
        let mut pair = Pair::new(seed);
        pair.apply(Op::InsertMany { db: 0, from: 0, to: stable });
        pair.apply(Op::InsertMany { db: 0, from: 4000, to: 7000 });
        let mut seen: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        let mut changes = changes.into_iter();
        let mut cursor = 0;
        loop {
            let before: usize = seen.values().sum();
            cursor = pair.keyspace.db(0).scan(cursor, count, &mut |entry| {
                *seen.entry(entry.key().to_vec()).or_default() += 1;
            });
            let returned = seen.values().sum::<usize>() - before;
            prop_assert!(returned >= count || cursor == 0, "{returned} of {count}");
            prop_assert!(returned <= count + 4, "{returned} of {count}");
            if cursor == 0 {
                break;
            }
            if let Some((grow, from, len)) = changes.next() {
                let (db, to) = (0, from + len);
                pair.apply(if grow {
                    Op::InsertMany { db, from, to }
                } else {
                    Op::RemoveMany { db, from, to }
                });
            }
        }
        prop_assert!(seen.values().all(|&times| times == 1));
        for k in 0..stable {
            prop_assert!(seen.contains_key(&key(k)), "missed {k}");
        }
    }

    /// Equal seeds and equal histories give equal orders.
    #[test]
    fn order_follows_from_the_seed(seed in any::<u64>(), len in 0..3000u16) {
        let orders = [(); 2].map(|()| {
            let mut pair = Pair::new(seed);
            pair.apply(Op::InsertMany { db: 0, from: 0, to: len });
            let mut rng = fastrand::Rng::with_seed(7);
            let db = pair.keyspace.db(0);
            let random: Vec<_> =
                (0..20).filter_map(|_| db.random(&mut rng)).map(|e| e.key().to_vec()).collect();
            (db.iter().map(|entry| entry.key().to_vec()).collect::<Vec<_>>(), random)
        });
        prop_assert_eq!(&orders[0], &orders[1]);
    }
}

/// A string that is set from borrowed, owned and numeric forms is the same string.
#[test]
fn a_value_is_the_same_however_it_comes_in() {
    let mut keyspace = Keyspace::new(1, 1);
    let hash = keyspace.hash(b"k");
    let forms: [NewValue<'_>; 3] = [
        ValueRef::from_string(b"1234").into(),
        Value::from_string(b"1234".to_vec()).into(),
        1234.into(),
    ];
    for form in forms {
        keyspace.db_mut(0).insert(hash, b"k", form, None);
        let entry = keyspace.db(0).get(hash, b"k").unwrap();
        assert_eq!((entry.as_string(), entry.encoding()), (Some(ValueRef::Int(1234)), "int"));
    }
}
