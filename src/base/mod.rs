//! Offsets, replication identities, limits, glob patterns, shared strings, the clock and the count of
//! allocated memory: standard library only.

pub mod alloc;
pub mod clock;
pub mod double;
pub mod extended;
pub mod glob;
pub mod limits;
pub mod number;
pub mod offset;
pub mod replid;
pub mod shared;
pub mod version;

pub use clock::{Clock, ManualClock, SystemClock};
pub use offset::Offset;
pub use replid::ReplId;
