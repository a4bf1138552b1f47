//! Gathers the figures that INFO shows.

use super::info::{
    Bytes, Clients, Cpu, CpuSeconds, DatabaseFigures, Decimal, InfoFigures, Memory, Numbered,
    Outcome, Percent, Persistence, Seconds, Section, Server, Stats, Stream,
};
use super::memory::MemoryFigures;
use super::node::Node;
use super::process::{ProcessFigures, Supervisor, os_text};
use super::snapshots::{History, Purpose};
use crate::base::ReplId;
use crate::command::{Aging, Topic};
use crate::engine::Engine;
use crate::engine::recover::LoadProgress;
use crate::engine::session::ClientKind;
use crate::keyspace::Db;

/// Keys with an expiry that are looked at for their mean time to live.
const TTL_SAMPLES: usize = 64;

/// The figures of the wanted sections; the others may be empty.
pub fn figures(node: &Node, engine: &mut Engine, wanted: &[Section]) -> InfoFigures {
    let wants = |section| wanted.contains(&section);
    InfoFigures {
        server: if wants(Section::Server) { server(node, engine) } else { Server::default() },
        clients: clients(node, engine),
        memory: if wants(Section::Memory) { memory(node, engine) } else { Memory::default() },
        persistence: persistence(node, engine),
        stats: stats(node, engine),
        master_link: super::replication::master_link(node, engine),
        stream: stream(node, engine),
        cpu: if wants(Section::Cpu) { cpu() } else { Cpu::default() },
        databases: databases(engine),
    }
}

fn server(node: &Node, engine: &Engine) -> Server {
    let config = node.config.borrow();
    let now_us = engine.clock.unix_us();
    let uptime_s = (now_us / 1000).saturating_sub(node.started_ms) / 1000;
    let path = |path: Option<std::path::PathBuf>| {
        path.map(|p| p.display().to_string()).unwrap_or_default()
    };
    let config_file = node.config_file.as_ref().and_then(|p| std::path::absolute(p).ok());
    let listeners = config.bind.0.iter().map(|address| {
        let address = address.strip_prefix('-').unwrap_or(address);
        format!("name=tcp,bind={address},port={}", config.port)
    });
    Server {
        os: os_text(),
        arch_bits: usize::BITS,
        monotonic_clock: "POSIX clock_gettime",
        multiplexing_api: if cfg!(target_os = "linux") { "epoll" } else { "kqueue" },
        atomicvar_api: "rust-atomics",
        rustc_version: option_env!("RUSTC_VERSION").unwrap_or("unknown"),
        process_id: std::process::id(),
        process_supervised: Supervisor::find(config.supervised).as_str(),
        run_id: node.run_id.as_str().to_owned(),
        tcp_port: config.port,
        server_time_usec: now_us,
        uptime_in_seconds: uptime_s,
        uptime_in_days: uptime_s / 86_400,
        hz: config.hz,
        configured_hz: config.hz,
        lru_clock: Aging::Recency.initial(now_us / 1000),
        executable: path(std::env::current_exe().ok()),
        config_file: path(config_file),
        io_threads_active: node.config.borrow().io_threads > 1,
        shutdown_in_milliseconds: node.stop.waits_ms(now_us / 1000),
        listener: Numbered(listeners.collect()),
    }
}

fn clients(node: &Node, engine: &Engine) -> Clients {
    let cards = node.cards.borrow();
    let of_kind = |kind| cards.values().filter(|card| card.kind.get() == kind).count() as u64;
    Clients {
        connected_clients: cards.len() as u64 - of_kind(ClientKind::Replica),
        maxclients: u64::from(node.config.borrow().maxclients),
        client_recent_max_input_buffer: node.rounds.query_bytes_max.get(),
        client_recent_max_output_buffer: node.rounds.output_bytes_max.get(),
        blocked_clients: cards.values().filter(|card| card.blocked.get().is_some()).count() as u64,
        tracking_clients: engine.tracking.client_count() as u64,
        ..Clients::default()
    }
}

fn memory(node: &Node, engine: &Engine) -> Memory {
    let m = MemoryFigures::read(node, engine);
    let config = node.config.borrow();
    Memory {
        used_memory: Bytes(m.used),
        used_memory_rss: Bytes(m.resident),
        used_memory_peak: Bytes(m.peak),
        used_memory_peak_perc: Percent(m.peak_percentage()),
        used_memory_overhead: m.overhead(),
        used_memory_startup: m.startup,
        used_memory_dataset: m.dataset(),
        used_memory_dataset_perc: Percent(m.dataset_percentage()),
        allocator_allocated: m.used,
        allocator_active: m.used,
        allocator_resident: m.resident,
        total_system_memory: Bytes(m.machine),
        maxmemory: Bytes(config.maxmemory),
        maxmemory_policy: config.maxmemory_policy.as_str(),
        allocator_frag_ratio: Decimal(1.0),
        allocator_rss_ratio: Decimal(m.fragmentation()),
        allocator_rss_bytes: m.fragmentation_bytes(),
        rss_overhead_ratio: Decimal(1.0),
        mem_fragmentation_ratio: Decimal(m.fragmentation()),
        mem_fragmentation_bytes: m.fragmentation_bytes(),
        mem_clients_slaves: m.replica_clients,
        mem_clients_normal: m.clients,
        mem_aof_buffer: m.log_buffer,
        mem_allocator: "libc",
        lazyfree_pending_objects: node.rounds.janitor.waiting(),
        lazyfreed_objects: node.rounds.janitor.freed(),
        ..Memory::default()
    }
}

fn persistence(node: &Node, engine: &Engine) -> Persistence {
    let snapshots = &node.snapshots;
    let task = engine.snapshot_task();
    let running = snapshots.running.get().filter(|_| task.is_some());
    let since = |purpose| {
        let task = task.filter(|_| running == Some(purpose));
        Seconds(task.map(|task| task.started().elapsed().as_secs()))
    };
    let outcome = |history: &History| Outcome(history.last_ok.get());
    let mut figures = Persistence {
        loading: engine.guards.loading,
        current_save_keys_processed: task.map_or(0, |task| task.keys_done()),
        current_save_keys_total: task.map_or(0, |task| task.keys_total() as u64),
        rdb_changes_since_last_save: engine.dirty,
        rdb_bgsave_in_progress: running == Some(Purpose::Save),
        rdb_last_save_time: snapshots.last_save_s.get(),
        rdb_last_bgsave_status: outcome(&snapshots.saves),
        rdb_last_bgsave_time_sec: Seconds(snapshots.saves.last_took_s.get()),
        rdb_current_bgsave_time_sec: since(Purpose::Save),
        rdb_saves: snapshots.saves.count.get(),
        aof_enabled: node.config.borrow().appendonly,
        aof_rewrite_in_progress: running == Some(Purpose::Rewrite),
        aof_rewrite_scheduled: snapshots.rewrites.scheduled.get(),
        aof_last_rewrite_time_sec: Seconds(snapshots.rewrites.last_took_s.get()),
        aof_current_rewrite_time_sec: since(Purpose::Rewrite),
        aof_last_bgrewrite_status: outcome(&snapshots.rewrites),
        aof_rewrites: snapshots.rewrites.count.get(),
        aof_rewrites_consecutive_failures: snapshots.rewrites.failures.get(),
        ..Persistence::default()
    };
    if let Some(progress) = engine.load_progress() {
        loading(&mut figures, progress, engine.clock.unix_ms());
    }
    if let Some(log) = &engine.log {
        let (appended, written) = (log.appended_offset(), log.written_offset());
        figures.aof_last_write_status = Outcome(log.failure().is_none());
        if engine.has_durable_log() {
            let base = snapshots.base();
            figures.aof_current_size = Some(base.len + appended.saturating_since(base.offset));
            figures.aof_base_size = Some(base.len);
            figures.aof_pending_rewrite = Some(0);
            figures.aof_buffer_length = Some(appended.saturating_since(written));
            figures.aof_pending_bio_fsync = Some(u64::from(log.durable_offset() < written));
            figures.aof_delayed_fsync = Some(0);
        }
        figures.vellum_offset_appended = Some(appended.get());
        figures.vellum_offset_written = Some(written.get());
        figures.vellum_offset_durable = Some(log.durable_offset().get());
    }
    figures
}

/// How far a load is, and how long it will still take at its mean speed so far.
fn loading(figures: &mut Persistence, progress: &LoadProgress, now_ms: u64) {
    let (total, done) = (progress.total_len(), progress.done_len());
    let elapsed_s = (now_ms / 1000).saturating_sub(progress.started_ms() / 1000);
    let share = if total > 0 { done as f64 / total as f64 * 100.0 } else { 0.0 };
    // Redis says one second as long as it cannot tell.
    let eta_s = match elapsed_s {
        0 => 1,
        _ => {
            u128::from(elapsed_s) * u128::from(total.saturating_sub(done)) / (u128::from(done) + 1)
        }
    };
    figures.loading_start_time = Some(progress.started_ms() / 1000);
    figures.loading_total_bytes = Some(total);
    figures.loading_rdb_used_mem = Some(0);
    figures.loading_loaded_bytes = Some(done);
    figures.loading_loaded_perc = Some(Decimal(share));
    figures.loading_eta_seconds = Some(u64::try_from(eta_s).unwrap_or(u64::MAX));
}

fn stats(node: &Node, engine: &mut Engine) -> Stats {
    let (figures, rounds) = (&node.figures, &node.rounds);
    let commands_run = engine.commands_run;
    let count = |topic| engine.subscriptions.count(topic) as u64;
    let (pubsub_channels, pubsub_patterns) = (count(Topic::Channel), count(Topic::Pattern));
    let pubsubshard_channels = count(Topic::ShardChannel);
    let tracking = &engine.tracking;
    let tracked = [tracking.key_count(), tracking.item_count(), tracking.prefix_count()];
    let [tracking_total_keys, tracking_total_items, tracking_total_prefixes] =
        tracked.map(|count| count as u64);
    let events = engine.events();
    Stats {
        total_connections_received: figures.connections_received.get(),
        total_commands_processed: commands_run,
        instantaneous_ops_per_sec: rounds.commands.borrow().per_second(),
        total_net_input_bytes: figures.input_bytes.get(),
        total_net_output_bytes: figures.output_bytes.get(),
        instantaneous_input_kbps: Decimal(rounds.input.borrow().kilo_per_second()),
        instantaneous_output_kbps: Decimal(rounds.output.borrow().kilo_per_second()),
        rejected_connections: figures.connections_rejected.get(),
        expired_keys: events.expired,
        expired_time_cap_reached_count: rounds.expire_cut_short.get(),
        expire_cycle_cpu_milliseconds: rounds.expire_us.get() / 1000,
        keyspace_hits: events.hits,
        keyspace_misses: events.misses,
        pubsub_channels,
        pubsub_patterns,
        pubsubshard_channels,
        total_net_repl_input_bytes: node.replication.figures.input_bytes.get(),
        total_net_repl_output_bytes: node.replication.figures.output_bytes.get(),
        sync_full: node.replication.figures.full_syncs.get(),
        sync_partial_ok: node.replication.figures.partial_syncs.get(),
        sync_partial_err: node.replication.figures.partial_refusals.get(),
        tracking_total_keys,
        tracking_total_items,
        tracking_total_prefixes,
        total_reads_processed: figures.reads.get(),
        total_writes_processed: figures.writes.get(),
        total_error_replies: node.observers.errors.borrow().total(),
        ..Stats::default()
    }
}

fn stream(node: &Node, engine: &Engine) -> Stream {
    let identity = engine.identity();
    let offset = engine.offset().get();
    let text = |id: ReplId| id.as_str().to_owned();
    let mut figures = Stream {
        master_failover_state: "no-failover",
        master_replid: identity.map_or_else(|| text(ReplId::NONE), |i| text(i.replid)),
        master_replid2: text(ReplId::NONE),
        master_repl_offset: offset,
        repl_backlog_size: node.config.borrow().repl_backlog_size,
        ..Stream::default()
    };
    if let Some(former) = identity.and_then(|i| i.former) {
        figures.master_replid2 = text(former.replid);
        figures.second_repl_offset = Seconds(Some(former.end.get() + 1));
    }
    if let Some(log) = engine.log.as_ref().filter(|log| !log.is_asleep()) {
        let start = log.status().backlog_start.get();
        figures.repl_backlog_active = true;
        figures.repl_backlog_first_byte_offset = start + 1;
        figures.repl_backlog_histlen = offset.saturating_sub(start);
    }
    super::replication::fill_stream(node, engine, &mut figures);
    figures
}

fn cpu() -> Cpu {
    let process = ProcessFigures::read();
    Cpu {
        used_cpu_sys: CpuSeconds(process.system_s),
        used_cpu_user: CpuSeconds(process.user_s),
        used_cpu_sys_main_thread: CpuSeconds(process.thread_system_s),
        used_cpu_user_main_thread: CpuSeconds(process.thread_user_s),
        ..Cpu::default()
    }
}

fn databases(engine: &Engine) -> Vec<DatabaseFigures> {
    let keyspace = &engine.keyspace;
    let row = |db: usize| {
        let content = keyspace.db(db);
        DatabaseFigures {
            db,
            keys: content.len() as u64,
            expires: content.expires_len() as u64,
            avg_ttl: mean_ttl_ms(content, engine.now_ms),
        }
    };
    (0..keyspace.databases()).map(row).collect()
}

/// The mean time to live of some keys that have one.
fn mean_ttl_ms(db: &Db, now_ms: u64) -> u64 {
    let times = db.expiring().take(TTL_SAMPLES).filter_map(|entry| entry.expire_ms());
    let (total, count) = times.fold((0_u64, 0_u64), |(total, count), at_ms| {
        (total.saturating_add(at_ms.saturating_sub(now_ms)), count + 1)
    });
    total.checked_div(count).unwrap_or(0)
}
