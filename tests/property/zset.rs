//! Sorted sets against a plain list of pairs in both forms, their encodings in files, hostile payloads,
//! and what their commands log.

use std::collections::BTreeSet;

use proptest::prelude::*;
use vellum::keyspace::types::{
    Collection, CollectionRef, LexEdge, LexRange, PackedLimits, Packing, ScoreRange, Zset, ZsetRef,
};
use vellum::keyspace::{Content, KeyHasher, NewValue};
use vellum::rdb::crc64::crc64;
use vellum::rdb::dump::{push_payload, read_payload};
use vellum::rdb::lzf::Compressor;

use crate::command_runner::Runner;
use crate::zset_script::{limits, random_command};

/// A file's types of sorted sets.
const TYPES: &[u8] = &[3, 5, 12, 17];

fn packing(zset_entries: usize, zset_value: usize) -> Packing {
    let limits = PackedLimits { zset_entries, zset_value, ..PackedLimits::default() };
    Packing { hasher: KeyHasher::new(77), limits }
}

/// Pairs in order.
#[derive(Clone, Default)]
struct Model(Vec<(f64, Vec<u8>)>);

impl Model {
    fn place(&self, member: &[u8]) -> Option<usize> {
        self.0.iter().position(|(_, other)| other == member)
    }

    fn put(&mut self, member: &[u8], score: f64) {
        self.0.push((score, member.to_vec()));
        self.0.sort_by(|a, b| a.partial_cmp(b).unwrap());
    }
}

fn pairs_of(zset: ZsetRef<'_>) -> Vec<(f64, Vec<u8>)> {
    zset.iter().map(|(member, score)| (score, member.to_cow().into_owned())).collect()
}

fn check(zset: ZsetRef<'_>, model: &Model, rng: &mut fastrand::Rng) {
    assert!(pairs_of(zset) == model.0);
    let len = model.0.len();
    assert_eq!(zset.len(), len);
    let (start, end) = (rng.usize(..=len), rng.usize(..=len));
    let range = start.min(end)..start.max(end);
    let mut back: Vec<_> = zset
        .walk(range.clone(), true)
        .map(|(member, score)| (score, member.to_cow().into_owned()))
        .collect();
    back.reverse();
    assert!(back == model.0[range.clone()]);
    let forward = zset.walk(range.clone(), false).map(|(_, score)| score);
    assert!(forward.eq(model.0[range].iter().map(|(score, _)| *score)));
    for (rank, (score, member)) in model.0.iter().enumerate() {
        assert_eq!(zset.rank(member), Some((rank, *score)));
    }
    assert_eq!(zset.score(b"nowhere"), None);
    let scores = ScoreRange {
        min: f64::from(rng.i32(-5..5)),
        max: f64::from(rng.i32(-5..5)),
        without_min: rng.bool(),
        without_max: rng.bool(),
    };
    let is_in = |score: f64| {
        let low = if scores.without_min { score > scores.min } else { score >= scores.min };
        low && if scores.without_max { score < scores.max } else { score <= scores.max }
    };
    let expected = model.0.iter().filter(|(score, _)| is_in(*score)).count();
    let found = zset.range_by_score(&scores);
    assert_eq!(found.len(), expected);
    assert!(model.0[found].iter().all(|(score, _)| is_in(*score)));
}

fn scanned(zset: ZsetRef<'_>, count: usize) -> Vec<(f64, Vec<u8>)> {
    let (mut cursor, mut found) = (0, Vec::new());
    loop {
        cursor = zset.scan(cursor, count, &mut |member, score| {
            found.push((score, member.to_cow().into_owned()));
        });
        if cursor == 0 {
            found.sort_by(|a, b| a.partial_cmp(b).unwrap());
            return found;
        }
    }
}

/// Changes a sorted set and its model at random.
fn change(zset: &mut Zset, model: &mut Model, rng: &mut fastrand::Rng, packing: &Packing) {
    let member = match rng.u8(..4) {
        0 => rng.u8(..60).to_string().into_bytes(),
        1 => format!("a rather long member {}", rng.u8(..40)).into_bytes(),
        _ => format!("m{}", rng.u16(..400)).into_bytes(),
    };
    let score = match rng.u8(..8) {
        0 => f64::from(rng.i32(-500..500)) / 100.0,
        1 => f64::INFINITY,
        2 => -0.0,
        _ => f64::from(rng.i32(-5..5)),
    };
    let known = model.place(&member);
    match rng.u8(..10) {
        0..=5 => match known {
            None => {
                zset.insert_new(&member, score, packing);
                model.put(&member, score);
            }
            Some(place) => {
                let (before, _) = model.0.remove(place);
                zset.update(&member, before, score);
                model.put(&member, score);
            }
        },
        6..=8 => {
            assert_eq!(zset.remove(&member), known.is_some());
            known.map(|place| model.0.remove(place));
        }
        _ => {
            let start = rng.usize(..=model.0.len());
            let end = (start + rng.usize(..12)).min(model.0.len());
            zset.remove_range(start..end);
            model.0.drain(start..end);
        }
    }
}

#[test]
fn both_forms_follow_a_list_and_clones_stay_what_they_were() {
    let mut rng = fastrand::Rng::with_seed(9);
    for entries in [0, 10, 128, 100_000] {
        let packing = packing(entries, 24);
        let (mut zset, mut model) = (Zset::new(), Model::default());
        let mut held: Option<(Zset, Model)> = None;
        for step in 0..6000 {
            change(&mut zset, &mut model, &mut rng, &packing);
            if step % 50 == 0 {
                check(zset.as_ref(), &model, &mut rng);
                let all = scanned(zset.as_ref(), rng.usize(1..20));
                assert!(all == model.0);
                if let Some((zset, model)) = &held {
                    check(zset.as_ref(), model, &mut rng);
                }
                held = Some((zset.clone(), model.clone()));
            }
        }
    }
}

#[test]
fn members_between_two_are_found_in_both_forms() {
    let mut rng = fastrand::Rng::with_seed(3);
    for entries in [0, 1000] {
        let packing = packing(entries, 64);
        let (mut zset, mut model) = (Zset::new(), BTreeSet::new());
        for _ in 0..700 {
            let member = format!("{}{}", "x".repeat(rng.usize(..3)), rng.u16(..2000)).into_bytes();
            if model.insert(member.clone()) {
                zset.insert_new(&member, 0.0, &packing);
            }
        }
        let edge = |rng: &mut fastrand::Rng| rng.u16(..2000).to_string().into_bytes();
        for _ in 0..500 {
            let (low, high) = (edge(&mut rng), edge(&mut rng));
            let range = LexRange { min: LexEdge::With(&low), max: LexEdge::Without(&high) };
            let expected = model.iter().filter(|m| **m >= low && **m < high).count();
            assert_eq!(zset.as_ref().range_by_lex(&range).len(), expected);
            let range = LexRange { min: LexEdge::Without(&low), max: LexEdge::With(&high) };
            let expected = model.iter().filter(|m| **m > low && **m <= high).count();
            assert_eq!(zset.as_ref().range_by_lex(&range).len(), expected);
        }
        let all = LexRange { min: LexEdge::Lowest, max: LexEdge::Highest };
        assert_eq!(zset.as_ref().range_by_lex(&all), 0..model.len());
        assert_eq!(scanned(zset.as_ref(), 7).len(), model.len());
    }
}

fn payload_of(zset: ZsetRef<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    let content = Content::Collection(CollectionRef::Zset(zset));
    push_payload(&mut payload, &content, Some(&mut Compressor::new()));
    payload
}

fn zset_of(payload: &[u8], packing: &Packing) -> Option<Zset> {
    match read_payload(payload, packing) {
        Ok(NewValue::Collection(Collection::Zset(zset))) => Some(zset),
        _ => None,
    }
}

/// A payload of these bytes with a good checksum.
fn sealed(type_byte: u8, body: &[u8]) -> Vec<u8> {
    let mut payload = vec![type_byte];
    payload.extend_from_slice(body);
    payload.extend_from_slice(&[10, 0]);
    let checksum = crc64(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

/// What is accepted is in order, and is itself again.
fn accepted_is_whole(payload: &[u8], packing: &Packing) -> bool {
    let Some(zset) = zset_of(payload, packing) else { return false };
    let pairs = pairs_of(zset.as_ref());
    assert!(pairs.windows(2).all(|two| two[0].partial_cmp(&two[1]).is_some_and(|o| o.is_lt())));
    let members: BTreeSet<_> = pairs.iter().map(|(_, member)| member).collect();
    assert!(members.len() == pairs.len() && !pairs.is_empty());
    let again = zset_of(&payload_of(zset.as_ref()), packing).unwrap();
    assert!(pairs_of(again.as_ref()) == pairs);
    true
}

#[test]
fn payloads_round_trip_and_damaged_ones_never_panic() {
    let mut rng = fastrand::Rng::with_seed(4);
    let mut accepted = 0;
    for entries in [0, 6, 128] {
        let packing = packing(entries, 24);
        for _ in 0..60 {
            let (mut zset, mut model) = (Zset::new(), Model::default());
            while model.0.is_empty() || rng.u8(..30) > 0 {
                change(&mut zset, &mut model, &mut rng, &packing);
            }
            let payload = payload_of(zset.as_ref());
            assert!(pairs_of(zset_of(&payload, &packing).unwrap().as_ref()) == model.0);
            for _ in 0..100 {
                let mut body = payload[1..payload.len() - 10].to_vec();
                let at = rng.usize(..body.len());
                body[at] = rng.u8(..);
                let type_byte = if rng.bool() { payload[0] } else { TYPES[rng.usize(..4)] };
                accepted += usize::from(accepted_is_whole(&sealed(type_byte, &body), &packing));
            }
        }
    }
    assert!(accepted > 100, "{accepted}");
}

#[test]
fn old_forms_are_read() {
    let packing = packing(128, 64);
    let text = b"\x03\x01a\x011\x01b\xfe\x01c\xff";
    let ziplist = b"\x18\x18\0\0\0\x12\0\0\0\x04\0\0\x01a\x03\xf2\x02\x01b\x03\x032.5\xff";
    let pairs = |zset: Option<Zset>| pairs_of(zset.unwrap().as_ref());
    let a = b"a".to_vec();
    let expected =
        [(f64::NEG_INFINITY, b"c".to_vec()), (1.0, a.clone()), (f64::INFINITY, b"b".to_vec())];
    assert_eq!(pairs(zset_of(&sealed(3, text), &packing)), expected);
    assert_eq!(pairs(zset_of(&sealed(12, ziplist), &packing)), [(1.0, a), (2.5, b"b".to_vec())]);
    let nan = [&b"\x01\x01a"[..], &f64::NAN.to_le_bytes()].concat();
    for (type_byte, body) in [
        (3, &b"\x01\x01a\xfd"[..]),
        (5, &nan),
        (3, b"\0"),
        (5, b"\0"),
        (3, b"\x02\x01a\x011\x01a\x012"),
        (17, b"\x07\x07\0\0\0\0\0\xff"),
    ] {
        assert!(zset_of(&sealed(type_byte, body), &packing).is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 4 } else { 2000 }))]

    #[test]
    fn bytes_of_any_kind_never_panic(
        which in 0..TYPES.len(),
        body in prop::collection::vec(any::<u8>(), 0..80),
    ) {
        accepted_is_whole(&sealed(TYPES[which], &body), &packing(4, 8));
    }

    #[test]
    fn what_is_logged_makes_the_same_again(seed in any::<u64>()) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut first, mut second) = (Runner::new(), Runner::new());
        for runner in [&mut first, &mut second] {
            runner.keyspace.set_packed_limits(limits());
        }
        for _ in 0..60 {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            first.run(&words);
            for logged in first.logged().to_vec() {
                second.replay(&logged);
            }
        }
        prop_assert!(first.content() == second.content());
    }
}
