//! Master and replica: PSYNC as Redis 7 speaks it, both ways.
//!
//! ```text
//! pure      psync  framing  handshake  intake  backoff     lines and bytes in, decisions out
//! master    serve (a task a replica)  source  tail  replicas  wait
//! replica   follow (one task)  wire  receive  install  link
//! both      state: the server's part, and the way from one role to the other
//! ```
//!
//! What always holds: a replica is sent only what is as safe here as the policy wants it; it applies
//! only what is as safe there; its log has the master's bytes at the master's offsets; and a data set is
//! replaced only by one that is whole, checked and on disk.

pub mod backoff;
mod follow;
pub mod framing;
pub mod handshake;
mod install;
pub mod intake;
pub mod link;
pub mod psync;
mod receive;
pub mod replicas;
mod serve;
pub mod site;
mod source;
pub mod state;
mod tail;
pub mod wait;
mod wire;

pub use link::{LinkState, MasterAddress, MasterLink};
pub use site::{Settings, Site};
pub use state::Replication;
pub use wait::{Goal, Reached};

/// A peer's line for messages: what is not printable ASCII becomes a question mark.
fn printable(line: &[u8]) -> String {
    line.iter().map(|&b| if matches!(b, b' '..=b'~') { char::from(b) } else { '?' }).collect()
}
