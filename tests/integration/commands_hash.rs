//! The hash commands: bytes in, bytes and effects out.

use std::collections::{BTreeMap, BTreeSet};

use vellum::command::{Event, NotifyClasses};
use vellum::keyspace::types::PackedLimits;
use vellum::resp::Protocol;

use crate::command_runner::Runner;

const WRONG_TYPE: &str = r"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const SYNTAX: &str = r"-ERR syntax error\r\n";
const NOT_AN_INTEGER: &str = r"-ERR value is not an integer or out of range\r\n";
const NULL: &str = r"$-1\r\n";
const EMPTY: &str = r"*0\r\n";

/// Runs lines in turn and compares reply and effects; `=` stands for the line itself.
fn check(runner: &mut Runner, cases: &[(&str, &str, &[&str])]) {
    for (line, reply, effects) in cases {
        assert_eq!(runner.line(line), *reply, "reply to {line}");
        let expected: Vec<&str> =
            effects.iter().map(|&effect| if effect == "=" { *line } else { effect }).collect();
        assert_eq!(runner.effects(), expected, "effects of {line}");
    }
}

fn arity(command: &str) -> String {
    format!(r"-ERR wrong number of arguments for \'{command}\' command\r\n")
}

/// A runner that packs hashes of up to four fields.
fn runner() -> Runner {
    let mut runner = Runner::new();
    let limits = PackedLimits { hash_entries: 4, hash_value: 20, ..PackedLimits::default() };
    runner.keyspace.set_packed_limits(limits);
    runner
}

#[test]
fn fields_are_set_read_and_deleted() {
    check(
        &mut runner(),
        &[
            ("HSET h a 1 b two", r":2\r\n", &["="]),
            ("HSET h a 1 c 3", r":1\r\n", &["="]),
            ("HSET h a", &arity("hset"), &[]),
            ("HSET h a 1 b", &arity("hset"), &[]),
            ("HMSET h a 1 b", &arity("hmset"), &[]),
            ("HMSET h a 5 d 4", r"+OK\r\n", &["="]),
            ("HGET h a", r"$1\r\n5\r\n", &[]),
            ("HGET h x", NULL, &[]),
            ("HGET x a", NULL, &[]),
            ("HMGET h b x d", r"*3\r\n$3\r\ntwo\r\n$-1\r\n$1\r\n4\r\n", &[]),
            ("HMGET x a b", r"*2\r\n$-1\r\n$-1\r\n", &[]),
            ("HLEN h", r":4\r\n", &[]),
            ("HLEN x", r":0\r\n", &[]),
            ("HSTRLEN h b", r":3\r\n", &[]),
            ("HSTRLEN h x", r":0\r\n", &[]),
            ("HEXISTS h b", r":1\r\n", &[]),
            ("HEXISTS h x", r":0\r\n", &[]),
            ("HEXISTS x x", r":0\r\n", &[]),
            ("HKEYS h", r"*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n", &[]),
            ("HVALS h", r"*4\r\n$1\r\n5\r\n$3\r\ntwo\r\n$1\r\n3\r\n$1\r\n4\r\n", &[]),
            ("HKEYS x", EMPTY, &[]),
            ("HGETALL x", EMPTY, &[]),
            ("HSETNX h a 1", r":0\r\n", &[]),
            ("HDEL h b c x c", r":2\r\n", &["="]),
            ("HGETALL h", r"*4\r\n$1\r\na\r\n$1\r\n5\r\n$1\r\nd\r\n$1\r\n4\r\n", &[]),
            ("HDEL h x", r":0\r\n", &[]),
            ("HDEL x a", r":0\r\n", &[]),
            ("HSETNX h e \"\"", r":1\r\n", &["HSETNX h e "]),
            ("TYPE h", r"+hash\r\n", &[]),
            ("HDEL h a d e", r":3\r\n", &["="]),
            ("EXISTS h", r":0\r\n", &[]),
        ],
    );
}

#[test]
fn a_key_of_another_type_is_left_alone() {
    let mut runner = runner();
    runner.line("SET s v");
    for line in [
        "HSET s a 1",
        "HMSET s a 1",
        "HSETNX s a 1",
        "HGET s a",
        "HMGET s a",
        "HGETALL s",
        "HKEYS s",
        "HVALS s",
        "HLEN s",
        "HSTRLEN s a",
        "HEXISTS s a",
        "HDEL s a",
        "HINCRBY s a 1",
        "HINCRBYFLOAT s a 1",
        "HRANDFIELD s",
        "HRANDFIELD s 0",
        "HSCAN s 0 NONSENSE",
    ] {
        check(&mut runner, &[(line, WRONG_TYPE, &[])]);
    }
    check(
        &mut runner,
        &[
            ("GET s", r"$1\r\nv\r\n", &[]),
            ("HSET h a 1", r":1\r\n", &["="]),
            ("GET h", WRONG_TYPE, &[]),
            ("APPEND h x", WRONG_TYPE, &[]),
            // What is wrong with the arguments is told before.
            ("HINCRBY s a x", NOT_AN_INTEGER, &[]),
            ("HINCRBYFLOAT s a x", r"-ERR value is not a valid float\r\n", &[]),
            ("HRANDFIELD s x", NOT_AN_INTEGER, &[]),
            ("HSCAN s x", r"-ERR invalid cursor\r\n", &[]),
        ],
    );
}

#[test]
fn numbers_in_fields_are_counted() {
    let overflow = r"-ERR increment or decrement would overflow\r\n";
    check(
        &mut runner(),
        &[
            ("HINCRBY h n 5", r":5\r\n", &["="]),
            ("HINCRBY h n -7", r":-2\r\n", &["="]),
            ("HINCRBY h n x", NOT_AN_INTEGER, &[]),
            ("HINCRBY h n 9223372036854775808", NOT_AN_INTEGER, &[]),
            ("HSET h m 9223372036854775807 w word z 007", r":3\r\n", &["="]),
            ("HINCRBY h m 1", overflow, &[]),
            ("HINCRBY h n -9223372036854775807", overflow, &[]),
            ("HINCRBY h w 1", r"-ERR hash value is not an integer\r\n", &[]),
            ("HINCRBY h z 1", r"-ERR hash value is not an integer\r\n", &[]),
            ("HGET h m", r"$19\r\n9223372036854775807\r\n", &[]),
            ("HINCRBYFLOAT h n 0.5", r"$4\r\n-1.5\r\n", &["HSET h n -1.5"]),
            ("HINCRBYFLOAT h f 5.0e3", r"$4\r\n5000\r\n", &["HSET h f 5000"]),
            (
                "HINCRBYFLOAT h m 1",
                r"$19\r\n9223372036854775808\r\n",
                &["HSET h m 9223372036854775808"],
            ),
            ("HINCRBYFLOAT h w 1", r"-ERR hash value is not a float\r\n", &[]),
            ("HINCRBYFLOAT h n inf", r"-ERR value is NaN or Infinity\r\n", &[]),
            ("HINCRBYFLOAT h n nan", r"-ERR value is not a valid float\r\n", &[]),
            ("HSET h i inf", r":1\r\n", &["="]),
            ("HINCRBYFLOAT h i 1", r"-ERR increment would produce NaN or Infinity\r\n", &[]),
            // A field of a large hash is a number as well.
            ("OBJECT ENCODING h", r"$9\r\nhashtable\r\n", &[]),
            ("HSET h n 41", r":0\r\n", &["="]),
            ("HINCRBY h n 1", r":42\r\n", &["="]),
            // Nothing is made where nothing can be counted.
            ("HINCRBYFLOAT x n inf", r"-ERR value is NaN or Infinity\r\n", &[]),
            ("EXISTS x", r":0\r\n", &[]),
        ],
    );
}

#[test]
fn a_sum_of_many_digits_does_not_stay_packed() {
    let mut runner = runner();
    runner.line("HINCRBYFLOAT h n 1e19");
    assert_eq!(runner.line("OBJECT ENCODING h"), r"$8\r\nlistpack\r\n");
    assert_eq!(runner.line("HINCRBYFLOAT h n 1e20"), r"$21\r\n110000000000000000000\r\n");
    assert_eq!(runner.line("OBJECT ENCODING h"), r"$9\r\nhashtable\r\n");
}

#[test]
fn hashes_become_tables_when_redis_makes_them_tables() {
    let (packed, large) = (r"$8\r\nlistpack\r\n", r"$9\r\nhashtable\r\n");
    let long = "v".repeat(21);
    let cases = [
        (vec!["HSET h a 1 b 2 c 3 d 4"], packed),
        (vec!["HSET h a 1 b 2 c 3 d 4", "HSET h d 5"], packed),
        (vec!["HSET h a 1 b 2 c 3 d 4", "HSETNX h e 5"], large),
        (vec!["HSET h a 1 b 2 c 3 d 4", "HINCRBY h e 5"], large),
        (vec!["HSET h a 1 b 2 c 3 d 4", "HSET h e 5", "HDEL h a b c d"], large),
        // 7.2 goes by the number of arguments, although there are only four names.
        (vec!["HSET h a 1 b 2 c 3 d 4 a 5"], large),
        (vec!["HSET h a 12345678901234567890"], packed),
    ];
    for (lines, expected) in cases {
        let mut runner = runner();
        lines.iter().for_each(|line| assert!(runner.line(line).starts_with(':'), "{line}"));
        assert_eq!(runner.line("OBJECT ENCODING h"), expected, "{lines:?}");
    }
    for line in [format!("HSET h a {long}"), format!("HSETNX h {long} a")] {
        let mut runner = runner();
        runner.line("HSET h x 1");
        assert_eq!(runner.line(&line), r":1\r\n");
        assert_eq!(runner.line("OBJECT ENCODING h"), large);
        assert_eq!(runner.line("HGET h x"), r"$1\r\n1\r\n");
        let usage = runner.line("MEMORY USAGE h");
        let bytes: usize = usage.trim_start_matches(':').trim_end_matches(r"\r\n").parse().unwrap();
        assert!((150..3000).contains(&bytes), "{usage}");
    }
}

#[test]
fn resp3_has_maps_and_pairs() {
    let mut runner = runner();
    runner.line("HSET h a 1");
    runner.protocol = Protocol::Resp3;
    check(
        &mut runner,
        &[
            ("HGETALL h", r"%1\r\n$1\r\na\r\n$1\r\n1\r\n", &[]),
            ("HGETALL x", r"%0\r\n", &[]),
            ("HKEYS h", r"*1\r\n$1\r\na\r\n", &[]),
            ("HGET h x", r"_\r\n", &[]),
            ("HMGET x a", r"*1\r\n_\r\n", &[]),
            ("HRANDFIELD x", r"_\r\n", &[]),
            ("HRANDFIELD x 5", EMPTY, &[]),
            (
                "HRANDFIELD h -2 WITHVALUES",
                r"*2\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n",
                &[],
            ),
            ("HRANDFIELD h 2 WITHVALUES", r"*1\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", &[]),
            ("HSCAN h 0", r"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n1\r\n", &[]),
        ],
    );
}

#[test]
fn random_fields_and_what_may_be_asked_of_them() {
    check(
        &mut runner(),
        &[
            ("HSET h a 1", r":1\r\n", &["="]),
            ("HRANDFIELD h", r"$1\r\na\r\n", &[]),
            ("HRANDFIELD x", NULL, &[]),
            ("HRANDFIELD h 0", EMPTY, &[]),
            ("HRANDFIELD x 3", EMPTY, &[]),
            ("HRANDFIELD x -3", EMPTY, &[]),
            ("HRANDFIELD h 3 WITHVALUES", r"*2\r\n$1\r\na\r\n$1\r\n1\r\n", &[]),
            ("HRANDFIELD h -2", r"*2\r\n$1\r\na\r\n$1\r\na\r\n", &[]),
            ("HRANDFIELD h x WITHVALUES", NOT_AN_INTEGER, &[]),
            ("HRANDFIELD h 1 VALUES", SYNTAX, &[]),
            ("HRANDFIELD h 1 WITHVALUES x", SYNTAX, &[]),
            (
                "HRANDFIELD h -9223372036854775808 VALUES",
                r"-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n",
                &[],
            ),
            ("HRANDFIELD h 9223372036854775807", r"*1\r\n$1\r\na\r\n", &[]),
            ("HRANDFIELD h 9223372036854775807 WITHVALUES", r"-ERR value is out of range\r\n", &[]),
            // Redis would begin to send them.
            ("HRANDFIELD h -9223372036854775807", r"-ERR value is out of range\r\n", &[]),
        ],
    );
}

/// The bulk strings of a reply in RESP2.
fn strings(reply: &str) -> Vec<String> {
    let lines: Vec<&str> = reply.split(r"\r\n").collect();
    let is_string = |line: &&str| !line.is_empty() && !line.starts_with(['*', '$']);
    lines.into_iter().filter(is_string).map(str::to_owned).collect()
}

#[test]
fn random_fields_are_different_and_all_of_them_come() {
    for fields in [4, 40, 4000] {
        let mut runner = runner();
        let names: Vec<String> = (0..fields).map(|number| format!("n{number}")).collect();
        for name in &names {
            runner.line(&format!("HSET h {name} v{name}"));
        }
        let mut seen = BTreeSet::new();
        for count in [1, 2, fields / 3, fields / 2, fields - 1, fields, fields + 1] {
            let told = strings(&runner.line(&format!("HRANDFIELD h {count}")));
            let different: BTreeSet<String> = told.iter().cloned().collect();
            assert_eq!(told.len(), count.min(fields), "{count} of {fields}");
            assert_eq!(different.len(), told.len(), "{count} of {fields}");
            assert!(different.iter().all(|name| names.contains(name)));
            let told = strings(&runner.line(&format!("HRANDFIELD h -{} WITHVALUES", count * 2)));
            assert_eq!(told.len(), count * 4);
            for pair in told.chunks(2) {
                assert_eq!(pair[1], format!("v{}", pair[0]));
                seen.insert(pair[0].clone());
            }
        }
        // 7/3 times as many draws as fields and more leave some out of many, and none of few.
        assert!(seen.len() > fields * 9 / 10, "{} of {fields}", seen.len());
    }
}

#[test]
fn a_hash_is_gone_through_step_by_step() {
    let mut runner = runner();
    check(
        &mut runner,
        &[
            ("HSET h a 1 b 2", r":2\r\n", &["="]),
            (
                "HSCAN h 0",
                r"*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
                &[],
            ),
            (
                "HSCAN h 77 COUNT 1",
                r"*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
                &[],
            ),
            ("HSCAN h 0 MATCH b*", r"*2\r\n$1\r\n0\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n", &[]),
            ("HSCAN x 0", r"*2\r\n$1\r\n0\r\n*0\r\n", &[]),
            // Options of a key that is not there are not read.
            ("HSCAN x 0 NONSENSE", r"*2\r\n$1\r\n0\r\n*0\r\n", &[]),
            ("HSCAN x y", r"-ERR invalid cursor\r\n", &[]),
            ("HSCAN h 0 NOVALUES", SYNTAX, &[]),
            ("HSCAN h 0 TYPE hash", SYNTAX, &[]),
            ("HSCAN h 0 COUNT 0", SYNTAX, &[]),
            ("HSCAN h 0 COUNT x", NOT_AN_INTEGER, &[]),
            ("HSCAN h 0 MATCH", SYNTAX, &[]),
        ],
    );
    for number in 0..3000 {
        runner.line(&format!("HSET l n{number} v{number}"));
    }
    let (mut cursor, mut found, mut steps) = ("0".to_owned(), BTreeMap::new(), 0);
    loop {
        let told = strings(&runner.line(&format!("HSCAN l {cursor} COUNT 100")));
        for pair in told[1..].chunks(2) {
            assert!(found.insert(pair[0].clone(), pair[1].clone()).is_none(), "{pair:?}");
        }
        // A step does not look at everything, and fields that come meanwhile do not disturb it.
        assert!(told.len() < 300);
        runner.line(&format!("HSET l new{steps} v"));
        cursor.clone_from(&told[0]);
        steps += 1;
        if cursor == "0" {
            break;
        }
    }
    assert!(steps > 20);
    for number in 0..3000 {
        assert_eq!(found[&format!("n{number}")], format!("v{number}"));
    }
    let told = strings(&runner.line("HSCAN l 0 COUNT 100000 MATCH n299?"));
    assert_eq!((told[0].as_str(), told.len()), ("0", 21));
}

#[test]
fn changes_are_told_to_watchers_and_subscribers() {
    let mut runner = runner();
    runner.events.watched = true;
    let classes = NotifyClasses::HASH | NotifyClasses::GENERIC | NotifyClasses::NEW;
    runner.events.notify_classes = classes;
    runner.line("SET s v");
    for (line, expected) in [
        ("HSET h a 1 b 2", "new h, modified h, hset h"),
        ("HMSET h a 1", "modified h, hset h"),
        ("HSETNX h a 1", ""),
        ("HSETNX h c 1", "modified h, hset h"),
        ("HINCRBY h a 1", "modified h, hincrby h"),
        ("HINCRBY h a x", ""),
        ("HINCRBYFLOAT h a 1", "modified h, hincrbyfloat h"),
        ("HDEL h x", ""),
        ("HDEL h a", "modified h, hdel h"),
        ("HDEL h b c", "modified h, hdel h, del h"),
        ("HDEL h b", ""),
        ("HINCRBY i a 1", "new i, modified i, hincrby i"),
        ("HGETALL i", ""),
        ("HSET s a 1", ""),
    ] {
        runner.line(line);
        let told = runner.events.iter().map(|event| match event {
            Event::Modified { key, .. } => format!("modified {}", key.escape_ascii()),
            Event::Notify { event, key, .. } => format!("{event} {}", key.escape_ascii()),
            other => format!("{other:?}"),
        });
        assert_eq!(told.collect::<Vec<_>>().join(", "), expected, "{line}");
    }
}
