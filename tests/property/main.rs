//! Properties and fuzzing of parsers and formats: see tests/README.md.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

#[path = "../support/bit_script.rs"]
mod bit_script;
mod bits;
#[path = "../support/command_runner.rs"]
mod command_runner;
#[path = "../support/command_script.rs"]
mod command_script;
mod commands;
mod keyspace;
mod log;
mod member_table;
mod rdb;
mod replication;
mod resp;
mod storage;
mod tree;
mod zset;
#[path = "../support/zset_script.rs"]
mod zset_script;

/// Counts, so that a test can say how much memory an input made the library take.
#[global_allocator]
static ALLOCATOR: vellum::base::alloc::CountingAllocator = vellum::base::alloc::CountingAllocator;
