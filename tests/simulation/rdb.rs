//! Snapshots when the power fails while they are written, and when the disk refuses.

use std::path::Path;
use std::sync::Arc;

use vellum::keyspace::{Keyspace, ValueRef};
use vellum::rdb::digest::Digest;
use vellum::rdb::{
    Header, Progress, RdbError, SnapshotFile, Written,
    background::{self, Writing},
    fill,
};
use vellum::storage::{SimDisk, Storage};

const PATH: &str = "/temp.rdb";

/// Enough for some blocks.
fn filled_keyspace() -> Keyspace {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut keyspace = Keyspace::new(16, 1);
    for number in 0..30u32 {
        let key = number.to_be_bytes();
        let value: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(90_000).collect();
        let hash = keyspace.hash(&key);
        let db = keyspace.db_mut(rng.usize(0..16));
        db.insert(hash, &key, ValueRef::Bytes(&value), None);
    }
    keyspace
}

fn snapshot(keyspace: &mut Keyspace, disk: &SimDisk) -> Result<Written, RdbError> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let (sink, task) =
        background::start(storage, Path::new(PATH), Header::default(), Writing::default())?;
    keyspace.begin_walk(Box::new(sink)).unwrap();
    while !keyspace.walk_step(5) {}
    task.finish()
}

fn digest_of_file(disk: &SimDisk) -> Result<Digest, RdbError> {
    let mapping = disk.map(Path::new(PATH))?;
    let mut keyspace = Keyspace::new(16, 2);
    let file = SnapshotFile::open(mapping.bytes())?;
    fill(&mut keyspace, &file, 1, None, &Progress::new())?;
    Ok(Digest::of_keyspace(&keyspace))
}

#[test]
fn a_power_cut_leaves_a_whole_snapshot_or_one_that_is_refused() {
    let mut keyspace = filled_keyspace();
    let digest = Digest::of_keyspace(&keyspace);
    let disk = SimDisk::new(0);
    snapshot(&mut keyspace, &disk).unwrap();
    let calls_max = disk.calls() + 2;
    let (mut finished, mut refused) = (0, 0);
    for seed in 0..60 {
        let disk = SimDisk::new(seed);
        disk.stop_after(seed % calls_max);
        let result = snapshot(&mut keyspace, &disk);
        let name_is_durable = !disk.is_stopped() && disk.sync_dir(Path::new("/")).is_ok();
        disk.power_cut();
        let found = digest_of_file(&disk);
        match found {
            Ok(found) => assert_eq!(found, digest, "seed {seed}"),
            Err(_) => {
                assert!(result.is_err() || !name_is_durable, "seed {seed}");
                refused += 1;
            }
        }
        finished += u32::from(result.is_ok());
    }
    assert!(finished > 0 && refused > 0, "{finished} finished, {refused} refused");
}

#[test]
fn a_full_disk_or_a_failed_sync_fails_the_snapshot() {
    let mut keyspace = filled_keyspace();
    for round in 0..6 {
        let disk = SimDisk::new(round);
        match round % 3 {
            0 => disk.set_capacity(Some(1_500_000)),
            1 => disk.fail_sync(0),
            _ => disk.fail_write(2),
        }
        let result = snapshot(&mut keyspace, &disk);
        assert!(matches!(result, Err(RdbError::Io(_))), "round {round}: {result:?}");
        assert!(!keyspace.is_walking());
    }
}
