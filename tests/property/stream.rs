//! Streams through their commands: against a plain map, in payloads, and made again from what is logged.

use std::collections::BTreeMap;

use proptest::prelude::*;
use vellum::keyspace::types::PackedLimits;
use vellum::rdb::crc64::crc64;

use crate::command_runner::Runner;
use crate::stream_script::{KEYS, NODE_BYTES_MAX, NODE_ENTRIES_MAX, random_command};

const CHECKSUM_LEN: usize = 8;

/// A runner whose streams have several nodes soon.
fn runner() -> Runner {
    let mut runner = Runner::new();
    runner.keyspace.set_packed_limits(PackedLimits {
        stream_node_entries: NODE_ENTRIES_MAX,
        stream_node_bytes: NODE_BYTES_MAX,
        ..PackedLimits::default()
    });
    runner
}

/// All that a key says of its stream and of the groups, but for what its tree is made of.
fn told(runner: &mut Runner, key: &str) -> Vec<String> {
    let mut told = vec![
        runner.line(&format!("XRANGE {key} - +")),
        runner.line(&format!("XINFO GROUPS {key}")),
    ];
    for group in ["g", "h"] {
        told.push(runner.line(&format!("XPENDING {key} {group}")));
        told.push(runner.line(&format!("XPENDING {key} {group} - + 1000")));
    }
    let summary = runner.line(&format!("XINFO STREAM {key}"));
    let behind_the_tree = summary.split_once("last-generated-id").map(|(_, rest)| rest.to_owned());
    told.extend(behind_the_tree);
    told
}

fn run_random(runner: &mut Runner, rng: &mut fastrand::Rng) {
    let words = random_command(rng);
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    runner.run(&words);
}

/// What DUMP says, without the head of the reply; nothing if there is no such key.
fn payload_of(runner: &mut Runner, key: &str) -> Option<Vec<u8>> {
    let reply = runner.run(&[b"DUMP", key.as_bytes()]);
    let start = reply.iter().position(|&byte| byte == b'\n')? + 1;
    reply.get(start..reply.len() - 2).filter(|payload| !payload.is_empty()).map(<[u8]>::to_vec)
}

/// Restores a payload at `x`; whether it was accepted.
fn restore(runner: &mut Runner, payload: &[u8]) -> bool {
    runner.run(&[b"RESTORE", b"x", b"0", payload, b"REPLACE"]) == b"+OK\r\n"
}

#[derive(Clone, Debug)]
enum Op {
    Add { ms: u64, value: Vec<u8> },
    Delete(u64),
    KeepNewest(usize),
    KeepFrom(u64),
    Range { from: u64, to: u64, backwards: bool, max: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let value = prop::collection::vec(any::<u8>(), 0..70);
    prop_oneof![
        10 => (0..200u64, value).prop_map(|(ms, value)| Op::Add { ms, value }),
        3 => (0..200u64).prop_map(Op::Delete),
        1 => (0..30usize).prop_map(Op::KeepNewest),
        1 => (0..200u64).prop_map(Op::KeepFrom),
        4 => (0..200u64, 0..200u64, any::<bool>(), 1..20usize)
            .prop_map(|(from, to, backwards, max)| Op::Range { from, to, backwards, max }),
    ]
}

/// Entries as they are told.
fn entries<'m>(entries: impl Iterator<Item = (&'m u64, &'m Vec<u8>)>) -> Vec<u8> {
    let (mut told, mut count) = (Vec::new(), 0);
    for (ms, value) in entries {
        let id = format!("{ms}-1");
        told.extend(
            format!("*2\r\n${}\r\n{id}\r\n*2\r\n$1\r\nf\r\n${}\r\n", id.len(), value.len())
                .into_bytes(),
        );
        told.extend(value);
        told.extend(b"\r\n");
        count += 1;
    }
    [format!("*{count}\r\n").into_bytes(), told].concat()
}

fn apply(runner: &mut Runner, model: &mut BTreeMap<u64, Vec<u8>>, last: &mut u64, op: Op) {
    match op {
        Op::Add { ms, value } => {
            let id = format!("{ms}-1");
            let reply = runner.run(&[b"XADD", b"x", id.as_bytes(), b"f", &value]);
            assert_eq!(reply.starts_with(b"-"), ms <= *last, "{id}");
            if ms > *last {
                *last = ms;
                model.insert(ms, value);
            }
        }
        Op::Delete(ms) => {
            let was_there = i32::from(model.remove(&ms).is_some());
            assert_eq!(runner.line(&format!("XDEL x {ms}-1")), format!(r":{was_there}\r\n"));
        }
        Op::KeepNewest(len) => {
            let removed = model.len().saturating_sub(len);
            (0..removed).for_each(|_| drop(model.pop_first()));
            assert_eq!(runner.line(&format!("XTRIM x MAXLEN {len}")), format!(r":{removed}\r\n"));
        }
        Op::KeepFrom(ms) => {
            let kept = model.split_off(&ms);
            let removed = std::mem::replace(model, kept).len();
            assert_eq!(runner.line(&format!("XTRIM x MINID {ms}")), format!(r":{removed}\r\n"));
        }
        Op::Range { from, to, backwards, max } => {
            let (from, to) = (from.min(to), from.max(to));
            let told = if backwards {
                entries(model.range(from..=to).rev().take(max))
            } else {
                entries(model.range(from..=to).take(max))
            };
            let line = match backwards {
                false => format!("XRANGE x {from} {to} COUNT {max}"),
                true => format!("XREVRANGE x {to} {from} COUNT {max}"),
            };
            assert_eq!(runner.line(&line), told.escape_ascii().to_string(), "{line}");
        }
    }
}

/// A trim that leaves nothing has no first entry to be logged with.
#[test]
fn an_inexact_trim_of_everything_is_logged_as_one() {
    for line in ["XTRIM x MINID ~ 100", "XADD x MINID ~ 100 50-1 f v"] {
        let (mut first, mut copy) = (runner(), runner());
        for line in ["XADD x 1-1 f v", "XADD x 2-1 f v", line] {
            first.line(line);
            for logged in first.logged().to_vec() {
                copy.replay(&logged);
            }
        }
        assert_eq!(first.line("XLEN x"), r":0\r\n");
        assert_eq!(copy.line("XLEN x"), r":0\r\n", "{line}");
    }
}

/// What is logged is a command, and no command takes a larger number than these.
#[test]
fn counters_stop_where_commands_end() {
    let (mut first, mut copy) = (runner(), runner());
    for line in [
        "XADD x 1-1 f v",
        "XADD x 2-1 f v",
        "XSETID x 2-1 ENTRIESADDED 9223372036854775807",
        "XADD x 3-1 f v",
        "XGROUP CREATE x g 1-1 ENTRIESREAD 9223372036854775807",
        "XREADGROUP GROUP g bob STREAMS x >",
        "XCLAIM x g bob 0 2-1 RETRYCOUNT 9223372036854775807",
        "XCLAIM x g bob 0 2-1",
        "XREADGROUP GROUP g bob STREAMS x 0",
        "XAUTOCLAIM x g bob 0 0",
    ] {
        first.line(line);
        for logged in first.logged().to_vec() {
            let reply = copy.replay(&logged);
            assert!(!reply.starts_with(b"-"), "{line}: {:?}", first.effects());
        }
        assert_eq!(first.content(), copy.content(), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn entries_are_those_of_a_map(ops in prop::collection::vec(op(), 1..120)) {
        let (mut runner, mut model, mut last) = (runner(), BTreeMap::new(), 0);
        // Small steps: most of the IDs are to be larger than those before.
        for (number, op) in ops.into_iter().enumerate() {
            let op = match op {
                Op::Add { ms, value } => Op::Add { ms: 1 + number as u64 + ms % 10, value },
                op => op,
            };
            apply(&mut runner, &mut model, &mut last, op);
            let len = format!(r":{}\r\n", model.len());
            prop_assert_eq!(runner.line("XLEN x"), len);
        }
        let all = entries(model.iter()).escape_ascii().to_string();
        prop_assert_eq!(runner.line("XRANGE x - +"), all);
    }

    #[test]
    fn effects_replayed_give_the_same_streams(seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut first, mut copy) = (runner(), runner());
        for number in 0..150 {
            first.now_ms += rng.u64(..50);
            copy.now_ms = first.now_ms;
            let before = first.content();
            run_random(&mut first, &mut rng);
            // A command that logs nothing has changed nothing.
            prop_assert!(!first.logged().is_empty() || first.content() == before);
            for logged in first.logged().to_vec() {
                let reply = copy.replay(&logged);
                prop_assert!(!reply.starts_with(b"-"), "{:?}", first.effects());
            }
            prop_assert_eq!(first.content(), copy.content(), "{:?}", first.effects());
            if number % 10 == 0 {
                for key in KEYS {
                    prop_assert_eq!(told(&mut first, key), told(&mut copy, key));
                }
            }
        }
    }

    #[test]
    fn payloads_round_trip_and_damaged_ones_never_panic(seed: u64) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut first = runner();
        for _ in 0..120 {
            run_random(&mut first, &mut rng);
        }
        if first.line("TYPE x") != r"+stream\r\n" {
            first.line("DEL x");
            first.line("XADD x 1-1 f v");
        }
        let payload = payload_of(&mut first, "x").unwrap();
        let mut copy = runner();
        prop_assert!(restore(&mut copy, &payload));
        prop_assert_eq!(told(&mut first, "x"), told(&mut copy, "x"));
        for _ in 0..60 {
            let mut damaged = payload.clone();
            damaged.truncate(payload.len() - CHECKSUM_LEN);
            for _ in 0..rng.usize(1..3) {
                let at = rng.usize(..damaged.len() - 2);
                damaged[at] = if rng.bool() { rng.u8(..) } else { damaged[at] ^ (1 << rng.u8(..8)) };
            }
            damaged.extend_from_slice(&crc64(&damaged).to_le_bytes());
            let mut copy = runner();
            if restore(&mut copy, &damaged) {
                // It can be used, and is itself again.
                let again = payload_of(&mut copy, "x").unwrap();
                let mut third = runner();
                prop_assert!(restore(&mut third, &again));
                prop_assert_eq!(told(&mut copy, "x"), told(&mut third, "x"));
                for _ in 0..20 {
                    run_random(&mut copy, &mut rng);
                }
            }
        }
    }
}
