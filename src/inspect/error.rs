//! Why the tool could not do what was asked. Findings about the data are not errors: see
//! [`super::finding`].

use std::io;
use std::path::{Path, PathBuf};

use crate::log::LogError;
use crate::log::catalogue::CatalogueError;
use crate::rdb::RdbError;

/// Failures of the tool.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// A file of the log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A snapshot cannot be read.
    #[error("{}: {source}", path.display())]
    Snapshot {
        /// The snapshot.
        path: PathBuf,
        /// What is wrong with it.
        source: RdbError,
    },
    /// The system refused an operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nobody takes the output any more, or it cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// The index of `history` failed.
    #[error("the index in {} failed: {source}", path.display())]
    Index {
        /// Its folder.
        path: PathBuf,
        /// What went wrong.
        source: Box<CatalogueError>,
    },
    /// The request cannot be fulfilled; the words say why and what to do instead.
    #[error("{0}")]
    Refused(String),
}

impl InspectError {
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the reader of the output has gone, which is its right.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether a file was no longer there: beside a running server files are retired.
    pub(super) fn is_gone(&self) -> bool {
        let source = match self {
            Self::Log(LogError::Io { source, .. }) | Self::Io { source, .. } => source,
            _ => return false,
        };
        source.kind() == io::ErrorKind::NotFound
    }
}
