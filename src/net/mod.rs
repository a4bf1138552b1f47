//! Listeners and connections: knows only the engine's handle ([`crate::engine::Service`]).
//!
//! Everything runs on one thread as tasks of a `LocalSet`: one task a connection reads, parses and has
//! commands run; one flusher task, woken last in each turn of the event loop, has the turn's log
//! committed and then sends every ready connection's replies with one system call each, or has I/O
//! threads send them.

mod connection;
mod flusher;
mod io_threads;
mod listener;
mod shared;
mod stream;

pub use flusher::run as run_flusher;
pub use listener::{ListenError, Listeners, TcpOptions};
pub use shared::Network;
