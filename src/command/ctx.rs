//! What a command runs in: the keys, the frozen time, and where reply and effects go.
//!
//! Every lookup of a key goes through here, because a lookup is more than reading: it may delete an
//! expired key (and log that first), it counts, and the reply gate hears of it.

use super::access;
use super::effects::Effects;
use super::events::{Events, Notify, NotifyClasses};
use super::table::Table;
use super::touched::Touched;
use super::waiting::Waiting;
use crate::base::limits::{
    BULK_LEN_MAX_DEFAULT, HLL_SPARSE_LEN_MAX_DEFAULT, TRACKED_KEYS_MAX_DEFAULT,
};
use crate::keyspace::types::PackedLimits;
use crate::keyspace::{Db, Entry, EntryMut, Garbage, Keyspace, NewValue};
use crate::resp::Reply;

/// Whose command it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client's: keys whose time has come are gone for it.
    Client,
    /// The master's, on a replica: it sees expired keys until the master deletes them.
    Master,
    /// The log's, during recovery: like [`Origin::Master`].
    Replay,
}

/// The part of the configuration and of the server's role that commands depend on.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server follows a master, which alone deletes expired keys.
    pub is_replica: bool,
    /// Expired keys are hidden but not deleted: writes are paused (`CLIENT PAUSE`).
    pub expiry_paused: bool,
    /// Clients' writes are refused, because the log or a snapshot has failed.
    pub writes_refused: bool,
    /// `RESTORE` takes a payload whose checksum is wrong: a test wants to know what becomes of it.
    pub payload_checksums_skipped: bool,
    /// Expired keys are logged as `UNLINK` instead of `DEL` (`lazyfree-lazy-expire`).
    pub lazyfree_lazy_expire: bool,
    /// Longest string, in bytes (`proto-max-bulk-len`).
    pub bulk_len_max: u64,
    /// Longest sparse HyperLogLog, in bytes (`hll-sparse-max-bytes`).
    pub hll_sparse_len_max: usize,
    /// How keys are aged for eviction.
    pub aging: access::Aging,
    /// How large collections may be and still be packed; the keyspace goes by its own copy.
    pub packed: PackedLimits,
    /// Which keyspace notifications are published.
    pub notify: Notify,
    /// Keys remembered at most for client-side caching; 0 for no limit.
    pub tracked_keys_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_replica: false,
            expiry_paused: false,
            writes_refused: false,
            payload_checksums_skipped: false,
            lazyfree_lazy_expire: false,
            bulk_len_max: BULK_LEN_MAX_DEFAULT,
            hll_sparse_len_max: HLL_SPARSE_LEN_MAX_DEFAULT,
            aging: access::Aging::default(),
            packed: PackedLimits::default(),
            notify: Notify::default(),
            tracked_keys_max: TRACKED_KEYS_MAX_DEFAULT,
        }
    }
}

/// Whether a lookup counts as a use of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It does: the key is younger for eviction.
    Counts,
    /// It looks at the key's surroundings only (`TTL`, `TYPE`, `OBJECT`), or the client asked for it
    /// (`CLIENT NO-TOUCH`).
    Unnoticed,
    /// Neither that, nor is a missing key told of (`OBJECT`).
    Untold,
}

/// All that a command may read and change.
#[derive(Debug)]
pub struct Ctx<'a> {
    /// The databases.
    pub keyspace: &'a mut Keyspace,
    /// The selected database; it exists.
    pub db: usize,
    /// The time, frozen for the command (for the whole transaction), in ms since the Unix epoch.
    pub now_ms: u64,
    /// Where the reply goes.
    pub reply: &'a mut Reply,
    /// Where the effects go.
    pub effects: &'a mut Effects,
    /// Where the keys looked at go.
    pub touched: &'a mut Touched,
    /// Where changes are told.
    pub events: &'a mut Events,
    /// Where a command says that it waits.
    pub waiting: &'a mut Waiting,
    /// Memory to be freed on another thread.
    pub garbage: &'a mut Vec<Garbage>,
    /// Chance, seeded.
    pub rng: &'a mut fastrand::Rng,
    /// Whose command it is.
    pub origin: Origin,
    /// The client asked that its reads leave keys as old as they are.
    pub no_touch: bool,
    /// Configuration and role.
    pub settings: &'a Settings,
    /// All commands.
    pub table: &'a Table,
}

impl Ctx<'_> {
    /// The selected database.
    pub fn database(&mut self) -> &mut Db {
        self.keyspace.db_mut(self.db)
    }

    /// The hash of `key`, which is thereby touched.
    pub fn hash(&mut self, key: &[u8]) -> u64 {
        let hash = self.keyspace.hash(key);
        self.touched.key(hash);
        hash
    }

    /// Longest string that the command may make, in bytes. What a master or the log asks for has been
    /// allowed before, perhaps by other directives.
    pub fn string_len_max(&self) -> u64 {
        if self.origin == Origin::Client { self.settings.bulk_len_max } else { i64::MAX as u64 }
    }

    /// Whether a reader may note in a key what it has computed, which is logged like a write.
    pub fn may_note(&self) -> bool {
        let settings = self.settings;
        let is_barred = settings.is_replica || settings.expiry_paused || settings.writes_refused;
        self.origin != Origin::Client || !is_barred
    }

    /// Whether a reader does not see `key` and it is there all the same, because its time has come and
    /// this server may not delete it. One that repeats the command from the log does see it.
    pub fn is_hidden(&self, key: &[u8]) -> bool {
        let entry = self.keyspace.db(self.db).get(self.keyspace.hash(key), key);
        self.origin == Origin::Client && entry.is_some_and(|entry| entry.is_expired(self.now_ms))
    }

    /// Hands the entry of `key` to `f`, if there is one that has not expired.
    pub fn read<R>(
        &mut self,
        key: &[u8],
        usage: Use,
        f: impl FnOnce(Option<&Entry>, &mut Reply) -> R,
    ) -> R {
        let hash = self.hash(key);
        match self.keyspace.db(self.db).get(hash, key) {
            Some(entry) if self.origin != Origin::Client || !entry.is_expired(self.now_ms) => {
                self.events.hits += 1;
                if usage == Use::Counts && !self.no_touch {
                    self.settings.aging.touch(entry, self.now_ms, self.rng);
                }
                return f(Some(entry), self.reply);
            }
            Some(_) => {
                self.delete_expired(self.db, hash, key, false);
            }
            None => {}
        }
        self.events.misses += 1;
        if usage != Use::Untold {
            self.events.notify(NotifyClasses::KEY_MISS, "keymiss", self.db, key);
        }
        f(None, self.reply)
    }

    /// Readies `key` for a change: an expired entry is deleted first. Returns the key's hash.
    pub fn prepare(&mut self, key: &[u8]) -> u64 {
        self.prepare_in(self.db, key)
    }

    /// Like [`prepare`](Self::prepare) in database `db`, which exists.
    pub fn prepare_in(&mut self, db: usize, key: &[u8]) -> u64 {
        let hash = self.hash(key);
        let database = self.keyspace.db(db);
        if database.expires_len() > 0
            && self.origin == Origin::Client
            && database.get(hash, key).is_some_and(|entry| entry.is_expired(self.now_ms))
        {
            self.delete_expired(db, hash, key, true);
        }
        hash
    }

    /// Deletes `key` of the selected database if its time has come, for a reader that found it by
    /// other means than its name.
    pub fn drop_if_expired(&mut self, key: &[u8]) {
        let hash = self.hash(key);
        let entry = self.keyspace.db(self.db).get(hash, key);
        if entry.is_some_and(|entry| entry.is_expired(self.now_ms)) {
            self.delete_expired(self.db, hash, key, false);
        }
    }

    /// Whether a prepared key is there.
    pub fn exists(&self, hash: u64, key: &[u8]) -> bool {
        self.keyspace.db(self.db).get(hash, key).is_some()
    }

    /// The entry of a prepared key, to be changed; counts as a use of it.
    pub fn entry_mut(&mut self, hash: u64, key: &[u8]) -> Option<EntryMut<'_>> {
        let entry = self.keyspace.db_mut(self.db).get_mut(hash, key)?;
        if !self.no_touch {
            self.settings.aging.touch(&entry, self.now_ms, self.rng);
        }
        Some(entry)
    }

    /// Sets a prepared key, expiring at `expire_ms` or never, whatever it held.
    pub fn set<'v>(
        &mut self,
        hash: u64,
        key: &[u8],
        value: impl Into<NewValue<'v>>,
        expire_ms: Option<u64>,
    ) {
        let value = value.into();
        if matches!(value, NewValue::Collection(_)) {
            self.events.ready(self.db, key);
        }
        let database = self.keyspace.db_mut(self.db);
        let replaced = database.insert(hash, key, value, expire_ms);
        self.events.modified(self.db, key);
        if !replaced {
            self.notify(NotifyClasses::NEW, "new", key);
        }
    }

    /// Deletes a prepared key; whether it was there. Tells watchers and subscribers.
    pub fn delete(&mut self, hash: u64, key: &[u8]) -> bool {
        let removed = self.remove(hash, key);
        if removed {
            self.events.modified(self.db, key);
            self.notify(NotifyClasses::GENERIC, "del", key);
        }
        removed
    }

    /// Removes a prepared key and says nothing; whether it was there. What takes long to free is freed
    /// elsewhere.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> bool {
        let entry = self.database().take(hash, key);
        if let Some(entry) = entry {
            if entry.is_large() {
                let mut garbage = Garbage::default();
                garbage.add(entry);
                self.garbage.push(garbage);
            }
            return true;
        }
        false
    }

    /// A notification is due for a key of the selected database.
    pub fn notify(&mut self, class: NotifyClasses, event: &'static str, key: &[u8]) {
        self.events.notify(class, event, self.db, key);
    }

    /// The request is its own effect.
    pub fn log_verbatim(&mut self) {
        self.effects.verbatim(self.db);
    }

    /// This command is the effect.
    pub fn log(&mut self, command: &[&[u8]]) {
        self.effects.push(self.db, command);
    }

    /// Deletes a key whose time has come, where that is ours to decide; whether it did. The caller
    /// sees no key either way.
    fn delete_expired(&mut self, db: usize, hash: u64, key: &[u8], for_write: bool) -> bool {
        let left_to_master = self.settings.is_replica && !for_write;
        if left_to_master || self.settings.expiry_paused {
            return false;
        }
        self.keyspace.db_mut(db).remove(hash, key);
        let verb: &[u8] = if self.settings.lazyfree_lazy_expire { b"UNLINK" } else { b"DEL" };
        self.effects.push_uncounted(db, &[verb, key]);
        self.events.expired += 1;
        self.events.ended(db, key);
        self.events.notify(NotifyClasses::EXPIRED, "expired", db, key);
        true
    }

    /// Deletes up to `keys_max` keys of the selected database whose time has come, the oldest first;
    /// returns how many. What the server runs in the background, as an [`Origin::Client`].
    pub fn delete_due(&mut self, keys_max: usize) -> usize {
        let database = self.keyspace.db(self.db);
        let due = database.expired(self.now_ms).take(keys_max);
        let due: Vec<Vec<u8>> = due.map(|entry| entry.key().to_vec()).collect();
        let delete = |key: &Vec<u8>| {
            let hash = self.hash(key);
            self.delete_expired(self.db, hash, key, false)
        };
        due.iter().map(delete).filter(|&deleted| deleted).count()
    }
}
