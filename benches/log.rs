//! Appending to the log and committing it in groups, on the disk that the build is on.
//!
//! A commit is what the executor does at the end of a turn: seal the group, one write, and under
//! `always` one sync. Every measured run is on a new log, so that the disk's use stays bounded.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use vellum::base::{Offset, ReplId};
use vellum::log::{
    FrameBuffer, Head, Identity, Layout, LockFile, LogOptions, Opening, SyncPolicy, TailPolicy,
    Writer, recover,
};
use vellum::resp::encode::push_command;
use vellum::storage::{RealDisk, Storage};

const NOW_MS: u64 = 1_700_000_000_000;
/// Commits of one measured run.
const COMMITS: usize = 64;

fn set(value_len: usize) -> Vec<u8> {
    let mut command = Vec::new();
    push_command(&mut command, &[b"SET", b"key:000000000001", &vec![b'v'; value_len]]);
    command
}

/// A log in a folder of its own, which is removed with it.
struct Log {
    writer: Writer,
    _dir: tempfile::TempDir,
}

impl Log {
    fn new(policy: SyncPolicy) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let layout = Layout::new(dir.path());
        let storage: Arc<dyn Storage> = Arc::new(RealDisk);
        let lock = LockFile::acquire(&*storage, &layout).unwrap();
        let recovery = recover(&*storage, &layout, TailPolicy::Refuse).unwrap();
        let options = LogOptions::default();
        let opening = Opening { storage, layout, options, lock, policy };
        let identity = Identity::new(ReplId::from_random([1; 20]));
        let head = Head { identity, offset: Offset::ZERO, db: 0 };
        Self { writer: opening.durable(&recovery, head, NOW_MS).unwrap(), _dir: dir }
    }

    fn commit(&mut self, command: &[u8], commands: usize, sync: bool) {
        let mut buffer = self.writer.take_spare();
        for _ in 0..commands {
            buffer.push(command, false);
            buffer.boundary();
        }
        buffer.seal(NOW_MS);
        self.writer.write(buffer).unwrap();
        if sync {
            self.writer.sync().unwrap();
        }
    }
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("log/append");
    for value_len in [64, 4096] {
        let command = set(value_len);
        group.throughput(Throughput::Elements(1000));
        group.bench_function(format!("1000 SETs of {value_len} bytes into the head"), |b| {
            let mut head = FrameBuffer::new(Offset::ZERO, 0);
            b.iter(|| {
                head.reset(Offset::ZERO, 0);
                for _ in 0..1000 {
                    head.push(black_box(&command), false);
                    head.boundary();
                }
                head.len()
            });
        });
    }
    group.finish();
}

fn commit(c: &mut Criterion) {
    let mut group = c.benchmark_group("log/commit");
    group.sample_size(10).warm_up_time(Duration::from_millis(500));
    group.measurement_time(Duration::from_secs(2));
    for (policy, sync) in [(SyncPolicy::No, false), (SyncPolicy::Always, true)] {
        for (value_len, commands) in [(64, 1), (64, 16), (64, 256), (4096, 16)] {
            let command = set(value_len);
            group.throughput(Throughput::Elements((COMMITS * commands) as u64));
            let name =
                format!("{policy:?}, {COMMITS} groups of {commands} SETs of {value_len} bytes");
            group.bench_function(name, |b| {
                b.iter_batched(
                    || Log::new(policy),
                    |mut log| {
                        for _ in 0..COMMITS {
                            log.commit(&command, commands, sync);
                        }
                        log
                    },
                    BatchSize::PerIteration,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, append, commit);
criterion_main!(benches);
