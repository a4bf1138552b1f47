//! What is wrong with a directory: a place, and how bad it is.

use std::fmt;
use std::path::PathBuf;

use crate::base::Offset;

/// How bad a finding is; later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing, nothing is lost.
    Note,
    /// Bytes after the last whole frame that nobody was told are safe: a server trims them.
    TornTail,
    /// Bytes that were safe are not what was written, or are missing.
    Damage,
}

/// Something found in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub path: PathBuf,
    /// Where in the file, in bytes, if it is a place.
    pub position: Option<u64>,
    /// The stream offset there, if it is known.
    pub offset: Option<Offset>,
    /// What it is.
    pub what: String,
}

impl Finding {
    pub(super) fn new(
        severity: Severity,
        path: impl Into<PathBuf>,
        what: impl Into<String>,
    ) -> Self {
        Self { severity, path: path.into(), position: None, offset: None, what: what.into() }
    }

    pub(super) fn at(mut self, position: u64) -> Self {
        self.position = Some(position);
        self
    }

    pub(super) fn offset(mut self, offset: Offset) -> Self {
        self.offset = Some(offset);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Note => "note",
            Severity::TornTail => "torn tail",
            Severity::Damage => "DAMAGED",
        };
        write!(f, "{severity}: {}", self.path.display())?;
        match (self.position, self.offset) {
            (Some(position), Some(offset)) => {
                write!(f, " at position {position} (offset {offset})")?;
            }
            (Some(position), None) => write!(f, " at position {position}")?,
            (None, Some(offset)) => write!(f, " (offset {offset})")?,
            (None, None) => {}
        }
        write!(f, ": {}", self.what)
    }
}
