//! Clients that wait for keys: who waits for what, in which order they are served, and what they are
//! told.
//!
//! What always holds: of those that wait for a key, the one that has waited longest is tried first, and
//! one that is tried in vain keeps its place. A command is tried as if it had come at that moment, at
//! the end of the command or transaction that made the key, before anybody else's next one. A group's
//! consumer is tried when its stream or its group has gone as well, and is told so.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::executor::{Engine, Host};
use super::gate::Ticket;
use super::service::{Answer, Pause};
use super::session::{Blocked, Card, ReplyMode, Session};
use crate::command::spec::Flags;
use crate::command::waiting::{Kind, Wanted};
use crate::command::{Event, Handler, Origin, Run, Spec};
use crate::resp::args::OwnedArgs;
use crate::resp::{Args, Protocol, Reply};

/// What those are told who may not wait any longer, because this server has become a replica.
pub const DEMOTED: &[u8] =
    b"-UNBLOCKED force unblock from blocking operation, instance state changed \
(master -> replica?)\r\n";

/// A command that waits.
#[derive(Debug)]
struct Waiter {
    client: u64,
    spec: &'static Spec,
    handler: Handler,
    args: OwnedArgs,
    db: usize,
    protocol: Protocol,
    keys: Vec<Vec<u8>>,
    kind: Kind,
    no_touch: bool,
    /// Its keys are remembered, for client-side caching.
    remembers: bool,
    /// Nobody is to be answered (`CLIENT REPLY`).
    is_silent: bool,
    answer: Rc<RefCell<Slot>>,
}

/// Where the answer goes, and who waits for it.
#[derive(Debug, Default)]
struct Slot {
    answer: Option<Answer>,
    waker: Option<Waker>,
}

/// All that wait, by their places in the queue.
#[derive(Debug, Default)]
struct Queue {
    next_place: u64,
    waiters: BTreeMap<u64, Waiter>,
    /// Places by database and key.
    by_key: HashMap<(usize, Vec<u8>), BTreeSet<u64>>,
    /// How often consumers wait for a key of this name, in whatever database.
    consumed: HashMap<Vec<u8>, usize>,
}

impl Queue {
    fn join(&mut self, waiter: Waiter) -> u64 {
        let place = self.next_place;
        self.next_place += 1;
        for key in &waiter.keys {
            self.by_key.entry((waiter.db, key.clone())).or_default().insert(place);
            if waiter.kind == Kind::Group {
                *self.consumed.entry(key.clone()).or_default() += 1;
            }
        }
        self.waiters.insert(place, waiter);
        place
    }

    fn leave(&mut self, place: u64) -> Option<Waiter> {
        let waiter = self.waiters.remove(&place)?;
        for key in &waiter.keys {
            let at = (waiter.db, key.clone());
            if let Some(places) = self.by_key.get_mut(&at) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_key.remove(&at);
                }
            }
            if waiter.kind == Kind::Group
                && let Some(count) = self.consumed.get_mut(key)
            {
                *count -= 1;
                if *count == 0 {
                    self.consumed.remove(key);
                }
            }
        }
        Some(waiter)
    }
}

/// The waiting clients of one server.
#[derive(Debug, Default)]
pub struct Waiters(Rc<RefCell<Queue>>);

impl Waiters {
    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.0.borrow().waiters.is_empty()
    }

    /// Whether any consumer waits for anything.
    fn has_consumers(&self) -> bool {
        !self.0.borrow().consumed.is_empty()
    }

    /// Whether a consumer waits for a key of this name.
    fn is_consumed(&self, key: &[u8]) -> bool {
        self.0.borrow().consumed.contains_key(key)
    }

    /// The keys that are waited for in one of these databases.
    fn keys_in(&self, databases: &[usize]) -> Vec<(usize, Vec<u8>)> {
        let queue = self.0.borrow();
        queue.by_key.keys().filter(|(db, _)| databases.contains(db)).cloned().collect()
    }

    fn places(&self, db: usize, key: &[u8]) -> Vec<u64> {
        let queue = self.0.borrow();
        let places = queue.by_key.get(&(db, key.to_vec()));
        places.map_or_else(Vec::new, |places| places.iter().copied().collect())
    }
}

/// A wait under way: the answer, or what is answered when the time is over. Dropping it gives it up.
struct Wait {
    queue: Rc<RefCell<Queue>>,
    place: u64,
    slot: Rc<RefCell<Slot>>,
    timeout: Option<Pause>,
    nothing: Vec<u8>,
    card: Rc<Card>,
}

impl Future for Wait {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        if let Some(answer) = self.slot.borrow_mut().answer.take() {
            return Poll::Ready(answer);
        }
        if let Some(timeout) = &mut self.timeout
            && timeout.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Answer::of(std::mem::take(&mut self.nothing)));
        }
        self.slot.borrow_mut().waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.queue.borrow_mut().leave(self.place);
        self.card.blocked.set(None);
    }
}

/// What is answered when the time is over: a missing array, whatever was waited for.
pub fn nothing_came(protocol: Protocol) -> Vec<u8> {
    let mut reply = Reply::new(protocol);
    reply.null_array();
    reply.into_bytes()
}

impl Engine {
    /// Has a session wait whose command, run a moment ago, wants to.
    pub(super) fn block(
        &mut self,
        host: &dyn Host,
        session: &Session,
        spec: &'static Spec,
        args: &Args<'_>,
        wanted: Wanted,
    ) -> super::service::Wait {
        let Run::Handler(handler) = spec.run else { unreachable!("handlers wait") };
        let is_silent = matches!(session.reply_mode, ReplyMode::Off | ReplyMode::SkipThis);
        let protocol = session.out.reply.protocol;
        let args = match &wanted.again {
            Some(words) => OwnedArgs::from_slices(words.iter().map(Vec::as_slice)),
            None => OwnedArgs::copy_of(args),
        };
        let slot = Rc::new(RefCell::new(Slot::default()));
        let place = self.waiters.0.borrow_mut().join(Waiter {
            client: session.id(),
            spec,
            handler,
            args,
            db: session.db,
            protocol,
            keys: wanted.keys,
            kind: wanted.kind,
            no_touch: session.card.no_touch.get(),
            remembers: session.remembers(),
            is_silent,
            answer: Rc::clone(&slot),
        });
        let is_consumer = wanted.kind == Kind::Group;
        let events = self.events();
        (events.awaited, events.consumed) = (true, events.consumed || is_consumer);
        session.card.blocked.set(Some(Blocked::Keys));
        let nothing = if is_silent { Vec::new() } else { nothing_came(protocol) };
        Box::pin(Wait {
            queue: Rc::clone(&self.waiters.0),
            place,
            slot,
            timeout: wanted.timeout_ms.map(|ms| host.sleep(ms)),
            nothing,
            card: Rc::clone(&session.card),
        })
    }

    /// Serves those that wait for what has just been made, and for what that makes in turn.
    pub(super) fn serve_waiters(&mut self) {
        if !self.events_ref().awaited || self.is_in_transaction() {
            return;
        }
        if self.waiters.is_empty() {
            let events = self.events();
            (events.awaited, events.consumed) = (false, false);
            events.take_ready();
            return;
        }
        loop {
            let ready = self.events().take_ready();
            if ready.is_empty() {
                return;
            }
            for (db, key) in ready {
                self.serve_key(db, &key);
            }
        }
    }

    fn serve_key(&mut self, db: usize, key: &[u8]) {
        for place in self.waiters.places(db, key) {
            let hash = self.keyspace.hash(key);
            let entry = self.keyspace.db(db).get(hash, key);
            if entry.is_none() && !self.waiters.is_consumed(key) {
                return;
            }
            let is_wanted = {
                let is_of = |kind: Kind| entry.is_some_and(|entry| kind.is_of(entry.value()));
                let queue = self.waiters.0.borrow();
                let kind = queue.waiters.get(&place).map(|waiter| waiter.kind);
                kind.is_some_and(|kind| kind == Kind::Group || is_of(kind))
            };
            if !is_wanted {
                continue;
            }
            let Some(waiter) = self.waiters.0.borrow_mut().waiters.remove(&place) else { continue };
            match self.try_again(&waiter) {
                None => {
                    self.waiters.0.borrow_mut().waiters.insert(place, waiter);
                }
                Some(answer) => {
                    let mut queue = self.waiters.0.borrow_mut();
                    queue.waiters.insert(place, waiter);
                    if let Some(waiter) = queue.leave(place) {
                        drop(queue);
                        give(&waiter, answer);
                    }
                }
            }
        }
    }

    /// Runs the command again; its answer, unless it still waits.
    fn try_again(&mut self, waiter: &Waiter) -> Option<Answer> {
        let mut reply = Reply::new(waiter.protocol);
        self.set_no_touch(waiter.no_touch);
        self.waiting.begin(true);
        let args = waiter.args.as_args();
        self.tracking.running = waiter.client;
        let outcome =
            self.run_handler(waiter.handler, waiter.db, &args, &mut reply, Origin::Client);
        self.tracking.running = 0;
        if waiter.remembers {
            self.remember_keys(waiter.client, waiter.spec, &args);
        }
        if self.waiting.take().is_some() {
            return None;
        }
        let last_write = outcome.wrote.then(|| self.offset());
        let bytes = reply.into_bytes();
        Some(Answer { bytes, needs: outcome.needs, last_write })
    }

    /// Notes what the command that has run means for those who wait, beside what it has made: two
    /// databases have changed places, or what a consumer waits for has changed or gone.
    pub(super) fn awaken_waiters(&mut self) {
        self.events().consumed = self.waiters.has_consumers();
        let mut ready = Vec::new();
        for event in self.events_ref().iter() {
            match event {
                Event::Swapped { first, second } => {
                    ready.extend(self.waiters.keys_in(&[first, second]));
                }
                Event::Flushed { db } => ready.extend(self.waiters.keys_in(&[db])),
                Event::Modified { db, key, .. } if self.waiters.is_consumed(key) => {
                    ready.push((db, key.to_vec()));
                }
                Event::Modified { .. } | Event::Notify { .. } => {}
            }
        }
        for (db, key) in ready {
            self.events().ready(db, &key);
        }
    }

    /// Serves these clients no more: somebody else has ended their waits, or their connections.
    pub fn forget_waiters(&mut self, clients: &[u64]) {
        let mut queue = self.waiters.0.borrow_mut();
        let waiters = queue.waiters.iter().filter(|(_, waiter)| clients.contains(&waiter.client));
        let places: Vec<u64> = waiters.map(|(place, _)| *place).collect();
        for place in places {
            queue.leave(place);
        }
    }

    /// Ends the waits of commands that may write, with an error: this server has become a replica.
    pub fn dismiss_writers(&mut self, error: &[u8]) {
        let places: Vec<u64> = {
            let queue = self.waiters.0.borrow();
            let writers = queue.waiters.iter().filter(|(_, w)| w.spec.flags.has(Flags::WRITE));
            writers.map(|(place, _)| *place).collect()
        };
        for place in places {
            let waiter = self.waiters.0.borrow_mut().leave(place);
            if let Some(waiter) = waiter {
                give(&waiter, Answer::of(error.to_vec()));
            }
        }
    }
}

fn give(waiter: &Waiter, mut answer: Answer) {
    if waiter.is_silent {
        answer.bytes.clear();
        answer.needs = Ticket::NONE;
    }
    let mut slot = waiter.answer.borrow_mut();
    slot.answer = Some(answer);
    if let Some(waker) = slot.waker.take() {
        waker.wake();
    }
}
