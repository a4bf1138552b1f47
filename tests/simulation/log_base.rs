//! Snapshots under the log, the archive, the backlog of the cache mode, and readers over all of them.

use std::path::Path;

use vellum::base::Offset;
use vellum::log::{
    Found, Head, Identity, LockFile, LogError, LogMode, LogOptions, Reader, SegmentInfo, Writer,
};
use vellum::storage::Storage;

use crate::log_rig::{Rig, id, set, switch_base, write, write_synced};

const SNAPSHOT: &str = "data/snapshot.tmp";

fn snapshot(rig: &Rig, content: &str) -> &'static Path {
    rig.put(Path::new(SNAPSHOT), content.as_bytes());
    Path::new(SNAPSHOT)
}

/// Writes `count` units, and rotates after each.
fn rotated(rig: &Rig, writer: &mut Writer, count: u64) -> Vec<SegmentInfo> {
    let step = |number| {
        write_synced(writer, &set(number, 500));
        writer.rotate(rig.now_ms + number).unwrap()
    };
    (0..count).map(step).collect()
}

fn read_all(reader: &mut Reader, limit: Offset) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(frame) = reader.next_frame(limit).unwrap() {
        bytes.extend_from_slice(frame.payload);
    }
    bytes
}

#[test]
fn a_base_retires_what_it_supersedes_into_the_archive() {
    let rig = Rig::new(1);
    let mut writer = rig.start().unwrap().writer;
    let cuts = rotated(&rig, &mut writer, 4);
    let first = switch_base(&mut writer, snapshot(&rig, "first"), &cuts[1], rig.now_ms).unwrap();
    assert_eq!(rig.names(rig.layout.archive_dir()).len(), 2);
    assert_eq!(rig.bytes(&rig.layout.dump()), b"first");
    let second = switch_base(&mut writer, snapshot(&rig, "second"), &cuts[3], rig.now_ms).unwrap();
    assert_eq!(rig.bytes(&rig.layout.dump()), b"second");
    assert!(!rig.disk.exists(&first).unwrap() && rig.disk.exists(&second).unwrap());
    assert_eq!(rig.names(rig.layout.archive_dir()).len(), 4);
    // A reader goes over the archive and the manifest's folder as if they were one.
    let all: Vec<u8> = (0..4).flat_map(|number| set(number, 500)).collect();
    let mut reader = writer.reader(Offset::ZERO).unwrap();
    assert_eq!(read_all(&mut reader, writer.durable()), all);
    let mut reader = Reader::open(rig.storage(), &rig.layout, Some(Offset::new(700))).unwrap();
    assert_eq!(read_all(&mut reader, Offset::MAX), all[700..]);
    // So does one after a restart.
    drop(writer);
    rig.disk.power_cut();
    let started = rig.start().unwrap();
    assert!(started.applied.is_empty());
    assert_eq!(started.writer.backlog_start(), Offset::ZERO);
}

#[test]
fn a_snapshot_of_another_log_is_refused() {
    let rig = Rig::new(1);
    let mut writer = rig.start().unwrap().writer;
    let cut = rotated(&rig, &mut writer, 1).remove(0);
    let head = Head { identity: Identity::new(id(9)), offset: Offset::new(5000), db: 3 };
    writer.install_base(snapshot(&rig, "of a master"), head, rig.now_ms).unwrap();
    let stale = switch_base(&mut writer, snapshot(&rig, "late"), &cut, rig.now_ms).unwrap_err();
    assert!(matches!(stale, LogError::StaleCut { .. }), "{stale}");
}

#[test]
fn a_full_sync_is_the_old_data_set_or_the_new_wherever_it_stops() {
    let (mut old, mut new) = (0, 0);
    for calls in 0..60 {
        let rig = Rig::new(calls);
        let mut writer = rig.start().unwrap().writer;
        write_synced(&mut writer, &set(0, 50));
        let head = Head { identity: Identity::new(id(9)), offset: Offset::new(5000), db: 3 };
        snapshot(&rig, "of a master");
        rig.disk.stop_after(calls);
        let installed = writer.install_base(Path::new(SNAPSHOT), head, rig.now_ms);
        drop(writer);
        rig.disk.power_cut();
        let started = rig.start().unwrap();
        match started.recovery.base {
            None => {
                old += 1;
                assert!(installed.is_err());
                assert_eq!(started.applied.len(), 1);
            }
            Some(base) => {
                new += 1;
                assert_eq!(rig.bytes(&base.path), b"of a master");
                assert_eq!(started.recovery.head, Some(head));
                assert!(started.applied.is_empty());
            }
        }
    }
    assert!(old > 5 && new > 5, "old {old} new {new}");
}

#[test]
fn a_full_sync_works_after_a_failure_too() {
    let rig = Rig::new(1);
    let mut writer = rig.start().unwrap().writer;
    rig.disk.fail_write(0);
    write(&mut writer, &set(0, 50), false).unwrap_err();
    let head = Head { identity: Identity::new(id(9)), offset: Offset::new(5000), db: 3 };
    writer.install_base(snapshot(&rig, "of a master"), head, rig.now_ms).unwrap();
    assert!(writer.failure().is_none());
    write_synced(&mut writer, &set(1, 50));
    drop(writer);
    rig.disk.power_cut();
    assert_eq!(rig.start().unwrap().applied, [(false, set(1, 50))]);
}

#[test]
fn the_archive_is_bounded_by_size_and_age() {
    let mut rig = Rig::new(1);
    rig.options.archive_len_max = 2000;
    let mut writer = rig.start().unwrap().writer;
    let cuts = rotated(&rig, &mut writer, 6);
    switch_base(&mut writer, snapshot(&rig, "one"), &cuts[5], rig.now_ms).unwrap();
    let kept = rig.names(rig.layout.archive_dir());
    assert_eq!(kept, ["appendonly.aof.5.incr.aof", "appendonly.aof.6.incr.aof"]);
    assert_eq!(writer.backlog_start(), cuts[3].start);
    assert!(!writer.can_serve(id(1), Offset::ZERO) && writer.can_serve(id(1), cuts[3].start));
    let gone = Reader::open(rig.storage(), &rig.layout, Some(Offset::ZERO)).map(drop);
    assert!(matches!(gone, Err(LogError::Gone { .. })), "{gone:?}");

    let mut rig = Rig::new(2);
    rig.options.archive_age_max_ms = Some(1000);
    let mut writer = rig.start().unwrap().writer;
    let cuts = rotated(&rig, &mut writer, 6);
    switch_base(&mut writer, snapshot(&rig, "one"), &cuts[5], rig.now_ms).unwrap();
    assert_eq!(rig.names(rig.layout.archive_dir()).len(), 6);
    // Each segment ended a millisecond after the one before it.
    writer.prune(rig.now_ms + 1003).unwrap();
    assert_eq!(rig.names(rig.layout.archive_dir()).len(), 3);
}

#[test]
fn superseded_snapshots_are_kept_where_asked_for() {
    let mut rig = Rig::new(1);
    rig.options.archive_snapshots_max = 1;
    let mut writer = rig.start().unwrap().writer;
    let cuts = rotated(&rig, &mut writer, 3);
    for (cut, content) in cuts.iter().zip(["one", "two", "three"]) {
        switch_base(&mut writer, snapshot(&rig, content), cut, rig.now_ms).unwrap();
    }
    let names = rig.names(rig.layout.archive_dir());
    let kept: Vec<_> = names.iter().filter(|name| name.ends_with("base.rdb")).collect();
    assert_eq!(kept.len(), 1);
    assert_eq!(rig.bytes(&rig.layout.archive_dir().join(kept[0])), b"two");
}

#[test]
fn a_reader_follows_a_log_that_is_being_written() {
    let rig = Rig::new(1);
    let mut writer = rig.start().unwrap().writer;
    let mut reader = Reader::open(rig.storage(), &rig.layout, None).unwrap();
    let (mut found, mut expected) = (Vec::new(), Vec::new());
    let mut cut = None;
    for number in 0..200 {
        let command = set(number, 700);
        write(&mut writer, &command, number % 7 == 0).unwrap();
        expected.extend_from_slice(&command);
        if number % 5 == 0 {
            writer.sync().unwrap();
        }
        if number % 20 == 0 {
            cut = Some(writer.rotate(rig.now_ms).unwrap());
        }
        if number % 50 == 49 {
            switch_base(&mut writer, snapshot(&rig, "s"), &cut.take().unwrap(), rig.now_ms)
                .unwrap();
        }
        if number % 3 == 0 {
            found.extend(read_all(&mut reader, Offset::MAX));
            assert_eq!(found, expected, "at {number}");
        }
    }
    // A limit holds it back, and a limit the log has not reached is an error.
    let from = writer.end();
    let mut reader = writer.reader(from).unwrap();
    write_synced(&mut writer, &set(1000, 50));
    assert!(reader.next_frame(from).unwrap().is_none());
    assert!(reader.next_frame(writer.durable()).unwrap().is_some());
    assert!(reader.next_frame(writer.durable()).unwrap().is_none());
    let beyond = reader.next_frame(writer.durable() + 1).map(|_| ()).unwrap_err();
    assert!(matches!(beyond, LogError::Damaged { .. }), "{beyond}");
}

#[test]
fn a_reader_finds_damage_and_does_not_pass_it_on() {
    let rig = Rig::new(1);
    let mut writer = rig.start().unwrap().writer;
    rotated(&rig, &mut writer, 3);
    let len = rig.bytes(&rig.segment(2)).len() as u64;
    rig.disk.flip_bit(&rig.segment(2), (len - 10) * 8).unwrap();
    let mut reader = writer.reader(Offset::ZERO).unwrap();
    assert!(reader.next_frame(writer.durable()).unwrap().is_some());
    let error = reader.next_frame(writer.durable()).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("appendonly.aof.2.incr.aof"), "{error}");
}

fn backlog(rig: &Rig, offset: u64) -> Writer {
    let lock = LockFile::acquire(&rig.disk, &rig.layout).unwrap();
    let head = Head { identity: Identity::new(id(4)), offset: Offset::new(offset), db: 0 };
    rig.opening(lock).backlog(head, rig.now_ms).unwrap()
}

#[test]
fn a_backlog_serves_replicas_and_is_gone_at_the_next_start() {
    let mut rig = Rig::new(1);
    rig.options.archive_len_max = 8000;
    rig.options.segment_len_max = 2000;
    let mut writer = backlog(&rig, 100);
    assert_eq!(writer.mode(), LogMode::Backlog);
    for number in 0..40 {
        write(&mut writer, &set(number, 500), false).unwrap();
        assert_eq!(writer.durable(), writer.end(), "nobody waits for a disk");
        if writer.needs_rotation() {
            writer.rotate(rig.now_ms).unwrap();
            writer.prune(rig.now_ms).unwrap();
        }
    }
    let kept: u64 = rig.disk.list(rig.layout.archive_dir()).unwrap().iter().map(|e| e.len).sum();
    assert!(kept < 12_000, "{kept}");
    let from = writer.backlog_start();
    let mut reader = writer.reader(from).unwrap();
    assert_eq!(read_all(&mut reader, writer.end()).len() as u64, writer.end() - from);
    assert!(!rig.disk.exists(&rig.layout.manifest()).unwrap());
    writer.close_clean().unwrap();
    drop(writer);
    assert_eq!(rig.look().unwrap().0.found, Found::Empty);
    let writer = backlog(&rig, 0);
    assert_eq!(rig.names(rig.layout.archive_dir()).len(), 1);
    drop(writer);
    // Nor does a durable log start from it.
    let started = rig.start().unwrap();
    assert!(started.applied.is_empty());
    assert!(rig.names(rig.layout.archive_dir()).is_empty());
}

#[test]
fn a_backlog_mends_and_restarts() {
    let rig = Rig::new(1);
    let mut writer = backlog(&rig, 0);
    write(&mut writer, &set(0, 500), false).unwrap();
    rig.disk.fail_write(0);
    write(&mut writer, &set(1, 500), false).unwrap_err();
    writer.mend(rig.now_ms).unwrap();
    write(&mut writer, &set(2, 500), false).unwrap();
    let all: Vec<u8> = (0..3).flat_map(|number| set(number, 500)).collect();
    assert_eq!(read_all(&mut writer.reader(Offset::ZERO).unwrap(), writer.end()), all);
    let head = Head { identity: Identity::new(id(5)), offset: Offset::new(77), db: 0 };
    writer.restart_backlog(head, rig.now_ms).unwrap();
    assert_eq!((writer.backlog_start(), writer.end()), (Offset::new(77), Offset::new(77)));
    write(&mut writer, &set(3, 500), false).unwrap();
    assert!(writer.can_serve(id(5), Offset::new(77)) && !writer.can_serve(id(4), Offset::ZERO));
}

#[test]
fn appendonly_can_be_switched_on_and_off_at_run_time() {
    for calls in 0..60 {
        let rig = Rig::new(calls);
        let mut writer = backlog(&rig, 0);
        write(&mut writer, &set(0, 500), false).unwrap();
        let cut = writer.rotate(rig.now_ms).unwrap();
        write(&mut writer, &set(1, 500), false).unwrap();
        snapshot(&rig, "at the cut");
        rig.disk.stop_after(calls);
        let switched = switch_base(&mut writer, Path::new(SNAPSHOT), &cut, rig.now_ms);
        if switched.is_ok() && !rig.disk.is_stopped() {
            assert_eq!(writer.mode(), LogMode::Durable);
            assert!(writer.can_serve(id(4), Offset::ZERO), "the backlog still serves");
            let all: Vec<u8> = (0..2).flat_map(|number| set(number, 500)).collect();
            assert_eq!(read_all(&mut writer.reader(Offset::ZERO).unwrap(), writer.end()), all);
        }
        let wrote = write(&mut writer, &set(2, 500), false).and_then(|()| writer.sync());
        let durable = wrote.is_ok() && writer.mode() == LogMode::Durable;
        drop(writer);
        rig.disk.power_cut();
        let started = rig.start().unwrap();
        let numbers = started.applied.len();
        match started.recovery.base {
            Some(_) if durable => assert_eq!(numbers, 2, "calls {calls}"),
            Some(_) => assert!((1..=2).contains(&numbers), "calls {calls}: {numbers}"),
            None => assert!(switched.is_err() && numbers == 0, "calls {calls}"),
        }
    }

    let rig =
        Rig { options: LogOptions { fill_len_first: 0, ..Rig::new(1).options }, ..Rig::new(1) };
    let mut writer = rig.start().unwrap().writer;
    write_synced(&mut writer, &set(0, 500));
    writer.leave_manifest(false, rig.now_ms).unwrap();
    assert_eq!(writer.mode(), LogMode::Backlog);
    write(&mut writer, &set(1, 500), false).unwrap();
    assert_eq!(writer.durable(), writer.end());
    let all: Vec<u8> = (0..2).flat_map(|number| set(number, 500)).collect();
    assert_eq!(read_all(&mut writer.reader(Offset::ZERO).unwrap(), writer.end()), all);
    drop(writer);
    // The manifest is as it was, as Redis leaves it.
    assert_eq!(rig.look().unwrap().1, [(false, set(0, 500))]);
}
