//! The table of elements of large values beside a plain hash map, and its clones.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput};
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use vellum::keyspace::KeyHasher;
use vellum::keyspace::types::table::{MemberTable, Slot};

const KEYS: u64 = 1_000_000;

/// Writes a key as redis-benchmark names them: 16 bytes.
fn write_key(out: &mut [u8; 16], number: u64) -> &[u8] {
    *out = *b"key:000000000000";
    let mut rest = number;
    for digit in out[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out
}

/// An element of a set: nothing but its name.
#[derive(Clone)]
struct Member(Box<[u8]>);

impl Member {
    fn numbered(number: u64) -> Self {
        Self(write_key(&mut [0; 16], number).into())
    }
}

impl Slot for Member {
    fn hash(&self, hasher: &KeyHasher) -> u64 {
        hasher.hash(&self.0)
    }

    fn heap_bytes(&self) -> usize {
        self.0.len() + 8
    }
}

fn add(table: &mut MemberTable<Member>, number: u64) {
    let member = Member::numbered(number);
    let hash = member.hash(table.hasher());
    if table.get(hash, |other| other.0 == member.0).is_none() {
        table.insert_new(hash, member);
    }
}

fn remove(table: &mut MemberTable<Member>, name: &[u8]) -> Option<Member> {
    let hash = table.hasher().hash(name);
    table.remove(hash, |member| *member.0 == *name)
}

fn filled_members(members: u64) -> MemberTable<Member> {
    let mut table = MemberTable::new(KeyHasher::new(42));
    (0..members).for_each(|number| add(&mut table, number));
    table
}

type Map = HashMap<Box<[u8]>, (), FixedState>;

fn filled_map(members: u64) -> Map {
    let mut map = Map::with_hasher(FixedState::with_seed(42));
    map.extend((0..members).map(|number| (Member::numbered(number).0, ())));
    map
}

/// Lookups, and elements taken out and put in again, of a table and a map of as many elements.
fn members(c: &mut Criterion, members: u64) {
    let mut group = c.benchmark_group(format!("members, {members}"));
    group.throughput(Throughput::Elements(1));
    let mut rng = fastrand::Rng::with_seed(1);
    group.bench_function("get, table", |b| {
        let table = filled_members(members);
        b.iter(|| {
            let mut key = [0; 16];
            let name = write_key(&mut key, rng.u64(..members));
            table.get(table.hasher().hash(name), |member| *member.0 == *name).is_some()
        });
    });
    group.bench_function("get, map", |b| {
        let map = filled_map(members);
        b.iter(|| map.contains_key(write_key(&mut [0; 16], rng.u64(..members))));
    });
    group.bench_function("remove and insert, table", |b| {
        let mut table = filled_members(members);
        b.iter(|| {
            let number = rng.u64(..members);
            let removed = remove(&mut table, write_key(&mut [0; 16], number));
            add(&mut table, number);
            removed
        });
    });
    group.bench_function("remove and insert, map", |b| {
        let mut map = filled_map(members);
        b.iter(|| {
            let number = rng.u64(..members);
            let removed = map.remove(write_key(&mut [0; 16], number));
            map.insert(Member::numbered(number).0, ());
            removed
        });
    });
    group.bench_function("random", |b| {
        let table = filled_members(members);
        b.iter(|| table.random(&mut rng).is_some());
    });
    group.bench_function("scan, count 10", |b| {
        let (table, mut cursor) = (filled_members(members), 0);
        b.iter(|| {
            cursor = table.scan(cursor, 10, &mut |member| {
                black_box(&member.0);
            });
        });
    });
    group.sample_size(10).throughput(Throughput::Elements(members));
    group.bench_function("insert all, table", |b| {
        b.iter_with_large_drop(|| filled_members(members));
    });
    group.bench_function("insert all, map", |b| b.iter_with_large_drop(|| filled_map(members)));
    group.finish();
}

/// Clones of large tables, and a change to what a clone shares.
fn clones(c: &mut Criterion) {
    let mut group = c.benchmark_group("members");
    group.sample_size(10);
    for members in [KEYS, 10 * KEYS] {
        group.bench_function(format!("clone, {members}"), |b| {
            let table = filled_members(members);
            b.iter_with_large_drop(|| table.clone());
        });
    }
    group.bench_function("first change to a shared segment", |b| {
        let table = filled_members(KEYS);
        let hash = Member::numbered(7).hash(table.hasher());
        let is_it = |member: &Member| member.0 == Member::numbered(7).0;
        b.iter_batched_ref(
            || table.clone(),
            |clone| clone.update(hash, is_it, |member| member.0[0] = black_box(b'k')),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    members(&mut criterion, 1000);
    members(&mut criterion, KEYS);
    clones(&mut criterion);
    criterion.final_summary();
}
