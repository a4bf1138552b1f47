//! Properties and fuzzing of parsers and formats: see tests/README.md.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

#[path = "../support/command_runner.rs"]
mod command_runner;
#[path = "../support/command_script.rs"]
mod command_script;
mod commands;
mod keyspace;
mod rdb;
mod resp;
mod storage;
