//! What becomes of files no manifest names any more: archived, kept a while, removed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::Manifest;
use super::segment::{MAGIC, ParsedHeader, SEGMENT_HEADER_LEN_MAX, SegmentHeader, SegmentInfo};
use super::{FileKind, Layout, LogError, LogOptions, filler};
use crate::storage::{Entry, File, OpenMode, Storage, crashsafe};

/// Files that were removed and are still open. The file system takes their room back when they are
/// closed; for a large one that can keep the disk busy for tens of milliseconds, see
/// [`Preparer`](super::prepare::Preparer).
pub(crate) type Removed = Vec<Arc<dyn File>>;

fn remove(storage: &dyn Storage, path: &Path, removed: &mut Removed) -> std::io::Result<()> {
    // One that cannot be opened is removed all the same, and at once.
    removed.extend(storage.open(path, OpenMode::Write).ok());
    storage.remove(path)
}

/// Makes `dump.rdb` a second name of the snapshot, and durable with it every earlier change of names in
/// the data directory.
pub(crate) fn link_dump(
    storage: &dyn Storage,
    layout: &Layout,
    base: &Path,
) -> Result<(), LogError> {
    let dump = layout.dump();
    let temporary = crashsafe::temporary_path(&dump);
    match storage.remove(&temporary) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
    .and_then(|()| storage.hard_link(base, &temporary))
    .and_then(|()| crashsafe::rename(storage, &temporary, &dump))
    .map_err(LogError::io("link", &dump))
}

/// Puts away what is in the manifest's folder and is not named by `manifest`:
///
/// - a segment of ours before the first one named: to the archive;
/// - a later one: removed when it has no frame, otherwise put aside as an orphan (it was made for a
///   manifest that never came to be, so nothing in it was acknowledged);
/// - a superseded snapshot: to the archive, when any are kept there, else removed;
/// - another server's superseded files, and temporary files of ours: removed.
///
/// Anything else is not ours to touch.
pub(crate) fn retire(
    storage: &dyn Storage,
    layout: &Layout,
    options: &LogOptions,
    manifest: &Manifest,
    removed: &mut Removed,
) -> Result<(), LogError> {
    let dir = layout.append_dir();
    let archive = layout.archive_dir();
    crashsafe::create_dir(storage, archive).map_err(LogError::io("create", archive))?;
    let named =
        |name: &str| manifest.base.iter().chain(&manifest.incrs).any(|file| file.name == name);
    let first_seq = manifest.incrs.first().map_or(u64::MAX, |f| f.seq);
    let (mut moved, mut changed) = (false, false);
    for entry in storage.list(dir).map_err(LogError::io("list", dir))? {
        if entry.is_dir || named(&entry.name) {
            continue;
        }
        let path = dir.join(&entry.name);
        let target = match layout.kind(&entry.name) {
            FileKind::Incr(seq) => match read_header(storage, &path)? {
                Some(_) if seq < first_seq => Some(archive.join(&entry.name)),
                Some(header) if has_frames(storage, &path, &header)? => {
                    let orphan = archive.join(layout.orphan_name(seq));
                    tracing::warn!(
                        from = %path.display(), to = %orphan.display(),
                        "put aside a segment that the manifest does not name"
                    );
                    Some(orphan)
                }
                _ => None,
            },
            FileKind::BaseRdb(_) if options.archive_snapshots_max > 0 => {
                Some(archive.join(&entry.name))
            }
            FileKind::BaseRdb(_) | FileKind::BaseAof(_) => None,
            FileKind::Temporary if !entry.name.starts_with("prepared.") => None,
            _ => continue,
        };
        moved |= target.is_some();
        changed = true;
        match target {
            Some(to) => storage.rename(&path, &to),
            None => remove(storage, &path, removed),
        }
        .map_err(LogError::io("put away", &path))?;
    }
    // Once for all of them, and in the order of a rename across directories.
    for (dir, is_due) in [(archive, moved), (dir, changed)] {
        if is_due {
            storage.sync_dir(dir).map_err(LogError::io("sync", dir))?;
        }
    }
    Ok(())
}

/// Removes what the server before this one was still making in the data directory itself: a snapshot, and
/// the next `dump.rdb`.
pub(crate) fn remove_unfinished(storage: &dyn Storage, layout: &Layout) -> Result<(), LogError> {
    for path in [layout.snapshot_temporary(), crashsafe::temporary_path(&layout.dump())] {
        if storage.exists(&path).map_err(LogError::io("look for", &path))? {
            crashsafe::remove(storage, &path).map_err(LogError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes segments that were being prepared when the server before this one ended.
pub(crate) fn remove_prepared(storage: &dyn Storage, layout: &Layout) -> Result<(), LogError> {
    let dir = layout.append_dir();
    for entry in storage.list(dir).map_err(LogError::io("list", dir))? {
        if entry.name.starts_with("prepared.") && layout.kind(&entry.name) == FileKind::Temporary {
            let path = dir.join(&entry.name);
            storage.remove(&path).map_err(LogError::io("remove", &path))?;
        }
    }
    Ok(())
}

/// Removes the backlog of a server that ran with `appendonly no`, and before it what a switch to `yes`
/// that was not finished left in the manifest's folder: second names of its segments and, when there
/// is no manifest at all, the snapshot meant for one. `manifest` is the one on disk.
pub(crate) fn remove_backlog(
    storage: &dyn Storage,
    layout: &Layout,
    manifest: Option<&Manifest>,
    removed: &mut Removed,
) -> Result<(), LogError> {
    let (archive, append_dir) = (layout.archive_dir(), layout.append_dir());
    let entries = storage.list(archive).map_err(LogError::io("list", archive))?;
    let backlog: Vec<(u64, String)> = entries
        .into_iter()
        .filter_map(|entry| match layout.kind(&entry.name) {
            FileKind::Backlog(seq) => Some((seq, entry.name)),
            _ => None,
        })
        .collect();
    if backlog.is_empty() {
        return Ok(());
    }
    if storage.exists(append_dir).map_err(LogError::io("look for", append_dir))? {
        for entry in storage.list(append_dir).map_err(LogError::io("list", append_dir))? {
            let is_leftover = match layout.kind(&entry.name) {
                FileKind::Incr(seq) => {
                    let twin = backlog.iter().any(|(backlog_seq, _)| *backlog_seq == seq);
                    twin && manifest.is_none_or(|m| m.incrs.iter().all(|f| f.name != entry.name))
                }
                FileKind::BaseRdb(_) => manifest.is_none(),
                _ => false,
            };
            if is_leftover {
                let path = append_dir.join(&entry.name);
                remove(storage, &path, removed).map_err(LogError::io("remove", &path))?;
            }
        }
        storage.sync_dir(append_dir).map_err(LogError::io("sync", append_dir))?;
    }
    for (_, name) in backlog {
        let path = archive.join(name);
        remove(storage, &path, removed).map_err(LogError::io("remove", &path))?;
    }
    storage.sync_dir(archive).map_err(LogError::io("sync", archive))
}

/// Whether the archive holds the backlog of a server that ran with `appendonly no`.
pub(crate) fn has_backlog(storage: &dyn Storage, layout: &Layout) -> Result<bool, LogError> {
    let dir = layout.archive_dir();
    if !storage.exists(dir).map_err(LogError::io("look for", dir))? {
        return Ok(false);
    }
    let entries = storage.list(dir).map_err(LogError::io("list", dir))?;
    Ok(entries.iter().any(|entry| matches!(layout.kind(&entry.name), FileKind::Backlog(_))))
}

/// Removes the oldest archived files beyond what `options` keeps.
pub(crate) fn prune(
    storage: &dyn Storage,
    layout: &Layout,
    options: &LogOptions,
    now_ms: u64,
    removed: &mut Removed,
) -> Result<(), LogError> {
    let dir = layout.archive_dir();
    let entries = storage.list(dir).map_err(LogError::io("list", dir))?;
    let mut segments: Vec<(u64, &Entry)> = Vec::new();
    let mut snapshots: Vec<(u64, &Entry)> = Vec::new();
    for entry in &entries {
        match layout.kind(&entry.name) {
            FileKind::Incr(seq) | FileKind::Backlog(seq) | FileKind::Orphan(seq) => {
                segments.push((seq, entry));
            }
            FileKind::BaseRdb(seq) => snapshots.push((seq, entry)),
            _ => {}
        }
    }
    segments.sort_unstable_by_key(|(seq, _)| *seq);
    snapshots.sort_unstable_by_key(|(seq, _)| *seq);
    let snapshots_over = snapshots.len().saturating_sub(options.archive_snapshots_max);
    let mut doomed: Vec<&Entry> = snapshots[..snapshots_over].iter().map(|(_, e)| *e).collect();
    let mut len_left: u64 = segments.iter().map(|(_, e)| e.len).sum();
    if segments.last().is_some_and(|(_, e)| matches!(layout.kind(&e.name), FileKind::Backlog(_))) {
        // The newest backlog segment is being written to.
        segments.pop();
    }
    for (index, (_, entry)) in segments.iter().enumerate() {
        let ended_ms = match segments.get(index + 1) {
            Some((_, next)) => created_ms(storage, &dir.join(&next.name))?,
            None => None,
        };
        let is_old = match (options.archive_age_max_ms, ended_ms) {
            (Some(age_ms), Some(ended_ms)) => now_ms.saturating_sub(ended_ms) > age_ms,
            _ => false,
        };
        if len_left <= options.archive_len_max && !is_old {
            break;
        }
        len_left -= entry.len;
        doomed.push(entry);
    }
    if doomed.is_empty() {
        return Ok(());
    }
    for entry in doomed {
        let path = dir.join(&entry.name);
        remove(storage, &path, removed).map_err(LogError::io("remove", &path))?;
    }
    storage.sync_dir(dir).map_err(LogError::io("sync", dir))
}

/// Where a segment is now: where it was, or in the archive; `None` when it is gone.
pub(crate) fn find_segment(
    storage: &dyn Storage,
    layout: &Layout,
    info: &SegmentInfo,
) -> Result<Option<PathBuf>, LogError> {
    // It may move to the archive between two looks, but never back.
    let archived = layout.archive_dir().join(layout.incr_name(info.seq));
    for path in [&info.path, &archived] {
        if storage.exists(path).map_err(LogError::io("look for", path))? {
            return Ok(Some(path.clone()));
        }
    }
    Ok(None)
}

/// The header of a segment, `None` when the file has none of ours.
pub(crate) fn read_header(
    storage: &dyn Storage,
    path: &Path,
) -> Result<Option<ParsedHeader>, LogError> {
    let file = storage.open(path, OpenMode::Read).map_err(LogError::io("open", path))?;
    let mut bytes = [0; SEGMENT_HEADER_LEN_MAX];
    let read = file.read_full_at(&mut bytes, 0).map_err(LogError::io("read", path))?;
    Ok(if bytes.starts_with(MAGIC) { SegmentHeader::parse(&bytes[..read]).ok() } else { None })
}

fn created_ms(storage: &dyn Storage, path: &Path) -> Result<Option<u64>, LogError> {
    Ok(read_header(storage, path)?.map(|parsed| parsed.header.created_ms))
}

fn has_frames(storage: &dyn Storage, path: &Path, header: &ParsedHeader) -> Result<bool, LogError> {
    let file = storage.open(path, OpenMode::Read).map_err(LogError::io("open", path))?;
    let mut bytes = [0; 64];
    let read = file.read_full_at(&mut bytes, header.len).map_err(LogError::io("read", path))?;
    let bytes = bytes[..read].strip_prefix(filler::PAD).unwrap_or(&bytes[..read]);
    Ok(!bytes.iter().all(|b| matches!(b, b'#' | b'\n' | 0)))
}
