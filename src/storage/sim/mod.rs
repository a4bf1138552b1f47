//! A disk in memory that loses, tears, reorders and fails what a real one may: for tests.
//!
//! Every file has a live image, which reads return, and a durable one, which is what a power cut
//! leaves. What is assumed of the disk, and nothing more:
//!
//! - a sync that returned made the file's bytes and length durable; a synced directory its names;
//! - without one, each page of 512 B to 4 KiB written since reaches the disk or does not, by itself,
//!   in any order, at any time; so does the file's length, and each change of a name;
//! - a sector of 512 B is never torn; a hole reads as zeros;
//! - after a failed sync the kernel takes the pages for clean: a later sync succeeds without them.
//!
//! One seed decides everything, so a failing seed fails again. After [`SimDisk::power_cut`] or
//! [`SimDisk::kill`] the handles and locks of before are dead and the same value is the disk that the
//! next process finds.

mod inode;
mod names;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use self::inode::Inode;
use self::names::{Names, Node, normal};
use super::{Entry, File, Lock, Mapping, OpenMode, Storage};

/// One call in so many lets the simulated kernel write a dirty sector back by itself.
const WRITE_BACK_EVERY: u32 = 8;

/// A simulated disk. Clones are the same disk.
#[derive(Clone, Debug)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
    /// Wakes the syncs that are held.
    let_go: Arc<Condvar>,
}

#[derive(Debug)]
struct State {
    rng: fastrand::Rng,
    names: Names,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    /// Counts the processes that used this disk; a handle of an earlier one is dead.
    process: u64,
    boot: u64,
    locks: BTreeMap<PathBuf, u64>,
    next_lock: u64,
    /// Changing calls made since the disk was new.
    calls: u64,
    stop_at: Option<u64>,
    stopped: bool,
    syncs_held: bool,
    syncs_until_failure: Option<u64>,
    failed_syncs: u64,
    writes_until_failure: Option<u64>,
    capacity: Option<u64>,
    short_io: bool,
}

impl SimDisk {
    /// An empty disk whose misfortunes are decided by `seed`.
    pub fn new(seed: u64) -> Self {
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            names: Names::default(),
            inodes: BTreeMap::new(),
            next_inode: 1,
            process: 0,
            boot: 1,
            locks: BTreeMap::new(),
            next_lock: 1,
            calls: 0,
            stop_at: None,
            stopped: false,
            syncs_held: false,
            syncs_until_failure: None,
            failed_syncs: 0,
            writes_until_failure: None,
            capacity: None,
            short_io: false,
        };
        Self { state: Arc::new(Mutex::new(state)), let_go: Arc::default() }
    }

    /// The power fails and comes back: unsynced bytes and names survive or not, handles and locks are
    /// dead, the boot ID is another one, and faults set before are forgotten.
    pub fn power_cut(&self) {
        let mut state = self.locked();
        let state = &mut *state;
        state.names.power_cut(&mut state.rng);
        for inode in state.inodes.values_mut() {
            inode.power_cut(&mut state.rng);
        }
        state.boot += 1;
        state.end_process();
    }

    /// The process is killed: handles and locks are dead, but everything written is still there.
    pub fn kill(&self) {
        self.locked().end_process();
    }

    /// Lets `calls` more changing calls through. The one after them is the last: it is done or not,
    /// its caller sees an error, and so does every later call until [`SimDisk::power_cut`] or
    /// [`SimDisk::kill`].
    pub fn stop_after(&self, calls: u64) {
        let mut state = self.locked();
        state.stop_at = Some(state.calls + calls);
    }

    /// Fails every call from here on, held syncs included, until [`SimDisk::power_cut`] or
    /// [`SimDisk::kill`]: what the process still does reaches nothing.
    pub fn stop(&self) {
        self.locked().stopped = true;
        self.let_go.notify_all();
    }

    /// Has file syncs wait, as on a disk that hangs, until this is called again with `false` or the
    /// disk stops.
    pub fn hold_syncs(&self, hold: bool) {
        self.locked().syncs_held = hold;
        self.let_go.notify_all();
    }

    /// Whether the moment of [`SimDisk::stop_after`] has come.
    pub fn is_stopped(&self) -> bool {
        self.locked().stopped
    }

    /// Changing calls made so far: writes, syncs, changes of length and of names.
    pub fn calls(&self) -> u64 {
        self.locked().calls
    }

    /// Lets `syncs` more file syncs through; the one after them fails.
    pub fn fail_sync(&self, syncs: u64) {
        self.locked().syncs_until_failure = Some(syncs);
    }

    /// Syncs that [`SimDisk::fail_sync`] has failed since the disk was new.
    pub fn failed_syncs(&self) -> u64 {
        self.locked().failed_syncs
    }

    /// Lets `writes` more writes through; the one after them fails.
    pub fn fail_write(&self, writes: u64) {
        self.locked().writes_until_failure = Some(writes);
    }

    /// Bytes that all files together may have, `None` for no bound. Writing over bytes a file already
    /// has always finds room.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.locked().capacity = bytes;
    }

    /// Leaves room for just `bytes` more.
    pub fn fill_up_to(&self, bytes: u64) {
        let mut state = self.locked();
        state.capacity = Some(state.used_bytes() + bytes);
    }

    /// Whether every read and write moves one byte a call.
    pub fn set_short_io(&self, short: bool) {
        self.locked().short_io = short;
    }

    /// Flips one bit of a file, live and durable, as a decaying disk does. `bit` counts from the first
    /// byte's lowest bit.
    ///
    /// # Errors
    /// When there is no such file or it is not that long.
    pub fn flip_bit(&self, path: &Path, bit: u64) -> io::Result<()> {
        let mut state = self.locked();
        let number = state.file_at(&normal(path))?;
        let inode = state.inode_mut(number)?;
        let at = usize::try_from(bit / 8).map_err(io::Error::other)?;
        let mask = 1 << (bit % 8);
        let byte = inode.live_mut().get_mut(at).ok_or(io::ErrorKind::UnexpectedEof)?;
        *byte ^= mask;
        if let Some(byte) = inode.durable_mut().get_mut(at) {
            *byte ^= mask;
        }
        Ok(())
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves at worst half a simulated write, which is what this disk is for.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a changing call, unless the disk has stopped or stops at it.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        Self::change_locked(self.locked(), act)
    }

    /// As [`change`](Self::change), for a sync: one that is held waits first.
    fn sync<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let held = |state: &mut State| state.syncs_held && !state.stopped;
        let state = self.let_go.wait_while(self.locked(), held);
        Self::change_locked(state.unwrap_or_else(PoisonError::into_inner), act)
    }

    fn change_locked<T>(
        mut state: MutexGuard<'_, State>,
        act: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        state.check_running()?;
        if state.stop_at == Some(state.calls) {
            state.stopped = true;
            if state.rng.bool() {
                act(&mut state).ok();
            }
            return Err(stopped());
        }
        state.calls += 1;
        act(&mut state)
    }

    fn look<T>(&self, act: impl FnOnce(&State) -> io::Result<T>) -> io::Result<T> {
        let state = self.locked();
        state.check_running()?;
        act(&state)
    }
}

fn stopped() -> io::Error {
    io::Error::other("the simulated disk has stopped")
}

fn failed(call: &str) -> io::Error {
    io::Error::other(format!("simulated failure of a {call}"))
}

/// Counts a fault down; true when it is due.
fn is_due(until: &mut Option<u64>) -> bool {
    match until {
        None => false,
        Some(0) => {
            *until = None;
            true
        }
        Some(n) => {
            *n -= 1;
            false
        }
    }
}

impl State {
    fn check_running(&self) -> io::Result<()> {
        if self.stopped { Err(stopped()) } else { Ok(()) }
    }

    fn end_process(&mut self) {
        let referenced = self.names.referenced();
        self.inodes.retain(|number, _| referenced.contains(number));
        self.process += 1;
        self.locks.clear();
        self.stop_at = None;
        self.stopped = false;
        self.syncs_held = false;
        self.syncs_until_failure = None;
        self.writes_until_failure = None;
        self.capacity = None;
    }

    fn used_bytes(&self) -> u64 {
        let linked = self.names.linked();
        linked.iter().filter_map(|number| self.inodes.get(number)).map(Inode::len).sum()
    }

    fn inode_mut(&mut self, number: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&number).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn file_at(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Node::File(number)) => Ok(number),
            Some(Node::Dir) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn create(&mut self, path: &Path) -> io::Result<u64> {
        if !self.names.has_parent(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let number = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(number, Inode::default());
        self.names.set(path, Some(Node::File(number)));
        Ok(number)
    }

    fn open(&mut self, path: &Path, mode: OpenMode) -> io::Result<u64> {
        match (mode, self.file_at(path)) {
            (OpenMode::Read | OpenMode::Write, found) => found,
            (OpenMode::CreateNew, Ok(_)) => Err(io::ErrorKind::AlreadyExists.into()),
            (OpenMode::Truncate, Ok(number)) => {
                self.inode_mut(number)?.set_len(0);
                Ok(number)
            }
            (_, Err(e)) if e.kind() == io::ErrorKind::NotFound => self.create(path),
            (_, Err(e)) => Err(e),
        }
    }

    fn write(&mut self, number: u64, bytes: &[u8], position: u64) -> io::Result<usize> {
        if is_due(&mut self.writes_until_failure) {
            return Err(failed("write"));
        }
        let start = usize::try_from(position).map_err(io::Error::other)?;
        let mut len = if self.short_io { bytes.len().min(1) } else { bytes.len() };
        if let Some(capacity) = self.capacity {
            let free = capacity.saturating_sub(self.used_bytes());
            let room = (self.inode_mut(number)?.len() + free).saturating_sub(position);
            len = len.min(usize::try_from(room).unwrap_or(usize::MAX));
            if len == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        self.inode_mut(number)?.write(&bytes[..len], start);
        self.write_back_sometimes(number)?;
        Ok(len)
    }

    fn write_back_sometimes(&mut self, number: u64) -> io::Result<()> {
        if self.rng.u32(0..WRITE_BACK_EVERY) == 0 {
            let mut rng = self.rng.fork();
            self.inode_mut(number)?.write_back_one(&mut rng);
        }
        Ok(())
    }

    fn sync(&mut self, number: u64) -> io::Result<()> {
        if is_due(&mut self.syncs_until_failure) {
            self.failed_syncs += 1;
            let mut rng = self.rng.fork();
            self.inode_mut(number)?.fail_sync(&mut rng);
            return Err(failed("sync"));
        }
        self.inode_mut(number)?.sync();
        Ok(())
    }

    fn set_len(&mut self, number: u64, len: u64) -> io::Result<()> {
        let grows_by = len.saturating_sub(self.inode_mut(number)?.len());
        if let Some(capacity) = self.capacity
            && grows_by > capacity.saturating_sub(self.used_bytes())
        {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let len = usize::try_from(len).map_err(io::Error::other)?;
        self.inode_mut(number)?.set_len(len);
        Ok(())
    }
}

/// A file of the simulated disk, open in one process.
#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: u64,
    process: u64,
    writable: bool,
}

impl SimFile {
    fn check(&self, state: &State) -> io::Result<()> {
        if state.process == self.process {
            Ok(())
        } else {
            Err(io::Error::other("the process that opened this simulated file is gone"))
        }
    }

    fn change<T>(&self, act: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        if !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        self.disk.change(|state| {
            self.check(state)?;
            act(state)
        })
    }

    fn look<T>(&self, act: impl FnOnce(&Inode, bool) -> T) -> io::Result<T> {
        self.disk.look(|state| {
            self.check(state)?;
            let inode = state.inodes.get(&self.inode).ok_or(io::ErrorKind::NotFound)?;
            Ok(act(inode, state.short_io))
        })
    }
}

impl File for SimFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.look(|inode, short_io| {
            let len = if short_io { buf.len().min(1) } else { buf.len() };
            inode.read(&mut buf[..len], position)
        })
    }

    fn write_at(&self, buf: &[u8], position: u64) -> io::Result<usize> {
        self.change(|state| state.write(self.inode, buf, position))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn sync_all(&self) -> io::Result<()> {
        // A file open for reading only can be synced too.
        self.disk.sync(|state| {
            self.check(state)?;
            state.sync(self.inode)
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(|state| state.set_len(self.inode, len))
    }

    fn len(&self) -> io::Result<u64> {
        self.look(|inode, _| inode.len())
    }
}

/// A copy of a file's bytes.
#[derive(Debug)]
struct SimMapping(Vec<u8>);

impl Mapping for SimMapping {
    fn bytes(&self) -> &[u8] {
        &self.0
    }
}

#[derive(Debug)]
struct SimLock {
    disk: SimDisk,
    path: PathBuf,
    id: u64,
}

impl Lock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        let mut state = self.disk.locked();
        if state.locks.get(&self.path) == Some(&self.id) {
            state.locks.remove(&self.path);
        }
    }
}

impl Storage for SimDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn File>> {
        let path = normal(path);
        let (inode, process) = match mode {
            OpenMode::Read | OpenMode::Write => {
                self.look(|state| Ok((state.file_at(&path)?, state.process)))?
            }
            OpenMode::CreateNew | OpenMode::Truncate => {
                self.change(|state| Ok((state.open(&path, mode)?, state.process)))?
            }
        };
        let writable = mode != OpenMode::Read;
        Ok(Arc::new(SimFile { disk: self.clone(), inode, process, writable }))
    }

    fn map(&self, path: &Path) -> io::Result<Arc<dyn Mapping>> {
        self.look(|state| {
            let number = state.file_at(&normal(path))?;
            let inode = state.inodes.get(&number).ok_or(io::ErrorKind::NotFound)?;
            Ok(Arc::new(SimMapping(inode.live().to_vec())) as Arc<dyn Mapping>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        self.change(|state| {
            let number = state.file_at(&from)?;
            if !state.names.has_parent(&to) {
                return Err(io::ErrorKind::NotFound.into());
            }
            match state.names.get(&to) {
                Some(Node::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
                // Two names of one file: POSIX asks that nothing happens.
                Some(Node::File(other)) if other == number => {}
                _ => state.names.rename(&from, &to, Node::File(number)),
            }
            Ok(())
        })
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (normal(from), normal(to));
        self.change(|state| {
            let number = state.file_at(&from)?;
            if !state.names.has_parent(&to) {
                return Err(io::ErrorKind::NotFound.into());
            }
            if state.names.get(&to).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.names.set(&to, Some(Node::File(number)));
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.change(|state| {
            state.file_at(&path)?;
            state.names.set(&path, None);
            Ok(())
        })
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.change(|state| {
            let mut ancestors: Vec<&Path> = path.ancestors().collect();
            ancestors.reverse();
            for dir in ancestors {
                match state.names.get(dir) {
                    Some(Node::Dir) => {}
                    Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                    None => state.names.set(dir, Some(Node::Dir)),
                }
            }
            Ok(())
        })
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let path = normal(path);
        self.look(|state| {
            match state.names.get(&path) {
                Some(Node::Dir) => {}
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => return Err(io::ErrorKind::NotFound.into()),
            }
            let entry = |(name, node)| match node {
                Node::Dir => Entry { name, len: 0, is_dir: true },
                Node::File(number) => {
                    let len = state.inodes.get(&number).map_or(0, Inode::len);
                    Entry { name, len, is_dir: false }
                }
            };
            let mut entries: Vec<Entry> = state.names.list(&path).map(entry).collect();
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(entries)
        })
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        self.look(|state| Ok(state.names.get(&normal(path)).is_some()))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let path = normal(path);
        self.change(|state| {
            if state.names.get(&path) != Some(Node::Dir) {
                return Err(io::ErrorKind::NotFound.into());
            }
            state.names.sync_dir(&path);
            Ok(())
        })
    }

    fn boot_id(&self) -> io::Result<String> {
        self.look(|state| Ok(format!("simulated-boot-{}", state.boot)))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let path = normal(path);
        let id = self.change(|state| {
            if state.names.get(&path).is_none() {
                state.create(&path)?;
            }
            state.file_at(&path)?;
            if state.locks.contains_key(&path) {
                return Ok(None);
            }
            let id = state.next_lock;
            state.next_lock += 1;
            state.locks.insert(path.clone(), id);
            Ok(Some(id))
        })?;
        Ok(id.map(|id| Box::new(SimLock { disk: self.clone(), path, id }) as Box<dyn Lock>))
    }

    fn free_space(&self, path: &Path) -> io::Result<u64> {
        self.look(|state| {
            if state.names.get(&normal(path)).is_none() {
                return Err(io::ErrorKind::NotFound.into());
            }
            Ok(state.capacity.unwrap_or(u64::MAX).saturating_sub(state.used_bytes()))
        })
    }
}
