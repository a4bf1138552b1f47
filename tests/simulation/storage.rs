//! The simulated disk itself: it keeps everything synced, loses only what it may, and loses enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use vellum::storage::{OpenMode, SimDisk, Storage, crashsafe, read_file};

const LEN_MAX: u64 = 1 << 20;

fn read(disk: &SimDisk, path: &Path) -> Vec<u8> {
    read_file(disk, path, LEN_MAX).unwrap()
}

#[test]
fn what_is_synced_is_there_after_every_power_cut() {
    for seed in 0..500 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let disk = SimDisk::new(seed);
        let mut synced: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        crashsafe::create_dir(&disk, Path::new("data/log")).unwrap();
        for cut in 0..5 {
            for step in 0..rng.usize(1..8) {
                let path = PathBuf::from(format!("data/log/{}", rng.usize(0..4)));
                let bytes: Vec<u8> = (0..rng.usize(0..9000)).map(|_| rng.u8(..)).collect();
                if rng.bool() {
                    crashsafe::replace(&disk, &path, &bytes).unwrap();
                    synced.insert(path, bytes);
                } else if let Some(known) = synced.get_mut(&path) {
                    let position = rng.usize(0..=known.len());
                    let file = disk.open(&path, OpenMode::Write).unwrap();
                    file.write_all_at(&bytes, position as u64).unwrap();
                    file.sync_data().unwrap();
                    known.resize(known.len().max(position + bytes.len()), 0);
                    known[position..position + bytes.len()].copy_from_slice(&bytes);
                } else if step == 0 {
                    crashsafe::remove(&disk, &path).unwrap();
                }
            }
            // Unsynced noise in a file of its own must not touch the others.
            let noise = disk.open(Path::new("data/noise"), OpenMode::Truncate).unwrap();
            noise.write_all_at(&[7; 20_000], 0).unwrap();
            if rng.bool() {
                disk.power_cut();
            } else {
                disk.kill();
            }
            for (path, bytes) in &synced {
                assert_eq!(&read(&disk, path), bytes, "seed {seed} cut {cut} {}", path.display());
            }
        }
    }
}

#[test]
fn bytes_over_synced_ones_are_old_or_new_by_page_and_never_a_third() {
    let mut mixed = 0;
    for seed in 0..300 {
        let disk = SimDisk::new(seed);
        crashsafe::replace(&disk, Path::new("file"), &[1; 16_384]).unwrap();
        let file = disk.open(Path::new("file"), OpenMode::Write).unwrap();
        file.write_all_at(&[2; 16_384], 0).unwrap();
        file.write_all_at(&[3; 8192], 4096).unwrap();
        disk.power_cut();
        let bytes = read(&disk, Path::new("file"));
        assert_eq!(bytes.len(), 16_384);
        assert!(bytes.chunks(512).all(|s| s.iter().all(|b| *b == s[0] && (1..=3).contains(b))));
        mixed += usize::from(bytes.chunks(512).any(|s| s[0] != bytes[0]));
    }
    assert!(mixed > 100, "only {mixed} of 300 power cuts tore anything");
}

#[test]
fn an_unsynced_name_may_be_lost_and_may_survive() {
    let (mut lost, mut kept) = (0, 0);
    for seed in 0..100 {
        let disk = SimDisk::new(seed);
        let file = disk.open(Path::new("file"), OpenMode::CreateNew).unwrap();
        file.write_all_at(b"bytes", 0).unwrap();
        file.sync_all().unwrap();
        disk.power_cut();
        if disk.exists(Path::new("file")).unwrap() {
            assert_eq!(read(&disk, Path::new("file")), b"bytes");
            kept += 1;
        } else {
            lost += 1;
        }
    }
    assert!(lost > 20 && kept > 20, "lost {lost} kept {kept}");
}

#[test]
fn a_rename_without_the_sync_before_it_can_show_an_empty_file() {
    let shows_it = (0..100).any(|seed| {
        let disk = SimDisk::new(seed);
        crashsafe::replace(&disk, Path::new("file"), b"old").unwrap();
        let file = disk.open(Path::new("new"), OpenMode::CreateNew).unwrap();
        file.write_all_at(&[1; 600], 0).unwrap();
        crashsafe::rename(&disk, Path::new("new"), Path::new("file")).unwrap();
        disk.power_cut();
        read(&disk, Path::new("file")).is_empty()
    });
    assert!(shows_it, "the simulation is too kind to find a missing sync");
}

#[test]
fn a_kill_loses_no_written_byte_and_a_power_cut_changes_the_boot() {
    let disk = SimDisk::new(1);
    let boot = disk.boot_id().unwrap();
    let lock = disk.lock(Path::new("LOCK")).unwrap();
    assert!(lock.is_some());
    assert!(disk.lock(Path::new("LOCK")).unwrap().is_none());
    let file = disk.open(Path::new("file"), OpenMode::CreateNew).unwrap();
    file.write_all_at(b"bytes", 0).unwrap();

    disk.kill();
    assert_eq!(read(&disk, Path::new("file")), b"bytes");
    assert_eq!(disk.boot_id().unwrap(), boot);
    assert!(file.write_at(b"x", 0).is_err(), "a handle outlived its process");
    let second = disk.lock(Path::new("LOCK")).unwrap();
    assert!(second.is_some(), "a lock outlived its process");
    drop(lock);
    assert!(disk.lock(Path::new("LOCK")).unwrap().is_none(), "a dead lock let go of a live one");

    disk.power_cut();
    assert_ne!(disk.boot_id().unwrap(), boot);
}

#[test]
fn a_full_disk_takes_what_fits_and_writing_over_always_fits() {
    let disk = SimDisk::new(1);
    let file = disk.open(Path::new("file"), OpenMode::CreateNew).unwrap();
    file.write_all_at(&[1; 100], 0).unwrap();
    disk.fill_up_to(50);
    assert_eq!(disk.free_space(Path::new(".")).unwrap(), 50);
    assert_eq!(file.write_at(&[2; 200], 50).unwrap(), 100);
    let full = file.write_at(&[2; 1], 150).unwrap_err();
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    file.write_all_at(&[3; 150], 0).unwrap();
    disk.set_capacity(None);
    file.write_all_at(&[4; 1], 150).unwrap();
}

#[test]
fn the_same_seed_loses_the_same_bytes() {
    let run = |seed| {
        let disk = SimDisk::new(seed);
        crashsafe::replace(&disk, Path::new("file"), &[1; 30_000]).unwrap();
        let file = disk.open(Path::new("file"), OpenMode::Write).unwrap();
        file.write_all_at(&[2; 40_000], 0).unwrap();
        disk.power_cut();
        read(&disk, Path::new("file"))
    };
    for seed in 0..20 {
        assert_eq!(run(seed), run(seed));
    }
}
