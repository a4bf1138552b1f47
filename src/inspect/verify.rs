//! `verify`: every byte of a directory, against every checksum there is.
//!
//! Two looks. The server's own recovery says what a start would make of the directory: what is torn
//! and what is damaged is decided there and nowhere else. And every file is read from its first byte
//! to its last, over damage where there is any, so that all of it is named and not only the first.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::Environment;
use super::cli::VerifyArgs;
use super::error::InspectError;
use super::files::{Files, FoundFile};
use super::finding::{Finding, Severity};
use super::output;
use super::progress::Bar;
use super::walk::{End, Event, Mode, Walk};
use crate::log::{
    BaseKind, FileKind, Found, Layout, LockNote, LogError, Recovery, TailPolicy, recover,
};
use crate::rdb::{Contents, Progress, RdbError, SnapshotFile};
use crate::storage::{OpenMode, Storage, read_file};

/// Longest lock file that is read, in bytes.
const LOCK_LEN_MAX: u64 = 4096;
/// How often a directory that a server may be writing to is looked at again.
pub(super) const LOOKS_MAX: usize = 10;
pub(super) const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(40);

/// What was read.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    files: u64,
    bytes: u64,
    frames: u64,
    commands: u64,
    snapshot_entries: u64,
}

/// Verifies and prints; the worst that was found.
pub(super) fn run(env: &mut Environment<'_>, args: &VerifyArgs) -> Result<Severity, InspectError> {
    let layout = args.dir.layout();
    let (findings, totals) = verify(env.storage, &layout, env.is_terminal && !args.quiet)?;
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Note);
    for finding in &findings {
        if !args.quiet || finding.severity > Severity::Note {
            writeln!(env.out, "{finding}")?;
        }
    }
    if !args.quiet {
        let Totals { files, bytes, frames, commands, snapshot_entries } = totals;
        let bytes = output::size(bytes);
        writeln!(
            env.out,
            "read {files} files, {bytes}: {frames} frames with {commands} commands, \
             {snapshot_entries} snapshot entries"
        )?;
        let verdict = match worst {
            Severity::Note => "clean",
            Severity::TornTail => "the log has a torn tail; a server trims it at its start",
            Severity::Damage => "DAMAGED",
        };
        writeln!(env.out, "{verdict}")?;
    }
    env.out.flush()?;
    Ok(worst)
}

/// Everything that is wrong with a directory, each place once, the worst first.
///
/// Where a server may be writing, a look can meet a write or a change of the manifest half done. So
/// what is wrong there counts only if it is found in the same place again.
fn verify(
    storage: &dyn Storage,
    layout: &Layout,
    show_bar: bool,
) -> Result<(Vec<Finding>, Totals), InspectError> {
    let (mut findings, totals) = look(storage, layout, show_bar, None)?;
    let is_bad = |finding: &Finding| finding.severity > Severity::Note;
    for _ in 0..LOOKS_MAX {
        let suspects: BTreeSet<PathBuf> =
            findings.iter().filter(|f| is_bad(f)).map(|f| f.path.clone()).collect();
        if suspects.is_empty() || !may_be_live(storage, layout)? {
            break;
        }
        thread::sleep(LOOK_AGAIN_AFTER);
        let (again, _) = look(storage, layout, false, Some(&suspects))?;
        let before = findings.len();
        findings.retain(|finding| {
            !is_bad(finding)
                || again.iter().any(|f| f.path == finding.path && f.position == finding.position)
        });
        if findings.len() == before {
            break;
        }
    }
    Ok((findings, totals))
}

/// Whether a server may be running on the directory.
pub(super) fn may_be_live(storage: &dyn Storage, layout: &Layout) -> Result<bool, InspectError> {
    let Some(note) = LockNote::read(storage, layout)? else { return Ok(false) };
    Ok(note.clean.is_none() && storage.boot_id().is_ok_and(|id| note.is_boot(&id)))
}

/// Looks once: at everything, or at the start and at some files only.
fn look(
    storage: &dyn Storage,
    layout: &Layout,
    show_bar: bool,
    only: Option<&BTreeSet<PathBuf>>,
) -> Result<(Vec<Finding>, Totals), InspectError> {
    let files = Files::list(storage, layout)?;
    let is_wanted = |path: &Path| only.is_none_or(|only| only.contains(path));
    // Nearly always a second name of the base: then it is read under that one.
    let is_read_already = |file: &FoundFile| {
        matches!(file.kind, FileKind::BaseRdb(_))
            && is_wanted(&file.path)
            && storage.is_same_file(&file.path, &layout.dump()).unwrap_or(false)
    };
    let dump_len = match storage.open(&layout.dump(), OpenMode::Read) {
        Ok(_) if files.all.iter().any(is_read_already) => 0,
        Ok(file) => file.len().unwrap_or(0),
        Err(_) => 0,
    };
    let total_len = files.all.iter().map(|file| file.len).sum::<u64>() + dump_len;
    let mut verifier = Verifier {
        storage,
        layout,
        bar: Bar::new(show_bar, total_len),
        findings: Vec::new(),
        totals: Totals::default(),
    };
    verifier.check_lock()?;
    verifier.check_start(&files);
    for file in files.all.iter().filter(|file| is_wanted(&file.path)) {
        verifier.check_file(&files, file)?;
    }
    if is_wanted(&layout.dump()) {
        verifier.check_dump(dump_len > 0)?;
    }
    verifier.bar.finish();
    let Verifier { mut findings, totals, .. } = verifier;
    // Both looks name the place that stops a start; the more telling words came first.
    let mut places = BTreeSet::new();
    let torn: Vec<(PathBuf, u64)> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::TornTail)
        .filter_map(|finding| Some((finding.path.clone(), finding.position?)))
        .collect();
    findings.retain(|finding| {
        let Some(at) = finding.position else { return true };
        // A tail that is torn page by page may hold whole frames between the lost ones.
        let is_in_tail = torn.iter().any(|(path, from)| *path == finding.path && at > *from);
        !is_in_tail && places.insert((finding.path.clone(), at))
    });
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok((findings, totals))
}

struct Verifier<'a> {
    storage: &'a dyn Storage,
    layout: &'a Layout,
    bar: Bar,
    findings: Vec<Finding>,
    totals: Totals,
}

impl Verifier<'_> {
    fn found(&mut self, severity: Severity, path: &Path, what: impl Into<String>) {
        self.findings.push(Finding::new(severity, path, what));
    }

    /// The note is one write of one sector, so a crash leaves it whole, or nothing of it.
    fn check_lock(&mut self) -> Result<(), InspectError> {
        let path = self.layout.lock();
        if !self.storage.exists(&path).map_err(InspectError::io("look for", &path))? {
            return Ok(());
        }
        let bytes = read_file(self.storage, &path, LOCK_LEN_MAX);
        let bytes = bytes.map_err(InspectError::io("read", &path))?;
        self.count_file(bytes.len() as u64);
        let is_blank = bytes.iter().all(|byte| *byte == 0);
        if !is_blank && LockNote::read(self.storage, self.layout)?.is_none() {
            let what = "the lock file's note is not what was written; a start takes it for missing";
            self.found(Severity::Damage, &path, what);
        }
        Ok(())
    }

    /// What a start would make of the directory.
    fn check_start(&mut self, files: &Files) {
        let path = self.layout.manifest();
        match &files.manifest {
            Some(Err(what)) => self.found(Severity::Damage, &path, what.clone()),
            Some(Ok(_)) => self.count_file(files.manifest_len),
            None => {}
        }
        match self.look_at_start() {
            Ok(notes) => self.findings.extend(notes),
            Err(finding) => self.findings.push(finding),
        }
    }

    /// What a start would note, or why it would not go well.
    fn look_at_start(&self) -> Result<Vec<Finding>, Finding> {
        let recovery = recover(self.storage, self.layout, TailPolicy::Trim)
            .map_err(|error| self.of_error(Severity::Damage, &error))?;
        // What a start trims under one policy and refuses under the other is the torn tail.
        recover(self.storage, self.layout, TailPolicy::Refuse)
            .map_err(|error| self.of_error(Severity::TornTail, &error))?;
        let note = |warning: &String| Finding::new(Severity::Note, self.layout.dir(), warning);
        Ok(recovery.warnings.iter().map(note).collect())
    }

    fn of_error(&self, severity: Severity, error: &LogError) -> Finding {
        match error {
            LogError::Damaged { path, position, offset, what, .. } => {
                Finding::new(severity, path, *what).at(*position).offset(*offset)
            }
            LogError::ForeignDamaged { path, position, what, .. } => {
                Finding::new(severity, path, *what).at(*position)
            }
            LogError::Missing { path, offset, .. } => {
                let what = "the manifest names it, but it is not there";
                Finding::new(severity, path, what).offset(*offset)
            }
            LogError::Gap { path, expected, found, .. } => {
                let what =
                    format!("it begins at offset {found}, the log before it ends at {expected}");
                Finding::new(severity, path, what).offset(*expected)
            }
            other => Finding::new(severity, self.layout.dir(), other.to_string()),
        }
    }

    fn check_file(&mut self, files: &Files, file: &FoundFile) -> Result<(), InspectError> {
        match file.kind {
            FileKind::Incr(_) | FileKind::Backlog(_) | FileKind::Orphan(_) => {
                self.check_log(files, file)
            }
            FileKind::BaseAof(_) => self.check_base_aof(files, file),
            FileKind::BaseRdb(_) => self.check_snapshot(&file.path).map(drop),
            FileKind::Manifest => Ok(()),
            FileKind::Temporary => {
                self.bar.add(file.len);
                Ok(())
            }
            FileKind::Other => {
                self.bar.add(file.len);
                self.found(Severity::Note, &file.path, "not a file of the server's; not read");
                Ok(())
            }
        }
    }

    fn check_log(&mut self, files: &Files, file: &FoundFile) -> Result<(), InspectError> {
        let mut walk = match Walk::open(self.storage, self.layout, file) {
            Err(error) if error.is_gone() => return Ok(()),
            other => other?,
        };
        let path = &file.path;
        let (storage, layout) = (self.storage, self.layout);
        let Self { bar, findings, totals, .. } = self;
        let mut read_to = 0;
        let mut on_event = |event: Event<'_>| {
            match event {
                Event::Frame { position, end, .. } => {
                    totals.frames += 1;
                    bar.add(end.saturating_sub(read_to.min(position)));
                    read_to = end;
                }
                Event::Record(_) => totals.commands += 1,
                Event::Gap(gap) => findings.push(gap.finding(path)),
            }
            Ok(true)
        };
        let (end, position) = match &mut walk {
            Walk::Segment(walk) => {
                let end = walk.run(storage, layout, Mode::Look, &mut on_event)?;
                (end, walk.position())
            }
            Walk::Foreign(walk) => (walk.run(&mut on_event)?, walk.position()),
            Walk::Damaged(what) => {
                findings.push(Finding::new(Severity::Damage, path, *what).at(0));
                (End::Whole, 0)
            }
        };
        self.bar.add(file.len.saturating_sub(read_to));
        self.count_file(file.len);
        if let End::Broken(what) | End::ForeignBroken(what) = end {
            let severity = end_severity(files, file);
            // Torn or damaged, the end of the live log was judged by recovery.
            if let Some(severity) = severity {
                self.findings.push(Finding::new(severity, path, what).at(position));
            }
        }
        Ok(())
    }

    fn check_base_aof(&mut self, files: &Files, file: &FoundFile) -> Result<(), InspectError> {
        let mapping = self.storage.map(&file.path).map_err(InspectError::io("map", &file.path))?;
        let begins_with_snapshot = mapping.bytes().starts_with(b"REDIS");
        drop(mapping);
        if !begins_with_snapshot {
            return self.check_log(files, file);
        }
        let Some(contents) = self.check_snapshot(&file.path)? else { return Ok(()) };
        let mut rest =
            super::walk::ForeignWalk::open(self.storage, self.layout, file, contents.len)?;
        let totals = &mut self.totals;
        let end = rest.run(&mut |_| {
            totals.commands += 1;
            Ok(true)
        })?;
        if let End::ForeignBroken(what) = end {
            let finding = Finding::new(Severity::Damage, &file.path, what).at(rest.position());
            self.findings.push(finding);
        }
        Ok(())
    }

    /// Reads a snapshot; what it holds, if it is sound and still there.
    fn check_snapshot(&mut self, path: &Path) -> Result<Option<Contents>, InspectError> {
        let mapping = match self.storage.map(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(InspectError::io("map", path))?,
        };
        let bytes = mapping.bytes();
        self.count_file(bytes.len() as u64);
        match verify_snapshot(bytes, &mut self.bar) {
            Ok(contents) => {
                self.totals.snapshot_entries += contents.entries;
                if !contents.is_checked {
                    let what =
                        "it carries no checksum (rdbchecksum no): only its structure was checked";
                    self.found(Severity::Note, path, what);
                }
                Ok(Some(contents))
            }
            Err(error) => {
                self.found(Severity::Damage, path, error.to_string());
                Ok(None)
            }
        }
    }

    /// The files in the data directory itself: what a server without a manifest loads. The snapshot is
    /// read unless that has been done under another name.
    fn check_dump(&mut self, is_to_be_read: bool) -> Result<(), InspectError> {
        for path in [self.layout.dump(), self.layout.old_aof()] {
            if !self.storage.exists(&path).map_err(InspectError::io("look for", &path))? {
                continue;
            }
            if path == self.layout.dump() {
                if is_to_be_read {
                    self.check_snapshot(&path)?;
                }
            } else if let Ok(recovery) = recover(self.storage, self.layout, TailPolicy::Trim)
                && recovery.found == Found::OldAof
            {
                self.check_old_log(&path, recovery)?;
            } else {
                let what = "the log of a Redis before version 7 beside this one; not read";
                self.found(Severity::Note, &path, what);
            }
        }
        Ok(())
    }

    /// The log of a Redis before version 7, where it is what a start would load.
    fn check_old_log(&mut self, path: &Path, mut recovery: Recovery) -> Result<(), InspectError> {
        let mut from = 0;
        if recovery.base.as_ref().is_some_and(|base| base.kind == BaseKind::RdbThenAof) {
            let Some(contents) = self.check_snapshot(path)? else { return Ok(()) };
            from = contents.len;
        } else {
            let file = self.storage.open(path, OpenMode::Read);
            let file = file.map_err(InspectError::io("open", path))?;
            self.count_file(file.len().map_err(InspectError::io("read", path))?);
        }
        match recovery.measure_base(self.storage, self.layout.dir(), from) {
            Ok(Some(part)) => {
                self.totals.commands += part.commands;
                if recovery.foreign_cut.is_some() {
                    let what = "the file ends inside a command or a transaction";
                    let torn = Finding::new(Severity::TornTail, path, what).at(part.to);
                    self.findings.push(torn);
                }
            }
            Ok(None) => {}
            Err(error) => self.findings.push(self.of_error(Severity::Damage, &error)),
        }
        Ok(())
    }

    fn count_file(&mut self, len: u64) {
        self.totals.files += 1;
        self.totals.bytes += len;
    }
}

/// How bad it is that a file cannot be read to its end; `None` where recovery has said so already.
fn end_severity(files: &Files, file: &FoundFile) -> Option<Severity> {
    let newest = files.sound_manifest().and_then(|manifest| manifest.incrs.last());
    match file.kind {
        // Nothing in it was ever acknowledged.
        FileKind::Orphan(_) => Some(Severity::Note),
        FileKind::Backlog(_) if files.log().last().is_some_and(|last| last.path == file.path) => {
            Some(Severity::Note)
        }
        _ if file.is_named && newest.is_some_and(|last| last.name == file.name) => None,
        // Begun for a manifest that is not there yet, or never came to be.
        FileKind::Incr(seq) if !file.is_named && newest.is_some_and(|last| seq > last.seq) => {
            Some(Severity::Note)
        }
        _ => Some(Severity::Damage),
    }
}

/// Reads every byte of a snapshot while showing how far it is.
pub(super) fn verify_snapshot(bytes: &[u8], bar: &mut Bar) -> Result<Contents, RdbError> {
    const SHOW_EVERY: Duration = Duration::from_millis(100);
    let snapshot = SnapshotFile::open(bytes)?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let progress = Progress::new();
    let mut shown = 0;
    let result = thread::scope(|scope| {
        let work = scope.spawn(|| snapshot.verify(threads, &progress));
        while !work.is_finished() && bar.is_shown() {
            thread::sleep(SHOW_EVERY);
            let done = progress.done_len();
            bar.add(done.saturating_sub(shown));
            shown = shown.max(done);
        }
        work.join()
    });
    bar.add(snapshot.len().saturating_sub(shown));
    match result {
        Ok(Ok(contents)) if snapshot.has_blocks() && contents.len != snapshot.len() => {
            Err(RdbError::Malformed { position: contents.len, what: "bytes behind the end" })
        }
        Ok(result) => result,
        // The reader has no panics of its own making; one would be a bug to be seen.
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// The snapshots of a directory that are sound, newest first, with what their headers say.
pub(super) fn sound_snapshots(
    storage: &dyn Storage,
    paths: impl IntoIterator<Item = PathBuf>,
) -> Vec<(PathBuf, crate::rdb::Header)> {
    let mut sound = Vec::new();
    for path in paths {
        let Ok(mapping) = storage.map(&path) else { continue };
        let mut bar = Bar::new(false, 0);
        if verify_snapshot(mapping.bytes(), &mut bar).is_ok()
            && let Ok(snapshot) = SnapshotFile::open(mapping.bytes())
        {
            sound.push((path, snapshot.header().clone()));
        }
    }
    sound
}
