//! Files of the data directory: replaying the log, writing a snapshot and loading one.

use std::path::Path;
use std::sync::Arc;

use vellum::base::{ManualClock, Offset, ReplId};
use vellum::command::Settings;
use vellum::engine::Engine;
use vellum::engine::recover::{LoadProgress, load};
use vellum::keyspace::{Keyspace, ValueRef};
use vellum::log::{
    Head, Identity, Layout, LockFile, LogOptions, Opening, SyncPolicy, TailPolicy, recover,
};
use vellum::rdb::{BlockBuilder, Header, Progress, SnapshotFile, SnapshotWriter, fill};
use vellum::resp::encode::push_command;
use vellum::storage::{OpenMode, Storage};

use crate::commands::{NOW_MS, VALUE, key};
use crate::unwritten::UnwrittenDisk;

/// Entries of the shorter run: whole frames, and several blocks of a snapshot.
pub const ENTRIES: usize = 32_000;
/// Commands in a frame: what a turn of a busy server appends.
const FRAME_COMMANDS: usize = 50;

/// What is done to a file; its unit is an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileWork {
    Replay,
    Encode,
    Write,
    WriteCompressed,
    Load,
}

impl FileWork {
    pub const ALL: [Self; 5] =
        [Self::Replay, Self::Encode, Self::Write, Self::WriteCompressed, Self::Load];

    pub fn name(self) -> &'static str {
        match self {
            Self::Replay => "recovery: a SET in a frame of 50",
            Self::Encode => "snapshot: encode an entry (the executor's part)",
            Self::Write => "snapshot: encode and write an entry",
            Self::WriteCompressed => "snapshot: encode, compress and write an entry",
            Self::Load => "snapshot: verify and load an entry",
        }
    }
}

/// Does it with `units` entries.
pub fn run(work: FileWork, units: usize) {
    match work {
        FileWork::Replay => replay(units),
        FileWork::Encode => encode(units),
        FileWork::Write => write(units, false),
        FileWork::WriteCompressed => write(units, true),
        FileWork::Load => load_snapshot(units),
    }
}

/// What a start does about a log of `units` SETs.
fn replay(units: usize) {
    let disk = UnwrittenDisk::new();
    // Both logs are written by either run: it cancels out.
    let logs = [ENTRIES, 2 * ENTRIES].map(|entries| (entries, write_log(&disk, entries)));
    let (_, layout) = logs.iter().find(|(entries, _)| *entries == units).unwrap();
    let clock = Arc::new(ManualClock::at_ms(NOW_MS));
    let mut engine = Engine::new(Keyspace::new(16, 1), Settings::default(), clock, 1);
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let mut recovery = recover(&disk, layout, TailPolicy::Refuse).unwrap();
    let progress = LoadProgress::default();
    load(&mut engine, &storage, layout, &mut recovery, 1, &progress).unwrap();
    assert_eq!(engine.keyspace.len(), units);
}

/// A data directory with a log of so many SETs, each of another key.
fn write_log(disk: &UnwrittenDisk, entries: usize) -> Layout {
    let layout = Layout::new(format!("log-of-{entries}"));
    let lock = LockFile::acquire(disk, &layout).unwrap();
    let recovery = recover(disk, &layout, TailPolicy::Refuse).unwrap();
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let options = LogOptions { fill_len_first: 0, ..LogOptions::default() };
    let policy = SyncPolicy::No;
    let opening = Opening { storage, layout: layout.clone(), options, lock, policy };
    let identity = Identity::new(ReplId::from_random([1; 20]));
    let head = Head { identity, offset: Offset::ZERO, db: 0 };
    let mut writer = opening.durable(&recovery, head, NOW_MS).unwrap();
    let mut command = Vec::new();
    for first in (0..entries).step_by(FRAME_COMMANDS) {
        let mut frames = writer.take_spare();
        for number in first..first + FRAME_COMMANDS {
            command.clear();
            push_command(&mut command, &[b"SET", &key(number), &VALUE]);
            frames.push(&command, false);
            frames.boundary();
        }
        frames.seal(NOW_MS);
        writer.write(frames).unwrap();
    }
    writer.close_clean().unwrap();
    layout
}

/// Keys and values for the longer run: values of noise, which do not compress.
fn entries() -> Vec<(Vec<u8>, [u8; 64])> {
    let mut rng = fastrand::Rng::with_seed(1);
    (0..2 * ENTRIES).map(|number| (key(number), std::array::from_fn(|_| rng.u8(..)))).collect()
}

/// Encodes them into blocks that nobody writes.
fn encode(units: usize) {
    let entries = entries();
    let mut block = BlockBuilder::new();
    for (key, value) in &entries[..units] {
        block.push(0, key, ValueRef::Bytes(value), None);
        if block.is_full() {
            block.clear();
        }
    }
}

fn write(units: usize, compress: bool) {
    let entries = entries();
    let disk = UnwrittenDisk::new();
    disk.forget_writes();
    write_snapshot(&disk, Path::new("/dump.rdb"), &entries[..units], compress);
}

fn write_snapshot(
    disk: &UnwrittenDisk,
    path: &Path,
    entries: &[(Vec<u8>, [u8; 64])],
    compress: bool,
) {
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    let mut writer = SnapshotWriter::begin(file, &Header::default(), compress).unwrap();
    let mut block = BlockBuilder::new();
    for (key, value) in entries {
        block.push(0, key, ValueRef::Bytes(value), None);
        if block.is_full() {
            writer.write_block(&mut block).unwrap();
            block.clear();
        }
    }
    writer.write_block(&mut block).unwrap();
    assert_eq!(writer.finish().unwrap().entries, entries.len() as u64);
}

/// What a start does about a snapshot of `units` entries, on one thread.
fn load_snapshot(units: usize) {
    let (disk, entries) = (UnwrittenDisk::new(), entries());
    // Both snapshots are written by either run: it cancels out.
    for len in [ENTRIES, 2 * ENTRIES] {
        write_snapshot(&disk, Path::new(&format!("/dump-{len}.rdb")), &entries[..len], false);
    }
    let mapping = disk.map(Path::new(&format!("/dump-{units}.rdb"))).unwrap();
    let mut keyspace = Keyspace::new(16, 1);
    let file = SnapshotFile::open(mapping.bytes()).unwrap();
    fill(&mut keyspace, &file, 1, None, &Progress::new()).unwrap();
    assert_eq!(keyspace.len(), units);
}
