//! The files of a data directory as they are now.
//!
//! Beside a running server they come and go: a segment moves to the archive, an old one is removed.
//! So a list is a moment's view, and who opens a file from it is prepared to find it elsewhere or
//! gone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::error::InspectError;
use crate::log::{FileKind, Layout, Manifest};
use crate::storage::{Storage, read_file};

/// Longest manifest that is read, in bytes.
const MANIFEST_LEN_MAX: u64 = 16 * 1024 * 1024;

/// A file of the log's folder or of the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundFile {
    pub name: String,
    pub path: PathBuf,
    /// What it is, going by its name.
    pub kind: FileKind,
    pub len: u64,
    /// Whether the manifest names it.
    pub is_named: bool,
}

impl FoundFile {
    /// The number in its name, 0 without one.
    pub(super) fn seq(&self) -> u64 {
        match self.kind {
            FileKind::BaseRdb(seq)
            | FileKind::BaseAof(seq)
            | FileKind::Incr(seq)
            | FileKind::Backlog(seq)
            | FileKind::Orphan(seq) => seq,
            _ => 0,
        }
    }

    /// Where its commands come in the order of the log: a base of commands before the segment of the
    /// same number.
    pub(super) fn rank(&self) -> u64 {
        self.seq().saturating_mul(2) + u64::from(!matches!(self.kind, FileKind::BaseAof(_)))
    }

    /// Whether it holds commands of the log, in the order of its number.
    pub(super) fn is_log(&self) -> bool {
        matches!(self.kind, FileKind::BaseAof(_) | FileKind::Incr(_) | FileKind::Backlog(_))
    }
}

/// What a directory holds.
#[derive(Debug)]
pub(super) struct Files {
    /// The manifest, why it cannot be read, or `None` without one.
    pub manifest: Option<Result<Manifest, String>>,
    /// Bytes of the manifest.
    pub manifest_len: u64,
    /// All files of both folders, by folder and name.
    pub all: Vec<FoundFile>,
}

impl Files {
    /// Looks at the directory of `layout`.
    ///
    /// # Errors
    /// When there is no such directory, or a folder cannot be listed.
    pub(super) fn list(storage: &dyn Storage, layout: &Layout) -> Result<Self, InspectError> {
        let dir = layout.dir();
        if !storage.exists(dir).map_err(InspectError::io("look for", dir))? {
            return Err(InspectError::Refused(format!("there is no directory {}", dir.display())));
        }
        let (manifest, manifest_len) = read_manifest(storage, layout)?;
        let mut named: Vec<&str> = Vec::new();
        if let Some(Ok(manifest)) = &manifest {
            let files = manifest.base.iter().chain(&manifest.incrs).chain(&manifest.history);
            named.extend(files.map(|file| file.name.as_str()));
        }
        let mut all = Vec::new();
        for folder in [layout.append_dir(), layout.archive_dir()] {
            for (name, len) in list_folder(storage, folder)? {
                let path = folder.join(&name);
                let kind = kind_of(layout, folder, &name, &named);
                let is_named = folder == layout.append_dir() && named.contains(&name.as_str());
                all.push(FoundFile { name, path, kind, len, is_named });
            }
        }
        Ok(Self { manifest, manifest_len, all })
    }

    /// The files with commands of the log, each number once, oldest first.
    pub(super) fn log(&self) -> Vec<FoundFile> {
        let mut by_rank: BTreeMap<u64, &FoundFile> = BTreeMap::new();
        for file in self.all.iter().filter(|file| file.is_log()) {
            // A segment may have two names for a moment, in both folders or as a backlog; the one the
            // server uses is taken.
            let known = by_rank.entry(file.rank()).or_insert(file);
            if !known.is_named && (file.is_named || matches!(file.kind, FileKind::Incr(_))) {
                *known = file;
            }
        }
        by_rank.into_values().cloned().collect()
    }

    /// The snapshots, oldest first.
    pub(super) fn snapshots(&self) -> Vec<FoundFile> {
        let is_snapshot = |file: &&FoundFile| matches!(file.kind, FileKind::BaseRdb(_));
        let mut snapshots: Vec<FoundFile> = self.all.iter().filter(is_snapshot).cloned().collect();
        snapshots.sort_by_key(FoundFile::seq);
        snapshots
    }

    /// The manifest, where it can be read.
    pub(super) fn sound_manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref().and_then(|manifest| manifest.as_ref().ok())
    }
}

/// The manifest may name its files as it likes (another server's configuration): its word counts.
fn kind_of(layout: &Layout, folder: &Path, name: &str, named: &[&str]) -> FileKind {
    match layout.kind(name) {
        FileKind::Other if folder == layout.append_dir() && named.contains(&name) => {
            kind_by_ending(name)
        }
        kind => kind,
    }
}

fn kind_by_ending(name: &str) -> FileKind {
    let mut parts = name.rsplitn(4, '.');
    let (ending, role, seq) = (parts.next(), parts.next(), parts.next());
    let Some(seq) = seq.and_then(|seq| seq.parse().ok()) else { return FileKind::Other };
    match (role, ending) {
        (Some("base"), Some("rdb")) => FileKind::BaseRdb(seq),
        (Some("base"), Some("aof")) => FileKind::BaseAof(seq),
        (Some("incr"), Some("aof")) => FileKind::Incr(seq),
        _ => FileKind::Other,
    }
}

type ReadManifest = (Option<Result<Manifest, String>>, u64);

fn read_manifest(storage: &dyn Storage, layout: &Layout) -> Result<ReadManifest, InspectError> {
    let path = layout.manifest();
    let bytes = match read_file(storage, &path, MANIFEST_LEN_MAX) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok((None, 0)),
        Err(e) if e.kind() == io::ErrorKind::FileTooLarge => {
            return Ok((Some(Err(e.to_string())), 0));
        }
        Err(e) => return Err(InspectError::io("read", &path)(e)),
    };
    let parsed = Manifest::parse(&bytes).map_err(|error| match error.line {
        0 => error.what.to_owned(),
        line => format!("line {line}: {}", error.what),
    });
    // Redis writes no comments: a manifest with one and without our checksum was ours once.
    let parsed = match parsed {
        Ok(manifest) if !manifest.sealed && bytes.contains(&b'#') => {
            Err("it has a comment but no readable checksum".to_owned())
        }
        other => other,
    };
    Ok((Some(parsed), bytes.len() as u64))
}

fn list_folder(storage: &dyn Storage, folder: &Path) -> Result<Vec<(String, u64)>, InspectError> {
    match storage.list(folder) {
        Ok(entries) => {
            Ok(entries.into_iter().filter(|e| !e.is_dir).map(|e| (e.name, e.len)).collect())
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(InspectError::io("list", folder)(e)),
    }
}
