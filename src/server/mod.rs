//! Configuration, start, stop, supervision and the administrative commands.

pub mod config;
pub mod logging;
