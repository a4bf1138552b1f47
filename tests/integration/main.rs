//! Tests over sockets and processes: see tests/README.md.

#[path = "../support/bit_script.rs"]
mod bit_script;
mod bits;
mod blocking;
mod blocking_stream;
mod blocking_zset;
mod cache_mode;
mod catalogue;
mod chart;
#[path = "../support/command_runner.rs"]
mod command_runner;
#[cfg(feature = "interop")]
#[path = "../support/command_script.rs"]
mod command_script;
mod commands;
mod commands_hash;
mod commands_set;
mod config_files;
mod damage;
#[cfg(feature = "interop")]
#[path = "../support/dataset.rs"]
mod dataset;
#[path = "../../benches/chart/draw.rs"]
mod draw;
mod failing_disk;
mod format;
#[cfg(feature = "interop")]
#[path = "../support/hash_script.rs"]
mod hash_script;
mod histories;
mod hostile;
mod inspect;
#[cfg(feature = "interop")]
mod interop_bits;
#[cfg(feature = "interop")]
mod interop_blocking;
#[cfg(feature = "interop")]
mod interop_command;
#[cfg(feature = "interop")]
mod interop_directory;
#[cfg(feature = "interop")]
mod interop_hash;
#[cfg(feature = "interop")]
mod interop_inspect;
#[cfg(feature = "interop")]
mod interop_list;
#[cfg(feature = "interop")]
mod interop_mixed;
#[cfg(feature = "interop")]
mod interop_names;
#[cfg(feature = "interop")]
mod interop_protocol;
#[cfg(feature = "interop")]
mod interop_pubsub;
#[cfg(feature = "interop")]
mod interop_rdb;
#[cfg(feature = "interop")]
mod interop_replication;
#[cfg(feature = "interop")]
mod interop_sentinel;
#[cfg(feature = "interop")]
mod interop_set;
#[cfg(feature = "interop")]
mod interop_stream;
#[cfg(feature = "interop")]
mod interop_tools;
#[cfg(feature = "interop")]
mod interop_tracking;
#[cfg(feature = "interop")]
mod interop_wire;
#[cfg(feature = "interop")]
mod interop_zset;
mod io_threads;
mod lifecycle;
#[cfg(feature = "interop")]
#[path = "../support/list_script.rs"]
mod list_script;
mod log_tool;
#[cfg(feature = "interop")]
#[path = "../support/mixed_script.rs"]
mod mixed_script;
mod pubsub;
mod rdb_fixtures;
#[cfg(feature = "interop")]
mod redis_server;
mod replication;
mod replication_crash;
mod replication_roles;
#[cfg(feature = "interop")]
#[path = "../support/replies.rs"]
mod replies;
mod server;
#[cfg(feature = "interop")]
#[path = "../support/set_script.rs"]
mod set_script;
mod sleeping_log;
mod snapshot_under_load;
#[cfg(feature = "interop")]
#[path = "../support/stream_script.rs"]
mod stream_script;
#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the benches name programs by their paths")]
mod support;
mod tidy;
mod tracking;
#[cfg(feature = "interop")]
#[path = "../support/zset_script.rs"]
mod zset_script;
