//! What the server's state forbids at the moment: one place that says yes or no to a command.

use crate::command::spec::Flags;
use crate::command::{HostCommand, Run, Spec};

/// The facts that decide; set by the layers that know them.
#[derive(Clone, Debug, Default)]
pub struct Guards {
    /// The data set is being read from disk or from a master.
    pub loading: bool,
    /// This server follows a master.
    pub is_replica: bool,
    /// Clients may not write while it does (`replica-read-only`).
    pub replica_read_only: bool,
    /// The link to the master is down and stale data is not to be served
    /// (`replica-serve-stale-data no`).
    pub stale: bool,
    /// Too few good replicas for a write (`min-replicas-to-write`).
    pub too_few_replicas: bool,
    /// Writes are refused for this reason: the log, or a snapshot that failed
    /// (`stop-writes-on-bgsave-error`).
    pub cannot_persist: Option<String>,
}

impl Guards {
    /// The error reply that refuses the command, or nothing. `may_only_listen` says that the client is
    /// bound to the commands that change what it listens to.
    pub fn refusal(
        &self,
        spec: &Spec,
        authenticated: bool,
        may_only_listen: bool,
    ) -> Option<Vec<u8>> {
        if !authenticated && !spec.flags.has(Flags::NO_AUTH) {
            return Some(b"NOAUTH Authentication required.".to_vec());
        }
        let writes = spec.flags.has(Flags::WRITE);
        if let Some(reason) = self.cannot_persist.as_deref().filter(|_| writes && !self.is_replica)
        {
            return Some(format!("MISCONF {reason}").into_bytes());
        }
        if writes && self.too_few_replicas && !self.is_replica {
            return Some(b"NOREPLICAS Not enough good replicas to write.".to_vec());
        }
        if writes && self.is_replica && self.replica_read_only {
            return Some(b"READONLY You can't write against a read only replica.".to_vec());
        }
        if may_only_listen && !runs_for_listeners(spec) {
            let text = format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
                 are allowed in this context",
                spec.name
            );
            return Some(text.into_bytes());
        }
        if self.stale && self.is_replica && !spec.flags.has(Flags::STALE) {
            let text = "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to \
                        'no'.";
            return Some(text.as_bytes().to_vec());
        }
        if self.loading && !spec.flags.has(Flags::LOADING) {
            return Some(b"LOADING Redis is loading the dataset in memory".to_vec());
        }
        None
    }
}

/// Whether a client that listens may run the command in RESP2.
fn runs_for_listeners(spec: &Spec) -> bool {
    matches!(
        spec.run,
        Run::Host(
            HostCommand::Subscribe(_)
                | HostCommand::Unsubscribe(_)
                | HostCommand::Ping
                | HostCommand::Quit
                | HostCommand::Reset
        )
    )
}

/// Whether the command is run at once inside MULTI instead of being queued.
pub fn runs_inside_multi(spec: &Spec) -> bool {
    matches!(
        spec.run,
        Run::Host(
            HostCommand::Exec
                | HostCommand::Discard
                | HostCommand::Multi
                | HostCommand::Watch
                | HostCommand::Quit
                | HostCommand::Reset
        )
    )
}
