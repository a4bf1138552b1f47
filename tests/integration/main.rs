//! Tests over sockets and processes: see tests/README.md.

mod config_files;
mod inspect;
#[cfg(feature = "interop")]
mod interop_inspect;
#[cfg(feature = "interop")]
mod interop_rdb;
mod rdb_fixtures;
#[cfg(feature = "interop")]
mod redis_server;
mod tidy;
