//! The flusher: commits the turn's log, then sends what has become sendable.

use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::io_threads::{IoThreads, Job};
use super::shared::{Connection, Network};
use super::stream::WriteHalf;
use crate::engine::{Order, Session, Ticket};
use crate::resp::parcel::{PIECES_MAX, Parcel};

/// Runs for as long as the server: one round for each turn of the event loop that left work.
pub async fn run(network: Rc<Network>) {
    loop {
        network.flush_requested().notified().await;
        round(&network);
    }
}

/// Commits, carries out orders, and sends to every connection that has something to send.
pub fn round(network: &Rc<Network>) {
    let mut sent = Sent::default();
    collect(network, &mut sent);
    network.service.commit();
    carry_out_orders(network);
    let released = network.service.released();
    let gated = std::mem::take(&mut *network.gated.borrow_mut());
    let ready = std::mem::take(&mut *network.ready.borrow_mut());
    let connections = gated.len() + ready.len();
    let helpers = network.io_threads.as_ref().filter(|t| t.are_worth_waking(connections));
    for connection in gated.iter().chain(&ready) {
        connection.queued.set(false);
        send(network, connection, released, helpers, &mut sent);
    }
    if let Some(helpers) = helpers {
        helpers.hand_over();
    }
    recycle(network, ready);
    if sent.bytes > 0 {
        network.service.count_writes(sent.writes, sent.bytes);
    }
}

/// What was sent, for the figures.
#[derive(Debug, Default)]
struct Sent {
    writes: usize,
    bytes: usize,
}

impl Sent {
    fn add(&mut self, bytes: usize) {
        self.writes += usize::from(bytes > 0);
        self.bytes += bytes;
    }
}

/// Takes in what the I/O threads have done.
fn collect(network: &Rc<Network>, sent: &mut Sent) {
    let Some(threads) = &network.io_threads else { return };
    while let Some(turn) = threads.take_done() {
        for job in turn {
            sent.add(job.sent);
            let Some(connection) = network.connections.borrow().get(&job.client).cloned() else {
                continue;
            };
            take_back(network, &connection, job);
        }
    }
}

fn take_back(network: &Rc<Network>, connection: &Rc<Connection>, job: Job) {
    connection.in_flight.set(0);
    let Job { parcel, result, write, .. } = job;
    // Whoever takes the socket over takes it whole.
    drop(write);
    match result {
        Ok(()) => {
            network.spares.borrow_mut().put(parcel.into_buffer());
            let session = connection.session.borrow();
            if session.closing {
                connection.wake.notify_one();
            }
            if session.out.pending_bytes() > 0 || session.has_mail() {
                drop(session);
                network.make_ready(connection);
            } else {
                session.card.output_bytes.set(0);
            }
        }
        Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
            *connection.rest.borrow_mut() = parcel;
            drain_later(network, connection);
        }
        Err(_) => {
            connection.killed.set(true);
            connection.wake.notify_one();
        }
    }
}

/// Gives the ready list its memory back, keeping what was added meanwhile.
fn recycle(network: &Network, mut list: Vec<Rc<Connection>>) {
    list.clear();
    let mut ready = network.ready.borrow_mut();
    list.append(&mut ready);
    *ready = list;
}

fn carry_out_orders(network: &Rc<Network>) {
    for order in network.service.take_orders() {
        let (Order::Deliver { client, .. }
        | Order::Mail { client }
        | Order::Kill { client }
        | Order::Unblock { client, .. }) = &order;
        let Some(connection) = network.connections.borrow().get(client).cloned() else { continue };
        match order {
            Order::Deliver { bytes, needs, .. } => {
                let mut session = connection.session.borrow_mut();
                session.take_in_mail(network.service.released());
                session.out.reply.raw(&bytes);
                session.out.seal(needs, network.service.released());
                drop(session);
                network.make_ready(&connection);
            }
            Order::Mail { .. } => network.make_ready(&connection),
            Order::Kill { .. } => {
                connection.killed.set(true);
                connection.wake.notify_one();
            }
            Order::Unblock { bytes, .. } => {
                connection.unblocked.replace(Some(bytes));
                connection.wake.notify_one();
            }
        }
    }
}

/// Sends what may go, or has one of `helpers` send it. A client that leaves too much unread is cut off,
/// also while nothing can be sent to it.
fn send(
    network: &Rc<Network>,
    connection: &Rc<Connection>,
    released: Ticket,
    helpers: Option<&IoThreads>,
    sent: &mut Sent,
) {
    if connection.killed.get() {
        return;
    }
    let mut session = connection.session.borrow_mut();
    if !connection.draining.get() && connection.in_flight.get() == 0 {
        if session.has_mail() {
            session.out.lend(|| network.spares.borrow_mut().take());
            session.take_in_mail(released);
        }
        let result = match helpers {
            Some(helpers) => {
                give(connection, &mut session, released, helpers);
                Ok(())
            }
            None => send_now(network, connection, &mut session, released, sent),
        };
        if result.is_err() {
            connection.killed.set(true);
            connection.wake.notify_one();
            return;
        }
        if session.out.is_gated() {
            if !connection.queued.replace(true) {
                network.gated.borrow_mut().push(Rc::clone(connection));
            }
        } else if session.closing && connection.owed_bytes(&session) == 0 {
            connection.wake.notify_one();
        }
    }
    if let Some(buffer) = session.out.reclaim() {
        network.spares.borrow_mut().put(buffer);
    }
    let owed_bytes = connection.owed_bytes(&session);
    session.card.output_bytes.set(owed_bytes);
    let limit = network.service.output_limit(&session);
    if over_limit(connection, owed_bytes as u64, &limit) {
        tracing::warn!(
            client = connection.id,
            pending_bytes = owed_bytes,
            "client closed for overcoming of output buffer limits"
        );
        connection.killed.set(true);
        connection.wake.notify_one();
    }
}

/// Adds what may go to the turn that is handed to the I/O threads.
fn give(connection: &Connection, session: &mut Session, released: Ticket, helpers: &IoThreads) {
    let Some(write) = connection.write.borrow().clone() else { return };
    let mut parcel = std::mem::take(&mut *connection.rest.borrow_mut());
    if parcel.is_empty() {
        parcel = session.out.take_sendable(released);
    }
    if !parcel.is_empty() {
        connection.in_flight.set(parcel.len());
        helpers.add(Job { client: connection.id, write, parcel, sent: 0, result: Ok(()) });
    }
}

/// Writes until everything released is written or the socket is full.
fn send_now(
    network: &Rc<Network>,
    connection: &Rc<Connection>,
    session: &mut Session,
    released: Ticket,
    sent: &mut Sent,
) -> io::Result<()> {
    let Some(write) = connection.write.borrow().clone() else { return Ok(()) };
    loop {
        let mut rest = connection.rest.borrow_mut();
        let (written, offered) = write_once(&write, &rest, session, released);
        if offered == 0 {
            return Ok(());
        }
        match written {
            Ok(len) => {
                sent.add(len);
                if rest.is_empty() {
                    session.out.consume(len);
                } else {
                    rest.consume(len);
                }
                if len < offered {
                    drain_later(network, connection);
                    return Ok(());
                }
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                drain_later(network, connection);
                return Ok(());
            }
            Err(e) => return Err(e),
        }
    }
}

/// Offers the socket what is to be sent first, in one call; what became of it, and how many bytes it was.
fn write_once(
    write: &WriteHalf,
    rest: &Parcel,
    session: &mut Session,
    released: Ticket,
) -> (io::Result<usize>, usize) {
    if rest.is_empty() && !session.out.has_inserts() {
        let bytes = session.out.sendable(released);
        let written = if bytes.is_empty() { Ok(0) } else { write.try_write(bytes) };
        return (written, bytes.len());
    }
    let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
    let count = if rest.is_empty() {
        session.out.pieces(released, &mut pieces)
    } else {
        rest.pieces(&mut pieces)
    };
    let pieces = &pieces[..count];
    let offered = pieces.iter().map(|piece| piece.len()).sum();
    (if offered == 0 { Ok(0) } else { write.try_write_pieces(pieces) }, offered)
}

fn over_limit(
    connection: &Connection,
    pending_bytes: u64,
    limit: &crate::engine::service::OutputLimit,
) -> bool {
    if limit.hard_bytes > 0 && pending_bytes >= limit.hard_bytes {
        return true;
    }
    if limit.soft_bytes == 0 || pending_bytes < limit.soft_bytes {
        connection.soft_since.set(None);
        return false;
    }
    match connection.soft_since.get() {
        None => {
            connection.soft_since.set(Some(Instant::now()));
            false
        }
        Some(since) => since.elapsed() > Duration::from_secs(limit.soft_seconds),
    }
}

/// Hands a full socket to a task of its own, which puts the connection back when there is room.
fn drain_later(network: &Rc<Network>, connection: &Rc<Connection>) {
    let Some(write) = connection.write.borrow().clone() else { return };
    connection.draining.set(true);
    let (network, connection) = (Rc::clone(network), Rc::clone(connection));
    tokio::task::spawn_local(async move {
        let writable = write.writable().await;
        connection.draining.set(false);
        if writable.is_ok() {
            network.make_ready(&connection);
        } else {
            connection.killed.set(true);
            connection.wake.notify_one();
        }
    });
}
