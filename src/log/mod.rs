//! The command log: frames, segments, manifest, writer, reader, recovery, retention.
//!
//! The log is the replication stream, byte for byte, cut into frames and segments that Redis reads as
//! an append-only file. It knows no command: payloads are opaque, offsets count their bytes.
//!
//! ```text
//! FrameBuffer -> Writer -> segment files -> Cursor -> Reader (partial resync, inspection)
//!                                                  -> recover, Replay (start)
//! ```
//!
//! The formats are described in data/README.md.

mod buffer;
pub mod catalogue;
pub(crate) mod cursor;
mod error;
mod filler;
mod foreign;
pub(crate) mod header;
mod layout;
mod lockfile;
mod manifest;
mod options;
mod prepare;
mod reader;
mod recovery;
mod replay;
pub(crate) mod resync;
mod retention;
pub(crate) mod segment;
pub(crate) mod tail;
mod window;
mod writer;

pub use buffer::FrameBuffer;
pub use error::LogError;
pub use foreign::{ForeignCommands, ForeignPart};
pub use header::FRAME_HEADER_LEN;
pub use layout::{FileKind, Layout};
pub use lockfile::{CleanEnd, LockFile, LockNote, SyncPolicy};
pub use manifest::{BasePosition, Manifest, ManifestError, ManifestFile};
pub use options::{LogOptions, TailPolicy};
pub use prepare::{Preparer, PreparerThread};
pub use reader::{Frame, Reader};
pub use recovery::{Base, BaseKind, Found, Part, Recovery, recover};
pub use replay::{Record, Replay};
pub use segment::{Former, Identity, SEGMENT_VERSION, SegmentInfo};
pub use tail::Ending;
pub use writer::{Head, LogMode, Opening, SyncOutcome, SyncTask, Writer};
