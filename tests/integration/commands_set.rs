//! The set commands: bytes in, bytes and effects out.

use std::collections::BTreeSet;

use vellum::command::{Event, NotifyClasses};
use vellum::keyspace::types::PackedLimits;
use vellum::resp::Protocol;

use crate::command_runner::Runner;

const WRONG_TYPE: &str = r"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
const SYNTAX: &str = r"-ERR syntax error\r\n";
const NOT_AN_INTEGER: &str = r"-ERR value is not an integer or out of range\r\n";
const NOT_POSITIVE: &str = r"-ERR value is out of range, must be positive\r\n";
const NO_KEYS: &str = r"-ERR numkeys should be greater than 0\r\n";
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

/// The bulk strings of a reply.
fn strings(reply: &str) -> BTreeSet<String> {
    let lines: Vec<&str> = reply.split(r"\r\n").collect();
    let told = lines.windows(2).filter(|pair| pair[0].starts_with('$'));
    told.map(|pair| pair[1].to_owned()).collect()
}

#[test]
fn members_are_added_asked_for_and_removed() {
    check(
        &mut Runner::new(),
        &[
            ("SADD a 3 1 2 1", r":3\r\n", &["="]),
            ("SADD a 1 2", r":0\r\n", &[]),
            ("SMEMBERS a", r"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n", &[]),
            ("SISMEMBER a 1", r":1\r\n", &[]),
            ("SISMEMBER a 01", r":0\r\n", &[]),
            ("SISMEMBER x 1", r":0\r\n", &[]),
            ("SMISMEMBER a 1 x 3", r"*3\r\n:1\r\n:0\r\n:1\r\n", &[]),
            ("SMISMEMBER x 1 2", r"*2\r\n:0\r\n:0\r\n", &[]),
            ("SCARD a", r":3\r\n", &[]),
            ("SCARD x", r":0\r\n", &[]),
            ("SMEMBERS x", EMPTY, &[]),
            ("SREM a 7 x", r":0\r\n", &[]),
            ("SREM x 7", r":0\r\n", &[]),
            ("SREM a 7 1 2", r":2\r\n", &["="]),
            ("SREM a 3 3", r":1\r\n", &["="]),
            ("EXISTS a", r":0\r\n", &[]),
            ("SET s v", r"+OK\r\n", &["="]),
            ("SADD s 1", WRONG_TYPE, &[]),
            ("SREM s 1", WRONG_TYPE, &[]),
            ("SCARD s", WRONG_TYPE, &[]),
            ("SISMEMBER s 1", WRONG_TYPE, &[]),
            ("SMISMEMBER s 1", WRONG_TYPE, &[]),
            ("SMEMBERS s", WRONG_TYPE, &[]),
        ],
    );
}

#[test]
fn members_move_from_set_to_set() {
    check(
        &mut Runner::new(),
        &[
            ("SADD a 1 x", r":2\r\n", &["="]),
            ("SADD b x", r":1\r\n", &["="]),
            ("SET s v", r"+OK\r\n", &["="]),
            ("SMOVE a b nothing", r":0\r\n", &[]),
            ("SMOVE nothing b x", r":0\r\n", &[]),
            ("SMOVE nothing s x", r":0\r\n", &[]),
            ("SMOVE a s x", WRONG_TYPE, &[]),
            ("SMOVE s a x", WRONG_TYPE, &[]),
            ("SMOVE a a x", r":1\r\n", &[]),
            ("SMOVE a a y", r":0\r\n", &[]),
            ("SMOVE a b x", r":1\r\n", &["="]),
            ("SMOVE a c 1", r":1\r\n", &["="]),
            ("EXISTS a", r":0\r\n", &[]),
            ("SMEMBERS c", r"*1\r\n$1\r\n1\r\n", &[]),
            ("SMEMBERS b", r"*1\r\n$1\r\nx\r\n", &[]),
        ],
    );
}

#[test]
fn small_sets_have_the_forms_of_redis_7_2() {
    let mut runner = Runner::new();
    let limits =
        PackedLimits { set_integers: 4, set_entries: 3, set_value: 10, ..PackedLimits::default() };
    runner.keyspace.set_packed_limits(limits);
    for (line, encoding) in [
        ("SADD a 1 2 3 4", "intset"),
        ("SADD a 5", "hashtable"),
        ("SADD b 1 2", "intset"),
        ("SADD b x", "listpack"),
        ("SREM b x", "listpack"),
        ("SADD b x", "listpack"),
        ("SADD b y", "hashtable"),
        ("SADD c 1 2 3", "intset"),
        ("SADD c x", "hashtable"),
        ("SADD d 0123456789", "listpack"),
        ("SADD e 0123456789a", "hashtable"),
        // A number longer than a member of a listpack may be.
        ("SADD f 12345678901", "intset"),
        ("SADD f x", "hashtable"),
        // More than fit are not tried first.
        ("SADD g 1 1 1 1 1", "hashtable"),
        ("SADD h x x x x", "hashtable"),
        ("SADD i 1 1 1 1", "intset"),
        // What is stored takes its form anew.
        ("SUNIONSTORE j c", "hashtable"),
        ("SINTERSTORE k a i", "intset"),
        ("SDIFFSTORE l c i", "listpack"),
    ] {
        runner.line(line);
        let key = line.split(' ').nth(1).unwrap_or_default();
        let told = runner.line(&format!("OBJECT ENCODING {key}"));
        assert!(told.contains(encoding), "{line}: {told}");
    }
}

#[test]
fn popped_members_are_logged_by_name() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("SADD a 7", r":1\r\n", &["="]),
            ("SPOP a", r"$1\r\n7\r\n", &["SREM a 7"]),
            ("SPOP a", NULL, &[]),
            ("SPOP a 3", EMPTY, &[]),
            ("SADD a 1 2", r":2\r\n", &["="]),
            ("SPOP a 0", EMPTY, &[]),
            ("SPOP a -1", NOT_POSITIVE, &[]),
            ("SPOP a x", NOT_POSITIVE, &[]),
            ("SPOP a 1 1", SYNTAX, &[]),
            ("SPOP a 2", r"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", &["DEL a"]),
            ("EXISTS a", r":0\r\n", &[]),
            ("SET s v", r"+OK\r\n", &["="]),
            ("SPOP s", WRONG_TYPE, &[]),
            ("SPOP s 0", WRONG_TYPE, &[]),
            ("SPOP s x", NOT_POSITIVE, &[]),
        ],
    );
    for number in 0..5000 {
        runner.line(&format!("SADD l m{number}"));
    }
    let told = strings(&runner.line("SPOP l 3000"));
    assert_eq!(told.len(), 3000);
    let effects = runner.effects();
    let lens: Vec<usize> = effects.iter().map(|effect| effect.split(' ').count() - 2).collect();
    assert_eq!(lens, [1024, 1024, 952]);
    let logged: BTreeSet<String> =
        effects.iter().flat_map(|effect| effect.split(' ').skip(2)).map(str::to_owned).collect();
    assert_eq!(logged, told);
    let left = strings(&runner.line("SMEMBERS l"));
    assert!(left.len() == 2000 && left.is_disjoint(&told));
    runner.protocol = Protocol::Resp3;
    assert!(runner.line("SPOP l 2").starts_with(r"~2\r\n"));
    assert_eq!(runner.line("SPOP nothing 2"), r"~0\r\n");
    assert_eq!(runner.line("SPOP nothing"), r"_\r\n");
}

#[test]
fn random_members_are_told() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("SADD a 7", r":1\r\n", &["="]),
            ("SRANDMEMBER a", r"$1\r\n7\r\n", &[]),
            ("SRANDMEMBER a 2", r"*1\r\n$1\r\n7\r\n", &[]),
            ("SRANDMEMBER a -2", r"*2\r\n$1\r\n7\r\n$1\r\n7\r\n", &[]),
            ("SRANDMEMBER a 0", EMPTY, &[]),
            ("SRANDMEMBER x", NULL, &[]),
            ("SRANDMEMBER x 5", EMPTY, &[]),
            ("SRANDMEMBER a x", NOT_AN_INTEGER, &[]),
            ("SRANDMEMBER a 1 1", SYNTAX, &[]),
            (
                "SRANDMEMBER a -9223372036854775808",
                r"-ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807\r\n",
                &[],
            ),
            // What would fill memory is refused.
            ("SRANDMEMBER a -9223372036854775807", r"-ERR value is out of range\r\n", &[]),
        ],
    );
    for number in 0..2000 {
        runner.line(&format!("SADD l m{number}"));
    }
    let all = strings(&runner.line("SMEMBERS l"));
    for count in [10, 600, 1500, 3000] {
        let told = strings(&runner.line(&format!("SRANDMEMBER l {count}")));
        assert!(told.len() == count.min(2000) && told.is_subset(&all));
    }
    runner.protocol = Protocol::Resp3;
    assert!(runner.line("SRANDMEMBER l 2").starts_with(r"*2\r\n"));
}

#[test]
fn sets_are_combined() {
    check(
        &mut Runner::new(),
        &[
            ("SADD a 1 2 3 4", r":4\r\n", &["="]),
            ("SADD b 3 4 5", r":3\r\n", &["="]),
            ("SADD c x 4", r":2\r\n", &["="]),
            ("SET s v", r"+OK\r\n", &["="]),
            ("SINTER a b", r"*2\r\n$1\r\n3\r\n$1\r\n4\r\n", &[]),
            ("SINTER a b c", r"*1\r\n$1\r\n4\r\n", &[]),
            ("SINTER a nothing", EMPTY, &[]),
            ("SINTER nothing s", WRONG_TYPE, &[]),
            (
                "SUNION a b nothing",
                r"*5\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n$1\r\n5\r\n",
                &[],
            ),
            ("SUNION a s", WRONG_TYPE, &[]),
            ("SDIFF a b", r"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", &[]),
            ("SDIFF a nothing b c", r"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", &[]),
            ("SDIFF nothing a", EMPTY, &[]),
            ("SDIFF a a", EMPTY, &[]),
            ("SDIFF nothing s", WRONG_TYPE, &[]),
            ("SINTERCARD 2 a b", r":2\r\n", &[]),
            ("SINTERCARD 2 a b LIMIT 1", r":1\r\n", &[]),
            ("SINTERCARD 2 a b limit 0", r":2\r\n", &[]),
            ("SINTERCARD 2 a nothing", r":0\r\n", &[]),
            ("SINTERCARD 0 a", NO_KEYS, &[]),
            ("SINTERCARD x a", NO_KEYS, &[]),
            (
                "SINTERCARD 3 a b",
                r"-ERR Number of keys can\'t be greater than number of args\r\n",
                &[],
            ),
            ("SINTERCARD 2 a b LIMIT -1", r"-ERR LIMIT can\'t be negative\r\n", &[]),
            ("SINTERCARD 2 a b LIMIT", SYNTAX, &[]),
            ("SINTERCARD 1 a b", SYNTAX, &[]),
            ("SINTERCARD 1 s", WRONG_TYPE, &[]),
            ("SINTERSTORE d a b", r":2\r\n", &["="]),
            ("SMEMBERS d", r"*2\r\n$1\r\n3\r\n$1\r\n4\r\n", &[]),
            ("SUNIONSTORE d d b", r":3\r\n", &["="]),
            ("SDIFFSTORE s a b", r":2\r\n", &["="]),
            ("SMEMBERS s", r"*2\r\n$1\r\n1\r\n$1\r\n2\r\n", &[]),
            ("SINTERSTORE d a nothing", r":0\r\n", &["="]),
            ("EXISTS d", r":0\r\n", &[]),
            ("SUNIONSTORE d nothing", r":0\r\n", &[]),
            ("SDIFFSTORE a a a", r":0\r\n", &["="]),
        ],
    );
}

#[test]
fn a_key_that_is_not_seen_does_not_come_back_with_the_log() {
    let mut runner = Runner::new();
    runner.line("SADD a 1 2");
    runner.line("SADD b 2 3");
    runner.line("PEXPIRE b 10");
    runner.now_ms += 1000;
    runner.settings.expiry_paused = true;
    check(
        &mut runner,
        &[
            ("SUNIONSTORE d a b", r":2\r\n", &["DEL d", "SADD d 1 2"]),
            ("SINTERSTORE d a b", r":0\r\n", &["DEL d"]),
            ("SDIFFSTORE d a b", r":2\r\n", &["DEL d", "SADD d 1 2"]),
        ],
    );
}

#[test]
fn steps_through_sets_tell_every_member() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("SADD a 1 2", r":2\r\n", &["="]),
            ("SSCAN a 0", r"*2\r\n$1\r\n0\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n", &[]),
            ("SSCAN a 0 MATCH 2", r"*2\r\n$1\r\n0\r\n*1\r\n$1\r\n2\r\n", &[]),
            ("SSCAN x 0", r"*2\r\n$1\r\n0\r\n*0\r\n", &[]),
            ("SSCAN a x", r"-ERR invalid cursor\r\n", &[]),
            ("SSCAN a 0 COUNT 0", SYNTAX, &[]),
            ("SSCAN a 0 NOVALUES", SYNTAX, &[]),
        ],
    );
    for number in 0..3000 {
        runner.line(&format!("SADD l m{number}"));
    }
    let (mut cursor, mut found, mut steps) = ("0".to_owned(), BTreeSet::new(), 0);
    loop {
        let told = runner.line(&format!("SSCAN l {cursor} COUNT 100"));
        let words: Vec<&str> = told.split(r"\r\n").collect();
        cursor = words[2].to_owned();
        let members = words[4..].iter().filter(|word| word.starts_with('m'));
        members.for_each(|member| assert!(found.insert((*member).to_owned()), "{member}"));
        steps += 1;
        if cursor == "0" {
            break;
        }
    }
    assert!(found.len() == 3000 && steps > 20);
}

#[test]
fn changes_are_told_to_watchers_and_subscribers() {
    let mut runner = Runner::new();
    runner.events.watched = true;
    let classes = NotifyClasses::SET | NotifyClasses::GENERIC | NotifyClasses::NEW;
    runner.events.notify_classes = classes;
    runner.line("SET s v");
    for (line, expected) in [
        ("SADD a 1 2", "new a, modified a, sadd a"),
        ("SADD a 1", ""),
        ("SREM a x", ""),
        ("SREM a 1", "modified a, srem a"),
        ("SREM a 2", "modified a, srem a, del a"),
        ("SADD a 1", "new a, modified a, sadd a"),
        ("SPOP a", "modified a, spop a, del a"),
        ("SADD a 1 2 3", "new a, modified a, sadd a"),
        ("SPOP a 2", "modified a, spop a"),
        ("SPOP a 2", "spop a, modified a, del a"),
        ("SADD a 1 2", "new a, modified a, sadd a"),
        ("SMOVE a b 1", "modified a, srem a, new b, modified b, sadd b"),
        ("SMOVE a b 2", "modified a, srem a, del a, modified b, sadd b"),
        ("SUNIONSTORE a b", "modified a, new a, sunionstore a"),
        ("SINTERSTORE a b", "modified a, sinterstore a"),
        ("SDIFFSTORE a b b", "modified a, del a"),
        ("SDIFFSTORE a b b", ""),
        ("SMEMBERS b", ""),
        ("SADD s 1", ""),
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
