//! What the connections, the flusher and the listeners share: the registry and the ready list.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

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
    pub write: RefCell<Option<Rc<WriteHalf>>>,
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

/// The network layer's state; one for a server.
pub struct Network {
    /// The layers above.
    pub service: Rc<dyn Service>,
    pub(super) connections: RefCell<HashMap<u64, Rc<Connection>>>,
    pub(super) ready: RefCell<Vec<Rc<Connection>>>,
    pub(super) gated: RefCell<Vec<Rc<Connection>>>,
    pub(super) scratch: RefCell<Box<[u8]>>,
    flush: Arc<Notify>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("connections", &self.connections.borrow().len()).finish()
    }
}

impl Network {
    /// A network over `service`; `flush` is notified, from any thread, when the service has released
    /// more or has orders.
    pub fn new(service: Rc<dyn Service>, flush: Arc<Notify>) -> Rc<Self> {
        Rc::new(Self {
            service,
            connections: RefCell::default(),
            ready: RefCell::default(),
            gated: RefCell::default(),
            scratch: RefCell::new(vec![0; READ_CHUNK_LEN].into_boxed_slice()),
            flush,
        })
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
