//! I/O threads (`io-threads`): replies are written to their sockets beside the executor.
//!
//! What a turn has to send is handed over as a whole, one message for each thread and turn, and what
//! became of it comes back the same way: on a busy server a wake-up is shared by many connections. A
//! connection has at most one job under way, so its bytes leave in order, whichever thread has them.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::Notify;

use super::stream::WriteHalf;
use crate::resp::parcel::Parcel;

/// With fewer connections for each thread it is not worth waking one.
const SHARE_MIN: usize = 2;

/// Bytes on their way to one socket.
#[derive(Debug)]
pub(super) struct Job {
    /// The client's number.
    pub client: u64,
    /// Its socket.
    pub write: Arc<WriteHalf>,
    /// What is to be sent.
    pub parcel: Parcel,
    /// How many bytes of it were.
    pub sent: usize,
    /// Why not all of it: `WouldBlock` when the socket was full.
    pub result: io::Result<()>,
}

/// The threads, and the turn that is being put together for them.
#[derive(Debug)]
pub(super) struct IoThreads {
    threads: Vec<Thread>,
    done: Receiver<Vec<Job>>,
    next: Cell<usize>,
}

#[derive(Debug)]
struct Thread {
    /// `None` once the thread is to end.
    turns: Option<Sender<Vec<Job>>>,
    turn: RefCell<Vec<Job>>,
    handle: Option<JoinHandle<()>>,
}

impl IoThreads {
    /// Starts `count` threads, which notify `flush` when a turn of theirs is done.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn start(count: usize, flush: &Arc<Notify>) -> io::Result<Self> {
        let (outbox, done) = channel();
        let start = |number| {
            let (turns, inbox) = channel::<Vec<Job>>();
            let (outbox, flush) = (outbox.clone(), Arc::clone(flush));
            let work = move || {
                for mut turn in inbox {
                    turn.iter_mut().for_each(Job::run);
                    if outbox.send(turn).is_err() {
                        break;
                    }
                    flush.notify_one();
                }
            };
            let name = format!("io-{number}");
            let handle = Some(std::thread::Builder::new().name(name).spawn(work)?);
            Ok(Thread { turns: Some(turns), turn: RefCell::default(), handle })
        };
        let threads = (1..=count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { threads, done, next: Cell::new(0) })
    }

    /// Whether a turn with replies for so many connections is worth handing over.
    pub fn are_worth_waking(&self, connections: usize) -> bool {
        connections >= SHARE_MIN * self.threads.len()
    }

    /// Adds to the turn.
    pub fn add(&self, job: Job) {
        let next = self.next.get();
        self.next.set((next + 1) % self.threads.len());
        self.threads[next].turn.borrow_mut().push(job);
    }

    /// Hands the turn over.
    pub fn hand_over(&self) {
        for thread in &self.threads {
            let turn = std::mem::take(&mut *thread.turn.borrow_mut());
            if turn.is_empty() {
                continue;
            }
            let given = thread.turns.as_ref().is_some_and(|turns| turns.send(turn).is_ok());
            assert!(given, "an I/O thread has died with replies in its hands");
        }
    }

    /// A turn that is done, if one is.
    pub fn take_done(&self) -> Option<Vec<Job>> {
        self.done.try_recv().ok()
    }
}

impl Drop for IoThreads {
    fn drop(&mut self) {
        for thread in &mut self.threads {
            thread.turns.take();
            if let Some(handle) = thread.handle.take() {
                // A panic there has been reported by its own thread.
                let _ = handle.join();
            }
        }
    }
}

impl Job {
    /// Writes until all is written or the socket is full.
    pub fn run(&mut self) {
        while !self.parcel.is_empty() {
            match self.write.try_write_parcel(&self.parcel) {
                Ok(len) => {
                    self.parcel.consume(len);
                    self.sent += len;
                }
                Err(error) => {
                    self.result = Err(error);
                    return;
                }
            }
        }
    }
}
