//! `vellum-log` on directories made through the log writer and the snapshot writer.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Parser;
use serde_json::Value;
use vellum::base::{Offset, ReplId};
use vellum::inspect::{self, Cli, EXIT_CLEAN, EXIT_DAMAGED, EXIT_TORN, EXIT_USAGE, Environment};
use vellum::keyspace::ValueRef;
use vellum::log::{
    FrameBuffer, Head, Identity, Layout, LockFile, LogOptions, Opening, SyncPolicy, TailPolicy,
    Writer, recover,
};
use vellum::rdb::{BlockBuilder, DatabaseSize, Header, SnapshotWriter, StreamPosition};
use vellum::resp::encode::push_command;
use vellum::storage::{OpenMode, RealDisk, SimDisk, Storage, read_file};

const START_MS: u64 = 1_774_958_400_000;
const LEN_MAX: u64 = 1 << 30;

/// A log under construction.
pub struct Builder {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    writer: Writer,
    now_ms: u64,
    written: u64,
}

impl Builder {
    fn new(storage: Arc<dyn Storage>, dir: &Path) -> Self {
        let layout = Layout::new(dir);
        let lock = LockFile::acquire(&*storage, &layout).unwrap();
        let recovery = recover(&*storage, &layout, TailPolicy::Trim).unwrap();
        let identity = Identity::new(ReplId::from_random([7; 20]));
        let head = recovery.head.unwrap_or(Head { identity, offset: Offset::new(100), db: 0 });
        let options = LogOptions { fill_len_first: 64 * 1024, ..LogOptions::default() };
        let opening =
            Opening { storage: storage.clone(), layout, options, lock, policy: SyncPolicy::Always };
        let writer = opening.durable(&recovery, head, START_MS).unwrap();
        Self { storage, dir: dir.to_owned(), writer, now_ms: START_MS, written: 0 }
    }

    fn write(&mut self, commands: &[&[&[u8]]]) {
        self.write_with(commands, false);
    }

    fn write_with(&mut self, commands: &[&[&[u8]]], local: bool) {
        let mut buffer: FrameBuffer = self.writer.take_spare();
        for command in commands {
            let mut bytes = Vec::new();
            push_command(&mut bytes, command);
            buffer.push(&bytes, local);
            if command[0] == b"SELECT" {
                buffer.set_db(std::str::from_utf8(command[1]).unwrap().parse().unwrap());
            }
        }
        buffer.boundary();
        self.now_ms += 60_000;
        buffer.seal(self.now_ms);
        self.writer.write(buffer).unwrap();
        self.writer.sync().unwrap();
    }

    /// A mix of frames in databases 0 and 3.
    fn write_some(&mut self, frames: u64) {
        for _ in 0..frames {
            let n = self.written;
            self.written += 1;
            let db: &[u8] = if n % 5 == 4 { b"3" } else { b"0" };
            let key = format!("user:{}:name", n % 10);
            let value = vec![b'v'; (n as usize * 37) % 500];
            let when = format!("{}", START_MS + n);
            self.write(&[
                &[b"SELECT", db],
                &[b"SET", key.as_bytes(), &value],
                &[b"PEXPIREAT", key.as_bytes(), when.as_bytes()],
            ]);
        }
    }

    /// A snapshot cut here, put under the log.
    fn snapshot(&mut self, entries: u64) {
        let cut = self.writer.rotate(self.now_ms).unwrap();
        let path = self.dir.join("temp-snapshot.rdb.tmp");
        let file = self.storage.open(&path, OpenMode::Truncate).unwrap();
        let stream =
            StreamPosition { repl_id: cut.identity.replid, offset: cut.start, db: Some(cut.db) };
        let header = Header {
            created_s: Some(START_MS / 1000),
            stream: Some(stream),
            aof_base: true,
            databases: vec![DatabaseSize { db: 0, keys: entries, expires: 0 }],
            ..Header::default()
        };
        let mut snapshot = SnapshotWriter::begin(file, &header, false).unwrap();
        for chunk in 0..4 {
            let mut block = BlockBuilder::new();
            for n in 0..entries / 4 {
                let key = format!("key:{chunk}:{n}");
                block.push(0, key.as_bytes(), ValueRef::Bytes(&[b'x'; 40]), None);
            }
            snapshot.write_block(&mut block).unwrap();
        }
        snapshot.finish().unwrap();
        let base = self.writer.switch_base(&path, &cut).unwrap();
        self.writer.put_away(&base, self.now_ms);
    }

    /// Ends the log as a server that is stopped does.
    pub fn stop(mut self) {
        self.writer.close_clean().unwrap();
    }
}

/// Log, snapshot in the middle, segments before and after it.
pub fn build(storage: Arc<dyn Storage>, dir: &Path) -> Builder {
    let mut builder = Builder::new(storage, dir);
    builder.write_some(30);
    builder.writer.rotate(builder.now_ms).unwrap();
    builder.write_some(20);
    builder.snapshot(400);
    builder.write_some(20);
    builder.writer.rotate(builder.now_ms).unwrap();
    builder.write_some(10);
    builder
}

fn sim(dir: &str) -> (SimDisk, PathBuf) {
    (SimDisk::new(1), PathBuf::from(dir))
}

/// Runs the tool: exit status, output, notices.
pub fn tool(storage: &dyn Storage, answer: &str, args: &[&str]) -> (u8, String, String) {
    let words = std::iter::once("vellum-log").chain(args.iter().copied());
    let cli = Cli::try_parse_from(words).unwrap();
    let (mut out, mut notices) = (Vec::new(), Vec::new());
    let mut env = Environment {
        storage,
        input: &mut Cursor::new(answer.as_bytes().to_vec()),
        out: &mut out,
        notices: &mut notices,
        is_terminal: false,
    };
    let status = inspect::run(cli, &mut env).unwrap();
    (status, String::from_utf8(out).unwrap(), String::from_utf8(notices).unwrap())
}

/// Runs the tool, which is to end well; its output.
pub fn look(storage: &dyn Storage, args: &[&str]) -> String {
    let (status, out, notices) = tool(storage, "", args);
    assert_eq!((status, &*notices), (EXIT_CLEAN, ""), "{args:?}: {out}");
    out
}

fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Every file below a directory with its bytes.
fn tree(storage: &dyn Storage, dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in storage.list(dir).unwrap() {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            files.extend(tree(storage, &path));
        } else {
            let bytes = read_file(storage, &path, LEN_MAX).unwrap();
            files.push((path, bytes));
        }
    }
    files
}

#[test]
fn a_sound_directory_is_clean_stopped_or_not() {
    for stopped in [true, false] {
        let (disk, dir) = sim("data");
        let builder = build(Arc::new(disk.clone()), &dir);
        if stopped {
            builder.stop();
        }
        let before = tree(&disk, &dir);
        let out = look(&disk, &["verify", "data"]);
        assert!(out.ends_with("clean\n"), "{out}");
        assert!(out.contains("80 frames with 240 commands, 800 snapshot entries"), "{out}");
        let info = look(&disk, &["info", "data"]);
        assert!(info.contains("a server would start on it"), "{info}");
        assert!(tree(&disk, &dir) == before, "looking has changed something");
    }
}

#[test]
fn every_flipped_bit_is_found() {
    for stopped in [true, false] {
        let (disk, dir) = sim("data");
        let builder = build(Arc::new(disk.clone()), &dir);
        let mut rng = fastrand::Rng::with_seed(if stopped { 1 } else { 2 });
        if stopped {
            builder.stop();
        } else {
            drop(builder);
            disk.kill();
        }
        let files = tree(&disk, &dir);
        let places: u64 = 250;
        for n in 0..places {
            // Each file in turn, however short it is.
            let (path, bytes) = &files[n as usize % files.len()];
            let bit = rng.u64(0..bytes.len() as u64 * 8);
            disk.flip_bit(path, bit).unwrap();
            let (status, out, _) = tool(&disk, "", &["verify", "data"]);
            assert!(
                status == EXIT_TORN || status == EXIT_DAMAGED,
                "bit {bit} of {} ({stopped}): {out}",
                path.display()
            );
            assert!(out.contains(&*path.to_string_lossy()), "{} not named: {out}", path.display());
            disk.flip_bit(path, bit).unwrap();
        }
        assert_eq!(tool(&disk, "", &["verify", "data"]).0, EXIT_CLEAN);
    }
}

#[test]
fn a_half_written_frame_is_a_torn_tail_and_a_short_file_is_damage() {
    let (disk, dir) = sim("data");
    drop(build(Arc::new(disk.clone()), &dir));
    disk.kill();
    let last = newest_segment(&disk, &dir);
    // The front of a frame after the last one, where there is filler now.
    let bytes = read_file(&disk, &last, LEN_MAX).unwrap();
    let end = bytes.windows(2).rposition(|w| w == b"\r\n").unwrap() + 2;
    let file = disk.open(&last, OpenMode::Write).unwrap();
    file.write_all_at(b"#V00112233", end as u64).unwrap();
    let (status, out, _) = tool(&disk, "", &["verify", "data"]);
    assert_eq!(status, EXIT_TORN, "{out}");

    let (disk, dir) = sim("data");
    build(Arc::new(disk.clone()), &dir).stop();
    let last = newest_segment(&disk, &dir);
    let file = disk.open(&last, OpenMode::Write).unwrap();
    file.set_len(file.len().unwrap() - 100).unwrap();
    assert_eq!(tool(&disk, "", &["verify", "data"]).0, EXIT_DAMAGED);
}

fn newest_segment(disk: &dyn Storage, dir: &Path) -> PathBuf {
    let folder = dir.join("appendonlydir");
    let number = |name: &str| {
        let rest = name.strip_prefix("appendonly.aof.")?.strip_suffix(".incr.aof")?;
        rest.parse::<u64>().ok()
    };
    let names = disk.list(&folder).unwrap().into_iter().map(|entry| entry.name);
    folder.join(names.max_by_key(|name| number(name)).unwrap())
}

#[test]
fn dump_shows_what_was_written_and_filters_it() {
    let (disk, dir) = sim("data");
    let mut builder = build(Arc::new(disk.clone()), &dir);
    builder.write_with(&[&[b"SET", b"mine", b"\xff\x00"]], true);
    let end = builder.writer.end();
    builder.stop();
    let all = json_lines(&look(&disk, &["dump", "data", "--format", "json"]));
    assert_eq!(all.len(), 241);
    assert_eq!(all[0]["offset"], 100);
    // Offsets follow each other without a gap: each command is as long as its encoding.
    let mut expected = 100;
    for line in &all[..240] {
        assert_eq!(line["offset"], expected, "{line}");
        let words: Vec<&[u8]> = line["command"]
            .as_array()
            .unwrap()
            .iter()
            .map(|word| word.as_str().unwrap().as_bytes())
            .collect();
        let mut bytes = Vec::new();
        push_command(&mut bytes, &words);
        expected += bytes.len() as u64;
    }
    assert_eq!(expected, end.get());
    assert_eq!(all[240]["local"], true);
    assert_eq!(all[240]["command"][2]["hex"], "ff00");

    let count = |args: &[&str]| {
        let args: Vec<&str> = ["dump", "data"].iter().chain(args).copied().collect();
        look(&disk, &args).lines().count()
    };
    assert_eq!(count(&["--command", "set"]), 81);
    assert_eq!(count(&["--command", "set,PEXPIREAT"]), 161);
    assert_eq!(count(&["--key", "user:3:*"]), 16);
    assert_eq!(count(&["--db", "3", "--command", "SET"]), 17);
    assert_eq!(count(&["--limit", "7"]), 7);
    assert_eq!(count(&["--limit", "0"]), 0);
    let middle = all[120]["offset"].as_u64().unwrap();
    assert_eq!(count(&["--from-offset", &middle.to_string()]), 121);
    assert_eq!(count(&["--to-offset", &middle.to_string()]), 120);
    let time = all[120]["time_ms"].as_u64().unwrap();
    assert_eq!(count(&["--since", &time.to_string()]), 121);
    assert_eq!(count(&["--until", &time.to_string()]), 120);
    let text = look(&disk, &["dump", "data", "--limit", "2"]);
    assert_eq!(
        text,
        "           100  2026-03-31T12:01:00.000Z  db0 SELECT 0\n\
         \x20          123  2026-03-31T12:01:00.000Z  db0 SET user:0:name \"\"\n"
    );
}

#[test]
fn dump_goes_on_behind_damage_and_says_so() {
    let (disk, dir) = sim("data");
    build(Arc::new(disk.clone()), &dir).stop();
    let first = dir.join("archive/appendonly.aof.1.incr.aof");
    // The filler behind its frames may still be there.
    let bytes = vellum::storage::read_file(&disk, &first, 1 << 30).unwrap();
    let len = bytes.iter().rposition(|byte| !b"#\n".contains(byte)).unwrap();
    disk.flip_bit(&first, len as u64 / 2 * 8).unwrap();
    let (status, out, notices) = tool(&disk, "", &["dump", "data"]);
    assert_eq!(status, EXIT_DAMAGED);
    assert_eq!(out.lines().count(), 237, "one frame is passed over");
    assert!(notices.contains("the next whole frame begins at"), "{notices}");
    // Only the archive is hurt: a server starts, and verify still says so.
    assert!(look(&disk, &["info", "data"]).contains("a server would start on it"));
    assert_eq!(tool(&disk, "", &["verify", "data"]).0, EXIT_DAMAGED);
}

#[test]
fn stats_count_by_command_prefix_and_hour() {
    let (disk, dir) = sim("data");
    build(Arc::new(disk.clone()), &dir).stop();
    let out = look(&disk, &["stats", "data", "--format", "json", "--depth", "2", "--top", "3"]);
    let stats: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(stats["total"]["commands"], 240);
    assert_eq!(stats["by_command"].as_array().unwrap().len(), 3);
    assert_eq!(stats["by_prefix"].as_array().unwrap().len(), 3);
    assert_eq!(stats["by_prefix"][0]["commands"], 16);
    assert_eq!(stats["other_prefixes"]["commands"], 7 * 16);
    assert_eq!(
        stats["by_hour"][0],
        serde_json::json!({
            "hour": "2026-03-31T12", "commands": 177, "bytes": stats["by_hour"][0]["bytes"]
        })
    );
    assert!(look(&disk, &["stats", "data"]).contains("240 commands"));
}

/// Output whose reader goes away.
struct ClosedPipe;

impl Write for ClosedPipe {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::BrokenPipe.into())
    }
}

#[test]
fn a_closed_pipe_is_told_from_a_failure() {
    let (disk, dir) = sim("data");
    build(Arc::new(disk.clone()), &dir).stop();
    let cli = Cli::try_parse_from(["vellum-log", "dump", "data"]).unwrap();
    let mut env = Environment {
        storage: &disk,
        input: &mut io::empty(),
        out: &mut ClosedPipe,
        notices: &mut Vec::new(),
        is_terminal: false,
    };
    assert!(inspect::run(cli, &mut env).unwrap_err().is_closed_pipe());
}

#[test]
fn tail_follows_over_a_rotation() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let disk = Arc::new(RealDisk);
    let mut builder = Builder::new(disk.clone(), &data);
    builder.write_some(3);
    let thread = std::thread::spawn({
        let data = data.to_str().unwrap().to_owned();
        move || {
            let command = ["--command", "set", "--format", "json"];
            let args: Vec<&str> =
                ["tail", &data, "-n", "2", "--idle", "2s"].into_iter().chain(command).collect();
            json_lines(&look(&RealDisk, &args))
        }
    });
    for _ in 0..5 {
        std::thread::sleep(std::time::Duration::from_millis(150));
        builder.write_some(2);
        builder.writer.rotate(builder.now_ms).unwrap();
        builder.write_some(1);
    }
    let lines = thread.join().unwrap();
    let offsets: Vec<u64> = lines.iter().map(|line| line["offset"].as_u64().unwrap()).collect();
    assert_eq!(offsets.len(), 17, "2 that were there and 15 that came");
    assert!(offsets.is_sorted_by(|a, b| a < b), "{offsets:?}");
}

#[test]
fn a_directory_being_written_is_never_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut builder = Builder::new(Arc::new(RealDisk), &data);
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let thread = std::thread::spawn({
        let (data, done) = (data.to_str().unwrap().to_owned(), done.clone());
        move || {
            let mut looks = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let (status, out, _) = tool(&RealDisk, "", &["verify", &data]);
                assert_eq!(status, EXIT_CLEAN, "{out}");
                let (status, _, notices) = tool(&RealDisk, "", &["dump", &data]);
                assert_eq!(status, EXIT_CLEAN, "{notices}");
                looks += 1;
            }
            looks
        }
    });
    let value = vec![b'v'; 5000];
    for n in 0..20_000 {
        let mut buffer = builder.writer.take_spare();
        let mut bytes = Vec::new();
        push_command(&mut bytes, &[b"SET", b"key", &value[..n % 5000]]);
        buffer.push(&bytes, false);
        buffer.boundary();
        buffer.seal(START_MS);
        builder.writer.write(buffer).unwrap();
        if n % 1000 == 999 {
            builder.writer.rotate(START_MS).unwrap();
        }
        if n % 7000 == 6999 {
            builder.snapshot(40);
        }
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(thread.join().unwrap() > 0);
}

#[test]
fn history_tells_when_a_key_was_written_and_is_extended() {
    let dir = tempfile::tempdir().unwrap();
    let (data, index) = (dir.path().join("data"), dir.path().join("index"));
    let disk = Arc::new(RealDisk);
    build(disk.clone(), &data).stop();
    let (data_arg, index_arg) = (data.to_str().unwrap(), index.to_str().unwrap());
    let history = |key: &str| {
        let args = ["history", key, data_arg, "--index", index_arg, "--format", "json"];
        json_lines(&look(&RealDisk, &args))
    };
    let before = tree(&RealDisk, &data);
    assert_eq!(history("user:3:name").len(), 16);
    assert_eq!(history("user:3:nam").len(), 0);
    assert!(tree(&RealDisk, &data) == before, "history has changed the data directory");

    let mut builder = Builder::new(disk, &data);
    builder.write(&[&[b"SELECT", b"0"], &[b"DEL", b"a", b"user:3:name"], &[b"FLUSHALL"]]);
    builder.stop();
    let lines = history("user:3:name");
    assert_eq!(lines.len(), 18);
    assert_eq!(lines[16]["command"], "DEL");
    assert_eq!(lines[17]["command"], "FLUSHALL");
    assert!(lines.windows(2).all(|w| w[0]["offset"].as_u64() < w[1]["offset"].as_u64()));

    // A damaged index is built anew instead of answering with holes.
    let database = index.join("sled/db");
    let mut bytes = std::fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&database, bytes).unwrap();
    assert_eq!(history("user:3:name"), lines);
    let inside = data.join("index");
    let cli =
        Cli::try_parse_from(["vellum-log", "index", data_arg, "--index", inside.to_str().unwrap()]);
    let mut env = Environment {
        storage: &RealDisk,
        input: &mut io::empty(),
        out: &mut Vec::new(),
        notices: &mut Vec::new(),
        is_terminal: false,
    };
    let error = inspect::run(cli.unwrap(), &mut env).unwrap_err().to_string();
    assert!(error.contains("inside the data directory"), "{error}");
}

/// Damages a directory, repairs it, and looks at the offset a server would start at.
fn repaired(damage: impl FnOnce(&SimDisk, &Path)) -> (SimDisk, Option<u64>, String) {
    let (disk, dir) = sim("data");
    build(Arc::new(disk.clone()), &dir).stop();
    damage(&disk, &dir);
    let before = tree(&disk, &dir);
    let refused = {
        let cli = Cli::try_parse_from(["vellum-log", "repair", "data"]).unwrap();
        let mut env = Environment {
            storage: &disk,
            input: &mut Cursor::new(b"n\n".to_vec()),
            out: &mut Vec::new(),
            notices: &mut Vec::new(),
            is_terminal: false,
        };
        inspect::run(cli, &mut env).unwrap_err().to_string()
    };
    assert!(refused.contains("nothing was changed"), "{refused}");
    assert!(tree(&disk, &dir) == before, "an answer of no has changed something");
    let (status, out, _) = tool(&disk, "y\n", &["repair", "data", "--backup", "backup"]);
    assert_eq!(status, EXIT_CLEAN, "{out}");
    let (status, verdict, _) = tool(&disk, "", &["verify", "data"]);
    assert_eq!(status, EXIT_CLEAN, "{out}{verdict}");
    // Nothing that was there is gone: it is where it was or in the backup.
    let after: Vec<Vec<u8>> = tree(&disk, &dir)
        .into_iter()
        .chain(tree(&disk, Path::new("backup")))
        .map(|(_, bytes)| bytes)
        .collect();
    for (path, bytes) in &before {
        assert!(after.contains(bytes), "{} is lost: {out}", path.display());
    }
    let recovery = recover(&disk, &Layout::new(&dir), TailPolicy::Refuse).unwrap();
    assert!(recovery.needs_new_id(), "a shortened history keeps its name");
    let again = look(&disk, &["repair", "data"]);
    assert!(again.starts_with("nothing to repair"), "{again}");
    (disk, recovery.head.map(|head| head.offset.get()), out)
}

fn end_of_whole_log() -> u64 {
    let (disk, dir) = sim("data");
    let builder = build(Arc::new(disk), &dir);
    builder.writer.end().get()
}

#[test]
fn repair_cuts_a_damaged_segment_and_puts_later_ones_aside() {
    let whole = end_of_whole_log();
    let (_, offset, out) = repaired(|disk, dir| {
        let path = dir.join("appendonlydir/appendonly.aof.3.incr.aof");
        let len = disk.open(&path, OpenMode::Read).unwrap().len().unwrap();
        disk.flip_bit(&path, len / 2 * 8).unwrap();
    });
    assert!(offset.is_some_and(|offset| offset < whole && offset > 100), "{out}");
    assert!(out.contains("cut data/appendonlydir/appendonly.aof.3.incr.aof"), "{out}");
}

#[test]
fn repair_writes_a_lost_manifest_anew() {
    for damage in ["remove", "flip"] {
        let (_, offset, out) = repaired(|disk, dir| {
            let path = dir.join("appendonlydir/appendonly.aof.manifest");
            match damage {
                "remove" => disk.remove(&path).unwrap(),
                _ => disk.flip_bit(&path, 100).unwrap(),
            }
        });
        assert_eq!(offset, Some(end_of_whole_log()), "{damage}: {out}");
    }
}

#[test]
fn repair_uses_the_other_name_of_a_lost_snapshot() {
    let (_, offset, out) = repaired(|disk, dir| {
        let folder = dir.join("appendonlydir");
        let base = disk.list(&folder).unwrap().into_iter().find(|e| e.name.ends_with(".rdb"));
        disk.remove(&folder.join(base.unwrap().name)).unwrap();
    });
    assert_eq!(offset, Some(end_of_whole_log()), "{out}");
    assert!(out.contains("use data/dump.rdb as"), "{out}");
}

#[test]
fn repair_refuses_where_nothing_can_bring_the_keys_back() {
    let (disk, dir) = sim("data");
    build(Arc::new(disk.clone()), &dir).stop();
    let before = {
        // One flip hurts both names: they are one file.
        disk.flip_bit(&dir.join("dump.rdb"), 5000).unwrap();
        tree(&disk, &dir)
    };
    let cli = Cli::try_parse_from(["vellum-log", "repair", "data", "--yes"]).unwrap();
    let mut env = Environment {
        storage: &disk,
        input: &mut io::empty(),
        out: &mut Vec::new(),
        notices: &mut Vec::new(),
        is_terminal: false,
    };
    let error = inspect::run(cli, &mut env).unwrap_err().to_string();
    assert!(error.contains("no sound snapshot"), "{error}");
    assert!(tree(&disk, &dir) == before);
}

#[test]
fn repair_does_not_touch_a_directory_in_use() {
    let (disk, dir) = sim("data");
    let _running = build(Arc::new(disk.clone()), &dir);
    let cli = Cli::try_parse_from(["vellum-log", "repair", "data", "--yes"]).unwrap();
    let mut env = Environment {
        storage: &disk,
        input: &mut io::empty(),
        out: &mut Vec::new(),
        notices: &mut Vec::new(),
        is_terminal: false,
    };
    let error = inspect::run(cli, &mut env).unwrap_err().to_string();
    assert!(error.contains("in use"), "{error}");
}

#[test]
fn the_program_says_by_its_exit_status_what_it_found() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    build(Arc::new(RealDisk), &data).stop();
    let status = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_vellum-log"))
            .args(args)
            .output()
            .unwrap();
        output.status.code().unwrap()
    };
    let data = data.to_str().unwrap();
    assert_eq!(status(&["verify", data]), i32::from(EXIT_CLEAN));
    assert_eq!(status(&["--help"]), i32::from(EXIT_CLEAN));
    assert_eq!(status(&["verify", "--nonsense"]), i32::from(EXIT_USAGE));
    assert_eq!(status(&["verify", "/does/not/exist"]), i32::from(inspect::EXIT_FAILED));
    let manifest = Path::new(data).join("appendonlydir/appendonly.aof.manifest");
    std::fs::write(manifest, "nonsense\n").unwrap();
    assert_eq!(status(&["verify", data]), i32::from(EXIT_DAMAGED));
}
