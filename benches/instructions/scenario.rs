//! What is counted: each scenario by name, and how many units of work it is asked for.

use crate::commands::{self, Kind, LogState};
use crate::files::{self, FileWork};

/// One thing whose instructions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// A client's command, so many to a batch: parsed, run, logged, committed, answered.
    Command {
        kind: Kind,
        /// Commands to a batch.
        depth: usize,
        log: LogState,
    },
    /// Reading or writing a file of the data directory, by its entries.
    File(FileWork),
}

impl Scenario {
    /// All of them, in the order of the tables.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for kind in Kind::ALL {
            for depth in commands::DEPTHS {
                all.extend(LogState::ALL.map(|log| Self::Command { kind, depth, log }));
            }
        }
        all.extend(FileWork::ALL.map(Self::File));
        all
    }

    /// Names it among all.
    pub fn name(self) -> String {
        match self {
            Self::Command { kind, depth, log } => {
                format!("{}, depth {depth}, log {}", kind.name(), log.name())
            }
            Self::File(work) => work.name().to_owned(),
        }
    }

    /// Units of the shorter of the two runs; the other does twice as many.
    pub fn units(self) -> usize {
        match self {
            Self::Command { .. } => commands::COMMANDS,
            Self::File(_) => files::ENTRIES,
        }
    }

    /// Does so many units. What comes before them must not depend on their number.
    pub fn run(self, units: usize) {
        match self {
            Self::Command { kind, depth, log } => commands::run(kind, depth, log, units),
            Self::File(work) => files::run(work, units),
        }
    }
}
