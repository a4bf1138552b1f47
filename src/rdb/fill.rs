//! Loads a snapshot into an empty keyspace, on several threads: first all of them decode and make
//! entries, then all of them build tables.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::codec::EncodedEntry;
use super::cursor::RdbString;
use super::error::{RdbError, shown};
use super::snapshot::{Contents, Progress, SnapshotFile};
use crate::keyspace::{Build, Keyspace, Sorter};

/// Keys without elements that are named in the server's log.
const EMPTY_NAMED_MAX: u64 = 10;

/// What a load did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filled {
    /// What the file holds.
    pub contents: Contents,
    /// Entries left out because they had expired.
    pub expired: u64,
    /// Entries left out because they are collections without elements.
    pub empty: u64,
}

/// What one thread has made.
struct Share<'b> {
    sorter: Sorter<'b>,
    expired: u64,
}

/// Checks `file` and puts its entries into `keyspace`, which is empty and stays so after an error.
///
/// Entries that expire at or before `expired_by_ms` are left out; without it, all are kept, which a
/// replica wants, and whoever replays a log on top. `threads` counts the caller's.
pub fn fill(
    keyspace: &mut Keyspace,
    file: &SnapshotFile<'_>,
    threads: usize,
    expired_by_ms: Option<u64>,
    progress: &Progress,
) -> Result<Filled, RdbError> {
    let databases = keyspace.databases();
    let packing = keyspace.packing().clone();
    let empty = AtomicU64::new(0);
    let sizes = file.header().databases.iter().map(|size| (size.db as usize, size.keys));
    // No entry has fewer bytes, whatever the header says.
    let bulk = keyspace.bulk(sizes.map(|(db, keys)| (db, keys.min(file.len() / ENTRY_LEN_MIN))));
    let share = || Share { sorter: bulk.sorter(), expired: 0 };
    let mut shares: Vec<_> = std::iter::repeat_with(share).take(threads.max(1)).collect();
    let take = |share: &mut Share<'_>, entry: EncodedEntry<'_>| {
        let EncodedEntry { db, key, value, expire_ms, .. } = entry;
        if db as usize >= databases {
            return Err(RdbError::Database { db, databases });
        }
        let Some(value) = value.decode_unless_empty(&packing)? else {
            if empty.fetch_add(1, Ordering::Relaxed) < EMPTY_NAMED_MAX {
                let key = shown(&key.into_bytes());
                tracing::warn!(key, db, "left out a key without elements");
            }
            return Ok(());
        };
        if expired_by_ms.is_some_and(|by_ms| expire_ms.is_some_and(|at_ms| at_ms <= by_ms)) {
            share.expired += 1;
            return Ok(());
        }
        match key {
            RdbString::Bytes(key) => share.sorter.add(db as usize, &key, value, expire_ms),
            RdbString::Int(number) => {
                let mut digits = itoa::Buffer::new();
                let key = digits.format(number).as_bytes();
                share.sorter.add(db as usize, key, value, expire_ms);
            }
        }
        Ok(())
    };
    let contents = file.read(progress, &mut shares, take)?;
    let expired = shares.iter().map(|share| share.expired).sum();
    let build = Build::new(shares.iter_mut().map(|share| &mut share.sorter));
    thread::scope(|scope| {
        for _ in 1..threads {
            // A thread that cannot be had is no loss: this one does the rest.
            drop(
                thread::Builder::new().name("rdb-build".into()).spawn_scoped(scope, || build.run()),
            );
        }
        build.run();
    });
    let filling = build
        .finish()
        .map_err(|twice| RdbError::DuplicateKey { db: twice.db as u32, key: shown(&twice.key) })?;
    drop(shares);
    keyspace.adopt(filling);
    let empty = empty.into_inner();
    if empty > 0 {
        tracing::warn!(keys = empty, "left out all keys without elements");
    }
    Ok(Filled { contents, expired, empty })
}

/// A type byte, and two strings of two bytes or of none.
const ENTRY_LEN_MIN: u64 = 3;

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
        let filled = fill(&mut keyspace, &file, 2, by_ms, &Progress::new())?;
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
    fn keys_without_elements_are_left_out_and_counted() -> Result<(), RdbError> {
        // One of each form, as bytes behind the key.
        let listpack = b"\x07\x07\x00\x00\x00\x00\x00\xff";
        let ziplist = b"\x0b\x0b\x00\x00\x00\x0a\x00\x00\x00\x00\x00\xff";
        let intset = b"\x08\x02\x00\x00\x00\x00\x00\x00\x00";
        let forms: [(u8, &[u8]); 16] = [
            (1, b"\0"),
            (2, b"\0"),
            (3, b"\0"),
            (4, b"\0"),
            (5, b"\0"),
            (9, b"\x02\x00\xff"),
            (10, ziplist),
            (11, intset),
            (12, ziplist),
            (13, ziplist),
            (14, b"\0"),
            (16, listpack),
            (17, listpack),
            (18, b"\0"),
            (20, listpack),
            (18, b"\x01\x02\x07\x07\x00\x00\x00\x00\x00\xff"),
        ];
        let mut bytes = Vec::new();
        push_magic(&mut bytes);
        for (number, (type_byte, value)) in forms.iter().enumerate() {
            let key = format!("key {number}");
            codec::push_entry_head(&mut bytes, key.as_bytes(), *type_byte, None);
            bytes.extend_from_slice(value);
        }
        codec::push_entry_head(&mut bytes, b"list", 18, None);
        // A piece without elements, and one with one.
        bytes.extend_from_slice(b"\x02\x02\x07\x07\x00\x00\x00\x00\x00\xff\x01\x01a");
        bytes.push(OPCODE_END);
        bytes.extend_from_slice(&[0; 8]);
        let (keyspace, filled) = fill_from(&bytes, Some(5))?;
        assert_eq!((keyspace.len(), filled.expired, filled.empty), (1, 0, forms.len() as u64));
        assert_eq!(filled.contents.entries, forms.len() as u64 + 1);
        let contents = SnapshotFile::open(&bytes)?.verify(2, &Progress::new())?;
        assert_eq!(contents.entries, forms.len() as u64 + 1);
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

    #[test]
    fn a_foreign_file_is_read_in_parts() -> Result<(), RdbError> {
        let names: Vec<String> =
            (0..60_000).map(|n| format!("a rather long key: {n:020}")).collect();
        // The database changes inside of parts, so that each has to begin with the right one.
        let keys: Vec<(u8, &str)> = names
            .iter()
            .enumerate()
            .map(|(n, name)| (u8::from(n / 5000 % 2 == 1), name.as_str()))
            .collect();
        let mut bytes = Vec::new();
        push_magic(&mut bytes);
        for (index, (db, key)) in keys.iter().enumerate() {
            if index % 5000 == 0 {
                bytes.extend_from_slice(&[OPCODE_DATABASE, *db]);
            }
            codec::push_entry_head(&mut bytes, key.as_bytes(), codec::TYPE_STRING, None);
            length::push_raw_string(&mut bytes, key.as_bytes());
        }
        bytes.push(OPCODE_END);
        bytes.extend_from_slice(&[0; 8]);
        let (keyspace, filled) = fill_from(&bytes, None)?;
        assert!(bytes.len() > 4 << 20 && filled.contents.entries == 60_000);
        assert_eq!(filled.contents.len, bytes.len() as u64);
        for (db, key) in keys {
            let entry = keyspace.db(db.into()).get(keyspace.hash(key.as_bytes()), key.as_bytes());
            assert_eq!(
                entry.and_then(|entry| entry.as_string()).map(|string| string.to_cow()).as_deref(),
                Some(key.as_bytes())
            );
        }
        Ok(())
    }
}
