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
mod hash;
#[path = "../support/hash_script.rs"]
mod hash_script;
mod keyspace;
mod list;
#[path = "../support/list_script.rs"]
mod list_script;
mod log;
mod member_table;
mod rdb;
mod replication;
mod resp;
mod set;
#[path = "../support/set_script.rs"]
mod set_script;
mod storage;
mod stream;
#[path = "../support/stream_script.rs"]
mod stream_script;
mod tree;
mod zset;
#[path = "../support/zset_script.rs"]
mod zset_script;

/// Counts, so that a test can say how much memory an input made the library take.
#[global_allocator]
static ALLOCATOR: vellum::base::alloc::CountingAllocator = vellum::base::alloc::CountingAllocator;
