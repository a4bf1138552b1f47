//! Tests over sockets and processes: see tests/README.md.

mod rdb_fixtures;
