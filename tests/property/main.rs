//! Properties and fuzzing of parsers and formats: see tests/README.md.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

mod keyspace;
mod rdb;
mod resp;
mod storage;
