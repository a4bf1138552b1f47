//! What others are told of a change: watchers of keys, subscribers of keyspace notifications, and the
//! counters of `INFO`.
//!
//! Recording costs one test of a flag when nobody watches and no class of notification is switched on.

use std::ops::BitOr;

/// Classes of keyspace notifications (`notify-keyspace-events`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NotifyClasses(u16);

impl NotifyClasses {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// `g`: commands on keys of any type.
    pub const GENERIC: Self = Self(1);
    /// `$`: string commands.
    pub const STRING: Self = Self(1 << 1);
    /// `x`: keys that expired.
    pub const EXPIRED: Self = Self(1 << 2);
    /// `e`: keys evicted for want of memory.
    pub const EVICTED: Self = Self(1 << 3);
    /// `m`: keys looked for and not there.
    pub const KEY_MISS: Self = Self(1 << 4);
    /// `n`: new keys.
    pub const NEW: Self = Self(1 << 5);
    /// `l`: list commands.
    pub const LIST: Self = Self(1 << 6);
    /// `s`: set commands.
    pub const SET: Self = Self(1 << 7);
    /// `h`: hash commands.
    pub const HASH: Self = Self(1 << 8);
    /// `z`: sorted-set commands.
    pub const ZSET: Self = Self(1 << 9);
    /// `t`: stream commands.
    pub const STREAM: Self = Self(1 << 10);

    /// The class of a letter of `notify-keyspace-events`, if there is anything of it to tell.
    pub fn of_letter(letter: u8) -> Option<Self> {
        let letters = [
            (b'g', Self::GENERIC),
            (b'$', Self::STRING),
            (b'x', Self::EXPIRED),
            (b'e', Self::EVICTED),
            (b'm', Self::KEY_MISS),
            (b'n', Self::NEW),
            (b'l', Self::LIST),
            (b's', Self::SET),
            (b'h', Self::HASH),
            (b'z', Self::ZSET),
            (b't', Self::STREAM),
        ];
        letters.iter().find(|(known, _)| *known == letter).map(|(_, class)| *class)
    }

    /// Whether any of `other` is in.
    pub const fn has_any(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for NotifyClasses {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Which keyspace notifications are published, and where (`notify-keyspace-events`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// The classes.
    pub classes: NotifyClasses,
    /// `K`: in a channel for each key.
    pub by_key: bool,
    /// `E`: in a channel for each kind of event.
    pub by_event: bool,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A key changed; for `WATCH` and client-side caching.
    Modified {
        /// Its database.
        db: usize,
        /// Its name.
        key: &'a [u8],
        /// Its time had come: it is nobody's doing.
        by_time: bool,
    },
    /// All keys of a database are gone; for `WATCH` and client-side caching.
    Flushed {
        /// The database.
        db: usize,
    },
    /// Two databases changed places; for `WATCH`.
    Swapped {
        /// One of them.
        first: usize,
        /// The other.
        second: usize,
    },
    /// A keyspace notification is due.
    Notify {
        /// Its class.
        class: NotifyClasses,
        /// Its name.
        event: &'static str,
        /// The key's database.
        db: usize,
        /// The key.
        key: &'a [u8],
    },
}

#[derive(Clone, Copy, Debug)]
enum Item {
    Modified { db: usize, key_end: usize, by_time: bool },
    Flushed { db: usize },
    Swapped { first: usize, second: usize },
    Notify { class: NotifyClasses, event: &'static str, db: usize, key_end: usize },
}

/// What happened in one command, in order. Reused from command to command.
#[derive(Debug, Default)]
pub struct Events {
    /// Lookups of readers that found their key (`keyspace_hits`), since the start.
    pub hits: u64,
    /// Lookups of readers that did not (`keyspace_misses`), since the start.
    pub misses: u64,
    /// Keys deleted because their time had come (`expired_keys`), since the start.
    pub expired: u64,
    /// Whether any client watches any key, or is told of changes to drop its copies.
    pub watched: bool,
    /// The classes of notifications that are switched on.
    pub notify_classes: NotifyClasses,
    /// Whether any client waits for any key to be made.
    pub awaited: bool,
    /// Whether any of them is a group's consumer, who has to hear of every change of its stream.
    pub consumed: bool,
    ready: Vec<(usize, Vec<u8>)>,
    items: Vec<Item>,
    keys: Vec<u8>,
}

impl Events {
    /// Forgets what happened; keeps the counters and the switches.
    pub fn clear(&mut self) {
        self.items.clear();
        self.keys.clear();
    }

    /// A key changed.
    pub fn modified(&mut self, db: usize, key: &[u8]) {
        if self.watched || self.consumed {
            self.push_modified(db, key, false);
        }
    }

    /// A key was deleted because its time had come.
    pub fn ended(&mut self, db: usize, key: &[u8]) {
        if self.watched || self.consumed {
            self.push_modified(db, key, true);
        }
    }

    fn push_modified(&mut self, db: usize, key: &[u8], by_time: bool) {
        self.keys.extend_from_slice(key);
        self.items.push(Item::Modified { db, key_end: self.keys.len(), by_time });
    }

    /// A key holds something that clients may wait for, or what they wait for is gone. Kept until
    /// [`take_ready`](Self::take_ready).
    pub fn ready(&mut self, db: usize, key: &[u8]) {
        if self.awaited {
            self.ready.push((db, key.to_vec()));
        }
    }

    /// The keys that hold something since the last call, in order.
    pub fn take_ready(&mut self) -> Vec<(usize, Vec<u8>)> {
        std::mem::take(&mut self.ready)
    }

    /// All keys of a database are gone.
    pub fn flushed(&mut self, db: usize) {
        if self.watched || self.consumed {
            self.items.push(Item::Flushed { db });
        }
    }

    /// Two databases changed places.
    pub fn swapped(&mut self, first: usize, second: usize) {
        if self.watched || self.awaited {
            self.items.push(Item::Swapped { first, second });
        }
    }

    /// A notification of `class` is due for a key.
    pub fn notify(&mut self, class: NotifyClasses, event: &'static str, db: usize, key: &[u8]) {
        if self.notify_classes.has_any(class) {
            self.keys.extend_from_slice(key);
            self.items.push(Item::Notify { class, event, db, key_end: self.keys.len() });
        }
    }

    /// Whether nothing happened that anybody wants to know.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What happened, in order.
    pub fn iter(&self) -> impl Iterator<Item = Event<'_>> {
        let mut start = 0;
        self.items.iter().map(move |item| match *item {
            Item::Modified { db, key_end, by_time } => {
                let key = &self.keys[std::mem::replace(&mut start, key_end)..key_end];
                Event::Modified { db, key, by_time }
            }
            Item::Flushed { db } => Event::Flushed { db },
            Item::Swapped { first, second } => Event::Swapped { first, second },
            Item::Notify { class, event, db, key_end } => {
                let key = &self.keys[std::mem::replace(&mut start, key_end)..key_end];
                Event::Notify { class, event, db, key }
            }
        })
    }
}
