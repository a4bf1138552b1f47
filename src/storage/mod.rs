//! The only file I/O: a trait, the real disk, crash-safe replacement and a simulated disk for tests.
//!
//! Everything above reaches files through [`Storage`] and [`File`], so that a test can tear a write,
//! fail a sync or cut the power at any call.

pub mod crashsafe;
pub mod disk;
pub mod latch;
mod lease;
mod map;
pub mod sim;

pub use disk::RealDisk;
pub use latch::Latched;
pub use sim::SimDisk;

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// How [`Storage::open`] treats the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Reading only; the file must exist.
    Read,
    /// Reading and writing; the file must exist.
    Write,
    /// Reading and writing; created empty, and it must not exist yet.
    CreateNew,
    /// Reading and writing; created empty, or cut to nothing when it exists.
    Truncate,
}

/// What [`Storage::list`] tells of a directory entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The last component of the path.
    pub name: String,
    /// Length in bytes (0 for a directory).
    pub len: u64,
    /// Whether the entry is a directory.
    pub is_dir: bool,
}

/// An open file. All calls take positions: there is no cursor to share.
pub trait File: Send + Sync + Debug {
    /// Reads at `position` into `buf`; may read less, 0 at the end of the file.
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize>;
    /// Writes at `position`; may write less than `buf`, never 0 for a non-empty one.
    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<usize>;
    /// Makes the file's bytes, and the length needed to read them, durable.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes bytes and metadata durable.
    fn sync_all(&self) -> io::Result<()>;
    /// Cuts or extends (with zeros) the file.
    fn set_len(&self, len: u64) -> io::Result<()>;
    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether nothing but this handle is left of the file: no name, and nobody else has it open or
    /// mapped. Where that cannot be known the answer is no.
    fn is_forgotten(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Whether the file holds no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Writes all of `buf` at `position`, however many calls that takes.
    fn write_all_at(&self, mut buf: &[u8], mut position: u64) -> io::Result<()> {
        while !buf.is_empty() {
            match self.write_at(buf, position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    buf = &buf[n..];
                    position += n as u64;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Fills as much of `buf` as the file has from `position`; returns the bytes read.
    fn read_full_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.read_at(&mut buf[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(filled)
    }
}

/// A whole file's bytes, mapped or copied; valid while the value lives.
pub trait Mapping: Send + Sync + Debug {
    /// The bytes of the file as it was mapped.
    fn bytes(&self) -> &[u8];
}

/// A file system. Paths are absolute or relative to the process.
pub trait Storage: Send + Sync + Debug {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>>;
    /// Maps a file for reading. Only for files that are never shortened or overwritten in place while
    /// they are mapped (finished snapshots): anything else is read with [`File::read_at`].
    fn map(&self, path: &Path) -> io::Result<Arc<dyn Mapping>>;
    /// Renames a file over any that has the new name. Durable only after [`Storage::sync_dir`].
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file a second name; the new name must be free.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file. Durable only after [`Storage::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Creates a directory and its parents; it may exist. See [`crashsafe::create_dir`] for a durable one.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// The entries of a directory, sorted by name. An entry that goes away meanwhile is left out; one
    /// whose name is not UTF-8 is shown with replacement characters.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;
    /// Whether a file or directory of this name exists.
    fn exists(&self, path: &Path) -> io::Result<bool>;
    /// Whether two names are of one file. Where that cannot be known the answer is no.
    fn is_same_file(&self, _one: &Path, _other: &Path) -> io::Result<bool> {
        Ok(false)
    }
    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// Names the boot of the machine these files are on: equal IDs mean that no power was lost between.
    fn boot_id(&self) -> io::Result<String>;
    /// Takes an exclusive advisory lock on the file (created when missing) until the value is dropped;
    /// `None` when another process (or another holder) has it. The lock is on the file, not on its
    /// name: what the file holds is written in place, and the file is never replaced or removed.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
    /// Bytes free on the file system of `path`.
    fn free_space(&self, path: &Path) -> io::Result<u64>;
    /// Lets the same users read and write `to` as `from`; nothing where files have no permissions.
    fn copy_permissions(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Ok(())
    }
}

/// A held lock; dropping it lets go.
pub trait Lock: Send + Debug {}

/// Reads a whole file into memory; one longer than `len_max` bytes is an error before anything is allocated.
pub fn read_file(storage: &dyn Storage, path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let file = storage.open(path, OpenMode::Read)?;
    let len = file.len()?;
    if len > len_max {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("{} has {len} bytes, more than the {len_max} allowed", path.display()),
        ));
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    let read = file.read_full_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}
