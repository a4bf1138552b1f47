//! A log on a simulated disk, driven as the engine drives it: recover, replay, open, write.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use vellum::base::{Offset, ReplId};
use vellum::log::{
    Head, Identity, Layout, LockFile, LogError, LogOptions, Opening, Record, Recovery, Replay,
    SegmentInfo, SyncPolicy, TailPolicy, Writer, recover,
};
use vellum::resp::encode;
use vellum::storage::{SimDisk, Storage, read_file};

pub const DIR: &str = "data";

/// One command as it was applied: whether it was local, and its bytes.
pub type Applied = (bool, Vec<u8>);

#[derive(Clone, Debug)]
pub struct Rig {
    pub disk: SimDisk,
    pub layout: Layout,
    pub options: LogOptions,
    pub policy: SyncPolicy,
    pub now_ms: u64,
}

/// What a start found and replayed.
#[derive(Debug)]
pub struct Started {
    pub writer: Writer,
    pub recovery: Recovery,
    pub applied: Vec<Applied>,
}

impl Rig {
    pub fn new(seed: u64) -> Self {
        let options = LogOptions {
            segment_len_max: 64 * 1024,
            fill_len_first: 8 * 1024,
            archive_len_max: 1 << 20,
            ..LogOptions::default()
        };
        let (disk, layout) = (SimDisk::new(seed), Layout::new(DIR));
        Self { disk, layout, options, policy: SyncPolicy::Always, now_ms: 1_700_000_000_000 }
    }

    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::new(self.disk.clone())
    }

    /// Recovers and replays, changing nothing.
    pub fn look(&self) -> Result<(Recovery, Vec<Applied>), LogError> {
        let recovery = recover(&self.disk, &self.layout, TailPolicy::Trim)?;
        let mut replay = Replay::new(self.storage(), &self.layout, &recovery);
        let mut applied = Vec::new();
        while let Some(record) = replay.next_record()? {
            match record {
                Record::Segment(_) => {}
                Record::Frame(frame) => applied.push((frame.local, frame.payload.to_vec())),
                Record::Command(command) => applied.push((false, command.to_vec())),
            }
        }
        assert_eq!(replay.read_len() > 0, !recovery.parts.is_empty());
        Ok((recovery, applied))
    }

    /// A start as the engine makes it.
    pub fn start(&self) -> Result<Started, LogError> {
        let lock = LockFile::acquire(&self.disk, &self.layout)?;
        let (recovery, applied) = self.look()?;
        let head = match recovery.head {
            Some(end) if !recovery.needs_new_id() => end,
            Some(end) => {
                let identity = if recovery.has_foreign_writes() {
                    Identity::new(id(recovery.parts.len() as u8 + 100))
                } else {
                    let next = end.identity.replid.as_bytes()[0].wrapping_add(1);
                    end.identity.succeeded_by(id(next), end.offset)
                };
                Head { identity, ..end }
            }
            None => Head { identity: Identity::new(id(1)), offset: Offset::ZERO, db: 0 },
        };
        let opening = self.opening(lock);
        let writer = opening.durable(&recovery, head, self.now_ms)?;
        Ok(Started { writer, recovery, applied })
    }

    pub fn opening(&self, lock: LockFile) -> Opening {
        Opening {
            storage: self.storage(),
            layout: self.layout.clone(),
            options: self.options.clone(),
            lock,
            policy: self.policy,
        }
    }

    pub fn segment(&self, seq: u64) -> PathBuf {
        self.layout.append_dir().join(self.layout.incr_name(seq))
    }

    pub fn bytes(&self, path: &std::path::Path) -> Vec<u8> {
        read_file(&self.disk, path, 1 << 30).unwrap()
    }

    /// Replaces a file's content as another program would, durably.
    pub fn put(&self, path: &std::path::Path, bytes: &[u8]) {
        vellum::storage::crashsafe::replace(&self.disk, path, bytes).unwrap();
    }

    /// Appends to a file as redis-server would.
    pub fn append(&self, path: &std::path::Path, bytes: &[u8]) {
        let old = self.bytes(path);
        self.put(path, &[&old[..], bytes].concat());
    }

    pub fn names(&self, dir: &std::path::Path) -> Vec<String> {
        self.disk.list(dir).unwrap().into_iter().map(|entry| entry.name).collect()
    }
}

pub fn id(byte: u8) -> ReplId {
    ReplId::from_random([byte; 20])
}

/// `SET k<number> <value>`.
pub fn set(number: u64, value_len: usize) -> Vec<u8> {
    let mut command = Vec::new();
    let key = format!("k{number}");
    encode::push_command(&mut command, &[b"SET", key.as_bytes(), &vec![b'v'; value_len]]);
    command
}

/// Writes one frame.
pub fn write(writer: &mut Writer, command: &[u8], local: bool) -> Result<(), LogError> {
    let mut buffer = writer.take_spare();
    buffer.push(command, local);
    buffer.boundary();
    buffer.seal(1_700_000_000_000);
    writer.write(buffer)
}

/// Writes one frame and makes it durable.
pub fn write_synced(writer: &mut Writer, command: &[u8]) {
    write(writer, command, false).unwrap();
    assert_eq!(writer.sync().unwrap(), writer.end());
}

/// Puts a snapshot under the log and what it supersedes away.
pub fn switch_base(
    writer: &mut Writer,
    snapshot: impl AsRef<Path>,
    cut: &SegmentInfo,
    now_ms: u64,
) -> Result<PathBuf, LogError> {
    let path = writer.switch_base(snapshot.as_ref(), cut)?;
    writer.put_away(&path, now_ms);
    Ok(path)
}
