//! `index` and `history`: which commands wrote a key, through an index in sled.
//!
//! ```text
//! FOLDER/INDEX   "vellum-log index 1\n<data directory>\n": whose index it is; locked while in use
//! FOLDER/SEAL    CRC-32 of sled's files, eight hexadecimal digits; only while nobody has them open
//! FOLDER/sled/   trees, keys (integers big-endian) and bincode values:
//!   files   rank of the file u64                                          FileMark
//!   keys    length of the key u32, key, rank u64, position u64, nth u32   Entry
//!   all     rank u64, position u64                                        Sweep
//! ```
//!
//! The log is read once; later runs read what it gained. Entries outlive the segments they were read
//! from. sled forgets records in silence when its files are damaged, which would be a history with
//! holes: hence the seal. An index without a fitting one is built anew.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bincode::config::{Configuration, standard};
use bincode::{Decode, Encode};
use serde_json::json;
use sha1::{Digest, Sha1};

use super::Environment;
use super::cli::{DirArgs, Format, HistoryArgs, IndexArgs, IndexPlaceArgs};
use super::error::InspectError;
use super::files::{Files, FoundFile};
use super::finding::Severity;
use super::keys::{KeyFinder, Scope, scope};
use super::output;
use super::progress::Bar;
use super::record::Record;
use super::walk::{Event, Mode, Walk};
use crate::base::Offset;
use crate::log::Layout;
use crate::log::catalogue::CatalogueError;
use crate::storage::{Lock, RealDisk, Storage};

const FIRST_LINE: &str = "vellum-log index 1";
/// Memory sled may use for its cache, in bytes.
const CACHE_LEN_MAX: u64 = 64 * 1024 * 1024;
/// Entries gathered before they go to sled.
const BATCH_LEN: usize = 4096;
const CODEC: Configuration = standard();

/// `index`.
pub(super) fn run_index(
    env: &mut Environment<'_>,
    args: &IndexArgs,
) -> Result<Severity, InspectError> {
    let layout = args.dir.layout();
    let mut index = Index::open(&place(&args.dir, &args.place)?, &args.dir.dir)?;
    let worst = index.update(env, &layout)?;
    let (keys, folder) = (index.keys.len(), index.folder.clone());
    index.close()?;
    writeln!(env.out, "{keys} entries in {}", folder.display())?;
    env.out.flush()?;
    Ok(worst)
}

/// `history`.
pub(super) fn run_history(
    env: &mut Environment<'_>,
    args: &HistoryArgs,
) -> Result<Severity, InspectError> {
    let layout = args.dir.layout();
    let mut index = Index::open(&place(&args.dir, &args.place)?, &args.dir.dir)?;
    let worst = index.update(env, &layout)?;
    let history = index.history(args.key.as_bytes(), args.db);
    index.close()?;
    for line in history? {
        match args.format {
            Format::Text => line.write_text(env.out)?,
            Format::Json => line.write_json(env.out)?,
        }
    }
    env.out.flush()?;
    Ok(worst)
}

/// Where the index of a directory is.
fn place(dir: &DirArgs, place: &IndexPlaceArgs) -> Result<PathBuf, InspectError> {
    let data = canonical(&dir.dir)?;
    let folder = match &place.index {
        Some(folder) => folder.clone(),
        None => {
            let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
            let cache = variable("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(variable("HOME")?).join(".cache")))
                .unwrap_or_else(std::env::temp_dir);
            let name = Sha1::digest(data.as_os_str().as_encoded_bytes());
            let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
            cache.join("vellum-log").join(name)
        }
    };
    let refuse_inside = |folder: &Path| {
        if !folder.starts_with(&data) {
            return Ok(());
        }
        Err(InspectError::Refused(format!(
            "{} is inside the data directory, where only the server writes; choose another --index",
            folder.display()
        )))
    };
    // Before anything is created there; and again, when all links on the way are known.
    refuse_inside(&canonical_as_far_as_it_exists(&folder)?)?;
    fs::create_dir_all(&folder).map_err(InspectError::io("create", &folder))?;
    let folder = canonical(&folder)?;
    refuse_inside(&folder)?;
    Ok(folder)
}

fn canonical_as_far_as_it_exists(path: &Path) -> Result<PathBuf, InspectError> {
    let path = std::path::absolute(path).map_err(InspectError::io("find", path))?;
    let existing = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(&path);
    let rest = path.strip_prefix(existing).unwrap_or(Path::new(""));
    Ok(canonical(existing)?.join(rest))
}

fn canonical(path: &Path) -> Result<PathBuf, InspectError> {
    fs::canonicalize(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            InspectError::Refused(format!("there is no directory {}", path.display()))
        }
        _ => InspectError::io("find", path)(error),
    })
}

/// How far a file was read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct FileMark {
    name: String,
    /// Checksum of a segment's header, which tells it from another one of the same name; 0 for
    /// another server's file.
    seed: u32,
    position: u64,
    offset: Offset,
    db: u32,
    foreign: bool,
}

/// A command that wrote a key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Entry {
    offset: Option<Offset>,
    time_ms: Option<u64>,
    local: bool,
    db: u32,
    command: Vec<u8>,
}

/// A command that concerned all keys of some databases.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
struct Sweep {
    entry: Entry,
    /// The databases; none for all of them.
    databases: Vec<u32>,
}

/// A line of a key's history.
struct Line {
    file: String,
    rank: u64,
    position: u64,
    entry: Entry,
}

/// An open index.
struct Index {
    folder: PathBuf,
    lock: Box<dyn Lock>,
    db: sled::Db,
    files: sled::Tree,
    keys: sled::Tree,
    all: sled::Tree,
    finder: KeyFinder,
}

impl Index {
    /// Opens the index in `folder`, which belongs to the data directory `dir`; a damaged or
    /// unfinished one is emptied.
    fn open(folder: &Path, dir: &Path) -> Result<Self, InspectError> {
        let label = folder.join("INDEX");
        let text = format!("{FIRST_LINE}\n{}\n", canonical(dir)?.display());
        match fs::read_to_string(&label) {
            Ok(found) if found == text => {}
            // Made by whoever was about to write it.
            Ok(found) if found.is_empty() => {}
            Ok(_) => return Err(refused(folder, "is the index of another directory")),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut entries = fs::read_dir(folder).map_err(InspectError::io("list", folder))?;
                if entries.next().is_some() {
                    return Err(refused(folder, "holds something else than an index"));
                }
            }
            Err(e) => return Err(InspectError::io("read", &label)(e)),
        }
        let lock = RealDisk.lock(&label).map_err(InspectError::io("lock", &label))?;
        let lock = lock.ok_or_else(|| refused(folder, "is in use by another vellum-log"))?;
        fs::write(&label, text).map_err(InspectError::io("write", &label))?;
        let (sled_dir, seal_path) = (folder.join("sled"), folder.join("SEAL"));
        let seal = fs::read_to_string(&seal_path).ok();
        if seal.is_none() || seal != Some(seal_of(&sled_dir)?) {
            remove(fs::remove_dir_all(&sled_dir), &sled_dir)?;
        }
        remove(fs::remove_file(&seal_path), &seal_path)?;
        let config = sled::Config::new().path(&sled_dir).cache_capacity(CACHE_LEN_MAX);
        let failed = sled_error(folder);
        let db = config.flush_every_ms(None).open().map_err(&failed)?;
        Ok(Self {
            files: db.open_tree("files").map_err(&failed)?,
            keys: db.open_tree("keys").map_err(&failed)?,
            all: db.open_tree("all").map_err(&failed)?,
            folder: folder.to_owned(),
            finder: KeyFinder::new(),
            lock,
            db,
        })
    }

    /// Reads what the log gained since the last time.
    fn update(
        &mut self,
        env: &mut Environment<'_>,
        layout: &Layout,
    ) -> Result<Severity, InspectError> {
        let log = Files::list(env.storage, layout)?.log();
        let bar = Bar::new(env.is_terminal, log.iter().map(|file| file.len).sum());
        let mut worst = Severity::Note;
        for (index, file) in log.iter().enumerate() {
            let mut mark = self.mark_of(file)?;
            let mut walk = match Walk::open(env.storage, layout, file) {
                Err(error) if error.is_gone() => continue,
                other => other?,
            };
            if let (Walk::Segment(walk), Some(known)) = (&walk, &mark)
                && known.seed != walk.header().seed
            {
                // Another history than the one that was indexed.
                self.clear()?;
                writeln!(
                    env.notices,
                    "{}: not the file that was indexed: starting anew",
                    file.name
                )?;
                mark = None;
            }
            let mode = if index + 1 == log.len() { Mode::Follow } else { Mode::Look };
            worst = worst.max(self.read(env, layout, file, &mut walk, mark, mode)?);
            bar.add(file.len);
        }
        bar.finish();
        Ok(worst)
    }

    fn read(
        &self,
        env: &mut Environment<'_>,
        layout: &Layout,
        file: &FoundFile,
        walk: &mut Walk,
        mark: Option<FileMark>,
        mode: Mode,
    ) -> Result<Severity, InspectError> {
        let storage = env.storage;
        let mut batch = Batch { index: self, keys: sled::Batch::default(), len: 0 };
        let mut worst = Severity::Note;
        let notices = &mut *env.notices;
        let mut on_event = |event: Event<'_>| {
            match event {
                Event::Frame { .. } => {}
                Event::Record(record) => batch.add(file.rank(), &record)?,
                Event::Gap(gap) => {
                    worst = Severity::Damage;
                    writeln!(notices, "{}", gap.finding(&file.path))?;
                }
            }
            Ok(true)
        };
        let mark = match walk {
            Walk::Segment(walk) => {
                match mark {
                    Some(mark) if mark.foreign => {
                        walk.resume(mark.position, mark.offset, mark.db);
                        walk.resume_foreign(storage, layout, mark.position, mark.db)?;
                    }
                    Some(mark) => walk.resume(mark.position, mark.offset, mark.db),
                    None => {}
                }
                walk.run(storage, layout, mode, &mut on_event)?;
                FileMark {
                    name: file.name.clone(),
                    seed: walk.header().seed,
                    position: walk.position(),
                    offset: walk.offset(),
                    db: walk.db(),
                    foreign: walk.is_foreign(),
                }
            }
            Walk::Foreign(walk) => {
                if let Some(mark) = mark {
                    walk.resume(storage, layout, &file.path, mark.position, mark.db)?;
                }
                walk.run(&mut on_event)?;
                FileMark {
                    name: file.name.clone(),
                    seed: 0,
                    position: walk.position(),
                    offset: Offset::ZERO,
                    db: walk.db(),
                    foreign: true,
                }
            }
            Walk::Damaged(what) => {
                writeln!(env.notices, "{}: {what}", file.path.display())?;
                return Ok(Severity::Damage);
            }
        };
        batch.apply()?;
        let value = self.encode(&mark)?;
        self.files.insert(file.rank().to_be_bytes(), value).map_err(sled_error(&self.folder))?;
        Ok(worst)
    }

    fn mark_of(&self, file: &FoundFile) -> Result<Option<FileMark>, InspectError> {
        let found = self.files.get(file.rank().to_be_bytes()).map_err(sled_error(&self.folder))?;
        let mark: Option<FileMark> = found.map(|value| self.decode(&value)).transpose()?;
        Ok(mark.filter(|mark| mark.name == file.name && mark.position <= file.len))
    }

    fn history(&self, key: &[u8], db: Option<u32>) -> Result<Vec<Line>, InspectError> {
        let failed = sled_error(&self.folder);
        let prefix = key_prefix(key)?;
        let mut lines = Vec::new();
        for item in self.keys.scan_prefix(&prefix) {
            let (stored, value) = item.map_err(&failed)?;
            let (rank, position) = place_in_log(&stored[prefix.len()..]);
            lines.push(self.line(rank, position, self.decode(&value)?)?);
        }
        lines.retain(|line| db.is_none_or(|db| line.entry.db == db));
        let written_in: BTreeSet<u32> = lines.iter().map(|line| line.entry.db).collect();
        for item in &self.all {
            let (stored, value) = item.map_err(&failed)?;
            let (rank, position) = place_in_log(&stored);
            let sweep: Sweep = self.decode(&value)?;
            let concerned = if sweep.databases.is_empty() {
                !written_in.is_empty()
            } else {
                sweep.databases.iter().any(|db| written_in.contains(db))
            };
            if concerned {
                lines.push(self.line(rank, position, sweep.entry)?);
            }
        }
        lines.sort_by_key(|line| (line.rank, line.position));
        // A command may name a key twice.
        lines.dedup_by_key(|line| (line.rank, line.position));
        Ok(lines)
    }

    fn line(&self, rank: u64, position: u64, entry: Entry) -> Result<Line, InspectError> {
        let mark = self.files.get(rank.to_be_bytes()).map_err(sled_error(&self.folder))?;
        let mark: Option<FileMark> = mark.map(|value| self.decode(&value)).transpose()?;
        Ok(Line { file: mark.map_or_else(String::new, |mark| mark.name), rank, position, entry })
    }

    fn clear(&self) -> Result<(), InspectError> {
        for tree in [&self.files, &self.keys, &self.all] {
            tree.clear().map_err(sled_error(&self.folder))?;
        }
        Ok(())
    }

    /// Writes everything out and seals it.
    fn close(self) -> Result<(), InspectError> {
        let Self { folder, lock, db, files, keys, all, .. } = self;
        db.flush().map_err(sled_error(&folder))?;
        drop((files, keys, all, db));
        let path = folder.join("SEAL");
        let seal = seal_of(&folder.join("sled"))?;
        fs::write(&path, seal).map_err(InspectError::io("write", &path))?;
        drop(lock);
        Ok(())
    }

    fn encode(&self, value: &impl Encode) -> Result<Vec<u8>, InspectError> {
        bincode::encode_to_vec(value, CODEC).map_err(|e| self.failed(e.into()))
    }

    fn decode<T: Decode<()>>(&self, bytes: &[u8]) -> Result<T, InspectError> {
        let decoded = bincode::decode_from_slice(bytes, CODEC);
        decoded.map(|(value, _)| value).map_err(|e| self.failed(e.into()))
    }

    fn failed(&self, source: CatalogueError) -> InspectError {
        InspectError::Index { path: self.folder.clone(), source: Box::new(source) }
    }
}

/// Entries on their way to sled.
struct Batch<'i> {
    index: &'i Index,
    keys: sled::Batch,
    len: usize,
}

impl Batch<'_> {
    fn add(&mut self, rank: u64, record: &Record<'_>) -> Result<(), InspectError> {
        let entry = Entry {
            offset: record.offset,
            time_ms: record.time_ms,
            local: record.local,
            db: record.db,
            command: record.name().to_ascii_uppercase(),
        };
        let databases = match scope(&record.args) {
            Scope::Named => return self.add_keys(rank, record, &entry),
            Scope::Database => vec![record.db],
            Scope::Swapped(a, b) => vec![a, b],
            Scope::All => Vec::new(),
        };
        let key = [rank.to_be_bytes(), record.position.to_be_bytes()].concat();
        let value = self.index.encode(&Sweep { entry, databases })?;
        self.index.all.insert(key, value).map_err(sled_error(&self.index.folder))?;
        Ok(())
    }

    fn add_keys(
        &mut self,
        rank: u64,
        record: &Record<'_>,
        entry: &Entry,
    ) -> Result<(), InspectError> {
        let value = self.index.encode(entry)?;
        let mut named: Vec<&[u8]> = Vec::new();
        self.index.finder.for_each(&record.args, |key| named.push(key));
        for (nth, key) in (0_u32..).zip(named) {
            let mut stored = key_prefix(key)?;
            stored.extend_from_slice(&rank.to_be_bytes());
            stored.extend_from_slice(&record.position.to_be_bytes());
            stored.extend_from_slice(&nth.to_be_bytes());
            self.keys.insert(stored, value.as_slice());
            self.len += 1;
        }
        if self.len >= BATCH_LEN { self.apply() } else { Ok(()) }
    }

    fn apply(&mut self) -> Result<(), InspectError> {
        self.len = 0;
        let batch = std::mem::take(&mut self.keys);
        self.index.keys.apply_batch(batch).map_err(sled_error(&self.index.folder))
    }
}

impl Line {
    fn write_text(&self, out: &mut dyn Write) -> io::Result<()> {
        let Entry { offset, time_ms, local, db, command } = &self.entry;
        let offset = match offset {
            Some(_) if *local => "local".to_owned(),
            Some(offset) => offset.to_string(),
            None => "-".to_owned(),
        };
        let time = time_ms.map_or_else(|| "-".to_owned(), output::time);
        let (command, file, position) = (output::word(command), &self.file, self.position);
        writeln!(out, "{offset:>14}  {time:<24}  db{db} {command:<12} {file}:{position}")
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        let Entry { offset, time_ms, local, db, command } = &self.entry;
        let line = json!({
            "offset": offset.map(Offset::get),
            "time_ms": time_ms,
            "local": local,
            "db": db,
            "command": output::bytes_to_json(command),
            "file": self.file,
            "position": self.position,
        });
        writeln!(out, "{line}")
    }
}

fn key_prefix(key: &[u8]) -> Result<Vec<u8>, InspectError> {
    let len = u32::try_from(key.len());
    let len = len.map_err(|_| InspectError::Refused("a key of more than 4 GiB".to_owned()))?;
    let mut prefix = Vec::with_capacity(key.len() + 24);
    prefix.extend_from_slice(&len.to_be_bytes());
    prefix.extend_from_slice(key);
    Ok(prefix)
}

/// The file's rank and the position in it, from the end of a stored key.
fn place_in_log(stored: &[u8]) -> (u64, u64) {
    let number =
        |bytes: Option<&[u8]>| bytes.and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes);
    (number(stored.get(..8)), number(stored.get(8..16)))
}

/// The checksum of all files of a folder, names included; of none when it is not there.
fn seal_of(folder: &Path) -> Result<String, InspectError> {
    let mut paths = Vec::new();
    gather(folder, &mut paths)?;
    paths.sort();
    let mut crc = crc32fast::Hasher::new();
    for path in paths {
        crc.update(path.as_os_str().as_encoded_bytes());
        let mut file = fs::File::open(&path).map_err(InspectError::io("open", &path))?;
        let mut sink = Hashing(&mut crc);
        io::copy(&mut file, &mut sink).map_err(InspectError::io("read", &path))?;
    }
    Ok(format!("{:08x}", crc.finalize()))
}

fn gather(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<(), InspectError> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(InspectError::io("list", folder))?,
    };
    for entry in entries {
        let path = entry.map_err(InspectError::io("list", folder))?.path();
        if path.is_dir() {
            gather(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

struct Hashing<'h>(&'h mut crc32fast::Hasher);

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn remove(result: io::Result<()>, path: &Path) -> Result<(), InspectError> {
    match result {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(InspectError::io("remove", path)),
    }
}

fn refused(folder: &Path, why: &str) -> InspectError {
    InspectError::Refused(format!("{} {why}; choose another --index", folder.display()))
}

fn sled_error(folder: &Path) -> impl Fn(sled::Error) -> InspectError + '_ {
    move |error| InspectError::Index { path: folder.to_owned(), source: Box::new(error.into()) }
}
