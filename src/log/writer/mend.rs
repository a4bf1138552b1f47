//! Going on after a failed write or sync: what is not durable moves to a new segment.

use super::{Active, Head, LogMode, Writer};
use crate::log::LogError;
use crate::log::segment::SegmentInfo;
use crate::storage::{File as _, OpenMode};

impl Writer {
    /// After a failure: cuts the segment to what is durable, writes everything after that into a new
    /// one, syncs it and puts it into the manifest. Only then is the log writable again, and
    /// everything handed in is durable. Without a failure, does nothing. May be tried as often as one
    /// likes.
    ///
    /// A failed sync is final for its file: its unsynced pages may be gone although they can still be
    /// read, so nothing is read back or synced again.
    ///
    /// # Errors
    /// What still fails; the log stays as it was.
    pub fn mend(&mut self, now_ms: u64) -> Result<(), LogError> {
        if self.failure.is_none() {
            return Ok(());
        }
        let (active, info) = self.rewrite_queue(now_ms)?;
        self.take_over(&info)?;
        self.enter(active, info);
        self.written = self.end;
        self.failure = None;
        self.release(u64::MAX, self.end);
        assert!(self.queue.is_empty(), "all of it is durable");
        Ok(())
    }

    /// Writes what is not durable into a new segment. What the old one holds stays as it is, but for
    /// its filler, whose room may be needed: should the process die now, it has lost nothing.
    fn rewrite_queue(&mut self, now_ms: u64) -> Result<(Active, SegmentInfo), LogError> {
        self.cut_old(self.active.position)?;
        let db = self.queue.front().map_or(self.db, |q| q.buffer.db_at_start());
        let head = Head { identity: self.identity, offset: self.durable, db };
        let (mut active, info) = self.files.create_segment(head, now_ms)?;
        let mut write_all = || {
            for queued in &mut self.queue {
                let bytes = queued.buffer.finish(active.seed, active.synced_len, active.position);
                active.file.file.write_all_at(bytes, active.position)?;
                active.position += bytes.len() as u64;
                queued.position = Some(active.position);
            }
            match self.files.mode {
                LogMode::Durable => active.file.sync(),
                LogMode::Backlog => Ok(()),
            }
        };
        if let Err(source) = write_all() {
            for queued in &mut self.queue {
                queued.position = None;
            }
            // Nothing names it yet, and its room may be needed. What cannot be removed now is removed
            // at the next start.
            self.files.storage.remove(&info.path).ok();
            return Err(LogError::io("write", &info.path)(source));
        }
        Ok((active, info))
    }

    /// Ends the old segment where the new one begins, and puts the new one into the manifest.
    fn take_over(&mut self, info: &SegmentInfo) -> Result<(), LogError> {
        if let Err(error) = self.cut_old(self.active.synced_len) {
            self.files.storage.remove(&info.path).ok();
            return Err(error);
        }
        self.files.list_segment(info)
    }

    fn cut_old(&self, len: u64) -> Result<(), LogError> {
        if self.files.mode == LogMode::Backlog {
            return Ok(());
        }
        let path = &self.active.path;
        let cut = || {
            let file = self.files.storage.open(path, OpenMode::Write)?;
            if file.len()? > len {
                file.set_len(len)?;
            }
            // Also where it is as short already: the sync that should have said so may have failed.
            file.sync_all()
        };
        cut().map_err(LogError::io("cut", path))
    }
}
