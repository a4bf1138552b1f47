//! The lock file: one server a directory, and a note of how the last one ended.
//!
//! ```text
//! VELLUM LOCK 1\n
//! boot=<boot id> pid=<n> fsync=<always|everysec|no> role=<master|replica>\n
//! clean=<segment> len=<n> offset=<n>\n                    only after a clean stop
//! crc=<8 hex>\n                                           CRC-32 of the lines before
//! ```
//!
//! Written in place by one write (the lock is on the file itself, so it is never replaced); a note
//! that is torn or missing counts as an unclean end on another boot, which is the careful reading.

use std::path::Path;

use super::{Layout, LogError};
use crate::base::Offset;
use crate::storage::{Lock, OpenMode, Storage, crashsafe};

const FIRST_LINE: &str = "VELLUM LOCK 1";
/// The note is padded with line ends to this length, in bytes, so that a shorter one leaves no rest.
const NOTE_LEN: usize = 512;

/// When written bytes are made durable (`appendfsync`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Before anyone sees them.
    Always,
    /// Once a second.
    EverySec,
    /// When the kernel sees fit.
    No,
}

impl SyncPolicy {
    /// The directive's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::EverySec => "everysec",
            Self::No => "no",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Always, Self::EverySec, Self::No].into_iter().find(|p| p.name() == name)
    }
}

/// What a lock file says of the last server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockNote {
    /// Boot of the machine it ran on.
    pub boot_id: String,
    /// Its process ID.
    pub pid: u32,
    /// How it synced.
    pub policy: SyncPolicy,
    /// Whether the end of the log is another server's stream: its history goes on there, too.
    pub is_replica: bool,
    /// Where its log ended, if it stopped cleanly.
    pub clean: Option<CleanEnd>,
}

/// The end of a log that was stopped cleanly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CleanEnd {
    /// Name of the last segment.
    pub segment: String,
    /// Its length in bytes.
    pub len: u64,
    /// The stream's last offset.
    pub offset: Offset,
}

impl LockNote {
    fn encode(&self) -> Vec<u8> {
        let mut text = format!(
            "{FIRST_LINE}\nboot={} pid={} fsync={} role={}\n",
            without_spaces(&self.boot_id),
            self.pid,
            self.policy.name(),
            if self.is_replica { "replica" } else { "master" }
        );
        if let Some(clean) = &self.clean {
            text += &format!("clean={} len={} offset={}\n", clean.segment, clean.len, clean.offset);
        }
        let crc = crc32fast::hash(text.as_bytes());
        text += &format!("crc={crc:08x}\n");
        let mut bytes = text.into_bytes();
        bytes.resize(bytes.len().max(NOTE_LEN), b'\n');
        bytes
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let crc_at = text.find("\ncrc=")? + 1;
        let stated = text[crc_at..].trim_end_matches('\n').strip_prefix("crc=")?;
        if stated != format!("{:08x}", crc32fast::hash(&text.as_bytes()[..crc_at])) {
            return None;
        }
        let mut lines = text[..crc_at].lines();
        if lines.next()? != FIRST_LINE {
            return None;
        }
        let rest = lines.next()?.strip_prefix("boot=")?;
        let (boot_id, rest) = rest.split_once(" pid=")?;
        let (pid, rest) = rest.split_once(" fsync=")?;
        let (policy, role) = rest.split_once(" role=")?;
        let clean = match lines.next() {
            None => None,
            Some(line) => {
                let (rest, offset) = line.strip_prefix("clean=")?.rsplit_once(" offset=")?;
                let (segment, len) = rest.rsplit_once(" len=")?;
                Some(CleanEnd {
                    segment: segment.to_owned(),
                    len: len.parse().ok()?,
                    offset: Offset::new(offset.parse().ok()?),
                })
            }
        };
        Some(Self {
            boot_id: boot_id.to_owned(),
            pid: pid.parse().ok()?,
            policy: SyncPolicy::from_name(policy)?,
            is_replica: match role {
                "master" => false,
                "replica" => true,
                _ => return None,
            },
            clean,
        })
    }

    /// Whether the server ran on the boot of this ID.
    pub fn is_boot(&self, boot_id: &str) -> bool {
        self.boot_id == without_spaces(boot_id)
    }

    /// Reads the note of a directory; `None` when there is none or it is torn.
    pub fn read(storage: &dyn Storage, layout: &Layout) -> Result<Option<Self>, LogError> {
        let path = layout.lock();
        if !storage.exists(&path).map_err(LogError::io("look for", &path))? {
            return Ok(None);
        }
        let file = storage.open(&path, OpenMode::Read).map_err(LogError::io("open", &path))?;
        let mut bytes = [0; 2 * NOTE_LEN];
        let read = file.read_full_at(&mut bytes, 0).map_err(LogError::io("read", &path))?;
        Ok(Self::parse(&bytes[..read]))
    }
}

/// A boot ID as it stands in the note, whose fields are told apart by spaces.
fn without_spaces(boot_id: &str) -> String {
    boot_id.replace(char::is_whitespace, "-")
}

/// The directory, held by this process until dropped.
#[derive(Debug)]
pub struct LockFile {
    _lock: Box<dyn Lock>,
}

impl LockFile {
    /// Takes the directory (created when missing); [`LogError::Locked`] when another has it.
    ///
    /// The note of the last server stays as it is until the log is opened for writing.
    pub fn acquire(storage: &dyn Storage, layout: &Layout) -> Result<Self, LogError> {
        let dir = layout.dir();
        crashsafe::create_dir(storage, dir).map_err(LogError::io("create", dir))?;
        // A start that was killed may have created it without making its name durable. A parent that
        // may not be opened was not written to by us.
        storage.sync_dir(crashsafe::parent_of(dir)).ok();
        let path = layout.lock();
        match storage.lock(&path).map_err(LogError::io("lock", &path))? {
            Some(lock) => Ok(Self { _lock: lock }),
            None => {
                let note = LockNote::read(storage, layout).ok().flatten();
                let holder = note.map_or("another process".to_owned(), |n| {
                    format!("the server with process ID {}", n.pid)
                });
                Err(LogError::Locked { dir: dir.to_path_buf(), holder })
            }
        }
    }

    /// Replaces the note, durably.
    pub(crate) fn write(
        &self,
        storage: &dyn Storage,
        path: &Path,
        note: &LockNote,
    ) -> Result<(), LogError> {
        let file = storage.open(path, OpenMode::Write).map_err(LogError::io("open", path))?;
        file.write_all_at(&note.encode(), 0).map_err(LogError::io("write", path))?;
        file.sync_all().map_err(LogError::io("sync", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::SimDisk;

    fn note(clean: bool) -> LockNote {
        LockNote {
            boot_id: "3f0c-11".to_owned(),
            pid: 77,
            policy: SyncPolicy::EverySec,
            is_replica: clean,
            clean: clean.then(|| CleanEnd {
                segment: "append only.aof.3.incr.aof".to_owned(),
                len: 4096,
                offset: Offset::new(12),
            }),
        }
    }

    #[test]
    fn a_note_is_read_as_it_was_written_and_a_flipped_bit_makes_it_none() {
        for clean in [false, true] {
            let bytes = note(clean).encode();
            assert_eq!(LockNote::parse(&bytes), Some(note(clean)));
            let text_len = bytes.iter().rposition(|b| *b != b'\n').unwrap() + 1;
            for bit in 0..text_len * 8 {
                let mut bad = bytes.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(LockNote::parse(&bad), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn two_servers_do_not_share_a_directory() {
        let disk = SimDisk::new(1);
        let layout = Layout::new("data");
        let lock = LockFile::acquire(&disk, &layout).unwrap();
        lock.write(&disk, &layout.lock(), &note(false)).unwrap();
        let refused = LockFile::acquire(&disk, &layout).unwrap_err().to_string();
        assert!(refused.contains("process ID 77"), "{refused}");
        drop(lock);
        assert!(LockFile::acquire(&disk, &layout).is_ok());
        assert_eq!(LockNote::read(&disk, &layout).unwrap(), Some(note(false)));
    }
}
