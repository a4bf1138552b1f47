//! Configuration, start, stop, supervision and the administrative commands.

mod catalogue;
pub mod cli;
pub mod commands;
pub mod config;
mod cron;
mod effects;
pub mod histogram;
mod host;
pub mod info;
mod janitor;
pub mod latency;
mod load;
pub mod logging;
mod memory;
mod monitors;
mod node;
mod observers;
mod oom;
mod panics;
mod pause;
pub mod process;
pub mod redact;
mod reload;
pub mod replication;
mod report;
mod settings;
pub mod slowlog;
mod snapshots;
pub mod start;
pub mod stats;
mod supervise;

pub use node::{Figures, Node};
