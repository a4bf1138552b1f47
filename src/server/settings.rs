//! From the configuration to what the layers below take.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;

use super::config::Config;
use super::config::choices::{AppendFsync, LogSyncInline};
use super::config::lists::EventClasses;
use crate::command::{Aging, Notify, NotifyClasses, Settings};
use crate::engine::InlineSync;
use crate::engine::snapshot::SnapshotPlan;
use crate::keyspace::types::PackedLimits;
use crate::log::{Layout, LogOptions, SyncPolicy};
use crate::storage::Storage;

/// The names in the data directory.
pub fn layout(config: &Config) -> Layout {
    Layout::with_names(
        &config.dir,
        &config.appenddirname,
        &config.appendfilename,
        &config.dbfilename,
    )
}

/// Shortest segment of a backlog, in bytes.
const BACKLOG_SEGMENT_LEN_MIN: u64 = 256 * 1024;

/// Sizes and retention of the log.
pub fn log_options(config: &Config) -> LogOptions {
    let (mut segment_len_max, mut archive_len_max) =
        (config.aof_segment_size, config.archive_bytes_max);
    if !config.appendonly {
        let backlog_len = config.repl_backlog_size;
        let kept_len = archive_len_max.max(backlog_len);
        segment_len_max = segment_len_max.min((kept_len / 4).max(BACKLOG_SEGMENT_LEN_MIN));
        // What is removed is whole segments: as much as there shall be at least must be in the others.
        archive_len_max = kept_len.max(backlog_len.saturating_add(2 * segment_len_max));
    }
    LogOptions {
        segment_len_max,
        archive_len_max,
        archive_age_max_ms: (config.archive_age_max > 0).then(|| config.archive_age_max * 1000),
        ..LogOptions::default()
    }
}

/// When the log is synced.
pub fn sync_policy(config: &Config) -> SyncPolicy {
    match config.appendfsync {
        AppendFsync::Always => SyncPolicy::Always,
        AppendFsync::EverySec => SyncPolicy::EverySec,
        AppendFsync::No => SyncPolicy::No,
    }
}

/// Where it is synced.
pub fn inline_sync(config: &Config) -> InlineSync {
    match config.log_sync_inline {
        LogSyncInline::Auto => InlineSync::Auto,
        LogSyncInline::Yes => InlineSync::Yes,
        LogSyncInline::No => InlineSync::No,
    }
}

/// What commands depend on.
pub fn command_settings(config: &Config) -> Settings {
    Settings {
        lazyfree_lazy_expire: config.lazyfree_lazy_expire,
        bulk_len_max: config.proto_max_bulk_len,
        hll_sparse_len_max: usize::try_from(config.hll_sparse_max_bytes).unwrap_or(usize::MAX),
        aging: aging(config),
        packed: packed_limits(config),
        notify: notify(config.notify_keyspace_events),
        tracked_keys_max: config.tracking_table_max_keys,
        ..Settings::default()
    }
}

/// How large collections may be and still be packed.
fn packed_limits(config: &Config) -> PackedLimits {
    let len = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    PackedLimits {
        hash_entries: len(config.hash_max_listpack_entries),
        hash_value: len(config.hash_max_listpack_value),
        set_integers: len(config.set_max_intset_entries),
        set_entries: len(config.set_max_listpack_entries),
        set_value: len(config.set_max_listpack_value),
        zset_entries: len(config.zset_max_listpack_entries),
        zset_value: len(config.zset_max_listpack_value),
        list_size: i32::try_from(config.list_max_listpack_size).unwrap_or(i32::MAX),
        stream_node_bytes: len(config.stream_node_max_bytes),
        stream_node_entries: len(config.stream_node_max_entries),
    }
}

/// Whether keys carry the time of their last use or how often they are used.
fn aging(config: &Config) -> Aging {
    if config.maxmemory_policy.is_lfu() {
        let decay_minutes = config.lfu_decay_time;
        Aging::Frequency { log_factor: config.lfu_log_factor, decay_minutes }
    } else {
        Aging::Recency
    }
}

/// Which keyspace notifications are published.
fn notify(wanted: EventClasses) -> Notify {
    let letters = EventClasses::LETTERS.iter().filter(|letter| wanted.contains(**letter));
    let classes = letters.filter_map(|letter| NotifyClasses::of_letter(*letter));
    Notify {
        classes: classes.fold(NotifyClasses::NONE, |all, class| all | class),
        by_key: wanted.contains(b'K'),
        by_event: wanted.contains(b'E'),
    }
}

/// Threads that a load takes.
pub fn load_threads() -> usize {
    // The system is asked once: it looks through several files for the answer.
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get))
}

/// How a snapshot is taken.
pub fn snapshot_plan(config: &Config, storage: &std::sync::Arc<dyn Storage>) -> SnapshotPlan {
    let layout = layout(config);
    SnapshotPlan {
        storage: std::sync::Arc::clone(storage),
        temporary: layout.snapshot_temporary(),
        dump: layout.dump(),
        compress: config.rdbcompression,
        under_log: config.appendonly,
    }
}

/// An address to listen on; an optional one may be missing on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// Where.
    pub address: SocketAddr,
    /// Whether the server may start without it.
    pub optional: bool,
}

/// The addresses of `bind` with `port`, names looked up.
///
/// # Errors
/// A name that stands for no address, unless it is an optional one.
pub fn listen_addresses(config: &Config) -> Result<Vec<ListenAddress>, String> {
    let mut found = Vec::new();
    for word in &config.bind.0 {
        let (name, optional) = match word.strip_prefix('-') {
            Some(name) => (name, true),
            None => (word.as_str(), false),
        };
        let ip: Option<IpAddr> = match name {
            "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
            "::*" => Some(Ipv6Addr::UNSPECIFIED.into()),
            name => name.parse().ok().or_else(|| look_up(name)),
        };
        match ip {
            Some(ip) => {
                found.push(ListenAddress { address: SocketAddr::new(ip, config.port), optional });
            }
            None if optional => {}
            None => return Err(format!("bind: '{name}' is no address of this machine")),
        }
    }
    Ok(found)
}

fn look_up(name: &str) -> Option<IpAddr> {
    use std::net::ToSocketAddrs;
    Some((name, 0).to_socket_addrs().ok()?.next()?.ip())
}
