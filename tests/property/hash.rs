//! Hashes against a plain map in both forms, their encodings in files, and what their commands log.

use std::collections::BTreeMap;

use proptest::prelude::*;
use vellum::base::alloc::{peak_bytes, reset_peak, used_bytes};
use vellum::keyspace::types::{Collection, CollectionRef, Hash, HashRef, PackedLimits, Packing};
use vellum::keyspace::{Content, KeyHasher, Keyspace, NewValue, ValueRef};
use vellum::rdb::crc64::crc64;
use vellum::rdb::digest::Digest;
use vellum::rdb::dump::{push_payload, read_payload};
use vellum::rdb::lzf::Compressor;
use vellum::rdb::{Progress, SnapshotFile, fill};

use crate::command_runner::Runner;
use crate::hash_script::{KEYS, limits, random_command};

/// A file's types of hashes: plain, zipmap, ziplist, listpack; and one that is never read.
const TYPES: &[u8] = &[4, 9, 13, 16, 22];
/// Far more than any payload here takes, and far less than the lengths that can be stated in them.
const MEMORY_MAX: usize = 16 << 20;

/// A file of Redis and what DEBUG DIGEST said of it.
const REDIS_FILE: &[u8] = include_bytes!("../fixtures/rdb/redis-7.0-hashes.rdb");
const REDIS_DIGEST: &str = "1cf8a1a81f67155f9be3b11cacccd4c49ae0b435";

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

#[derive(Clone, Debug)]
enum Op {
    Set { name: Vec<u8>, value: Vec<u8> },
    Remove { name: Vec<u8> },
    MakeRoom { fields: usize, len_max: usize },
    Clone,
    Lower { entries: usize },
}

fn word(len_max: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..40u8).prop_map(|number| number.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => prop::collection::vec(b'a'..b'd', 0..3),
        1 => prop::collection::vec(any::<u8>(), 0..len_max),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        12 => (word(14), word(14)).prop_map(|(name, value)| Op::Set { name, value }),
        6 => word(14).prop_map(|name| Op::Remove { name }),
        1 => (0..14usize, 0..14usize).prop_map(|(fields, len_max)| Op::MakeRoom { fields, len_max }),
        1 => Just(Op::Clone),
        1 => (0..20usize).prop_map(|entries| Op::Lower { entries }),
    ]
}

fn packing(hash_entries: usize, hash_value: usize) -> Packing {
    let limits = PackedLimits { hash_entries, hash_value, ..PackedLimits::default() };
    Packing { hasher: KeyHasher::new(77), limits }
}

fn model_of(hash: HashRef<'_>) -> Model {
    let pairs = hash.pairs().map(|(name, value)| (name.to_cow().into(), value.to_cow().into()));
    let model: Model = pairs.collect();
    assert_eq!(model.len(), hash.len(), "no name comes twice");
    model
}

fn check(hash: &Hash, model: &Model, is_large: bool) {
    let lent = hash.as_ref();
    assert_eq!(model_of(lent), *model);
    assert_eq!(lent.encoding(), if is_large { "hashtable" } else { "listpack" });
    for (name, value) in model {
        let got = lent.get(name).map(|value| value.to_cow().into_owned());
        assert_eq!(got.as_ref(), Some(value));
    }
    assert!(lent.get(b"no such field").is_none());
}

fn payload_of(hash: HashRef<'_>, compress: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let content = Content::Collection(CollectionRef::Hash(hash));
    let mut compressor = Compressor::new();
    push_payload(&mut payload, &content, compress.then_some(&mut compressor));
    payload
}

/// A payload of this type and encoding, with a right checksum.
fn sealed(type_byte: u8, encoding: &[u8]) -> Vec<u8> {
    let mut payload = [&[type_byte], encoding, &[10, 0]].concat();
    payload.extend_from_slice(&crc64(&payload).to_le_bytes());
    payload
}

fn hash_of(payload: &[u8], packing: &Packing) -> Option<Hash> {
    match read_payload(payload, packing) {
        Ok(NewValue::Collection(Collection::Hash(hash))) => Some(hash),
        _ => None,
    }
}

/// A string as files hold it, neither short nor compressed.
fn string_of(bytes: &[u8]) -> Vec<u8> {
    [&[0x80][..], &(bytes.len() as u32).to_be_bytes(), bytes].concat()
}

fn plain_of(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let pairs = pairs.iter().flat_map(|(name, value)| [string_of(name), string_of(value)]);
    [vec![pairs.clone().count() as u8 / 2], pairs.collect::<Vec<_>>().concat()].concat()
}

fn zipmap_of(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![pairs.len() as u8];
    for (name, value) in pairs {
        bytes.push(name.len() as u8);
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&[value.len() as u8, 1]);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes.push(0xff);
    string_of(&bytes)
}

fn ziplist_of(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    const HEADER_LEN: usize = 10;
    let mut entries: Vec<u8> = Vec::new();
    let (mut len_before, mut last_at) = (0, HEADER_LEN);
    for string in pairs.iter().flat_map(|(name, value)| [name, value]) {
        last_at = HEADER_LEN + entries.len();
        // Short numbers as numbers, other strings with a length of 6 or of 14 bits.
        let number = std::str::from_utf8(string).ok().and_then(|text| text.parse::<i8>().ok());
        entries.push(len_before);
        match number.filter(|number| number.to_string().as_bytes() == string) {
            Some(number) => entries.extend_from_slice(&[0xfe, number as u8]),
            None if string.len() < 64 => {
                entries.push(string.len() as u8);
                entries.extend_from_slice(string);
            }
            None => {
                entries.extend_from_slice(&[0x40, string.len() as u8]);
                entries.extend_from_slice(string);
            }
        }
        len_before = (HEADER_LEN + entries.len() - last_at) as u8;
    }
    let len = (HEADER_LEN + entries.len() + 1) as u32;
    let mut bytes = len.to_le_bytes().to_vec();
    bytes.extend_from_slice(&(last_at as u32).to_le_bytes());
    bytes.extend_from_slice(&(2 * pairs.len() as u16).to_le_bytes());
    bytes.extend_from_slice(&entries);
    bytes.push(0xff);
    string_of(&bytes)
}

/// That what is accepted is a hash like any other: it can be written and read again.
fn accepted_is_whole(payload: &[u8], packing: &Packing) {
    reset_peak();
    let before = used_bytes();
    let read = hash_of(payload, packing);
    let taken = peak_bytes().saturating_sub(before);
    assert!(taken < MEMORY_MAX, "{taken} bytes were taken");
    if let Some(hash) = read {
        assert!(!hash.as_ref().is_empty());
        let again = hash_of(&payload_of(hash.as_ref(), true), packing).unwrap();
        assert_eq!(model_of(again.as_ref()), model_of(hash.as_ref()));
    }
}

fn pairs(len_max: usize) -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    prop::collection::vec((word(len_max), word(len_max)), 0..24)
}

fn has_duplicates(pairs: &[(Vec<u8>, Vec<u8>)]) -> bool {
    pairs.iter().cloned().collect::<Model>().len() < pairs.len()
}

proptest! {
    #[test]
    fn a_hash_and_its_clones_are_like_maps(
        entries in 0..16usize,
        ops in prop::collection::vec(op(), 1..80),
    ) {
        const LEN_MAX: usize = 12;
        let mut packing = packing(entries, LEN_MAX);
        let (mut hash, mut model, mut is_large) = (Hash::new(), Model::new(), false);
        let mut clones = Vec::new();
        for op in ops {
            match op {
                Op::Set { name, value } => {
                    is_large |= name.len() > LEN_MAX || value.len() > LEN_MAX;
                    let is_new = hash.set(&name, &value, &packing);
                    prop_assert_eq!(is_new, model.insert(name, value).is_none());
                    is_large |= model.len() > packing.limits.hash_entries;
                }
                Op::Remove { name } => {
                    prop_assert_eq!(hash.remove(&name), model.remove(&name).is_some());
                }
                Op::MakeRoom { fields, len_max } => {
                    is_large |= fields > packing.limits.hash_entries || len_max > LEN_MAX;
                    hash.make_room(fields, len_max, &packing);
                }
                Op::Clone => clones.push((hash.as_ref().to_hash(0), model.clone(), is_large)),
                Op::Lower { entries } => packing.limits.hash_entries = entries,
            }
            check(&hash, &model, is_large);
        }
        clones.iter().for_each(|(hash, model, is_large)| check(hash, model, *is_large));
    }

    #[test]
    fn payloads_round_trip_in_every_form(
        pairs in prop::collection::vec((word(200), word(200)), 1..40),
        entries in 0..40usize,
        compress: bool,
        entries_read in 0..40usize,
    ) {
        let (writing, reading) = (packing(entries, 100), packing(entries_read, 100));
        let mut hash = Hash::new();
        pairs.iter().for_each(|(name, value)| {
            hash.set(name, value, &writing);
        });
        let is_large = hash.as_ref().encoding() == "hashtable";
        let payload = payload_of(hash.as_ref(), compress);
        prop_assert_eq!(payload[0], if is_large { 4 } else { 16 });
        let read = hash_of(&payload, &reading).unwrap();
        prop_assert_eq!(model_of(read.as_ref()), model_of(hash.as_ref()));
        // In a listpack nothing is too long; of what comes one by one every string is looked at.
        let too_long = pairs.iter().any(|(name, value)| name.len().max(value.len()) > 100);
        let expected = hash.as_ref().len() > entries_read || (is_large && too_long && {
            let model = model_of(hash.as_ref());
            model.iter().any(|(name, value)| name.len().max(value.len()) > 100)
        });
        prop_assert_eq!(read.as_ref().encoding() == "hashtable", expected);
    }

    #[test]
    fn older_forms_are_read_and_names_that_come_twice_refused(
        pairs in pairs(120),
        entries in 0..30usize,
    ) {
        let packing = packing(entries, 64);
        let valid = !pairs.is_empty() && !has_duplicates(&pairs);
        let too_long = pairs.iter().any(|(name, value)| name.len().max(value.len()) > 64);
        for (type_byte, encoding) in
            [(4, plain_of(&pairs)), (9, zipmap_of(&pairs)), (13, ziplist_of(&pairs))]
        {
            let read = hash_of(&sealed(type_byte, &encoding), &packing);
            prop_assert_eq!(read.is_some(), valid, "type {}", type_byte);
            if let Some(hash) = read {
                // Of a ziplist only the number of fields counts.
                let is_large = pairs.len() > entries || (too_long && type_byte != 13);
                check(&hash, &pairs.iter().cloned().collect(), is_large);
            }
        }
    }

    #[test]
    fn arbitrary_payloads_never_panic(
        which in 0..TYPES.len(),
        bytes in prop::collection::vec(
            prop_oneof![any::<u8>(), 0xf0..=0xffu8, 0..8u8, Just(0xc3), 0x80..0x83u8],
            0..120,
        ),
        as_string: bool,
    ) {
        let encoding = if as_string { string_of(&bytes) } else { bytes };
        accepted_is_whole(&sealed(TYPES[which], &encoding), &packing(8, 16));
    }

    #[test]
    fn changed_payloads_never_panic(
        pairs in pairs(40),
        form in 0..5usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        bit in any::<prop::sample::Index>(),
    ) {
        let of = |entries: usize| {
            let packing = packing(entries, 100);
            let mut hash = Hash::new();
            pairs.iter().for_each(|(name, value)| {
                hash.set(name, value, &packing);
            });
            let payload = payload_of(hash.as_ref(), false);
            (payload[0], payload[1..payload.len() - 10].to_vec())
        };
        let (type_byte, mut encoding) = match form {
            0 => (4, plain_of(&pairs)),
            1 => (9, zipmap_of(&pairs)),
            2 => (13, ziplist_of(&pairs)),
            3 => of(100),
            _ => of(0),
        };
        let mut flipped = encoding.clone();
        let bit = bit.index(flipped.len() * 8);
        flipped[bit / 8] ^= 1 << (bit % 8);
        accepted_is_whole(&sealed(type_byte, &flipped), &packing(8, 16));
        for (index, byte) in changes {
            *index.get_mut(&mut encoding) = byte;
        }
        accepted_is_whole(&sealed(type_byte, &encoding), &packing(8, 16));
    }

    #[test]
    fn effects_replayed_give_the_same_hashes(seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut first, mut copy) = (Runner::new(), Runner::new());
        first.keyspace.set_packed_limits(limits());
        for _ in 0..150 {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let before = first.content();
            first.run(&words);
            // A command that logs nothing has changed nothing.
            prop_assert!(!first.logged().is_empty() || first.content() == before);
            for logged in first.logged().to_vec() {
                let reply = copy.replay(&logged);
                prop_assert!(!reply.starts_with(b"-"), "{}", reply.escape_ascii());
            }
            prop_assert_eq!(first.content(), copy.content());
        }
        // What the fields are made of does not show in the fields.
        for key in KEYS {
            prop_assert_eq!(sorted(&mut first, key), sorted(&mut copy, key));
        }
    }
}

fn sorted(runner: &mut Runner, key: &str) -> Vec<Vec<u8>> {
    let reply = runner.run(&[b"HKEYS", key.as_bytes()]);
    let mut lines: Vec<Vec<u8>> = reply.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort();
    lines
}

#[test]
fn a_count_that_is_not_there_takes_no_memory() {
    for count in [u64::MAX, 1 << 40, 1 << 32, 100_000_000] {
        let encoding = [&[0x81][..], &count.to_be_bytes(), &string_of(b"a"), &string_of(b"b")];
        accepted_is_whole(&sealed(4, &encoding.concat()), &packing(8, 16));
        assert!(hash_of(&sealed(4, &encoding.concat()), &packing(8, 16)).is_none());
    }
}

#[test]
fn hashes_of_redis_have_the_digest_redis_gave_them() {
    let mut keyspace = Keyspace::new(16, 7);
    keyspace.set_packed_limits(limits());
    let file = SnapshotFile::open(REDIS_FILE).unwrap();
    fill(&mut keyspace, &file, 1, None, &Progress::new()).unwrap();
    assert_eq!(Digest::of_keyspace(&keyspace).to_string(), REDIS_DIGEST);
    let encodings = [&b"small"[..], b"large", b"once", b"expiring"].map(|key| {
        let entry = keyspace.db(0).get(keyspace.hash(key), key);
        entry.map(vellum::keyspace::Entry::encoding)
    });
    // `large` comes field by field and so does `once`, which is short enough to be packed.
    assert_eq!(encodings, ["listpack", "hashtable", "listpack", "listpack"].map(Some));
}

#[test]
fn a_snapshot_of_a_large_hash_stays_what_it_was() {
    let packing = Packing::default();
    let mut hash = Hash::new();
    let name = |number: u32| number.to_string().into_bytes();
    (0..20_000).for_each(|number| {
        hash.set(&name(number), b"before", &packing);
    });
    let snapshot = hash.as_ref().to_hash(0);
    (0..20_000).for_each(|number| match number % 3 {
        0 => assert!(hash.remove(&name(number))),
        1 => assert!(!hash.set(&name(number), b"after", &packing)),
        _ => assert!(hash.set(&name(number + 20_000), b"after", &packing)),
    });
    let snapshot = model_of(snapshot.as_ref());
    assert_eq!(snapshot.len(), 20_000);
    assert!(snapshot.values().all(|value| value == b"before"));
    let before = Some(ValueRef::Bytes(b"before"));
    assert_eq!(hash.as_ref().get(b"0"), None);
    assert_eq!(hash.as_ref().get(b"1"), Some(ValueRef::Bytes(b"after")));
    assert_eq!(hash.as_ref().get(b"2"), before);
}
