//! Client-side caching: who is told that its copies are old, and when.
//!
//! What always holds:
//! - A message is put into the mailbox of its client when the command that changes the key ends. A mailbox
//!   is emptied before its client's next command runs, so in one connection the message comes before every
//!   reply that shows the new value, or anything written after it. Broadcasts are gathered for a turn, and
//!   sent before a client that tracks has its turn at running commands: only what its own commands have just
//!   changed it is told behind them.
//! - A message waits for no disk, other than messages of channels: that a copy is to be thrown away is true
//!   whether or not the change survives a power cut, and whoever reads the key anew waits at the gate for
//!   what it shows. So under `always` a cache is emptied before anybody at all can see the new value: the
//!   replies that show it are released by the commit of the turn at the earliest, and the messages of the
//!   turn are handed out together with the first of them.
//! - It comes behind the reply of the command that causes it, and behind EXEC's.
//!
//! A redirected message is in another connection than the replies, and has no order with them.

use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use super::executor::Engine;
use super::gate::Ticket;
use super::mailbox::Message;
use super::session::{Card, Session};
use super::tracking::{Remembered, Tracked, Writer};
use crate::command::key_positions::for_each_key;
use crate::command::spec::Flags;
use crate::command::{Event, Spec};
use crate::resp::encode::{push_bulk, push_decimal};
use crate::resp::{Args, Protocol};

/// The channel of a redirected message in RESP2.
const CHANNEL: &[u8] = b"__redis__:invalidate";
/// Keys forgotten at most, beside one for each new one, when more are remembered than should be.
const TRIMMED_MAX: usize = 1000;

/// What is told: which copies are old.
struct Invalidation {
    /// An array of keys, encoded; nothing where it is all.
    keys: Option<Vec<u8>>,
    push: OnceCell<Message>,
    message: OnceCell<Message>,
}

impl Invalidation {
    /// Of these keys.
    fn of<'k>(keys: impl ExactSizeIterator<Item = &'k [u8]>) -> Self {
        let mut encoded = vec![b'*'];
        push_decimal(&mut encoded, keys.len());
        encoded.extend_from_slice(b"\r\n");
        keys.for_each(|key| push_bulk(&mut encoded, key));
        Self { keys: Some(encoded), push: OnceCell::new(), message: OnceCell::new() }
    }

    /// Of all keys.
    fn of_everything() -> Self {
        Self { keys: None, push: OnceCell::new(), message: OnceCell::new() }
    }

    /// The message for a receiver of this protocol.
    fn message(&self, protocol: Protocol) -> &Message {
        let (cell, head, null): (_, &[&[u8]], &[u8]) = match protocol {
            Protocol::Resp3 => (&self.push, &[b"invalidate"], b"_\r\n"),
            Protocol::Resp2 => (&self.message, &[b"message", CHANNEL], b"$-1\r\n"),
        };
        cell.get_or_init(|| {
            let mut bytes = Vec::new();
            push_decimal(&mut bytes, head.len() + 1);
            bytes.extend_from_slice(b"\r\n");
            head.iter().for_each(|word| push_bulk(&mut bytes, word));
            bytes.extend_from_slice(self.keys.as_deref().unwrap_or(null));
            Message::from_encoded(&bytes)
        })
    }
}

/// Tells a client that the connection is gone that was to be told in its place.
fn broken(id: u64) -> Message {
    let mut bytes = b"2\r\n".to_vec();
    push_bulk(&mut bytes, b"tracking-redir-broken");
    bytes.push(b':');
    push_decimal(&mut bytes, id);
    bytes.extend_from_slice(b"\r\n");
    Message::from_encoded(&bytes)
}

impl Engine {
    /// Has a client be tracked, in place of what it asked for before.
    pub fn track(&mut self, session: &mut Session, tracked: Tracked) {
        let before = session.card.tracked.replace(None).map(|before| before.prefixes);
        let gone: BTreeSet<_> =
            before.unwrap_or_default().difference(&tracked.prefixes).cloned().collect();
        self.tracking.join(&session.card, &tracked.prefixes);
        self.tracking.leave_prefixes(session.id(), &gone);
        session.card.tracked.replace(Some(tracked));
        session.is_tracked = true;
        self.watching_changed();
    }

    /// Has a client be tracked no more: `CLIENT TRACKING OFF`, RESET, and a client that left.
    pub fn untrack(&mut self, session: &mut Session) {
        if let Some(tracked) = session.card.tracked.take() {
            self.tracking.leave(session.id(), &tracked.prefixes);
            session.is_tracked = false;
            self.watching_changed();
        }
    }

    /// Remembers the keys that a client has read with a command, so that it is told when they change.
    pub(super) fn remember_keys(&mut self, client: u64, spec: &Spec, args: &Args<'_>) {
        if !spec.flags.has(Flags::READONLY) || spec.flags.has(Flags::PUBSUB) {
            return;
        }
        let remembered = &mut self.tracking.remembered;
        let before = remembered.len();
        for_each_key(spec, args, |key| remembered.add(&args[key.index], client));
        let new = remembered.len().saturating_sub(before);
        self.trim_remembered(TRIMMED_MAX + new);
    }

    /// Forgets keys by chance while there are too many, and has their copies thrown away, the running
    /// client's among them.
    fn trim_remembered(&mut self, trimmed_max: usize) {
        let keys_max = usize::try_from(self.settings.tracked_keys_max).unwrap_or(usize::MAX);
        if keys_max == 0 {
            return;
        }
        let running = std::mem::take(&mut self.tracking.running);
        for _ in 0..trimmed_max {
            let count = self.tracking.remembered.len();
            if count <= keys_max {
                break;
            }
            let place = self.random_below(count);
            if let Some(key) = self.tracking.remembered.key(place) {
                self.tell_holders(&key);
            }
        }
        self.tracking.running = running;
    }

    /// Notes what the command that has just run has changed.
    pub(super) fn invalidate<'e>(&mut self, events: impl Iterator<Item = Event<'e>>) {
        let mut flushed = false;
        for event in events {
            match event {
                Event::Modified { key, by_time, .. } => {
                    let running = self.tracking.running;
                    if by_time {
                        self.tracking.running = 0;
                    }
                    self.tracking.note_change(key);
                    self.tell_holders(key);
                    self.tracking.running = running;
                }
                // FLUSHALL is told of as that of each database, and throws everything away once.
                Event::Flushed { .. } if !flushed => {
                    flushed = true;
                    self.invalidate_everything();
                }
                Event::Flushed { .. } | Event::Swapped { .. } | Event::Notify { .. } => {}
            }
        }
    }

    /// Tells everybody who may hold a key, and forgets it.
    fn tell_holders(&mut self, key: &[u8]) {
        let holders = self.tracking.remembered.take(key);
        if holders.is_empty() {
            return;
        }
        let invalidation = Invalidation::of([key].into_iter());
        for client in holders {
            let Some(card) = self.tracking.clients.get(&client).cloned() else { continue };
            let mode = card.tracked.borrow().as_ref().map(|tracked| tracked.mode);
            let is_own = client == self.tracking.running;
            if mode.is_some_and(|mode| !(mode.broadcast || mode.no_loop && is_own)) {
                self.send_invalidation(&card, &invalidation);
            }
        }
    }

    /// Tells everybody that all copies are old: a database was emptied, or the data set is another one.
    pub(super) fn invalidate_everything(&mut self) {
        if !self.tracking.is_on() {
            return;
        }
        self.tracking.remembered = Remembered::default();
        let invalidation = Invalidation::of_everything();
        let clients: Vec<Rc<Card>> = self.tracking.clients.values().cloned().collect();
        clients.iter().for_each(|card| self.send_invalidation(card, &invalidation));
    }

    /// Tells those who track by prefix what has changed since the last call.
    pub fn broadcast_changes(&mut self) {
        if !std::mem::take(&mut self.tracking.has_changed) {
            return;
        }
        let prefixes = self.tracking.prefixes.values_mut();
        let due = prefixes.filter(|prefix| !prefix.changed.is_empty());
        let due: Vec<_> =
            due.map(|p| (p.clients.clone(), std::mem::take(&mut p.changed))).collect();
        for (clients, changed) in due {
            let of_all = Invalidation::of(changed.keys().map(|key| &**key));
            for card in clients {
                let mode = card.tracked.borrow().as_ref().map(|tracked| tracked.mode);
                let Some(mode) = mode else { continue };
                let own = Writer::One(card.id);
                if !mode.no_loop || changed.values().all(|&writer| writer != own) {
                    self.send_invalidation(&card, &of_all);
                    continue;
                }
                let others: Vec<&[u8]> = changed
                    .iter()
                    .filter(|(_, writer)| **writer != own)
                    .map(|(key, _)| &**key)
                    .collect();
                if !others.is_empty() {
                    let of_others = Invalidation::of(others.into_iter());
                    self.send_invalidation(&card, &of_others);
                }
            }
        }
    }

    /// Sends to a client that tracks, or to the connection that is told in its place. RESP2 knows no
    /// message but those of channels: who speaks it gets one in the place of another, as a subscriber.
    fn send_invalidation(&mut self, card: &Rc<Card>, invalidation: &Invalidation) {
        let redirect = match &*card.tracked.borrow() {
            Some(tracked) => tracked.redirect.clone(),
            None => return,
        };
        let Some(redirect) = redirect else {
            if card.protocol.get() == Protocol::Resp3 {
                self.mail(card, invalidation.message(Protocol::Resp3));
            }
            return;
        };
        match redirect.find() {
            Some(target) if target.protocol.get() == Protocol::Resp3 || target.is_subscribed() => {
                self.mail(&target, invalidation.message(target.protocol.get()));
            }
            Some(_) => {}
            None => {
                if let Some(tracked) = &*card.tracked.borrow() {
                    tracked.is_broken.set(true);
                }
                if card.protocol.get() == Protocol::Resp3 {
                    self.mail(card, &broken(redirect.id));
                }
            }
        }
    }

    fn mail(&mut self, card: &Card, message: &Message) {
        self.subscriptions.post(card.mailbox(), message, Ticket::NONE);
    }
}
