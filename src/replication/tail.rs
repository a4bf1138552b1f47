//! The stream as a replica gets it: the log from an offset on, without headers and local frames.

use std::sync::Arc;

use crate::base::Offset;
use crate::log::{Layout, LogError, Reader};
use crate::storage::Storage;

/// Bytes gathered for one write to a replica.
const CHUNK_LEN: usize = 256 * 1024;
/// A replica this close behind reads what was just written, which the kernel still has in memory.
const NEAR_LEN: u64 = 1024 * 1024;

/// Why the stream cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// The log cannot be read there.
    #[error("{0}")]
    Log(#[from] LogError),
    /// The thread that read it is gone: the server is going down.
    #[error("reading was given up")]
    Cancelled,
}

/// A place in the log that moves with what is sent.
#[derive(Debug)]
pub struct Tail {
    at: Option<Place>,
    offset: Offset,
}

#[derive(Debug)]
struct Place {
    reader: Reader,
    chunk: Vec<u8>,
}

impl Tail {
    /// Opens the log at `from`, without making the executor wait for the disk.
    pub async fn open(
        storage: Arc<dyn Storage>,
        layout: Layout,
        from: Offset,
    ) -> Result<Self, TailError> {
        let open = move || Reader::open(storage, &layout, Some(from));
        let reader =
            tokio::task::spawn_blocking(open).await.map_err(|_| TailError::Cancelled)??;
        Ok(Self { at: Some(Place { reader, chunk: Vec::new() }), offset: from })
    }

    /// The offset of the next byte.
    pub fn offset(&self) -> Offset {
        self.offset
    }

    /// The next bytes before `limit`; empty when there are none yet.
    pub async fn next(&mut self, limit: Offset) -> Result<&[u8], TailError> {
        let mut place = self.at.take().ok_or(TailError::Cancelled)?;
        let place = if limit.saturating_since(self.offset) <= NEAR_LEN {
            place.read(limit)?;
            place
        } else {
            let read = move || place.read(limit).map(|()| place);
            tokio::task::spawn_blocking(read).await.map_err(|_| TailError::Cancelled)??
        };
        let place = self.at.insert(place);
        self.offset += place.chunk.len() as u64;
        Ok(&place.chunk)
    }
}

impl Place {
    fn read(&mut self, limit: Offset) -> Result<(), LogError> {
        self.chunk.clear();
        self.chunk.shrink_to(2 * CHUNK_LEN);
        while self.chunk.len() < CHUNK_LEN {
            let Some(frame) = self.reader.next_frame(limit)? else { break };
            if !frame.local {
                self.chunk.extend_from_slice(frame.payload);
            }
        }
        Ok(())
    }
}
