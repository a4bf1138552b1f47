//! The snapshot container and the value codec: round trips, damage, hostile bytes.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use vellum::base::alloc::{peak_bytes, reset_peak, used_bytes};
use vellum::base::{Offset, ReplId};
use vellum::keyspace::types::Packing;
use vellum::keyspace::{Keyspace, NewValue, ValueRef};
use vellum::rdb::codec::EncodedEntry;
use vellum::rdb::dump::{push_payload, read_payload};
use vellum::rdb::lzf::{self, Compressor};
use vellum::rdb::reader::{Piece, Reader};
use vellum::rdb::{
    BlockBuilder, Contents, DatabaseSize, Header, LoadedEntry, Progress, RdbError, SnapshotFile,
    SnapshotWriter, StreamPosition, Written,
    background::{self, Writing},
    fill,
};
use vellum::storage::{OpenMode, SimDisk, Storage};

const REDIS_FILES: [&[u8]; 4] = [
    include_bytes!("../fixtures/rdb/redis-7.0-strings.rdb"),
    include_bytes!("../fixtures/rdb/redis-7.0-lru.rdb"),
    include_bytes!("../fixtures/rdb/redis-7.0-lfu.rdb"),
    include_bytes!("../fixtures/rdb/redis-7.0-list.rdb"),
];
/// Far more than the files take, and far less than the lengths that can be stated in them.
const MEMORY_MAX: usize = 64 << 20;

type Key = (u32, Vec<u8>);
type Content = BTreeMap<Key, (Vec<u8>, Option<u64>)>;

fn string() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        prop::collection::vec(b'a'..b'd', 0..400),
        any::<i64>().prop_map(|n| n.to_string().into_bytes()),
        (-70_000i64..70_000).prop_map(|n| n.to_string().into_bytes()),
        (any::<u8>(), 0..20_000usize).prop_map(|(byte, len)| vec![byte; len]),
    ]
}

fn content() -> impl Strategy<Value = Content> {
    let key = (prop_oneof![Just(0u32), 0..16u32, Just(20_000)], string());
    prop::collection::btree_map(key, (string(), prop::option::of(any::<u64>())), 0..40).prop_map(
        |mut content| {
            // An expiry is a signed number in the file; nothing beyond it is ever set.
            content.values_mut().for_each(|(_, expire_ms)| {
                *expire_ms = expire_ms.map(|ms| ms & (i64::MAX as u64));
            });
            content
        },
    )
}

fn header() -> Header {
    Header {
        created_s: Some(1_700_000_000),
        stream: Some(StreamPosition {
            repl_id: ReplId::from_random([7; 20]),
            offset: Offset::new(99),
            db: Some(0),
        }),
        aof_base: true,
        databases: vec![DatabaseSize { db: 0, keys: 2, expires: 1 }],
        ..Header::default()
    }
}

/// Writes `content` in blocks of at most `block_entries` entries; returns the file's bytes.
fn write(content: &Content, block_entries: u64, compress: bool) -> (Written, Vec<u8>) {
    let disk = SimDisk::new(3);
    disk.set_short_io(true);
    let path = Path::new("/snapshot");
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    let mut writer = SnapshotWriter::begin(file, &header(), compress).unwrap();
    let mut block = BlockBuilder::new();
    for ((db, key), (value, expire_ms)) in content {
        block.push(*db, key, ValueRef::from_string(value), *expire_ms);
        if block.entries() >= block_entries {
            writer.write_block(&mut block).unwrap();
            block.clear();
        }
    }
    writer.write_block(&mut block).unwrap();
    let written = writer.finish().unwrap();
    let bytes = disk.map(path).unwrap().bytes().to_vec();
    assert_eq!(written.len, bytes.len() as u64);
    (written, bytes)
}

fn bytes_of(value: NewValue<'_>) -> Vec<u8> {
    match value {
        NewValue::Int(number) => number.to_string().into_bytes(),
        NewValue::Copied(bytes) => bytes.to_vec(),
        NewValue::Moved(bytes) => bytes,
        // Written are strings only; hostile bytes may be anything.
        NewValue::Collection(collection) => collection.as_ref().type_name().into(),
        NewValue::Shared(bytes) => bytes.into_vec(),
    }
}

fn read(bytes: &[u8], threads: usize) -> Result<(Content, Contents), RdbError> {
    let mut content = Content::new();
    let progress = Progress::new();
    let packing = Packing::default();
    let file = SnapshotFile::open(bytes)?;
    let found = file.load(
        threads,
        &progress,
        |entry| LoadedEntry::decode(entry, &packing),
        |batch| {
            for entry in batch {
                let key = (entry.db, entry.key.into_owned());
                content.insert(key, (bytes_of(entry.value), entry.expire_ms));
            }
            ControlFlow::Continue(())
        },
    )?;
    assert_eq!(progress.done_len(), bytes.len() as u64);
    Ok((content, found))
}

/// A small file with two blocks and everything an entry can have.
fn small_file() -> Vec<u8> {
    let content = Content::from([
        ((0, b"a".to_vec()), (b"hello".to_vec(), None)),
        ((0, b"12".to_vec()), (b"-7".to_vec(), Some(1_700_000_000_000))),
        ((3, b"long".to_vec()), (vec![b'x'; 300], None)),
    ]);
    write(&content, 2, true).1
}

#[test]
fn every_flipped_bit_is_found() {
    let good = small_file();
    assert!(read(&good, 1).is_ok());
    for at in 0..good.len() * 8 {
        let mut damaged = good.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        assert!(read(&damaged, 1).is_err(), "bit {at}");
    }
}

#[test]
fn every_cut_and_every_added_byte_is_found() {
    let mut bytes = small_file();
    for len in 0..bytes.len() {
        assert!(read(&bytes[..len], 2).is_err(), "cut to {len}");
    }
    bytes.push(0);
    assert!(read(&bytes, 1).is_err());
}

#[test]
fn a_missing_block_is_found() {
    let bytes = small_file();
    let file = SnapshotFile::open(&bytes).unwrap();
    let block = file.blocks().unwrap().next_block().unwrap().unwrap();
    let start = block.position as usize;
    let without = [&bytes[..start], &bytes[start + block.bytes().len()..]].concat();
    assert!(matches!(read(&without, 1), Err(RdbError::Checksum { what: "the file", .. })));
}

#[test]
fn nothing_of_a_damaged_block_is_decoded() {
    let good = small_file();
    let file = SnapshotFile::open(&good).unwrap();
    let mut blocks = file.blocks().unwrap();
    blocks.next_block().unwrap();
    let second = blocks.next_block().unwrap().unwrap();
    let range = second.position as usize..second.position as usize + second.bytes().len();
    for at in range.start * 8..range.end * 8 {
        let mut damaged = good.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        let file = SnapshotFile::open(&damaged).unwrap();
        let make = |entry: EncodedEntry<'_>| {
            assert_eq!(entry.db, 0, "bit {at}");
            Ok(())
        };
        let result = file.load(1, &Progress::new(), make, |_| ControlFlow::Continue(()));
        assert!(result.is_err(), "bit {at}");
    }
}

#[test]
fn the_receiver_can_stop() {
    let content: Content =
        (0..20_000u32).map(|n| ((0, n.to_be_bytes().to_vec()), (vec![1], None))).collect();
    let bytes = write(&content, 500, false).1;
    let packing = Packing::default();
    for threads in [1, 4] {
        let file = SnapshotFile::open(&bytes).unwrap();
        let mut batches = 0;
        let result = file.load(
            threads,
            &Progress::new(),
            |e| LoadedEntry::decode(e, &packing),
            |_| {
                batches += 1;
                if batches == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        assert!(matches!(result, Err(RdbError::Stopped)), "{result:?}");
        assert_eq!(batches, 3);
    }
}

#[test]
fn a_failed_write_or_sync_is_reported() {
    for fail in [SimDisk::fail_write, SimDisk::fail_sync] {
        let disk = SimDisk::new(1);
        let file = disk.open(Path::new("/s"), OpenMode::CreateNew).unwrap();
        fail(&disk, 0);
        let result = SnapshotWriter::begin(file, &header(), false).and_then(|mut writer| {
            let mut block = BlockBuilder::new();
            block.push(0, b"k", ValueRef::Int(1), None);
            writer.write_block(&mut block)?;
            writer.finish()
        });
        assert!(matches!(result, Err(RdbError::Io(_))), "{result:?}");
    }
}

fn keyspace_of(content: &Content) -> Keyspace {
    let mut keyspace = Keyspace::new(16, 5);
    for ((db, key), (value, expire_ms)) in content {
        let hash = keyspace.hash(key);
        let db = keyspace.db_mut(*db as usize % 16);
        db.insert(hash, key, ValueRef::from_string(value), *expire_ms);
    }
    keyspace
}

fn dump(keyspace: &Keyspace) -> Content {
    let mut content = Content::new();
    for db in 0..16 {
        for entry in keyspace.db(db).iter() {
            let value = entry.as_string().unwrap().to_cow().into_owned();
            content.insert((db as u32, entry.key().to_vec()), (value, entry.expire_ms()));
        }
    }
    content
}

#[test]
fn a_walk_given_up_leaves_no_whole_file() {
    let content: Content =
        (0..100u32).map(|n| ((0, n.to_be_bytes().to_vec()), (vec![1], None))).collect();
    let mut keyspace = keyspace_of(&content);
    let disk: Arc<dyn Storage> = Arc::new(SimDisk::new(1));
    let path = Path::new("/temp.rdb");
    let (sink, task) =
        background::start(Arc::clone(&disk), path, header(), Writing::default()).unwrap();
    keyspace.begin_walk(Box::new(sink)).unwrap();
    keyspace.walk_step(10);
    keyspace.cancel_walk();
    assert!(matches!(task.finish(), Err(RdbError::Stopped)));
    assert!(read(disk.map(path).unwrap().bytes(), 1).is_err());
}

/// Reads `bytes` entry by entry, the short way where there is one, and piece by piece beside it; the
/// number of entries read the short way.
fn read_both_ways(bytes: &[u8]) -> usize {
    let mut by_entry = Reader::new(bytes, 50);
    let mut by_piece = by_entry.clone();
    let mut short = 0;
    while !by_entry.is_at_end() {
        let expected = by_piece.next_piece();
        let found = match by_entry.next_short_entry() {
            Some(entry) => {
                short += 1;
                Ok(Piece::Entry(entry))
            }
            None => by_entry.next_piece(),
        };
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        let Ok(piece) = found else { break };
        assert_eq!(by_entry.position(), by_piece.position());
        if let Piece::Entry(entry) = piece {
            let (checked, decoded) = (
                entry.value.check(),
                entry.value.decode_unless_empty(&Packing::default()).map(drop),
            );
            assert_eq!(format!("{checked:?}"), format!("{decoded:?}"));
        }
    }
    short
}

#[test]
fn short_entries_are_read_the_short_way() {
    let mut block = BlockBuilder::new();
    let texts = [&b""[..], b"12", b"300", b"70000", &[b'x'; 63], &[b'x'; 64], &[b'x'; 16383]];
    for text in texts {
        block.push(0, text, ValueRef::from_string(text), None);
        block.push(0, text, ValueRef::from_string(text), Some(5));
    }
    assert_eq!(read_both_ways(&block.content()[2..]), 2 * texts.len());
    block.clear();
    block.push(0, b"long", ValueRef::Bytes(&[b'x'; 16384]), None);
    assert_eq!(read_both_ways(&block.content()[2..]), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn short_entries_are_read_as_all_others_are(
        content in content(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), 0xf4..=0xffu8, 0xc0..0xc5u8]),
            0..6,
        ),
        len in any::<prop::sample::Index>(),
        noise in prop::collection::vec(prop_oneof![any::<u8>(), Just(0), 0xc0..0xc4u8], 0..100),
    ) {
        let mut block = BlockBuilder::new();
        for ((db, key), (value, expire_ms)) in &content {
            block.push(*db, key, ValueRef::from_string(value), *expire_ms);
        }
        let mut bytes = block.content().to_vec();
        bytes.extend_from_slice(&noise);
        read_both_ways(&bytes);
        read_both_ways(&noise);
        if !bytes.is_empty() {
            changes.iter().for_each(|(index, byte)| *index.get_mut(&mut bytes) = *byte);
            read_both_ways(&bytes);
            read_both_ways(&bytes[..len.index(bytes.len())]);
        }
    }

    #[test]
    fn a_filled_keyspace_is_one_with_the_same_inserts(content in content(), threads in 1..4usize) {
        let content: Content =
            content.into_iter().map(|((db, key), value)| ((db % 16, key), value)).collect();
        let (_, bytes) = write(&content, 3, true);
        let mut filled = Keyspace::new(16, 5);
        let file = SnapshotFile::open(&bytes).unwrap();
        let result = fill(&mut filled, &file, threads, None, &Progress::new()).unwrap();
        prop_assert_eq!(result.contents.entries, content.len() as u64);
        prop_assert_eq!(dump(&filled), content.clone());
        prop_assert_eq!(filled.memory_bytes(), keyspace_of(&content).memory_bytes());
    }

    #[test]
    fn content_round_trips(
        content in content(),
        block_entries in 1..20u64,
        compress: bool,
        threads in 1..4usize,
    ) {
        let (written, bytes) = write(&content, block_entries, compress);
        let (found, contents) = read(&bytes, threads).unwrap();
        prop_assert_eq!(&found, &content);
        prop_assert_eq!(contents.entries, content.len() as u64);
        prop_assert_eq!(contents.blocks, written.blocks);
        let file = SnapshotFile::open(&bytes).unwrap();
        prop_assert_eq!(file.header().stream, header().stream);
        prop_assert_eq!(file.verify(threads, &Progress::new()).unwrap(), contents);
    }

    #[test]
    fn a_walk_writes_the_state_at_its_cut(content in content(), changes in content(), seed: u64) {
        let mut keyspace = keyspace_of(&content);
        let at_cut = dump(&keyspace);
        let disk: Arc<dyn Storage> = Arc::new(SimDisk::new(seed));
        let path = Path::new("/temp.rdb");
        let (sink, task) = background::start(Arc::clone(&disk), path, header(), Writing::default()).unwrap();
        keyspace.begin_walk(Box::new(sink)).unwrap();
        for (index, ((db, key), (value, expire_ms))) in changes.iter().enumerate() {
            let hash = keyspace.hash(key);
            let db = keyspace.db_mut(*db as usize % 16);
            db.insert(hash, key, ValueRef::from_string(value), *expire_ms);
            if index % 3 == 0 {
                keyspace.walk_step(2);
            }
            if index == 20 {
                drop(keyspace.flush(0));
            }
        }
        while !keyspace.walk_step(3) {}
        let written = task.finish().unwrap();
        let mapping = disk.map(path).unwrap();
        let (found, contents) = read(mapping.bytes(), 1).unwrap();
        prop_assert_eq!(&found, &at_cut);
        prop_assert_eq!(contents.entries, written.entries);
        let file = SnapshotFile::open(mapping.bytes()).unwrap();
        let keys: u64 = file.header().databases.iter().map(|size| size.keys).sum();
        prop_assert_eq!(keys, contents.entries);
    }

    #[test]
    fn changed_files_are_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        threads in 1..3usize,
    ) {
        let good = small_file();
        let mut damaged = good.clone();
        for (index, byte) in changes {
            *index.get_mut(&mut damaged) = byte;
        }
        prop_assert!(damaged == good || read(&damaged, threads).is_err());
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        tail in prop::collection::vec(
            prop_oneof![any::<u8>(), 0xf4..=0xffu8, Just(0), Just(0xc3), 0x80..0x83u8],
            0..300,
        ),
        version in 1..14u32,
    ) {
        let mut bytes = format!("REDIS{version:04}").into_bytes();
        bytes.extend_from_slice(&tail);
        // Without a checksum the structure is all that can refuse it.
        bytes.extend_from_slice(&[0xff, 0, 0, 0, 0, 0, 0, 0, 0]);
        let _ = read(&bytes, 2);
        let _ = SnapshotFile::open(&tail);
        let _ = read_payload(&tail, &Packing::default());
    }

    #[test]
    fn changed_files_of_redis_never_panic(
        which in 0..REDIS_FILES.len(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), 0xf4..=0xffu8, 0x80..0xc4u8]),
            1..6,
        ),
        len in any::<prop::sample::Index>(),
    ) {
        let mut bytes = REDIS_FILES[which].to_vec();
        for (index, byte) in changes {
            *index.get_mut(&mut bytes) = byte;
        }
        // Zeros in place of the checksum: it was written without one, so the structure must tell.
        let end = bytes.len() - 8;
        bytes[end..].fill(0);
        reset_peak();
        let before = used_bytes();
        let _ = read(&bytes, 1);
        let _ = read(&bytes[..len.index(bytes.len())], 1);
        let taken = peak_bytes().saturating_sub(before);
        prop_assert!(taken < MEMORY_MAX, "{taken} bytes were taken");
    }

    #[test]
    fn payloads_round_trip_and_damage_is_found(
        text in string(),
        compress: bool,
        bit in any::<prop::sample::Index>(),
    ) {
        let mut payload = Vec::new();
        let mut compressor = Compressor::new();
        let value = ValueRef::from_string(&text);
        push_payload(&mut payload, &value.into(), compress.then_some(&mut compressor));
        prop_assert_eq!(bytes_of(read_payload(&payload, &Packing::default()).unwrap()), text);
        let bit = bit.index(payload.len() * 8);
        payload[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(read_payload(&payload, &Packing::default()).is_err());
    }

    #[test]
    fn lzf_round_trips(texts in prop::collection::vec(string(), 1..10)) {
        let mut compressor = Compressor::new();
        for text in texts {
            if let Some(compressed) = compressor.compress(&text, text.len()) {
                prop_assert!(compressed.len() <= text.len());
                prop_assert_eq!(lzf::decompress(compressed, text.len()), Some(text));
            }
        }
    }

    #[test]
    fn lzf_of_arbitrary_bytes_never_panics(
        input in prop::collection::vec(any::<u8>(), 0..200),
        len in prop_oneof![0..2000usize, Just(usize::MAX)],
    ) {
        let out = lzf::decompress(&input, len);
        prop_assert!(out.is_none_or(|out| out.len() == len));
    }
}
