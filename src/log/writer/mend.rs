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
        let (active, info) = match self.files.mode {
            LogMode::Durable => {
                self.cut_to_durable()?;
                self.rewrite_queue(now_ms)?
            }
            LogMode::Backlog => self.rewrite_queue(now_ms)?,
        };
        self.enter(active, info);
        self.written = self.end;
        self.failure = None;
        self.release(u64::MAX, self.end);
        assert!(self.queue.is_empty(), "all of it is durable");
        Ok(())
    }

    fn cut_to_durable(&self) -> Result<(), LogError> {
        let active = &self.active;
        let cut = || {
            let file = self.files.storage.open(&active.path, OpenMode::Write)?;
            file.set_len(active.synced_len)?;
            file.sync_all()
        };
        cut().map_err(LogError::io("cut to its durable length", &active.path))
    }

    fn rewrite_queue(&mut self, now_ms: u64) -> Result<(Active, SegmentInfo), LogError> {
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
            self.files.abandoned.push(info.path.clone());
            return Err(LogError::io("write", &info.path)(source));
        }
        self.files.list_segment(&info)?;
        Ok((active, info))
    }
}
