//! What is in a data directory and how to start from it: the decision table of data/README.md.
//!
//! [`recover`] only reads. It says what to load and in which order; the caller loads it, and what has
//! to be changed on disk (a torn tail cut off, leftovers put away) is done when the log is opened for
//! writing, after all of it was found whole.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use super::cursor::{Cursor, Opened, Step};
use super::foreign::{ForeignCommands, ForeignPart};
use super::lockfile::{CleanEnd, LockNote};
use super::manifest::{BasePosition, MANIFEST_LEN_MAX, Manifest, ManifestFile};
use super::segment::SegmentInfo;
use super::tail::{self, Ending, Facts, Verdict};
use super::{FileKind, Head, Layout, LogError, SyncPolicy, TailPolicy, retention};
use crate::base::Offset;
use crate::storage::{OpenMode, Storage, read_file};

/// What a data directory holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Nothing to load.
    Empty,
    /// A log of ours.
    Own,
    /// A manifest of Redis's, without a segment of ours.
    Foreign,
    /// The single log file of a Redis before version 7.
    OldAof,
    /// A snapshot file only.
    DumpRdb,
}

/// What to load before the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    /// The file.
    pub path: PathBuf,
    /// What it is.
    pub kind: BaseKind,
    /// Where in the stream it is, if the manifest says so.
    pub at: Option<BasePosition>,
}

/// The forms a base comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseKind {
    /// A snapshot, to its end.
    Rdb,
    /// Commands of another server, to the end of the file.
    Aof,
    /// A snapshot, followed by commands of another server.
    RdbThenAof,
}

/// A part of the log, in the order of replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A segment of ours.
    Segment(SegmentInfo),
    /// Commands of another server.
    Foreign(ForeignPart),
}

/// The end of the last segment, and what a writer has to do there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    pub seq: u64,
    pub path: PathBuf,
    pub seed: u32,
    /// Where the last whole frame ends.
    pub position: u64,
    pub file_len: u64,
    /// Bytes that were durable for certain when the last frame was written.
    pub synced_len: u64,
}

/// What [`recover`] found.
#[derive(Debug)]
pub struct Recovery {
    /// The kind of directory.
    pub found: Found,
    /// What to load first.
    pub base: Option<Base>,
    /// What to replay then, in order.
    pub parts: Vec<Part>,
    /// Where the log of ours ends, `None` when there is none. `db` is the database selected where its
    /// last segment begins; whoever replays the segment knows the one at its end.
    pub head: Option<Head>,
    /// How the last server ended.
    pub ending: Ending,
    /// Whether the end of the log is another server's stream, as far as the lock note tells.
    pub was_replica: bool,
    /// What an operator should read: torn ends, leftovers, another server's traces.
    pub warnings: Vec<String>,
    pub(crate) manifest: Option<Manifest>,
    /// Segments that follow each other without a gap up to the last one, archived ones first.
    pub(crate) chain: VecDeque<SegmentInfo>,
    /// Set when the log can go on in its last segment.
    pub(crate) tail: Option<Tail>,
    /// Whether a command cut off at the very end may be dropped.
    policy: TailPolicy,
    /// Where another server's cut-off command begins, at the end of what there is to load.
    pub(crate) foreign_cut: Option<(PathBuf, u64)>,
    pub(crate) next_seq: u64,
}

impl Recovery {
    /// Whether the history must go on under a new replication ID: another server wrote, or others may
    /// have seen writes that are lost.
    pub fn needs_new_id(&self) -> bool {
        self.has_foreign_writes() || self.head.is_none() || self.ending.may_have_lost_writes()
    }

    /// Whether another server wrote to the data set: replicas cannot follow over that, and a snapshot
    /// of our own should be taken soon.
    pub fn has_foreign_writes(&self) -> bool {
        self.found != Found::Empty && self.found != Found::Own
            || self.parts.iter().any(|part| matches!(part, Part::Foreign(_)))
    }

    /// Finds where the commands in the base end; they begin at position `from`. A command cut off
    /// there is dropped where nothing follows the base and the policy allows it.
    ///
    /// # Errors
    /// When anything else is no whole command.
    pub(crate) fn measure_base(
        &mut self,
        storage: &dyn Storage,
        dir: &Path,
        from: u64,
    ) -> Result<Option<ForeignPart>, LogError> {
        let Some(base) = &self.base else { return Ok(None) };
        let policy = if self.found == Found::OldAof { self.policy } else { TailPolicy::Refuse };
        let commands = ForeignCommands::open(storage, dir, &base.path, from)?;
        let (part, cut_off) = commands.measure(policy)?;
        if cut_off {
            self.warnings.push(cut_off_warning(&part));
            self.foreign_cut = Some((part.path.clone(), part.to));
        }
        Ok(Some(part))
    }

    /// Bytes in the files to replay, for a progress figure.
    pub fn replay_len(&self, storage: &dyn Storage) -> u64 {
        let len = |path: &Path| {
            storage.open(path, OpenMode::Read).and_then(|file| file.len()).unwrap_or(0)
        };
        let parts = self.parts.iter().map(|part| match part {
            Part::Segment(info) => len(&info.path),
            Part::Foreign(part) => part.to - part.from,
        });
        parts.sum()
    }
}

/// Finds out what `layout`'s directory holds. Nothing is changed.
///
/// # Errors
/// When what it holds is damaged or incomplete: every such error names file, position and offset.
pub fn recover(
    storage: &dyn Storage,
    layout: &Layout,
    policy: TailPolicy,
) -> Result<Recovery, LogError> {
    let note = LockNote::read(storage, layout)?;
    let Some(manifest) = read_manifest(storage, layout)? else {
        return without_manifest(storage, layout, policy, note.is_some());
    };
    let ending = ending_of(storage, layout, note.as_ref(), &manifest)?;
    let was_replica = note.as_ref().is_some_and(|n| n.is_replica);
    let clean = note.and_then(|n| n.clean).filter(|_| ending == Ending::Clean);
    Survey {
        storage,
        layout,
        ending,
        clean,
        recovery: Recovery {
            found: Found::Foreign,
            base: base_of(storage, layout, &manifest)?,
            parts: Vec::new(),
            head: None,
            ending,
            was_replica,
            warnings: Vec::new(),
            chain: VecDeque::new(),
            tail: None,
            policy,
            foreign_cut: None,
            next_seq: next_seq(storage, layout, manifest.seq_max())?,
            manifest: Some(manifest),
        },
    }
    .run()
}

/// The manifest on disk, `None` when there is none.
pub(crate) fn read_manifest(
    storage: &dyn Storage,
    layout: &Layout,
) -> Result<Option<Manifest>, LogError> {
    let path = layout.manifest();
    if !exists(storage, &path)? {
        return Ok(None);
    }
    let bytes = read_file(storage, &path, MANIFEST_LEN_MAX).map_err(LogError::io("read", &path))?;
    let manifest = Manifest::parse(&bytes).map_err(|error| LogError::Manifest {
        path,
        dir: layout.dir().to_path_buf(),
        line: error.line,
        what: error.what,
    })?;
    Ok(Some(manifest))
}

/// A recovery under way.
struct Survey<'a> {
    storage: &'a dyn Storage,
    layout: &'a Layout,
    ending: Ending,
    clean: Option<CleanEnd>,
    recovery: Recovery,
}

impl Survey<'_> {
    fn run(mut self) -> Result<Recovery, LogError> {
        let files = self.recovery.manifest.as_ref().map(|m| m.incrs.clone()).unwrap_or_default();
        let infos = files.iter().map(|file| self.look(file)).collect::<Result<Vec<_>, _>>()?;
        self.check_starts(&infos)?;
        // The end of a segment is looked at where nothing vouches for it: a later segment of the same
        // history was begun only when the one before it was durable to its end.
        let mut next: Option<SegmentInfo> = None;
        let mut parts = VecDeque::new();
        for (index, info) in infos.into_iter().enumerate().rev() {
            let is_last = index + 1 == files.len();
            let Some(info) = info else {
                let path = self.layout.append_dir().join(&files[index].name);
                parts.push_front(Part::Foreign(self.foreign(&path, 0, is_last)?));
                next = None;
                continue;
            };
            let vouched = next.as_ref().is_some_and(|n| n.identity.replid == info.identity.replid);
            if !vouched {
                let foreign_at = self.find_end(&info, is_last)?;
                if let Some(at) = foreign_at {
                    parts.push_front(Part::Foreign(self.foreign(&info.path, at, is_last)?));
                }
            }
            parts.push_front(Part::Segment(info.clone()));
            next = Some(info);
        }
        parts.retain(|part| !matches!(part, Part::Foreign(part) if part.commands == 0));
        self.recovery.parts = parts.into();
        self.link_chain()?;
        self.report();
        Ok(self.recovery)
    }

    /// What a file of the manifest is, going by its header; `None` for another server's.
    fn look(&self, file: &ManifestFile) -> Result<Option<SegmentInfo>, LogError> {
        let path = self.layout.append_dir().join(&file.name);
        let base_at = self.recovery.base.as_ref().and_then(|b| b.at);
        let offset = base_at.map_or(Offset::ZERO, |at| at.offset);
        if !exists(self.storage, &path)? {
            return Err(LogError::Missing { path, dir: self.layout.dir().to_path_buf(), offset });
        }
        match Cursor::open(self.storage, &path)? {
            Opened::Segment(cursor) => Ok(Some(cursor.header().header.info(file.seq, &path))),
            Opened::Foreign => Ok(None),
            Opened::Damaged(error) => Err(error.of_file(&path, self.layout.dir(), offset)),
        }
    }

    /// The first segment must begin where the base was cut, and later ones not before earlier ones.
    fn check_starts(&self, infos: &[Option<SegmentInfo>]) -> Result<(), LogError> {
        let base = self.recovery.base.as_ref().and_then(|b| b.at);
        let mut before = base.map(|at| (at.replid, at.offset));
        for (index, info) in infos.iter().enumerate() {
            let Some(info) = info else { continue };
            let same = before.filter(|(replid, _)| *replid == info.identity.replid);
            if let Some((_, expected)) = same
                && (info.start < expected || index == 0 && info.start != expected)
            {
                return Err(self.gap(info, expected));
            }
            before = Some((info.identity.replid, info.start));
        }
        Ok(())
    }

    /// Walks a segment to its end. Sets the head and the tail when it is the last one of the manifest;
    /// returns where another server's commands begin.
    fn find_end(&mut self, info: &SegmentInfo, is_last: bool) -> Result<Option<u64>, LogError> {
        let Opened::Segment(mut cursor) = Cursor::open(self.storage, &info.path)? else {
            return Ok(None);
        };
        let mut synced_len = cursor.header().len;
        let step = loop {
            match cursor.step()? {
                Step::Frame => {
                    let stated = cursor.frame().map_or(0, |f| f.header.synced_len);
                    synced_len = synced_len.max(stated);
                }
                other => break other,
            }
        };
        let (position, offset) = (cursor.position(), cursor.offset());
        let verdict = self.judge(info, &mut cursor, step)?;
        if self.recovery.head.is_none() {
            self.recovery.head = Some(Head { identity: info.identity, offset, db: info.db });
            self.recovery.found = Found::Own;
        }
        match verdict {
            Verdict::Whole => {}
            Verdict::Foreign(at) => return Ok(Some(at)),
            Verdict::Torn(what) if is_last && self.recovery.policy == TailPolicy::Trim => {
                self.recovery.warnings.push(format!(
                    "{}: the last {} bytes, from position {position} (offset {offset}) on, were \
                     never durable and are cut off: {what}",
                    info.path.display(),
                    cursor.file_len() - position,
                ));
            }
            Verdict::Torn(what) | Verdict::Damaged(what) => {
                return Err(LogError::Damaged {
                    path: info.path.clone(),
                    dir: self.layout.dir().to_path_buf(),
                    position,
                    offset,
                    what,
                });
            }
        }
        if is_last {
            self.recovery.tail = Some(Tail {
                seq: info.seq,
                path: info.path.clone(),
                seed: cursor.header().seed,
                position,
                file_len: cursor.file_len(),
                synced_len: synced_len.min(position),
            });
        }
        Ok(None)
    }

    fn judge(
        &self,
        info: &SegmentInfo,
        cursor: &mut Cursor,
        step: Step,
    ) -> Result<Verdict, LogError> {
        let (position, seed) = (cursor.position(), cursor.header().seed);
        let window = cursor.window();
        let evidence = tail::gather(window, position, seed, info.start)?;
        let is_whole_but_for_a_length = matches!(step, Step::Broken(_))
            && tail::is_whole_but_for_a_length(window, position, seed, evidence.content_end)?;
        let name = info.path.file_name().unwrap_or_default();
        let clean = self.clean.as_ref().filter(|clean| name == clean.segment.as_str());
        let facts = Facts {
            ending: self.ending,
            clean_len: clean.map(|clean| clean.len),
            position,
            step,
            frame_end: tail::frame_end(window, position)?,
            is_whole_but_for_a_length,
            evidence,
        };
        Ok(tail::judge(&facts))
    }

    fn foreign(&mut self, path: &Path, from: u64, is_last: bool) -> Result<ForeignPart, LogError> {
        let policy = if is_last { self.recovery.policy } else { TailPolicy::Refuse };
        let commands = ForeignCommands::open(self.storage, self.layout.dir(), path, from)?;
        let (part, cut_off) = commands.measure(policy)?;
        if cut_off {
            self.recovery.warnings.push(cut_off_warning(&part));
            self.recovery.foreign_cut = Some((path.to_path_buf(), part.to));
        }
        Ok(part)
    }

    /// Collects the segments a reader can follow up to the last one, archived ones included.
    fn link_chain(&mut self) -> Result<(), LogError> {
        let Some(Part::Segment(_)) = self.recovery.parts.last() else { return Ok(()) };
        let mut chain: VecDeque<SegmentInfo> = VecDeque::new();
        let segments = self.recovery.parts.iter().rev().map_while(|part| match part {
            Part::Segment(info) => Some(info),
            Part::Foreign(_) => None,
        });
        let mut reached_front = true;
        for info in segments {
            if !follows(chain.front(), info) {
                reached_front = false;
                break;
            }
            chain.push_front(info.clone());
        }
        if reached_front && chain.len() == self.recovery.parts.len() {
            extend_into_archive(self.storage, self.layout, &mut chain)?;
        }
        self.recovery.chain = chain;
        Ok(())
    }

    fn report(&mut self) {
        let foreign = self.recovery.parts.iter().filter_map(|part| match part {
            Part::Foreign(part) => Some(part),
            Part::Segment(_) => None,
        });
        let notes: Vec<String> = foreign
            .filter(|_| self.recovery.found == Found::Own)
            .map(|part| {
                format!(
                    "{}: another server wrote {} commands here, from position {} on; they are loaded, \
                     and the history goes on under a new replication ID",
                    part.path.display(),
                    part.commands,
                    part.from
                )
            })
            .collect();
        self.recovery.warnings.extend(notes);
    }

    fn gap(&self, info: &SegmentInfo, expected: Offset) -> LogError {
        LogError::Gap {
            path: info.path.clone(),
            dir: self.layout.dir().to_path_buf(),
            expected,
            found: info.start,
        }
    }
}

fn cut_off_warning(part: &ForeignPart) -> String {
    format!(
        "{}: the last command another server wrote is cut off and dropped, at position {}",
        part.path.display(),
        part.to
    )
}

/// Puts archived segments in front of `chain` as long as they meet without a gap. One that is about
/// to be archived, in the manifest's folder but not in the manifest, counts as archived.
pub(crate) fn extend_into_archive(
    storage: &dyn Storage,
    layout: &Layout,
    chain: &mut VecDeque<SegmentInfo>,
) -> Result<(), LogError> {
    let mut archived: Vec<(u64, PathBuf)> = Vec::new();
    for dir in [layout.archive_dir(), layout.append_dir()] {
        if !exists(storage, dir)? {
            continue;
        }
        for entry in storage.list(dir).map_err(LogError::io("list", dir))? {
            if let FileKind::Incr(seq) = layout.kind(&entry.name) {
                archived.push((seq, dir.join(&entry.name)));
            }
        }
    }
    archived.sort_unstable_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    for (seq, path) in archived {
        if chain.front().is_some_and(|first| first.seq <= seq) {
            continue;
        }
        let Some(parsed) = retention::read_header(storage, &path)? else { return Ok(()) };
        let info = parsed.header.info(seq, &path);
        if !follows(chain.front(), &info) {
            return Ok(());
        }
        // Numbers without a gap were given one after another; over a gap the offsets must meet.
        if let Some(first) = chain.front()
            && first.seq != seq + 1
            && end_offset(storage, &path)? != Some(first.start)
        {
            return Ok(());
        }
        chain.push_front(info);
    }
    Ok(())
}

fn follows(later: Option<&SegmentInfo>, earlier: &SegmentInfo) -> bool {
    later.is_none_or(|later| {
        later.identity.continues(&earlier.identity, later.start) && earlier.start <= later.start
    })
}

fn end_offset(storage: &dyn Storage, path: &Path) -> Result<Option<Offset>, LogError> {
    let Opened::Segment(mut cursor) = Cursor::open(storage, path)? else { return Ok(None) };
    while cursor.step()? == Step::Frame {}
    Ok(Some(cursor.offset()))
}

fn without_manifest(
    storage: &dyn Storage,
    layout: &Layout,
    policy: TailPolicy,
    had_server: bool,
) -> Result<Recovery, LogError> {
    refuse_unlisted(storage, layout)?;
    let (found, base) = if holds_bytes(storage, &layout.old_aof())? {
        let path = layout.old_aof();
        let kind = aof_kind(storage, &path)?;
        (Found::OldAof, Some(Base { path, kind, at: None }))
    } else if exists(storage, &layout.dump())? {
        (Found::DumpRdb, Some(Base { path: layout.dump(), kind: BaseKind::Rdb, at: None }))
    } else {
        (Found::Empty, None)
    };
    let ending = if had_server { Ending::Killed } else { Ending::New };
    Ok(Recovery {
        found,
        base,
        parts: Vec::new(),
        head: None,
        ending,
        was_replica: false,
        warnings: Vec::new(),
        manifest: None,
        chain: VecDeque::new(),
        tail: None,
        policy,
        foreign_cut: None,
        next_seq: next_seq(storage, layout, 0)?,
    })
}

/// Without a manifest, files with data in them must not be passed over. An empty first segment, and a
/// second name that a backlog segment got for a manifest that never came to be, are leftovers.
fn refuse_unlisted(storage: &dyn Storage, layout: &Layout) -> Result<(), LogError> {
    let dir = layout.append_dir();
    if !exists(storage, dir)? {
        return Ok(());
    }
    // A snapshot is named before the first manifest is stored only in these two cases: it is the dump
    // file under a second name, or a server with `appendonly no` was being switched to `yes`.
    let base_is_leftover =
        exists(storage, &layout.dump())? || retention::has_backlog(storage, layout)?;
    for entry in storage.list(dir).map_err(LogError::io("list", dir))? {
        let path = dir.join(&entry.name);
        let holds_data = match layout.kind(&entry.name) {
            FileKind::Incr(seq) => {
                let twin = layout.archive_dir().join(layout.backlog_name(seq));
                !exists(storage, &twin)? && segment_holds_data(storage, &path, entry.len)?
            }
            FileKind::BaseRdb(_) => !base_is_leftover,
            FileKind::BaseAof(_) => !exists(storage, &layout.old_aof())?,
            _ => false,
        };
        if holds_data {
            let (path, dir) = (dir.to_path_buf(), layout.dir().to_path_buf());
            return Err(LogError::NoManifest { path, dir });
        }
    }
    Ok(())
}

fn segment_holds_data(storage: &dyn Storage, path: &Path, len: u64) -> Result<bool, LogError> {
    match Cursor::open(storage, path)? {
        Opened::Segment(mut cursor) => {
            let (position, header) = (cursor.position(), cursor.header().clone());
            let start = header.header.start;
            let evidence = tail::gather(cursor.window(), position, header.seed, start)?;
            Ok(evidence.content_end > position)
        }
        Opened::Foreign | Opened::Damaged(_) => Ok(len > 0),
    }
}

fn base_of(
    storage: &dyn Storage,
    layout: &Layout,
    manifest: &Manifest,
) -> Result<Option<Base>, LogError> {
    let Some(file) = &manifest.base else { return Ok(None) };
    let path = layout.append_dir().join(&file.name);
    let at = manifest.base_at;
    if !exists(storage, &path)? {
        let offset = at.map_or(Offset::ZERO, |at| at.offset);
        return Err(LogError::Missing { path, dir: layout.dir().to_path_buf(), offset });
    }
    let kind = match layout.kind(&file.name) {
        FileKind::BaseRdb(_) => BaseKind::Rdb,
        _ => aof_kind(storage, &path)?,
    };
    Ok(Some(Base { path, kind, at }))
}

fn aof_kind(storage: &dyn Storage, path: &Path) -> Result<BaseKind, LogError> {
    let file = storage.open(path, OpenMode::Read).map_err(LogError::io("open", path))?;
    let mut magic = [0; 5];
    let read = file.read_full_at(&mut magic, 0).map_err(LogError::io("read", path))?;
    Ok(if &magic[..read] == b"REDIS" { BaseKind::RdbThenAof } else { BaseKind::Aof })
}

fn ending_of(
    storage: &dyn Storage,
    layout: &Layout,
    note: Option<&LockNote>,
    manifest: &Manifest,
) -> Result<Ending, LogError> {
    // Without a note nothing is known, which is read as the worst that can have happened.
    let Some(note) = note else {
        return Ok(Ending::MachineLost { policy: SyncPolicy::EverySec });
    };
    // A segment begun since then holds nothing yet: the note is replaced before the first write.
    let clean = note.clean.as_ref();
    if clean.is_some_and(|clean| manifest.incrs.iter().any(|file| file.name == clean.segment)) {
        return Ok(Ending::Clean);
    }
    let boot_id = storage.boot_id().map_err(LogError::io("read the boot ID for", layout.dir()))?;
    Ok(if note.is_boot(&boot_id) {
        Ending::Killed
    } else {
        Ending::MachineLost { policy: note.policy }
    })
}

/// An older Redis makes its log, empty, when it starts with one beside a snapshot: that is no data set.
fn holds_bytes(storage: &dyn Storage, path: &Path) -> Result<bool, LogError> {
    if !exists(storage, path)? {
        return Ok(false);
    }
    let file = storage.open(path, OpenMode::Read).map_err(LogError::io("open", path))?;
    Ok(file.len().map_err(LogError::io("read the length of", path))? > 0)
}

/// One more than any number in use, so that no name is ever given twice.
pub(crate) fn next_seq(
    storage: &dyn Storage,
    layout: &Layout,
    listed_max: u64,
) -> Result<u64, LogError> {
    let mut seq_max = listed_max;
    for dir in [layout.append_dir(), layout.archive_dir()] {
        if !exists(storage, dir)? {
            continue;
        }
        for entry in storage.list(dir).map_err(LogError::io("list", dir))? {
            seq_max = seq_max.max(match layout.kind(&entry.name) {
                FileKind::BaseRdb(seq)
                | FileKind::BaseAof(seq)
                | FileKind::Incr(seq)
                | FileKind::Backlog(seq)
                | FileKind::Orphan(seq) => seq,
                FileKind::Temporary | FileKind::Manifest | FileKind::Other => 0,
            });
        }
    }
    Ok(seq_max + 1)
}

fn exists(storage: &dyn Storage, path: &Path) -> Result<bool, LogError> {
    storage.exists(path).map_err(LogError::io("look for", path))
}
