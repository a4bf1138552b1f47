//! The files of the log and their order on disk: everything that changes names or the manifest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Active, Head, LogMode, SegmentFile};
use crate::log::manifest::{Manifest, ManifestFile};
use crate::log::prepare::Preparer;
use crate::log::recovery::{BaseKind, Found, Recovery};
use crate::log::segment::{SegmentHeader, SegmentInfo};
use crate::log::tail::FILL_UNIT;
use crate::log::{Layout, LogError, LogOptions, filler, retention};
use crate::storage::{File as _, OpenMode, Storage, crashsafe};

/// Where segments and the manifest are made.
#[derive(Debug)]
pub(super) struct Files {
    pub storage: Arc<dyn Storage>,
    pub layout: Layout,
    pub options: LogOptions,
    pub mode: LogMode,
    pub preparer: Preparer,
    /// The manifest as it is on disk, as far as is known.
    pub manifest: Manifest,
    pub next_seq: u64,
    /// Files made for a manifest that could not be stored.
    pub abandoned: Vec<PathBuf>,
}

impl Files {
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        layout: Layout,
        options: LogOptions,
        mode: LogMode,
        next_seq: u64,
    ) -> Self {
        let preparer = Preparer::new(Arc::clone(&storage), layout.clone());
        let (manifest, abandoned) = (Manifest::default(), Vec::new());
        Self { storage, layout, options, mode, preparer, manifest, next_seq, abandoned }
    }

    /// Appends a segment to the manifest.
    pub(super) fn list_segment(&mut self, info: &SegmentInfo) -> Result<(), LogError> {
        let mut manifest = self.manifest.clone();
        if self.mode == LogMode::Durable {
            manifest.incrs.push(file_of(info));
        }
        let stored = self.store_manifest(manifest);
        if stored.is_err() {
            // The manifest on disk may or may not name it: it goes once another one is stored.
            self.abandoned.push(info.path.clone());
        }
        stored
    }

    /// Makes the file of a new segment: header and name are durable, the manifest does not have it yet.
    pub(super) fn create_segment(
        &mut self,
        head: Head,
        now_ms: u64,
    ) -> Result<(Active, SegmentInfo), LogError> {
        let seq = self.next_seq;
        // Never used twice, not even after a failure below: a number names one file.
        self.next_seq += 1;
        let header = SegmentHeader {
            identity: head.identity,
            start: head.offset,
            db: head.db,
            created_ms: now_ms,
        };
        let (dir, name) = match self.mode {
            LogMode::Durable => (self.layout.append_dir(), self.layout.incr_name(seq)),
            LogMode::Backlog => (self.layout.archive_dir(), self.layout.backlog_name(seq)),
        };
        let path = dir.join(name);
        let prepared = (self.mode == LogMode::Durable).then(|| self.preparer.take()).flatten();
        let (file, temporary, filled_len) = match prepared {
            Some(prepared) => (prepared.file, prepared.path, prepared.len),
            None => {
                let temporary = crashsafe::temporary_path(&path);
                let file = self
                    .storage
                    .open(&temporary, OpenMode::Truncate)
                    .map_err(LogError::io("create", &temporary))?;
                (file, temporary, 0)
            }
        };
        let file = SegmentFile::new(file);
        let made = self.finish_segment(&file, &header, &temporary, &path);
        if made.is_err() {
            // What cannot be removed now is removed at the next start.
            self.storage.remove(&temporary).ok();
            self.storage.remove(&path).ok();
        }
        let (seed, position) = made?;
        let active = Active {
            seq,
            path: path.clone(),
            file,
            seed,
            position,
            synced_len: position,
            filled_len,
            next_wanted: false,
        };
        Ok((active, header.info(seq, &path)))
    }

    fn finish_segment(
        &self,
        file: &Arc<SegmentFile>,
        header: &SegmentHeader,
        temporary: &Path,
        path: &Path,
    ) -> Result<(u32, u64), LogError> {
        use crate::storage::File as _;
        let (mut bytes, seed) = header.encode();
        if filler::needs_pad(bytes.len() as u64) {
            bytes.extend_from_slice(filler::PAD);
        }
        file.file.write_all_at(&bytes, 0).map_err(LogError::io("write", temporary))?;
        match self.mode {
            LogMode::Durable => {
                file.sync().map_err(LogError::io("sync", temporary))?;
                crashsafe::rename(&*self.storage, temporary, path)
            }
            LogMode::Backlog => self.storage.rename(temporary, path),
        }
        .map_err(LogError::io("name", path))?;
        Ok((seed, bytes.len() as u64))
    }

    /// Replaces the manifest, on disk first. [`LogMode::Backlog`] has none.
    pub(super) fn store_manifest(&mut self, manifest: Manifest) -> Result<(), LogError> {
        if self.mode == LogMode::Durable {
            let path = self.layout.manifest();
            crashsafe::replace(&*self.storage, &path, &manifest.encode())
                .map_err(LogError::io("replace", &path))?;
            for path in self.abandoned.drain(..) {
                // What cannot be removed now is put aside at the next start.
                self.storage.remove(&path).ok();
            }
        }
        self.manifest = manifest;
        Ok(())
    }

    /// Puts away what the manifest does not name.
    pub(super) fn retire(&self) -> Result<(), LogError> {
        self.removing(|removed| {
            let Self { storage, layout, options, manifest, .. } = self;
            retention::retire(&**storage, layout, options, manifest, removed)
        })
    }

    /// Removes archived files the retention policy no longer keeps.
    pub(super) fn prune(&self, now_ms: u64) -> Result<(), LogError> {
        self.removing(|removed| {
            retention::prune(&*self.storage, &self.layout, &self.options, now_ms, removed)
        })
    }

    /// Has the room of what `remove` removes given back where nobody waits.
    fn removing(
        &self,
        remove: impl FnOnce(&mut retention::Removed) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        let mut removed = Vec::new();
        let result = remove(&mut removed);
        self.preparer.give_back(removed);
        result
    }

    /// Fills the first segment ahead of use, a little: later ones are prepared in the background.
    pub(super) fn fill_first(&self, active: &mut Active) -> Result<(), LogError> {
        if self.options.fill_len_first == 0 || self.mode == LogMode::Backlog {
            return Ok(());
        }
        let fill = || -> std::io::Result<(u64, u64)> {
            let mut position = active.position;
            if filler::needs_pad(position) {
                active.file.file.write_all_at(filler::PAD, position)?;
                position += filler::PAD.len() as u64;
            }
            let end = (position + self.options.fill_len_first).next_multiple_of(FILL_UNIT);
            let mut at = position;
            while at < end {
                let piece_end = end.min(at + filler::BLOCK_LEN as u64);
                let piece: Vec<u8> = (at..piece_end).map(filler::byte_at).collect();
                active.file.file.write_all_at(&piece, at)?;
                at = piece_end;
            }
            active.file.file.sync_all()?;
            Ok((position, end))
        };
        let (position, end) = fill().map_err(LogError::io("fill", &active.path))?;
        (active.position, active.synced_len, active.filled_len) = (position, position, end);
        Ok(())
    }

    /// Gives a base that stands outside the manifest's folder a second name inside it.
    pub(super) fn adopt_base(
        &mut self,
        recovery: &Recovery,
        mut manifest: Manifest,
    ) -> Result<Manifest, LogError> {
        let outside = matches!(recovery.found, Found::DumpRdb | Found::OldAof);
        if let Some(base) = recovery.base.as_ref().filter(|_| outside) {
            let seq = self.next_seq;
            self.next_seq += 1;
            let name = match base.kind {
                BaseKind::Rdb => self.layout.base_name(seq),
                BaseKind::Aof | BaseKind::RdbThenAof => self.layout.base_aof_name(seq),
            };
            let path = self.layout.append_dir().join(&name);
            crashsafe::hard_link(&*self.storage, &base.path, &path)
                .map_err(LogError::io("link", &path))?;
            manifest.base = Some(ManifestFile { name, seq });
        }
        Ok(manifest)
    }
}

/// The manifest's line for a segment.
pub(super) fn file_of(info: &SegmentInfo) -> ManifestFile {
    let name = info.path.file_name().unwrap_or_default();
    ManifestFile { name: name.to_string_lossy().into_owned(), seq: info.seq }
}
