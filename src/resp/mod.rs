//! Bytes to arguments and replies to bytes, RESP2 and RESP3: no tokio, no storage.

pub mod args;
pub mod encode;
pub mod inline;
pub mod parcel;
pub mod reply;
pub mod request;
pub mod stream;

pub use args::{Args, Batch, Span};
pub use reply::{Protocol, Reply};
pub use request::{ParseLimits, ProtocolError, RequestParser};
