//! A snapshot on its way in: from the socket to a file beside the data set, synced and checked there.
//!
//! Nothing of the old data set is touched here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::framing::{BadFraming, Framing, Unframer};
use super::link::{MasterLink, Transfer};
use super::state::{Figures, Replication};
use super::wire::Wire;
use crate::log::Layout;
use crate::rdb::{Contents, Progress, RdbError, SnapshotFile};
use crate::storage::{File, OpenMode, Storage, crashsafe};

/// What the names of snapshots being received begin with.
pub const FILE_PREFIX: &str = "replica-sync-";
/// Bytes gathered for one write to the file.
const WRITE_LEN: usize = 1024 * 1024;

/// Why there is no snapshot. The old data set is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The connection broke.
    #[error("{0}")]
    Wire(io::Error),
    /// What the master sent is no snapshot.
    #[error("{0}")]
    Framing(#[from] BadFraming),
    /// The file could not be written.
    #[error("cannot store the master's snapshot in {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The snapshot is damaged, or holds what this server cannot.
    #[error("the master's snapshot cannot be used: {0}")]
    Snapshot(#[from] RdbError),
    /// The server is going down.
    #[error("receiving was given up")]
    Cancelled,
}

/// A snapshot received: on disk, synced, and every byte checked.
#[derive(Debug)]
pub struct Received {
    /// The file, beside the data set.
    pub path: PathBuf,
    /// What it holds.
    pub contents: Contents,
    /// The database that the stream behind it has selected, if it says.
    pub db: Option<u32>,
}

/// Receives a snapshot; what was read behind it stays in the wire.
pub async fn receive(
    replication: &Replication,
    link: &MasterLink,
    wire: &mut Wire,
    path: PathBuf,
) -> Result<Received, ReceiveError> {
    let site = replication.site.upgrade().ok_or(ReceiveError::Cancelled)?;
    let (storage, settings) = (site.storage(), site.settings());
    let databases = site.engine().borrow().keyspace.databases();
    let framing = loop {
        let line = wire.line().await.map_err(ReceiveError::Wire)?;
        link.heard_at.set(Some(std::time::Instant::now()));
        if !line.is_empty() {
            break Framing::parse(&line)?;
        }
    };
    let failed = |source| ReceiveError::File { path: path.clone(), source };
    let file = storage.open(&path, OpenMode::Truncate).map_err(failed)?;
    let mut unframer = Unframer::new(framing);
    let (mut input, mut block) = (wire.take_buffer(), Vec::with_capacity(WRITE_LEN));
    let mut position = 0;
    loop {
        let used = unframer.take(&input, &mut block);
        link.transfer.set(Some(Transfer {
            total_len: unframer.total_len(),
            read_len: unframer.received_len(),
        }));
        if block.len() >= WRITE_LEN || unframer.is_done() {
            let len = block.len() as u64;
            block = write(&file, block, position).await?.map_err(failed)?;
            position += len;
        }
        if unframer.is_done() {
            wire.put_back(&input[used..]);
            break;
        }
        input.clear();
        let read = wire.read_into(&mut input).await.map_err(ReceiveError::Wire)?;
        Figures::add(&replication.figures.input_bytes, read as u64);
        link.heard_at.set(Some(std::time::Instant::now()));
    }
    tracing::info!(bytes = position, "the master's snapshot is here: checking it");
    let (contents, db) = keeping_alive(wire, async {
        let (storage, checked) = (Arc::clone(&storage), path.clone());
        let check = move || {
            finish(&*storage, &*file, &checked)
                .map_err(|source| ReceiveError::File { path: checked.clone(), source })?;
            check(&*storage, &checked, settings.threads, databases).map_err(ReceiveError::from)
        };
        tokio::task::spawn_blocking(check).await.map_err(|_| ReceiveError::Cancelled)?
    })
    .await?;
    Ok(Received { path, contents, db })
}

async fn write(
    file: &Arc<dyn File>,
    block: Vec<u8>,
    position: u64,
) -> Result<io::Result<Vec<u8>>, ReceiveError> {
    let file = Arc::clone(file);
    let write = move || {
        file.write_all_at(&block, position)?;
        let mut block = block;
        block.clear();
        Ok(block)
    };
    tokio::task::spawn_blocking(write).await.map_err(|_| ReceiveError::Cancelled)
}

fn finish(storage: &dyn Storage, file: &dyn File, path: &Path) -> io::Result<()> {
    file.sync_all()?;
    storage.sync_dir(path.parent().unwrap_or(Path::new(".")))
}

/// Reads every byte and decodes every entry, for which there must be a database.
fn check(
    storage: &dyn Storage,
    path: &Path,
    threads: usize,
    databases: usize,
) -> Result<(Contents, Option<u32>), RdbError> {
    let mapping = storage.map(path)?;
    let file = SnapshotFile::open(mapping.bytes())?;
    let mut beyond = None;
    let packing = crate::keyspace::types::Packing::default();
    let make = |entry: crate::rdb::codec::EncodedEntry<'_>| {
        entry.value.decode(&packing)?;
        Ok(entry.db)
    };
    let contents = file.load(threads, &Progress::new(), make, |dbs| {
        beyond = beyond.or(dbs.into_iter().find(|&db| db as usize >= databases));
        std::ops::ControlFlow::Continue(())
    })?;
    match beyond {
        Some(db) => Err(RdbError::Database { db, databases }),
        None => Ok((contents, file.header().stream.and_then(|at| at.db))),
    }
}

/// Waits for `work` and meanwhile tells the master now and then that somebody is here.
pub async fn keeping_alive<T>(wire: &mut Wire, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = tokio::time::sleep(std::time::Duration::from_secs(1)) => {
                // A link that is broken shows at the next read.
                let _ = wire.send(b"\n").await;
            }
        }
    }
}

/// Removes what transfers have left that nobody finished.
pub fn discard_leftovers(storage: &dyn Storage, layout: &Layout) {
    let entries = storage.list(layout.dir()).unwrap_or_default();
    for entry in entries {
        if entry.name.starts_with(FILE_PREFIX) && crashsafe::is_temporary(&entry.name) {
            discard(storage, &layout.dir().join(entry.name));
        }
    }
}

/// Removes what an interrupted transfer has left.
pub fn discard(storage: &dyn Storage, path: &Path) {
    if let Err(error) = crashsafe::remove(storage, path) {
        tracing::warn!(path = %path.display(), %error, "cannot remove an unfinished snapshot");
    }
}
