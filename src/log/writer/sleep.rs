//! A backlog that nobody needs: the log has no segment, its offset goes on all the same.
//!
//! What always holds: the log sleeps exactly while its chain is empty, in [`LogMode::Backlog`] only.
//! Then `durable == written == end`, no file is written to, and no replica can be served from before
//! the end.

use std::io;
use std::path::PathBuf;

use super::{Active, Head, LogMode, SegmentFile, Writer};
use crate::base::Offset;
use crate::log::{FrameBuffer, LogError, recovery, retention};
use crate::storage::File;

/// In the place of a segment's file while there is none.
#[derive(Debug)]
struct NoFile;

impl NoFile {
    fn refuse<T>() -> io::Result<T> {
        Err(io::Error::other("the log sleeps"))
    }
}

impl File for NoFile {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Self::refuse()
    }

    fn sync_data(&self) -> io::Result<()> {
        Self::refuse()
    }

    fn sync_all(&self) -> io::Result<()> {
        Self::refuse()
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Self::refuse()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }
}

impl Active {
    /// Nothing is written to.
    pub(super) fn none() -> Self {
        Self {
            seq: 0,
            path: PathBuf::new(),
            file: SegmentFile::new(std::sync::Arc::new(NoFile)),
            seed: 0,
            position: 0,
            synced_len: 0,
            filled_len: 0,
            next_wanted: false,
        }
    }
}

impl Writer {
    /// Whether the stream is counted only, and written nowhere.
    pub fn is_asleep(&self) -> bool {
        self.chain.is_empty()
    }

    /// Begins a segment here, if the log sleeps: from here on replicas can be served.
    ///
    /// # Errors
    /// The file cannot be made; the log sleeps on.
    pub fn wake(&mut self, now_ms: u64) -> Result<(), LogError> {
        if !self.is_asleep() {
            return Ok(());
        }
        let head = Head { identity: self.identity, offset: self.end, db: self.db };
        let (active, info) = self.files.create_segment(head, now_ms)?;
        self.enter(active, info);
        Ok(())
    }

    /// Writes no more until [`Writer::wake`]: nobody is left who would read it. What there is of the
    /// backlog is for [`Writer::remove_backlog`].
    pub fn sleep(&mut self) {
        assert_eq!(self.files.mode, LogMode::Backlog, "a durable log does not sleep");
        assert!(self.queue.is_empty() && self.failure.is_none(), "all of it is written");
        self.chain.clear();
        self.active = Active::none();
    }

    /// Takes in a group of which only the length was kept, while the log sleeps.
    pub fn pass_over(&mut self, buffer: FrameBuffer) {
        assert!(self.is_asleep() && buffer.is_empty(), "nothing of it was to be written");
        assert_eq!(buffer.start(), self.end, "groups follow each other without a gap");
        let end: Offset = buffer.end();
        (self.written, self.durable, self.end, self.db) = (end, end, end, buffer.db());
        self.recycle(buffer);
    }

    /// Removes the files of the backlog of a log that sleeps. They are in nobody's way: a failure is
    /// only reported.
    pub fn remove_backlog(&mut self) {
        if !self.is_asleep() {
            return;
        }
        let (storage, layout) = (&*self.files.storage, &self.files.layout);
        let mut removed = Vec::new();
        let result = recovery::read_manifest(storage, layout).and_then(|manifest| {
            retention::remove_backlog(storage, layout, manifest.as_ref(), &mut removed)
        });
        self.files.preparer.give_back(removed);
        if let Err(error) = result {
            tracing::warn!(%error, "cannot remove a backlog that nobody needs");
        }
    }
}
