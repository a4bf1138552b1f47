//! A bounded view of a file, moved along by whoever reads it from front to back.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LogError;
use crate::storage::File;

/// Bytes read at a time.
const READ_LEN: usize = 256 * 1024;

/// The bytes of a file from some position on, as many as were asked for.
///
/// The memory it takes is bounded by the length of the file, however long a header says a frame is.
#[derive(Debug)]
pub(crate) struct Window {
    path: PathBuf,
    file: Arc<dyn File>,
    file_len: u64,
    bytes: Vec<u8>,
    /// Where `bytes` begin in the file.
    at: u64,
}

impl Window {
    /// A view of `file`, which `path` names in errors.
    pub(crate) fn new(file: Arc<dyn File>, path: &Path) -> Result<Self, LogError> {
        let path = path.to_path_buf();
        let mut window = Self { path, file, file_len: 0, bytes: Vec::new(), at: 0 };
        window.refresh()?;
        Ok(window)
    }

    /// `len` bytes from `position` on; fewer only at the end of the file.
    pub(crate) fn peek(&mut self, position: u64, len: usize) -> Result<&[u8], LogError> {
        let rest = self.file_len.saturating_sub(position);
        let len = usize::try_from(rest).map_or(len, |rest| rest.min(len));
        let held = self.held(position, len);
        if held.is_none() {
            self.fill(position, len, rest)?;
        }
        let (from, to) = held.or_else(|| self.held(position, len)).unwrap_or_else(|| {
            // The file has become shorter since it was measured.
            let from = usize::try_from(position - self.at).unwrap_or(0).min(self.bytes.len());
            (from, self.bytes.len())
        });
        Ok(&self.bytes[from..to])
    }

    /// Length of the file when last looked at.
    pub(crate) fn file_len(&self) -> u64 {
        self.file_len
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the file anew: it may have been written to.
    pub(crate) fn refresh(&mut self) -> Result<(), LogError> {
        self.file_len = self.file.len().map_err(LogError::io("measure", &self.path))?;
        self.bytes.clear();
        Ok(())
    }

    fn held(&self, position: u64, len: usize) -> Option<(usize, usize)> {
        let from = usize::try_from(position.checked_sub(self.at)?).ok()?;
        let to = from.checked_add(len)?;
        (to <= self.bytes.len()).then_some((from, to))
    }

    fn fill(&mut self, position: u64, len: usize, rest: u64) -> Result<(), LogError> {
        // What is held already of the bytes asked for is kept: a frame may be much longer than a read.
        let passed = position.checked_sub(self.at).and_then(|p| usize::try_from(p).ok());
        match passed {
            Some(passed) if passed <= self.bytes.len() => drop(self.bytes.drain(..passed)),
            _ => self.bytes.clear(),
        }
        self.at = position;
        let kept = self.bytes.len();
        let wanted = usize::try_from(rest).map_or(READ_LEN, |rest| rest.min(READ_LEN)).max(len);
        self.bytes.resize(wanted.max(kept), 0);
        let read = self
            .file
            .read_full_at(&mut self.bytes[kept..], position + kept as u64)
            .map_err(LogError::io("read", &self.path))?;
        self.bytes.truncate(kept + read);
        Ok(())
    }
}
