//! `info`: what is in a directory, at a glance. Reads headers, and of the log only the last segment.

use std::io::Write;
use std::thread;

use serde_json::{Value, json};

use super::Environment;
use super::cli::{Format, InfoArgs};
use super::error::InspectError;
use super::files::{Files, FoundFile};
use super::output::{size, time};
use super::verify::{LOOK_AGAIN_AFTER, LOOKS_MAX, may_be_live};
use super::walk::Walk;
use crate::base::{Offset, ReplId};
use crate::log::{
    FileKind, Found, Head, Layout, LockNote, LogError, Recovery, TailPolicy, recover,
};
use crate::rdb::{Header, SnapshotFile};
use crate::storage::Storage;

/// Prints what is there.
pub(super) fn run(env: &mut Environment<'_>, args: &InfoArgs) -> Result<(), InspectError> {
    let info = Info::gather(env.storage, &args.dir.layout())?;
    match args.format {
        Format::Text => info.write_text(env.out)?,
        Format::Json => writeln!(env.out, "{}", info.to_json())?,
    }
    env.out.flush()?;
    Ok(())
}

/// A segment as far as its own header and that of the next one tell.
struct Segment {
    file: FoundFile,
    replid: ReplId,
    start: Offset,
    end: Option<Offset>,
    begun_ms: u64,
}

struct Snapshot {
    file: FoundFile,
    header: Option<Header>,
}

struct Info {
    dir: String,
    manifest: &'static str,
    note: Option<LockNote>,
    same_boot: bool,
    segments: Vec<Segment>,
    other_logs: Vec<FoundFile>,
    snapshots: Vec<Snapshot>,
    head: Option<Head>,
    notes: Vec<String>,
    /// What a start would come to, unless there is a problem.
    outlook: String,
    problem: Option<String>,
}

fn outlook(recovery: &Recovery) -> String {
    match (recovery.found, &recovery.base) {
        (Found::Empty, _) => "there is no data in it: a server would start empty".to_owned(),
        (Found::OldAof | Found::DumpRdb, Some(base)) => format!(
            "there is no log: a server would load {} and begin one; `verify` reads every byte",
            base.path.display()
        ),
        _ => "a server would start on it, as far as the headers tell; `verify` reads every byte"
            .to_owned(),
    }
}

impl Info {
    fn gather(storage: &dyn Storage, layout: &Layout) -> Result<Self, InspectError> {
        let files = Files::list(storage, layout)?;
        let note = LockNote::read(storage, layout)?;
        let boot_id = storage.boot_id().ok();
        let same_boot = note.as_ref().zip(boot_id).is_some_and(|(n, id)| n.is_boot(&id));
        let (mut segments, mut other_logs) = (Vec::new(), Vec::new());
        for file in files.log() {
            match Walk::open(storage, layout, &file) {
                Ok(Walk::Segment(walk)) => {
                    let header = &walk.header().header;
                    segments.push(Segment {
                        file,
                        replid: header.identity.replid,
                        start: header.start,
                        end: None,
                        begun_ms: header.created_ms,
                    });
                }
                Err(error) if error.is_gone() => {}
                Ok(_) | Err(_) => other_logs.push(file),
            }
        }
        for index in 1..segments.len() {
            let next = segments[index].start;
            segments[index - 1].end = Some(next);
        }
        let snapshots = files.snapshots().into_iter().map(|file| {
            let mapping = storage.map(&file.path).ok();
            let header = mapping
                .and_then(|m| SnapshotFile::open(m.bytes()).ok().map(|s| s.header().clone()));
            Snapshot { file, header }
        });
        let manifest = match &files.manifest {
            None => "none",
            Some(Err(_)) => "DAMAGED",
            Some(Ok(manifest)) if manifest.sealed => "sound",
            Some(Ok(_)) => "written by another server",
        };
        let mut info = Self {
            dir: layout.dir().display().to_string(),
            manifest,
            note,
            same_boot,
            snapshots: snapshots.collect(),
            segments,
            other_logs,
            head: None,
            notes: Vec::new(),
            outlook: String::new(),
            problem: None,
        };
        let mut recovered = recover(storage, layout, TailPolicy::Trim);
        // A server that is writing may have been met in the middle of something.
        for _ in 0..LOOKS_MAX {
            if recovered.is_ok() || !may_be_live(storage, layout)? {
                break;
            }
            thread::sleep(LOOK_AGAIN_AFTER);
            recovered = recover(storage, layout, TailPolicy::Trim);
        }
        info.add_recovery(recovered);
        Ok(info)
    }

    fn add_recovery(&mut self, recovered: Result<Recovery, LogError>) {
        match recovered {
            Err(error) => self.problem = Some(error.to_string()),
            Ok(recovery) => {
                self.head = recovery.head;
                // The data set ends there. A backlog behind it may begin later, and goes on beyond.
                let is_backlog = |file: &FoundFile| matches!(file.kind, FileKind::Backlog(_));
                let last = self.segments.iter_mut().rfind(|segment| !is_backlog(&segment.file));
                if let (Some(head), Some(last)) = (recovery.head, last) {
                    last.end = Some(head.offset);
                }
                self.outlook = outlook(&recovery);
                self.notes = recovery.warnings;
            }
        }
    }

    /// How the last server ended, as far as its note tells.
    fn server(&self) -> String {
        match &self.note {
            None => "no note of one".to_owned(),
            Some(note) if note.clean.is_some() => format!("stopped cleanly (process {})", note.pid),
            Some(note) if self.same_boot => {
                format!("running, or killed since the machine booted (process {})", note.pid)
            }
            Some(note) => format!("ended with its machine (process {})", note.pid),
        }
    }

    fn write_text(&self, out: &mut dyn Write) -> Result<(), InspectError> {
        writeln!(out, "directory         {}", self.dir)?;
        writeln!(out, "last server       {}", self.server())?;
        if let Some(note) = &self.note {
            writeln!(out, "appendfsync       {}", note.policy.name())?;
        }
        writeln!(out, "manifest          {}", self.manifest)?;
        if let Some(head) = &self.head {
            writeln!(out, "replication ID    {}", head.identity.replid)?;
            if let Some(former) = head.identity.former {
                writeln!(out, "  continues       {} from offset {}", former.replid, former.end)?;
            }
            writeln!(out, "last offset       {}", head.offset)?;
        }
        for snapshot in &self.snapshots {
            write_snapshot(out, snapshot)?;
        }
        if !self.segments.is_empty() {
            let bytes = size(self.segments.iter().map(|s| s.file.len).sum());
            writeln!(out, "\nlog               {} segments, {bytes}", self.segments.len())?;
            let (offset, name) = ("offset", "segment");
            writeln!(out, "  {offset:>14} {:>14}  {:>12}  {:<24}  {name}", "to", "bytes", "begun")?;
        }
        for segment in &self.segments {
            let end = segment.end.map_or_else(|| "?".to_owned(), |end| end.to_string());
            let len = size(segment.file.len);
            let (start, begun) = (segment.start.get(), time(segment.begun_ms));
            let place = place_of(&segment.file);
            let name = &segment.file.name;
            writeln!(out, "  {start:>14} {end:>14}  {len:>12}  {begun:<24}  {name}{place}")?;
        }
        for file in &self.other_logs {
            let (name, len) = (&file.name, size(file.len));
            writeln!(out, "  another server's, or unreadable: {name}, {len}")?;
        }
        for note in &self.notes {
            writeln!(out, "\nnote: {note}")?;
        }
        match &self.problem {
            Some(problem) => writeln!(out, "\nDAMAGED: a server would not start: {problem}")?,
            None => writeln!(out, "\n{}", self.outlook)?,
        }
        Ok(())
    }

    fn to_json(&self) -> Value {
        let segments: Vec<Value> = self.segments.iter().map(segment_json).collect();
        let snapshots: Vec<Value> = self.snapshots.iter().map(snapshot_json).collect();
        json!({
            "directory": self.dir,
            "server": self.note.as_ref().map(|note| json!({
                "pid": note.pid,
                "appendfsync": note.policy.name(),
                "clean": note.clean.is_some(),
                "same_boot": self.same_boot,
            })),
            "manifest": self.manifest,
            "replid": self.head.map(|head| head.identity.replid.to_string()),
            "replid2": self.head.and_then(|head| head.identity.former).map(|former| json!({
                "replid": former.replid.to_string(),
                "end": former.end.get(),
            })),
            "offset": self.head.map(|head| head.offset.get()),
            "segments": segments,
            "snapshots": snapshots,
            "notes": self.notes,
            "problem": self.problem,
        })
    }
}

fn place_of(file: &FoundFile) -> &'static str {
    match file.kind {
        FileKind::Backlog(_) => "  (backlog)",
        _ if !file.is_named => "  (archived)",
        _ => "",
    }
}

fn segment_json(segment: &Segment) -> Value {
    json!({
        "file": segment.file.name,
        "replid": segment.replid.to_string(),
        "start": segment.start.get(),
        "end": segment.end.map(Offset::get),
        "bytes": segment.file.len,
        "begun_ms": segment.begun_ms,
        "named": segment.file.is_named,
    })
}

fn snapshot_json(snapshot: &Snapshot) -> Value {
    let header = snapshot.header.as_ref();
    json!({
        "file": snapshot.file.name,
        "bytes": snapshot.file.len,
        "readable": header.is_some(),
        "offset": header.and_then(|h| h.stream.as_ref()).map(|s| s.offset.get()),
        "replid": header.and_then(|h| h.stream.as_ref()).map(|s| s.repl_id.to_string()),
        "keys": header.map(|h| h.databases.iter().map(|db| db.keys).sum::<u64>()),
        "created_s": header.and_then(|h| h.created_s),
        "named": snapshot.file.is_named,
    })
}

fn write_snapshot(out: &mut dyn Write, snapshot: &Snapshot) -> Result<(), InspectError> {
    let file = &snapshot.file;
    let len = size(file.len);
    writeln!(out, "\nsnapshot          {}, {len}{}", file.name, place_of(file))?;
    let Some(header) = &snapshot.header else {
        writeln!(out, "  its header cannot be read")?;
        return Ok(());
    };
    if let Some(stream) = &header.stream {
        writeln!(out, "  cut at offset   {}", stream.offset)?;
    }
    if let Some(created_s) = header.created_s {
        writeln!(out, "  made            {}", time(created_s.saturating_mul(1000)))?;
    }
    for db in &header.databases {
        writeln!(out, "  db{:<14} {} keys, {} with expiry", db.db, db.keys, db.expires)?;
    }
    Ok(())
}
