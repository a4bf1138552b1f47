//! Random lives of a log on a disk that fails: what was acknowledged is read back exactly.
//!
//! A model keeps every unit that was handed to the writer. After each death the next start must find
//! a prefix of it, in order, no unit in half, and at least as long as what was known durable (after a
//! kill: as what was written).

use std::collections::VecDeque;
use std::path::Path;

use vellum::base::Offset;
use vellum::log::{LogError, SegmentInfo, SyncTask, Writer};

use crate::log_rig::{Applied, Rig, Started, id, set, switch_base};

/// Seeds a run tries; the first failing one is named.
const SEEDS: u64 = 2000;
const LIVES: usize = 4;
const SNAPSHOT: &str = "data/snapshot.tmp";

#[derive(Clone, Debug)]
struct Unit {
    local: bool,
    bytes: Vec<u8>,
    end: Offset,
}

struct Life {
    rig: Rig,
    rng: fastrand::Rng,
    units: Vec<Unit>,
    /// Units known durable.
    durable: usize,
    /// Units known written.
    written: usize,
    next_number: u64,
    cut: Option<(SegmentInfo, usize)>,
    tasks: VecDeque<(SyncTask, usize)>,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    lost: usize,
    mended: usize,
    switched: usize,
    rotated: usize,
    followed: usize,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut rig = Rig::new(seed);
        rig.options.segment_len_max = 16 * 1024;
        rig.options.fill_len_first = if seed.is_multiple_of(3) { 0 } else { 4096 };
        rig.options.archive_len_max = 40 * 1024;
        rig.disk.set_short_io(seed.is_multiple_of(16));
        let rng = fastrand::Rng::with_seed(seed ^ 0x5eed);
        Self {
            rig,
            rng,
            units: Vec::new(),
            durable: 0,
            written: 0,
            next_number: 0,
            cut: None,
            tasks: VecDeque::new(),
            counts: Counts::default(),
        }
    }

    fn live(&mut self) {
        for life in 0..LIVES {
            if self.rng.u8(..4) == 0 {
                // The start itself dies, perhaps twice.
                self.rig.disk.stop_after(self.rng.u64(..30));
                self.rig.start().ok();
                self.die();
            }
            let mut started = self.rig.start().unwrap_or_else(|e| panic!("life {life}: {e}"));
            self.check(&started);
            if self.rng.u8(..4) == 0 {
                self.rig.disk.stop_after(self.rng.u64(..120));
            }
            for _ in 0..self.rng.usize(5..60) {
                self.act(&mut started.writer);
            }
            if self.rng.u8(..3) == 0 && started.writer.close_clean().is_ok() {
                self.durable = self.units.len();
            }
            drop(started);
            self.die();
        }
        let started = self.rig.start().unwrap();
        self.check(&started);
    }

    /// Ends the process, or the machine.
    fn die(&mut self) {
        self.tasks.clear();
        self.cut = None;
        if self.rng.bool() {
            self.rig.disk.power_cut();
            self.written = self.durable;
        } else {
            self.rig.disk.kill();
        }
        self.rig.disk.set_capacity(None);
    }

    /// What the start replayed, on top of its snapshot, is a prefix of the model.
    fn check(&mut self, started: &Started) {
        let from = match &started.recovery.base {
            Some(base) => {
                let text = String::from_utf8(self.rig.bytes(&base.path)).unwrap();
                text.strip_prefix("REDIS0010 ").unwrap().parse().unwrap()
            }
            None => 0,
        };
        let kept = from + count_units(&self.units[from..], &started.applied);
        assert!(kept >= self.durable, "kept {kept} of {} durable", self.durable);
        assert!(kept >= self.written, "kept {kept} of {} written", self.written);
        self.counts.lost += self.units.len() - kept;
        self.units.truncate(kept);
        (self.durable, self.written) = (kept, kept);
        let end = self.units.last().map_or(Offset::ZERO, |unit| unit.end);
        assert_eq!(started.writer.end(), end);
        assert_eq!(started.writer.durable(), end);
    }

    fn act(&mut self, writer: &mut Writer) {
        match self.rng.u8(..40) {
            0..=15 => self.write(writer),
            16..=23 => self.sync(writer),
            24..=26 => {
                let written = self.written;
                self.tasks.extend(writer.sync_task().map(|task| (task, written)));
            }
            27..=29 => self.finish_task(writer),
            30 => self.rig.disk.fail_sync(self.rng.u64(..4)),
            31 => self.rig.disk.fail_write(self.rng.u64(..4)),
            32 => self.rig.disk.fill_up_to(self.rng.u64(..20_000)),
            33..=34 => drop(writer.preparer().step()),
            35 => self.rotate(writer),
            36 => self.switch(writer),
            37 => self.follow(writer),
            _ => self.mend(writer),
        }
        if writer.needs_rotation() {
            self.rotate(writer);
        }
        assert!(writer.durable() <= writer.written() && writer.written() <= writer.end());
    }

    fn write(&mut self, writer: &mut Writer) {
        let mut buffer = writer.take_spare();
        for _ in 0..self.rng.usize(1..4) {
            let local = self.rng.u8(..8) == 0;
            let len = if self.rng.u8(..8) == 0 { 6000 } else { self.rng.usize(..200) };
            let bytes = set(self.next_number, len);
            self.next_number += 1;
            // A unit may take several pushes.
            let (head, rest) = bytes.split_at(self.rng.usize(..bytes.len()));
            buffer.push(head, local);
            buffer.push(rest, local);
            buffer.boundary();
            self.units.push(Unit { local, bytes, end: buffer.end() });
        }
        buffer.seal(self.rig.now_ms);
        if writer.write(buffer).is_ok() {
            self.written = self.units.len();
        }
    }

    fn sync(&mut self, writer: &mut Writer) {
        if let Ok(durable) = writer.sync() {
            assert_eq!(durable, writer.end());
            self.durable = self.units.len();
        }
    }

    fn finish_task(&mut self, writer: &mut Writer) {
        let Some((task, written)) = self.tasks.pop_front() else { return };
        let failed = writer.failure().is_some();
        if writer.synced(task.run()).is_ok() && !failed && writer.failure().is_none() {
            self.durable = self.durable.max(written);
        }
    }

    fn rotate(&mut self, writer: &mut Writer) {
        let renew = self.rng.u8(..4) == 0;
        let rotated = if renew {
            let identity = writer.identity().succeeded_by(id(self.rng.u8(..)), writer.end());
            let renewed = writer.renew(identity, self.rig.now_ms);
            renewed.map(|()| writer.segment().unwrap().clone())
        } else {
            writer.rotate(self.rig.now_ms)
        };
        if let Ok(info) = rotated {
            self.counts.rotated += 1;
            assert_eq!(info.start, writer.end());
            self.durable = self.units.len();
            if self.cut.is_none() {
                self.cut = Some((info, self.units.len()));
            }
        }
    }

    fn switch(&mut self, writer: &mut Writer) {
        let Some((cut, count)) = self.cut.take() else { return };
        let text = format!("REDIS0010 {count}");
        let path = Path::new(SNAPSHOT);
        let disk = &self.rig.disk;
        if vellum::storage::crashsafe::replace(disk, path, text.as_bytes()).is_err() {
            return;
        }
        match switch_base(writer, path, &cut, self.rig.now_ms) {
            Ok(_) => self.counts.switched += 1,
            Err(LogError::Io { .. } | LogError::Latched { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads the stream back beside the writer, from anywhere a replica could ask for.
    fn follow(&mut self, writer: &mut Writer) {
        let (first, limit) = (writer.backlog_start(), writer.durable());
        let from = Offset::new(self.rng.u64(first.get()..=limit.get()));
        assert!(writer.can_serve(writer.identity().replid, from));
        let Ok(mut reader) = writer.reader(from) else {
            assert!(self.rig.disk.is_stopped());
            return;
        };
        let mut found = Vec::new();
        loop {
            match reader.next_frame(limit) {
                Ok(Some(frame)) if frame.local => {}
                Ok(Some(frame)) => {
                    assert_eq!(frame.offset.get(), from.get() + found.len() as u64);
                    found.extend_from_slice(frame.payload);
                }
                Ok(None) => break,
                Err(error) => panic!("from {from} to {limit}: {error}"),
            }
        }
        let stream = self.units.iter().filter(|unit| !unit.local);
        let stream: Vec<u8> = stream.flat_map(|unit| unit.bytes.iter().copied()).collect();
        assert_eq!(found, stream[from.get() as usize..limit.get() as usize]);
        self.counts.followed += 1;
    }

    fn mend(&mut self, writer: &mut Writer) {
        let failed = writer.failure().is_some();
        if failed {
            // From here to the end of the mending, only what is durable is promised.
            self.written = self.durable;
        }
        if self.rng.bool() {
            self.rig.disk.set_capacity(None);
        }
        if writer.mend(self.rig.now_ms).is_ok() && failed {
            self.counts.mended += 1;
            assert_eq!(writer.durable(), writer.end());
            (self.durable, self.written) = (self.units.len(), self.units.len());
        }
    }
}

/// How many of `units` the replayed frames hold: in order, none in half.
fn count_units(units: &[Unit], frames: &[Applied]) -> usize {
    let mut count = 0;
    for (local, payload) in frames {
        let mut rest = &payload[..];
        while !rest.is_empty() {
            let unit = units.get(count).unwrap_or_else(|| panic!("more than {count} units"));
            assert_eq!(unit.local, *local, "unit {count}");
            rest = rest.strip_prefix(&unit.bytes[..]).unwrap_or_else(|| panic!("unit {count}"));
            count += 1;
        }
    }
    count
}

#[test]
fn what_was_acknowledged_is_read_back_whatever_the_disk_does() {
    let mut total = Counts::default();
    for seed in 0..SEEDS {
        let mut life = Life::new(seed);
        let lived = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| life.live()));
        if let Err(panic) = lived {
            eprintln!("seed {seed} failed");
            std::panic::resume_unwind(panic);
        }
        total.lost += life.counts.lost;
        total.mended += life.counts.mended;
        total.switched += life.counts.switched;
        total.rotated += life.counts.rotated;
        total.followed += life.counts.followed;
    }
    // The canary: a run in which nothing ever went wrong would prove nothing.
    assert!(total.lost > 1000 && total.mended > 500 && total.switched > 100, "{total:?}");
    assert!(total.rotated > 1000 && total.followed > 1000, "{total:?}");
}

/// Every place that a later frame vouches for, in any segment, and everything after a clean stop.
#[test]
fn a_flipped_bit_in_what_was_durable_is_found() {
    for seed in 0..300 {
        let mut life = Life::new(seed);
        let mut started = life.rig.start().unwrap();
        for _ in 0..30 {
            life.write(&mut started.writer);
            life.sync(&mut started.writer);
            if started.writer.needs_rotation() {
                life.rotate(&mut started.writer);
            }
        }
        let clean = seed % 2 == 0;
        if clean {
            started.writer.close_clean().unwrap();
        }
        let count = started.writer.segments().len();
        let segments: Vec<SegmentInfo> = started.writer.segments().cloned().collect();
        drop(started);
        life.die();
        for (index, segment) in segments.iter().enumerate() {
            let bytes = life.rig.bytes(&segment.path);
            let last = index + 1 == count && !clean;
            let end = if last { vouched_len(&bytes) } else { bytes.len() };
            if end == 0 {
                continue;
            }
            for _ in 0..8 {
                let bit = life.rng.u64(..end as u64 * 8);
                life.rig.disk.flip_bit(&segment.path, bit).unwrap();
                let found = life.rig.look();
                assert!(found.is_err(), "seed {seed}: bit {bit} of {}", segment.path.display());
                life.rig.disk.flip_bit(&segment.path, bit).unwrap();
            }
        }
        assert!(life.rig.look().is_ok());
    }
}

/// What the last frame of a segment states as durable: its second field, eight bytes in hexadecimal,
/// little-endian.
fn vouched_len(bytes: &[u8]) -> usize {
    let last = bytes.windows(3).rposition(|w| w.starts_with(b"#V") && w[2] != b'E');
    let Some(at) = last else { return 0 };
    let digits = std::str::from_utf8(&bytes[at + 18..at + 34]).unwrap();
    u64::from_str_radix(digits, 16).unwrap().swap_bytes() as usize
}
