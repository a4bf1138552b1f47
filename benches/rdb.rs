//! What a snapshot costs: encoding on the executor, writing on its thread, checking, loading.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

use std::hint::black_box;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use vellum::keyspace::{Keyspace, ValueRef};
use vellum::rdb::crc64::crc64;
use vellum::rdb::lzf::{self, Compressor};
use vellum::rdb::{BlockBuilder, Header, Progress, SnapshotFile, SnapshotWriter, fill};
use vellum::storage::{OpenMode, SimDisk, Storage};

const KEYS: u32 = 100_000;
const BLOCK_LEN: usize = 1024 * 1024;

/// Values: 64 bytes of noise, or some 250 bytes of text, which compress.
fn values(kind: &str) -> Vec<Vec<u8>> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut value = || match kind {
        "noise" => std::iter::repeat_with(|| rng.u8(..)).take(64).collect(),
        _ => (0..5)
            .map(|field| format!("{{\"field\":{field},\"name\":\"a name\",\"x\":{}}}", rng.u32(..)))
            .collect::<String>()
            .into_bytes(),
    };
    (0..KEYS).map(|_| value()).collect()
}

fn key(number: u32) -> Vec<u8> {
    format!("key:{number:012}").into_bytes()
}

fn write(values: &[Vec<u8>], compress: bool) -> Vec<u8> {
    let disk = SimDisk::new(1);
    let path = Path::new("/bench.rdb");
    let file = disk.open(path, OpenMode::CreateNew).unwrap();
    let mut writer = SnapshotWriter::begin(file, &Header::default(), compress).unwrap();
    let mut block = BlockBuilder::new();
    for (number, value) in (0..).zip(values) {
        block.push(0, &key(number), ValueRef::Bytes(value), None);
        if block.is_full() {
            writer.write_block(&mut block).unwrap();
            block.clear();
        }
    }
    writer.write_block(&mut block).unwrap();
    writer.finish().unwrap();
    disk.map(path).unwrap().bytes().to_vec()
}

fn checksums(c: &mut Criterion) {
    let mut group = c.benchmark_group("rdb/1MiB");
    let mut rng = fastrand::Rng::with_seed(2);
    let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(BLOCK_LEN).collect();
    group.throughput(Throughput::Bytes(BLOCK_LEN as u64));
    group.bench_function("crc64", |b| b.iter(|| crc64(black_box(&noise))));
    group.bench_function("crc32", |b| b.iter(|| crc32fast::hash(black_box(&noise))));
    let text = b"some words that come again, and some words that do not: ".repeat(BLOCK_LEN / 56);
    let mut compressor = Compressor::new();
    group.bench_function("lzf compress text", |b| {
        b.iter(|| compressor.compress(black_box(&text), text.len()).map(<[u8]>::len));
    });
    group.bench_function("lzf compress noise", |b| {
        b.iter(|| compressor.compress(black_box(&noise), noise.len()).map(<[u8]>::len));
    });
    let compressed = compressor.compress(&text, text.len()).unwrap().to_vec();
    group.bench_function("lzf decompress text", |b| {
        b.iter(|| lzf::decompress(black_box(&compressed), text.len()));
    });
    group.finish();
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("rdb/encode 100k");
    group.throughput(Throughput::Elements(KEYS.into()));
    group.sample_size(20);
    let keys: Vec<_> = (0..KEYS).map(key).collect();
    for name in ["noise", "text"] {
        let values = values(name);
        group.bench_function(format!("executor's part, {name}"), |b| {
            let mut block = BlockBuilder::new();
            b.iter(|| {
                for (key, value) in keys.iter().zip(&values) {
                    block.push(0, key, ValueRef::Bytes(value), None);
                    if block.is_full() {
                        block.clear();
                    }
                }
            });
        });
        for compress in [false, true] {
            let label = if compress { "compressed" } else { "plain" };
            group.bench_function(format!("whole, {name}, {label}"), |b| {
                b.iter(|| write(&values, compress));
            });
        }
    }
    group.finish();
}

fn load(c: &mut Criterion) {
    let mut group = c.benchmark_group("rdb/load 100k");
    group.throughput(Throughput::Elements(KEYS.into()));
    group.sample_size(20);
    for name in ["noise", "text"] {
        let bytes = write(&values(name), true);
        let file = SnapshotFile::open(&bytes).unwrap();
        for threads in [1, 2] {
            group.bench_function(format!("verify, {name}, {threads} threads"), |b| {
                b.iter(|| file.verify(threads, &Progress::new()).unwrap());
            });
            group.bench_function(format!("into a keyspace, {name}, {threads} threads"), |b| {
                b.iter_batched(
                    || Keyspace::new(1, 1),
                    |mut keyspace| {
                        let progress = Progress::new();
                        fill(&mut keyspace, &file, threads, None, &progress).unwrap();
                        keyspace
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, checksums, encode, load);
criterion_main!(benches);
