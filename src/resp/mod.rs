//! Bytes to arguments and replies to bytes, RESP2 and RESP3: no tokio, no storage.

pub mod args;
pub mod encode;
pub mod reply;

pub use args::{Args, Batch, Span};
pub use reply::{Protocol, Reply};
