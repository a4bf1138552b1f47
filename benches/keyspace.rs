//! The keyspace alone: lookups and inserts with a million keys, the memory a key takes, the longest
//! single insert while a database grows, and the cost of a step of SCAN and of the snapshot walk; the
//! table of elements of large values beside a plain hash map.
//! The figures of memory and the longest insert are printed where no filter is given.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use foldhash::quality::FixedState;
use hashbrown::HashMap;
use vellum::keyspace::types::table::{MemberTable, Slot};
use vellum::keyspace::{Entry, KeyHasher, Keyspace, ValueRef, WalkSink};

const KEYS: u64 = 1_000_000;
const BATCH: usize = 64;

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

fn insert(keyspace: &mut Keyspace, number: u64, value: &[u8]) {
    let mut key = [0; 16];
    let key = write_key(&mut key, number);
    let hash = keyspace.hash(key);
    keyspace.db_mut(0).insert(hash, key, ValueRef::Bytes(value), None);
}

fn filled(keys: u64, value: &[u8]) -> Keyspace {
    let mut keyspace = Keyspace::new(1, 42);
    (0..keys).for_each(|number| insert(&mut keyspace, number, value));
    keyspace
}

/// Resident memory of this process, in bytes; 0 where the system does not say.
fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = statm.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    pages * 4096
}

/// Processor time this thread has used: a wall clock would also show what other processes do.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Databases of these sizes (keys, length of values) are filled, each in a process of its own.
const FIGURES: [(u64, usize); 5] =
    [(1_000_000, 64), (5_000_000, 64), (7_000_000, 64), (10_000_000, 64), (10_000_000, 3)];

/// Has a process print the figures for each size: what one leaves in the allocator would be missing
/// in the next one's resident memory.
fn print_all_figures() {
    println!(
        "keys      value  counted B/key  resident B/key  longest insert  99.9999 %  inserts/s"
    );
    let Ok(program) = std::env::current_exe() else { return };
    for (keys, value_len) in FIGURES {
        let sizes = [keys.to_string(), value_len.to_string()];
        let status = std::process::Command::new(&program).arg("figures").args(sizes).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

/// Prints bytes a key and the longest single inserts (in processor time) while a database grows.
fn print_figures(keys: u64, value_len: usize) {
    let value = vec![b'v'; value_len];
    let before = resident_bytes();
    let mut keyspace = Keyspace::new(1, 42);
    let mut longest = Vec::new();
    let mut last = thread_time();
    for number in 0..keys {
        insert(&mut keyspace, number, &value);
        let now = thread_time();
        if now - last > Duration::from_micros(5) {
            longest.push(now - last);
        }
        last = now;
    }
    let per_key = |bytes: usize| bytes as f64 / keys as f64;
    let counted = per_key(keyspace.memory_bytes());
    let resident = per_key(resident_bytes().saturating_sub(before));
    longest.sort_unstable_by_key(|time| std::cmp::Reverse(*time));
    let at = |index: usize| {
        let time = longest.get(index).copied().unwrap_or_default();
        format!("{time:.1?}")
    };
    let (max, rest) = (at(0), at((keys / 1_000_000) as usize));
    println!("{keys:<9} {value_len:<6} {counted:<14.1} {resident:<15.1} {max:<15} {rest}");
}

fn lookups(c: &mut Criterion) {
    let mut keyspace = filled(KEYS, &[b'v'; 64]);
    let mut group = c.benchmark_group("keyspace");
    let mut rng = fastrand::Rng::with_seed(1);
    let mut numbers = [0; BATCH];
    let mut draw = move || {
        numbers.iter_mut().for_each(|number| *number = rng.u64(..KEYS));
        numbers
    };
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function("get, one by one", |b| {
        b.iter_batched(
            &mut draw,
            |numbers| {
                for number in numbers {
                    let mut key = [0; 16];
                    let key = write_key(&mut key, number);
                    let entry = keyspace.db(0).get(keyspace.hash(key), key);
                    black_box(entry.map(|entry| entry.value().len()));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("get, prefetched in batches of 64", |b| {
        b.iter_batched(
            &mut draw,
            |numbers| {
                let mut keys = [[0; 16]; BATCH];
                let mut hashes = [0; BATCH];
                for ((key, hash), number) in keys.iter_mut().zip(&mut hashes).zip(numbers) {
                    *hash = keyspace.hash(write_key(key, number));
                    keyspace.db(0).prefetch_bucket(*hash);
                }
                hashes.iter().for_each(|&hash| keyspace.db(0).prefetch_entry(hash));
                for (key, &hash) in keys.iter().zip(&hashes) {
                    let entry = keyspace.db(0).get(hash, key);
                    black_box(entry.map(|entry| entry.value().len()));
                }
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("set over, one by one", |b| {
        b.iter_batched(
            &mut draw,
            |numbers| numbers.iter().for_each(|&n| insert(&mut keyspace, n, &[b'w'; 64])),
            BatchSize::SmallInput,
        );
    });
    group.throughput(Throughput::Elements(10));
    group.bench_function("scan, count 10", |b| {
        let mut cursor = 0;
        b.iter(|| {
            cursor = keyspace.db(0).scan(cursor, 10, &mut |entry| {
                black_box(entry.key());
            });
        });
    });
    group.finish();
}

fn inserts(c: &mut Criterion) {
    let mut group = c.benchmark_group("keyspace");
    group.sample_size(10).throughput(Throughput::Elements(KEYS));
    group.bench_function("insert a million keys", |b| {
        b.iter_with_large_drop(|| filled(KEYS, &[b'v'; 64]));
    });
    group.finish();
}

struct Count(u64);

impl WalkSink for Count {
    fn database(&mut self, _: usize, _: usize, _: usize) {}

    fn entry(&mut self, _: usize, entry: &Entry) {
        self.0 += black_box(entry.value().len()) as u64;
    }
}

fn walk(c: &mut Criterion) {
    let mut keyspace = filled(KEYS, &[b'v'; 64]);
    let mut group = c.benchmark_group("keyspace");
    group.sample_size(10).throughput(Throughput::Elements(KEYS));
    group.bench_function("walk a million keys in steps of 64", |b| {
        b.iter(|| {
            let begun = keyspace.begin_walk(Box::new(Count(0)));
            while begun.is_ok() && !keyspace.walk_step(64) {}
        });
    });
    group.finish();
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
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [name, keys, value_len] = &args[..]
        && let ("figures", Ok(keys), Ok(value_len)) =
            (name.as_str(), keys.parse(), value_len.parse())
    {
        return print_figures(keys, value_len);
    }
    if args == ["--bench"] {
        print_all_figures();
    }
    let mut criterion = Criterion::default().configure_from_args();
    lookups(&mut criterion);
    inserts(&mut criterion);
    walk(&mut criterion);
    members(&mut criterion, 1000);
    members(&mut criterion, KEYS);
    clones(&mut criterion);
    criterion.final_summary();
}
