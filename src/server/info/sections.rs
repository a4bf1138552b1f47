//! The sections of INFO: structs whose fields are figures, in the order they are printed.

use super::figure::{
    Bytes, CpuSeconds, Decimal, Figure as _, Numbered, OffsetOrNone, Outcome, Percent, Seconds,
};

/// Declares a section: a struct whose fields are its figures, in the order they are printed.
macro_rules! section {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default)]
        pub struct $name { $($(#[$doc])* pub $field: $type,)* }

        impl $name {
            pub(super) fn write(&self, out: &mut String) {
                $(self.$field.write(stringify!($field), out);)*
            }
        }
    };
}

section! {
    /// `# Server`
    Server {
        /// System, release and machine.
        os: String,
        /// 64.
        arch_bits: u32,
        /// Which clock counts elapsed time.
        monotonic_clock: &'static str,
        /// Which call waits for sockets.
        multiplexing_api: &'static str,
        /// The compiler's kind of atomics.
        atomicvar_api: &'static str,
        /// The compiler.
        rustc_version: &'static str,
        /// Process id.
        process_id: u32,
        /// `systemd`, `upstart` or `no`.
        process_supervised: &'static str,
        /// 40 characters, new at each start.
        run_id: String,
        /// TCP port.
        tcp_port: u16,
        /// Microseconds since the Unix epoch.
        server_time_usec: u64,
        /// Seconds since the start.
        uptime_in_seconds: u64,
        /// Days since the start.
        uptime_in_days: u64,
        /// Rounds of background work a second.
        hz: u32,
        /// The same as configured.
        configured_hz: u32,
        /// The 24-bit clock of access times.
        lru_clock: u32,
        /// Path of the program.
        executable: String,
        /// Path of the configuration file, or nothing.
        config_file: String,
        /// Whether I/O threads are at work.
        io_threads_active: bool,
        /// How long a stopping server still waits for its replicas.
        shutdown_in_milliseconds: Option<i64>,
        /// `name=tcp,bind=...,port=...` of each listener.
        listener: Numbered,
    }
}

section! {
    /// `# Clients`
    Clients {
        /// Clients without replicas.
        connected_clients: u64,
        /// 0.
        cluster_connections: u64,
        /// Most clients at once.
        maxclients: u64,
        /// Largest query buffer seen lately, in bytes.
        client_recent_max_input_buffer: u64,
        /// Largest output buffer seen lately, in bytes.
        client_recent_max_output_buffer: u64,
        /// Clients that wait in a blocking command.
        blocked_clients: u64,
        /// Clients with tracking on.
        tracking_clients: u64,
        /// Clients with a deadline.
        clients_in_timeout_table: u64,
        /// Keys somebody waits for.
        total_blocking_keys: u64,
        /// Of these, keys whose removal ends the wait.
        total_blocking_keys_on_nokey: u64,
    }
}

section! {
    /// `# Memory`; all in bytes but for ratios.
    Memory {
        /// Allocated.
        used_memory: Bytes,
        /// Resident.
        used_memory_rss: Bytes,
        /// Most ever allocated.
        used_memory_peak: Bytes,
        /// Allocated as a share of the peak.
        used_memory_peak_perc: Percent,
        /// Not keys and values: buffers, tables.
        used_memory_overhead: u64,
        /// Allocated at start.
        used_memory_startup: u64,
        /// Keys and values.
        used_memory_dataset: u64,
        /// Keys and values as a share of all but the start.
        used_memory_dataset_perc: Percent,
        /// As the allocator counts.
        allocator_allocated: u64,
        /// Pages in use.
        allocator_active: u64,
        /// Pages resident.
        allocator_resident: u64,
        /// Of the machine.
        total_system_memory: Bytes,
        /// 0: there are no scripts yet.
        used_memory_lua: Bytes,
        /// Scripts cached.
        number_of_cached_scripts: u64,
        /// Functions.
        number_of_functions: u64,
        /// Function libraries.
        number_of_libraries: u64,
        /// Of scripts.
        used_memory_scripts: Bytes,
        /// The limit, 0 for none.
        maxmemory: Bytes,
        /// What gives way at the limit.
        maxmemory_policy: &'static str,
        /// Active by allocated.
        allocator_frag_ratio: Decimal,
        /// Active less allocated.
        allocator_frag_bytes: i64,
        /// Resident by active.
        allocator_rss_ratio: Decimal,
        /// Resident less active.
        allocator_rss_bytes: i64,
        /// Process by allocator.
        rss_overhead_ratio: Decimal,
        /// Process less allocator.
        rss_overhead_bytes: i64,
        /// Resident by used.
        mem_fragmentation_ratio: Decimal,
        /// Resident less used.
        mem_fragmentation_bytes: i64,
        /// Replica and log buffers.
        mem_not_counted_for_evict: u64,
        /// Stream kept in memory for replicas.
        mem_replication_backlog: u64,
        /// That and replicas' output buffers.
        mem_total_replication_buffers: u64,
        /// Replicas' connections.
        mem_clients_slaves: u64,
        /// Clients' connections.
        mem_clients_normal: u64,
        /// 0.
        mem_cluster_links: u64,
        /// Log not written yet.
        mem_aof_buffer: u64,
        /// The allocator's name.
        mem_allocator: &'static str,
        /// 0.
        active_defrag_running: u64,
        /// Values waiting for another thread to free them.
        lazyfree_pending_objects: u64,
        /// Values freed by another thread.
        lazyfreed_objects: u64,
    }
}

section! {
    /// `# Persistence`
    Persistence {
        /// Whether the data set is being loaded.
        loading: bool,
        /// 0: a full sync is loaded after it is stored.
        async_loading: bool,
        /// Bytes a snapshot in progress has copied at most; no fork copies pages here.
        current_cow_peak: u64,
        /// Bytes it holds now.
        current_cow_size: u64,
        /// Age of that figure in seconds.
        current_cow_size_age: u64,
        /// 0.
        current_fork_perc: Decimal,
        /// Keys a snapshot in progress has written.
        current_save_keys_processed: u64,
        /// Keys it will write.
        current_save_keys_total: u64,
        /// Changes since the last snapshot.
        rdb_changes_since_last_save: u64,
        /// Whether a snapshot that was asked for, or is due, is under way.
        rdb_bgsave_in_progress: bool,
        /// When the last one ended, in seconds since the Unix epoch.
        rdb_last_save_time: u64,
        /// How the last one ended.
        rdb_last_bgsave_status: Outcome,
        /// How long the last one took.
        rdb_last_bgsave_time_sec: Seconds,
        /// How long the present one has taken.
        rdb_current_bgsave_time_sec: Seconds,
        /// Snapshots since the start.
        rdb_saves: u64,
        /// 0: nothing is copied on write.
        rdb_last_cow_size: u64,
        /// Expired keys left out at the last load.
        rdb_last_load_keys_expired: u64,
        /// Keys loaded.
        rdb_last_load_keys_loaded: u64,
        /// `appendonly`.
        aof_enabled: bool,
        /// Whether a BGREWRITEAOF is under way.
        aof_rewrite_in_progress: bool,
        /// Whether one is waiting for its turn.
        aof_rewrite_scheduled: bool,
        /// How long the last one took.
        aof_last_rewrite_time_sec: Seconds,
        /// How long the present one has taken.
        aof_current_rewrite_time_sec: Seconds,
        /// How the last one ended.
        aof_last_bgrewrite_status: Outcome,
        /// Rewrites since the start.
        aof_rewrites: u64,
        /// Rewrites that failed in a row.
        aof_rewrites_consecutive_failures: u64,
        /// Whether the log can be written.
        aof_last_write_status: Outcome,
        /// 0.
        aof_last_cow_size: u64,
        /// 0.
        module_fork_in_progress: bool,
        /// 0.
        module_fork_last_cow_size: u64,
        /// With a log: bytes of base snapshot and segments.
        aof_current_size: Option<u64>,
        /// Bytes of them at the last snapshot.
        aof_base_size: Option<u64>,
        /// 0.
        aof_pending_rewrite: Option<u64>,
        /// Bytes appended and not yet written.
        aof_buffer_length: Option<u64>,
        /// Syncs under way on the log thread.
        aof_pending_bio_fsync: Option<u64>,
        /// Times a write had to wait for a sync.
        aof_delayed_fsync: Option<u64>,
        /// While loading: when it began, in seconds since the Unix epoch.
        loading_start_time: Option<u64>,
        /// Bytes to load.
        loading_total_bytes: Option<u64>,
        /// Memory used when the snapshot was made.
        loading_rdb_used_mem: Option<u64>,
        /// Bytes loaded.
        loading_loaded_bytes: Option<u64>,
        /// The share of them.
        loading_loaded_perc: Option<Decimal>,
        /// Seconds it will still take.
        loading_eta_seconds: Option<u64>,
        /// Offset of the stream that is in the log's buffer or beyond.
        vellum_offset_appended: Option<u64>,
        /// Offset up to which the log is written.
        vellum_offset_written: Option<u64>,
        /// Offset up to which it is durable.
        vellum_offset_durable: Option<u64>,
        /// Segments of the log since its base.
        vellum_log_segments: Option<u64>,
        /// Bytes in the archive.
        vellum_archive_bytes: Option<u64>,
        /// Syncs since the start.
        vellum_syncs: Option<u64>,
        /// Mean time of a recent sync in microseconds.
        vellum_sync_usec: Option<u64>,
    }
}

section! {
    /// `# Stats`; since the start or CONFIG RESETSTAT.
    Stats {
        /// Connections accepted.
        total_connections_received: u64,
        /// Commands executed.
        total_commands_processed: u64,
        /// Commands a second, now.
        instantaneous_ops_per_sec: u64,
        /// Bytes read from clients.
        total_net_input_bytes: u64,
        /// Bytes written to clients.
        total_net_output_bytes: u64,
        /// Bytes read from the master.
        total_net_repl_input_bytes: u64,
        /// Bytes written to replicas.
        total_net_repl_output_bytes: u64,
        /// KiB read a second, now.
        instantaneous_input_kbps: Decimal,
        /// KiB written a second, now.
        instantaneous_output_kbps: Decimal,
        /// KiB read from the master a second, now.
        instantaneous_input_repl_kbps: Decimal,
        /// KiB written to replicas a second, now.
        instantaneous_output_repl_kbps: Decimal,
        /// Connections refused for `maxclients`.
        rejected_connections: u64,
        /// Full syncs of replicas.
        sync_full: u64,
        /// Partial syncs of replicas.
        sync_partial_ok: u64,
        /// Partial syncs that were asked for and refused.
        sync_partial_err: u64,
        /// Keys expired.
        expired_keys: u64,
        /// Share of keys thought to be expired and still there.
        expired_stale_perc: Decimal,
        /// Times the expiry cycle ran out of time.
        expired_time_cap_reached_count: u64,
        /// Milliseconds spent on it.
        expire_cycle_cpu_milliseconds: u64,
        /// Keys evicted.
        evicted_keys: u64,
        /// Clients evicted.
        evicted_clients: u64,
        /// Milliseconds spent over `maxmemory`.
        total_eviction_exceeded_time: u64,
        /// Milliseconds of the present time over it.
        current_eviction_exceeded_time: u64,
        /// Look-ups that found a key.
        keyspace_hits: u64,
        /// Look-ups that did not.
        keyspace_misses: u64,
        /// Channels with subscribers.
        pubsub_channels: u64,
        /// Patterns with subscribers.
        pubsub_patterns: u64,
        /// Shard channels with subscribers.
        pubsubshard_channels: u64,
        /// 0: nothing forks.
        latest_fork_usec: u64,
        /// 0.
        total_forks: u64,
        /// 0.
        migrate_cached_sockets: u64,
        /// Keys with an expiry that a writable replica set itself.
        slave_expires_tracked_keys: u64,
        /// 0.
        active_defrag_hits: u64,
        /// 0.
        active_defrag_misses: u64,
        /// 0.
        active_defrag_key_hits: u64,
        /// 0.
        active_defrag_key_misses: u64,
        /// 0.
        total_active_defrag_time: u64,
        /// 0.
        current_active_defrag_time: u64,
        /// Keys tracked for client-side caching.
        tracking_total_keys: u64,
        /// Clients tracking them.
        tracking_total_items: u64,
        /// Prefixes tracked.
        tracking_total_prefixes: u64,
        /// Error replies a master or replica link got.
        unexpected_error_replies: u64,
        /// Error replies sent.
        total_error_replies: u64,
        /// Payloads checked in depth.
        dump_payload_sanitizations: u64,
        /// Read calls on sockets.
        total_reads_processed: u64,
        /// Write calls on sockets.
        total_writes_processed: u64,
        /// 0.
        io_threaded_reads_processed: u64,
        /// 0.
        io_threaded_writes_processed: u64,
        /// Output buffers made smaller.
        reply_buffer_shrinks: u64,
        /// Output buffers made larger.
        reply_buffer_expands: u64,
        /// Clients dropped for their query buffer.
        client_query_buffer_limit_disconnections: u64,
        /// Clients dropped for their output buffer.
        client_output_buffer_limit_disconnections: u64,
        /// Wrong passwords.
        acl_access_denied_auth: u64,
        /// Commands refused for want of a right.
        acl_access_denied_cmd: u64,
        /// Keys refused for want of a right.
        acl_access_denied_key: u64,
        /// Channels refused for want of a right.
        acl_access_denied_channel: u64,
    }
}

section! {
    /// What a replica shows of its link, between `role` and `connected_slaves`.
    MasterLink {
        /// Host of the master.
        master_host: String,
        /// Port of the master.
        master_port: u16,
        /// `up` or `down`.
        master_link_status: &'static str,
        /// Seconds since the master was last heard.
        master_last_io_seconds_ago: Seconds,
        /// Whether a full sync is under way.
        master_sync_in_progress: bool,
        /// Offset up to which the stream has been received.
        slave_read_repl_offset: u64,
        /// Offset up to which it has been applied; true while the link is down.
        slave_repl_offset: u64,
        /// In a full sync: bytes to come.
        master_sync_total_bytes: Option<u64>,
        /// Bytes received.
        master_sync_read_bytes: Option<u64>,
        /// Bytes left.
        master_sync_left_bytes: Option<i64>,
        /// The share received.
        master_sync_perc: Option<Decimal>,
        /// Seconds since the last byte.
        master_sync_last_io_seconds_ago: Option<u64>,
        /// While the link is down: for how long.
        master_link_down_since_seconds: Option<Seconds>,
        /// `replica-priority`.
        slave_priority: u32,
        /// `replica-read-only`.
        slave_read_only: bool,
        /// `replica-announced`.
        replica_announced: bool,
    }
}

section! {
    /// What both roles show after that.
    Stream {
        /// Replicas connected.
        connected_slaves: u64,
        /// With `min-replicas-to-write`: replicas in good state.
        min_slaves_good_slaves: Option<u64>,
        /// `ip=...,port=...,state=...,offset=...,lag=...` of each.
        slave: Numbered,
        /// `no-failover`.
        master_failover_state: &'static str,
        /// The replication ID.
        master_replid: String,
        /// The ID before it, or forty zeros.
        master_replid2: String,
        /// The offset.
        master_repl_offset: u64,
        /// Offset up to which the ID before holds.
        second_repl_offset: OffsetOrNone,
        /// Whether a partial sync is possible at all.
        repl_backlog_active: bool,
        /// `repl-backlog-size`, or what the log keeps.
        repl_backlog_size: u64,
        /// First offset a partial sync can begin with.
        repl_backlog_first_byte_offset: u64,
        /// Bytes from there to the end.
        repl_backlog_histlen: u64,
    }
}

section! {
    /// `# CPU`
    Cpu {
        /// System time of the process.
        used_cpu_sys: CpuSeconds,
        /// User time of the process.
        used_cpu_user: CpuSeconds,
        /// System time of children.
        used_cpu_sys_children: CpuSeconds,
        /// User time of children.
        used_cpu_user_children: CpuSeconds,
        /// System time of the executor's thread.
        used_cpu_sys_main_thread: CpuSeconds,
        /// User time of the executor's thread.
        used_cpu_user_main_thread: CpuSeconds,
    }
}

/// A line of `# Keyspace`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseFigures {
    /// Its number.
    pub db: usize,
    /// Keys; a database without any is not shown.
    pub keys: u64,
    /// Keys that expire.
    pub expires: u64,
    /// Their mean time to live, in milliseconds.
    pub avg_ttl: u64,
}
