//! The machine's own file system.
//!
//! `sync_data` and `sync_all` are the standard library's: fdatasync and fsync on Linux, and
//! F_FULLFSYNC on macOS, where fsync alone leaves the bytes in the drive's cache.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::FlockOperation;

use super::lease;
use super::map::MappedFile;
use super::{Entry, File, Lock, Mapping, OpenMode, Storage};

/// The file system of the machine this runs on.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

/// Removes a folder and everything in it; one that is not there is removed. Not for the data itself:
/// for what a library keeps in a folder of its own.
///
/// # Errors
/// What the system said.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

#[derive(Debug)]
struct RealFile(fs::File);

/// Holds the descriptor that holds the lock; closing it lets go.
#[derive(Debug)]
struct RealLock {
    _file: fs::File,
}

impl Lock for RealLock {}

impl File for RealFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.0.read_at(buf, position)
    }

    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<usize> {
        self.0.write_at(buf, position)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn is_forgotten(&self) -> io::Result<bool> {
        lease::is_forgotten(&self.0)
    }
}

impl Storage for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true);
        match mode {
            OpenMode::Read => {}
            OpenMode::Write => {
                options.write(true);
            }
            OpenMode::CreateNew => {
                options.write(true).create_new(true);
            }
            OpenMode::Truncate => {
                options.write(true).create(true).truncate(true);
            }
        }
        let file = options.open(path)?;
        // Opening a directory for reading succeeds on Unix, and only the first read fails.
        if file.metadata()?.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        Ok(Arc::new(RealFile(file)))
    }

    fn map(&self, path: &Path) -> io::Result<Arc<dyn Mapping>> {
        Ok(Arc::new(MappedFile::new(&fs::File::open(path)?)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let metadata = match fs::metadata(entry.path()) {
                Ok(metadata) => metadata,
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                Err(e) => return Err(e),
            };
            let is_dir = metadata.is_dir();
            entries.push(Entry {
                name: entry.file_name().to_string_lossy().into_owned(),
                len: if is_dir { 0 } else { metadata.len() },
                is_dir,
            });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        fs::exists(path)
    }

    fn is_same_file(&self, one: &Path, other: &Path) -> io::Result<bool> {
        let identity = |path| fs::metadata(path).map(|file| (file.dev(), file.ino()));
        Ok(identity(one)? == identity(other)?)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn boot_id(&self) -> io::Result<String> {
        boot_id()
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Box::new(RealLock { _file: file }))),
            Err(e) if e == rustix::io::Errno::WOULDBLOCK => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn copy_permissions(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::set_permissions(to, fs::metadata(from)?.permissions())
    }
}

#[cfg(target_os = "linux")]
fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// Elsewhere the kernel tells it by sysctl, which has no safe interface in a library in use here;
/// it is asked once a start.
#[cfg(not(target_os = "linux"))]
fn boot_id() -> io::Result<String> {
    let name = if cfg!(target_vendor = "apple") { "kern.bootsessionuuid" } else { "kern.boottime" };
    let output = std::process::Command::new("sysctl").args(["-n", name]).output()?;
    let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if !output.status.success() || id.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            format!("sysctl does not tell {name}"),
        ));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_exclusive_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("LOCK");
        let held = RealDisk.lock(&path).unwrap();
        assert!(held.is_some());
        assert!(RealDisk.lock(&path).unwrap().is_none());
        drop(held);
        assert!(RealDisk.lock(&path).unwrap().is_some());
    }

    #[test]
    fn a_mapping_outlives_the_name_of_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot");
        let file = RealDisk.open(&path, OpenMode::CreateNew).unwrap();
        file.write_all_at(b"bytes", 0).unwrap();
        let mapping = RealDisk.map(&path).unwrap();
        RealDisk.remove(&path).unwrap();
        assert_eq!(mapping.bytes(), b"bytes");
    }

    #[test]
    fn an_empty_file_maps_to_no_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("empty");
        RealDisk.open(&path, OpenMode::CreateNew).unwrap();
        assert_eq!(RealDisk.map(&path).unwrap().bytes(), b"");
    }

    #[test]
    fn a_directory_is_not_opened_as_a_file() {
        let dir = tempfile::tempdir().unwrap();
        assert!(RealDisk.open(dir.path(), OpenMode::Read).is_err());
    }

    #[test]
    fn the_machine_tells_its_boot_and_its_space() {
        let id = RealDisk.boot_id().unwrap();
        assert!(!id.is_empty());
        assert_eq!(id, RealDisk.boot_id().unwrap());
        assert!(RealDisk.free_space(Path::new(".")).unwrap() > 0);
    }
}
