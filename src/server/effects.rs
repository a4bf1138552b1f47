//! What has to be done when CONFIG SET changes a directive; every effect can be undone by the same call
//! with the configurations exchanged.

use super::config::{Config, Effect};
use super::node::Node;
use super::snapshots::Purpose;
use super::{process, settings};
use crate::engine::Engine;
use crate::engine::snapshot::SnapshotTask;

/// Applies one effect of going from `before` to `after`.
///
/// # Errors
/// It cannot be done, for a reason that CONFIG SET answers; nothing has changed then.
pub fn apply(
    node: &Node,
    engine: &mut Engine,
    effect: Effect,
    before: &Config,
    after: &Config,
) -> Result<(), String> {
    match effect {
        // Looked at when needed; the guards are renewed once the new configuration is in force.
        Effect::OnNextUse => {}
        Effect::Listeners => node.relisten(before, after)?,
        Effect::LogLevelChange => node.log_handle.set_level(after.loglevel),
        Effect::ClientLimit => {
            let room = process::make_room_for_clients(u64::from(after.maxclients));
            if room < u64::from(after.maxclients) {
                return Err(format!(
                    "The operating system is not able to handle the specified number of clients, \
                     try with {room}"
                ));
            }
        }
        Effect::OomScore => {
            node.oom_score.adjust(after, engine.guards.is_replica).map_err(|error| {
                tracing::warn!(%error, "cannot set the out-of-memory score");
                "Failed to apply new oom_score_adj configuration, check server logs.".to_owned()
            })?;
        }
        Effect::AppendOnly => switch_log(node, engine, after)?,
        Effect::LogPolicy => tell_log(engine, after),
        Effect::ExecutorSettings => renew_settings(engine, after),
        Effect::Diagnostics => {
            node.observers.slowlog.borrow_mut().set_len_max(after.slowlog_max_len);
            node.observers.commands.borrow_mut().set_latency_tracking(after.latency_tracking);
        }
    }
    Ok(())
}

/// Gives the engine the settings that commands look at.
pub fn renew_settings(engine: &mut Engine, config: &Config) {
    let old = &engine.settings;
    let (is_replica, expiry_paused) = (old.is_replica, old.expiry_paused);
    let writes_refused = old.writes_refused;
    let payload_checksums_skipped = old.payload_checksums_skipped;
    engine.settings = settings::command_settings(config);
    engine.settings.is_replica = is_replica;
    engine.settings.expiry_paused = expiry_paused;
    engine.keyspace.set_packed_limits(engine.settings.packed);
    engine.settings.writes_refused = writes_refused;
    engine.settings.payload_checksums_skipped = payload_checksums_skipped;
    engine.guards.replica_read_only = config.replica_read_only;
    engine.renew_notify_classes();
}

/// Gives the log its policy, sizes and retention.
pub fn tell_log(engine: &mut Engine, config: &Config) {
    let durable = engine.has_durable_log();
    let Some(log) = &mut engine.log else { return };
    log.set_inline(settings::inline_sync(config));
    let policy = settings::sync_policy(config);
    if durable && log.policy() != policy {
        log.set_policy(policy);
    }
    let options = settings::log_options(config);
    log.enqueue(Box::new(move |writer| {
        writer.set_options(options);
        Ok(())
    }));
}

/// `appendonly` on: a snapshot is begun, and once it is in its place the log is durable. Off: the log
/// goes on as a backlog if there are replicas; its files stay as they are.
fn switch_log(node: &Node, engine: &mut Engine, after: &Config) -> Result<(), String> {
    if after.appendonly == engine.has_durable_log() {
        // Off again before the snapshot was in its place, or undone.
        node.snapshots.rewrites.scheduled.set(false);
        if !after.appendonly && engine.snapshot_task().is_some_and(SnapshotTask::is_under_log) {
            engine.cancel_snapshot();
        }
        return Ok(());
    }
    if !after.appendonly {
        engine.cancel_snapshot();
        engine.stop_log(node.needs_no_backlog(after)).map_err(|error| {
            tracing::warn!(%error, "the log cannot be switched off");
            "Unable to turn off AOF. Check server logs.".to_owned()
        })?;
        if !engine.guards.is_replica {
            // A start with the log as it is left would go on from here, too.
            node.replication.begin_history(engine);
        }
        tell_log(engine, after);
        return Ok(());
    }
    if engine.snapshot_task().is_some() {
        // The one under way was begun for another end: the next one makes the log durable.
        node.snapshots.rewrites.scheduled.set(true);
        return Ok(());
    }
    node.begin_snapshot_with(engine, Purpose::Rewrite, after).map_err(|error| {
        tracing::warn!(%error, "the log cannot be switched on");
        "Unable to turn on AOF. Check server logs.".to_owned()
    })
}
