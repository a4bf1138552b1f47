//! From one whole data set to another: the received snapshot takes the place of what was there.
//!
//! The order is: the manifest names the new snapshot durably, then memory is replaced. A process killed
//! at any moment finds the old set or the new one, and never a part of either.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::psync::Position;
use super::state::Replication;
use crate::engine::recover::LoadProgress;
use crate::keyspace::Keyspace;
use crate::log::{Head, Identity, Layout, LogError, LogMode, Writer};
use crate::rdb::{RdbError, SnapshotFile, fill};
use crate::storage::{Storage, crashsafe};

/// Time before a snapshot that is in its place is loaded again after a failure.
const LOAD_RETRY: Duration = Duration::from_secs(1);

/// Why the old data set stays.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The log could not be switched to the snapshot.
    #[error("cannot put the master's snapshot in its place: {0}")]
    Log(#[from] LogError),
    /// There is no log: the server is going down.
    #[error("installing was given up")]
    Cancelled,
}

/// Replaces the data set by a received snapshot. Clients are told LOADING meanwhile.
///
/// # Errors
/// The old data set is as it was, on disk and in memory.
pub async fn install(
    replication: &Replication,
    snapshot: PathBuf,
    at: Position,
    db: u32,
) -> Result<(), InstallError> {
    let site = replication.site.upgrade().ok_or(InstallError::Cancelled)?;
    replication.replicas.drop_all();
    let head = Head { identity: Identity::new(at.replid), offset: at.offset, db };
    let progress = LoadProgress::new(site.engine().borrow().clock.unix_ms());
    let switched = {
        let mut engine = site.engine().borrow_mut();
        engine.begin_loading(Arc::clone(&progress));
        engine.cancel_snapshot();
        let (report, switched) = oneshot::channel();
        let (storage, clock) = (site.storage(), Arc::clone(&engine.clock));
        let layout = site.layout();
        let log = engine.log.as_mut().ok_or(InstallError::Cancelled)?;
        log.enqueue(Box::new(move |writer| {
            let now_ms = clock.unix_ms();
            let result = switch(writer, &*storage, &layout, snapshot, head, now_ms);
            // A failed switch leaves the log as it was, and is this caller's to report.
            let _ = report.send(result);
            match writer.failure() {
                Some(reason) => Err(LogError::Latched { reason: reason.to_owned() }),
                None => Ok(()),
            }
        }));
        switched
    };
    site.commit_soon();
    let path = match switched.await {
        Ok(Ok(path)) => path,
        Ok(Err(error)) => {
            site.engine().borrow_mut().end_loading();
            return Err(error.into());
        }
        Err(_) => return Err(InstallError::Cancelled),
    };
    {
        let mut engine = site.engine().borrow_mut();
        // The writer is on its way back from the log's thread.
        engine.commit();
        if let Some(log) = &mut engine.log {
            log.restart_at(at.offset, db);
        }
        engine.set_stream_db(db as usize);
        engine.expect_stream();
        let blank = engine.keyspace.blank(fastrand::u64(..));
        let old = std::mem::replace(&mut engine.keyspace, blank);
        engine.replaced_keyspace();
        // Freeing millions of entries takes its time.
        tokio::task::spawn_blocking(move || drop(old));
    }
    replication.renewal_is_void();
    let (storage, threads) = (site.storage(), site.settings().threads);
    let mut loaded = loop {
        let (storage, path) = (Arc::clone(&storage), path.clone());
        let progress = Arc::clone(&progress);
        let keyspace = site.engine().borrow().keyspace.blank(fastrand::u64(..));
        let load = move || load(&*storage, &path, keyspace, threads, &progress);
        match tokio::task::spawn_blocking(load).await {
            Ok(Ok(keyspace)) => break keyspace,
            // It was whole a moment ago: the disk, or memory, may come back.
            Ok(Err(error)) => tracing::error!(%error, "cannot load the master's snapshot"),
            Err(_) => return Err(InstallError::Cancelled),
        }
        tokio::time::sleep(LOAD_RETRY).await;
    };
    let mut engine = site.engine().borrow_mut();
    // They may have been changed meanwhile.
    loaded.set_packed_limits(engine.settings.packed);
    engine.keyspace = loaded;
    engine.replaced_keyspace();
    engine.dirty = 0;
    engine.end_loading();
    let keys = engine.keyspace.len();
    tracing::info!(keys, offset = %at.offset, replid = %at.replid, "the master's data set is loaded");
    Ok(())
}

fn switch(
    writer: &mut Writer,
    storage: &dyn Storage,
    layout: &Layout,
    snapshot: PathBuf,
    head: Head,
    now_ms: u64,
) -> Result<PathBuf, LogError> {
    match writer.mode() {
        LogMode::Durable => writer.install_base(&snapshot, head, now_ms),
        LogMode::Backlog => {
            let dump = layout.dump();
            crashsafe::rename(storage, &snapshot, &dump).map_err(|source| LogError::Io {
                action: "name",
                path: dump.clone(),
                source,
            })?;
            writer.restart_backlog(head, now_ms)?;
            Ok(dump)
        }
    }
}

fn load(
    storage: &dyn Storage,
    path: &std::path::Path,
    mut keyspace: Keyspace,
    threads: usize,
    progress: &LoadProgress,
) -> Result<Keyspace, RdbError> {
    let mapping = storage.map(path)?;
    let file = SnapshotFile::open(mapping.bytes())?;
    progress.set_total_len(file.len());
    // What has expired stays until the master says so.
    fill::fill(&mut keyspace, &file, threads, None, &progress.snapshot)?;
    Ok(keyspace)
}
