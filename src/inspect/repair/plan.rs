//! What a repair would do.
//!
//! | what is wrong                            | what is done                                             |
//! |------------------------------------------|----------------------------------------------------------|
//! | a torn tail                              | cut off; nothing durable is lost                         |
//! | damage inside a segment                  | cut there; later segments are put aside                  |
//! | a segment missing, or one that leaves a gap | it and later ones are put aside                       |
//! | the header of a segment                  | it and later ones are put aside                          |
//! | the snapshot missing or damaged          | the newest sound one that the log reaches back to is used |
//! | the manifest missing or damaged          | written anew from the newest sound snapshot and the log after it |
//! | the log of an older Redis, alone         | cut where it cannot be read any further                  |
//! | an archived file                         | put aside                                                |
//! | no sound snapshot where one is needed    | refused: nothing here can bring the keys back            |

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::base::{Offset, ReplId};
use crate::inspect::error::InspectError;
use crate::inspect::files::{Files, FoundFile};
use crate::inspect::progress::Bar;
use crate::inspect::verify::{sound_snapshots, verify_snapshot};
use crate::inspect::walk::{End, Event, Mode, Walk};
use crate::log::{
    BaseKind, BasePosition, FileKind, Found, Identity, Layout, LogError, Manifest, ManifestFile,
    Recovery, TailPolicy, recover,
};
use crate::storage::Storage;

/// One change.
#[derive(Debug)]
pub(super) enum Step {
    /// Cut a file at a position.
    Cut { path: PathBuf, position: u64, offset: Option<Offset>, len: u64, why: String },
    /// Give a file a name in the log's folder.
    Bring { from: PathBuf, to: PathBuf },
    /// Take a file away (its copy stays).
    PutAside { path: PathBuf, why: String },
    /// Write the manifest.
    Manifest { manifest: Manifest, why: String },
}

impl Step {
    /// The file that is changed or taken away.
    pub(super) fn touched(&self) -> Option<&Path> {
        match self {
            Self::Cut { path, .. } | Self::PutAside { path, .. } => Some(path),
            Self::Bring { .. } | Self::Manifest { .. } => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut { path, position, offset, len, why } => {
                let lost = len - position;
                write!(f, "cut {} at position {position}", path.display())?;
                if let Some(offset) = offset {
                    write!(f, " (offset {offset})")?;
                }
                write!(f, ", its last {lost} bytes: {why}")
            }
            Self::Bring { from, to } => {
                write!(f, "use {} as {}", from.display(), to.display())
            }
            Self::PutAside { path, why } => write!(f, "put {} aside: {why}", path.display()),
            Self::Manifest { manifest, why } => {
                let segments = manifest.incrs.len();
                let base = manifest.base.as_ref().map_or("no snapshot", |base| &base.name);
                write!(f, "write the manifest anew ({base}, {segments} segments): {why}")
            }
        }
    }
}

/// A repair.
#[derive(Debug)]
pub(super) struct Plan {
    pub steps: Vec<Step>,
    /// Whether writes that may have been acknowledged are lost.
    pub is_lossy: bool,
}

/// The snapshot a log starts from.
struct ChosenBase {
    file: Option<ManifestFile>,
    at: Option<BasePosition>,
    /// The segments after it, in order.
    log: Vec<FoundFile>,
    /// Why it is another one than the manifest names.
    why_other: Option<String>,
}

/// A walk of one file to its end.
struct Walked {
    identity: Option<Identity>,
    start: Offset,
    end: Offset,
    /// Where it breaks and why.
    broken: Option<(u64, String)>,
    /// Whether nothing of it can be read.
    is_unreadable: bool,
    /// Whether another server's commands are at its end.
    is_foreign: bool,
}

impl Plan {
    /// Looks at everything and decides. Changes nothing.
    pub(super) fn make(storage: &dyn Storage, layout: &Layout) -> Result<Self, InspectError> {
        let files = Files::list(storage, layout)?;
        let mut planner = Planner { storage, layout, files: &files, steps: Vec::new() };
        if files.manifest.is_none() && files.all.is_empty() {
            return planner.without_log();
        }
        planner.plan_log()?;
        planner.plan_archive()?;
        let in_archive = |path: &Path| path.starts_with(layout.archive_dir());
        let touches_log = planner.steps.iter().any(|step| !step.touched().is_some_and(in_archive));
        // What a start would trim by itself was never durable. Recovery reads only what no later
        // segment vouches for, so its word counts for the last one alone.
        let last = planner.files.sound_manifest().and_then(|manifest| manifest.incrs.last());
        let last = last.map(|file| layout.append_dir().join(&file.name));
        let is_torn_tail = matches!(
            &planner.steps[..], [Step::Cut { path, .. }] if Some(path) == last.as_ref()
        ) && recover(storage, layout, TailPolicy::Trim).is_ok();
        Ok(Self { is_lossy: touches_log && !is_torn_tail, steps: planner.steps })
    }
}

struct Planner<'a> {
    storage: &'a dyn Storage,
    layout: &'a Layout,
    files: &'a Files,
    steps: Vec<Step>,
}

impl Planner<'_> {
    /// Without a log there is that of an older Redis, or the snapshot, or nothing.
    fn without_log(self) -> Result<Plan, InspectError> {
        let recovery = recover(self.storage, self.layout, TailPolicy::Trim)?;
        if recovery.found == Found::OldAof {
            return self.old_log(recovery);
        }
        let dump = self.layout.dump();
        let exists = self.storage.exists(&dump).map_err(InspectError::io("look for", &dump))?;
        if exists && sound_snapshots(self.storage, [dump.clone()]).is_empty() {
            return Err(InspectError::Refused(format!(
                "{} is damaged and there is no other snapshot; `verify` tells where. Put a good copy \
                 in its place, or let a replica that has the keys become the master",
                dump.display()
            )));
        }
        Ok(Plan { steps: Vec::new(), is_lossy: false })
    }

    fn old_log(self, mut recovery: Recovery) -> Result<Plan, InspectError> {
        let path = self.layout.old_aof();
        let mapping = self.storage.map(&path).map_err(InspectError::io("map", &path))?;
        let (bytes, mut from) = (mapping.bytes(), 0);
        if recovery.base.as_ref().is_some_and(|base| base.kind == BaseKind::RdbThenAof) {
            let verified = verify_snapshot(bytes, &mut Bar::new(false, 0));
            from = verified
                .map_err(|source| InspectError::Snapshot { path: path.clone(), source })?
                .len;
        }
        let len = bytes.len() as u64;
        let cut = |position, why: &str| Step::Cut {
            path: path.clone(),
            position,
            offset: None,
            len,
            why: why.to_owned(),
        };
        let measured = recovery.measure_base(self.storage, self.layout.dir(), from);
        match (measured, &recovery.foreign_cut) {
            (Ok(_), None) => Ok(Plan { steps: Vec::new(), is_lossy: false }),
            (Ok(_), Some((_, to))) => {
                let step = cut(*to, "the file ends inside a command or a transaction");
                Ok(Plan { steps: vec![step], is_lossy: false })
            }
            (Err(LogError::ForeignDamaged { position, what, .. }), _) => {
                Ok(Plan { steps: vec![cut(position, what)], is_lossy: true })
            }
            (Err(error), _) => Err(error.into()),
        }
    }

    fn plan_log(&mut self) -> Result<(), InspectError> {
        let base = self.choose_base()?;
        let mut kept: Vec<ManifestFile> = Vec::new();
        let mut before: Option<Walked> = None;
        let mut stopped: Option<String> = None;
        for file in &base.log {
            if let Some(why) = &stopped {
                self.put_aside(file, why.clone());
                continue;
            }
            let walked = self.walk(file)?;
            if let Some(why) = misfit(before.as_ref(), base.at, &walked) {
                self.put_aside(file, why.clone());
                stopped = Some(format!("the log before it was cut: {why}"));
                continue;
            }
            kept.push(self.name_in_log(file));
            if let Some((position, why)) = &walked.broken {
                self.steps.push(Step::Cut {
                    path: file.path.clone(),
                    position: *position,
                    offset: walked.identity.map(|_| walked.end),
                    len: file.len,
                    why: why.clone(),
                });
                stopped = Some("what comes before it is cut".to_owned());
            }
            before = Some(walked);
        }
        self.write_manifest(base, kept);
        Ok(())
    }

    fn write_manifest(&mut self, base: ChosenBase, incrs: Vec<ManifestFile>) {
        let known = self.files.sound_manifest();
        let history = known.map(|manifest| manifest.history.clone()).unwrap_or_default();
        let manifest = Manifest { base: base.file, base_at: base.at, incrs, history, sealed: true };
        let why = match (&self.files.manifest, known) {
            (None, _) => "it is missing".to_owned(),
            (Some(Err(what)), _) => what.clone(),
            (_, Some(known)) if known.base == manifest.base && known.incrs == manifest.incrs => {
                return;
            }
            _ => base.why_other.unwrap_or_else(|| "it names files that are put aside".to_owned()),
        };
        self.steps.push(Step::Manifest { manifest, why });
    }

    /// The base of the manifest if it is sound, else the newest sound snapshot the log goes on from.
    fn choose_base(&mut self) -> Result<ChosenBase, InspectError> {
        let manifest = self.files.sound_manifest();
        if let Some(manifest) = manifest {
            let path = manifest.base.as_ref().map(|base| self.layout.append_dir().join(&base.name));
            let is_sound = match &path {
                None => true,
                Some(path) => self.is_sound_base(path)?,
            };
            if is_sound {
                return Ok(ChosenBase {
                    file: manifest.base.clone(),
                    at: manifest.base_at,
                    log: self.named_log(manifest),
                    why_other: None,
                });
            }
        }
        let paths: Vec<PathBuf> =
            self.files.snapshots().into_iter().rev().map(|file| file.path).collect();
        let paths = paths.into_iter().chain([self.layout.dump()]);
        let log = self.files.log();
        let mut with_log = Vec::new();
        for (path, header) in sound_snapshots(self.storage, paths) {
            let Some(stream) = header.stream else { continue };
            let at = BasePosition { replid: stream.repl_id, offset: stream.offset };
            let from = self.segment_at(&log, at)?;
            with_log.push((path, at, from.unwrap_or(log.len())));
        }
        // The newest one the log goes on from; without any, the newest one.
        let best = with_log.into_iter().max_by_key(|(_, at, from)| (*from < log.len(), at.offset));
        match best {
            Some((path, at, from)) => self.use_base(path, at, log[from..].to_vec()),
            None if manifest.is_some_and(|m| m.base.is_some()) || self.has_snapshots() => {
                Err(InspectError::Refused(format!(
                    "no sound snapshot in {}: nothing here can bring back the keys it held. Put a good \
                     copy in its place, or let a replica that has the keys become the master",
                    self.layout.dir().display()
                )))
            }
            None => {
                let live = |file: &FoundFile| file.path.starts_with(self.layout.append_dir());
                let log = log.into_iter().filter(live).collect();
                Ok(ChosenBase { file: None, at: None, log, why_other: None })
            }
        }
    }

    fn has_snapshots(&self) -> bool {
        !self.files.snapshots().is_empty()
            || self.storage.exists(&self.layout.dump()).unwrap_or(false)
    }

    fn use_base(
        &mut self,
        path: PathBuf,
        at: BasePosition,
        log: Vec<FoundFile>,
    ) -> Result<ChosenBase, InspectError> {
        let file = match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if path.starts_with(self.layout.append_dir()) => {
                let seq = self.files.all.iter().find(|f| f.path == path).map_or(0, FoundFile::seq);
                ManifestFile { name: name.to_owned(), seq }
            }
            _ => {
                let seq = self.free_seq();
                let name = self.layout.base_name(seq);
                let to = self.layout.append_dir().join(&name);
                self.steps.push(Step::Bring { from: path.clone(), to });
                ManifestFile { name, seq }
            }
        };
        if let Some(base) = self.files.sound_manifest().and_then(|m| m.base.as_ref())
            && let Some(found) = self.files.all.iter().find(|f| f.is_named && f.name == base.name)
        {
            let found = found.clone();
            self.put_aside(&found, "the snapshot is damaged".to_owned());
        }
        let why_other = Some(format!("the log starts from {}", path.display()));
        Ok(ChosenBase { file: Some(file), at: Some(at), log, why_other })
    }

    fn free_seq(&self) -> u64 {
        self.files.all.iter().map(FoundFile::seq).max().unwrap_or(0) + 1
    }

    /// The index of the segment that begins where a snapshot was cut.
    fn segment_at(
        &self,
        log: &[FoundFile],
        at: BasePosition,
    ) -> Result<Option<usize>, InspectError> {
        for (index, file) in log.iter().enumerate() {
            if let Walk::Segment(walk) = Walk::open(self.storage, self.layout, file)? {
                let header = &walk.header().header;
                let same = header.identity.replid == at.replid || continues(header.identity, at);
                if same && header.start == at.offset {
                    return Ok(Some(index));
                }
            }
        }
        Ok(None)
    }

    fn is_sound_base(&self, path: &Path) -> Result<bool, InspectError> {
        if !self.storage.exists(path).map_err(InspectError::io("look for", path))? {
            return Ok(false);
        }
        let is_rdb = self.storage.map(path).is_ok_and(|m| m.bytes().starts_with(b"REDIS"));
        if is_rdb {
            return Ok(!sound_snapshots(self.storage, [path.to_owned()]).is_empty());
        }
        let file = self.files.all.iter().find(|file| file.path == path);
        // A base of commands: another server's.
        match file {
            Some(file) if matches!(file.kind, FileKind::BaseAof(_)) => {
                Ok(self.walk(file)?.broken.is_none())
            }
            _ => Ok(false),
        }
    }

    /// The files the manifest names, as far as they are there: what comes after a missing one is put
    /// aside by the caller, since the offsets do not meet.
    fn named_log(&self, manifest: &Manifest) -> Vec<FoundFile> {
        let find = |named: &ManifestFile| {
            self.files.all.iter().find(|file| file.is_named && file.name == named.name).cloned()
        };
        manifest.incrs.iter().filter_map(find).collect()
    }

    /// The file as the manifest names it; one from the archive is brought back.
    fn name_in_log(&mut self, file: &FoundFile) -> ManifestFile {
        let seq = file.seq();
        if file.path.starts_with(self.layout.append_dir()) {
            return ManifestFile { name: file.name.clone(), seq };
        }
        let name = self.layout.incr_name(seq);
        let to = self.layout.append_dir().join(&name);
        self.steps.push(Step::Bring { from: file.path.clone(), to });
        ManifestFile { name, seq }
    }

    fn put_aside(&mut self, file: &FoundFile, why: String) {
        // What is archived is left there: nothing loads it.
        if file.path.starts_with(self.layout.append_dir()) {
            self.steps.push(Step::PutAside { path: file.path.clone(), why });
        }
    }

    /// Archived files that are damaged would break off a late replica's catching up.
    fn plan_archive(&mut self) -> Result<(), InspectError> {
        let used: BTreeSet<PathBuf> = self
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Bring { from, .. } => Some(from.clone()),
                _ => None,
            })
            .collect();
        for file in &self.files.all {
            if !file.path.starts_with(self.layout.archive_dir()) || used.contains(&file.path) {
                continue;
            }
            let why = match file.kind {
                FileKind::Incr(_) => self.walk(file)?.broken.map(|(_, why)| why),
                FileKind::BaseRdb(_) => sound_snapshots(self.storage, [file.path.clone()])
                    .is_empty()
                    .then(|| "the snapshot is damaged".to_owned()),
                _ => None,
            };
            if let Some(why) = why {
                self.steps.push(Step::PutAside { path: file.path.clone(), why });
            }
        }
        Ok(())
    }

    fn walk(&self, file: &FoundFile) -> Result<Walked, InspectError> {
        let mut gap: Option<(u64, Option<Offset>, String)> = None;
        let mut on_event = |event: Event<'_>| match event {
            Event::Gap(found) => {
                gap = Some((found.position, found.offset, found.what.to_owned()));
                Ok(false)
            }
            _ => Ok(true),
        };
        let mut walked = Walked {
            identity: None,
            start: Offset::ZERO,
            end: Offset::ZERO,
            broken: None,
            is_unreadable: false,
            is_foreign: false,
        };
        let (end, position) = match Walk::open(self.storage, self.layout, file)? {
            Walk::Segment(mut walk) => {
                walked.identity = Some(walk.header().header.identity);
                walked.start = walk.header().header.start;
                let end = walk.run(self.storage, self.layout, Mode::Look, &mut on_event)?;
                walked.end = walk.offset();
                walked.is_foreign = walk.is_foreign();
                (end, walk.position())
            }
            Walk::Foreign(mut walk) => {
                walked.is_foreign = true;
                (walk.run(&mut on_event)?, walk.position())
            }
            Walk::Damaged(what) => {
                walked.is_unreadable = true;
                walked.broken = Some((0, what.to_owned()));
                return Ok(walked);
            }
        };
        if let Some((position, offset, why)) = gap {
            walked.end = offset.unwrap_or(walked.end);
            walked.broken = Some((position, why));
        } else if let End::Broken(what) | End::ForeignBroken(what) = end {
            walked.broken = Some((position, what.to_owned()));
        }
        Ok(walked)
    }
}

/// Why a segment cannot follow what was kept so far.
fn misfit(before: Option<&Walked>, base: Option<BasePosition>, walked: &Walked) -> Option<String> {
    if walked.is_unreadable {
        return walked.broken.as_ref().map(|(_, why)| why.clone());
    }
    let identity = walked.identity?;
    let expected = match before {
        // Another server's commands have no offsets to meet.
        Some(before) if before.is_foreign => return None,
        Some(before) => match before.identity {
            Some(earlier) => follows(identity, earlier.replid, before.end).then_some(before.end),
            None => return None,
        },
        None => match base {
            Some(at) => follows(identity, at.replid, at.offset).then_some(at.offset),
            None => return None,
        },
    };
    match expected {
        None => Some("it belongs to another history than the log before it".to_owned()),
        Some(expected) if walked.start == expected => None,
        Some(expected) => Some(format!(
            "it begins at offset {}, the log before it ends at {expected}",
            walked.start
        )),
    }
}

fn follows(identity: Identity, replid: ReplId, end: Offset) -> bool {
    identity.replid == replid || continues(identity, BasePosition { replid, offset: end })
}

fn continues(identity: Identity, at: BasePosition) -> bool {
    identity.former.is_some_and(|former| former.replid == at.replid && former.end == at.offset)
}
