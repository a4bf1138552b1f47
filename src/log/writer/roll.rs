//! From one segment to the next, and the clean end.

use std::sync::Arc;

use super::{Active, Head, LogMode, Writer};
use crate::log::LogError;
use crate::log::lockfile::{CleanEnd, LockNote};
use crate::log::prepare::Ended;
use crate::log::segment::{Identity, SegmentInfo};

impl Writer {
    /// Whether the segment is full: at its greatest length, or at the end of its filler with the next
    /// one ready.
    pub fn needs_rotation(&self) -> bool {
        let position = self.active.position;
        self.failure.is_none()
            && (position >= self.files.options.segment_len_max
                || (self.active.filled_len > 0
                    && position >= self.active.filled_len
                    && self.files.preparer.is_ready()))
    }

    /// Ends the segment and begins another one of the same history; `now_ms` is milliseconds since the
    /// Unix epoch. Syncs what is not durable. The result is a snapshot's cut.
    pub fn rotate(&mut self, now_ms: u64) -> Result<SegmentInfo, LogError> {
        self.begin(self.identity, now_ms)
    }

    /// Ends the segment and begins another one of `identity`: the history goes on under a new
    /// replication ID (promotion), or as that of a master that went on (`+CONTINUE <id>`). A log that
    /// sleeps has no segment after it either.
    pub fn renew(&mut self, identity: Identity, now_ms: u64) -> Result<(), LogError> {
        if self.is_asleep() {
            self.identity = identity;
            return Ok(());
        }
        self.begin(identity, now_ms).map(|_| ())
    }

    /// Syncs, cuts the segment to its last frame and notes the clean end. The directory stays locked
    /// until the writer is dropped.
    ///
    /// # Errors
    /// After a failure the log ends like a killed one: what is durable is whole.
    pub fn close_clean(&mut self) -> Result<(), LogError> {
        self.sync()?;
        let trimmed = self.trim_active();
        self.note_failure(trimmed)?;
        if let Some(prepared) = self.files.preparer.take() {
            self.files
                .storage
                .remove(&prepared.path)
                .map_err(LogError::io("remove", &prepared.path))?;
        }
        let segment = self.active.path.file_name().unwrap_or_default();
        let clean = (self.files.mode == LogMode::Durable).then(|| CleanEnd {
            segment: segment.to_string_lossy().into_owned(),
            len: self.active.position,
            offset: self.end,
        });
        let note = LockNote { clean, ..self.note.clone() };
        self.lock.write(&*self.files.storage, &self.files.layout.lock(), &note)
    }

    fn begin(&mut self, identity: Identity, now_ms: u64) -> Result<SegmentInfo, LogError> {
        self.sync()?;
        assert!(
            self.durable == self.end && self.queue.is_empty(),
            "a segment ends when all of it is durable"
        );
        let head = Head { identity, offset: self.end, db: self.db };
        let began = self
            .files
            .create_segment(head, now_ms)
            .and_then(|(active, info)| self.files.list_segment(&info).map(|()| (active, info)));
        let (active, info) = self.note_failure(began)?;
        if self.files.mode == LogMode::Durable && self.active.filled_len > self.active.position {
            let Active { file, path, position, .. } = &self.active;
            let (file, path, len) = (Arc::clone(file), path.clone(), *position);
            self.files.preparer.trim(Ended { file, path, len });
        }
        self.enter(active, info.clone());
        Ok(info)
    }

    /// Makes `active` the segment that is written to.
    pub(super) fn enter(&mut self, active: Active, info: SegmentInfo) {
        self.identity = info.identity;
        self.active = active;
        super::append_to(&mut self.chain, info);
    }

    /// Cuts the filler off the segment and makes its length durable.
    pub(super) fn trim_active(&self) -> Result<(), LogError> {
        let active = &self.active;
        if self.files.mode == LogMode::Backlog {
            return Ok(());
        }
        active.file.trim(active.position).map_err(LogError::io("trim", &active.path))
    }
}
