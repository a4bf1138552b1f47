//! Makes the next segment ready ahead of use, so that a sync waits for no file-system metadata; cuts the
//! filler off segments that have ended and gives back the room of files that were removed. All of it is
//! done in small pieces, so that a commit that comes meanwhile waits for one of them at most.
//!
//! Writing over bytes a file already has is what makes a sync cheap. The file to come is filled in
//! the background, synced, and handed to the writer whole; a file in use is never touched here.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::retention::Removed;
use super::writer::SegmentFile;
use super::{Layout, LogError, filler};
use crate::storage::{File, OpenMode, Storage};

/// Bytes of filler between two syncs: a commit that comes meanwhile waits for these at most, and not
/// for the whole file.
const SYNC_LEN: u64 = 256 * 1024;
/// Bytes cut off a file at a time, for the same reason: a disk may take a millisecond for each of these
/// to discard their blocks.
const CUT_LEN: u64 = 1024 * 1024;
/// Between two such cuts.
const CUT_PAUSE: Duration = Duration::from_millis(1);

/// A file full of filler, synced, under a temporary name.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub file: Arc<dyn File>,
    pub path: PathBuf,
    pub len: u64,
}

/// A segment that has ended: durable up to `len`, with nothing but filler behind that.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) file: Arc<SegmentFile>,
    pub(super) path: PathBuf,
    pub(super) len: u64,
}

#[derive(Debug, Default)]
struct State {
    ended: Vec<Ended>,
    removed: Removed,
    wanted_len: Option<u64>,
    making: bool,
    ready: Option<Prepared>,
    stopped: bool,
}

/// Fills files when asked to. Clones share one state.
#[derive(Clone, Debug)]
pub struct Preparer {
    storage: Arc<dyn Storage>,
    layout: Layout,
    state: Arc<(Mutex<State>, Condvar)>,
}

/// The thread that prepares; dropping it ends the thread after the step it is in.
#[derive(Debug)]
pub struct PreparerThread {
    preparer: Preparer,
    thread: Option<JoinHandle<()>>,
}

impl Preparer {
    /// A preparer with nothing to do yet.
    pub fn new(storage: Arc<dyn Storage>, layout: Layout) -> Self {
        Self { storage, layout, state: Arc::default() }
    }

    /// Starts the thread that does the work.
    ///
    /// # Errors
    /// When the system has no thread to give.
    pub fn spawn(&self) -> std::io::Result<PreparerThread> {
        let preparer = self.clone();
        let thread =
            std::thread::Builder::new().name("log-prepare".to_owned()).spawn(move || {
                while preparer.wait_for_work() {
                    if let Err(error) = preparer.step() {
                        // The writer goes on without: a segment that is not filled is only slower.
                        tracing::warn!(%error, "cannot prepare the next segment");
                    }
                }
            })?;
        Ok(PreparerThread { preparer: self.clone(), thread: Some(thread) })
    }

    /// Gives back what was removed, trims the segments that have ended and fills the file asked for, if one
    /// was; for the thread, and for tests without one.
    pub fn step(&self) -> Result<(), LogError> {
        // The lock is not held meanwhile: commits ask for it.
        let (removed, trimmed) = {
            let mut state = self.locked();
            (std::mem::take(&mut state.removed), std::mem::take(&mut state.ended))
        };
        for file in removed {
            if let Err(error) = give_back(&*file) {
                // The room is free once the file is closed.
                tracing::warn!(%error, "cannot cut a file that was removed");
            }
        }
        for ended in trimmed {
            if let Err(error) = trim(&ended) {
                // It only takes room: whoever reads the segment passes over filler.
                let path = ended.path.display();
                tracing::warn!(%path, %error, "cannot cut the filler off a segment that has ended");
            }
        }
        let len = {
            let mut state = self.locked();
            let Some(len) = state.wanted_len.take() else { return Ok(()) };
            state.making = true;
            len
        };
        let path = self.layout.append_dir().join(self.layout.prepared_name(len));
        let filled = self.fill(&path, len);
        let mut state = self.locked();
        state.making = false;
        match filled {
            Ok(Some(file)) => {
                state.ready = Some(Prepared { file, path, len });
                Ok(())
            }
            Ok(None) => Ok(()),
            Err(error) => {
                // Gives the room back; what cannot be removed now is removed at the next start.
                self.storage.remove(&path).ok();
                Err(error)
            }
        }
    }

    /// Asks for a file of `len` bytes; nothing happens while one is ready or being made.
    pub(crate) fn want(&self, len: u64) {
        let mut state = self.locked();
        if state.ready.is_none() && !state.making {
            state.wanted_len = Some(len - len % filler::LINE_LEN);
            self.state.1.notify_one();
        }
    }

    /// Has a segment that has ended trimmed, some time.
    pub(super) fn trim(&self, ended: Ended) {
        self.locked().ended.push(ended);
        self.state.1.notify_one();
    }

    /// Has the room of files that were removed given back, some time.
    pub(super) fn give_back(&self, removed: Removed) {
        if !removed.is_empty() {
            self.locked().removed.extend(removed);
            self.state.1.notify_one();
        }
    }

    /// Whether a file is ready.
    pub(crate) fn is_ready(&self) -> bool {
        self.locked().ready.is_some()
    }

    /// Takes the file that is ready.
    pub(crate) fn take(&self) -> Option<Prepared> {
        self.locked().ready.take()
    }

    fn fill(&self, path: &std::path::Path, len: u64) -> Result<Option<Arc<dyn File>>, LogError> {
        let file =
            self.storage.open(path, OpenMode::Truncate).map_err(LogError::io("create", path))?;
        let block = filler::block();
        let mut position = 0;
        while position < len {
            if self.locked().stopped {
                return Ok(None);
            }
            let rest = usize::try_from(len - position).unwrap_or(usize::MAX);
            let piece = &block[..block.len().min(rest)];
            file.write_all_at(piece, position).map_err(LogError::io("fill", path))?;
            position += piece.len() as u64;
            if position.is_multiple_of(SYNC_LEN) && position < len {
                file.sync_data().map_err(LogError::io("sync", path))?;
            }
        }
        file.sync_all().map_err(LogError::io("sync", path))?;
        Ok(Some(file))
    }

    fn wait_for_work(&self) -> bool {
        let state = self.locked();
        let idle = |s: &mut State| {
            s.wanted_len.is_none() && s.ended.is_empty() && s.removed.is_empty() && !s.stopped
        };
        let state = self.state.1.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner);
        !state.stopped || !state.ended.is_empty()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // Every change of the state is one assignment, so a panic elsewhere leaves it whole.
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn trim(ended: &Ended) -> std::io::Result<()> {
    cut_down(ended.file.len()?, ended.len, |len| ended.file.shorten(len))?;
    ended.file.trim(ended.len)
}

/// Cuts a file that was removed down to nothing, unless somebody still reads it.
fn give_back(file: &dyn File) -> std::io::Result<()> {
    if file.is_forgotten()? { cut_down(file.len()?, 0, |len| file.set_len(len)) } else { Ok(()) }
}

/// Comes near to `end` from `len` in small pieces.
fn cut_down(
    mut len: u64,
    end: u64,
    cut: impl Fn(u64) -> std::io::Result<()>,
) -> std::io::Result<()> {
    while len > end + CUT_LEN {
        len -= CUT_LEN;
        cut(len)?;
        std::thread::sleep(CUT_PAUSE);
    }
    Ok(())
}

impl Drop for PreparerThread {
    fn drop(&mut self) {
        self.preparer.locked().stopped = true;
        self.preparer.state.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by the panic hook.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;
    use crate::storage::{SimDisk, read_file};

    fn preparer(disk: &SimDisk) -> Preparer {
        let layout = Layout::new("data");
        disk.create_dir(layout.append_dir()).unwrap();
        Preparer::new(Arc::new(disk.clone()), layout)
    }

    #[test]
    fn a_file_is_filled_once_it_is_wanted() {
        let disk = SimDisk::new(1);
        let preparer = preparer(&disk);
        preparer.step().unwrap();
        assert!(!preparer.is_ready());
        preparer.want(100_000);
        preparer.step().unwrap();
        let prepared = preparer.take().unwrap();
        assert_eq!(prepared.len, 99_968);
        let bytes = read_file(&disk, &prepared.path, 1 << 20).unwrap();
        assert_eq!(bytes.len(), 99_968);
        assert!(filler::is_filler(&bytes, 0));
    }

    #[test]
    fn a_full_disk_leaves_nothing_behind() {
        let disk = SimDisk::new(1);
        let preparer = preparer(&disk);
        disk.fill_up_to(1000);
        preparer.want(100_000);
        assert!(preparer.step().unwrap_err().is_disk_full());
        assert!(!preparer.is_ready());
        assert!(disk.list(Layout::new("data").append_dir()).unwrap().is_empty());
    }

    /// A file whose cutting takes until the test has had its answer.
    #[derive(Debug)]
    struct Slow {
        cutting: Sender<&'static str>,
        answered: Mutex<Receiver<()>>,
    }

    impl File for Slow {
        fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
            Ok(0)
        }

        fn write_at(&self, bytes: &[u8], _: u64) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn sync_data(&self) -> io::Result<()> {
            Ok(())
        }

        fn sync_all(&self) -> io::Result<()> {
            Ok(())
        }

        fn set_len(&self, _: u64) -> io::Result<()> {
            self.cutting.send("begun").unwrap();
            let answered = self.answered.lock().unwrap().recv_timeout(Duration::from_secs(10));
            self.cutting.send(answered.map_or("too late", |()| "in time")).unwrap();
            Ok(())
        }

        fn len(&self) -> io::Result<u64> {
            Ok(10)
        }
    }

    #[test]
    fn commits_do_not_wait_for_a_segment_to_be_trimmed() {
        let disk = SimDisk::new(1);
        let preparer = preparer(&disk);
        let ((cutting, cuts), (answer, answered)) = (channel(), channel());
        let slow = Slow { cutting, answered: Mutex::new(answered) };
        let file = SegmentFile::new(Arc::new(slow));
        preparer.trim(Ended { file, path: PathBuf::from("ended"), len: 5 });
        let _thread = preparer.spawn().unwrap();
        assert_eq!(cuts.recv(), Ok("begun"));
        preparer.want(filler::BLOCK_LEN as u64);
        assert!(!preparer.is_ready());
        answer.send(()).unwrap();
        assert_eq!(cuts.recv(), Ok("in time"));
    }

    #[test]
    fn the_thread_works_and_ends() {
        let disk = SimDisk::new(1);
        let preparer = preparer(&disk);
        let thread = preparer.spawn().unwrap();
        preparer.want(filler::BLOCK_LEN as u64);
        while !preparer.is_ready() {
            std::thread::yield_now();
        }
        drop(thread);
        assert!(preparer.take().is_some());
    }
}
