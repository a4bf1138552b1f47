//! DEBUG RELOAD and DEBUG LOADAOF: what is on disk is read into a data set of its own, which then takes
//! the place of the one in memory. When that fails the one in memory stays.

use super::node::Node;
use super::settings;
use crate::engine::Engine;
use crate::engine::recover::{LoadProgress, load};
use crate::log::{TailPolicy, recover};
use crate::rdb::{Progress, SnapshotFile, fill};

/// Takes a snapshot and loads it.
///
/// # Errors
/// The snapshot cannot be taken, or not be read.
pub fn from_snapshot(node: &Node, engine: &mut Engine) -> Result<(), String> {
    engine.cancel_snapshot();
    engine.finish_cancelled_walk();
    let snapshot = node.snapshot_now(engine).map_err(|error| error.to_string())?;
    let mapping = node.storage.map(&snapshot.path).map_err(|error| error.to_string())?;
    let file = SnapshotFile::open(mapping.bytes()).map_err(|error| error.to_string())?;
    let mut keyspace = engine.keyspace.blank(fastrand::u64(..));
    let threads = settings::load_threads();
    fill(&mut keyspace, &file, threads, None, &Progress::new())
        .map_err(|error| error.to_string())?;
    engine.replace_keyspace(keyspace);
    Ok(())
}

/// Brings the log to disk and loads snapshot and log.
///
/// # Errors
/// There is no durable log, or it cannot be read.
pub fn from_log(node: &Node, engine: &mut Engine) -> Result<(), String> {
    if !engine.has_durable_log() {
        return Err("appendonly is off".to_owned());
    }
    engine.cancel_snapshot();
    engine.finish_cancelled_walk();
    engine.apply_all_stored().map_err(|error| error.to_string())?;
    if let Some(log) = &mut engine.log {
        log.settle().map_err(|error| error.to_string())?;
    }
    let layout = settings::layout(&node.config.borrow());
    let mut recovery =
        recover(&*node.storage, &layout, TailPolicy::Trim).map_err(|e| e.to_string())?;
    let empty = engine.keyspace.blank(fastrand::u64(..));
    let present = std::mem::replace(&mut engine.keyspace, empty);
    let threads = settings::load_threads();
    let progress = LoadProgress::default();
    let result = load(engine, &node.storage, &layout, &mut recovery, threads, &progress);
    let loaded = std::mem::replace(&mut engine.keyspace, present);
    result.map_err(|error| error.to_string())?;
    engine.replace_keyspace(loaded);
    Ok(())
}
