//! One connection's task: read, parse, have the commands run, and leave the replies to the flusher.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::sync::Notify;

use super::shared::{Connection, Network};
use super::stream::{ReadHalf, WriteHalf, reunite};
use crate::base::limits::READ_CHUNK_LEN;
use crate::engine::service::{Answer, TakenSocket, Wait};
use crate::engine::{Flow, Peer, Session};
use crate::resp::Batch;
use crate::resp::request::RequestParser;

/// A query buffer with more spare room than this is given back once it is empty.
const CAPACITY_KEPT: usize = 32 * 1024;
/// Commands run in one turn at most.
const BATCH_COMMANDS_MAX: usize = 4096;

/// How far ahead of its bytes the query buffer is grown for an announced argument.
const GROW_AHEAD_MAX: usize = 1024 * 1024;
/// How long a closing connection may take to read its last replies.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the task of a connection ends.
enum End {
    Closed,
    TakenOver,
}

/// Serves one connection until it ends.
pub async fn serve(network: Rc<Network>, peer: Peer, read: ReadHalf, write: WriteHalf) {
    let session = match network.service.connect(&peer) {
        Ok(session) => session,
        Err(refusal) => {
            // The client may have gone already: there is nobody else to tell.
            let _ = write.try_write(refusal.as_bytes());
            return;
        }
    };
    let connection = Rc::new(Connection {
        id: session.id(),
        session: RefCell::new(session),
        write: RefCell::new(Some(Arc::new(write))),
        rest: RefCell::default(),
        in_flight: Cell::new(0),
        queued: Cell::new(false),
        draining: Cell::new(false),
        killed: Cell::new(false),
        wake: Notify::new(),
        unblocked: RefCell::new(None),
        soft_since: Cell::new(None),
    });
    network.connections.borrow_mut().insert(connection.id, Rc::clone(&connection));
    let mut reader = Reader {
        network: Rc::clone(&network),
        connection: Rc::clone(&connection),
        read,
        buffer: Vec::new(),
        parser: RequestParser::default(),
        batch: Batch::default(),
    };
    let end = reader.run().await;
    network.connections.borrow_mut().remove(&connection.id);
    match end {
        End::Closed => network.service.disconnect(&mut connection.session.borrow_mut()),
        End::TakenOver => reader.hand_over(),
    }
    connection.write.borrow_mut().take();
}

/// Makes room for so many more bytes, in a buffer that somebody left if there is one.
fn make_room(buffer: &mut Vec<u8>, missing: usize, network: &Network) {
    if buffer.capacity() - buffer.len() >= missing {
        return;
    }
    let mut spares = network.spares.borrow_mut();
    match spares.take_for(buffer.len() + missing) {
        None => buffer.reserve(missing),
        Some(mut larger) => {
            larger.extend_from_slice(buffer);
            spares.put(std::mem::replace(buffer, larger));
        }
    }
}

struct Reader {
    network: Rc<Network>,
    connection: Rc<Connection>,
    read: ReadHalf,
    /// Bytes of a request that is not whole yet.
    buffer: Vec<u8>,
    parser: RequestParser,
    batch: Batch,
}

impl Reader {
    async fn run(&mut self) -> End {
        loop {
            match self.fill().await {
                // A peer that says no more may still listen: it gets its replies.
                Ok(0) if !self.connection.killed.get() => return self.close().await,
                Ok(0) | Err(_) => return End::Closed,
                Ok(len) => self.network.service.count_read(len),
            }
            if let Some(end) = self.run_commands().await {
                return end;
            }
        }
    }

    /// Reads once, into the shared scratch buffer and from there behind what is held already; straight
    /// there where much is to come.
    /// An error is the end of the connection, and so is being killed.
    async fn fill(&mut self) -> io::Result<usize> {
        let Self { network, connection, read, buffer, parser, .. } = self;
        let missing = parser.buffer_len_wanted().saturating_sub(buffer.len());
        let woken = connection.wake.notified();
        tokio::pin!(woken);
        poll_fn(|cx| {
            loop {
                if connection.killed.get() || connection.session.borrow().closing {
                    return Poll::Ready(Ok(0));
                }
                if woken.as_mut().poll(cx).is_pending() {
                    break;
                }
                woken.set(connection.wake.notified());
            }
            if missing > READ_CHUNK_LEN {
                // The rest of a long argument goes where it belongs, in as few reads as the socket gives.
                if buffer.capacity() - buffer.len() < READ_CHUNK_LEN {
                    make_room(buffer, missing.min(GROW_AHEAD_MAX), network);
                }
                return read.poll_read_behind(cx, buffer);
            }
            let mut scratch = network.scratch.borrow_mut();
            let mut chunk = ReadBuf::new(&mut scratch);
            match read.poll_read(cx, &mut chunk) {
                Poll::Ready(Ok(())) => {
                    buffer.extend_from_slice(chunk.filled());
                    Poll::Ready(Ok(chunk.filled().len()))
                }
                Poll::Ready(Err(e)) => Poll::Ready(Err(e)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// Runs every whole command in the buffer.
    async fn run_commands(&mut self) -> Option<End> {
        loop {
            let limits = self.network.service.limits(&self.connection.session.borrow());
            let commands_max = if limits.authenticated { BATCH_COMMANDS_MAX } else { 1 };
            let parsed = self.parser.fill(&self.buffer, &mut self.batch, &limits, commands_max);
            let ran = self.batch.len();
            if let Some(end) = self.run_batch().await {
                return Some(end);
            }
            self.drop_used();
            if let Err(error) = parsed {
                let text = error.reply_text();
                self.network
                    .service
                    .protocol_error(&mut self.connection.session.borrow_mut(), &text);
                return Some(self.close().await);
            }
            if self.over_query_limit() {
                return Some(End::Closed);
            }
            if ran < commands_max {
                return None;
            }
            // Others' commands and the flusher come between two batches.
            tokio::task::yield_now().await;
        }
    }

    async fn run_batch(&mut self) -> Option<End> {
        let mut first = 0;
        while first < self.batch.len() {
            let (next, flow) = self.run_from(first);
            first = next;
            self.network.make_ready(&self.connection);
            match flow {
                Flow::Continue => {}
                Flow::Close => return Some(self.close().await),
                Flow::TakeOver => return Some(self.take_over().await),
                Flow::Block(wait) => {
                    if let Some(end) = self.block(wait).await {
                        return Some(end);
                    }
                }
                Flow::Postpone(pause) => pause.await,
            }
            if self.connection.killed.get() {
                return Some(End::Closed);
            }
        }
        None
    }

    /// Has the batch's commands run, from one of them on, until one keeps the others from running.
    fn run_from(&mut self, first: usize) -> (usize, Flow) {
        let Self { network, connection, buffer, parser, batch, .. } = self;
        let mut session = connection.session.borrow_mut();
        session.out.lend(|| network.spares.borrow_mut().take());
        if !batch.wants_buffer(buffer.len()) {
            return network.service.run(&mut session, buffer, batch, first);
        }
        let lent = batch.lend(std::mem::take(buffer));
        let ran = network.service.run(&mut session, &lent, batch, first);
        match batch.take_back(lent) {
            Some(bytes) => *buffer = bytes,
            // The key that was set has it now: nothing of it is left to be parsed.
            None => {
                parser.discard(batch);
            }
        }
        ran
    }

    /// Waits for a blocked command's reply, for another client's word, or for the peer to go away.
    async fn block(&mut self, mut wait: Wait) -> Option<End> {
        loop {
            let connection = Rc::clone(&self.connection);
            let Answer { bytes, needs, last_write } = tokio::select! {
                biased;
                answer = &mut wait => answer,
                () = connection.wake.notified() => {
                    if connection.killed.get() {
                        return Some(End::Closed);
                    }
                    match connection.unblocked.take() {
                        Some(bytes) => Answer::of(bytes),
                        None => continue,
                    }
                }
                read = self.fill() => match read {
                    Ok(len) if len > 0 => {
                        self.network.service.count_read(len);
                        if self.over_query_limit() {
                            return Some(End::Closed);
                        }
                        continue;
                    }
                    _ => return Some(End::Closed),
                }
            };
            let mut session = connection.session.borrow_mut();
            session.card.blocked.set(None);
            let released = self.network.service.released();
            session.take_in_mail(released);
            session.out.reply.raw(&bytes);
            session.out.seal(needs, released);
            session.last_write = last_write.unwrap_or(session.last_write);
            drop(session);
            self.network.make_ready(&connection);
            return None;
        }
    }

    fn drop_used(&mut self) {
        let used = self.parser.discard(&mut self.batch);
        let left = self.buffer.len() - used;
        self.connection.session.borrow().card.query_bytes.set(left);
        if used == self.buffer.len() {
            self.buffer.clear();
            if self.buffer.capacity() > CAPACITY_KEPT {
                self.network.spares.borrow_mut().put(std::mem::take(&mut self.buffer));
            }
        } else {
            self.buffer.drain(..used);
            let wanted = self.parser.buffer_len_wanted().min(GROW_AHEAD_MAX);
            let missing = wanted.saturating_sub(self.buffer.len());
            make_room(&mut self.buffer, missing, &self.network);
        }
    }

    fn over_query_limit(&self) -> bool {
        let over = self.buffer.len() as u64 > self.network.service.query_buffer_max();
        if over {
            tracing::warn!(
                client = self.connection.id,
                query_buffer_bytes = self.buffer.len(),
                "closing client that reached max query buffer length"
            );
        }
        over
    }

    /// Sends what is owed, then ends; gives up when the client does not read or the log stands still.
    async fn close(&mut self) -> End {
        self.connection.session.borrow_mut().closing = true;
        self.network.make_ready(&self.connection);
        let connection = Rc::clone(&self.connection);
        let owed = async {
            while connection.owed_bytes(&connection.session.borrow()) > 0
                && !connection.killed.get()
            {
                connection.wake.notified().await;
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, owed).await.is_err() {
            tracing::debug!(client = self.connection.id, "client did not read its last replies");
        }
        End::Closed
    }

    /// Waits until no I/O thread has bytes of this connection: what the session still holds goes with it.
    async fn take_over(&self) -> End {
        let Connection { killed, rest, in_flight, wake, .. } = &*self.connection;
        let owes = || in_flight.get() > 0 || !rest.borrow().is_empty();
        self.connection.session.borrow_mut().closing |= owes();
        while owes() {
            if killed.get() {
                return End::Closed;
            }
            wake.notified().await;
        }
        self.connection.session.borrow_mut().closing = false;
        End::TakenOver
    }

    /// Gives the socket and the unread bytes to the service.
    fn hand_over(self) {
        let Self { network, connection, read, mut buffer, parser, .. } = self;
        buffer.drain(..parser.consumed());
        let Some(write) = connection.write.borrow_mut().take().and_then(Arc::into_inner) else {
            tracing::error!(client = connection.id, "the socket is still being written to");
            return;
        };
        let Some(stream) = reunite(read, write) else { return };
        let peer = connection.session.borrow().card.peer.clone();
        let session = connection.session.replace(Session::new(connection.id, peer, false, 0));
        network.service.take_over(session, TakenSocket { stream, unread: buffer });
    }
}
