//! Going on after a failed write or sync: what is not durable moves to a new segment.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

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
        let moved = self.rewrite_queue(now_ms).and_then(|(active, info)| {
            self.take_over(&info)?;
            Ok((active, info))
        });
        if moved.is_err() {
            // The next attempt writes them into another file.
            self.queue.iter_mut().for_each(|queued| queued.position = None);
        }
        let (active, info) = moved?;
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
        self.keep_written()?;
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
            // Nothing names it yet, and its room may be needed. What cannot be removed now is removed
            // at the next start.
            self.files.storage.remove(&info.path).ok();
            return Err(LogError::io("write", &info.path)(source));
        }
        Ok((active, info))
    }

    /// Cuts the old segment behind what was written to it. Unless one of its syncs had failed, all of
    /// that is durable then and stays there: a failed write says nothing about the ones before it.
    fn keep_written(&mut self) -> Result<(), LogError> {
        self.cut_old(self.active.position).map_err(LogError::io("cut", &self.active.path))?;
        if self.files.mode == LogMode::Durable && !self.active.file.is_distrusted() {
            self.release(self.active.position, self.written);
        }
        Ok(())
    }

    /// Ends the old segment where the new one begins, and puts the new one into the manifest.
    ///
    /// After a failed sync that takes from the old one what it has and the new one has too, for no
    /// server may see it twice; a process that dies before the manifest names the new one leaves the
    /// unsynced bytes in neither, as a lost machine would.
    fn take_over(&mut self, info: &SegmentInfo) -> Result<(), LogError> {
        if let Err(error) = self.cut_old(self.active.synced_len) {
            self.files.storage.remove(&info.path).ok();
            return Err(LogError::io("cut", &self.active.path)(error));
        }
        self.files.list_segment(info)
    }

    fn cut_old(&self, len: u64) -> std::io::Result<()> {
        if self.files.mode == LogMode::Backlog {
            return Ok(());
        }
        let file = self.files.storage.open(&self.active.path, OpenMode::Write)?;
        // A sync of the other thread that is about to report a loss does so first: this one would
        // succeed.
        let _one_at_a_time =
            self.active.file.syncing.lock().unwrap_or_else(PoisonError::into_inner);
        if file.len()? > len {
            file.set_len(len)?;
        }
        // Also where it is as short already: the sync that should have said so may have failed.
        let synced = file.sync_all();
        if synced.is_err() {
            self.active.file.distrusted.store(true, Ordering::Relaxed);
        }
        synced
    }
}
