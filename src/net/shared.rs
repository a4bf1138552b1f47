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

/// One connection as the flusher sees it.
#[derive(Debug)]
pub struct Connection {
    /// The client's number.
    pub id: u64,
    /// The engine's side. Borrowed for a call, never across an await.
    pub session: RefCell<Session>,
    /// Where replies go; gone once the socket has been taken over.
    pub write: RefCell<Option<Arc<WriteHalf>>>,
    /// Bytes an I/O thread could not send: they come before the session's.
    pub rest: RefCell<Rest>,
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

/// Bytes left over from a full socket, or nothing and a buffer for the next.
#[derive(Debug, Default)]
pub struct Rest {
    /// The buffer.
    pub bytes: Vec<u8>,
    /// How much of it was sent.
    pub sent: usize,
}

impl Rest {
    /// What is still to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }
}

impl Connection {
    /// Bytes of replies that are not sent yet, wherever they are.
    pub fn owed_bytes(&self, session: &Session) -> usize {
        session.out.pending_bytes() + self.rest.borrow().unsent().len() + self.in_flight.get()
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
