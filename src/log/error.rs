//! What can go wrong with the log, said so that an operator can act on it.
//!
//! Every message names the file and, where there is one, the position in it and the offset in the
//! stream; where a repair exists, it names the command.

use std::io;
use std::path::{Path, PathBuf};

use crate::base::{Offset, ReplId};

/// Failures of the command log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file system refused an operation.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Bytes of a segment that were durable are not what was written.
    #[error(
        "{} is damaged at position {position} (offset {offset}): {what}; nothing was changed. \
         `vellum-log verify {dir}` shows the extent, `vellum-log repair {dir}` keeps what is whole",
        path.display(), dir = dir.display()
    )]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// The data directory, for the command that repairs it.
        dir: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
        /// The stream offset that was expected there.
        offset: Offset,
        /// What does not fit.
        what: &'static str,
    },
    /// The manifest cannot be read, or does not carry its own checksum.
    #[error(
        "{} is damaged in line {line}: {what}; nothing was changed. `vellum-log repair {dir}` \
         rebuilds it from the files",
        path.display(), dir = dir.display()
    )]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
        /// Line, counted from 1; 0 for the file as a whole.
        line: usize,
        /// What does not fit.
        what: &'static str,
    },
    /// The directory holds log files but no manifest that orders them.
    #[error(
        "{} holds log segments with data but no manifest; refusing to start empty beside them. \
         `vellum-log repair {dir}` rebuilds the manifest from the files",
        path.display(), dir = dir.display()
    )]
    NoManifest {
        /// The folder with the segments.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
    },
    /// The manifest names a file that is not there.
    #[error(
        "{} is missing (the manifest names it, and the log from offset {offset} on is in it); put \
         it back, or let `vellum-log repair {dir}` keep what comes before it",
        path.display(), dir = dir.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
        /// The first offset that cannot be read without it.
        offset: Offset,
    },
    /// Two segments that should meet leave a gap or overlap.
    #[error(
        "{} begins at offset {found}, but the log before it ends at {expected}: a segment between \
         them is missing. Put it back, or let `vellum-log repair {dir}` keep what comes before it",
        path.display(), dir = dir.display()
    )]
    Gap {
        /// The later segment.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
        /// Where the log before it ends.
        expected: Offset,
        /// Where the later segment begins.
        found: Offset,
    },
    /// A file was written by a later version of Vellum.
    #[error("{} has format version {version}; this program reads version {known}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it states.
        version: u32,
        /// The newest version this program reads.
        known: u32,
    },
    /// Plain commands that another server wrote cannot be read to their end.
    #[error(
        "{} holds plain commands that break off in the middle at position {position}: {what}; \
         `redis-check-aof` shows the place, `vellum-log repair {dir}` keeps what comes before it",
        path.display(), dir = dir.display()
    )]
    ForeignDamaged {
        /// The file.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// Another process has the data directory.
    #[error("{} is in use by {holder}; two servers must not share a directory", dir.display())]
    Locked {
        /// The data directory.
        dir: PathBuf,
        /// Who has it, as far as the lock file tells.
        holder: String,
    },
    /// An earlier write or sync failed; nothing is written until [`Writer::mend`](super::Writer::mend)
    /// has succeeded.
    #[error("the log is not writable since: {reason}")]
    Latched {
        /// The first failure.
        reason: String,
    },
    /// A reader asked for bytes the log no longer (or not yet) holds.
    #[error("offset {wanted} is not in the log, which holds {first} to {last}")]
    Gone {
        /// The offset asked for.
        wanted: Offset,
        /// The first offset there is.
        first: Offset,
        /// The last offset there is.
        last: Offset,
    },
    /// A snapshot was taken at a cut that the log has since left behind.
    #[error("the snapshot's cut at offset {cut} no longer belongs to the log of {replid}")]
    StaleCut {
        /// The cut.
        cut: Offset,
        /// The log's replication ID now.
        replid: ReplId,
    },
}

impl LogError {
    /// Wraps a failure of the file system.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { action, path, source }
    }

    /// Whether the file system was full.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::StorageFull)
    }
}
