//! Tests on the simulated disk: see tests/README.md.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod engine;
mod engine_rig;
mod forms;
mod log;
mod log_base;
mod log_rig;
mod messages;
mod rdb;
mod recovery;
#[path = "../support/replies.rs"]
mod replies;
mod storage;
