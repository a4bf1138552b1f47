//! Keeps the catalogue up to the files, by reading what they gained.
//!
//! The headers of frames are hopped over, not their payloads, and no checksum is compared: what is
//! noted is a hint. The same walk follows a live segment, catches up after a restart and rebuilds a
//! catalogue that was lost.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::record::{IdentityRecord, Point, SegmentRecord, SnapshotRecord};
use super::{Catalogue, CatalogueError, Found, caught, io_error, move_aside};
use crate::base::Offset;
use crate::log::header::FrameHeader;
use crate::log::segment::{Identity, ParsedHeader, SEGMENT_HEADER_LEN_MAX, SegmentHeader};
use crate::log::{FRAME_HEADER_LEN, FileKind, Layout, filler};
use crate::storage::{Entry, File, OpenMode, Storage};

/// A frame gets a point when it lies so many bytes of file after the last one,
const POINT_EVERY_LEN: u64 = 1024 * 1024;
/// or so many milliseconds.
const POINT_EVERY_MS: u64 = 10_000;
/// How long the end of the thread is waited for.
const STOP_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether it has ended.
const STOP_STEP: Duration = Duration::from_millis(2);
/// The thread's name.
pub(super) const THREAD_NAME: &str = "catalogue";
/// Bytes read at once.
const READ_LEN: usize = 64 * 1024;

/// Tells what a snapshot file says of itself; `None` when it cannot be read. The log does not know the
/// format, so whoever starts the catalogue brings this.
pub type DescribeSnapshot = fn(&dyn Storage, &Path) -> Option<SnapshotRecord>;

/// Reads the files of one data directory into its catalogue.
#[derive(Debug)]
pub struct Follower {
    storage: Arc<dyn Storage>,
    layout: Layout,
    catalogue: Catalogue,
    describe: DescribeSnapshot,
}

impl Follower {
    /// A follower that has not looked yet.
    pub fn new(
        storage: Arc<dyn Storage>,
        layout: Layout,
        catalogue: Catalogue,
        describe: DescribeSnapshot,
    ) -> Self {
        Self { storage, layout, catalogue, describe }
    }

    /// Looks through the directory: notes new files, goes on in segments that grew, starts again in
    /// those that are not what was noted, forgets what is gone. The identity is that of the newest
    /// segment.
    ///
    /// # Errors
    /// When the catalogue fails or a folder cannot be listed. A segment that cannot be read, or goes
    /// away meanwhile, is passed over.
    pub fn refresh(&self) -> Result<(), CatalogueError> {
        let mut there = BTreeSet::new();
        let mut newest: Option<(u64, IdentityRecord)> = None;
        for dir in [self.layout.append_dir(), self.layout.archive_dir()] {
            let entries = match self.storage.list(dir) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                result => result.map_err(io_error("list", dir))?,
            };
            for entry in entries {
                match self.layout.kind(&entry.name) {
                    FileKind::Incr(seq) | FileKind::Backlog(seq) => {
                        if let Some(identity) = self.follow(dir, &entry.name)?
                            && newest.is_none_or(|(known, _)| seq >= known)
                        {
                            newest = Some((seq, identity));
                        }
                    }
                    FileKind::BaseRdb(_) => self.note_snapshot(dir, &entry)?,
                    _ => {}
                }
                there.insert(entry.name);
            }
        }
        if let Some((_, identity)) = newest
            && self.catalogue.identity()? != Some(identity)
        {
            self.catalogue.put_identity(&identity)?;
        }
        for segment in self.catalogue.segments()? {
            if !there.contains(&segment.name) {
                self.catalogue.remove_segment(&segment.name)?;
            }
        }
        for snapshot in self.catalogue.snapshots()? {
            if !there.contains(&snapshot.name) {
                self.catalogue.remove_snapshot(&snapshot.name)?;
            }
        }
        Ok(())
    }

    /// Notes a snapshot that is new, or another one than was noted.
    fn note_snapshot(&self, dir: &Path, entry: &Entry) -> Result<(), CatalogueError> {
        let known = self.catalogue.snapshot(&entry.name)?;
        if known.is_some_and(|known| known.len == entry.len) {
            return Ok(());
        }
        match (self.describe)(&*self.storage, &dir.join(&entry.name)) {
            Some(snapshot) => self.catalogue.put_snapshot(&snapshot),
            None => self.catalogue.remove_snapshot(&entry.name),
        }
    }

    /// Notes what a segment gained; whose history it is, if it is one of ours.
    fn follow(&self, dir: &Path, name: &str) -> Result<Option<IdentityRecord>, CatalogueError> {
        let Ok(file) = self.storage.open(&dir.join(name), OpenMode::Read) else { return Ok(None) };
        let (Ok(file_len), Some(header)) = (file.len(), read_header(&*file)) else {
            return Ok(None);
        };
        let Identity { replid, former } = header.header.identity;
        let identity = IdentityRecord { replid, former: former.map(|f| (f.replid, f.end)) };
        let noted = self.catalogue.segment(name)?;
        let points = self.catalogue.points_of(name)?;
        let known = noted.filter(|n| is_of(n, &header, file_len, points.len()));
        if known.is_none() {
            self.catalogue.remove_segment(name)?;
        }
        let last_point = known.as_ref().and(points.last().copied());
        let record = known.clone().unwrap_or_else(|| new_record(name, &header));
        let mut walk = Walk::new(&*file, record, last_point);
        // A file that cannot be read on is followed as far as it can.
        if let Err(error) = walk.run() {
            tracing::debug!(%error, file = name, "the catalogue cannot read on");
        }
        let Walk { mut record, points, .. } = walk;
        record.file_len = file_len;
        if known.as_ref() == Some(&record) {
            return Ok(Some(identity));
        }
        self.catalogue.put_segment(&record, &points)?;
        Ok(Some(identity))
    }
}

/// Whether a record, with so many points found, speaks of the file as it is now.
fn is_of(known: &SegmentRecord, header: &ParsedHeader, file_len: u64, points: usize) -> bool {
    known.replid == header.header.identity.replid
        && known.start == header.header.start
        && known.created_ms == header.header.created_ms
        && known.read_len <= file_len
        && known.points == points as u64
}

fn new_record(name: &str, header: &ParsedHeader) -> SegmentRecord {
    SegmentRecord {
        name: name.to_owned(),
        replid: header.header.identity.replid,
        start: header.header.start,
        end: header.header.start,
        created_ms: header.header.created_ms,
        first_time_ms: u64::MAX,
        last_time_ms: 0,
        read_len: header.len,
        file_len: 0,
        points: 0,
    }
}

fn read_header(file: &dyn File) -> Option<ParsedHeader> {
    let mut bytes = [0; SEGMENT_HEADER_LEN_MAX];
    let read = file.read_full_at(&mut bytes, 0).ok()?;
    SegmentHeader::parse(bytes.get(..read)?).ok()
}

/// Hops from frame to frame.
struct Walk<'a> {
    file: &'a dyn File,
    buffer: Vec<u8>,
    buffer_at: u64,
    record: SegmentRecord,
    points: Vec<Point>,
    last_point: Option<Point>,
}

impl<'a> Walk<'a> {
    fn new(file: &'a dyn File, record: SegmentRecord, last_point: Option<Point>) -> Self {
        Self { file, buffer: Vec::new(), buffer_at: 0, record, points: Vec::new(), last_point }
    }

    fn run(&mut self) -> io::Result<()> {
        loop {
            let position = self.record.read_len;
            let head = self.bytes_at(position)?;
            if head.starts_with(filler::PAD) && filler::needs_pad(position) {
                self.record.read_len += filler::PAD.len() as u64;
                continue;
            }
            let Some(frame) = FrameHeader::parse(head) else { return Ok(()) };
            let end = position + FRAME_HEADER_LEN as u64 + frame.body_len();
            let stream_len = if frame.is_local() { 0 } else { u64::from(frame.payload_len) };
            let Some(after) = Offset::new(frame.offset).checked_add(stream_len) else {
                return Ok(());
            };
            // A header whose payload is not written yet is met again later.
            if end > self.file.len()? || frame.offset != self.record.end.get() {
                return Ok(());
            }
            self.note(&frame, position);
            self.record.end = after;
            self.record.read_len = end;
        }
    }

    fn note(&mut self, frame: &FrameHeader, position: u64) {
        let record = &mut self.record;
        record.first_time_ms = record.first_time_ms.min(frame.time_ms);
        record.last_time_ms = record.last_time_ms.max(frame.time_ms);
        let point = Point { offset: Offset::new(frame.offset), position, time_ms: frame.time_ms };
        let is_due = self.last_point.is_none_or(|last| {
            last.offset < point.offset
                && (position - last.position >= POINT_EVERY_LEN
                    || point.time_ms.saturating_sub(last.time_ms) >= POINT_EVERY_MS)
        });
        if is_due {
            self.points.push(point);
            self.last_point = Some(point);
            record.points += 1;
        }
    }

    /// The bytes at `position`, a frame header's worth where the file has them.
    fn bytes_at(&mut self, position: u64) -> io::Result<&[u8]> {
        let held = self.buffer_at..self.buffer_at + self.buffer.len() as u64;
        let wanted_end = position + FRAME_HEADER_LEN as u64;
        if position < held.start || wanted_end > held.end {
            self.buffer.resize(READ_LEN, 0);
            let read = self.file.read_full_at(&mut self.buffer, position)?;
            self.buffer.truncate(read);
            self.buffer_at = position;
        }
        let from = usize::try_from(position - self.buffer_at).unwrap_or(usize::MAX);
        Ok(self.buffer.get(from..).unwrap_or_default())
    }
}

/// The thread that keeps the catalogue beside a running server.
///
/// Opening sled, catching up and following happen on it; until the catalogue is open
/// [`CatalogueThread::catalogue`] has none. Failures are logged and end the thread, not the server.
#[derive(Debug)]
pub struct CatalogueThread {
    wake: SyncSender<()>,
    catalogue: Arc<OnceLock<Catalogue>>,
    thread: JoinHandle<()>,
}

impl CatalogueThread {
    /// Starts the thread for the directory of `layout`; it looks every `every`, and when woken.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(
        storage: Arc<dyn Storage>,
        layout: Layout,
        describe: DescribeSnapshot,
        every: Duration,
    ) -> io::Result<Self> {
        let (wake, woken) = sync_channel(1);
        let catalogue = Arc::new(OnceLock::new());
        let shared = catalogue.clone();
        let thread = std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(move || {
            let dir = layout.catalogue_dir();
            let followed = caught(|| run(storage, layout, describe, every, &shared, &woken));
            let Err(error) = followed else { return };
            tracing::warn!(%error, "going on without the catalogue: no data is concerned");
            // It is built anew at the next start, instead of failing there again.
            if matches!(error, CatalogueError::Panicked)
                && let Err(error) = move_aside(&dir)
            {
                tracing::warn!(%error, "the catalogue cannot be put aside");
            }
        })?;
        Ok(Self { wake, catalogue, thread })
    }

    /// Lets the thread look now: the log was rotated, or files were retired. Never waits.
    pub fn wake(&self) {
        match self.wake.try_send(()) {
            // A look is due already, or the thread has given up and said so.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }

    /// The catalogue, once it is open.
    pub fn catalogue(&self) -> Option<&Catalogue> {
        self.catalogue.get()
    }

    /// Lets the thread look a last time, flush and end; leaves it alone when that takes long.
    pub fn stop(self) {
        drop(self.wake);
        let started = Instant::now();
        while !self.thread.is_finished() {
            if started.elapsed() > STOP_MAX {
                tracing::warn!("the catalogue is not brought to its end: no data is concerned");
                return;
            }
            std::thread::sleep(STOP_STEP);
        }
    }
}

fn run(
    storage: Arc<dyn Storage>,
    layout: Layout,
    describe: DescribeSnapshot,
    every: Duration,
    shared: &OnceLock<Catalogue>,
    woken: &Receiver<()>,
) -> Result<(), CatalogueError> {
    let (catalogue, found) = Catalogue::open(&layout.catalogue_dir())?;
    match found {
        Found::Catalogue => {}
        Found::Nothing => tracing::info!("no catalogue: building it from the files"),
        Found::Damaged { reason, aside } => tracing::warn!(
            %reason, aside = %aside.display(),
            "the catalogue was damaged: building it anew from the files; no data is concerned"
        ),
    }
    let catalogue = shared.get_or_init(|| catalogue).clone();
    let follower = Follower::new(storage, layout, catalogue.clone(), describe);
    loop {
        follower.refresh()?;
        match woken.recv_timeout(every) {
            Ok(()) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                follower.refresh()?;
                return catalogue.flush();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ReplId;
    use crate::log::FrameBuffer;
    use crate::storage::{RealDisk, SimDisk, crashsafe};

    /// A segment written without the writer: header, frames, filler.
    struct Segment {
        file: Arc<dyn File>,
        seed: u32,
        position: u64,
        end: Offset,
        time_ms: u64,
    }

    impl Segment {
        fn create(disk: &SimDisk, path: &Path, start: u64) -> Self {
            crashsafe::create_dir(disk, crashsafe::parent_of(path)).unwrap();
            let file = disk.open(path, OpenMode::Truncate).unwrap();
            let identity = Identity::new(ReplId::from_random([7; 20]));
            let start = Offset::new(start);
            let header = SegmentHeader { identity, start, db: 0, created_ms: 1 };
            let (bytes, seed) = header.encode();
            file.write_all_at(&bytes, 0).unwrap();
            Self { file, seed, position: bytes.len() as u64, end: start, time_ms: 1000 }
        }

        fn append(&mut self, frames: usize) {
            for _ in 0..frames {
                let mut buffer = FrameBuffer::new(self.end, 0);
                buffer.push(&[b'x'; 777], false);
                buffer.boundary();
                self.time_ms += 500;
                buffer.seal(self.time_ms);
                self.end = buffer.end();
                let bytes = buffer.finish(self.seed, 0, self.position);
                self.file.write_all_at(bytes, self.position).unwrap();
                self.position += bytes.len() as u64;
            }
        }
    }

    /// Every file is a snapshot of as many keys as it has bytes.
    fn describe(storage: &dyn Storage, path: &Path) -> Option<SnapshotRecord> {
        let len = storage.open(path, OpenMode::Read).ok()?.len().ok()?;
        Some(SnapshotRecord {
            name: path.file_name()?.to_str()?.to_owned(),
            replid: ReplId::NONE,
            offset: Offset::new(len),
            len,
            keys: len,
            checksum: 0,
        })
    }

    fn follower(disk: &SimDisk, dir: &Path) -> Follower {
        let (catalogue, _) = Catalogue::open(dir).unwrap();
        Follower::new(Arc::new(disk.clone()), Layout::new("/data"), catalogue, describe)
    }

    #[test]
    fn a_growing_segment_is_followed_and_a_rebuilt_catalogue_is_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(1);
        let path = Path::new("/data/appendonlydir/appendonly.aof.1.incr.aof");
        let name = "appendonly.aof.1.incr.aof";
        let mut segment = Segment::create(&disk, path, 5000);
        let follower = follower(&disk, &dir.path().join("a"));
        for frames in [0, 10, 0, 100, 200] {
            segment.append(frames);
            follower.refresh().unwrap();
            let record = follower.catalogue.segment(name).unwrap().unwrap();
            assert_eq!(record.end, segment.end);
            assert_eq!(
                record.last_time_ms,
                if segment.time_ms == 1000 { 0 } else { segment.time_ms }
            );
        }
        let points = follower.catalogue.points_of(name).unwrap();
        assert_eq!(points.len(), 16, "one each ten seconds of 155");

        let rebuilt = super::tests::follower(&disk, &dir.path().join("b"));
        rebuilt.refresh().unwrap();
        assert_eq!(rebuilt.catalogue.points_of(name).unwrap(), points);
        assert_eq!(rebuilt.catalogue.segments().unwrap(), follower.catalogue.segments().unwrap());
    }

    #[test]
    fn lost_points_a_replaced_segment_and_a_removed_one_are_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(1);
        let path = Path::new("/data/archive/backlog.3.incr.aof");
        let mut segment = Segment::create(&disk, path, 0);
        segment.append(100);
        let follower = follower(&disk, &dir.path().join("a"));
        follower.refresh().unwrap();
        let whole = follower.catalogue.points_of("backlog.3.incr.aof").unwrap();

        let key = super::super::point_key("backlog.3.incr.aof", whole[2].offset.get());
        follower.catalogue.points.remove(key).unwrap();
        follower.refresh().unwrap();
        assert_eq!(follower.catalogue.points_of("backlog.3.incr.aof").unwrap(), whole);

        let mut segment = Segment::create(&disk, path, 900);
        segment.append(1);
        follower.refresh().unwrap();
        let record = follower.catalogue.segment("backlog.3.incr.aof").unwrap().unwrap();
        assert_eq!((record.start.get(), record.end), (900, segment.end));
        assert_eq!(follower.catalogue.points_of("backlog.3.incr.aof").unwrap().len(), 1);

        disk.remove(path).unwrap();
        follower.refresh().unwrap();
        assert!(follower.catalogue.segments().unwrap().is_empty());
        assert!(follower.catalogue.points_of("backlog.3.incr.aof").unwrap().is_empty());
    }

    #[test]
    fn snapshots_and_the_identity_are_noted_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let disk = SimDisk::new(1);
        let folder = Path::new("/data/appendonlydir");
        let path = folder.join("appendonly.aof.4.base.rdb");
        Segment::create(&disk, &folder.join("appendonly.aof.5.incr.aof"), 5);
        let follower = follower(&disk, &dir.path().join("a"));
        for len in [10, 20] {
            crashsafe::replace(&disk, &path, &vec![0; len]).unwrap();
            follower.refresh().unwrap();
            let snapshots = follower.catalogue.snapshots().unwrap();
            assert_eq!(snapshots.len(), 1);
            assert_eq!(snapshots[0].keys, len as u64);
        }
        disk.remove(&path).unwrap();
        follower.refresh().unwrap();
        assert!(follower.catalogue.snapshots().unwrap().is_empty());
        let identity = follower.catalogue.identity().unwrap().unwrap();
        assert_eq!((identity.replid, identity.former), (ReplId::from_random([7; 20]), None));
    }

    #[test]
    fn the_thread_opens_catches_up_and_stops() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalogue");
        crashsafe::create_dir(&RealDisk, &path).unwrap();
        crashsafe::replace(&RealDisk, &path.join("db"), &[1; 5000]).unwrap();
        let layout = Layout::new(dir.path());
        let disk = Arc::new(RealDisk);
        let thread =
            CatalogueThread::start(disk, layout, describe, Duration::from_secs(60)).unwrap();
        thread.wake();
        thread.stop();
        let (catalogue, found) = Catalogue::open(&path).unwrap();
        assert!(matches!(found, Found::Catalogue));
        assert!(catalogue.segments().unwrap().is_empty());
        assert!(dir.path().join("catalogue.damaged").exists());
    }
}
