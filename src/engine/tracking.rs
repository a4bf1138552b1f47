//! Client-side caching: which clients may hold copies of which keys.
//!
//! A client that tracks is told when a key may have changed that it has read, or every key that begins as
//! it wishes (`BCAST`). Keys are known by their names only, whatever database they are in. A key is
//! forgotten with the message that it has changed: who reads it again is told again.
//!
//! Pure bookkeeping: [`invalidate`](super::invalidate) says when it is done and who gets what.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::{Rc, Weak};

use super::session::Card;

/// How a client is tracked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackingMode {
    /// It is told of all keys with its prefixes, and none is remembered.
    pub broadcast: bool,
    /// Keys are remembered for commands behind `CLIENT CACHING YES` only.
    pub opt_in: bool,
    /// Keys are not remembered for commands behind `CLIENT CACHING NO`.
    pub opt_out: bool,
    /// It is not told of what it changes itself.
    pub no_loop: bool,
}

/// The connection that gets a client's messages in its place.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// Its number.
    pub id: u64,
    /// What is known of it, as long as it is there.
    pub card: Weak<Card>,
}

impl Redirect {
    /// The connection, if it can still be told anything.
    pub fn find(&self) -> Option<Rc<Card>> {
        self.card.upgrade().filter(|card| card.takes_mail.get())
    }
}

/// What one client has asked for with `CLIENT TRACKING ON`.
#[derive(Clone, Debug, Default)]
pub struct Tracked {
    /// How.
    pub mode: TrackingMode,
    /// Who is told in its place.
    pub redirect: Option<Redirect>,
    /// A message could not be sent, because that connection was gone.
    pub is_broken: Cell<bool>,
    /// `CLIENT CACHING` was called for the next command.
    pub caching: Cell<bool>,
    /// What the keys begin with that it is told of, with `BCAST`; no two begin alike.
    pub prefixes: BTreeSet<Rc<[u8]>>,
}

impl Tracked {
    /// Whether the keys of the command under way are remembered.
    pub fn remembers(&self) -> bool {
        let TrackingMode { broadcast, opt_in, opt_out, .. } = self.mode;
        let caching = self.caching.get();
        !broadcast && (!opt_in || caching) && (!opt_out || !caching)
    }

    /// The number of the connection that is told in its place, 0 for none.
    pub fn redirect_id(&self) -> u64 {
        self.redirect.as_ref().map_or(0, |redirect| redirect.id)
    }
}

/// Keys that were read, with those who may hold them.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    /// Places in `keys`.
    places: HashMap<Rc<[u8]>, usize>,
    keys: Vec<(Rc<[u8]>, Holders)>,
    items: usize,
}

/// Numbers of clients, in their order.
type Holders = Vec<u64>;

impl Remembered {
    /// Number of keys.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Pairs of a key and a client.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Remembers that a client has read a key; twice is once.
    pub fn add(&mut self, key: &[u8], client: u64) {
        let place = match self.places.get(key) {
            Some(&place) => place,
            None => {
                let key: Rc<[u8]> = key.into();
                self.places.insert(Rc::clone(&key), self.keys.len());
                self.keys.push((key, Holders::new()));
                self.keys.len() - 1
            }
        };
        let holders = &mut self.keys[place].1;
        if let Err(at) = holders.binary_search(&client) {
            holders.insert(at, client);
            self.items += 1;
        }
    }

    /// Forgets a key; who may hold it.
    pub fn take(&mut self, key: &[u8]) -> Holders {
        let Some(place) = self.places.remove(key) else { return Holders::new() };
        let (_, holders) = self.keys.swap_remove(place);
        if let Some((moved, _)) = self.keys.get(place) {
            self.places.insert(Rc::clone(moved), place);
        }
        self.items -= holders.len();
        holders
    }

    /// A key by its place.
    pub fn key(&self, place: usize) -> Option<Rc<[u8]>> {
        self.keys.get(place).map(|(key, _)| Rc::clone(key))
    }
}

/// Who changed a key in this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// This client and no other.
    One(u64),
    /// Several, or nobody's command: the end of its time, a master.
    Any,
}

/// What is to be told of the keys that begin in one way.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    /// Who wants to be told.
    pub clients: Vec<Rc<Card>>,
    /// The keys changed in this turn, in their order.
    pub changed: BTreeMap<Box<[u8]>, Writer>,
}

/// All that is tracked for all clients.
#[derive(Debug, Default)]
pub struct Tracking {
    /// Those who track.
    pub(super) clients: BTreeMap<u64, Rc<Card>>,
    pub(super) remembered: Remembered,
    /// By what the keys begin with.
    pub(super) prefixes: BTreeMap<Rc<[u8]>, Prefix>,
    /// Keys have changed and the broadcast of it is due.
    pub(super) has_changed: bool,
    /// The client whose command is being run; 0 while it is nobody's.
    pub(super) running: u64,
}

impl Tracking {
    /// Whether anybody tracks.
    pub fn is_on(&self) -> bool {
        !self.clients.is_empty()
    }

    /// Clients that track (`tracking_clients`).
    pub fn client_count(&self) -> usize {
        self.clients.len()
    }

    /// Keys that are remembered (`tracking_total_keys`).
    pub fn key_count(&self) -> usize {
        self.remembered.len()
    }

    /// Pairs of a remembered key and a client that may hold it (`tracking_total_items`).
    pub fn item_count(&self) -> usize {
        self.remembered.items()
    }

    /// Prefixes that somebody is told of (`tracking_total_prefixes`).
    pub fn prefix_count(&self) -> usize {
        self.prefixes.len()
    }

    /// Whether the broadcast of changed keys is due.
    pub fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Has a client be tracked as its card says.
    pub(super) fn join(&mut self, card: &Rc<Card>, prefixes: &BTreeSet<Rc<[u8]>>) {
        self.clients.insert(card.id, Rc::clone(card));
        for prefix in prefixes {
            let clients = &mut self.prefixes.entry(Rc::clone(prefix)).or_default().clients;
            if !clients.iter().any(|client| client.id == card.id) {
                clients.push(Rc::clone(card));
            }
        }
    }

    /// Has a client be tracked no more. What was remembered for it is forgotten as the keys change, and
    /// all of it with the last client.
    pub(super) fn leave(&mut self, client: u64, prefixes: &BTreeSet<Rc<[u8]>>) {
        self.clients.remove(&client);
        self.leave_prefixes(client, prefixes);
        if self.clients.is_empty() {
            self.remembered = Remembered::default();
            self.has_changed = false;
        }
    }

    /// Has a client not be told by these prefixes any more.
    pub(super) fn leave_prefixes(&mut self, client: u64, prefixes: &BTreeSet<Rc<[u8]>>) {
        for name in prefixes {
            let Some(prefix) = self.prefixes.get_mut(name) else { continue };
            prefix.clients.retain(|card| card.id != client);
            if prefix.clients.is_empty() {
                self.prefixes.remove(name);
            }
        }
    }

    /// Notes a change of a key for those who are told by prefix.
    pub(super) fn note_change(&mut self, key: &[u8]) {
        let writer = if self.running == 0 { Writer::Any } else { Writer::One(self.running) };
        for (name, prefix) in &mut self.prefixes {
            if !key.starts_with(name) {
                continue;
            }
            self.has_changed = true;
            match prefix.changed.get_mut(key) {
                Some(before) if *before != writer => *before = Writer::Any,
                Some(_) => {}
                None => {
                    prefix.changed.insert(key.into(), writer);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_once_a_client_and_forgotten_whole() {
        let mut remembered = Remembered::default();
        for (key, client) in [("a", 2), ("b", 1), ("a", 1), ("a", 2), ("c", 7)] {
            remembered.add(key.as_bytes(), client);
        }
        assert_eq!((remembered.len(), remembered.items()), (3, 4));
        assert_eq!(remembered.take(b"a"), [1, 2]);
        assert!(remembered.take(b"a").is_empty());
        assert_eq!((remembered.len(), remembered.items()), (2, 2));
        assert_eq!(remembered.key(0).as_deref(), Some(&b"c"[..]), "the last takes its place");
        assert_eq!(remembered.take(b"c"), [7]);
        assert_eq!(remembered.take(b"b"), [1]);
        assert_eq!((remembered.len(), remembered.items(), remembered.key(0)), (0, 0, None));
    }

    #[test]
    fn a_key_of_two_writers_is_nobodys() {
        let mut tracking = Tracking::default();
        for name in [&b"a"[..], b"ab", b"x"] {
            tracking.prefixes.insert(name.into(), Prefix::default());
        }
        let mut change = |running, key: &str| {
            tracking.running = running;
            tracking.note_change(key.as_bytes());
        };
        change(1, "abc");
        change(1, "abc");
        change(1, "a");
        change(2, "a");
        change(0, "abd");
        let seen: Vec<String> = tracking
            .prefixes
            .iter()
            .map(|(name, prefix)| format!("{} {:?}", name.escape_ascii(), prefix.changed.values()))
            .collect();
        assert_eq!(seen, ["a [Any, One(1), Any]", "ab [One(1), Any]", "x []"]);
        assert!(tracking.has_changed());
    }

    #[test]
    fn opting_in_and_out_turns_on_the_word_before_the_command() {
        let remembers = |mode, caching| {
            let tracked = Tracked { mode, caching: Cell::new(caching), ..Tracked::default() };
            tracked.remembers()
        };
        let plain = TrackingMode::default();
        assert!(remembers(plain, false));
        let opt_in = TrackingMode { opt_in: true, ..plain };
        assert_eq!([remembers(opt_in, false), remembers(opt_in, true)], [false, true]);
        let opt_out = TrackingMode { opt_out: true, ..plain };
        assert_eq!([remembers(opt_out, false), remembers(opt_out, true)], [true, false]);
        assert!(!remembers(TrackingMode { broadcast: true, ..plain }, false));
    }
}
