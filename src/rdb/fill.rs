//! Loads a snapshot into an empty keyspace: decoding and hashing on several threads, inserting on the
//! caller's.

use std::ops::ControlFlow;

use super::codec::EncodedEntry;
use super::error::{RdbError, shown};
use super::snapshot::{Contents, LoadedEntry, Progress, SnapshotFile};
use crate::keyspace::Keyspace;

/// How many entries ahead of the one being inserted memory is fetched.
const PREFETCH_DISTANCE: usize = 8;

/// What a load did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// What the file holds.
    pub contents: Contents,
    /// Entries left out because they had expired.
    pub expired: u64,
}

struct Hashed<'a> {
    hash: u64,
    entry: LoadedEntry<'a>,
}

/// Checks `file` and puts its entries into `keyspace`, which is empty. After an error it holds some of
/// them and is to be thrown away: the file as a whole has been checked only when this returns `Ok`.
///
/// Entries that expire at or before `expired_by_ms` are left out; without it, all are kept, which a
/// replica wants, and whoever replays a log on top. `threads` counts the caller's. `each_batch` is
/// called every thousand entries or so and can break off, which gives [`RdbError::Stopped`].
pub fn fill<'a>(
    keyspace: &mut Keyspace,
    file: &SnapshotFile<'a>,
    threads: usize,
    expired_by_ms: Option<u64>,
    progress: &Progress,
    mut each_batch: impl FnMut() -> ControlFlow<()>,
) -> Result<Filled, RdbError> {
    let packing = keyspace.packing().clone();
    let make = |entry: EncodedEntry<'a>| {
        let entry = LoadedEntry::decode(entry, &packing)?;
        Ok(Hashed { hash: packing.hasher.hash(&entry.key), entry })
    };
    let mut expired = 0;
    let mut failure = None;
    let result = file.load(threads, progress, make, |mut batch| {
        if let Some(by_ms) = expired_by_ms {
            let before_len = batch.len();
            batch.retain(|hashed| hashed.entry.expire_ms.is_none_or(|at_ms| at_ms > by_ms));
            expired += (before_len - batch.len()) as u64;
        }
        match insert_all(keyspace, batch) {
            Ok(()) => each_batch(),
            Err(e) => {
                failure = Some(e);
                ControlFlow::Break(())
            }
        }
    });
    match failure {
        Some(e) => Err(e),
        None => result.map(|contents| Filled { contents, expired }),
    }
}

fn insert_all(keyspace: &mut Keyspace, batch: Vec<Hashed<'_>>) -> Result<(), RdbError> {
    let databases = keyspace.databases();
    if let Some(hashed) = batch.iter().find(|hashed| hashed.entry.db as usize >= databases) {
        return Err(RdbError::Database { db: hashed.entry.db, databases });
    }
    let ahead: Vec<_> = batch.iter().map(|hashed| (hashed.entry.db, hashed.hash)).collect();
    for (index, Hashed { hash, entry }) in batch.into_iter().enumerate() {
        if let Some((db, hash)) = ahead.get(index + PREFETCH_DISTANCE) {
            keyspace.db(*db as usize).prefetch_bucket(*hash);
        }
        let db = keyspace.db_mut(entry.db as usize);
        if db.insert(hash, &entry.key, entry.value, entry.expire_ms) {
            return Err(RdbError::DuplicateKey { db: entry.db, key: shown(&entry.key) });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::reader::{OPCODE_DATABASE, OPCODE_END, push_magic};
    use super::super::{codec, length};
    use super::*;

    /// A foreign file without checksum that holds these keys, each with itself as its value.
    fn file(keys: &[(u8, &str, Option<u64>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        push_magic(&mut bytes);
        for (db, key, expire_ms) in keys {
            bytes.extend_from_slice(&[OPCODE_DATABASE, *db]);
            codec::push_entry_head(&mut bytes, key.as_bytes(), codec::TYPE_STRING, *expire_ms);
            length::push_raw_string(&mut bytes, key.as_bytes());
        }
        bytes.push(OPCODE_END);
        bytes.extend_from_slice(&[0; 8]);
        bytes
    }

    fn fill_from(bytes: &[u8], by_ms: Option<u64>) -> Result<(Keyspace, Filled), RdbError> {
        let mut keyspace = Keyspace::new(2, 1);
        let file = SnapshotFile::open(bytes)?;
        let go_on = || ControlFlow::Continue(());
        let filled = fill(&mut keyspace, &file, 2, by_ms, &Progress::new(), go_on)?;
        Ok((keyspace, filled))
    }

    #[test]
    fn expired_entries_are_left_out_if_wanted() -> Result<(), RdbError> {
        let bytes = file(&[(0, "a", Some(5)), (0, "b", Some(6)), (1, "a", None)]);
        let (keyspace, filled) = fill_from(&bytes, Some(5))?;
        assert_eq!((keyspace.len(), filled.expired, filled.contents.entries), (2, 1, 3));
        let (keyspace, filled) = fill_from(&bytes, None)?;
        assert_eq!((keyspace.len(), filled.expired), (3, 0));
        Ok(())
    }

    #[test]
    fn unknown_databases_and_keys_that_come_twice_are_named() {
        let error = fill_from(&file(&[(0, "a", None), (2, "b", None)]), None).err();
        assert!(matches!(error, Some(RdbError::Database { db: 2, databases: 2 })), "{error:?}");
        let error = fill_from(&file(&[(1, "a\n", None), (1, "a\n", None)]), None).err();
        let Some(RdbError::DuplicateKey { db: 1, key }) = error else { panic!("{error:?}") };
        assert_eq!(key, "a\\n");
    }
}
