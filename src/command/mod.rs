//! Command families and the one table that describes them.
//!
//! A handler knows no socket, clock, file or `.await`: arguments, keyspace, the frozen time and a
//! seeded generator go in; a reply and the effects to log come out.

pub mod access;
mod bits;
pub mod ctx;
pub mod effects;
pub mod events;
mod families;
mod hll;
pub mod host;
pub mod key_positions;
pub mod spec;
pub mod table;
pub mod touched;
mod typed;
pub mod waiting;

pub use access::Aging;
pub use ctx::{Ctx, Origin, Settings};
pub use effects::{Effect, Effects};
pub use events::{Event, Events, Notify, NotifyClasses};
pub use host::{HostCommand, Topic};
pub use spec::{Handler, Run, Spec};
pub use table::{Refusal, Table};
pub use touched::Touched;
pub use typed::Changed;
pub use waiting::Waiting;
