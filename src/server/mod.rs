//! Configuration, start, stop, supervision and the administrative commands.

pub mod cli;
pub mod config;
pub mod histogram;
pub mod info;
pub mod latency;
pub mod logging;
pub mod process;
pub mod redact;
pub mod slowlog;
pub mod stats;
