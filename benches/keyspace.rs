//! The keyspace alone: lookups and inserts with a million keys, the memory a key takes, the longest
//! single insert while a database grows, the cost of a step of SCAN and of the snapshot walk, and the
//! tree that large values are made of.
//! The figures of memory and the longest insert are printed where no filter is given.

use std::hint::black_box;
use std::ops::Range;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput};
use vellum::keyspace::types::tree::{Leaf, SplitAt, Tree};
use vellum::keyspace::{Entry, Keyspace, ValueRef, WalkSink};

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
                    black_box(entry.and_then(|entry| entry.as_string()).map(|s| s.len()));
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
                    black_box(entry.and_then(|entry| entry.as_string()).map(|s| s.len()));
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
        self.0 += black_box(entry.as_string().map_or(0, |s| s.len())) as u64;
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

const ITEMS_MAX: usize = 128;

/// A leaf of numbers in order: the cost of the tree itself.
#[derive(Clone)]
struct Numbers(Vec<u64>);

impl Leaf for Numbers {
    type Key = u64;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * 8
    }

    fn separator(_: &Self, after: &Self) -> u64 {
        after.0[0]
    }

    fn is_oversized(&self) -> bool {
        self.len() > ITEMS_MAX
    }

    fn is_undersized(&self) -> bool {
        self.len() < ITEMS_MAX / 4
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

/// A million even numbers, put in one by one behind each other.
fn filled_tree() -> Tree<Numbers> {
    let mut tree = Tree::new();
    tree.push_leaf_back(Numbers(vec![0]));
    for number in 1..KEYS {
        tree.update_at(tree.len(), |leaf, at| leaf.0.insert(at, number * 2));
    }
    tree
}

fn find_in_tree(tree: &Tree<Numbers>, number: u64) -> Option<usize> {
    let (leaf, before) = tree.seek(|key| key.cmp(&number))?;
    Some(before + leaf.0.partition_point(|item| *item < number))
}

/// Changes that leave the tree as large as it was, and what does not change it.
fn tree(c: &mut Criterion) {
    let mut tree = filled_tree();
    println!("tree: {} levels above the leaves", tree.height());
    let mut rng = fastrand::Rng::with_seed(1);
    let mut group = c.benchmark_group("keyspace, tree of a million");
    group.bench_function("find by position", |b| {
        b.iter(|| tree.at(rng.usize(..tree.len())).map(|(leaf, at)| leaf.0[at]));
    });
    group.bench_function("find by key, with rank", |b| {
        b.iter(|| find_in_tree(&tree, rng.u64(..KEYS * 2)));
    });
    group.bench_function("change by position", |b| {
        b.iter(|| tree.update_at(rng.usize(..tree.len()), |leaf, at| black_box(leaf.0[at])));
    });
    group.bench_function("insert and remove by key", |b| {
        b.iter(|| {
            let number = rng.u64(..KEYS) * 2 + 1;
            for is_insert in [true, false] {
                tree.update_seek(
                    |key| key.cmp(&number),
                    |leaf, _| {
                        let at = leaf.0.partition_point(|item| *item < number);
                        if is_insert {
                            leaf.0.insert(at, number);
                        } else {
                            leaf.0.remove(at);
                        }
                    },
                );
            }
        });
    });
    group.bench_function("change a clone, path and leaf copied", |b| {
        b.iter(|| {
            let mut clone = tree.clone();
            clone.update_at(rng.usize(..tree.len()), |leaf, at| black_box(leaf.0[at]))
        });
    });
    group.bench_function("push at the back, pop at the front", |b| {
        b.iter(|| {
            tree.update_at(tree.len(), |leaf, at| leaf.0.insert(at, KEYS * 4));
            tree.update_at(0, |leaf, _| leaf.0.remove(0))
        });
    });
    group.bench_function("push at the front, pop at the back", |b| {
        b.iter(|| {
            tree.update_at(0, |leaf, at| leaf.0.insert(at, 0));
            tree.update_at(tree.len() - 1, |leaf, at| leaf.0.remove(at))
        });
    });
    group.sample_size(10).throughput(Throughput::Elements(KEYS));
    group.bench_function("push a million at the back", |b| {
        b.iter_with_large_drop(filled_tree);
    });
    group.bench_function("go through all leaves", |b| {
        b.iter(|| tree.leaves_from(0).map(|(leaf, _)| leaf.len()).sum::<usize>());
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
    tree(&mut criterion);
    criterion.final_summary();
}
