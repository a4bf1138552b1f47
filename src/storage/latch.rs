//! A file on which the first failed write or sync is final.
//!
//! After a failed fsync the kernel may have dropped the dirty pages and reports the next fsync as a
//! success, so a retry proves nothing. Whoever sees a latched file goes on in a new one, from bytes
//! still in memory.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::File;

/// A file that refuses every call after its first failed write, sync or change of length.
///
/// A failed read does not latch, and a write interrupted by a signal before it began is no failure.
#[derive(Debug)]
pub struct Latched {
    file: Arc<dyn File>,
    failure: OnceLock<Failure>,
    sync_failed: AtomicBool,
}

#[derive(Debug)]
struct Failure {
    kind: io::ErrorKind,
    message: String,
}

impl Latched {
    /// Watches over `file`; nobody else writes to it.
    pub fn new(file: Arc<dyn File>) -> Self {
        Self { file, failure: OnceLock::new(), sync_failed: AtomicBool::new(false) }
    }

    /// What failed first, or `None` while the file is sound.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(|failure| failure.message.as_str())
    }

    /// Whether a sync has reached the file and failed: what was not durable then may be gone although
    /// it can be read. A sync that was refused after a failed write says nothing of the kind.
    pub fn sync_has_failed(&self) -> bool {
        self.sync_failed.load(Ordering::Relaxed)
    }

    fn check(&self) -> io::Result<()> {
        match self.failure.get() {
            None => Ok(()),
            Some(failure) => Err(io::Error::new(
                failure.kind,
                format!("the file is closed after an earlier failure: {}", failure.message),
            )),
        }
    }

    fn latch_sync(&self, synced: io::Result<()>) -> io::Result<()> {
        if synced.is_err() {
            // The flag never goes back, and whoever reads it has seen the error first.
            self.sync_failed.store(true, Ordering::Relaxed);
        }
        self.latch("sync", synced)
    }

    fn latch<T>(&self, call: &str, result: io::Result<T>) -> io::Result<T> {
        if let Err(e) = &result
            && e.kind() != io::ErrorKind::Interrupted
        {
            // Of two calls that fail at once the first to get here is remembered.
            self.failure
                .get_or_init(|| Failure { kind: e.kind(), message: format!("{call}: {e}") });
        }
        result
    }
}

impl File for Latched {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.check()?;
        self.file.read_at(buf, position)
    }

    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<usize> {
        self.check()?;
        self.latch("write", self.file.write_at(buf, position))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()?;
        self.latch_sync(self.file.sync_data())
    }

    fn sync_all(&self) -> io::Result<()> {
        self.check()?;
        self.latch_sync(self.file.sync_all())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.latch("set length", self.file.set_len(len))
    }

    fn len(&self) -> io::Result<u64> {
        self.check()?;
        self.file.len()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::storage::{OpenMode, SimDisk, Storage};

    fn latched(disk: &SimDisk) -> Latched {
        Latched::new(disk.open(Path::new("log"), OpenMode::Truncate).unwrap())
    }

    #[test]
    fn nothing_succeeds_after_a_failed_sync() {
        let disk = SimDisk::new(1);
        let file = latched(&disk);
        file.write_all_at(b"abc", 0).unwrap();
        disk.fail_sync(0);
        assert!(file.sync_data().is_err());
        assert!(file.failure().is_some_and(|message| message.starts_with("sync: ")));
        assert!(file.sync_data().is_err());
        assert!(file.write_at(b"d", 3).is_err());
        assert!(file.read_at(&mut [0; 3], 0).is_err());
        assert!(file.set_len(0).is_err());
        assert!(file.len().is_err());
    }

    #[test]
    fn nothing_succeeds_after_a_full_disk() {
        let disk = SimDisk::new(1);
        let file = latched(&disk);
        disk.set_capacity(Some(2));
        let error = file.write_all_at(b"abc", 0).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        disk.set_capacity(None);
        assert_eq!(file.sync_data().unwrap_err().kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn a_sync_that_is_refused_has_not_failed() {
        let disk = SimDisk::new(1);
        let file = latched(&disk);
        disk.fail_write(0);
        assert!(file.write_at(b"a", 0).is_err());
        assert!(file.sync_data().is_err() && file.sync_all().is_err());
        assert!(!file.sync_has_failed());

        let file = latched(&disk);
        disk.fail_sync(0);
        assert!(file.sync_data().is_err());
        assert!(file.sync_has_failed());
    }

    #[test]
    fn short_writes_are_no_failure() {
        let disk = SimDisk::new(1);
        disk.set_short_io(true);
        let file = latched(&disk);
        file.write_all_at(b"abc", 0).unwrap();
        let mut read = [0; 3];
        assert_eq!(file.read_full_at(&mut read, 0).unwrap(), 3);
        assert_eq!(&read, b"abc");
        assert!(file.failure().is_none());
    }
}
