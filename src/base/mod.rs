//! Offsets, replication identities, limits and the clock: standard library only.

pub mod clock;
pub mod limits;
pub mod offset;
pub mod replid;

pub use clock::{Clock, ManualClock, SystemClock};
pub use offset::Offset;
pub use replid::ReplId;
