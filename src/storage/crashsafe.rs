//! Changes of names that a power cut leaves either undone or whole.
//!
//! What is synced, and what need not be:
//!
//! | step                      | sync                          | why                                              |
//! |---------------------------|-------------------------------|--------------------------------------------------|
//! | write the temporary file  | its data, before the rename   | else the new name may show an empty file         |
//! | create the temporary name | none                          | a lost temporary file is what we would do anyway |
//! | rename within a directory | that directory, after it      | else the old file may come back                  |
//! | rename across directories | the new one, then the old one | the file has two names in between, never none    |
//! | remove                    | that directory, after it      | else the file may come back                      |
//! | create directories        | the parent of each new one    | else everything synced inside is unreachable     |
//!
//! A caller that makes several changes and needs them only together may use the plain calls of
//! [`Storage`] and sync the directory once.

use std::io;
use std::path::{Path, PathBuf};

use super::{OpenMode, Storage};

/// Ends the name of a file that is being written and has no meaning yet.
///
/// A file of such a name found at a start is left over from a crash and may be removed.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// The name under which the next content of `path` is written, in the same directory.
pub fn temporary_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(TEMPORARY_SUFFIX);
    PathBuf::from(name)
}

/// Whether a file of this name is one left over from a crash.
pub fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY_SUFFIX)
}

/// Gives `path` the content `bytes`: after a power cut at any moment it has the old or the new one.
///
/// The new file keeps the old one's permissions: it may hold a password. On an error the old content
/// is still there, and a temporary file may be left.
pub fn replace(storage: &dyn Storage, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = temporary_path(path);
    let file = storage.open(&temporary, OpenMode::Truncate)?;
    match storage.copy_permissions(path, &temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    file.write_all_at(bytes, 0)?;
    file.sync_data()?;
    rename(storage, &temporary, path)
}

/// Renames a file whose bytes are already synced, durably, over any file of the new name.
pub fn rename(storage: &dyn Storage, from: &Path, to: &Path) -> io::Result<()> {
    storage.rename(from, to)?;
    let (from_dir, to_dir) = (parent_of(from), parent_of(to));
    storage.sync_dir(to_dir)?;
    if from_dir != to_dir {
        storage.sync_dir(from_dir)?;
    }
    Ok(())
}

/// Gives a file a second name, durably; the new name must be free.
pub fn hard_link(storage: &dyn Storage, from: &Path, to: &Path) -> io::Result<()> {
    storage.hard_link(from, to)?;
    storage.sync_dir(parent_of(to))
}

/// Removes a file, durably. A file that is not there is removed.
pub fn remove(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    match storage.remove(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        result => result?,
    }
    storage.sync_dir(parent_of(path))
}

/// Creates a directory and its missing parents, durably. It may exist.
pub fn create_dir(storage: &dyn Storage, path: &Path) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = path;
    while !storage.exists(at)? {
        missing.push(at);
        at = parent_of(at);
    }
    storage.create_dir(path)?;
    for created in missing.iter().rev() {
        storage.sync_dir(parent_of(created))?;
    }
    Ok(())
}

/// The directory that holds `path`: `.` for a bare name.
pub fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ if path.has_root() => Path::new("/"),
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{SimDisk, read_file};

    const CALLS_MAX: u64 = 20;

    #[test]
    fn replace_is_old_or_new_wherever_the_power_is_cut() {
        let path = Path::new("dir/file");
        for seed in 0..200 {
            for calls in 0..CALLS_MAX {
                let disk = SimDisk::new(seed);
                create_dir(&disk, Path::new("dir")).unwrap();
                replace(&disk, path, b"old").unwrap();
                disk.stop_after(calls);
                let result = replace(&disk, path, &[b'n'; 5000]);
                disk.power_cut();
                let now = read_file(&disk, path, 1 << 20).unwrap();
                assert!(now == b"old" || now == [b'n'; 5000], "seed {seed} calls {calls}");
                assert!(result.is_err() || now != b"old", "seed {seed} calls {calls}");
            }
        }
    }

    #[test]
    fn a_file_moved_across_directories_is_never_without_a_name() {
        for seed in 0..200 {
            for calls in 0..CALLS_MAX {
                let disk = SimDisk::new(seed);
                create_dir(&disk, Path::new("a/b")).unwrap();
                replace(&disk, Path::new("a/file"), b"bytes").unwrap();
                disk.stop_after(calls);
                let result = rename(&disk, Path::new("a/file"), Path::new("a/b/file"));
                disk.power_cut();
                let old = disk.exists(Path::new("a/file")).unwrap();
                let new = disk.exists(Path::new("a/b/file")).unwrap();
                assert!(old || new, "seed {seed} calls {calls}");
                assert!(result.is_err() || (new && !old), "seed {seed} calls {calls}");
            }
        }
    }

    #[test]
    fn what_was_removed_stays_removed() {
        for seed in 0..50 {
            let disk = SimDisk::new(seed);
            replace(&disk, Path::new("file"), b"bytes").unwrap();
            remove(&disk, Path::new("file")).unwrap();
            remove(&disk, Path::new("file")).unwrap();
            disk.power_cut();
            assert!(!disk.exists(Path::new("file")).unwrap(), "seed {seed}");
        }
    }

    #[test]
    fn a_temporary_name_is_told_from_others() {
        let path = Path::new("appendonlydir/appendonly.aof.manifest");
        let temporary = temporary_path(path);
        assert!(is_temporary(&temporary.to_string_lossy()));
        assert!(!is_temporary(&path.to_string_lossy()));
        assert_eq!(parent_of(&temporary), parent_of(path));
    }
}
