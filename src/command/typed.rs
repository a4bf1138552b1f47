//! Keys of one type: what a command on hashes, lists and so on begins with.
//!
//! Each type has three ways in. `read_*` lends what a key holds, if anything; `change_*` lends it to be
//! changed, and removes a key that is left without elements; `make_*` does so too and makes the key
//! where it is missing. A key of another type is answered with `WRONGTYPE`, and nothing else happens.

use super::ctx::{Ctx, Use};
use super::events::NotifyClasses;
use super::families::WRONG_TYPE;
use crate::keyspace::types::{
    Collection, CollectionRef, Hash, HashRef, List, ListRef, Packing, Set, SetRef, Stream, Zset,
    ZsetRef,
};
use crate::keyspace::{Content, EntryMut, ValueRef};
use crate::resp::Reply;

/// What became of a key that was to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed<R> {
    /// There is no such key.
    Missing,
    /// It holds something else, which was answered.
    WrongType,
    /// It was lent.
    There {
        /// What the change returned.
        result: R,
        /// No element was left and the key is gone; the event `del` is the caller's to tell, after its
        /// own.
        emptied: bool,
    },
}

impl Ctx<'_> {
    /// Hands the string at `key` to `f`, if there is one; `None` for a wrong type.
    pub fn read_string<R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Option<ValueRef<'_>>, &mut Reply) -> R,
    ) -> Option<R> {
        self.read(key, Use::Counts, |entry, reply| match entry.map(|entry| entry.as_string()) {
            None => Some(f(None, reply)),
            Some(Some(string)) => Some(f(Some(string), reply)),
            Some(None) => wrong_type(reply),
        })
    }

    fn removed_if_empty(&mut self, hash: u64, key: &[u8]) -> bool {
        let entry = self.keyspace.db(self.db).get(hash, key);
        let is_empty = entry.is_some_and(|entry| match entry.value() {
            Content::Collection(CollectionRef::Stream(_)) | Content::String(_) => false,
            Content::Collection(collection) => collection.is_empty(),
        });
        is_empty && self.remove(hash, key)
    }
}

fn wrong_type<R>(reply: &mut Reply) -> Option<R> {
    reply.error(WRONG_TYPE);
    None
}

/// The ways in to keys of one type.
macro_rules! ways_in {
    ($type:literal, $read:ident, $change:ident, $make:ident, $owned:ty, $lent:ty, $variant:ident,
     $pick:expr, $new:expr) => {
        impl Ctx<'_> {
            #[doc = concat!("Hands the ", $type, " at `key` to `f`, if there is one; `None` for a wrong type.")]
            pub fn $read<R>(
                &mut self,
                key: &[u8],
                f: impl FnOnce(Option<$lent>, &mut Reply) -> R,
            ) -> Option<R> {
                self.read(key, Use::Counts, |entry, reply| match entry.map(|entry| entry.value()) {
                    None => Some(f(None, reply)),
                    Some(Content::Collection(CollectionRef::$variant(it))) => {
                        Some(f(Some(it), reply))
                    }
                    Some(_) => wrong_type(reply),
                })
            }

            #[doc = concat!("Lends the ", $type, " of a prepared key to `f` to be changed.")]
            pub fn $change<R>(
                &mut self,
                hash: u64,
                key: &[u8],
                f: impl FnOnce(&mut $owned, &Packing) -> R,
            ) -> Changed<R> {
                let pick = $pick;
                let Some(mut entry) = self.entry_mut(hash, key) else { return Changed::Missing };
                let result = lend(&mut entry, |it, packing| pick(it).map(|it| f(it, packing)));
                let Some(result) = result else {
                    self.reply.error(WRONG_TYPE);
                    return Changed::WrongType;
                };
                Changed::There { result, emptied: self.removed_if_empty(hash, key) }
            }

            #[doc = concat!("Lends the ", $type, " of a prepared key to `f` to be changed, a new one if there is none; \
                             `None` for a wrong type. A new one that stays empty is not kept.")]
            pub fn $make<R>(
                &mut self,
                hash: u64,
                key: &[u8],
                f: impl FnOnce(&mut $owned, &Packing) -> R,
            ) -> Option<R> {
                if self.exists(hash, key) {
                    return match self.$change(hash, key, f) {
                        Changed::There { result, .. } => Some(result),
                        Changed::Missing | Changed::WrongType => None,
                    };
                }
                let mut it = $new;
                let result = f(&mut it, self.keyspace.packing());
                if !it.as_ref().is_empty() {
                    let db = self.db;
                    self.keyspace.db_mut(db).insert(hash, key, Collection::$variant(it), None);
                    self.notify(NotifyClasses::NEW, "new", key);
                    self.events.ready(db, key);
                }
                Some(result)
            }
        }
    };
}

/// Lends an entry's collection to `f`; `None` if the value is a string or `f` says so.
fn lend<R>(
    entry: &mut EntryMut<'_>,
    f: impl FnOnce(&mut Collection, &Packing) -> Option<R>,
) -> Option<R> {
    entry.change_collection(f).flatten()
}

ways_in!("hash", read_hash, change_hash, make_hash, Hash, HashRef<'_>, Hash, as_hash, Hash::new());
ways_in!("list", read_list, change_list, make_list, List, ListRef<'_>, List, as_list, List::new());
ways_in!("set", read_set, change_set, make_set, Set, SetRef<'_>, Set, as_set, Set::new());
ways_in!(
    "sorted set",
    read_zset,
    change_zset,
    make_zset,
    Zset,
    ZsetRef<'_>,
    Zset,
    as_zset,
    Zset::new()
);

fn as_hash(collection: &mut Collection) -> Option<&mut Hash> {
    if let Collection::Hash(hash) = collection { Some(hash) } else { None }
}

fn as_list(collection: &mut Collection) -> Option<&mut List> {
    if let Collection::List(list) = collection { Some(list) } else { None }
}

fn as_set(collection: &mut Collection) -> Option<&mut Set> {
    if let Collection::Set(set) = collection { Some(set) } else { None }
}

fn as_zset(collection: &mut Collection) -> Option<&mut Zset> {
    if let Collection::Zset(zset) = collection { Some(zset) } else { None }
}

impl Ctx<'_> {
    /// Hands the stream at `key` to `f`, if there is one; `None` for a wrong type.
    pub fn read_stream<R>(
        &mut self,
        key: &[u8],
        f: impl FnOnce(Option<&Stream>, &mut Reply) -> R,
    ) -> Option<R> {
        self.read(key, Use::Counts, |entry, reply| match entry.map(|entry| entry.value()) {
            None => Some(f(None, reply)),
            Some(Content::Collection(CollectionRef::Stream(it))) => Some(f(Some(it), reply)),
            Some(_) => wrong_type(reply),
        })
    }

    /// Lends the stream of a prepared key to `f` to be changed; it may stay empty.
    pub fn change_stream<R>(
        &mut self,
        hash: u64,
        key: &[u8],
        f: impl FnOnce(&mut Stream, &Packing) -> R,
    ) -> Changed<R> {
        let Some(mut entry) = self.entry_mut(hash, key) else { return Changed::Missing };
        let result = lend(&mut entry, |it, packing| match it {
            Collection::Stream(stream) => Some(f(stream, packing)),
            _ => None,
        });
        match result {
            Some(result) => Changed::There { result, emptied: false },
            None => {
                self.reply.error(WRONG_TYPE);
                Changed::WrongType
            }
        }
    }

    /// Lends the stream of a prepared key to `f` to be changed, a new one if there is none, which is kept
    /// even if it stays empty; `None` for a wrong type.
    pub fn make_stream<R>(
        &mut self,
        hash: u64,
        key: &[u8],
        f: impl FnOnce(&mut Stream, &Packing) -> R,
    ) -> Option<R> {
        if self.exists(hash, key) {
            return match self.change_stream(hash, key, f) {
                Changed::There { result, .. } => Some(result),
                Changed::Missing | Changed::WrongType => None,
            };
        }
        let mut stream = Box::new(Stream::new());
        let result = f(&mut stream, self.keyspace.packing());
        let db = self.db;
        self.keyspace.db_mut(db).insert(hash, key, Collection::Stream(stream), None);
        self.notify(NotifyClasses::NEW, "new", key);
        Some(result)
    }
}
