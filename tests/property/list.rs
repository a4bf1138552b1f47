//! Lists against a plain vector in both forms, their encodings in files, and what their commands log.

use std::collections::VecDeque;

use proptest::prelude::*;
use vellum::keyspace::types::{Collection, CollectionRef, End, List, PackedLimits, Packing};
use vellum::keyspace::{Content, NewValue};
use vellum::rdb::crc64::crc64;
use vellum::rdb::dump::{push_payload, read_payload};
use vellum::rdb::lzf::Compressor;

use crate::command_runner::Runner;
use crate::list_script::{KEYS, PIECE_LEN_MAX, random_command};

type Model = VecDeque<Vec<u8>>;

/// A file's types of lists: plain, ziplist, two kinds of quicklists; and one that is never read.
const TYPES: &[u8] = &[1, 10, 14, 18, 22];

#[derive(Clone, Debug)]
enum Op {
    Push { front: bool, values: Vec<Vec<u8>> },
    Pop { front: bool, count: usize },
    Insert { at: usize, value: Vec<u8> },
    Set { at: usize, value: Vec<u8> },
    Remove { at: usize, count: usize },
    RemoveEqual { value: Vec<u8>, front: bool, max: usize },
    Clone,
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => (0..6u8).prop_map(|number| number.to_string().into_bytes()),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..80),
        1 => (0..9000usize).prop_map(|len| vec![b'x'; len]),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let values = prop::collection::vec(value(), 1..12);
    prop_oneof![
        8 => (any::<bool>(), values).prop_map(|(front, values)| Op::Push { front, values }),
        4 => (any::<bool>(), 0..9usize).prop_map(|(front, count)| Op::Pop { front, count }),
        4 => (any::<usize>(), value()).prop_map(|(at, value)| Op::Insert { at, value }),
        4 => (any::<usize>(), value()).prop_map(|(at, value)| Op::Set { at, value }),
        2 => (any::<usize>(), 0..20usize).prop_map(|(at, count)| Op::Remove { at, count }),
        2 => (value(), any::<bool>(), 1..4usize)
            .prop_map(|(value, front, max)| Op::RemoveEqual { value, front, max }),
        1 => Just(Op::Clone),
    ]
}

fn packing(list_size: i32) -> Packing {
    let limits = PackedLimits { list_size, ..PackedLimits::default() };
    Packing { limits, ..Packing::default() }
}

fn content(list: &List) -> Model {
    list.as_ref().iter().map(|value| value.to_cow().into_owned()).collect()
}

fn end(front: bool) -> End {
    if front { End::Front } else { End::Back }
}

fn apply(list: &mut List, model: &mut Model, op: Op, packing: &Packing) {
    match op {
        Op::Push { front, values } => {
            list.push(end(front), values.iter().map(Vec::as_slice), packing);
            for value in values {
                if front { model.push_front(value) } else { model.push_back(value) }
            }
        }
        Op::Pop { front, count } => {
            let mut popped = Vec::new();
            list.pop(end(front), count, packing, |value| popped.push(value.to_cow().into_owned()));
            let expected = (0..count)
                .map_while(|_| if front { model.pop_front() } else { model.pop_back() })
                .collect::<Vec<_>>();
            assert_eq!(popped, expected);
        }
        Op::Insert { at, value } => {
            let at = at % (model.len() + 1);
            list.insert(at, &value, packing);
            model.insert(at, value);
        }
        Op::Set { at, value } if !model.is_empty() => {
            let at = at % model.len();
            list.set(at, &value, packing);
            model[at] = value;
        }
        Op::Remove { at, count } if !model.is_empty() => {
            let at = at % model.len();
            let count = count.min(model.len() - at);
            list.remove(at, count, packing);
            model.drain(at..at + count);
        }
        Op::RemoveEqual { value, front, max } => {
            let removed = list.remove_equal(&value, end(front), max, packing);
            let mut left = max;
            let mut keep = |held: &Vec<u8>| {
                let goes = *held == value && left > 0;
                left -= usize::from(goes);
                !goes
            };
            if front {
                model.retain(&mut keep);
            } else {
                let mut kept: Vec<_> = model.drain(..).rev().filter(&mut keep).collect();
                kept.reverse();
                model.extend(kept);
            }
            assert_eq!(removed, max - left);
        }
        Op::Set { .. } | Op::Remove { .. } | Op::Clone => {}
    }
}

fn payload_of(list: &List, compress: bool) -> Vec<u8> {
    let mut payload = Vec::new();
    let content = Content::Collection(CollectionRef::List(list.as_ref()));
    let mut compressor = Compressor::new();
    push_payload(&mut payload, &content, compress.then_some(&mut compressor));
    payload
}

fn list_of(payload: &[u8], packing: &Packing) -> Option<List> {
    match read_payload(payload, packing) {
        Ok(NewValue::Collection(Collection::List(list))) => Some(list),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn changes_are_those_of_a_vector_and_clones_stay_what_they_were(
        size in prop_oneof![Just(-1), Just(-2), Just(4), Just(1), Just(0)],
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let packing = packing(size);
        let (mut list, mut model) = (List::new(), Model::new());
        let mut clones: Vec<(List, Model)> = Vec::new();
        for op in ops {
            if matches!(op, Op::Clone) {
                clones.push((list.clone(), model.clone()));
            }
            apply(&mut list, &mut model, op, &packing);
            prop_assert_eq!(&content(&list), &model);
            prop_assert_eq!(list.as_ref().len(), model.len());
            let backward: Vec<_> =
                list.as_ref().iter_back_from(model.len()).map(|v| v.to_cow().into_owned()).collect();
            prop_assert!(backward.iter().eq(model.iter().rev()));
            if let Some(middle) = model.len().checked_sub(1).map(|last| last / 2) {
                let found = list.as_ref().get(middle).map(|value| value.to_cow().into_owned());
                prop_assert_eq!(found.as_ref(), model.get(middle));
            }
        }
        for (list, model) in &clones {
            prop_assert_eq!(&content(list), model);
        }
        if !model.is_empty() {
            for compress in [false, true] {
                let read = list_of(&payload_of(&list, compress), &packing);
                prop_assert_eq!(read.as_ref().map(content), Some(model.clone()));
            }
        }
    }

    #[test]
    fn payloads_of_any_bytes_are_refused_or_read_and_never_panic(
        type_index in 0..TYPES.len(),
        body in prop::collection::vec(any::<u8>(), 0..200),
        values in prop::collection::vec(value(), 1..30),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        let packing = packing(4);
        let mut list = List::new();
        list.push(End::Back, values.iter().map(Vec::as_slice), &packing);
        let mut whole = payload_of(&list, false);
        whole.truncate(whole.len() - 10);
        for (at, byte) in &flips {
            let at = at.index(whole.len());
            whole[at] = *byte;
        }
        let made_up = [&[TYPES[type_index]][..], &body].concat();
        for mut payload in [whole, made_up] {
            payload.extend_from_slice(&[10, 0]);
            payload.extend_from_slice(&crc64(&payload).to_le_bytes());
            if let Some(list) = list_of(&payload, &packing) {
                prop_assert!(!list.as_ref().is_empty());
                let again = list_of(&payload_of(&list, true), &packing);
                prop_assert_eq!(again.as_ref().map(content), Some(content(&list)));
            }
        }
    }
}

#[test]
fn effects_replayed_give_the_same_lists() {
    let limits = PackedLimits { list_size: PIECE_LEN_MAX, ..PackedLimits::default() };
    let mut rng = fastrand::Rng::with_seed(11);
    let (mut runner, mut replica) = (Runner::new(), Runner::new());
    runner.keyspace.set_packed_limits(limits);
    for _ in 0..5000 {
        let words = random_command(&mut rng);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        runner.run(&words);
        for logged in runner.logged().to_vec() {
            replica.replay(&logged);
        }
    }
    assert!(KEYS.iter().any(|key| !runner.run(&[b"LLEN", key.as_bytes()]).starts_with(b":0")));
    assert_eq!(runner.content(), replica.content());
}
