//! Asks the kernel whether anybody else has a file open, by a lease that is given back at once.
//!
//! Only Linux has leases; elsewhere the answer is that somebody may.
#![cfg_attr(
    target_os = "linux",
    expect(unsafe_code, reason = "no library offers leases behind a safe call")
)]

use std::fs::File;
use std::os::unix::fs::MetadataExt;

/// Whether `file` is gone but for this one handle: it has no name any more, and nobody, in this process or
/// another, has it open or mapped. Stays so, since there is no name to open it by.
///
/// # Errors
/// What the system said of the file itself.
pub(super) fn is_forgotten(file: &File) -> std::io::Result<bool> {
    Ok(file.metadata()?.nlink() == 0 && is_nobody_elses(file))
}

#[cfg(target_os = "linux")]
fn is_nobody_elses(file: &File) -> bool {
    use std::os::fd::AsRawFd;

    /// Chooses the signal for a lease that is broken; from Linux's asm-generic/fcntl.h.
    const F_SETSIG: libc::c_int = 10;

    let lease = |command, argument: libc::c_int| {
        // SAFETY: the descriptor is open as long as `file` is borrowed, and these commands take an
        // integer: no memory is handed to the kernel.
        unsafe { libc::fcntl(file.as_raw_fd(), command, argument) == 0 }
    };
    // Should the lease be broken while it is held, the signal for it is one that nobody minds. A write
    // lease is granted only while there is no other open file description of the file, mapped or not.
    lease(F_SETSIG, libc::SIGURG)
        && lease(libc::F_SETLEASE, libc::F_WRLCK)
        && lease(libc::F_SETLEASE, libc::F_UNLCK)
}

#[cfg(not(target_os = "linux"))]
fn is_nobody_elses(_file: &File) -> bool {
    false
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use crate::storage::{OpenMode, RealDisk, Storage};

    #[test]
    fn a_file_is_forgotten_once_nobody_else_can_see_it() {
        let dir = tempfile::tempdir().unwrap();
        let (path, second) = (dir.path().join("file"), dir.path().join("second"));
        std::fs::write(&path, "content").unwrap();
        std::fs::hard_link(&path, &second).unwrap();
        let file = RealDisk.open(&path, OpenMode::Write).unwrap();
        assert!(!file.is_forgotten().unwrap());
        RealDisk.remove(&path).unwrap();
        assert!(!file.is_forgotten().unwrap(), "it has another name");
        let mapping = RealDisk.map(&second).unwrap();
        let reader = RealDisk.open(&second, OpenMode::Read).unwrap();
        RealDisk.remove(&second).unwrap();
        assert!(!file.is_forgotten().unwrap(), "it is open elsewhere");
        drop(reader);
        assert!(!file.is_forgotten().unwrap(), "it is mapped");
        assert_eq!(mapping.bytes(), b"content");
        drop(mapping);
        assert!(file.is_forgotten().unwrap());
    }
}
