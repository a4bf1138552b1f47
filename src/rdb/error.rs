//! What can be wrong with an RDB file or a `DUMP` payload, and where.

use std::io;

/// Why a snapshot cannot be read or written. Positions are bytes from the beginning of the file.
#[derive(Debug, thiserror::Error)]
pub enum RdbError {
    /// The first nine bytes are not `REDIS` and four digits.
    #[error("not an RDB file: it does not begin with REDIS and a four-digit version")]
    NotRdb,
    /// A version this codec does not know.
    #[error(
        "RDB version {version} is not supported; versions 1 to {} are",
        super::VERSION_READ_MAX
    )]
    Version {
        /// The version the file states.
        version: u32,
    },
    /// The file ends too early.
    #[error("the file ends inside {what} that begins at position {position}")]
    Truncated {
        /// Where the unfinished part begins.
        position: u64,
        /// What was being read.
        what: &'static str,
    },
    /// Bytes that no writer makes.
    #[error("{what} at position {position}")]
    Malformed {
        /// Where they are.
        position: u64,
        /// What is wrong with them.
        what: &'static str,
    },
    /// A collection without elements. Redis has had bugs that left such keys in files; they are left out
    /// when a file is loaded.
    #[error("{what} without elements at position {position}")]
    Empty {
        /// Where it begins.
        position: u64,
        /// What it is.
        what: &'static str,
    },
    /// A checksum that does not fit the bytes it stands for.
    #[error(
        "wrong checksum of {what} at position {position}: {stated:x} in the file, {computed:x} computed"
    )]
    Checksum {
        /// Where the checked bytes begin.
        position: u64,
        /// What they are.
        what: &'static str,
        /// The checksum in the file.
        stated: u64,
        /// The checksum of the bytes.
        computed: u64,
    },
    /// A block that holds another number of entries than its header says.
    #[error("the block at position {position} holds {found} entries, its header says {stated}")]
    EntryCount {
        /// Where the block begins.
        position: u64,
        /// The number its header states.
        stated: u64,
        /// The number found in it.
        found: u64,
    },
    /// A value of a type this version cannot hold.
    #[error("key '{key}' at position {position} is a {type_name}, which is not supported")]
    UnsupportedType {
        /// Where the entry's type byte is.
        position: u64,
        /// The key, with bytes that are not printable escaped.
        key: String,
        /// The type in words.
        type_name: &'static str,
    },
    /// A database that this server does not have.
    #[error("the file has keys in database {db}; there are {databases} databases")]
    Database {
        /// The database named by the file.
        db: u32,
        /// How many databases there are.
        databases: usize,
    },
    /// A key that is already there: the file names it twice.
    #[error("key '{key}' is twice in database {db}")]
    DuplicateKey {
        /// The database.
        db: u32,
        /// The key, with bytes that are not printable escaped.
        key: String,
    },
    /// The receiver of the entries asked to stop.
    #[error("loading was stopped")]
    Stopped,
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Longest part of a key shown in an error, in bytes.
const KEY_SHOWN_LEN_MAX: usize = 64;

/// A key as errors show it.
pub(crate) fn shown(key: &[u8]) -> String {
    key.get(..KEY_SHOWN_LEN_MAX).unwrap_or(key).escape_ascii().to_string()
}

impl RdbError {
    /// Whether the file is not what was written, as opposed to one that this version cannot hold.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::NotRdb
            | Self::Truncated { .. }
            | Self::Malformed { .. }
            | Self::Empty { .. }
            | Self::Checksum { .. }
            | Self::EntryCount { .. }
            | Self::DuplicateKey { .. } => true,
            Self::Version { .. }
            | Self::UnsupportedType { .. }
            | Self::Database { .. }
            | Self::Stopped
            | Self::Io(_) => false,
        }
    }

    pub(crate) fn empty(position: u64, what: &'static str) -> Self {
        Self::Empty { position, what }
    }

    pub(crate) fn malformed(position: u64, what: &'static str) -> Self {
        Self::Malformed { position, what }
    }
}
