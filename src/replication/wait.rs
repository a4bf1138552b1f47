//! WAIT and WAITAOF: replies that come when enough replicas, or this disk, have a write.

use std::rc::Rc;
use std::time::Duration;

use super::state::Replication;
use crate::base::Offset;
use crate::engine::Engine;

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// So many replicas that have applied the write.
    Applied {
        /// Replicas.
        replicas: usize,
    },
    /// This server's disk, or not, and so many replicas' disks.
    Durable {
        /// Whether this server counts.
        local: bool,
        /// Replicas.
        replicas: usize,
    },
}

/// Who has a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reached {
    /// Whether it is on this server's disk.
    pub local: bool,
    /// Replicas that have applied it or have it on disk, by the goal.
    pub replicas: usize,
}

impl Replication {
    /// Who has everything before `offset`.
    pub fn reached(&self, engine: &Engine, goal: Goal, offset: Offset) -> Reached {
        let log = engine.log.as_ref().filter(|_| engine.has_durable_log());
        let local = log.is_some_and(|log| log.durable_offset() >= offset);
        let replicas = match goal {
            Goal::Applied { .. } => self.replicas.applied(offset),
            Goal::Durable { .. } => self.replicas.synced(offset),
        };
        Reached { local, replicas }
    }

    /// Asks all replicas how far they are; their answers wake [`wait_for`](Self::wait_for).
    pub fn ask_for_acks(&self, engine: &mut Engine) {
        if self.replicas.any_online() {
            engine.log_stream_command(&[b"REPLCONF", b"GETACK", b"*"]);
            if let Some(site) = self.site.upgrade() {
                site.commit_soon();
            }
        }
    }

    /// Waits until the goal is reached, or `timeout` is over (`None`: as long as it takes). Nothing
    /// comes of it when this server has become a replica meanwhile.
    pub async fn wait_for(
        self: Rc<Self>,
        goal: Goal,
        offset: Offset,
        timeout: Option<Duration>,
    ) -> Option<Reached> {
        let reached = async {
            loop {
                let (acknowledged, progress) =
                    (self.acknowledged.notified(), self.progress.notified());
                let Some(site) = self.site.upgrade() else { return };
                if self.master().is_some()
                    || goal.is_met(self.reached(&site.engine().borrow(), goal, offset))
                {
                    return;
                }
                tokio::select! {
                    () = acknowledged => {}
                    () = progress => {}
                }
            }
        };
        match timeout {
            // Over or not, the reply says how many there are.
            Some(timeout) => drop(tokio::time::timeout(timeout, reached).await),
            None => reached.await,
        }
        let site = self.site.upgrade().filter(|_| self.master().is_none())?;
        Some(self.reached(&site.engine().borrow(), goal, offset))
    }
}

impl Goal {
    /// Whether that is enough.
    pub fn is_met(self, reached: Reached) -> bool {
        match self {
            Self::Applied { replicas } => reached.replicas >= replicas,
            Self::Durable { local, replicas } => {
                reached.replicas >= replicas && (reached.local || !local)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals() {
        let reached = Reached { local: false, replicas: 2 };
        assert!(Goal::Applied { replicas: 2 }.is_met(reached));
        assert!(!Goal::Applied { replicas: 3 }.is_met(reached));
        assert!(Goal::Durable { local: false, replicas: 0 }.is_met(reached));
        assert!(!Goal::Durable { local: true, replicas: 0 }.is_met(reached));
    }
}
