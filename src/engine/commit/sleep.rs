//! A log that nobody needs: its offset goes on, and nothing is copied, written or waited for.
//!
//! While it sleeps the head only counts. What was counted reaches the writer with the next thing that is
//! done to it; what clients see does not wait for that.

use super::{Committer, LogStatus, LogStopped, WriterTask};
use crate::base::Offset;
use crate::log::{FrameBuffer, Writer};

impl Committer {
    /// Whether the stream is counted only, and kept nowhere.
    pub fn is_asleep(&self) -> bool {
        self.asleep
    }

    /// Has the log kept from here on, if it sleeps. Makes a file, here and now; syncs nothing.
    ///
    /// # Errors
    /// The file cannot be made, or the log is in use: it sleeps on, and takes writes as before.
    pub fn wake(&mut self) -> Result<(), LogStopped> {
        if !self.asleep {
            return Ok(());
        }
        let now_ms = self.clock.unix_ms();
        let woken = self.settle()?.wake(now_ms);
        self.note_writer();
        woken.map_err(|error| LogStopped(error.to_string()))?;
        tracing::info!(offset = %self.appended_offset(), "the backlog begins");
        Ok(())
    }

    /// Has the log kept no more until it is woken; what there is of it is removed. For a log that is
    /// only a backlog.
    ///
    /// # Errors
    /// As [`settle`](Self::settle): it goes on as before.
    pub fn sleep(&mut self) -> Result<(), LogStopped> {
        self.run_now(|writer| {
            writer.sleep();
            Ok(())
        })?;
        self.remove_backlog();
        Ok(())
    }

    /// Has the log thread remove the backlog of a log that has been put to sleep.
    pub fn remove_backlog(&mut self) {
        tracing::info!(offset = %self.appended_offset(), "no backlog is kept: there are no replicas");
        self.enqueue(Box::new(|writer| {
            writer.remove_backlog();
            Ok(())
        }));
    }

    /// Takes over what the writer, which is here and has everything, has become.
    pub(super) fn note_writer(&mut self) {
        let Some(writer) = &self.writer else { return };
        self.status = LogStatus::of(writer);
        self.asleep = writer.is_asleep();
    }

    /// What was counted is as good as written.
    pub(super) fn pass_over(&mut self) {
        (self.written, self.durable) = (self.head.end(), self.head.end());
        (self.given, self.released) = (self.appended, self.appended);
    }

    /// `task` behind what was counted so far.
    pub(super) fn behind_counted(&mut self, task: WriterTask) -> WriterTask {
        let counted = self.take_head(FrameBuffer::new(Offset::ZERO, 0));
        Box::new(move |writer: &mut Writer| {
            writer.pass_over(counted);
            task(writer)
        })
    }
}
