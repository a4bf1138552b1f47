//! Fills an empty keyspace with many entries at once, on several threads.
//!
//! First each thread makes entries and divides them by the first bits of their hashes ([`Sorter`]);
//! then the tables are built part by part by whichever thread is free ([`Build`]), with nothing but
//! one segment and its entries' pointers in the processor's cache; then the keyspace takes them over
//! ([`Keyspace::adopt`](super::Keyspace::adopt)). It holds what inserting them all would have given.
//!
//! Meanwhile an entry takes 16 bytes more: its hash and a pointer, in slabs so large that the allocator
//! gives them back to the system afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::db::Access;
use super::entry::Entry;
use super::hash::KeyHasher;
use super::table::{Hashed, Segment, Twice, depth_max, divide, push_segments};
use super::value::NewValue;

/// Bits of the hash by which a sorter divides, at most: so many runs stay in the processor's cache.
const PART_BITS_MAX: u32 = 9;
/// About how many entries a part should have.
const PART_LEN: u64 = 8 * 1024;
/// Entries of one part that go to a slab together.
const RUN_LEN: usize = 64;
/// Entries in a slab: the least, and the most. The system's allocator maps blocks of 32 MiB by
/// themselves whatever came before; what is not used of one costs nothing.
const SLAB_LEN_MIN: usize = 1024;
const SLAB_LEN_MAX: usize = 2 * 1024 * 1024 + 4096;

/// What all threads have to know to make entries.
#[derive(Debug)]
pub struct Bulk {
    hasher: KeyHasher,
    access: Access,
    epoch: u8,
    /// About how many keys each database will get.
    sizes: Vec<u64>,
}

/// The same key was added twice to a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DuplicateKey {
    /// The database.
    pub db: usize,
    /// The key.
    pub key: Box<[u8]>,
}

impl Bulk {
    /// `sizes` says about how many keys each database will get: a wrong number costs time only.
    pub(super) fn new(hasher: KeyHasher, access: Access, epoch: u8, sizes: Vec<u64>) -> Self {
        Self { hasher, access, epoch, sizes }
    }

    /// For one thread to add entries to.
    pub fn sorter(&self) -> Sorter<'_> {
        Sorter { bulk: self, databases: self.sizes.iter().map(|_| None).collect() }
    }

    fn part_bits(&self, db: usize) -> u32 {
        (self.sizes[db] / PART_LEN).checked_ilog2().map_or(0, |bits| (bits + 1).min(PART_BITS_MAX))
    }
}

/// The entries that one thread has made.
#[derive(Debug)]
pub struct Sorter<'b> {
    bulk: &'b Bulk,
    databases: Vec<Option<Box<Sorted>>>,
}

/// Entries of one database, by the first bits of their hashes.
#[derive(Debug)]
struct Sorted {
    bits: u32,
    /// For each part the entries that are not in a slab yet.
    runs: Vec<Vec<Hashed>>,
    slabs: Vec<Slab>,
    entry_bytes: usize,
    expiring: Vec<(u64, u64)>,
}

/// Runs of entries, one behind the other. It never grows beyond what it was made for.
#[derive(Debug)]
struct Slab {
    entries: Vec<Hashed>,
    /// The part each run belongs to, and its length.
    runs: Vec<(u16, u16)>,
}

const _: () = assert!(PART_BITS_MAX <= u16::BITS && RUN_LEN <= SLAB_LEN_MIN);

impl Slab {
    fn new(len: usize) -> Self {
        Self { entries: Vec::with_capacity(len), runs: Vec::new() }
    }

    fn has_room(&self) -> bool {
        self.entries.capacity() - self.entries.len() >= RUN_LEN
    }
}

impl Sorter<'_> {
    /// Adds a key to database `db`, which the caller knows to exist.
    #[inline]
    pub fn add(&mut self, db: usize, key: &[u8], value: NewValue<'_>, expire_ms: Option<u64>) {
        let bulk = self.bulk;
        let hash = bulk.hasher.hash(key);
        let mut entry = Entry::new(hash, key, value, expire_ms);
        entry.set_access(bulk.access.word);
        entry.set_epoch(bulk.epoch);
        let sorted = self.databases[db].get_or_insert_with(|| {
            let slab_len = (bulk.sizes[db] as usize).clamp(SLAB_LEN_MIN, SLAB_LEN_MAX);
            Box::new(Sorted::new(bulk.part_bits(db), slab_len))
        });
        sorted.add(hash, entry);
    }
}

impl Sorted {
    fn new(bits: u32, slab_len: usize) -> Self {
        Self {
            bits,
            runs: (0..1 << bits).map(|_| Vec::new()).collect(),
            slabs: vec![Slab::new(slab_len)],
            entry_bytes: 0,
            expiring: Vec::new(),
        }
    }

    fn add(&mut self, hash: u64, entry: Entry) {
        self.entry_bytes += entry.memory_bytes();
        if let Some(expire_ms) = entry.expire_ms() {
            self.expiring.push((expire_ms, hash));
        }
        // In two steps, because a shift by 64 is none.
        let part = ((hash >> 1) >> (63 - self.bits)) as usize;
        let run = &mut self.runs[part];
        run.push(Hashed { hash, entry: Some(entry) });
        if run.len() >= RUN_LEN {
            self.store(part);
        }
    }

    /// Moves the run of `part` to a slab.
    fn store(&mut self, part: usize) {
        let run = &mut self.runs[part];
        if self.slabs.last().is_none_or(|slab| !slab.has_room()) {
            let len = self.slabs.last().map_or(SLAB_LEN_MIN, |slab| 2 * slab.entries.capacity());
            self.slabs.push(Slab::new(len.min(SLAB_LEN_MAX)));
        }
        if let Some(slab) = self.slabs.last_mut() {
            slab.runs.push((part as u16, run.len() as u16));
            slab.entries.append(run);
        }
    }
}

/// Tables being built from what sorters hold.
#[derive(Debug)]
pub struct Build<'s> {
    databases: Vec<Loose>,
    tasks: Vec<Task<'s>>,
    next: AtomicUsize,
}

/// What there is of a database beside its tables: segments are not for all threads to see.
#[derive(Debug, Default)]
struct Loose {
    entry_bytes: usize,
    expiring: Vec<(u64, u64)>,
}

/// Hashes with one prefix to be made into segments.
#[derive(Debug)]
struct Task<'s> {
    db: usize,
    depth: u32,
    depth_max: u32,
    work: Mutex<Work<'s>>,
}

#[derive(Debug)]
enum Work<'s> {
    ToDo(Vec<&'s mut [Hashed]>),
    Done(Result<Vec<Segment>, Twice>),
}

/// A database as it has been built.
#[derive(Debug, Default)]
pub(super) struct Built {
    pub segments: Vec<Segment>,
    pub entry_bytes: usize,
    pub expiring: Vec<(u64, u64)>,
}

/// All databases as they have been built, for [`Keyspace::adopt`](super::Keyspace::adopt).
#[derive(Debug)]
pub struct Filling(pub(super) Vec<Built>);

impl<'s> Build<'s> {
    /// Of everything that these sorters hold, which are of one [`Bulk`].
    pub fn new<'b: 's>(sorters: impl IntoIterator<Item = &'s mut Sorter<'b>>) -> Self {
        let mut build =
            Self { databases: Vec::new(), tasks: Vec::new(), next: AtomicUsize::new(0) };
        let mut by_database: Vec<Vec<&mut Sorted>> = Vec::new();
        for sorter in sorters {
            by_database.resize_with(sorter.databases.len(), Vec::new);
            for (of, sorted) in by_database.iter_mut().zip(&mut sorter.databases) {
                of.extend(sorted.as_deref_mut());
            }
        }
        for (db, sorted) in by_database.into_iter().enumerate() {
            build.add_database(db, sorted);
        }
        build
    }

    fn add_database(&mut self, db: usize, all: Vec<&'s mut Sorted>) {
        let mut loose = Loose::default();
        let parts = all.first().map_or(0, |sorted| sorted.runs.len());
        let mut runs: Vec<Vec<&mut [Hashed]>> = (0..parts).map(|_| Vec::new()).collect();
        for sorted in all {
            loose.entry_bytes += sorted.entry_bytes;
            loose.expiring.append(&mut sorted.expiring);
            for Slab { entries, runs: lens } in &mut sorted.slabs {
                let mut rest = &mut entries[..];
                for (part, len) in lens {
                    let run = rest.split_off_mut(..usize::from(*len)).unwrap_or_default();
                    runs[usize::from(*part)].push(run);
                }
            }
            for (runs, last) in runs.iter_mut().zip(&mut sorted.runs) {
                runs.push(last);
            }
        }
        let lens: Vec<usize> =
            runs.iter().map(|runs| runs.iter().map(|run| run.len()).sum()).collect();
        let len = lens.iter().sum();
        self.databases.push(loose);
        if len == 0 {
            return;
        }
        let depth_max = depth_max(len);
        divide(&lens, 0, depth_max, &mut |range, depth| {
            let runs = runs[range].iter_mut().flat_map(std::mem::take).collect();
            self.tasks.push(Task { db, depth, depth_max, work: Mutex::new(Work::ToDo(runs)) });
        });
    }

    /// Builds until nothing is left to do. Any number of threads may do so at once.
    pub fn run(&self) {
        while let Some(task) = self.tasks.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let mut work = task.work.lock().unwrap_or_else(PoisonError::into_inner);
            let Work::ToDo(runs) = &mut *work else { continue };
            let len = runs.iter().map(|run| run.len()).sum();
            let entries = runs.iter_mut().flat_map(|run| run.iter_mut());
            let mut segments = Vec::new();
            let result = push_segments(&mut segments, entries, len, task.depth, task.depth_max);
            if result.is_err() {
                self.next.store(self.tasks.len(), Ordering::Relaxed);
            }
            *work = Work::Done(result.map(|()| segments));
        }
    }

    /// What was built, after [`Build::run`] has returned on all threads.
    pub fn finish(self) -> Result<Filling, DuplicateKey> {
        let loose = self.databases.into_iter();
        let mut built: Vec<Built> = loose
            .map(|Loose { entry_bytes, expiring }| Built {
                segments: Vec::new(),
                entry_bytes,
                expiring,
            })
            .collect();
        let mut is_whole = true;
        for Task { db, work, .. } in self.tasks {
            match work.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Work::Done(Ok(mut segments)) => built[db].segments.append(&mut segments),
                Work::Done(Err(Twice(key))) => return Err(DuplicateKey { db, key }),
                Work::ToDo(_) => is_whole = false,
            }
        }
        assert!(is_whole, "everything is built before it is used");
        Ok(Filling(built))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::Keyspace;
    use super::*;

    type Content = BTreeMap<(usize, Vec<u8>), (Option<Vec<u8>>, Option<u64>, u32)>;

    fn content(keyspace: &Keyspace) -> Content {
        let of_db = |db: usize| {
            keyspace.db(db).iter().map(move |entry| {
                let value = entry.as_string().map(|s| s.to_cow().into_owned());
                ((db, entry.key().to_vec()), (value, entry.expire_ms(), entry.access()))
            })
        };
        (0..keyspace.databases()).flat_map(of_db).collect()
    }

    /// Keyspaces with these keys, made one by one and at once; some of them expire.
    fn both_ways(keys: &[(usize, Vec<u8>)], sizes: [u64; 2]) -> [Keyspace; 2] {
        let keyspace = || {
            let mut keyspace = Keyspace::new(2, 7);
            keyspace.set_access(99, false);
            keyspace
        };
        let (mut inserted, mut built) = (keyspace(), keyspace());
        let bulk = built.bulk([(0, sizes[0]), (1, sizes[1]), (2, 5)]);
        let mut sorters = [bulk.sorter(), bulk.sorter(), bulk.sorter()];
        for (index, (db, key)) in keys.iter().enumerate() {
            let expire_ms = (index % 3 == 0).then_some(index as u64 / 2);
            let hash = inserted.hash(key);
            inserted.db_mut(*db).insert(hash, key, index as i64, expire_ms);
            sorters[index % 3].add(*db, key, (index as i64).into(), expire_ms);
        }
        let build = Build::new(&mut sorters);
        std::thread::scope(|scope| {
            scope.spawn(|| build.run());
            build.run();
        });
        let filling = build.finish();
        drop(sorters);
        built.adopt(filling.unwrap());
        [inserted, built]
    }

    fn assert_same(inserted: &Keyspace, built: &Keyspace) {
        assert!(content(inserted) == content(built), "{} and {}", inserted.len(), built.len());
        assert_eq!(built.memory_bytes(), inserted.memory_bytes());
        for db in 0..2 {
            let (inserted, built) = (inserted.db(db), built.db(db));
            assert_eq!(built.len(), inserted.len());
            assert_eq!(built.expires_len(), inserted.expires_len());
            let times = |db: &super::super::Db| -> Vec<_> {
                db.expiring().map(|entry| (entry.expire_ms(), entry.key().to_vec())).collect()
            };
            assert_eq!(times(built), times(inserted));
        }
    }

    #[test]
    fn what_is_built_is_what_inserts_would_have_made() {
        for (len, sizes) in [
            (0, [0, 0]),
            (1, [0, 1]),
            (896, [896, 0]),
            (897, [100_000, 0]),
            (5000, [0, 0]),
            (90_000, [u64::MAX, 2]),
        ] {
            let keys: Vec<_> =
                (0..len).map(|n: u32| (n as usize % 20 / 19, n.to_string().into_bytes())).collect();
            let [mut inserted, mut built] = both_ways(&keys, sizes);
            assert_same(&inserted, &built);
            for (db, key) in &keys[..keys.len() * 9 / 10] {
                for keyspace in [&mut inserted, &mut built] {
                    let hash = keyspace.hash(key);
                    assert!(keyspace.db_mut(*db).remove(hash, key));
                }
            }
            assert_same(&inserted, &built);
        }
    }

    #[test]
    fn colliding_keys_make_no_large_directory() {
        let colliding = KeyHasher::new(7).colliding_keys().take(3000);
        let others = (0..5000_u32).map(|n| n.to_string().into_bytes());
        let keys: Vec<_> = colliding.chain(others).map(|key| (0, key)).collect();
        let [inserted, built] = both_ways(&keys, [8000, 0]);
        assert!(content(&inserted) == content(&built));
        assert!(built.memory_bytes() <= inserted.memory_bytes() * 11 / 10);
    }

    #[test]
    fn a_key_that_comes_twice_is_named() {
        let keyspace = Keyspace::new(2, 7);
        let bulk = keyspace.bulk([]);
        let mut sorters = [bulk.sorter(), bulk.sorter()];
        for n in 0..3000_i64 {
            sorters[0].add(1, n.to_string().as_bytes(), n.into(), None);
        }
        sorters[1].add(0, b"2999", 1.into(), None);
        sorters[1].add(1, b"2999", 1.into(), None);
        let build = Build::new(&mut sorters);
        build.run();
        let key = b"2999"[..].into();
        assert_eq!(build.finish().err(), Some(DuplicateKey { db: 1, key }));
    }
}
