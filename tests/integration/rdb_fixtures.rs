//! RDB files that redis-server made: see tests/fixtures/rdb/README.md.

use std::ops::ControlFlow;

use vellum::keyspace::Keyspace;
use vellum::keyspace::types::Packing;
use vellum::rdb::digest::Digest;
use vellum::rdb::{Contents, LoadedEntry, Progress, RdbError, SnapshotFile, fill};

const STRINGS: &[u8] = include_bytes!("../fixtures/rdb/redis-7.0-strings.rdb");
const LRU: &[u8] = include_bytes!("../fixtures/rdb/redis-7.0-lru.rdb");
const LFU: &[u8] = include_bytes!("../fixtures/rdb/redis-7.0-lfu.rdb");
const LIST: &[u8] = include_bytes!("../fixtures/rdb/redis-7.0-list.rdb");

const STRINGS_DIGEST: &str = "94a7a19147f69102c1e641946382f7b5d6ffc206";

fn load(bytes: &[u8], threads: usize) -> Result<(Keyspace, Contents), RdbError> {
    let mut keyspace = Keyspace::new(16, 7);
    let progress = Progress::new();
    let file = SnapshotFile::open(bytes)?;
    let contents = fill(&mut keyspace, &file, threads, None, &progress)?.contents;
    assert_eq!(progress.done_len(), bytes.len() as u64);
    Ok((keyspace, contents))
}

#[test]
fn strings_of_redis_have_the_digest_redis_gave_them() -> Result<(), RdbError> {
    for threads in [1, 2] {
        let (keyspace, contents) = load(STRINGS, threads)?;
        assert_eq!(Digest::of_keyspace(&keyspace).to_string(), STRINGS_DIGEST);
        let len = STRINGS.len() as u64;
        let expected =
            Contents { len, entries: 14, blocks: 0, functions: 1, modules: 0, is_checked: true };
        assert_eq!(contents, expected);
    }
    let file = SnapshotFile::open(STRINGS)?;
    assert_eq!((file.version(), file.has_blocks()), (10, false));
    let header = file.header();
    assert_eq!(header.redis_version.as_deref(), Some("7.0.15"));
    assert!(header.created_s.is_some() && header.used_memory_bytes.is_some());
    assert!(header.stream.is_none() && !header.aof_base);
    Ok(())
}

#[test]
fn idle_times_and_frequencies_are_read() -> Result<(), RdbError> {
    let mut found = Vec::new();
    let packing = Packing::default();
    for bytes in [LRU, LFU] {
        let file = SnapshotFile::open(bytes)?;
        file.load(
            1,
            &Progress::new(),
            |entry| LoadedEntry::decode(entry, &packing),
            |batch| {
                found.extend(batch.iter().map(|e| (e.idle_s.is_some(), e.frequency.is_some())));
                ControlFlow::Continue(())
            },
        )?;
    }
    assert_eq!(found, [(true, false), (true, false), (false, true), (false, true)]);
    Ok(())
}

#[test]
fn a_list_of_redis_is_loaded() -> Result<(), RdbError> {
    let (keyspace, contents) = load(LIST, 2)?;
    assert_eq!(contents.entries, 2);
    let entry = keyspace.db(0).get(keyspace.hash(b"mylist"), b"mylist");
    assert_eq!(entry.map(|entry| entry.type_name()), Some("list"));
    Ok(())
}

#[test]
fn a_type_not_supported_is_named_before_anything_is_loaded() {
    let module = b"REDIS0010\x00\x01a\x01b\x07\x03mod\x00\xff\0\0\0\0\0\0\0\0";
    let result = load(module, 2);
    let Err(RdbError::UnsupportedType { position, key, type_name }) = result else {
        panic!("{result:?}")
    };
    assert_eq!((key.as_str(), type_name), ("mod", "module value"));
    assert_eq!(module[position as usize], 7);
}

#[test]
fn every_flipped_bit_of_a_redis_file_is_found() {
    for at in 0..STRINGS.len() * 8 {
        let mut damaged = STRINGS.to_vec();
        damaged[at / 8] ^= 1 << (at % 8);
        let result = SnapshotFile::open(&damaged).and_then(|file| file.verify(1, &Progress::new()));
        assert!(result.is_err(), "bit {at}: {result:?}");
    }
}

#[test]
fn a_file_without_checksum_says_so() -> Result<(), RdbError> {
    let mut bytes = STRINGS.to_vec();
    let end = bytes.len() - 8;
    bytes[end..].fill(0);
    let contents = SnapshotFile::open(&bytes)?.verify(1, &Progress::new())?;
    assert!(!contents.is_checked);
    Ok(())
}

#[test]
fn what_follows_a_redis_file_is_left_to_the_caller() -> Result<(), RdbError> {
    let bytes = [STRINGS, b"*1\r\n$4\r\nPING\r\n"].concat();
    let contents = SnapshotFile::open(&bytes)?.verify(2, &Progress::new())?;
    assert_eq!((contents.len, contents.is_checked), (STRINGS.len() as u64, true));
    Ok(())
}
