//! Segments with bytes changed at random: whatever is read from them was written to them, nothing
//! panics, and no length in them is believed beyond the file's own.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use clap::Parser;
use proptest::prelude::*;
use vellum::base::{Offset, ReplId, alloc};
use vellum::inspect::{self, Cli, Environment};
use vellum::log::{
    Head, Identity, Layout, LockFile, LogOptions, Opening, Reader, Record, Replay, SyncPolicy,
    TailPolicy, recover,
};
use vellum::resp::encode::push_command;
use vellum::storage::{OpenMode, SimDisk, Storage, read_file};

const DATA: &str = "data";
const FILE_LEN_MAX: u64 = 1 << 20;
/// Far more than the files take, and far less than the lengths that can be stated in them.
const MEMORY_MAX: usize = 64 << 20;

/// A directory's files and the frames in them: offset and payload.
struct Sound {
    files: Vec<(PathBuf, Vec<u8>)>,
    frames: BTreeMap<(u64, bool), Vec<Vec<u8>>>,
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = SimDisk::new(1);
        let frames = write_log(&disk);
        let mut files = Vec::new();
        collect(&disk, Path::new(DATA), &mut files);
        Sound { files, frames }
    })
}

fn collect(disk: &dyn Storage, dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in disk.list(dir).unwrap() {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            collect(disk, &path, files);
        } else {
            files.push((path.clone(), read_file(disk, &path, FILE_LEN_MAX).unwrap()));
        }
    }
}

/// Three segments of some frames each, local ones among them, cleanly closed.
fn write_log(disk: &SimDisk) -> BTreeMap<(u64, bool), Vec<Vec<u8>>> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let layout = Layout::new(DATA);
    let lock = LockFile::acquire(&*storage, &layout).unwrap();
    let recovery = recover(&*storage, &layout, TailPolicy::Trim).unwrap();
    let identity = Identity::new(ReplId::from_random([7; 20]));
    let head = Head { identity, offset: Offset::new(1000), db: 0 };
    let options = LogOptions { fill_len_first: 4096, ..LogOptions::default() };
    let opening = Opening { storage, layout, options, lock, policy: SyncPolicy::Always };
    let mut writer = opening.durable(&recovery, head, 1).unwrap();
    let mut frames: BTreeMap<(u64, bool), Vec<Vec<u8>>> = BTreeMap::new();
    for number in 0..30_usize {
        if number % 10 == 9 {
            writer.rotate(number as u64).unwrap();
        }
        let local = number % 7 == 3;
        let mut bytes = Vec::new();
        let value = vec![b'#'; number * 5];
        push_command(&mut bytes, &[b"SET", number.to_string().as_bytes(), &value]);
        frames.entry((writer.end().get(), local)).or_default().push(bytes.clone());
        let mut buffer = writer.take_spare();
        buffer.push(&bytes, local);
        buffer.boundary();
        buffer.seal(number as u64);
        writer.write(buffer).unwrap();
        writer.sync().unwrap();
    }
    writer.close_clean().unwrap();
    frames
}

/// A change to a file; places are parts of its length.
#[derive(Clone, Debug)]
enum Edit {
    Set(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, prop::sample::Index, usize),
}

/// Bytes that mean something in a segment, mostly.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(b"0123456789abcdef".to_vec()),
        prop::sample::select(b"#V*$\r\n\0".to_vec()),
    ]
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        6 => (at(), byte()).prop_map(|(at, byte)| Edit::Set(at, byte)),
        1 => at().prop_map(Edit::Cut),
        2 => (at(), prop::collection::vec(byte(), 1..100)).prop_map(|(at, b)| Edit::Insert(at, b)),
        1 => (at(), 1..200_usize).prop_map(|(at, len)| Edit::Remove(at, len)),
        1 => (at(), at(), 1..400_usize).prop_map(|(from, to, len)| Edit::Repeat(from, to, len)),
    ]
}

fn apply(edit: &Edit, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    match edit {
        Edit::Set(at, byte) => *at.get_mut(&mut bytes[..]) = *byte,
        Edit::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Edit::Insert(at, new) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, new.iter().copied());
        }
        Edit::Remove(at, len) => {
            let at = at.index(bytes.len());
            bytes.drain(at..(at + len).min(bytes.len()));
        }
        Edit::Repeat(from, to, len) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let part = bytes[from..(from + len).min(bytes.len())].to_vec();
            bytes.splice(to..to, part);
        }
    }
}

fn put(disk: &SimDisk, path: &Path, bytes: &[u8]) {
    disk.create_dir(path.parent().unwrap()).unwrap();
    let file = disk.open(path, OpenMode::Truncate).unwrap();
    file.write_all_at(bytes, 0).unwrap();
    file.sync_all().unwrap();
}

fn is_known(offset: Offset, local: bool, payload: &[u8]) -> bool {
    let frames = sound().frames.get(&(offset.get(), local));
    frames.is_some_and(|frames| frames.iter().any(|frame| frame == payload))
}

/// Recovers and replays; how many frames came.
fn replay(disk: &SimDisk) -> Result<u64, TestCaseError> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let layout = Layout::new(DATA);
    let mut frames = 0;
    for policy in [TailPolicy::Refuse, TailPolicy::Trim] {
        let Ok(recovery) = recover(&*storage, &layout, policy) else { continue };
        let mut replay = Replay::new(Arc::clone(&storage), &layout, &recovery);
        while let Ok(Some(record)) = replay.next_record() {
            if let Record::Frame(frame) = record {
                prop_assert!(is_known(frame.offset, frame.local, frame.payload));
                frames += 1;
            }
        }
    }
    Ok(frames)
}

/// Reads as a partial resync does, from everywhere.
fn follow(disk: &SimDisk) -> Result<(), TestCaseError> {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let Ok(mut reader) = Reader::open(storage, &Layout::new(DATA), None) else { return Ok(()) };
    while let Ok(Some(frame)) = reader.next_frame(Offset::MAX) {
        prop_assert!(is_known(frame.offset, frame.local, frame.payload));
    }
    Ok(())
}

fn look(disk: &SimDisk) {
    for action in ["info", "verify", "dump", "stats"] {
        let mut env = Environment {
            storage: disk,
            input: &mut io::empty(),
            out: &mut Vec::new(),
            notices: &mut Vec::new(),
            is_terminal: false,
        };
        // It may refuse; it must come back.
        let _ = inspect::run(Cli::try_parse_from(["vellum-log", action, DATA]).unwrap(), &mut env);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changed_segments_give_what_was_written_or_nothing(
        file in any::<prop::sample::Index>(),
        edits in prop::collection::vec(edit(), 0..5),
    ) {
        alloc::reset_peak();
        let before = alloc::used_bytes();
        let disk = SimDisk::new(1);
        let chosen = file.index(sound().files.len());
        for (index, (path, bytes)) in sound().files.iter().enumerate() {
            let mut bytes = bytes.clone();
            if index == chosen {
                edits.iter().for_each(|edit| apply(edit, &mut bytes));
            }
            put(&disk, path, &bytes);
        }
        let frames = replay(&disk)?;
        if edits.is_empty() {
            prop_assert_eq!(frames, 2 * 30);
        }
        follow(&disk)?;
        look(&disk);
        let taken = alloc::peak_bytes().saturating_sub(before);
        prop_assert!(before > 0 && taken < MEMORY_MAX, "{taken} bytes were taken");
    }
}
