//! The flusher: commits the turn's log, then sends what has become sendable.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::shared::{Connection, Network};
use crate::engine::{Order, Session, Ticket};

/// Runs for as long as the server: one round for each turn of the event loop that left work.
pub async fn run(network: Rc<Network>) {
    loop {
        network.flush_requested().notified().await;
        round(&network);
    }
}

/// Commits, carries out orders, and sends to every connection that has something to send.
pub fn round(network: &Rc<Network>) {
    network.service.commit();
    carry_out_orders(network);
    let released = network.service.released();
    let (mut writes, mut sent_bytes) = (0, 0);
    let mut count = |sent: usize| {
        writes += usize::from(sent > 0);
        sent_bytes += sent;
    };
    let gated = std::mem::take(&mut *network.gated.borrow_mut());
    for connection in gated {
        connection.queued.set(false);
        count(send(network, &connection, released));
    }
    let ready = std::mem::take(&mut *network.ready.borrow_mut());
    for connection in &ready {
        connection.queued.set(false);
        count(send(network, connection, released));
    }
    recycle(network, ready);
    if sent_bytes > 0 {
        network.service.count_writes(writes, sent_bytes);
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
        | Order::Kill { client }
        | Order::Unblock { client, .. }) = &order;
        let Some(connection) = network.connections.borrow().get(client).cloned() else { continue };
        match order {
            Order::Deliver { bytes, needs, .. } => {
                let mut session = connection.session.borrow_mut();
                session.out.reply.raw(&bytes);
                session.out.seal(needs, network.service.released());
                drop(session);
                network.make_ready(&connection);
            }
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

/// Sends what may go; returns the bytes sent. A client that leaves too much unread is cut off, also
/// while nothing can be sent to it.
fn send(network: &Rc<Network>, connection: &Rc<Connection>, released: Ticket) -> usize {
    if connection.killed.get() {
        return 0;
    }
    let mut session = connection.session.borrow_mut();
    let mut sent = 0;
    if !connection.draining.get() {
        if send_now(network, connection, &mut session, released, &mut sent).is_err() {
            connection.killed.set(true);
            connection.wake.notify_one();
            return sent;
        }
        if session.out.is_gated() {
            if !connection.queued.replace(true) {
                network.gated.borrow_mut().push(Rc::clone(connection));
            }
        } else if session.closing && session.out.pending_bytes() == 0 {
            connection.wake.notify_one();
        }
    }
    session.card.output_bytes.set(session.out.pending_bytes());
    let limit = network.service.output_limit(&session);
    if over_limit(connection, session.out.pending_bytes() as u64, &limit) {
        tracing::warn!(
            client = connection.id,
            pending_bytes = session.out.pending_bytes(),
            "client closed for overcoming of output buffer limits"
        );
        connection.killed.set(true);
        connection.wake.notify_one();
    }
    sent
}

/// Writes until everything released is written or the socket is full; adds to `sent`.
fn send_now(
    network: &Rc<Network>,
    connection: &Rc<Connection>,
    session: &mut Session,
    released: Ticket,
    sent: &mut usize,
) -> io::Result<()> {
    let Some(write) = connection.write.borrow().clone() else { return Ok(()) };
    loop {
        let bytes = session.out.sendable(released);
        if bytes.is_empty() {
            return Ok(());
        }
        let offered = bytes.len();
        match write.try_write(bytes) {
            Ok(len) => {
                *sent += len;
                session.out.consume(len);
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
