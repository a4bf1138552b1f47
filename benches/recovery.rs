//! A start: finding out what there is, reading and verifying it, and applying it to the keyspace.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vellum::base::{Offset, ReplId, SystemClock};
use vellum::command::Settings;
use vellum::engine::Engine;
use vellum::engine::recover::{LoadProgress, load};
use vellum::keyspace::{Keyspace, ValueRef};
use vellum::log::{
    Head, Identity, Layout, LockFile, LogOptions, Opening, Record, Recovery, Replay, SyncPolicy,
    TailPolicy, recover,
};
use vellum::rdb::{BlockBuilder, Header, SnapshotWriter};
use vellum::resp::encode::push_command;
use vellum::storage::{OpenMode, RealDisk, Storage};

const KEYS: u32 = 200_000;
/// Commands in a frame: what a turn of a busy server appends.
const FRAME_COMMANDS: u32 = 50;
const VALUE: [u8; 64] = [b'v'; 64];
const NOW_MS: u64 = 1_700_000_000_000;

fn key(number: u32) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

fn storage() -> Arc<dyn Storage> {
    Arc::new(RealDisk)
}

/// A data directory with a log of one SET for every key.
fn write_log(dir: &Path) -> Layout {
    let (storage, layout) = (storage(), Layout::new(dir));
    let lock = LockFile::acquire(&*storage, &layout).unwrap();
    let recovery = recover(&*storage, &layout, TailPolicy::Refuse).unwrap();
    let (options, policy) = (LogOptions::default(), SyncPolicy::No);
    let opening = Opening { storage, layout: layout.clone(), options, lock, policy };
    let identity = Identity::new(ReplId::from_random([1; 20]));
    let head = Head { identity, offset: Offset::ZERO, db: 0 };
    let mut writer = opening.durable(&recovery, head, NOW_MS).unwrap();
    let mut command = Vec::new();
    for first in (0..KEYS).step_by(FRAME_COMMANDS as usize) {
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

/// A data directory with a snapshot of the same keys.
fn write_snapshot(dir: &Path) -> Layout {
    let layout = Layout::new(dir);
    let file = RealDisk.open(&layout.dump(), OpenMode::CreateNew).unwrap();
    let mut writer = SnapshotWriter::begin(file, &Header::default(), true).unwrap();
    let mut block = BlockBuilder::new();
    for number in 0..KEYS {
        block.push(0, &key(number), ValueRef::Bytes(&VALUE), None);
        if block.is_full() {
            writer.write_block(&mut block).unwrap();
            block.clear();
        }
    }
    writer.write_block(&mut block).unwrap();
    writer.finish().unwrap();
    layout
}

fn look(layout: &Layout) -> Recovery {
    recover(&RealDisk, layout, TailPolicy::Refuse).unwrap()
}

/// Everything a start does before it serves; returns the number of keys.
fn start(layout: &Layout, threads: usize) -> usize {
    let keyspace = Keyspace::new(16, 1);
    let mut engine = Engine::new(keyspace, Settings::default(), Arc::new(SystemClock::new()), 1);
    let progress = LoadProgress::default();
    load(&mut engine, &storage(), layout, &mut look(layout), threads, &progress).unwrap();
    engine.keyspace.len()
}

fn log(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let layout = write_log(dir.path());
    assert_eq!(start(&layout, 1), KEYS as usize);
    let mut group = c.benchmark_group("recovery/log of 200k SETs");
    group.sample_size(10).throughput(Throughput::Elements(KEYS.into()));
    group.bench_function("recover: manifest, headers, the end of the log", |b| {
        b.iter(|| black_box(look(&layout)));
    });
    group.bench_function("recover, read and verify", |b| {
        b.iter(|| {
            let mut replay = Replay::new(storage(), &layout, &look(&layout));
            let mut bytes = 0;
            while let Some(record) = replay.next_record().unwrap() {
                if let Record::Frame(frame) = record {
                    bytes += frame.payload.len();
                }
            }
            bytes
        });
    });
    group.bench_function("recover, read, verify and apply", |b| b.iter(|| start(&layout, 1)));
    group.finish();
}

fn snapshot(c: &mut Criterion) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let layout = write_snapshot(dir.path());
    assert_eq!(start(&layout, 1), KEYS as usize);
    let mut group = c.benchmark_group("recovery/snapshot of 200k keys");
    group.sample_size(10).throughput(Throughput::Elements(KEYS.into()));
    for threads in [1, 2] {
        group.bench_function(format!("verify, decode and fill, {threads} threads"), |b| {
            b.iter(|| start(&layout, threads));
        });
    }
    group.finish();
}

criterion_group!(benches, log, snapshot);
criterion_main!(benches);
