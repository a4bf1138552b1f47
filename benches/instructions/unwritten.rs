//! A disk whose writes and syncs, from some moment on, do nothing: what is left is what the program
//! does to write, without the cost of a simulated disk.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vellum::storage::{Entry, File, Lock, Mapping, OpenMode, SimDisk, Storage};

/// A simulated disk as long as files are prepared, nothing afterwards.
#[derive(Clone, Debug)]
pub struct UnwrittenDisk {
    disk: SimDisk,
    forgets: Arc<AtomicBool>,
}

impl UnwrittenDisk {
    /// An empty disk that still keeps what it is given.
    pub fn new() -> Self {
        Self { disk: SimDisk::new(1), forgets: Arc::default() }
    }

    /// From here on writes and syncs of files succeed and do nothing.
    pub fn forget_writes(&self) {
        self.forgets.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct UnwrittenFile {
    file: Arc<dyn File>,
    forgets: Arc<AtomicBool>,
}

impl UnwrittenFile {
    fn forgets(&self) -> bool {
        self.forgets.load(Ordering::Relaxed)
    }
}

impl File for UnwrittenFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.file.read_at(buf, position)
    }

    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<usize> {
        if self.forgets() { Ok(buf.len()) } else { self.file.write_at(buf, position) }
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.forgets() { Ok(()) } else { self.file.sync_data() }
    }

    fn sync_all(&self) -> io::Result<()> {
        if self.forgets() { Ok(()) } else { self.file.sync_all() }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}

impl Storage for UnwrittenDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, mode)?;
        Ok(Arc::new(UnwrittenFile { file, forgets: Arc::clone(&self.forgets) }))
    }

    fn map(&self, path: &Path) -> io::Result<Arc<dyn Mapping>> {
        self.disk.map(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.disk.list(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.disk.exists(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn boot_id(&self) -> io::Result<String> {
        self.disk.boot_id()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.disk.lock(path)
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.disk.free_space(path)
    }
}
