//! Sets against a plain set in all forms, their encodings in files, and what their commands log.

use std::collections::BTreeSet;

use proptest::prelude::*;
use vellum::keyspace::types::{Collection, CollectionRef, Packing, Set, SetRef};
use vellum::keyspace::{Content, NewValue};
use vellum::rdb::crc64::crc64;
use vellum::rdb::dump::{push_payload, read_payload};
use vellum::rdb::lzf::Compressor;

use crate::command_runner::Runner;
use crate::set_script::{KEYS, limits, random_command};

type Model = BTreeSet<Vec<u8>>;

/// A file's types of sets: plain, of integers, listpack; and one that is never read.
const TYPES: &[u8] = &[2, 11, 20, 22];

#[derive(Clone, Debug)]
enum Op {
    Add(Vec<u8>),
    Remove(Vec<u8>),
    TakeRandom(usize),
    Clone,
}

fn integer() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => (-5..12_i64).prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        1 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
    ]
}

fn member() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => integer(),
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let ops = |member: BoxedStrategy<Vec<u8>>| {
        let op = prop_oneof![
            8 => member.clone().prop_map(Op::Add),
            4 => member.prop_map(Op::Remove),
            1 => (0..6usize).prop_map(Op::TakeRandom),
            1 => Just(Op::Clone),
        ];
        prop::collection::vec(op, 1..80)
    };
    prop_oneof![ops(integer().boxed()), ops(member().boxed())]
}

fn packing() -> Packing {
    Packing { limits: limits(), ..Packing::default() }
}

fn content(set: &Set) -> Model {
    let members: Vec<Vec<u8>> = set.as_ref().iter().map(|m| m.to_cow().into_owned()).collect();
    let model: Model = members.iter().cloned().collect();
    assert_eq!(model.len(), members.len(), "no member is there twice");
    model
}

fn apply(set: &mut Set, model: &mut Model, op: Op, packing: &Packing, rng: &mut fastrand::Rng) {
    match op {
        Op::Add(member) => assert_eq!(set.add(&member, packing), model.insert(member)),
        Op::Remove(member) => assert_eq!(set.remove(&member), model.remove(&member)),
        Op::TakeRandom(count) => {
            let expected = model.len().saturating_sub(count);
            set.take_random(count, rng, |member| assert!(model.remove(member)));
            assert_eq!(model.len(), expected);
        }
        Op::Clone => {}
    }
}

fn payload_of(set: &Set, compress: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let content = Content::Collection(CollectionRef::Set(set.as_ref()));
    let mut compressor = Compressor::new();
    push_payload(&mut payload, &content, compress.then_some(&mut compressor));
    payload
}

fn set_of(payload: &[u8], packing: &Packing) -> Option<Set> {
    match read_payload(payload, packing) {
        Ok(NewValue::Collection(Collection::Set(set))) => Some(set),
        _ => None,
    }
}

/// The form a set has to have that only ever grew, whatever the order of its members.
fn form_of(model: &Model) -> &'static str {
    let limits = limits();
    let is_integer = |member: &Vec<u8>| {
        let text = std::str::from_utf8(member).unwrap_or_default();
        text.parse::<i64>().is_ok_and(|number| number.to_string() == text)
    };
    if model.iter().all(is_integer) && model.len() <= limits.set_integers {
        "intset"
    } else if !model.iter().all(is_integer)
        && model.len() <= limits.set_entries
        && model.iter().all(|member| member.len() <= limits.set_value)
    {
        "listpack"
    } else {
        "hashtable"
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changes_are_those_of_a_set_and_clones_stay_what_they_were(ops in ops(), seed in any::<u64>()) {
        let packing = packing();
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut set, mut model) = (Set::new(), Model::new());
        let mut clones: Vec<(Set, Model)> = Vec::new();
        for op in ops {
            if matches!(op, Op::Clone) {
                clones.push((set.clone(), model.clone()));
            }
            apply(&mut set, &mut model, op, &packing, &mut rng);
            prop_assert_eq!(&content(&set), &model);
            prop_assert_eq!(set.as_ref().len(), model.len());
            prop_assert!(model.iter().all(|member| set.as_ref().contains(member)));
            prop_assert!(set.as_ref().iter().all(|member| set.as_ref().contains_value(member)));
            let random = set.as_ref().random(&mut rng).map(|member| member.to_cow().into_owned());
            prop_assert!(random.map_or(model.is_empty(), |member| model.contains(&member)));
            let mut chosen = Model::new();
            set.as_ref().random_different(3, &mut rng, |member| {
                assert!(chosen.insert(member.to_cow().into_owned()));
            });
            prop_assert!(chosen.is_subset(&model) && chosen.len() == model.len().min(3));
        }
        for (set, model) in &clones {
            prop_assert_eq!(&content(set), model);
        }
        if !model.is_empty() {
            for compress in [false, true] {
                let read = set_of(&payload_of(&set, compress), &packing);
                prop_assert_eq!(read.as_ref().map(content), Some(model.clone()));
            }
        }
    }

    #[test]
    fn what_is_in_a_set_decides_its_form(members in prop::collection::vec(member(), 1..14)) {
        let packing = packing();
        let mut set = Set::new();
        members.iter().for_each(|member| {
            set.add(member, &packing);
        });
        let model: Model = members.into_iter().collect();
        prop_assert_eq!(set.as_ref().encoding(), form_of(&model));
        let read = set_of(&payload_of(&set, false), &packing);
        prop_assert_eq!(read.map(|set| set.as_ref().encoding()), Some(form_of(&model)));
    }

    #[test]
    fn payloads_of_any_bytes_are_refused_or_read_and_never_panic(
        type_index in 0..TYPES.len(),
        body in prop::collection::vec(any::<u8>(), 0..200),
        members in prop::collection::vec(member(), 1..20),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let packing = packing();
        let mut set = Set::new();
        for member in &members {
            set.add(member, &packing);
        }
        let mut wholes = vec![payload_of(&set, false)];
        if let SetRef::Packed(pack) = set.as_ref() {
            // The form that is read and not written.
            let mut written = vec![20, pack.bytes().len() as u8];
            written.extend_from_slice(pack.bytes());
            if pack.bytes().len() < 64 {
                written.extend_from_slice(&[0; 10]);
                wholes.push(written);
            }
        }
        let mut payloads = vec![[&[TYPES[type_index]][..], &body].concat()];
        for mut whole in wholes {
            whole.truncate(whole.len() - 10);
            payloads.push(whole.clone());
            for (at, byte) in &flips {
                let at = at.index(whole.len());
                whole[at] = *byte;
            }
            payloads.push(whole);
        }
        for (number, mut payload) in payloads.into_iter().enumerate() {
            payload.extend_from_slice(&[11, 0]);
            payload.extend_from_slice(&crc64(&payload).to_le_bytes());
            let read = set_of(&payload, &packing);
            if number % 2 == 1 {
                prop_assert_eq!(read.as_ref().map(content), Some(content(&set)));
            }
            if let Some(set) = read {
                prop_assert!(!set.as_ref().is_empty());
                let again = set_of(&payload_of(&set, true), &packing);
                prop_assert_eq!(again.as_ref().map(content), Some(content(&set)));
            }
        }
    }
}

#[test]
fn effects_replayed_give_the_same_sets() {
    let mut rng = fastrand::Rng::with_seed(11);
    let (mut runner, mut replica) = (Runner::new(), Runner::new());
    runner.keyspace.set_packed_limits(limits());
    for number in 0..5000 {
        let words = match number % 10 {
            0 => vec![b"SPOP".to_vec(), b"a".to_vec()],
            5 => vec![b"SPOP".to_vec(), b"b".to_vec(), b"3".to_vec()],
            _ => random_command(&mut rng),
        };
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        runner.run(&words);
        for logged in runner.logged().to_vec() {
            replica.replay(&logged);
        }
    }
    assert!(KEYS.iter().any(|key| !runner.run(&[b"SCARD", key.as_bytes()]).starts_with(b":0")));
    assert_eq!(runner.content(), replica.content());
}
