//! The real disk and the simulated one, without faults, are the same file system.

use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use vellum::storage::{OpenMode, RealDisk, SimDisk, Storage};

#[derive(Clone, Debug)]
enum Step {
    Write { name: usize, mode: OpenMode, position: u64, bytes: Vec<u8> },
    SetLen { name: usize, len: u64 },
    Read { name: usize, position: u64, len: usize },
    Rename { from: usize, to: usize },
    Link { from: usize, to: usize },
    Remove { name: usize },
    CreateDir { name: usize },
    List { name: usize },
    Map { name: usize },
    Lock { name: usize },
    SyncDir { name: usize },
}

/// Files and directories on purpose share names; `a/x` needs `a` to be a directory.
const NAMES: [&str; 7] = ["a", "b", "c", "a/x", "a/y", "b/x", "c/x/z"];

fn step() -> impl Strategy<Value = Step> {
    let name = || 0..NAMES.len();
    let mode = prop_oneof![
        Just(OpenMode::Read),
        Just(OpenMode::Write),
        Just(OpenMode::CreateNew),
        Just(OpenMode::Truncate),
    ];
    let bytes = prop::collection::vec(any::<u8>(), 0..2000);
    prop_oneof![
        6 => (name(), mode, 0..5000u64, bytes)
            .prop_map(|(name, mode, position, bytes)| Step::Write { name, mode, position, bytes }),
        2 => (name(), 0..6000u64).prop_map(|(name, len)| Step::SetLen { name, len }),
        4 => (name(), 0..6000u64, 0..3000usize)
            .prop_map(|(name, position, len)| Step::Read { name, position, len }),
        2 => (name(), name()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => (name(), name()).prop_map(|(from, to)| Step::Link { from, to }),
        1 => name().prop_map(|name| Step::Remove { name }),
        2 => name().prop_map(|name| Step::CreateDir { name }),
        1 => name().prop_map(|name| Step::List { name }),
        1 => name().prop_map(|name| Step::Map { name }),
        1 => name().prop_map(|name| Step::Lock { name }),
        1 => name().prop_map(|name| Step::SyncDir { name }),
    ]
}

/// Takes a step and tells what a caller can see of it; of an error only that there was one.
fn take(disk: &dyn Storage, root: &Path, step: &Step) -> Option<String> {
    let path = |name: usize| -> PathBuf { root.join(NAMES[name]) };
    let result: io::Result<String> = (|| match step {
        Step::Write { name, mode, position, bytes } => {
            let file = disk.open(&path(*name), *mode)?;
            if *mode == OpenMode::Read && bytes.is_empty() {
                return Ok(String::new());
            }
            file.write_all_at(bytes, *position)?;
            file.sync_data()?;
            Ok(file.len()?.to_string())
        }
        Step::SetLen { name, len } => {
            let file = disk.open(&path(*name), OpenMode::Write)?;
            file.set_len(*len)?;
            file.sync_all()?;
            Ok(file.len()?.to_string())
        }
        Step::Read { name, position, len } => {
            let file = disk.open(&path(*name), OpenMode::Read)?;
            let mut buf = vec![0; *len];
            let read = file.read_full_at(&mut buf, *position)?;
            Ok(format!("{:?}", &buf[..read]))
        }
        // The contract is about files; renaming directories is left to each file system.
        Step::Rename { from, .. } if is_dir(disk, &path(*from)) => Ok(String::new()),
        Step::Rename { from, to } => disk.rename(&path(*from), &path(*to)).map(|()| String::new()),
        Step::Link { from, to } => disk.hard_link(&path(*from), &path(*to)).map(|()| String::new()),
        Step::Remove { name } => disk.remove(&path(*name)).map(|()| String::new()),
        Step::CreateDir { name } => disk.create_dir(&path(*name)).map(|()| String::new()),
        Step::List { name } => Ok(format!("{:?}", disk.list(&path(*name))?)),
        Step::Map { name } if is_dir(disk, &path(*name)) => Ok(String::new()),
        Step::Map { name } => Ok(format!("{:?}", disk.map(&path(*name))?.bytes())),
        Step::Lock { name } if is_dir(disk, &path(*name)) => Ok(String::new()),
        Step::Lock { name } => {
            let first = disk.lock(&path(*name))?;
            let second = disk.lock(&path(*name))?;
            Ok(format!("{} {}", first.is_some(), second.is_some()))
        }
        Step::SyncDir { name } if !is_dir(disk, &path(*name)) => Ok(String::new()),
        Step::SyncDir { name } => disk.sync_dir(&path(*name)).map(|()| String::new()),
    })();
    result.ok()
}

fn is_dir(disk: &dyn Storage, path: &Path) -> bool {
    disk.list(path).is_ok()
}

/// Every name below `dir` with its bytes.
fn tree(disk: &dyn Storage, dir: &Path, shown: &str, out: &mut Vec<(String, Vec<u8>)>) {
    for entry in disk.list(dir).unwrap() {
        let path = dir.join(&entry.name);
        let name = format!("{shown}/{}", entry.name);
        if entry.is_dir {
            out.push((name.clone(), Vec::new()));
            tree(disk, &path, &name, out);
        } else {
            let bytes = vellum::storage::read_file(disk, &path, 1 << 20).unwrap();
            assert_eq!(bytes.len() as u64, entry.len);
            out.push((name, bytes));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_disks_do_the_same(steps in prop::collection::vec(step(), 1..60), short_io: bool) {
        let dir = tempfile::tempdir().unwrap();
        let sim = SimDisk::new(1);
        sim.set_short_io(short_io);
        let sim_root = Path::new("/root");
        sim.create_dir(sim_root).unwrap();
        for (index, step) in steps.iter().enumerate() {
            let real = take(&RealDisk, dir.path(), step);
            let simulated = take(&sim, sim_root, step);
            prop_assert_eq!(real, simulated, "step {} {:?}", index, step);
        }
        let (mut real, mut simulated) = (Vec::new(), Vec::new());
        tree(&RealDisk, dir.path(), "", &mut real);
        tree(&sim, sim_root, "", &mut simulated);
        prop_assert_eq!(real, simulated);
    }
}
