//! Every directive, once: name, type, default, when it may change, what it does. The `Config` struct,
//! the parser, CONFIG GET/SET/REWRITE and the test of `conf/vellum.conf` are all made from this table.
//!
//! A row reads: field, its type, `"name"`, aliases, kind with bounds, default as it stands in a file,
//! when it may change, documentation.

use std::path::PathBuf;

use super::choices::{
    AppendFsync, DisklessLoad, LogFormat, LogLevel, LogSyncInline, MaxmemoryPolicy, OomScoreAdj,
    Permission, SanitizePayload, Supervised,
};
use super::lists::{
    Addresses, EventClasses, Master, OomScores, OutputLimits, Percentiles, SavePoints,
    ShutdownOptions,
};
use super::value::Kind::{self, Bool, Choice, FileName, Int, List, Memory, Octal, Path, Text};
use super::value::Value;
use Change::{Inert, Protected, Runtime, Startup};
use Effect::{
    AppendOnly, ClientLimit, Diagnostics, ExecutorSettings, Listeners, LogLevelChange, LogPolicy,
    OnNextUse, OomScore,
};

/// When a directive may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only at start: file or command line.
    Startup,
    /// By CONFIG SET too.
    Runtime(Effect),
    /// By CONFIG SET where `enable-protected-configs` lets the client.
    Protected(Effect),
    /// Any time, and nothing comes of it: accepted because files and tools written for Redis have it.
    Inert,
}

/// What has to be done when a directive has changed at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: the value is looked at when it is needed.
    OnNextUse,
    /// Listen on the new addresses and ports.
    Listeners,
    /// Filter the server's log anew.
    LogLevelChange,
    /// Make room for this many clients.
    ClientLimit,
    /// Start or stop the log.
    AppendOnly,
    /// Tell the log's writer about its sync policy, segment size and retention.
    LogPolicy,
    /// Renew the copy of settings that command handlers see.
    ExecutorSettings,
    /// Tell the kernel how ready to be to end this process.
    OomScore,
    /// Resize the slow log, switch latency histograms.
    Diagnostics,
}

/// A row of the table.
#[derive(Debug)]
pub struct Directive {
    /// The name, in lower case.
    pub name: &'static str,
    /// Other names for the same directive, shown by CONFIG GET as well.
    pub aliases: &'static [&'static str],
    /// The part of the example file it stands in.
    pub section: &'static str,
    /// Type and bounds.
    pub kind: Kind,
    /// The default as it stands in a file after the name.
    pub default: &'static str,
    /// When it may change.
    pub change: Change,
    /// What it does, in a sentence or two.
    pub doc: &'static str,
    /// Reads one line's words into the configuration; the flag tells the first line of this name.
    pub(super) absorb: fn(&mut Config, Kind, &[&str], bool) -> Result<(), String>,
    /// The value as CONFIG GET shows it.
    pub(super) print: fn(&Config, Kind) -> String,
    /// The value as lines of a file, names not included.
    pub(super) lines: fn(&Config, Kind) -> Vec<String>,
    /// Whether two configurations agree on it.
    pub(super) same: fn(&Config, &Config) -> bool,
}

impl Directive {
    /// Whether its value must not be shown in the slow log or to MONITOR.
    pub fn is_secret(&self) -> bool {
        matches!(self.name, "requirepass" | "masterauth" | "masteruser")
    }
}

macro_rules! directives {
    ($(
        [$section:literal]
        $($field:ident: $type:ty = $name:literal, $aliases:expr, $kind:expr, $default:literal,
            $change:expr, $doc:literal;)*
    )*) => {
        /// The configuration: a field a directive.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(
                #[doc = concat!("`", $name, "`: ", $doc)]
                pub $field: $type,
            )*)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($($field: default_of($name, $kind, $default),)*)* }
            }
        }

        /// All directives, in the order of the example file.
        pub const DIRECTIVES: &[Directive] = &[$($(
            Directive {
                name: $name,
                aliases: &$aliases,
                section: $section,
                kind: $kind,
                default: $default,
                change: $change,
                doc: $doc,
                absorb: |config, kind, words, is_first| config.$field.absorb(kind, words, is_first),
                print: |config, kind| config.$field.print(kind),
                lines: |config, kind| config.$field.lines(kind),
                same: |a, b| a.$field == b.$field,
            },
        )*)*];
    };
}

/// Reads a default of the table. A default that does not parse is a mistake in this file, which the
/// tests find.
fn default_of<T: Value>(name: &str, kind: Kind, text: &str) -> T {
    let words = super::tokens::split(text.as_bytes()).unwrap_or_default();
    let words: Vec<&str> = words.iter().map(|w| std::str::from_utf8(w).unwrap_or("")).collect();
    T::parse(kind, &words).unwrap_or_else(|error| panic!("default of {name}: {error}"))
}

const INT_MAX: i64 = i32::MAX as i64;
const LONG_MAX: i64 = i64::MAX;
const BYTES: Kind = Memory(0, u64::MAX);

directives! {
    ["Network"]
    bind: Addresses = "bind", [], List("address ..."), "* -::*", Runtime(Listeners),
        "Addresses to listen on, 16 at most; a leading - lets an address be missing; * and ::* stand for all of IPv4 and IPv6.";
    bind_source_addr: String = "bind-source-addr", [], Text, "\"\"", Runtime(OnNextUse),
        "Address this server connects from when it follows a master.";
    port: u16 = "port", [], Int(0, 65535), "6379", Runtime(Listeners),
        "TCP port; 0 for none.";
    protected_mode: bool = "protected-mode", [], Bool, "yes", Runtime(OnNextUse),
        "Without a password, serve only clients of this machine.";
    tcp_backlog: u32 = "tcp-backlog", [], Int(0, INT_MAX), "511", Startup,
        "Connections the kernel may hold before they are accepted.";
    io_threads: u32 = "io-threads", [], Int(1, 128), "1", Startup,
        "Threads that write replies, the one that runs commands among them. More pay where there are more cores than busy threads.";
    unixsocket: String = "unixsocket", [], Text, "\"\"", Startup,
        "Path of a unix socket to listen on.";
    unixsocketperm: u32 = "unixsocketperm", [], Octal, "0", Startup,
        "Permissions of the unix socket; 0 leaves them to the umask.";
    timeout: u64 = "timeout", [], Int(0, INT_MAX), "0", Runtime(OnNextUse),
        "Seconds after which an idle client is disconnected; 0 for never.";
    tcp_keepalive: u64 = "tcp-keepalive", [], Int(0, INT_MAX), "300", Runtime(OnNextUse),
        "Seconds between the probes that find dead peers; 0 for none.";
    maxclients: u32 = "maxclients", [], Int(1, u32::MAX as i64), "10000", Runtime(ClientLimit),
        "Most clients connected at once.";

    ["General"]
    daemonize: bool = "daemonize", [], Bool, "no", Startup,
        "Run in the background, apart from the terminal.";
    supervised: Supervised = "supervised", [], Choice(Supervised::WORDS), "no", Startup,
        "Tell an init system once the server is ready.";
    pidfile: String = "pidfile", [], Text, "\"\"", Startup,
        "File the process id is written to at start, and removed at the end.";
    loglevel: LogLevel = "loglevel", [], Choice(LogLevel::WORDS), "notice", Runtime(LogLevelChange),
        "The least important line the server's log gets.";
    logfile: String = "logfile", [], Text, "\"\"", Startup,
        "File the server's log goes to, relative to the directory of start; none for standard output.";
    log_format: LogFormat = "log-format", [], Choice(LogFormat::WORDS), "text", Startup,
        "Lines as Redis writes them, or one JSON object a line.";
    databases: usize = "databases", [], Int(1, crate::base::limits::DATABASES_MAX as i64), "16", Startup,
        "Number of databases.";
    hz: u32 = "hz", [], Int(0, INT_MAX), "10", Runtime(OnNextUse),
        "Rounds of background work a second, 1 to 500: expiry, timeouts, statistics.";
    shutdown_timeout: u64 = "shutdown-timeout", [], Int(0, INT_MAX), "10", Runtime(OnNextUse),
        "Seconds a stopping server waits for its replicas to catch up.";
    shutdown_on_sigint: ShutdownOptions = "shutdown-on-sigint", [],
        List("default | [save|nosave] [now] [force]"), "default", Runtime(OnNextUse),
        "Options of the SHUTDOWN that SIGINT stands for.";
    shutdown_on_sigterm: ShutdownOptions = "shutdown-on-sigterm", [],
        List("default | [save|nosave] [now] [force]"), "default", Runtime(OnNextUse),
        "Options of the SHUTDOWN that SIGTERM stands for.";
    oom_score_adj: OomScoreAdj = "oom-score-adj", [], Choice(OomScoreAdj::WORDS), "no", Runtime(OomScore),
        "Set the kernel's out-of-memory score of this process: oom-score-adj-values more than it was, or just that.";
    oom_score_adj_values: OomScores = "oom-score-adj-values", [], List("<master> <replica> <child>"), "0 200 800",
        Runtime(OomScore),
        "Scores for a master, a replica, and a child of Redis's that saves; there is none here.";

    ["Data directory and snapshots"]
    dir: PathBuf = "dir", [], Path, "./data", Startup,
        "The data directory, relative to the directory of start.";
    dbfilename: String = "dbfilename", [], FileName, "dump.rdb", Protected(OnNextUse),
        "Name of the newest snapshot in the data directory.";
    save: SavePoints = "save", [], List("\"\" | <seconds> <changes> ..."), "3600 1 300 100 60 10000",
        Runtime(OnNextUse),
        "Save points: a snapshot is due after <seconds> with at least <changes> changes; \"\" for none. Used with appendonly no.";
    stop_writes_on_bgsave_error: bool = "stop-writes-on-bgsave-error", [], Bool, "yes", Runtime(OnNextUse),
        "Refuse writes while the last snapshot of a save point has failed.";
    rdbcompression: bool = "rdbcompression", [], Bool, "yes", Runtime(OnNextUse),
        "Compress long strings in snapshots.";

    ["The log"]
    appendonly: bool = "appendonly", [], Bool, "yes", Runtime(AppendOnly),
        "Keep the log that makes writes durable; no is a cache with snapshots at save points.";
    appendfilename: String = "appendfilename", [], FileName, "\"appendonly.aof\"", Startup,
        "First part of the names of snapshots, segments and manifest.";
    appenddirname: String = "appenddirname", [], FileName, "\"appendonlydir\"", Startup,
        "Directory for them inside the data directory.";
    appendfsync: AppendFsync = "appendfsync", [], Choice(AppendFsync::WORDS), "always", Runtime(LogPolicy),
        "When the log is synced: always, before any reply shows a write; everysec, within a second; no, when the kernel likes.";
    log_sync_inline: LogSyncInline = "log-sync-inline", [], Choice(LogSyncInline::WORDS), "auto", Runtime(LogPolicy),
        "Whether the executor's thread syncs by itself instead of a log thread; auto goes by recent sync times.";
    aof_segment_size: u64 = "aof-segment-size", [], Memory(1 << 20, 1 << 40), "64mb", Runtime(LogPolicy),
        "Bytes after which a new segment of the log begins.";
    archive_bytes_max: u64 = "archive-bytes-max", [], BYTES, "1gb", Runtime(LogPolicy),
        "Bytes of superseded segments and snapshots kept for late replicas and for restoring to a point in time; 0 keeps none.";
    archive_age_max: u64 = "archive-age-max", [], Int(0, LONG_MAX), "0", Runtime(LogPolicy),
        "Seconds after which they are removed all the same; 0 for no limit.";
    auto_aof_rewrite_percentage: u32 = "auto-aof-rewrite-percentage", [], Int(0, INT_MAX), "100", Runtime(OnNextUse),
        "Take a snapshot when the log after the last one has this share of its size; 0 for never.";
    auto_aof_rewrite_min_size: u64 = "auto-aof-rewrite-min-size", [], BYTES, "64mb", Runtime(OnNextUse),
        "But not before the log has this many bytes.";
    aof_load_truncated: bool = "aof-load-truncated", [], Bool, "yes", Runtime(OnNextUse),
        "Start when the log ends in the middle of a write that was never acknowledged, and trim it; no refuses.";

    ["Replication"]
    replicaof: Master = "replicaof", ["slaveof"], List("no one | <host> <port>"), "no one", Startup,
        "The master to follow. SLAVEOF changes it until the next start, CONFIG REWRITE for good.";
    masterauth: String = "masterauth", [], Text, "\"\"", Runtime(OnNextUse),
        "Password for the master.";
    masteruser: String = "masteruser", [], Text, "\"\"", Runtime(OnNextUse),
        "User name for the master; none for the default user.";
    replica_serve_stale_data: bool = "replica-serve-stale-data", ["slave-serve-stale-data"], Bool, "yes", Runtime(ExecutorSettings),
        "Answer reads while the link to the master is down.";
    replica_read_only: bool = "replica-read-only", ["slave-read-only"], Bool, "yes", Runtime(ExecutorSettings),
        "Refuse writes of clients on a replica. With no they are kept here and go to nobody.";
    replica_refuse_empty_master: bool = "replica-refuse-empty-master", [], Bool, "yes", Runtime(OnNextUse),
        "A replica that holds data refuses a full sync from an empty or an unrelated younger master.";
    repl_ping_replica_period: u64 = "repl-ping-replica-period", ["repl-ping-slave-period"], Int(1, INT_MAX), "10", Runtime(OnNextUse),
        "Seconds between the pings a master sends.";
    repl_timeout: u64 = "repl-timeout", [], Int(1, INT_MAX), "60", Runtime(OnNextUse),
        "Seconds of silence after which a link is given up.";
    repl_disable_tcp_nodelay: bool = "repl-disable-tcp-nodelay", [], Bool, "no", Runtime(OnNextUse),
        "Let the kernel gather small packets to replicas.";
    repl_backlog_size: u64 = "repl-backlog-size", [], Memory(1, u64::MAX), "1mb", Runtime(LogPolicy),
        "Bytes of stream kept at least for partial syncs with appendonly no, 16kb at least; archive-bytes-max decides where it is more, and with a log on disk.";
    repl_backlog_ttl: u64 = "repl-backlog-ttl", [], Int(0, LONG_MAX), "3600", Runtime(OnNextUse),
        "Seconds without replicas after which no stream is kept any more with appendonly no; 0 is never. Before the first one there is none.";
    replica_priority: u32 = "replica-priority", ["slave-priority"], Int(0, INT_MAX), "100", Runtime(OnNextUse),
        "Sentinel promotes the replica with the lowest; 0 is never promoted.";
    replica_announced: bool = "replica-announced", [], Bool, "yes", Runtime(OnNextUse),
        "Whether Sentinel reports this replica to clients.";
    replica_announce_ip: String = "replica-announce-ip", ["slave-announce-ip"], Text, "\"\"", Runtime(OnNextUse),
        "Address the master shall report for this replica.";
    replica_announce_port: u16 = "replica-announce-port", ["slave-announce-port"], Int(0, 65535), "0", Runtime(OnNextUse),
        "Port the master shall report for this replica; 0 for the real one.";
    min_replicas_to_write: u32 = "min-replicas-to-write", ["min-slaves-to-write"], Int(0, INT_MAX), "0", Runtime(OnNextUse),
        "Refuse writes with fewer replicas in good state; 0 for no such condition.";
    min_replicas_max_lag: u64 = "min-replicas-max-lag", ["min-slaves-max-lag"], Int(0, INT_MAX), "10", Runtime(OnNextUse),
        "Seconds since its last acknowledgement after which a replica is no longer in good state.";

    ["Security"]
    requirepass: String = "requirepass", [], Text, "\"\"", Runtime(OnNextUse),
        "Password clients must give; none for free access.";
    enable_debug_command: Permission = "enable-debug-command", [], Choice(Permission::WORDS), "no", Startup,
        "Who may use DEBUG.";
    enable_protected_configs: Permission = "enable-protected-configs", [], Choice(Permission::WORDS), "no", Startup,
        "Who may change protected directives (dbfilename) by CONFIG SET.";

    ["Clients and memory"]
    client_output_buffer_limit: OutputLimits = "client-output-buffer-limit", [],
        List("<normal|replica|pubsub> <hard bytes> <soft bytes> <soft seconds> ..."),
        "normal 0 0 0 replica 256mb 64mb 60 pubsub 32mb 8mb 60", Runtime(OnNextUse),
        "Unread reply bytes at which a client is disconnected: at once over the hard limit, after some seconds over the soft one.";
    notify_keyspace_events: EventClasses = "notify-keyspace-events", [], Text, "\"\"", Runtime(ExecutorSettings),
        "Classes of keyspace events that are published, and K for a channel of each key, E for one of each event.";
    tracking_table_max_keys: u64 = "tracking-table-max-keys", [], Int(0, LONG_MAX), "1000000", Runtime(ExecutorSettings),
        "Keys remembered for client-side caching; beyond that some are forgotten, and told to be. 0 for no limit.";
    client_query_buffer_limit: u64 = "client-query-buffer-limit", [], Memory(1 << 20, i64::MAX as u64), "1gb", Runtime(OnNextUse),
        "Largest request a client may build up.";
    proto_max_bulk_len: u64 = "proto-max-bulk-len", [], Memory(1 << 20, i64::MAX as u64), "512mb", Runtime(ExecutorSettings),
        "Longest single argument, and longest string value.";
    hll_sparse_max_bytes: u64 = "hll-sparse-max-bytes", [], BYTES, "3000", Runtime(ExecutorSettings),
        "Bytes up to which a HyperLogLog is kept sparse. Where it is not the default, what comes out otherwise is logged as a whole.";
    maxmemory: u64 = "maxmemory", [], BYTES, "0", Runtime(ExecutorSettings),
        "Bytes of data at which writes that need memory are refused; 0 for no limit.";
    maxmemory_policy: MaxmemoryPolicy = "maxmemory-policy", [], Choice(MaxmemoryPolicy::WORDS), "noeviction", Runtime(ExecutorSettings),
        "Which keys give way at maxmemory. Nothing is evicted yet: the choice only decides between idle times and access frequencies for OBJECT.";
    lfu_log_factor: u32 = "lfu-log-factor", [], Int(0, INT_MAX), "10", Runtime(ExecutorSettings),
        "How slowly the access frequency of a key saturates.";
    lfu_decay_time: u32 = "lfu-decay-time", [], Int(0, INT_MAX), "1", Runtime(ExecutorSettings),
        "Minutes after which the access frequency of a key is lowered by one.";
    replica_ignore_maxmemory: bool = "replica-ignore-maxmemory", ["slave-ignore-maxmemory"], Bool, "yes", Runtime(ExecutorSettings),
        "A replica leaves maxmemory to its master.";
    active_expire_effort: u32 = "active-expire-effort", [], Int(1, 10), "1", Runtime(OnNextUse),
        "How much time looking for expired keys may take, 1 to 10.";
    lazyfree_lazy_eviction: bool = "lazyfree-lazy-eviction", [], Bool, "no", Runtime(ExecutorSettings),
        "Free evicted values on another thread.";
    lazyfree_lazy_expire: bool = "lazyfree-lazy-expire", [], Bool, "no", Runtime(ExecutorSettings),
        "Free expired values on another thread.";
    lazyfree_lazy_server_del: bool = "lazyfree-lazy-server-del", [], Bool, "no", Runtime(ExecutorSettings),
        "Free overwritten values on another thread.";
    lazyfree_lazy_user_del: bool = "lazyfree-lazy-user-del", [], Bool, "no", Runtime(ExecutorSettings),
        "DEL frees as UNLINK does.";
    lazyfree_lazy_user_flush: bool = "lazyfree-lazy-user-flush", [], Bool, "no", Runtime(ExecutorSettings),
        "FLUSHALL and FLUSHDB without ASYNC or SYNC free on another thread.";
    replica_lazy_flush: bool = "replica-lazy-flush", ["slave-lazy-flush"], Bool, "no", Runtime(ExecutorSettings),
        "A replica frees its old data on another thread during a full sync.";

    ["Collections"]
    hash_max_listpack_entries: u64 = "hash-max-listpack-entries", ["hash-max-ziplist-entries"], Int(0, LONG_MAX), "512", Runtime(ExecutorSettings),
        "Fields up to which a hash is packed.";
    hash_max_listpack_value: u64 = "hash-max-listpack-value", ["hash-max-ziplist-value"], Int(0, LONG_MAX), "64", Runtime(ExecutorSettings),
        "Bytes a field or value of a packed hash may have.";
    list_max_listpack_size: i64 = "list-max-listpack-size", ["list-max-ziplist-size"], Int(-INT_MAX - 1, INT_MAX), "-2", Runtime(ExecutorSettings),
        "Elements of a packed piece of a list; -1 to -5 for 4, 8, 16, 32, 64 KB.";
    set_max_intset_entries: u64 = "set-max-intset-entries", [], Int(0, LONG_MAX), "512", Runtime(ExecutorSettings),
        "Members up to which a set of numbers is packed.";
    set_max_listpack_entries: u64 = "set-max-listpack-entries", [], Int(0, LONG_MAX), "128", Runtime(ExecutorSettings),
        "Members up to which a set is packed.";
    set_max_listpack_value: u64 = "set-max-listpack-value", [], Int(0, LONG_MAX), "64", Runtime(ExecutorSettings),
        "Bytes a member of a packed set may have.";
    zset_max_listpack_entries: u64 = "zset-max-listpack-entries", ["zset-max-ziplist-entries"], Int(0, LONG_MAX), "128", Runtime(ExecutorSettings),
        "Members up to which a sorted set is packed.";
    zset_max_listpack_value: u64 = "zset-max-listpack-value", ["zset-max-ziplist-value"], Int(0, LONG_MAX), "64", Runtime(ExecutorSettings),
        "Bytes a member of a packed sorted set may have.";
    stream_node_max_bytes: u64 = "stream-node-max-bytes", [], BYTES, "4kb", Runtime(ExecutorSettings),
        "Bytes of a node of a stream; 0 for no limit.";
    stream_node_max_entries: u64 = "stream-node-max-entries", [], Int(0, LONG_MAX), "100", Runtime(ExecutorSettings),
        "Entries of a node of a stream; 0 for no limit.";

    ["Diagnostics"]
    slowlog_log_slower_than: i64 = "slowlog-log-slower-than", [], Int(-1, LONG_MAX), "10000", Runtime(OnNextUse),
        "Microseconds from which a command is recorded in the slow log; 0 records all, -1 none.";
    slowlog_max_len: u64 = "slowlog-max-len", [], Int(0, LONG_MAX), "128", Runtime(Diagnostics),
        "Entries the slow log keeps.";
    latency_monitor_threshold: u64 = "latency-monitor-threshold", [], Int(0, LONG_MAX), "0", Runtime(OnNextUse),
        "Milliseconds from which an event is recorded for LATENCY; 0 records none.";
    latency_tracking: bool = "latency-tracking", [], Bool, "yes", Runtime(Diagnostics),
        "Keep a histogram of the time each command takes.";
    latency_tracking_info_percentiles: Percentiles = "latency-tracking-info-percentiles", [],
        List("percentage ..."), "50 99 99.9", Runtime(OnNextUse),
        "Percentiles of these histograms that INFO shows.";

    ["Accepted without effect"]
    io_threads_do_reads: bool = "io-threads-do-reads", [], Bool, "no", Inert,
        "Whether the threads of io-threads read too; they only write.";
    rdbchecksum: bool = "rdbchecksum", [], Bool, "yes", Inert,
        "Checksum snapshots; always done.";
    sanitize_dump_payload: SanitizePayload = "sanitize-dump-payload", [], Choice(SanitizePayload::WORDS), "no", Inert,
        "Check payloads of RESTORE and full syncs in depth; always done.";
    rdb_del_sync_files: bool = "rdb-del-sync-files", [], Bool, "no", Inert,
        "Remove snapshots that were made for replicas; the retention policy decides.";
    rdb_save_incremental_fsync: bool = "rdb-save-incremental-fsync", [], Bool, "yes", Inert,
        "Sync a snapshot piece by piece while it is written.";
    aof_rewrite_incremental_fsync: bool = "aof-rewrite-incremental-fsync", [], Bool, "yes", Inert,
        "The same for rewriting the log.";
    no_appendfsync_on_rewrite: bool = "no-appendfsync-on-rewrite", [], Bool, "no", Inert,
        "Do not sync during a rewrite; the log is always synced by its policy.";
    aof_use_rdb_preamble: bool = "aof-use-rdb-preamble", [], Bool, "yes", Inert,
        "Begin the log with a snapshot; always so.";
    aof_timestamp_enabled: bool = "aof-timestamp-enabled", [], Bool, "no", Inert,
        "Record times in the log; every frame has one.";
    repl_diskless_sync: bool = "repl-diskless-sync", [], Bool, "yes", Inert,
        "Send snapshots without writing them; they are sent from the newest snapshot file.";
    repl_diskless_sync_delay: u64 = "repl-diskless-sync-delay", [], Int(0, INT_MAX), "5", Inert,
        "Seconds to wait for more replicas before a full sync; a snapshot file serves any number.";
    repl_diskless_sync_max_replicas: u32 = "repl-diskless-sync-max-replicas", [], Int(0, INT_MAX), "0", Inert,
        "Do not wait any longer with this many replicas.";
    repl_diskless_load: DisklessLoad = "repl-diskless-load", [], Choice(DisklessLoad::WORDS), "disabled", Inert,
        "Load a full sync from the socket; it is always stored and verified first.";
    busy_reply_threshold: u64 = "busy-reply-threshold", ["lua-time-limit"], Int(0, LONG_MAX), "5000", Inert,
        "Milliseconds after which a script that runs on makes others be answered BUSY; there are no scripts yet.";
    acllog_max_len: u64 = "acllog-max-len", [], Int(0, LONG_MAX), "128", Inert,
        "Entries of ACL LOG; there are no ACLs yet.";
    maxmemory_samples: u32 = "maxmemory-samples", [], Int(1, INT_MAX), "5", Inert,
        "Keys looked at to find one to evict.";
    maxmemory_eviction_tenacity: u32 = "maxmemory-eviction-tenacity", [], Int(0, 100), "10", Inert,
        "How much time evictions may take.";
    list_compress_depth: u32 = "list-compress-depth", [], Int(0, INT_MAX), "0", Inert,
        "Pieces at both ends of a list that are not compressed.";
    activerehashing: bool = "activerehashing", [], Bool, "yes", Inert,
        "Rehash in idle time; the table never rehashes as a whole.";
    activedefrag: bool = "activedefrag", [], Bool, "no", Inert,
        "Move values to lessen fragmentation.";
    jemalloc_bg_thread: bool = "jemalloc-bg-thread", [], Bool, "yes", Inert,
        "Let jemalloc purge on a thread of its own.";
    dynamic_hz: bool = "dynamic-hz", [], Bool, "yes", Inert,
        "Raise hz with the number of clients.";
    crash_log_enabled: bool = "crash-log-enabled", [], Bool, "yes", Inert,
        "Report crashes; a panic is always reported.";
    crash_memcheck_enabled: bool = "crash-memcheck-enabled", [], Bool, "yes", Inert,
        "Test the memory after a crash.";
    disable_thp: bool = "disable-thp", [], Bool, "yes", Inert,
        "Disable transparent huge pages; without fork they cause no copying.";
    set_proc_title: bool = "set-proc-title", [], Bool, "yes", Inert,
        "Show state in the process title.";
    proc_title_template: String = "proc-title-template", [], Text, "\"{title} {listen-addr} {server-mode}\"", Inert,
        "What the process title looks like.";
    always_show_logo: bool = "always-show-logo", [], Bool, "no", Inert,
        "Show the banner even where the log is no terminal.";
    ignore_warnings: String = "ignore-warnings", [], Text, "\"\"", Inert,
        "Start in spite of warnings about the system.";
}

/// What Redis's configuration files may hold that this server cannot honour: refused by name, so that
/// nobody relies on it. A name that ends in `-` stands for all that begin with it.
pub(super) const UNSUPPORTED: &[(&str, &str)] = &[
    ("tls-", "TLS is not supported"),
    ("cluster-", "cluster mode is not supported"),
    ("loadmodule", "modules are not supported"),
    ("enable-module-command", "modules are not supported"),
    ("user", "ACL users are not supported yet; requirepass sets the default user's password"),
    ("aclfile", "ACL users are not supported yet; requirepass sets the default user's password"),
    ("acl-pubsub-default", "ACL users are not supported yet"),
    ("rename-command", "commands cannot be renamed"),
    ("maxmemory-clients", "clients are not evicted; client-output-buffer-limit bounds each"),
    ("syslog-", "the log goes to logfile or standard output; the init system can forward it"),
    ("active-defrag-", "memory is not defragmented"),
    ("sentinel", "this server is no Sentinel; redis-sentinel can watch it"),
    ("replica-ignore-disk-write-errors", "a replica never applies what it could not store"),
    ("socket-mark-id", "packets cannot be marked"),
    (
        "propagation-error-behavior",
        "a command that the stream brings and that fails always stops it",
    ),
    ("server_cpulist", "threads are not bound to processors; taskset can do it"),
    ("bio_cpulist", "threads are not bound to processors; taskset can do it"),
    ("aof_rewrite_cpulist", "nothing forks for a rewrite"),
    ("bgsave_cpulist", "nothing forks for a snapshot"),
    ("locale-collate", "there are no sorted replies yet"),
    ("aof-disable-auto-gc", "the retention policy decides what of the log is kept"),
];

/// Values of those that ask for nothing, and so can be honoured.
const ASKS_FOR_NOTHING: &[&str] = &["no", "0", ""];

/// The directive of this name or alias, in any case.
pub fn find(name: &str) -> Option<&'static Directive> {
    let is = |other: &&str| other.eq_ignore_ascii_case(name);
    DIRECTIVES.iter().find(|d| is(&d.name) || d.aliases.iter().any(is))
}

/// Whether a directive that is refused by name is only told to be off.
pub(super) fn is_switched_off(name: &str, values: &[String]) -> bool {
    let off = |value: &String| ASKS_FOR_NOTHING.iter().any(|off| off.eq_ignore_ascii_case(value));
    unsupported(name).is_some() && matches!(values, [value] if off(value))
}

/// Why a directive of Redis is refused, where it is one that is known.
pub(super) fn unsupported(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let is = |other: &str| name == other || (other.ends_with('-') && name.starts_with(other));
    UNSUPPORTED.iter().find(|(other, _)| is(other)).map(|(_, why)| *why)
}

/// The known name nearest to a misspelt one, if any is near enough to be meant.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_lowercase();
    let names =
        DIRECTIVES.iter().flat_map(|d| std::iter::once(d.name).chain(d.aliases.iter().copied()));
    let distances = names.map(|other| (edit_distance(&name, other), other));
    distances.min().filter(|(distance, other)| *distance <= other.len().div_ceil(3)).map(|(_, n)| n)
}

/// Insertions, deletions and replacements of bytes that turn one text into the other.
fn edit_distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let replaced = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_lower_case_and_documented() {
        let mut seen = HashSet::new();
        for directive in DIRECTIVES {
            for name in std::iter::once(&directive.name).chain(directive.aliases) {
                assert!(seen.insert(*name), "{name} twice");
                assert_eq!(*name, name.to_ascii_lowercase());
                assert!(unsupported(name).is_none(), "{name} is refused as well");
            }
            assert!(directive.doc.ends_with('.'), "{}", directive.name);
            assert_eq!(directive.section == "Accepted without effect", directive.change == Inert);
        }
    }

    #[test]
    fn every_default_prints_and_reads_back() {
        let config = Config::default();
        for directive in DIRECTIVES {
            let mut again = Config::default();
            for (n, line) in (directive.lines)(&config, directive.kind).iter().enumerate() {
                let words = super::super::tokens::split(line.as_bytes()).unwrap();
                let words: Vec<&str> =
                    words.iter().map(|w| std::str::from_utf8(w).unwrap()).collect();
                (directive.absorb)(&mut again, directive.kind, &words, n == 0).unwrap();
            }
            assert!((directive.same)(&config, &again), "{}", directive.name);
        }
    }

    #[test]
    fn a_misspelt_name_finds_the_one_that_was_meant() {
        assert_eq!(nearest("appendfsnyc"), Some("appendfsync"));
        assert_eq!(nearest("max-memory"), Some("maxmemory"));
        assert_eq!(nearest("slave-of"), Some("slaveof"));
        assert_eq!(nearest("quite-something-else"), None);
        assert_eq!(unsupported("TLS-port"), Some("TLS is not supported"));
        assert_eq!(find("SlaveOf").unwrap().name, "replicaof");
    }
}
