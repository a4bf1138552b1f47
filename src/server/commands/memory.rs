//! MEMORY: where the bytes are. MEMORY USAGE, of one key, is with the commands on keys.

use std::fmt::Write as _;

use super::Call;
use crate::base::alloc;
use crate::engine::Flow;
use crate::resp::Reply;
use crate::server::memory::MemoryFigures;

/// `MEMORY DOCTOR`
pub fn doctor(mut call: Call<'_>) -> Flow {
    let figures = MemoryFigures::read(call.node, call.engine);
    let text = figures.diagnosis();
    call.reply().verbatim("txt", text.as_bytes());
    Flow::Continue
}

/// `MEMORY MALLOC-STATS`
pub fn malloc_stats(mut call: Call<'_>) -> Flow {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "allocator: system ({})", std::env::consts::OS);
    let _ = writeln!(text, "allocated bytes: {}", alloc::used_bytes());
    let _ = writeln!(text, "peak bytes: {}", alloc::peak_bytes());
    call.reply().verbatim("txt", text.as_bytes());
    Flow::Continue
}

/// `MEMORY PURGE`: the system's allocator keeps no caches to speak of.
pub fn purge(mut call: Call<'_>) -> Flow {
    call.reply().ok();
    Flow::Continue
}

/// `MEMORY STATS`
pub fn stats(call: Call<'_>) -> Flow {
    let m = MemoryFigures::read(call.node, call.engine);
    let keyspace = &call.engine.keyspace;
    let used: Vec<usize> =
        (0..keyspace.databases()).filter(|&db| !keyspace.db(db).is_empty()).collect();
    let reply = &mut call.session.out.reply;
    reply.map(27 + used.len());
    integer(reply, "peak.allocated", m.peak);
    integer(reply, "total.allocated", m.used);
    integer(reply, "startup.allocated", m.startup);
    integer(reply, "replication.backlog", 0);
    integer(reply, "clients.slaves", m.replica_clients);
    integer(reply, "clients.normal", m.clients);
    integer(reply, "cluster.links", 0);
    integer(reply, "aof.buffer", m.log_buffer);
    integer(reply, "lua.caches", 0);
    integer(reply, "functions.caches", 0);
    for db in used {
        reply.bulk(format!("db.{db}").as_bytes());
        reply.map(3);
        let overhead = keyspace.db(db).overhead_bytes() as u64;
        integer(reply, "overhead.hashtable.main", overhead);
        integer(reply, "overhead.hashtable.expires", 0);
        integer(reply, "overhead.hashtable.slot-to-keys", 0);
    }
    let keys = keyspace.len() as u64;
    integer(reply, "overhead.total", m.overhead());
    integer(reply, "keys.count", keys);
    let bytes_per_key = m.used.saturating_sub(m.startup).checked_div(keys).unwrap_or(0);
    integer(reply, "keys.bytes-per-key", bytes_per_key);
    integer(reply, "dataset.bytes", m.dataset());
    double(reply, "dataset.percentage", m.dataset_percentage());
    double(reply, "peak.percentage", m.peak_percentage());
    integer(reply, "allocator.allocated", m.used);
    integer(reply, "allocator.active", m.used);
    integer(reply, "allocator.resident", m.resident);
    double(reply, "allocator-fragmentation.ratio", 1.0);
    integer(reply, "allocator-fragmentation.bytes", 0);
    double(reply, "allocator-rss.ratio", m.fragmentation());
    signed(reply, "allocator-rss.bytes", m.fragmentation_bytes());
    double(reply, "rss-overhead.ratio", 1.0);
    integer(reply, "rss-overhead.bytes", 0);
    double(reply, "fragmentation", m.fragmentation());
    signed(reply, "fragmentation.bytes", m.fragmentation_bytes());
    Flow::Continue
}

fn integer(reply: &mut Reply, name: &str, value: u64) {
    signed(reply, name, i64::try_from(value).unwrap_or(i64::MAX));
}

fn signed(reply: &mut Reply, name: &str, value: i64) {
    reply.bulk(name.as_bytes());
    reply.integer(value);
}

fn double(reply: &mut Reply, name: &str, value: f64) {
    reply.bulk(name.as_bytes());
    reply.double_text(&format!("{value}"));
}
