//! What the connections, the flusher and the listeners share: the registry and the ready list.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use super::io_threads::IoThreads;
use super::stream::WriteHalf;
use crate::base::limits::READ_CHUNK_LEN;
use crate::engine::{Service, Session};
use crate::resp::parcel::Parcel;

/// One connection as the flusher sees it.
#[derive(Debug)]
pub struct Connection {
    /// The client's number.
    pub id: u64,
    /// The engine's side. Borrowed for a call, never across an await.
    pub session: RefCell<Session>,
    /// Where replies go; gone once the socket has been taken over.
    pub write: RefCell<Option<Arc<WriteHalf>>>,
    /// What an I/O thread could not send: it comes before the session's.
    pub rest: RefCell<Parcel>,
    /// Bytes an I/O thread has.
    pub in_flight: Cell<usize>,
    /// In the ready list already.
    pub queued: Cell<bool>,
    /// A task waits for the socket to take more.
    pub draining: Cell<bool>,
    /// Close as soon as the reader's task looks.
    pub killed: Cell<bool>,
    /// Wakes the reader's task to look at `killed`, `closing` and `unblocked`.
    pub wake: Notify,
    /// The reply that ends a block, when another client gave it.
    pub unblocked: RefCell<Option<Vec<u8>>>,
    /// When the soft output limit was first exceeded, in milliseconds of the loop's clock.
    pub soft_since: Cell<Option<std::time::Instant>>,
}

impl Connection {
    /// Bytes of replies that are not sent yet, wherever they are.
    pub fn owed_bytes(&self, session: &Session) -> usize {
        session.out.pending_bytes()
            + session.mail_bytes()
            + self.rest.borrow().len()
            + self.in_flight.get()
    }
}

/// Emptied buffers, the one used last on top: a connection that owes nothing holds none for replies, and
/// one that sends long arguments borrows one.
#[derive(Debug, Default)]
pub(super) struct Spares {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

impl Spares {
    /// Capacity of a small buffer at most, in bytes.
    const SMALL_LEN_MAX: usize = 16 * 1024;
    const SMALL_COUNT_MAX: usize = 1024;
    /// Longer ones are given back to the allocator.
    const LARGE_LEN_MAX: usize = 4 * 1024 * 1024;
    const LARGE_COUNT_MAX: usize = 4;

    /// A buffer, with room if there is one left.
    pub fn take(&mut self) -> Vec<u8> {
        self.large.pop().or_else(|| self.small.pop()).unwrap_or_default()
    }

    /// A buffer for at least so many bytes, if there is one.
    pub fn take_for(&mut self, len: usize) -> Option<Vec<u8>> {
        self.large.pop_if(|buffer| buffer.capacity() >= len)
    }

    /// Keeps a buffer for the next.
    pub fn put(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        let (kept, count_max) = if buffer.capacity() <= Self::SMALL_LEN_MAX {
            (&mut self.small, Self::SMALL_COUNT_MAX)
        } else if buffer.capacity() <= Self::LARGE_LEN_MAX {
            (&mut self.large, Self::LARGE_COUNT_MAX)
        } else {
            return;
        };
        if kept.len() < count_max {
            kept.push(buffer);
        }
    }
}

/// The network layer's state; one for a server.
pub struct Network {
    /// The layers above.
    pub service: Rc<dyn Service>,
    pub(super) connections: RefCell<HashMap<u64, Rc<Connection>>>,
    pub(super) ready: RefCell<Vec<Rc<Connection>>>,
    pub(super) gated: RefCell<Vec<Rc<Connection>>>,
    pub(super) scratch: RefCell<Box<[u8]>>,
    pub(super) spares: RefCell<Spares>,
    pub(super) io_threads: Option<IoThreads>,
    flush: Arc<Notify>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("connections", &self.connections.borrow().len()).finish()
    }
}

impl Network {
    /// A network over `service`; `flush` is notified, from any thread, when the service has released
    /// more or has orders. Replies are sent with the help of `io_threads` more threads.
    ///
    /// # Errors
    /// When the system has no thread left.
    pub fn new(
        service: Rc<dyn Service>,
        flush: Arc<Notify>,
        io_threads: usize,
    ) -> io::Result<Rc<Self>> {
        let threads = (io_threads > 0).then(|| IoThreads::start(io_threads, &flush)).transpose()?;
        Ok(Rc::new(Self {
            service,
            connections: RefCell::default(),
            ready: RefCell::default(),
            gated: RefCell::default(),
            spares: RefCell::default(),
            scratch: RefCell::new(vec![0; READ_CHUNK_LEN].into_boxed_slice()),
            io_threads: threads,
            flush,
        }))
    }

    /// Number of open connections.
    pub fn connection_count(&self) -> usize {
        self.connections.borrow().len()
    }

    pub(super) fn flush_requested(&self) -> &Notify {
        &self.flush
    }

    /// Puts the connection on the list that the flusher works through at the end of this turn.
    pub(super) fn make_ready(&self, connection: &Rc<Connection>) {
        if !connection.queued.replace(true) {
            self.ready.borrow_mut().push(Rc::clone(connection));
            self.flush.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_large_buffers_are_kept_and_the_last_comes_first() {
        let mut spares = Spares::default();
        assert_eq!(spares.take().capacity(), 0);
        spares.put(Vec::with_capacity(100));
        for megabytes in [1, 2, 3, 1, 2, 64] {
            spares.put(Vec::with_capacity(megabytes << 20));
        }
        assert!(spares.take_for(2 << 20).is_none(), "the one on top is too short");
        for megabytes in [1, 3, 2, 1] {
            assert_eq!(spares.take().capacity(), megabytes << 20);
        }
        assert_eq!(spares.take().capacity(), 100);
        let mut used = Vec::with_capacity(10);
        used.push(1);
        spares.put(used);
        assert!(spares.take().is_empty());
    }
}
