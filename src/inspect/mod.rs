//! `vellum-log`: looks into a data directory.
//!
//! Reads what the server reads, with the log's own cursor and the snapshot's own reader, so that tool
//! and server cannot disagree. Only `repair` changes anything or takes the lock.

mod cli;
mod dump;
mod error;
mod files;
mod finding;
mod index;
mod info;
mod keys;
mod output;
mod progress;
mod record;
mod repair;
mod scan;
mod stats;
mod tail;
mod verify;
mod walk;

use std::io::{BufRead, Write};

pub use self::cli::{Action, Cli};
pub use self::error::InspectError;
pub use self::finding::{Finding, Severity};
use crate::storage::Storage;

/// Exit status: done (`verify`: clean).
pub const EXIT_CLEAN: u8 = 0;
/// Exit status: `verify` found a torn tail and nothing worse.
pub const EXIT_TORN: u8 = 1;
/// Exit status: damage was found.
pub const EXIT_DAMAGED: u8 = 2;
/// Exit status: it could not be done.
pub const EXIT_FAILED: u8 = 3;
/// Exit status: the command line is wrong.
pub const EXIT_USAGE: u8 = 64;

/// What the tool works with: a test gives its own.
pub struct Environment<'a> {
    /// The file system. `index` and `history` keep their index on the real one.
    pub storage: &'a dyn Storage,
    /// Where answers come from.
    pub input: &'a mut dyn BufRead,
    /// Where results go.
    pub out: &'a mut dyn Write,
    /// Where findings and questions go.
    pub notices: &'a mut dyn Write,
    /// Whether a person watches: shows a progress bar.
    pub is_terminal: bool,
}

/// Does what was asked; the exit status.
///
/// # Errors
/// When it could not be done. [`InspectError::is_closed_pipe`] is no failure: whoever read the output
/// has seen enough.
pub fn run(cli: Cli, env: &mut Environment<'_>) -> Result<u8, InspectError> {
    let passed_over = |worst: Severity| {
        if worst == Severity::Damage { EXIT_DAMAGED } else { EXIT_CLEAN }
    };
    Ok(match cli.action {
        Action::Info(args) => info::run(env, &args).map(|()| EXIT_CLEAN)?,
        Action::Verify(args) => match verify::run(env, &args)? {
            Severity::Note => EXIT_CLEAN,
            Severity::TornTail => EXIT_TORN,
            Severity::Damage => EXIT_DAMAGED,
        },
        Action::Dump(args) => passed_over(dump::run(env, args)?),
        Action::Tail(args) => tail::run(env, &args).map(|()| EXIT_CLEAN)?,
        Action::Stats(args) => passed_over(stats::run(env, &args)?),
        Action::Repair(args) => repair::run(env, &args).map(|()| EXIT_CLEAN)?,
        Action::Index(args) => passed_over(index::run_index(env, &args)?),
        Action::History(args) => passed_over(index::run_history(env, &args)?),
    })
}
