//! Tests over sockets and processes: see tests/README.md.

#[cfg(feature = "interop")]
mod interop_rdb;
mod rdb_fixtures;
#[cfg(feature = "interop")]
mod redis_server;
