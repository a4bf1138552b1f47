//! The value codec and the snapshot container: RDB, as Redis 7 reads and writes it.
//!
//! Everything read here may be damaged or hostile: nothing is allocated because a length says so,
//! and an error names the position in the file. Checksums are compared before bytes are decoded.

pub mod background;
pub mod block;
pub mod codec;
pub mod crc64;
mod cursor;
pub mod digest;
pub mod dump;
pub mod error;
pub mod fill;
pub mod header;
mod length;
mod load;
pub mod lzf;
pub mod reader;
pub mod snapshot;
mod types;
pub mod writer;

pub use block::{BLOCK_LEN_TARGET, BlockBuilder};
pub use cursor::RdbString;
pub use error::RdbError;
pub use fill::{Filled, fill};
pub use header::{DatabaseSize, Header, StreamPosition};
pub use snapshot::{Contents, LoadedEntry, Progress, SnapshotFile};
pub use writer::{SYNC_LEN, SnapshotWriter, Written, empty_snapshot};

/// The RDB version written: that of Redis 7.0, so that it and everything newer can load it.
pub const VERSION_WRITTEN: u32 = 10;
/// The newest RDB version read: that of Redis 7.4.
pub const VERSION_READ_MAX: u32 = 12;
