//! CLIENT PAUSE: holds commands back for a while.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::engine::service::Pause;

/// What is held back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PauseMode {
    /// Commands that write.
    Writes,
    /// All commands.
    All,
}

#[derive(Clone, Copy, Debug)]
struct Active {
    mode: PauseMode,
    /// Unix time in milliseconds.
    until_ms: u64,
}

/// The pause in force, if one is.
#[derive(Debug, Default)]
pub struct Pauses {
    active: Cell<Option<Active>>,
    changed: Rc<Notify>,
}

impl Pauses {
    /// Pauses until `until_ms`, in Unix milliseconds. A pause of everything that is in force is not
    /// narrowed to writes.
    pub fn begin(&self, mode: PauseMode, until_ms: u64, now_ms: u64) {
        let mode = self.mode(now_ms).map_or(mode, |active| active.max(mode));
        self.active.set(Some(Active { mode, until_ms }));
        self.changed.notify_waiters();
    }

    /// Ends the pause.
    pub fn end(&self) {
        self.active.set(None);
        self.changed.notify_waiters();
    }

    /// Whether there is a pause that nobody has ended; its time may be over.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active.get().is_some()
    }

    /// What is held back at the moment.
    pub fn mode(&self, now_ms: u64) -> Option<PauseMode> {
        self.active.get().filter(|active| active.until_ms > now_ms).map(|active| active.mode)
    }

    /// Forgets a pause whose time is over; whether there was one.
    pub fn expire(&self, now_ms: u64) -> bool {
        let over = self.active.get().is_some_and(|active| active.until_ms <= now_ms);
        if over {
            self.end();
        }
        over
    }

    /// Whether a command is held back, where `writes` says that it may change data.
    pub fn holds(&self, writes: bool, now_ms: u64) -> bool {
        self.mode(now_ms).is_some_and(|mode| mode == PauseMode::All || writes)
    }

    /// Ends when the pause does or changes; the command is then looked at again.
    pub fn wait(&self, now_ms: u64) -> Pause {
        let left_ms = self.active.get().map_or(0, |a| a.until_ms.saturating_sub(now_ms));
        let changed = Rc::clone(&self.changed);
        Box::pin(async move {
            let over = tokio::time::sleep(Duration::from_millis(left_ms));
            tokio::select! {
                () = over => {}
                () = changed.notified() => {}
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_of_all_is_not_narrowed() {
        let pauses = Pauses::default();
        assert!(!pauses.holds(true, 0));
        pauses.begin(PauseMode::Writes, 100, 0);
        assert!(pauses.holds(true, 99) && !pauses.holds(false, 99) && !pauses.holds(true, 100));
        pauses.begin(PauseMode::All, 50, 0);
        pauses.begin(PauseMode::Writes, 60, 0);
        assert!(pauses.holds(false, 59));
        assert!(!pauses.expire(59) && pauses.expire(60) && !pauses.expire(61));
    }
}
