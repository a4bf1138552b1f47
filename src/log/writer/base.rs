//! The snapshot under the log: a newer one, one received from a master, or none at all.
//!
//! Every switch has the same order: the new files are durable under their names, then the manifest
//! names them, and only then does anything old go. A crash before the manifest leaves the old data set
//! and files nobody names; one after it leaves the new data set and old files nobody names. Those are
//! put away at the next start by the same [`retire`](super::super::retention::retire).

use std::path::{Path, PathBuf};

use super::files::file_of;
use super::{Head, LogMode, Writer};
use crate::log::LogError;
use crate::log::manifest::{BasePosition, Manifest, ManifestFile};
use crate::log::retention;
use crate::log::segment::SegmentInfo;
use crate::storage::{OpenMode, crashsafe};

impl Writer {
    /// Puts a snapshot taken at `cut` (what [`Writer::rotate`] returned) under the log. `snapshot` is a
    /// synced, verified file in the data directory; it is renamed. Returns its new name, which is for
    /// [`Writer::put_away`]: commits may come in between.
    ///
    /// In [`LogMode::Backlog`] the log becomes durable with it: segments from the cut on are synced and
    /// move into the manifest (`appendonly` switched on).
    ///
    /// # Errors
    /// [`LogError::StaleCut`] when the log was replaced since the cut; otherwise what the file system
    /// refused. Until the manifest is switched the old data set stays as it was.
    pub fn switch_base(&mut self, snapshot: &Path, cut: &SegmentInfo) -> Result<PathBuf, LogError> {
        self.check()?;
        if !self.chain.iter().any(|s| s.seq == cut.seq && s.start == cut.start) {
            return Err(LogError::StaleCut { cut: cut.start, replid: self.identity.replid });
        }
        let (base, path) = self.name_snapshot(snapshot)?;
        if self.files.mode == LogMode::Backlog {
            self.make_durable_from(cut.seq)?;
        }
        let kept = self.chain.iter().filter(|s| s.seq >= cut.seq).map(file_of).collect();
        let at = BasePosition { replid: cut.identity.replid, offset: cut.start };
        self.store_base(base, at, kept)?;
        Ok(path)
    }

    /// Replaces the whole data set by a snapshot received from a master: the manifest becomes that
    /// snapshot and one new segment at `head`. What was in the log before, written or not, is
    /// superseded, and put away. `snapshot` is as in [`Writer::switch_base`].
    ///
    /// Works after a failure too: nothing of the failed segment is needed any more.
    pub fn install_base(
        &mut self,
        snapshot: &Path,
        head: Head,
        now_ms: u64,
    ) -> Result<PathBuf, LogError> {
        let (base, path) = self.name_snapshot(snapshot)?;
        let mode = std::mem::replace(&mut self.files.mode, LogMode::Durable);
        let installed = self.files.create_segment(head, now_ms).and_then(|(active, info)| {
            let at = BasePosition { replid: head.identity.replid, offset: head.offset };
            let stored = self.store_base(base, at, vec![file_of(&info)]);
            if stored.is_err() {
                self.files.abandoned.push(info.path.clone());
            }
            stored.map(|()| (active, info))
        });
        if installed.is_err() {
            self.files.mode = mode;
        }
        let (active, info) = installed?;
        self.start_over(head);
        self.enter(active, info);
        self.put_away(&path, now_ms);
        Ok(path)
    }

    /// Begins another history without a data set on disk, in [`LogMode::Backlog`]: what a replica with
    /// `appendonly no` does after a full sync, whose snapshot it keeps as `dump.rdb` only.
    pub fn restart_backlog(&mut self, head: Head, now_ms: u64) -> Result<(), LogError> {
        assert_eq!(self.files.mode, LogMode::Backlog, "a durable log restarts from a snapshot");
        let (active, info) = self.files.create_segment(head, now_ms)?;
        self.start_over(head);
        self.enter(active, info);
        self.files
            .prune(now_ms)
            .unwrap_or_else(|error| tracing::warn!(%error, "cannot tidy the archive"));
        Ok(())
    }

    /// `appendonly` switched off: what is written is synced, and the log goes on as a backlog; where
    /// `asleep` says that nobody needs one, without. The manifest and its files stay as they are, as
    /// Redis leaves them.
    pub fn leave_manifest(&mut self, asleep: bool, now_ms: u64) -> Result<(), LogError> {
        self.sync()?;
        let trimmed = self.trim_active();
        self.note_failure(trimmed)?;
        self.files.mode = LogMode::Backlog;
        let archive = self.files.layout.archive_dir();
        let made = crashsafe::create_dir(&*self.files.storage, archive)
            .map_err(LogError::io("create", archive));
        self.note_failure(made)?;
        if asleep {
            self.sleep();
            return Ok(());
        }
        let head = Head { identity: self.identity, offset: self.end, db: self.db };
        let made = self.files.create_segment(head, now_ms);
        let (active, info) = self.note_failure(made)?;
        self.enter(active, info);
        Ok(())
    }

    /// Removes archived segments the retention policy no longer keeps.
    pub fn prune(&mut self, now_ms: u64) -> Result<(), LogError> {
        self.files.prune(now_ms)?;
        self.drop_lost_segments()
    }

    fn start_over(&mut self, head: Head) {
        self.chain.clear();
        while let Some(queued) = self.queue.pop_front() {
            self.recycle(queued.buffer);
        }
        self.queue_len = 0;
        (self.db, self.failure) = (head.db, None);
        (self.written, self.durable, self.end) = (head.offset, head.offset, head.offset);
    }

    /// Gives a snapshot its name in the manifest's folder, durably.
    fn name_snapshot(&mut self, snapshot: &Path) -> Result<(ManifestFile, PathBuf), LogError> {
        if self.files.mode == LogMode::Backlog {
            // The names in the archive tell the next start that a snapshot without a manifest is left
            // over from this switch.
            let archive = self.files.layout.archive_dir();
            self.files.storage.sync_dir(archive).map_err(LogError::io("sync", archive))?;
        }
        let dir = self.files.layout.append_dir();
        crashsafe::create_dir(&*self.files.storage, dir).map_err(LogError::io("create", dir))?;
        let seq = self.files.next_seq;
        self.files.next_seq += 1;
        let name = self.files.layout.base_name(seq);
        let path = dir.join(&name);
        // The old name is a temporary one: that it is gone need not be durable.
        let storage = &*self.files.storage;
        storage
            .rename(snapshot, &path)
            .and_then(|()| storage.sync_dir(dir))
            .map_err(LogError::io("name", &path))?;
        Ok((ManifestFile { name, seq }, path))
    }

    fn store_base(
        &mut self,
        base: ManifestFile,
        at: BasePosition,
        incrs: Vec<ManifestFile>,
    ) -> Result<(), LogError> {
        let manifest = Manifest {
            base: Some(base),
            base_at: Some(at),
            incrs,
            history: Vec::new(),
            sealed: true,
        };
        let mode = std::mem::replace(&mut self.files.mode, LogMode::Durable);
        let stored = self.files.store_manifest(manifest);
        if stored.is_err() {
            self.files.mode = mode;
        }
        // A manifest that may or may not be there must not be followed by writes that rely on either.
        self.note_failure(stored)
    }

    /// After a switch: `dump.rdb` becomes a second name of the new snapshot, what is superseded goes. None
    /// of it matters to the data set, so a failure is only reported.
    pub fn put_away(&mut self, base: &Path, now_ms: u64) {
        let result = retention::link_dump(&*self.files.storage, &self.files.layout, base)
            .and_then(|()| self.files.retire())
            .and_then(|()| self.files.prune(now_ms))
            .and_then(|()| self.drop_lost_segments());
        if let Err(error) = result {
            tracing::warn!(%error, "cannot put superseded files away");
        }
    }

    /// Follows archived segments to where they are now and forgets those that were removed.
    pub(super) fn drop_lost_segments(&mut self) -> Result<(), LogError> {
        let mut first_kept = 0;
        for (index, info) in self.chain.iter_mut().enumerate() {
            match retention::find_segment(&*self.files.storage, &self.files.layout, info)? {
                Some(path) => info.path = path,
                None => first_kept = index + 1,
            }
        }
        self.chain.drain(..first_kept.min(self.chain.len().saturating_sub(1)));
        Ok(())
    }

    /// Turns backlog segments from `seq` on into segments of the data set: synced, and under names in
    /// the manifest's folder. The old names stay until the next start, which tells by them that a
    /// switch was not finished.
    fn make_durable_from(&mut self, seq: u64) -> Result<(), LogError> {
        let storage = &*self.files.storage;
        for info in self.chain.iter_mut().filter(|s| s.seq >= seq) {
            let name = self.files.layout.incr_name(info.seq);
            let path = self.files.layout.append_dir().join(name);
            let link = || {
                storage.open(&info.path, OpenMode::Write)?.sync_all()?;
                if !storage.exists(&path)? {
                    storage.hard_link(&info.path, &path)?;
                }
                Ok(())
            };
            link().map_err(LogError::io("make durable", &info.path))?;
            info.path = path;
        }
        let dir = self.files.layout.append_dir();
        storage.sync_dir(dir).map_err(LogError::io("sync", dir))?;
        if let Some(info) = self.chain.back() {
            self.active.path = info.path.clone();
        }
        Ok(())
    }
}
