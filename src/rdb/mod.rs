//! The value codec and the snapshot container: RDB, as Redis 7 reads and writes it.
//!
//! Everything read here may be damaged or hostile: nothing is allocated because a length says so,
//! and an error names the position in the file. Checksums are compared before bytes are decoded.

pub mod codec;
pub mod crc64;
mod cursor;
pub mod dump;
pub mod error;
mod length;
pub mod lzf;
pub mod reader;

pub use cursor::RdbString;
pub use error::RdbError;

/// The RDB version written: that of Redis 7.0, so that it and everything newer can load it.
pub const VERSION_WRITTEN: u32 = 10;
/// The newest RDB version read: that of Redis 7.4.
pub const VERSION_READ_MAX: u32 = 12;
