//! Snapshots and payloads, to and from a real redis-server.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use vellum::base::{Offset, ReplId};
use vellum::keyspace::types::Packing;
use vellum::keyspace::{Keyspace, NewValue, ValueRef};
use vellum::rdb::digest::Digest;
use vellum::rdb::dump::{push_payload, read_payload};
use vellum::rdb::lzf::Compressor;
use vellum::rdb::{
    Header, Progress, SnapshotFile, StreamPosition,
    background::{self, Writing},
    fill,
};
use vellum::storage::{RealDisk, Storage};

use crate::redis_server::{Answer, RedisServer};

const YEAR_2100_MS: u64 = 4_102_444_800_000;

fn random_string(rng: &mut fastrand::Rng) -> Vec<u8> {
    let len_max = if rng.u8(..) == 0 { 50_000 } else { 80 };
    let len = rng.usize(0..len_max);
    match rng.u8(0..4) {
        0 => rng.i64(..).to_string().into_bytes(),
        1 => rng.i32(-70_000..70_000).to_string().into_bytes(),
        2 => std::iter::repeat_with(|| b'a' + rng.u8(0..3)).take(len).collect(),
        _ => std::iter::repeat_with(|| rng.u8(..)).take(len).collect(),
    }
}

fn filled_keyspace(keys: usize) -> Keyspace {
    let mut rng = fastrand::Rng::with_seed(11);
    let mut keyspace = Keyspace::new(16, 2);
    for _ in 0..keys {
        let (key, value) = (random_string(&mut rng), random_string(&mut rng));
        let expire_ms = rng.bool().then(|| YEAR_2100_MS + rng.u64(0..1_000_000));
        let hash = keyspace.hash(&key);
        let db = keyspace.db_mut([0, 0, 3, 15][rng.usize(0..4)]);
        db.insert(hash, &key, ValueRef::from_string(&value), expire_ms);
    }
    keyspace
}

fn save(keyspace: &mut Keyspace, path: &Path, compress: bool) {
    let disk: Arc<dyn Storage> = Arc::new(RealDisk);
    let header = Header {
        created_s: Some(1_700_000_000),
        used_memory_bytes: Some(1 << 20),
        stream: Some(StreamPosition {
            repl_id: ReplId::from_random([0x5a; 20]),
            offset: Offset::new(1 << 40),
            db: Some(3),
        }),
        aof_base: true,
        ..Header::default()
    };
    let (sink, task) =
        background::start(disk, path, header, Writing { compress, ..Writing::default() }).unwrap();
    keyspace.begin_walk(Box::new(sink)).unwrap();
    while !keyspace.walk_step(100) {}
    task.finish().unwrap();
}

fn load(path: &Path) -> Keyspace {
    let mapping = RealDisk.map(path).unwrap();
    let mut keyspace = Keyspace::new(16, 9);
    let file = SnapshotFile::open(mapping.bytes()).unwrap();
    fill(&mut keyspace, &file, 2, None, &Progress::new()).unwrap();
    keyspace
}

#[test]
fn redis_checks_loads_and_saves_a_snapshot() {
    for compress in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dump.rdb");
        let mut keyspace = filled_keyspace(20_000);
        let digest = Digest::of_keyspace(&keyspace).to_string();
        save(&mut keyspace, &path, compress);
        let check = Command::new("redis-check-rdb").arg(&path).output().unwrap();
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
        assert_eq!(Digest::of_keyspace(&load(&path)).to_string(), digest);

        let mut redis = RedisServer::start(dir.path());
        assert_eq!(redis.digest(), digest);
        redis.ok(&[b"SAVE"]);
        drop(redis);
        let file = std::fs::read(&path).unwrap();
        assert!(!SnapshotFile::open(&file).unwrap().has_blocks());
        assert_eq!(Digest::of_keyspace(&load(&path)).to_string(), digest);
    }
}

#[test]
fn payloads_go_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = RedisServer::start(dir.path());
    let mut rng = fastrand::Rng::with_seed(4);
    let mut compressor = Compressor::new();
    for _ in 0..500 {
        let text = random_string(&mut rng);
        redis.ok(&[b"SET", b"theirs", &text]);
        let Answer::Bulk(Some(theirs)) = redis.call(&[b"DUMP", b"theirs"]) else {
            panic!("no payload")
        };
        let read = match read_payload(&theirs, &Packing::default()).unwrap() {
            NewValue::Int(number) => number.to_string().into_bytes(),
            NewValue::Copied(bytes) => bytes.to_vec(),
            NewValue::Moved(bytes) => bytes,
            NewValue::Collection(_) => panic!("a string was asked for"),
            NewValue::Shared(bytes) => bytes.into_vec(),
        };
        assert_eq!(read, text);

        let mut ours = Vec::new();
        push_payload(&mut ours, &ValueRef::from_string(&text).into(), Some(&mut compressor));
        redis.ok(&[b"RESTORE", b"ours", b"0", &ours, b"REPLACE"]);
        assert_eq!(redis.call(&[b"GET", b"ours"]), Answer::Bulk(Some(text.clone())));
        // Redis compresses what is longer than this.
        if text.len() <= 20 {
            assert_eq!(ours, theirs);
        }
    }
}
