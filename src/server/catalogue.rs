//! The catalogue beside a running server: its thread, and what a snapshot says of itself for it.
//!
//! Nothing waits for it and nothing depends on it: opening, reading and storing are its thread's, and
//! when that fails the server goes on without.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::config::Config;
use super::settings;
use crate::base::{Offset, ReplId};
use crate::log::catalogue::{CatalogueThread, SnapshotRecord};
use crate::rdb::SnapshotFile;
use crate::rdb::crc64::CRC64_LEN;
use crate::storage::Storage;

/// How often the thread looks what the log has gained.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Starts the thread; without one the server goes on, and says so.
pub fn start(config: &Config, storage: &Arc<dyn Storage>) -> Option<CatalogueThread> {
    let (storage, layout) = (Arc::clone(storage), settings::layout(config));
    match CatalogueThread::start(storage, layout, describe, LOOK_EVERY) {
        Ok(thread) => Some(thread),
        Err(error) => {
            tracing::warn!(%error, "going on without the catalogue: no data is concerned");
            None
        }
    }
}

/// What the header of a snapshot says, and the checksum at its end. The rest is not read.
fn describe(storage: &dyn Storage, path: &Path) -> Option<SnapshotRecord> {
    let mapping = storage.map(path).ok()?;
    let bytes = mapping.bytes();
    let file = SnapshotFile::open(bytes).ok()?;
    let stream = file.header().stream;
    let checksum = bytes.last_chunk::<CRC64_LEN>()?;
    Some(SnapshotRecord {
        name: path.file_name()?.to_str()?.to_owned(),
        replid: stream.map_or(ReplId::NONE, |at| at.repl_id),
        offset: stream.map_or(Offset::ZERO, |at| at.offset),
        len: file.len(),
        keys: file.header().databases.iter().map(|db| db.keys).sum(),
        checksum: u64::from_le_bytes(*checksum),
    })
}
