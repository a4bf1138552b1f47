//! Executes commands, appends their effects to the log and gates the replies.
//!
//! One [`Engine`] owns the keyspace and the log's head and lives on one thread. Clients, recovery and
//! a master's stream all enter at its one way of applying a command. It knows no socket and no
//! runtime: the network layer reaches it through [`Service`].

pub mod apply;
pub mod blocking;
pub mod commit;
mod execute;
mod executor;
pub mod gate;
pub mod guards;
mod incoming;
mod invalidate;
pub mod mailbox;
pub mod outbound;
mod own;
mod publish;
pub mod recover;
pub mod service;
pub mod session;
pub mod snapshot;
pub mod subscriptions;
pub mod tracking;
pub mod transaction;

pub use commit::{Committer, InlineSync, LogStatus, LogStopped};
pub use executor::{Engine, Host, Ran};
pub use gate::{Gate, Ticket};
pub use guards::Guards;
pub use incoming::Incoming;
pub use outbound::Outbound;
pub use service::{Flow, Order, Peer, Service};
pub use session::Session;
pub use subscriptions::Subscriptions;
