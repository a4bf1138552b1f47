//! One test a row of the decision table in data/README.md.

use std::path::Path;

use vellum::base::Offset;
use vellum::log::{
    BaseKind, Ending, FRAME_HEADER_LEN, Found, Identity, LogError, Manifest, Part, Replay,
    SyncPolicy, TailPolicy, recover,
};
use vellum::resp::encode;
use vellum::storage::{OpenMode, Storage, crashsafe};

use crate::log_rig::{Applied, Rig, id, set, switch_base, write, write_synced};

fn applied(commands: &[Vec<u8>]) -> Vec<Applied> {
    commands.iter().map(|command| (false, command.clone())).collect()
}

/// A log with the given commands, one frame each, all durable; the process is killed.
fn killed_after(rig: &Rig, commands: &[Vec<u8>]) {
    let mut started = rig.start().unwrap();
    for command in commands {
        write_synced(&mut started.writer, command);
    }
    rig.disk.kill();
}

fn stopped_after(rig: &Rig, commands: &[Vec<u8>]) {
    let mut started = rig.start().unwrap();
    for command in commands {
        write_synced(&mut started.writer, command);
    }
    started.writer.close_clean().unwrap();
    rig.disk.kill();
}

fn commands(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|number| set(number, 50)).collect()
}

fn damaged_at(result: Result<impl Sized, LogError>) -> (u64, Offset) {
    match result.map(|_| ()) {
        Err(LogError::Damaged { position, offset, .. }) => (position, offset),
        other => panic!("expected damage, found {other:?}"),
    }
}

/// Where frame `index` of a segment begins, going by its marks.
fn frame_at(bytes: &[u8], index: usize) -> usize {
    let marks = bytes.windows(3).enumerate().filter(|(_, w)| w.starts_with(b"#V") && w[2] != b'E');
    marks.map(|(at, _)| at).nth(index).unwrap()
}

#[test]
fn an_empty_directory_starts_a_history() {
    let rig = Rig::new(1);
    let started = rig.start().unwrap();
    assert_eq!(started.recovery.found, Found::Empty);
    assert_eq!(started.recovery.ending, Ending::New);
    assert!(started.applied.is_empty() && started.recovery.needs_new_id());
    assert_eq!(started.writer.identity(), &Identity::new(id(1)));
    // The very first start that dies before its manifest leaves a directory that starts again.
    for seed in 0..20 {
        for calls in 0..40 {
            let rig = Rig::new(seed);
            rig.disk.stop_after(calls);
            let first = rig.start().map(drop);
            rig.disk.power_cut();
            rig.start().unwrap_or_else(|e| panic!("seed {seed} calls {calls}: {first:?}, {e}"));
        }
    }
}

#[test]
fn a_clean_stop_is_gone_on_from_in_the_same_segment() {
    let rig = Rig::new(1);
    let all = commands(3);
    stopped_after(&rig, &all);
    let bytes = rig.bytes(&rig.segment(1));
    assert!(bytes.ends_with(&all[2]), "the filler is cut off");
    rig.disk.power_cut();
    let mut started = rig.start().unwrap();
    assert_eq!((started.recovery.found, started.recovery.ending), (Found::Own, Ending::Clean));
    assert_eq!(started.applied, applied(&all));
    assert!(started.recovery.warnings.is_empty() && !started.recovery.needs_new_id());
    assert_eq!(started.writer.segments().len(), 1);
    write_synced(&mut started.writer, &set(9, 50));
    drop(started);
    rig.disk.kill();
    assert_eq!(rig.start().unwrap().applied.len(), 4);
}

#[test]
fn a_killed_process_has_lost_nothing_it_wrote() {
    let rig = Rig::new(1);
    let mut started = rig.start().unwrap();
    write_synced(&mut started.writer, &set(0, 50));
    write(&mut started.writer, &set(1, 50), false).unwrap();
    rig.disk.kill();
    let started = rig.start().unwrap();
    assert_eq!(started.recovery.ending, Ending::Killed);
    assert_eq!(started.applied.len(), 2);
    // The frame nobody synced is durable once the start is over.
    drop(started);
    rig.disk.power_cut();
    assert_eq!(rig.start().unwrap().applied.len(), 2);
}

#[test]
fn a_lost_machine_ends_the_history_unless_every_write_was_synced() {
    for policy in [SyncPolicy::Always, SyncPolicy::EverySec, SyncPolicy::No] {
        let rig = Rig { policy, ..Rig::new(1) };
        killed_after(&rig, &commands(3));
        rig.disk.power_cut();
        let started = rig.start().unwrap();
        assert_eq!(started.recovery.ending, Ending::MachineLost { policy });
        assert_eq!(started.recovery.needs_new_id(), policy != SyncPolicy::Always);
        let end = started.writer.end();
        let former = started.writer.identity().former;
        if policy == SyncPolicy::Always {
            assert_eq!(former, None);
            continue;
        }
        // The former history and where it ended survive the next restarts.
        assert_eq!(former.map(|f| (f.replid, f.end)), Some((id(1), end)));
        let identity = *started.writer.identity();
        drop(started);
        rig.disk.kill();
        let started = rig.start().unwrap();
        assert_eq!(started.writer.identity(), &identity);
        assert!(started.writer.can_serve(id(1), end));
        assert!(started.writer.can_serve(id(1), Offset::ZERO));
        assert!(!started.writer.can_serve(id(1), end + 1));
    }
}

#[test]
fn a_policy_changed_at_run_time_decides_what_a_lost_machine_means() {
    let rig = Rig::new(1);
    let mut started = rig.start().unwrap();
    started.writer.set_policy(SyncPolicy::No).unwrap();
    rig.disk.power_cut();
    let (recovery, _) = rig.look().unwrap();
    assert_eq!(recovery.ending, Ending::MachineLost { policy: SyncPolicy::No });
}

#[test]
fn a_missing_lock_note_is_read_as_the_worst() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(1));
    rig.put(&rig.layout.lock(), b"");
    let (recovery, _) = rig.look().unwrap();
    assert_eq!(recovery.ending, Ending::MachineLost { policy: SyncPolicy::EverySec });
}

#[test]
fn a_torn_tail_is_cut_off_and_said() {
    let mut torn = 0;
    for seed in 0..200 {
        let rig = Rig::new(seed);
        let mut started = rig.start().unwrap();
        write_synced(&mut started.writer, &set(0, 50));
        for number in 1..4 {
            write(&mut started.writer, &set(number, 3000), false).unwrap();
        }
        rig.disk.power_cut();
        let started = rig.start().unwrap();
        assert!((1..=4).contains(&started.applied.len()), "seed {seed}");
        torn += started.recovery.warnings.len();
        for warning in &started.recovery.warnings {
            assert!(warning.contains("cut off") && warning.contains(".incr.aof"), "{warning}");
        }
    }
    assert!(torn > 50, "the simulated disk tears: {torn}");
}

#[test]
fn a_torn_tail_is_refused_where_the_operator_wants_that() {
    let rig = Rig::new(1);
    killed_after(&rig, &commands(1));
    let path = rig.segment(1);
    let mut bytes = rig.bytes(&path);
    let at = frame_at(&bytes, 0);
    bytes.truncate(at + 100);
    rig.put(&path, &bytes);
    let error = recover(&rig.disk, &rig.layout, TailPolicy::Refuse).map(drop).unwrap_err();
    assert!(error.to_string().contains("vellum-log repair data"), "{error}");
    let (recovery, applied) = rig.look().unwrap();
    assert!(applied.is_empty());
    assert_eq!(recovery.warnings.len(), 1);
}

#[test]
fn stale_bytes_of_a_recycled_file_are_no_frames() {
    let rig = Rig::new(1);
    killed_after(&rig, &commands(20));
    let old = rig.bytes(&rig.segment(1));
    let rig = Rig::new(2);
    let mut started = rig.start().unwrap();
    started.writer.rotate(rig.now_ms + 5).unwrap();
    write_synced(&mut started.writer, &set(0, 50));
    rig.disk.power_cut();
    let path = rig.segment(2);
    let new = rig.bytes(&path);
    let end = frame_at(&new, 0) + 84 + set(0, 50).len();
    // Frames of the old file line up with the end of the new one.
    let from = frame_at(&old, 7);
    rig.put(&path, &[&new[..end], &old[from..]].concat());
    let started = rig.start().unwrap();
    assert_eq!(started.applied, applied(&[set(0, 50)]));
    assert_eq!(started.recovery.warnings.len(), 1);
}

#[test]
fn damage_before_what_was_durable_is_refused_with_its_place() {
    for lost in [false, true] {
        let rig = Rig::new(1);
        killed_after(&rig, &commands(10));
        if lost {
            rig.disk.power_cut();
        }
        let path = rig.segment(1);
        let bytes = rig.bytes(&path);
        let (at, next) = (frame_at(&bytes, 4), frame_at(&bytes, 5));
        for bit in at * 8..next * 8 {
            rig.disk.flip_bit(&path, bit as u64).unwrap();
            let (position, offset) = damaged_at(rig.look());
            assert_eq!(position as usize, at, "bit {bit}");
            assert_eq!(offset.get() as usize, 4 * set(0, 50).len());
            rig.disk.flip_bit(&path, bit as u64).unwrap();
        }
        let before = rig.bytes(&path);
        rig.disk.flip_bit(&path, at as u64 * 8 + 100).unwrap();
        rig.start().unwrap_err();
        rig.disk.flip_bit(&path, at as u64 * 8 + 100).unwrap();
        assert_eq!(rig.bytes(&path), before, "a refused start changes nothing");
    }
}

#[test]
fn after_a_clean_stop_every_flipped_bit_is_damage() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(3));
    let path = rig.segment(1);
    for bit in 0..rig.bytes(&path).len() as u64 * 8 {
        rig.disk.flip_bit(&path, bit).unwrap();
        assert!(rig.look().is_err(), "bit {bit}");
        rig.disk.flip_bit(&path, bit).unwrap();
    }
    let bytes = rig.bytes(&path);
    for len in [bytes.len() - 1, frame_at(&bytes, 2), frame_at(&bytes, 0), 10] {
        rig.put(&path, &bytes[..len]);
        assert!(rig.look().is_err(), "cut to {len} bytes");
    }
}

#[test]
fn a_killed_process_leaves_the_front_of_a_write_only() {
    // The last frame is whole in length but not in content: no kill does that, a bad disk does.
    let rig = Rig::new(1);
    killed_after(&rig, &commands(3));
    let path = rig.segment(1);
    let at = frame_at(&rig.bytes(&path), 2) as u64;
    rig.disk.flip_bit(&path, (at + 100) * 8).unwrap();
    assert_eq!(damaged_at(rig.look()).0, at);
}

#[test]
fn after_a_kill_a_flipped_bit_is_not_taken_for_a_write_that_was_not_finished() {
    let mut rng = fastrand::Rng::with_seed(64);
    // The last frame ends at every place in a line of filler.
    for value_len in 0..64 {
        let rig = Rig::new(3);
        let commands = [set(1, 10), set(2, value_len)];
        killed_after(&rig, &commands);
        let path = rig.segment(1);
        let bytes = rig.bytes(&path);
        let begin = frame_at(&bytes, 1) as u64;
        let end = begin + 84 + commands[1].len() as u64;
        // The lengths in the header, the last bytes, and some others.
        let lengths = begin + 2 + 2 * 16..begin + 2 + 2 * 24;
        let some = std::iter::repeat_with(|| rng.u64(begin..end)).take(10);
        let places: Vec<u64> = lengths.chain(end - 4..end).chain(some).collect();
        for bit in places.into_iter().flat_map(|place| place * 8..place * 8 + 8) {
            rig.disk.flip_bit(&path, bit).unwrap();
            let found = rig.look().map(|(_, applied)| applied);
            if !found.as_ref().is_ok_and(|found| *found == applied(&commands)) {
                assert_eq!(damaged_at(found).0, begin, "bit {bit}, value of {value_len} bytes");
            }
            rig.disk.flip_bit(&path, bit).unwrap();
        }
        assert_eq!(rig.look().unwrap().1, applied(&commands));
    }
}

#[test]
fn a_missing_segment_is_named() {
    let rig = Rig::new(1);
    let mut started = rig.start().unwrap();
    for number in 0..3 {
        write_synced(&mut started.writer, &set(number, 50));
        started.writer.rotate(rig.now_ms).unwrap();
    }
    rig.disk.kill();
    crashsafe::remove(&rig.disk, &rig.segment(2)).unwrap();
    let error = rig.look().map(drop).unwrap_err();
    assert!(matches!(&error, LogError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("appendonly.aof.2.incr.aof"), "{error}");
    // One that the manifest does not name either shows as a gap.
    let manifest = rig.bytes(&rig.layout.manifest());
    let mut manifest = Manifest::parse(&manifest).unwrap();
    manifest.incrs.retain(|file| file.seq != 2);
    rig.put(&rig.layout.manifest(), &manifest.encode());
    let error = rig.look().map(drop).unwrap_err();
    assert!(matches!(&error, LogError::Gap { .. }), "{error}");
}

#[test]
fn a_missing_first_segment_is_noticed_by_the_base() {
    let rig = Rig::new(1);
    let mut started = rig.start().unwrap();
    write_synced(&mut started.writer, &set(0, 50));
    let cut = started.writer.rotate(rig.now_ms).unwrap();
    write_synced(&mut started.writer, &set(1, 50));
    started.writer.rotate(rig.now_ms).unwrap();
    rig.put(Path::new("data/snapshot.tmp"), b"REDIS0010");
    switch_base(&mut started.writer, Path::new("data/snapshot.tmp"), &cut, rig.now_ms).unwrap();
    rig.disk.kill();
    let manifest = rig.bytes(&rig.layout.manifest());
    let mut manifest = Manifest::parse(&manifest).unwrap();
    assert_eq!(manifest.base_at.map(|at| at.offset), Some(cut.start));
    manifest.incrs.remove(0);
    rig.put(&rig.layout.manifest(), &manifest.encode());
    assert!(matches!(rig.look().map(drop).unwrap_err(), LogError::Gap { .. }));
    // And so is a missing base.
    let base = manifest.base.unwrap().name;
    crashsafe::remove(&rig.disk, &rig.layout.append_dir().join(base)).unwrap();
    assert!(matches!(rig.look().map(drop).unwrap_err(), LogError::Missing { .. }));
}

#[test]
fn a_catalogue_is_not_needed() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(3));
    assert!(!rig.disk.exists(Path::new("data/catalogue")).unwrap());
    assert_eq!(rig.look().unwrap().1.len(), 3);
    rig.disk.create_dir(Path::new("data/catalogue")).unwrap();
    rig.put(Path::new("data/catalogue/db"), b"not a catalogue");
    assert_eq!(rig.look().unwrap().1.len(), 3);
}

#[test]
fn segments_without_a_manifest_are_not_passed_over() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(3));
    crashsafe::remove(&rig.disk, &rig.layout.manifest()).unwrap();
    let error = rig.look().map(drop).unwrap_err();
    assert!(matches!(error, LogError::NoManifest { .. }), "{error}");
    rig.put(&rig.layout.manifest(), b"");
    let error = rig.look().map(drop).unwrap_err();
    assert!(matches!(error, LogError::Manifest { .. }), "{error}");
}

#[test]
fn a_flipped_bit_in_the_manifest_is_refused_or_harmless() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(3));
    let path = rig.layout.manifest();
    for bit in 0..rig.bytes(&path).len() as u64 * 8 {
        rig.disk.flip_bit(&path, bit).unwrap();
        if let Ok((_, applied)) = rig.look() {
            assert_eq!(applied.len(), 3, "bit {bit}");
        }
        rig.disk.flip_bit(&path, bit).unwrap();
    }
}

fn foreign_rig(manifest: &str, files: &[(&str, &[u8])]) -> Rig {
    let rig = Rig::new(1);
    crashsafe::create_dir(&rig.disk, rig.layout.append_dir()).unwrap();
    for (name, bytes) in files {
        rig.put(&rig.layout.append_dir().join(name), bytes);
    }
    rig.put(&rig.layout.manifest(), manifest.as_bytes());
    rig
}

#[test]
fn a_directory_of_redis_is_loaded_under_a_new_history() {
    let all = commands(2).concat();
    let rig = foreign_rig(
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n",
        &[("appendonly.aof.1.base.rdb", b"REDIS0010"), ("appendonly.aof.1.incr.aof", &all)],
    );
    let mut started = rig.start().unwrap();
    assert_eq!(started.recovery.found, Found::Foreign);
    assert_eq!(started.recovery.base.as_ref().unwrap().kind, BaseKind::Rdb);
    assert_eq!(started.applied, applied(&commands(2)));
    assert!(started.recovery.needs_new_id() && started.recovery.has_foreign_writes());
    // Until a snapshot of ours is there, a restart loads the same and what came after it.
    write_synced(&mut started.writer, &set(7, 50));
    rig.disk.power_cut();
    let started = rig.start().unwrap();
    assert_eq!(started.recovery.found, Found::Own);
    assert_eq!(started.applied, applied(&[set(0, 50), set(1, 50), set(7, 50)]));
    assert!(started.recovery.has_foreign_writes());
    assert!(!started.writer.can_serve(id(1), Offset::ZERO), "no replica can follow over that");
}

#[test]
fn a_command_redis_did_not_finish_is_cut_off() {
    let mut all = commands(2).concat();
    all.truncate(all.len() - 3);
    let rig = foreign_rig(
        "file appendonly.aof.1.incr.aof seq 1 type i\n",
        &[("appendonly.aof.1.incr.aof", &all)],
    );
    let started = rig.start().unwrap();
    assert_eq!(started.applied, applied(&commands(1)));
    assert!(started.recovery.warnings[0].contains("cut off"), "{:?}", started.recovery.warnings);
    assert_eq!(rig.bytes(&rig.segment(1)), commands(1).concat());
    drop(started);
    assert_eq!(rig.start().unwrap().applied, applied(&commands(1)));
}

#[test]
fn a_dump_file_alone_becomes_the_base() {
    let rig = Rig::new(1);
    crashsafe::create_dir(&rig.disk, rig.layout.dir()).unwrap();
    rig.put(&rig.layout.dump(), b"REDIS0010 and so on");
    let mut started = rig.start().unwrap();
    assert_eq!(started.recovery.found, Found::DumpRdb);
    write_synced(&mut started.writer, &set(0, 50));
    rig.disk.power_cut();
    let started = rig.start().unwrap();
    let base = started.recovery.base.unwrap();
    assert_eq!(base.path.parent(), Some(rig.layout.append_dir()));
    assert_eq!(rig.bytes(&base.path), b"REDIS0010 and so on");
    assert_eq!(started.applied.len(), 1);
}

#[test]
fn the_single_file_of_an_older_redis_becomes_the_base() {
    let rig = Rig::new(1);
    crashsafe::create_dir(&rig.disk, rig.layout.dir()).unwrap();
    rig.put(&rig.layout.old_aof(), &commands(2).concat());
    rig.put(&rig.layout.dump(), b"REDIS0010");
    let started = rig.start().unwrap();
    assert_eq!(started.recovery.found, Found::OldAof);
    assert_eq!(started.recovery.base.unwrap().kind, BaseKind::Aof);
    drop(started.writer);
    let (recovery, _) = rig.look().unwrap();
    assert_eq!(recovery.base.unwrap().kind, BaseKind::Aof);
    rig.put(&rig.layout.old_aof(), b"REDIS0010...");
    crashsafe::remove(&rig.disk, &rig.layout.manifest()).unwrap();
    let (recovery, _) = rig.look().unwrap();
    assert_eq!(recovery.base.unwrap().kind, BaseKind::RdbThenAof);
}

fn foreign_tail() -> Vec<u8> {
    let mut tail = b"#TS:1700000000\r\n".to_vec();
    encode::push_command(&mut tail, &[b"SELECT", b"0"]);
    tail.extend_from_slice(&set(100, 50));
    tail
}

#[test]
fn commands_redis_appended_to_our_last_segment_are_loaded() {
    for clean in [true, false] {
        let rig = Rig::new(1);
        if clean {
            stopped_after(&rig, &commands(3));
        } else {
            killed_after(&rig, &commands(3));
        }
        rig.append(&rig.segment(1), &foreign_tail());
        let mut started = rig.start().unwrap();
        assert_eq!(started.applied.len(), 5, "clean {clean}");
        assert_eq!(started.applied[4].1, set(100, 50));
        assert!(started.recovery.needs_new_id() && started.recovery.has_foreign_writes());
        assert!(
            matches!(started.recovery.parts.last(), Some(Part::Foreign(part)) if part.commands == 2)
        );
        assert!(started.recovery.warnings[0].contains("another server"));
        let first = started.writer.backlog_start();
        assert_eq!(first.get() as usize, 3 * set(0, 50).len(), "no replica follows over it");
        write_synced(&mut started.writer, &set(8, 50));
        rig.disk.power_cut();
        let started = rig.start().unwrap();
        assert_eq!(started.applied.len(), 6, "clean {clean}");
        assert_eq!(started.writer.segments().len(), 1);
    }
}

/// The pages at the front of a group are lost, and the next one begins with a command: that is no other
/// server's.
#[test]
fn a_page_of_ours_that_begins_with_a_command_is_torn_and_not_foreign() {
    const PAGE: usize = 4096;
    for selects in [false, true] {
        let rig = Rig::new(1);
        let mut started = rig.start().unwrap();
        write_synced(&mut started.writer, &set(0, 50));
        let synced = rig.bytes(&rig.segment(1));
        let begin = frame_at(&synced, 0) + FRAME_HEADER_LEN + set(0, 50).len();
        let room = PAGE - begin - FRAME_HEADER_LEN;
        let first = (0..PAGE).map(|len| set(1, len)).find(|first| first.len() == room).unwrap();
        let mut second = Vec::new();
        if selects {
            encode::push_command(&mut second, &[b"SELECT", b"0"]);
        }
        second.extend(set(2, 50));
        write(&mut started.writer, &[&first[..], &second].concat(), false).unwrap();
        drop(started);
        let mut torn = rig.bytes(&rig.segment(1));
        assert_eq!(torn[PAGE..PAGE + second.len()], second);
        torn[begin..PAGE].copy_from_slice(&synced[begin..PAGE]);
        rig.put(&rig.segment(1), &torn);
        rig.disk.power_cut();
        let started = rig.start().unwrap();
        assert_eq!(started.applied, applied(&[set(0, 50)]), "selects {selects}");
        assert!(!started.recovery.has_foreign_writes());
    }
}

#[test]
fn a_command_redis_tore_in_our_last_segment_is_cut_off() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(3));
    let tail = foreign_tail();
    rig.append(&rig.segment(1), &tail[..tail.len() - 7]);
    let started = rig.start().unwrap();
    assert_eq!(started.applied.len(), 4);
    assert!(started.recovery.warnings[0].contains("cut off"));
    drop(started);
    assert_eq!(rig.start().unwrap().applied.len(), 4);
}

#[test]
fn a_rewrite_by_redis_leaves_a_directory_of_redis() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(3));
    rig.put(&rig.layout.append_dir().join("appendonly.aof.2.base.rdb"), b"REDIS0010");
    rig.put(&rig.segment(2), &foreign_tail());
    let manifest = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                    file appendonly.aof.1.incr.aof seq 1 type h\n\
                    file appendonly.aof.2.incr.aof seq 2 type i\n";
    rig.put(&rig.layout.manifest(), manifest.as_bytes());
    let started = rig.start().unwrap();
    assert_eq!(started.recovery.found, Found::Foreign);
    assert_eq!(started.applied.len(), 2);
    assert!(!rig.disk.exists(&rig.segment(1)).unwrap(), "what Redis superseded is put away");
    assert_eq!(started.writer.segments().len(), 1);
}

#[test]
fn a_rewrite_redis_did_not_finish_leaves_our_segment_and_its_own() {
    for (clean, rest) in [(true, foreign_tail()), (false, foreign_tail()), (true, Vec::new())] {
        let rig = Rig::new(1);
        if clean {
            stopped_after(&rig, &commands(3));
        } else {
            killed_after(&rig, &commands(3));
        }
        rig.put(&rig.segment(2), &rest);
        let manifest = "file appendonly.aof.1.incr.aof seq 1 type i\n\
                        file appendonly.aof.2.incr.aof seq 2 type i\n";
        rig.put(&rig.layout.manifest(), manifest.as_bytes());
        let mut started = rig.start().unwrap();
        let count = if rest.is_empty() { 3 } else { 5 };
        assert_eq!(started.applied.len(), count);
        assert_eq!(started.recovery.needs_new_id(), !rest.is_empty());
        write_synced(&mut started.writer, &set(8, 50));
        rig.disk.power_cut();
        assert_eq!(rig.start().unwrap().applied.len(), count + 1);
    }
}

#[test]
fn a_switch_of_the_manifest_is_whole_wherever_it_stops() {
    let (mut old, mut new) = (0, 0);
    for calls in 0..80 {
        for seed in 0..3 {
            let rig = Rig::new(seed);
            let mut started = rig.start().unwrap();
            write_synced(&mut started.writer, &set(0, 50));
            let cut = started.writer.rotate(rig.now_ms).unwrap();
            write_synced(&mut started.writer, &set(1, 50));
            rig.put(Path::new("data/snapshot.tmp"), b"REDIS0010");
            rig.disk.stop_after(calls);
            let switched =
                switch_base(&mut started.writer, Path::new("data/snapshot.tmp"), &cut, rig.now_ms);
            rig.disk.power_cut();
            let started = rig.start().unwrap();
            match started.recovery.base {
                None => {
                    old += 1;
                    assert!(switched.is_err());
                    assert_eq!(started.applied, applied(&[set(0, 50), set(1, 50)]));
                }
                Some(base) => {
                    new += 1;
                    assert_eq!(base.at.map(|at| at.offset), Some(cut.start));
                    assert_eq!(started.applied, applied(&[set(1, 50)]));
                    assert!(started.writer.can_serve(id(1), Offset::ZERO), "the archive serves");
                }
            }
            let names = rig.names(rig.layout.append_dir());
            assert_eq!(names.iter().filter(|n| n.ends_with(".tmp")).count(), 0, "{names:?}");
            assert_eq!(
                names.iter().filter(|n| n.ends_with("base.rdb")).count(),
                usize::from(rig.look().unwrap().0.base.is_some()),
                "{names:?}"
            );
        }
    }
    assert!(old > 10 && new > 10, "old {old} new {new}");
}

#[test]
fn leftovers_are_put_away_and_foreign_files_left_alone() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(2));
    let dir = rig.layout.append_dir().to_path_buf();
    rig.put(&dir.join("prepared.4096.tmp"), &[b'#'; 100]);
    rig.put(&dir.join("appendonly.aof.manifest.tmp"), b"half");
    rig.put(&dir.join("appendonly.aof.9.base.rdb"), b"REDIS0010");
    rig.put(&dir.join("notes.txt"), b"mine");
    let orphan = rig.bytes(&rig.segment(1));
    rig.put(&rig.segment(5), &orphan);
    let started = rig.start().unwrap();
    assert_eq!(started.applied.len(), 2);
    assert_eq!(
        rig.names(&dir),
        ["appendonly.aof.1.incr.aof", "appendonly.aof.manifest", "notes.txt"]
    );
    assert_eq!(rig.names(rig.layout.archive_dir()), ["orphan.5.incr.aof"]);
}

#[test]
fn a_start_that_dies_anywhere_starts_again() {
    for scenario in 0..4 {
        for calls in 0..60 {
            let rig = Rig { policy: SyncPolicy::EverySec, ..Rig::new(calls) };
            match scenario {
                0 => stopped_after(&rig, &commands(3)),
                1 => killed_after(&rig, &commands(3)),
                2 => {
                    let mut started = rig.start().unwrap();
                    write_synced(&mut started.writer, &set(0, 50));
                    write(&mut started.writer, &set(1, 5000), false).unwrap();
                    rig.disk.power_cut();
                }
                _ => {
                    stopped_after(&rig, &commands(3));
                    rig.append(&rig.segment(1), &foreign_tail());
                }
            }
            let before = rig.look().unwrap().1;
            rig.disk.stop_after(calls);
            rig.start().ok();
            rig.disk.power_cut();
            let started = rig.start().unwrap();
            assert_eq!(started.applied, before, "scenario {scenario} calls {calls}");
        }
    }
}

#[test]
fn replay_and_recovery_agree_when_a_file_shrinks_between_them() {
    let rig = Rig::new(1);
    stopped_after(&rig, &commands(3));
    let recovery = recover(&rig.disk, &rig.layout, TailPolicy::Trim).unwrap();
    let file = rig.disk.open(&rig.segment(1), OpenMode::Write).unwrap();
    let at = frame_at(&rig.bytes(&rig.segment(1)), 2) as u64;
    file.set_len(at).unwrap();
    let mut replay = Replay::new(rig.storage(), &rig.layout, &recovery);
    let result = loop {
        match replay.next_record() {
            Ok(Some(_)) => {}
            Ok(None) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    assert_eq!(damaged_at(result).0, at);
}

/// A failed write takes nothing from the writes before it, wherever the process dies while the log moves
/// to a new segment.
#[test]
fn a_process_that_dies_while_it_moves_to_a_new_segment_has_lost_nothing() {
    let mut mended_at = None;
    for calls in 0..60 {
        let mut rig = Rig::new(1);
        rig.policy = SyncPolicy::EverySec;
        let mut started = rig.start().unwrap();
        let all = commands(5);
        for command in &all[..4] {
            write(&mut started.writer, command, false).unwrap();
        }
        rig.disk.fail_write(0);
        write(&mut started.writer, &all[4], false).unwrap_err();
        rig.disk.stop_after(calls);
        if started.writer.mend(rig.now_ms).is_ok() {
            mended_at.get_or_insert(calls);
        }
        drop(started);
        rig.disk.kill();
        let (_, found) = rig.look().unwrap();
        assert!(found.len() >= 4, "killed after {calls} calls: {} are left", found.len());
        assert_eq!(found, applied(&all[..found.len()]));
    }
    assert!(mended_at.is_some_and(|calls| calls > 5), "it never died on the way");
}
