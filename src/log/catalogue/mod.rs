//! The catalogue: what the files of a data directory hold, kept in sled so that nobody has to read
//! them to find out.
//!
//! ```text
//! DIR/catalogue/   sled; trees, keys and bincode values:
//!   (default)   "version"                            u32
//!               "identity"                           IdentityRecord
//!   segments    file name                            SegmentRecord
//!   points      file name, 0x00, offset u64 BE       Point
//!   snapshots   file name                            SnapshotRecord
//! ```
//!
//! Everything here can be had from the files, and is: [`Follower`] reads what they gained since it
//! last looked, and a catalogue rebuilt from nothing is one that has not looked yet. So a missing or
//! damaged catalogue costs a warning and some reading, and nobody waits for it: no command and no
//! commit touches sled. What it answers is a hint. sled does not notice every damage (a flipped bit
//! can make it forget records in silence), so each segment states how many points it has, and who
//! goes to a position looks whether the frame is there.
//!
//! sled does its own file I/O, the only one that does not go through [`crate::storage`].

mod follow;
mod record;

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};

use bincode::config::{Configuration, standard};

pub use self::follow::{CatalogueThread, DescribeSnapshot, Follower};
pub use self::record::{IdentityRecord, Point, SegmentRecord, SnapshotRecord};
use crate::base::Offset;
use crate::storage::disk::remove_tree;
use crate::storage::{RealDisk, Storage};

/// Version of the trees and values; another one is rebuilt.
const VERSION: u32 = 1;
const VERSION_KEY: &[u8] = b"version";
const IDENTITY_KEY: &[u8] = b"identity";
/// Memory sled may use for its cache, in bytes.
const CACHE_LEN_MAX: u64 = 8 * 1024 * 1024;
/// How the names of the threads begin that the catalogue lives on: its own and sled's.
pub const THREAD_NAMES: &[&str] = &[follow::THREAD_NAME, "sled-io", "log flusher"];
/// How often sled writes by itself what it holds, in milliseconds.
const FLUSH_EVERY_MS: u64 = 5000;
const CODEC: Configuration = standard();
/// sled's own threads may hold the lock for a moment after the catalogue was closed.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);

/// Failures of the catalogue. None of them concerns the data: the server goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// sled refused or found damage.
    #[error("the catalogue failed: {0}")]
    Sled(#[from] sled::Error),
    /// A value is not what was stored.
    #[error("a record of the catalogue cannot be read: {0}")]
    Record(#[from] bincode::error::DecodeError),
    /// A value could not be stored.
    #[error("a record of the catalogue cannot be written: {0}")]
    Encode(#[from] bincode::error::EncodeError),
    /// The trees are of another version, or sled has lost its own record of it.
    #[error("the catalogue is not of version {VERSION}")]
    Version,
    /// sled panicked, as it does on some damage.
    #[error("sled gave up on the catalogue")]
    Panicked,
    /// Another process has it open.
    #[error("the catalogue in {} is in use by another process", .0.display())]
    InUse(PathBuf),
    /// The folder could not be moved aside or a file of the directory not be read.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What [`Catalogue::open`] found.
#[derive(Debug)]
pub enum Found {
    /// Nothing: the catalogue is new and empty.
    Nothing,
    /// A catalogue that could be opened.
    Catalogue,
    /// A damaged one, now under another name; the catalogue is new and empty.
    Damaged {
        /// What was wrong with it.
        reason: CatalogueError,
        /// Where it is now.
        aside: PathBuf,
    },
}

/// An open catalogue. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Catalogue {
    db: sled::Db,
    segments: sled::Tree,
    points: sled::Tree,
    snapshots: sled::Tree,
}

impl Catalogue {
    /// Opens the catalogue in `dir`, making a new one where there is none or only a damaged one,
    /// which is moved aside to `<dir>.damaged` (an older one of that name is removed).
    ///
    /// # Errors
    /// When it is in use, or not even a new one can be made.
    pub fn open(dir: &Path) -> Result<(Self, Found), CatalogueError> {
        let database = dir.join("db");
        let there = database.exists();
        // sled says only in words that somebody else has the lock, so it is tried beforehand.
        let free = || RealDisk.lock(&database).map_err(io_error("lock", &database));
        let mut tries = 0..LOCK_TRIES;
        while there && free()?.is_none() {
            if tries.next().is_none() {
                return Err(CatalogueError::InUse(dir.to_owned()));
            }
            std::thread::sleep(LOCK_PAUSE);
        }
        match caught(|| Self::try_open(dir, there)) {
            Ok(catalogue) if there => Ok((catalogue, Found::Catalogue)),
            Ok(catalogue) => Ok((catalogue, Found::Nothing)),
            Err(reason) => {
                let aside = move_aside(dir)?;
                Ok((Self::try_open(dir, false)?, Found::Damaged { reason, aside }))
            }
        }
    }

    fn try_open(dir: &Path, there: bool) -> Result<Self, CatalogueError> {
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_LEN_MAX)
            .flush_every_ms(Some(FLUSH_EVERY_MS));
        let db = config.open()?;
        match db.get(VERSION_KEY)? {
            Some(version) if *version == VERSION.to_be_bytes() => {}
            None if !there => {
                db.insert(VERSION_KEY, &VERSION.to_be_bytes())?;
                // A server killed before sled writes by itself leaves a catalogue, and no damaged one.
                db.flush()?;
            }
            _ => return Err(CatalogueError::Version),
        }
        Ok(Self {
            segments: db.open_tree("segments")?,
            points: db.open_tree("points")?,
            snapshots: db.open_tree("snapshots")?,
            db,
        })
    }

    /// The segments, by file name.
    pub fn segments(&self) -> Result<Vec<SegmentRecord>, CatalogueError> {
        values(&self.segments)
    }

    /// What is known of the segment of this file name.
    pub fn segment(&self, name: &str) -> Result<Option<SegmentRecord>, CatalogueError> {
        self.segments.get(name)?.map(|value| decode(&value)).transpose()
    }

    /// The snapshots, by file name.
    pub fn snapshots(&self) -> Result<Vec<SnapshotRecord>, CatalogueError> {
        values(&self.snapshots)
    }

    /// What is known of the snapshot of this file name.
    pub fn snapshot(&self, name: &str) -> Result<Option<SnapshotRecord>, CatalogueError> {
        self.snapshots.get(name)?.map(|value| decode(&value)).transpose()
    }

    /// The replication identity last noted.
    pub fn identity(&self) -> Result<Option<IdentityRecord>, CatalogueError> {
        self.db.get(IDENTITY_KEY)?.map(|value| decode(&value)).transpose()
    }

    /// The last point of a segment at or before `offset`: where a reader that wants the frame at
    /// `offset` may begin, after a look whether a frame is there.
    pub fn point_before(
        &self,
        name: &str,
        offset: Offset,
    ) -> Result<Option<Point>, CatalogueError> {
        let range = point_key(name, 0)..=point_key(name, offset.get());
        match self.points.range(range).next_back() {
            None => Ok(None),
            Some(entry) => Ok(Some(decode(&entry?.1)?)),
        }
    }

    /// The segment and point from which a reader meets every frame written at `time_ms` or later:
    /// the last point before it, in the segments of the newest history that has one.
    pub fn point_before_time(
        &self,
        time_ms: u64,
    ) -> Result<Option<(SegmentRecord, Point)>, CatalogueError> {
        let mut best: Option<(SegmentRecord, Point)> = None;
        for segment in self.segments()? {
            let newer =
                best.as_ref().is_none_or(|(known, _)| known.created_ms <= segment.created_ms);
            if !newer || segment.first_time_ms > time_ms {
                continue;
            }
            for point in self.points_of(&segment.name)? {
                if point.time_ms <= time_ms {
                    best = Some((segment.clone(), point));
                }
            }
        }
        Ok(best)
    }

    /// All points of a segment in order.
    pub fn points_of(&self, name: &str) -> Result<Vec<Point>, CatalogueError> {
        let range = point_key(name, 0)..=point_key(name, u64::MAX);
        self.points.range(range).map(|entry| decode(&entry?.1)).collect()
    }

    /// Notes a segment and the points found in it since it was noted last.
    pub(super) fn put_segment(
        &self,
        segment: &SegmentRecord,
        points: &[Point],
    ) -> Result<(), CatalogueError> {
        let mut batch = sled::Batch::default();
        for point in points {
            batch.insert(point_key(&segment.name, point.offset.get()), encode(point)?);
        }
        self.points.apply_batch(batch)?;
        self.segments.insert(&segment.name, encode(segment)?)?;
        Ok(())
    }

    /// Notes a snapshot.
    pub(super) fn put_snapshot(&self, snapshot: &SnapshotRecord) -> Result<(), CatalogueError> {
        self.snapshots.insert(&snapshot.name, encode(snapshot)?)?;
        Ok(())
    }

    /// Notes the replication identity.
    pub(super) fn put_identity(&self, identity: &IdentityRecord) -> Result<(), CatalogueError> {
        self.db.insert(IDENTITY_KEY, encode(identity)?)?;
        Ok(())
    }

    /// Forgets a segment and its points.
    pub(super) fn remove_segment(&self, name: &str) -> Result<(), CatalogueError> {
        self.segments.remove(name)?;
        let mut batch = sled::Batch::default();
        for key in self.points.range(point_key(name, 0)..=point_key(name, u64::MAX)).keys() {
            batch.remove(key?);
        }
        self.points.apply_batch(batch)?;
        Ok(())
    }

    /// Forgets a snapshot.
    pub(super) fn remove_snapshot(&self, name: &str) -> Result<(), CatalogueError> {
        self.snapshots.remove(name)?;
        Ok(())
    }

    /// Makes what was noted durable.
    pub fn flush(&self) -> Result<(), CatalogueError> {
        self.db.flush()?;
        Ok(())
    }
}

/// What `work` gives, a panic of sled's as an error. What it left half done is not used again: whoever
/// gets the error puts the folder aside.
fn caught<T>(work: impl FnOnce() -> Result<T, CatalogueError>) -> Result<T, CatalogueError> {
    panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(CatalogueError::Panicked))
}

fn point_key(name: &str, offset: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(name.len() + 9);
    key.extend_from_slice(name.as_bytes());
    key.push(0);
    key.extend_from_slice(&offset.to_be_bytes());
    key
}

fn values<T: bincode::Decode<()>>(tree: &sled::Tree) -> Result<Vec<T>, CatalogueError> {
    tree.iter().values().map(|value| decode(&value?)).collect()
}

fn encode(value: &impl bincode::Encode) -> Result<Vec<u8>, CatalogueError> {
    Ok(bincode::encode_to_vec(value, CODEC)?)
}

fn decode<T: bincode::Decode<()>>(bytes: &[u8]) -> Result<T, CatalogueError> {
    Ok(bincode::decode_from_slice(bytes, CODEC)?.0)
}

/// Gives a folder that cannot be read another name. It is an index: one damaged copy is kept for a
/// look at it, and it need not survive a power cut.
fn move_aside(dir: &Path) -> Result<PathBuf, CatalogueError> {
    let mut name = dir.as_os_str().to_owned();
    name.push(".damaged");
    let aside = PathBuf::from(name);
    remove_tree(&aside).map_err(io_error("remove", &aside))?;
    RealDisk.rename(dir, &aside).map_err(io_error("move aside", dir))?;
    Ok(aside)
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CatalogueError {
    let path = path.to_owned();
    move |source| CatalogueError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ReplId;
    use crate::storage::{crashsafe, read_file};

    fn segment(name: &str, points: u64) -> SegmentRecord {
        SegmentRecord {
            name: name.to_owned(),
            replid: ReplId::NONE,
            start: Offset::new(100),
            end: Offset::new(100 + 10 * points),
            created_ms: 5,
            first_time_ms: 10,
            last_time_ms: 10 + points,
            read_len: 4096,
            file_len: 8192,
            points,
        }
    }

    fn fill(dir: &Path) {
        let (catalogue, _) = Catalogue::open(dir).unwrap();
        for name in ["a.1.incr.aof", "a.10.incr.aof"] {
            let points: Vec<Point> = (0..50)
                .map(|n| Point { offset: Offset::new(100 + 10 * n), position: n, time_ms: 10 + n })
                .collect();
            catalogue.put_segment(&segment(name, 50), &points).unwrap();
        }
        catalogue.flush().unwrap();
    }

    #[test]
    fn what_was_noted_is_found_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalogue");
        fill(&path);
        let (catalogue, found) = Catalogue::open(&path).unwrap();
        assert!(matches!(found, Found::Catalogue));
        assert_eq!(catalogue.segments().unwrap().len(), 2);
        let point = catalogue.point_before("a.1.incr.aof", Offset::new(129)).unwrap().unwrap();
        assert_eq!((point.offset.get(), point.position), (120, 2));
        assert!(catalogue.point_before("a.1.incr.aof", Offset::new(99)).unwrap().is_none());
        let (_, point) = catalogue.point_before_time(15).unwrap().unwrap();
        assert_eq!(point.time_ms, 15);
        catalogue.remove_segment("a.1.incr.aof").unwrap();
        assert!(catalogue.points_of("a.1.incr.aof").unwrap().is_empty());
        assert_eq!(catalogue.points_of("a.10.incr.aof").unwrap().len(), 50);
    }

    #[test]
    fn a_second_holder_is_told_so_and_moves_nothing_aside() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalogue");
        let (_held, _) = Catalogue::open(&path).unwrap();
        assert!(matches!(Catalogue::open(&path), Err(CatalogueError::InUse(_))));
        assert!(!dir.path().join("catalogue.damaged").exists());
    }

    #[test]
    fn a_damaged_catalogue_opens_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let sound = dir.path().join("sound");
        fill(&sound);
        let mut aside = 0;
        for seed in 0..60 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let path = dir.path().join(format!("catalogue-{seed}"));
            RealDisk.create_dir(&path).unwrap();
            for name in ["db", "conf"] {
                let mut bytes = read_file(&RealDisk, &sound.join(name), 1 << 30).unwrap();
                match seed % 3 {
                    0 => bytes.truncate(rng.usize(0..bytes.len())),
                    1 => bytes.fill(rng.u8(..)),
                    _ => {
                        let at = rng.usize(0..bytes.len().min(20_000));
                        bytes[at] ^= 1 << rng.u8(0..8);
                    }
                }
                crashsafe::replace(&RealDisk, &path.join(name), &bytes).unwrap();
            }
            let (catalogue, found) = Catalogue::open(&path).unwrap();
            aside += u32::from(matches!(found, Found::Damaged { .. }));
            catalogue.put_segment(&segment("new", 0), &[]).unwrap();
            assert!(catalogue.segment("new").unwrap().is_some());
        }
        assert!(aside > 10, "only {aside} of 60 were moved aside");
    }
}
