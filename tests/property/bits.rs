//! Bits and HyperLogLogs: against models that take one bit at a time, and against bytes of any kind.

use proptest::prelude::*;

use crate::bit_script::random_command;
use crate::command_runner::Runner;

/// A string as its bits.
fn bits_of(bytes: &[u8]) -> Vec<bool> {
    bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte << bit & 0x80 != 0)).collect()
}

fn bytes_of(bits: &[bool]) -> Vec<u8> {
    let byte = |bits: &[bool]| bits.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
    bits.chunks(8).map(byte).collect()
}

fn integer(reply: &[u8]) -> i64 {
    std::str::from_utf8(&reply[1..]).unwrap().trim().parse().unwrap()
}

fn run(runner: &mut Runner, words: &[&str]) -> Vec<u8> {
    runner.run(&words.iter().map(|word| word.as_bytes()).collect::<Vec<_>>())
}

fn value(runner: &mut Runner, key: &[u8]) -> Vec<u8> {
    let hash = runner.keyspace.hash(key);
    let entry = runner.keyspace.db(0).get(hash, key);
    entry.and_then(|entry| Some(entry.as_string()?.to_cow().into_owned())).unwrap_or_default()
}

/// The part of a range that lies in a string, as Redis understands it.
fn part(start: i64, end: i64, len: usize) -> std::ops::Range<usize> {
    let from_start = |at: i64| if at < 0 { (at + len as i64).max(0) } else { at };
    let (start, end) = (from_start(start), (from_start(end) + 1).min(len as i64));
    start as usize..(end.max(start) as usize)
}

/// Strings with long stretches of equal bits.
fn string() -> impl Strategy<Value = Vec<u8>> {
    let stretch = (prop_oneof![Just(0), Just(0xff), any::<u8>()], 0..150_usize);
    let stretches = prop::collection::vec(stretch.prop_map(|(byte, len)| vec![byte; len]), 0..4);
    stretches.prop_map(|stretches| stretches.concat())
}

proptest! {
    #[test]
    fn bits_are_counted_and_found(
        bytes in string(), start in -3000..3000_i64, end in -3000..3000_i64, by_bit: bool, bit: bool,
    ) {
        let mut runner = Runner::new();
        runner.run(&[b"SET", b"k", &bytes]);
        let bits = bits_of(&bytes);
        let range = if by_bit {
            part(start, end, bits.len())
        } else {
            let bytes = part(start, end, bytes.len());
            bytes.start * 8..bytes.end * 8
        };
        let inside = bits.get(range.clone()).unwrap_or_default();
        let (start, end, unit) =
            (start.to_string(), end.to_string(), if by_bit { "BIT" } else { "BYTE" });
        let counted = integer(&run(&mut runner, &["BITCOUNT", "k", &start, &end, unit]));
        if !(start.starts_with('-') && end.starts_with('-') && counted == 0) {
            prop_assert_eq!(counted, inside.iter().filter(|bit| **bit).count() as i64);
        }
        let all = integer(&run(&mut runner, &["BITCOUNT", "k"]));
        prop_assert_eq!(all, bits.iter().filter(|bit| **bit).count() as i64);
        let wanted = if bit { "1" } else { "0" };
        let found = integer(&run(&mut runner, &["BITPOS", "k", wanted, &start, &end, unit]));
        let expected = inside.iter().position(|b| *b == bit).map(|at| (at + range.start) as i64);
        prop_assert_eq!(found, expected.unwrap_or(-1));
        let first = integer(&run(&mut runner, &["BITPOS", "k", wanted]));
        let expected = bits.iter().position(|b| *b == bit).map(|at| at as i64);
        let behind = if bit || bits.is_empty() { -1 } else { bits.len() as i64 };
        prop_assert_eq!(first, expected.unwrap_or(behind));
    }

    #[test]
    fn strings_are_combined(sources in prop::collection::vec(string(), 1..5), which in 0..4_usize) {
        let sources = if which == 3 { &sources[..1] } else { &sources[..] };
        let mut runner = Runner::new();
        let keys: Vec<String> = (0..sources.len()).map(|n| format!("s{n}")).collect();
        for (key, source) in keys.iter().zip(sources) {
            runner.run(&[b"SET", key.as_bytes(), source]);
        }
        let len = sources.iter().map(Vec::len).max().unwrap_or(0);
        let byte = |source: &Vec<u8>, at: usize| source.get(at).copied().unwrap_or(0);
        let expected: Vec<u8> = (0..len)
            .map(|at| {
                let bytes = sources.iter().map(|source| byte(source, at));
                match which {
                    0 => bytes.fold(0xff, |a, b| a & b),
                    1 => bytes.fold(0, |a, b| a | b),
                    2 => bytes.fold(0, |a, b| a ^ b),
                    _ => !byte(&sources[0], at),
                }
            })
            .collect();
        let mut words = vec!["BITOP", ["AND", "OR", "XOR", "NOT"][which], "target"];
        words.extend(keys.iter().map(String::as_str));
        prop_assert_eq!(integer(&run(&mut runner, &words)), len as i64);
        prop_assert_eq!(value(&mut runner, b"target"), expected);
    }

    #[test]
    fn fields_are_read_and_written(
        bytes in prop::collection::vec(any::<u8>(), 0..20), is_signed: bool, width in 1..=64_u32,
        offset in 0..200_usize, number: i64, overflow in 0..3_usize,
    ) {
        let width = if is_signed { width } else { width.min(63) };
        let mut runner = Runner::new();
        runner.run(&[b"SET", b"k", &bytes]);
        let mut bits = bits_of(&bytes);
        let read = |bits: &[bool]| {
            let bit = |n: usize| bits.get(n).copied().unwrap_or(false);
            let field = (0..width as usize)
                .fold(0_i128, |field, n| field << 1 | i128::from(bit(offset + n)));
            if is_signed && bit(offset) { field - (1 << width) } else { field }
        };
        let before = read(&bits);
        let kind = format!("{}{width}", if is_signed { "i" } else { "u" });
        let (at, more) = (offset.to_string(), number.to_string());
        prop_assert_eq!(
            run(&mut runner, &["BITFIELD", "k", "GET", &kind, &at]),
            format!("*1\r\n:{before}\r\n").into_bytes()
        );
        let (min, max) = if is_signed {
            (-(1_i128 << (width - 1)), (1_i128 << (width - 1)) - 1)
        } else {
            (0, (1_i128 << width) - 1)
        };
        let sum = before + i128::from(number);
        let after = match overflow {
            _ if (min..=max).contains(&sum) => Some(sum),
            0 => Some((sum - min).rem_euclid(1 << width) + min),
            1 => Some(sum.clamp(min, max)),
            _ => None,
        };
        let policy = ["WRAP", "SAT", "FAIL"][overflow];
        let words = ["BITFIELD", "k", "OVERFLOW", policy, "INCRBY", &kind, &at, &more];
        let expected = after.map_or("*1\r\n$-1\r\n".to_owned(), |n| format!("*1\r\n:{n}\r\n"));
        prop_assert_eq!(run(&mut runner, &words), expected.into_bytes());
        let end = (offset + width as usize).next_multiple_of(8);
        bits.resize(bits.len().max(end), false);
        for n in 0..width as usize {
            bits[offset + n] = after.unwrap_or(before) >> (width as usize - 1 - n) & 1 == 1;
        }
        prop_assert_eq!(value(&mut runner, b"k"), bytes_of(&bits));
    }

    /// The configurations of the two differ, and the bytes must not.
    #[test]
    fn effects_on_bits_replayed_give_the_same_content(
        seed: u64, len_max in prop_oneof![Just(3000), 0..13_000_usize], other in 0..13_000_usize,
    ) {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (mut first, mut copy) = (Runner::new(), Runner::new());
        first.settings.hll_sparse_len_max = len_max;
        copy.settings.hll_sparse_len_max = other;
        for _ in 0..200 {
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
            prop_assert!(first.content() == copy.content(), "{}", words[0].escape_ascii());
        }
    }

    /// Whatever a string holds, the commands answer, and those that only look leave it as it is.
    #[test]
    fn any_bytes_can_be_taken_for_a_hyperloglog(
        head in prop_oneof![4 => Just(&b"HYLL\x01\0\0\0"[..]), 1 => Just(&b"HYLL\0\0\0\0"[..])],
        mut bytes in prop::collection::vec(any::<u8>(), 0..400), is_padded: bool, limit in 0..4000_usize,
    ) {
        if is_padded {
            bytes.resize(12_304 - head.len(), 0x2a);
        }
        let bytes = [head, &bytes].concat();
        let mut runner = Runner::new();
        runner.settings.hll_sparse_len_max = limit;
        for command in [
            &["PFCOUNT", "k"][..],
            &["PFCOUNT", "k", "other"],
            &["PFDEBUG", "DECODE", "k"],
            &["PFDEBUG", "GETREG", "k"],
            &["PFMERGE", "k", "other"],
            &["PFMERGE", "other", "k"],
            &["PFADD", "k", "a", "b", "c", "d", "e", "f", "g", "h"],
        ] {
            runner.run(&[b"SET", b"k", &bytes]);
            run(&mut runner, &["DEL", "other"]);
            run(&mut runner, &["PFADD", "other", "x"]);
            let reply = run(&mut runner, command);
            prop_assert!(reply.ends_with(b"\r\n"));
            if command[0] == "PFCOUNT" && command.len() == 3 {
                prop_assert_eq!(&value(&mut runner, b"k"), &bytes);
            }
        }
    }
}

#[test]
fn sparse_and_dense_hyperloglogs_agree_and_count_about_right() {
    let mut runner = Runner::new();
    runner.settings.hll_sparse_len_max = 100_000;
    run(&mut runner, &["PFADD", "dense"]);
    run(&mut runner, &["PFDEBUG", "TODENSE", "dense"]);
    let mut next_check = 1;
    for seen in 1..=30_000 {
        let element = format!("element {seen}");
        run(&mut runner, &["PFADD", "sparse", &element]);
        run(&mut runner, &["PFADD", "dense", &element]);
        if seen != next_check {
            continue;
        }
        next_check = next_check * 7 / 4 + 1;
        let counts = ["sparse", "dense"].map(|key| integer(&run(&mut runner, &["PFCOUNT", key])));
        assert_eq!(counts[0], counts[1], "at {seen}");
        let together = integer(&run(&mut runner, &["PFCOUNT", "sparse", "dense"]));
        assert_eq!(together, counts[0], "at {seen}");
        // The standard error is 0.81 %.
        assert!(counts[0].abs_diff(seen) as f64 <= 0.04 * seen as f64 + 1.0, "{seen}: {counts:?}");
    }
    assert_eq!(run(&mut runner, &["PFDEBUG", "ENCODING", "dense"]), b"+dense\r\n");
}

#[test]
fn a_hyperloglog_merged_register_by_register_is_as_one_that_saw_all() {
    let mut runner = Runner::new();
    for n in 0..500 {
        let (left, right) = (format!("left {n}"), format!("right {n}"));
        run(&mut runner, &["PFADD", "left", &left]);
        run(&mut runner, &["PFADD", "right", &right]);
        run(&mut runner, &["PFADD", "both", &left, &right]);
    }
    run(&mut runner, &["PFMERGE", "merged", "left", "right"]);
    for key in ["both", "merged"] {
        assert_eq!(run(&mut runner, &["PFDEBUG", "ENCODING", key]), b"+sparse\r\n");
        run(&mut runner, &["PFDEBUG", "TODENSE", key]);
    }
    let [both, merged] =
        ["both", "merged"].map(|key| run(&mut runner, &["PFDEBUG", "GETREG", key]));
    assert_eq!(both, merged);
}
