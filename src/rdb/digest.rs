//! `DEBUG DIGEST` and `DEBUG DIGEST-VALUE`: a fingerprint of a dataset, equal to that of Redis.
//!
//! ```text
//! fold(d, bytes) = d xor SHA1(bytes)          order does not matter
//! mix(d, bytes)  = SHA1(fold(d, bytes))       order matters
//! value:    mix(d, type as 4 bytes, big-endian), then, and if it expires fold(d, "!!expire!!"):
//!   string  mix(d, string)
//!   list    mix(d, element) for each element in order
//!   zset    for each member d' = 0, mix(d', member), mix(d', score as text), fold(d, d')
//!   set     for each member fold(d, it)
//!   hash    for each field d' = 0, mix(d', its name), mix(d', its value), fold(d, d')
//! key:      mix(0, key), then its value
//! dataset:  d = 0; for each database with keys: mix(d, its number as 4 bytes, big-endian), then
//!           fold(d, digest) for each key
//! ```
//! When a key expires does not count, only that it does.

use sha1::{Digest as _, Sha1};

use crate::base::double::Text;
use crate::keyspace::types::{CollectionRef, HashRef, ListRef, SetRef, Stream, ZsetRef};
use crate::keyspace::{Content, Entry, Keyspace};

/// Length of a digest, in bytes; clients see it as hexadecimal digits.
pub const DIGEST_LEN: usize = 20;

const STRING: u32 = 0;
const LIST: u32 = 1;
const ZSET: u32 = 3;
const SET: u32 = 2;
const HASH: u32 = 4;
const STREAM: u32 = 6;
const EXPIRES: &[u8] = b"!!expire!!";

/// A digest; all zeros is that of nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest([u8; DIGEST_LEN]);

impl Digest {
    fn fold(&mut self, bytes: &[u8]) {
        for (byte, hashed) in self.0.iter_mut().zip(Sha1::digest(bytes)) {
            *byte ^= hashed;
        }
    }

    fn mix(&mut self, bytes: &[u8]) {
        self.fold(bytes);
        self.0 = Sha1::digest(self.0).into();
    }

    fn mix_value(&mut self, entry: &Entry) {
        match entry.value() {
            Content::String(string) => {
                self.mix(&STRING.to_be_bytes());
                string.with_bytes(|bytes| self.mix(bytes));
            }
            Content::Collection(CollectionRef::List(list)) => self.mix_list(list),
            Content::Collection(CollectionRef::Set(set)) => self.mix_set(set),
            Content::Collection(CollectionRef::Hash(hash)) => self.mix_hash(hash),
            Content::Collection(CollectionRef::Zset(zset)) => self.mix_zset(zset),
            Content::Collection(CollectionRef::Stream(stream)) => self.mix_stream(stream),
        }
        if entry.expire_ms().is_some() {
            self.fold(EXPIRES);
        }
    }

    fn mix_list(&mut self, list: ListRef<'_>) {
        self.mix(&LIST.to_be_bytes());
        for element in list.iter() {
            element.with_bytes(|element| self.mix(element));
        }
    }

    fn mix_set(&mut self, set: SetRef<'_>) {
        self.mix(&SET.to_be_bytes());
        for member in set.iter() {
            member.with_bytes(|member| self.fold(member));
        }
    }

    fn mix_hash(&mut self, hash: HashRef<'_>) {
        self.mix(&HASH.to_be_bytes());
        for (name, value) in hash.pairs() {
            let mut of_field = Self::default();
            name.with_bytes(|name| of_field.mix(name));
            value.with_bytes(|value| of_field.mix(value));
            self.fold(&of_field.0);
        }
    }

    fn mix_zset(&mut self, zset: ZsetRef<'_>) {
        self.mix(&ZSET.to_be_bytes());
        for (member, score) in zset.iter() {
            let mut of_member = Self::default();
            member.with_bytes(|member| of_member.mix(member));
            of_member.mix(Text::of(score).as_bytes());
            self.fold(&of_member.0);
        }
    }

    /// The entries in order, `ms.seq` and the fields of each; groups do not count.
    fn mix_stream(&mut self, stream: &Stream) {
        self.mix(&STREAM.to_be_bytes());
        for entry in stream.nodes().flat_map(|node| node.entries()) {
            self.mix(format!("{}.{}", entry.id.ms, entry.id.seq).as_bytes());
            for (name, value) in entry.fields {
                name.with_bytes(|bytes| self.mix(bytes));
                value.with_bytes(|bytes| self.mix(bytes));
            }
        }
    }

    /// The digest of an entry's value, as `DEBUG DIGEST-VALUE` gives it.
    pub fn of_value(entry: &Entry) -> Self {
        let mut digest = Self::default();
        digest.mix_value(entry);
        digest
    }

    /// The digest of all databases, as `DEBUG DIGEST` gives it.
    pub fn of_keyspace(keyspace: &Keyspace) -> Self {
        let mut digest = Self::default();
        for (index, db) in (0u32..).zip((0..keyspace.databases()).map(|i| keyspace.db(i))) {
            if db.is_empty() {
                continue;
            }
            digest.mix(&index.to_be_bytes());
            for entry in db.iter() {
                let mut of_key = Self::default();
                of_key.mix(entry.key());
                of_key.mix_value(entry);
                digest.fold(&of_key.0);
            }
        }
        digest
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::ValueRef;

    #[test]
    fn digests_of_redis_7_0() {
        let mut keyspace = Keyspace::new(16, 1);
        assert_eq!(Digest::of_keyspace(&keyspace), Digest::default());
        let mut set = |db: usize, key: &[u8], value: &[u8], expire_ms| {
            let hash = keyspace.hash(key);
            keyspace.db_mut(db).insert(hash, key, ValueRef::from_string(value), expire_ms);
        };
        set(0, b"a", b"hello", None);
        set(0, b"b", b"17", Some(4_102_444_800_000));
        set(9, b"a", b"", None);
        let value = |key: &[u8]| {
            let entry = keyspace.db(0).get(keyspace.hash(key), key);
            entry.map(|entry| Digest::of_value(entry).to_string()).unwrap_or_default()
        };
        assert_eq!(value(b"a"), "36b23a1456b2dce2c3ed252c456761301dba8060");
        assert_eq!(value(b"b"), "5b602a1cb0a4e3e07c36aaa97226baeacbc46b49");
        assert_eq!(
            Digest::of_keyspace(&keyspace).to_string(),
            "933299f4c72caa4a8f3b1b9cfd27e1a165dac4aa"
        );
    }
}
