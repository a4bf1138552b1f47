//! Offsets, replication identities, limits, glob patterns and the clock: standard library only.

pub mod clock;
pub mod glob;
pub mod limits;
pub mod number;
pub mod offset;
pub mod replid;

pub use clock::{Clock, ManualClock, SystemClock};
pub use offset::Offset;
pub use replid::ReplId;
