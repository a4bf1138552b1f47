//! The command families: bytes in, bytes and effects out.

use vellum::command::{Aging, Event, NotifyClasses, Origin};
use vellum::resp::Protocol;

use crate::command_runner::{Runner, START_MS};

/// Runs lines in turn and compares reply and effects; `=` stands for the line itself.
fn check(runner: &mut Runner, cases: &[(&str, &str, &[&str])]) {
    for (line, reply, effects) in cases {
        assert_eq!(runner.line(line), *reply, "reply to {line}");
        let expected: Vec<&str> =
            effects.iter().map(|&effect| if effect == "=" { *line } else { effect }).collect();
        assert_eq!(runner.effects(), expected, "effects of {line}");
    }
}

const OK: &str = r"+OK\r\n";
const NULL: &str = r"$-1\r\n";
const SYNTAX: &str = r"-ERR syntax error\r\n";

#[test]
fn set_and_its_options() {
    check(
        &mut Runner::new(),
        &[
            ("SET k v", OK, &["="]),
            ("GET k", r"$1\r\nv\r\n", &[]),
            ("SET k w NX", NULL, &[]),
            ("SET k w XX", OK, &["="]),
            ("SET k x GET", r"$1\r\nw\r\n", &["SET k x"]),
            ("SET k y NX GET", r"$1\r\nx\r\n", &[]),
            ("SET n y NX GET", NULL, &["SET n y NX"]),
            ("SET k v EX 10", OK, &["SET k v PXAT 1010000"]),
            ("SET k v KEEPTTL", OK, &["="]),
            ("PEXPIRETIME k", r":1010000\r\n", &[]),
            ("SET k v PX 5 GET XX", r"$1\r\nv\r\n", &["SET k v PXAT 1000005"]),
            ("SET k v EXAT 2000", OK, &["SET k v PXAT 2000000"]),
            ("SET k v", OK, &["="]),
            ("TTL k", r":-1\r\n", &[]),
            ("SET k v EX 1 EX 2", OK, &["SET k v PXAT 1002000"]),
            ("SET k v EX 1 PX 2", SYNTAX, &[]),
            ("SET k v EX", SYNTAX, &[]),
            ("SET k v NX XX", SYNTAX, &[]),
            ("SET k v KEEPTTL EX 1", SYNTAX, &[]),
            ("SET k v EX 0", r"-ERR invalid expire time in \'set\' command\r\n", &[]),
            (
                "SET k v EX 9223372036854775807",
                r"-ERR invalid expire time in \'set\' command\r\n",
                &[],
            ),
            ("SET k v EX x", r"-ERR value is not an integer or out of range\r\n", &[]),
        ],
    );
}

#[test]
fn older_ways_to_set() {
    check(
        &mut Runner::new(),
        &[
            ("SETNX k v", r":1\r\n", &["="]),
            ("SETNX k w", r":0\r\n", &[]),
            ("SETEX k 10 v", OK, &["SET k v PXAT 1010000"]),
            ("PSETEX k 10 v", OK, &["SET k v PXAT 1000010"]),
            ("SETEX k 0 v", r"-ERR invalid expire time in \'setex\' command\r\n", &[]),
            ("GETSET k w", r"$1\r\nv\r\n", &["SET k w"]),
            ("GETDEL k", r"$1\r\nw\r\n", &["DEL k"]),
            ("GETDEL k", NULL, &[]),
            ("MSET a 1 b 2", OK, &["="]),
            ("MSET a", r"-ERR wrong number of arguments for \'mset\' command\r\n", &[]),
            ("MSET a 1 b", r"-ERR wrong number of arguments for \'mset\' command\r\n", &[]),
            ("MSETNX c 3 b 4", r":0\r\n", &[]),
            ("MSETNX c 3 d 4", r":1\r\n", &["="]),
            ("MGET a x d", r"*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n4\r\n", &[]),
        ],
    );
}

#[test]
fn getex_logs_what_becomes_of_the_time() {
    check(
        &mut Runner::new(),
        &[
            ("SET k v", OK, &["="]),
            ("GETEX k", r"$1\r\nv\r\n", &[]),
            ("GETEX k EX 5", r"$1\r\nv\r\n", &["PEXPIREAT k 1005000"]),
            ("GETEX k PERSIST", r"$1\r\nv\r\n", &["PERSIST k"]),
            ("GETEX k PERSIST", r"$1\r\nv\r\n", &[]),
            ("GETEX k EX 0", r"-ERR invalid expire time in \'getex\' command\r\n", &[]),
            ("GETEX x EX 0", NULL, &[]),
            ("GETEX k KEEPTTL", SYNTAX, &[]),
            ("GETEX k PXAT 5", r"$1\r\nv\r\n", &["DEL k"]),
            ("EXISTS k", r":0\r\n", &[]),
        ],
    );
}

#[test]
fn strings_are_edited_in_place() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("APPEND k Hello", r":5\r\n", &["="]),
            ("APPEND k \" World\"", r":11\r\n", &["APPEND k  World"]),
            ("OBJECT ENCODING k", r"$3\r\nraw\r\n", &[]),
            ("SETRANGE k 6 Redis", r":11\r\n", &["="]),
            ("GETRANGE k -5 -1", r"$5\r\nRedis\r\n", &[]),
            ("SUBSTR k 0 4", r"$5\r\nHello\r\n", &[]),
            ("SETRANGE z 2 x", r":3\r\n", &["="]),
            ("GET z", r"$3\r\n\x00\x00x\r\n", &[]),
            ("SETRANGE none 5 \"\"", r":0\r\n", &[]),
            ("EXISTS none", r":0\r\n", &[]),
            ("SETRANGE k -1 x", r"-ERR offset is out of range\r\n", &[]),
            ("STRLEN k", r":11\r\n", &[]),
        ],
    );
    runner.settings.bulk_len_max = 12;
    let too_long = r"-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n";
    check(
        &mut runner,
        &[
            ("APPEND k !!", too_long, &[]),
            ("APPEND k !", r":12\r\n", &["="]),
            ("SETRANGE k 12 x", too_long, &[]),
            ("SETRANGE k 9223372036854775807 x", too_long, &[]),
        ],
    );
}

/// What has been logged was allowed once; the directive may have been changed since.
#[test]
fn lengths_in_the_log_are_not_questioned() {
    let mut runner = Runner::new();
    runner.settings.bulk_len_max = 2;
    runner.origin = Origin::Replay;
    check(
        &mut runner,
        &[
            ("APPEND k abc", r":3\r\n", &["="]),
            ("APPEND k de", r":5\r\n", &["="]),
            ("SETRANGE k 5 f", r":6\r\n", &["="]),
            ("SETBIT k 48 1", r":0\r\n", &["="]),
            ("BITFIELD k SET u8 #7 1", r"*1\r\n:0\r\n", &["="]),
        ],
    );
    runner.origin = Origin::Client;
    check(&mut runner, &[("SETBIT k 16 1", BAD_OFFSET, &[]), ("GETBIT k 16", BAD_OFFSET, &[])]);
}

const BAD_OFFSET: &str = r"-ERR bit offset is not an integer or out of range\r\n";

#[test]
fn bits_log_what_changed() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("SETBIT k 7 0", r":0\r\n", &["="]),
            ("SETBIT k 7 0", r":0\r\n", &[]),
            ("SETBIT k 7 1", r":0\r\n", &["="]),
            ("SETBIT k 7 1", r":1\r\n", &[]),
            ("BITFIELD k GET u8 0", r"*1\r\n:1\r\n", &[]),
            ("BITFIELD k SET u8 0 1", r"*1\r\n:1\r\n", &[]),
            ("BITFIELD k SET u8 0 2", r"*1\r\n:1\r\n", &["="]),
            // Redis leaves it out, and a replica of it has no such key.
            ("BITFIELD new OVERFLOW FAIL SET u2 0 9", r"*1\r\n$-1\r\n", &["="]),
            ("BITOP NOT n k", r":1\r\n", &["="]),
            ("BITOP OR n missing", r":0\r\n", &["="]),
            ("BITOP OR n missing", r":0\r\n", &[]),
        ],
    );
}

#[test]
fn hyperloglogs_log_what_changed() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("PFADD h", r":1\r\n", &["="]),
            ("PFADD h", r":0\r\n", &[]),
            ("PFADD h a b", r":1\r\n", &["="]),
            ("PFADD h a", r":0\r\n", &[]),
            ("PFCOUNT h", r":2\r\n", &["="]),
            ("PFCOUNT h", r":2\r\n", &[]),
            ("PFCOUNT h h", r":2\r\n", &[]),
            ("PFMERGE d h", OK, &["="]),
            ("PFDEBUG ENCODING d", r"+sparse\r\n", &[]),
            ("PFDEBUG TODENSE d", r":1\r\n", &["="]),
            ("PFDEBUG TODENSE d", r":0\r\n", &[]),
            ("PFADD d a", r":0\r\n", &[]),
            ("PFADD d c", r":1\r\n", &["="]),
        ],
    );
    // A replica, and a server that refuses writes, count and note nothing.
    runner.settings.is_replica = true;
    check(&mut runner, &[("PFCOUNT d", r":3\r\n", &[])]);
    runner.settings.is_replica = false;
    runner.settings.writes_refused = true;
    check(&mut runner, &[("PFCOUNT d", r":3\r\n", &[])]);
    runner.settings.writes_refused = false;
    check(&mut runner, &[("PFCOUNT d", r":3\r\n", &["="])]);
}

#[test]
fn sources_that_only_a_reader_sees_as_gone_are_not_left_to_the_log() {
    let mut runner = Runner::new();
    runner.line("SET s abc PX 10");
    runner.line("PFADD h x");
    runner.line("PEXPIRE h 10");
    runner.now_ms = START_MS + 20;
    runner.settings.is_replica = true;
    runner.line("SET t xyz");
    check(
        &mut runner,
        &[("BITOP OR d s t", r":3\r\n", &["SET d xyz"]), ("BITOP OR d s", r":0\r\n", &["DEL d"])],
    );
    runner.line("PFMERGE m h");
    let logged: Vec<&[u8]> = runner.logged()[0].words.iter().map(Vec::as_slice).collect();
    assert_eq!((logged[0], logged[1], logged[3]), (&b"SET"[..], &b"m"[..], &b"KEEPTTL"[..]));
    assert!(logged[2].starts_with(b"HYLL"));
}

#[test]
fn numbers_are_counted() {
    check(
        &mut Runner::new(),
        &[
            ("INCR n", r":1\r\n", &["="]),
            ("INCRBY n 9223372036854775806", r":9223372036854775807\r\n", &["="]),
            ("INCR n", r"-ERR increment or decrement would overflow\r\n", &[]),
            ("DECRBY n -9223372036854775808", r"-ERR decrement would overflow\r\n", &[]),
            ("DECR m", r":-1\r\n", &["="]),
            ("SET s x", OK, &["="]),
            ("INCR s", r"-ERR value is not an integer or out of range\r\n", &[]),
            ("SET f 10.50 PXAT 5000000", OK, &["SET f 10.50 PXAT 5000000"]),
            ("INCRBYFLOAT f 0.1", r"$4\r\n10.6\r\n", &["SET f 10.6 KEEPTTL"]),
            ("PEXPIRETIME f", r":5000000\r\n", &[]),
            ("INCRBYFLOAT f x", r"-ERR value is not a valid float\r\n", &[]),
            ("INCRBYFLOAT f inf", r"-ERR increment would produce NaN or Infinity\r\n", &[]),
            ("INCRBYFLOAT g 5.0e3", r"$4\r\n5000\r\n", &["SET g 5000 KEEPTTL"]),
        ],
    );
}

#[test]
fn lcs_finds_the_runs_redis_finds() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("MSET a ohmytext b mynewtext", OK, &["="]),
            ("LCS a b", r"$6\r\nmytext\r\n", &[]),
            ("LCS a b LEN", r":6\r\n", &[]),
            ("LCS a none", r"$0\r\n\r\n", &[]),
            (
                "LCS a b IDX MINMATCHLEN 4 WITHMATCHLEN",
                r"*4\r\n$7\r\nmatches\r\n*1\r\n*3\r\n*2\r\n:4\r\n:7\r\n*2\r\n:5\r\n:8\r\n:4\r\n$3\r\nlen\r\n:6\r\n",
                &[],
            ),
            ("LCS a b FOO", SYNTAX, &[]),
        ],
    );
    runner.settings.bulk_len_max = 100;
    let refused =
        r"-ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len\r\n";
    check(&mut runner, &[("LCS a b", refused, &[])]);
}

#[test]
fn expiry_is_logged_in_absolute_time() {
    let incompatible = r"-ERR NX and XX, GT or LT options at the same time are not compatible\r\n";
    check(
        &mut Runner::new(),
        &[
            ("EXPIRE none 10", r":0\r\n", &[]),
            ("SET k v", OK, &["="]),
            ("EXPIRE k 10 XX", r":0\r\n", &[]),
            ("EXPIRE k 10 GT", r":0\r\n", &[]),
            ("EXPIRE k 10 LT", r":1\r\n", &["PEXPIREAT k 1010000"]),
            ("EXPIRE k 20 NX", r":0\r\n", &[]),
            ("PEXPIRE k 20000 gt", r":1\r\n", &["PEXPIREAT k 1020000"]),
            ("EXPIREAT k 1010 lt", r":1\r\n", &["PEXPIREAT k 1010000"]),
            ("TTL k", r":10\r\n", &[]),
            ("PTTL k", r":10000\r\n", &[]),
            ("EXPIRETIME k", r":1010\r\n", &[]),
            ("PERSIST k", r":1\r\n", &["="]),
            ("PERSIST k", r":0\r\n", &[]),
            ("TTL k", r":-1\r\n", &[]),
            ("TTL none", r":-2\r\n", &[]),
            ("EXPIRE k 1 FOO", r"-ERR Unsupported option FOO\r\n", &[]),
            ("EXPIRE k 1 NX GT", incompatible, &[]),
            (
                "EXPIRE k 1 GT LT",
                r"-ERR GT and LT options at the same time are not compatible\r\n",
                &[],
            ),
            (
                "EXPIRE k 9223372036854775807",
                r"-ERR invalid expire time in \'expire\' command\r\n",
                &[],
            ),
            ("EXPIRE k -1", r":1\r\n", &["DEL k"]),
            ("EXISTS k", r":0\r\n", &[]),
        ],
    );
}

#[test]
fn expired_keys_are_deleted_in_the_log_before_the_command() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("SET a 1 PX 100", OK, &["SET a 1 PXAT 1000100"]),
            ("SET b 1 PX 100", OK, &["SET b 1 PXAT 1000100"]),
            ("SET c 1 PX 100", OK, &["SET c 1 PXAT 1000100"]),
        ],
    );
    runner.now_ms = START_MS + 101;
    runner.settings.lazyfree_lazy_expire = true;
    check(&mut runner, &[("GET a", NULL, &["UNLINK a"])]);
    runner.settings.lazyfree_lazy_expire = false;
    check(
        &mut runner,
        &[
            ("INCR b", r":1\r\n", &["DEL b", "INCR b"]),
            ("COPY b c", r":1\r\n", &["DEL c", "COPY b c"]),
        ],
    );
    assert_eq!(runner.events.expired, 3);
}

#[test]
fn a_replica_hides_expired_keys_and_leaves_them_to_its_master() {
    let mut runner = Runner::new();
    runner.line("SET a 1 PX 100");
    runner.now_ms = START_MS + 101;
    runner.settings.is_replica = true;
    check(
        &mut runner,
        &[("GET a", NULL, &[]), ("DBSIZE", r":1\r\n", &[]), ("KEYS *", r"*0\r\n", &[])],
    );
    runner.origin = Origin::Master;
    check(&mut runner, &[("GET a", r"$1\r\n1\r\n", &[])]);
    // A writable replica's own write needs the place.
    runner.origin = Origin::Client;
    check(&mut runner, &[("APPEND a x", r":1\r\n", &["DEL a", "APPEND a x"])]);
}

#[test]
fn due_keys_are_deleted_in_order_of_time() {
    let mut runner = Runner::new();
    for (key, ms) in [("c", 30), ("a", 10), ("b", 20), ("d", 900)] {
        runner.line(&format!("SET {key} v PX {ms}"));
    }
    runner.now_ms = START_MS + 100;
    assert_eq!(runner.within(|ctx| ctx.delete_due(2)), 2);
    assert_eq!(runner.effects(), ["DEL a", "DEL b"]);
    // Nothing is deleted, and nothing told to have been, while others decide.
    runner.settings.expiry_paused = true;
    assert_eq!(runner.within(|ctx| ctx.delete_due(9)), 0);
    runner.settings.expiry_paused = false;
    assert_eq!(runner.within(|ctx| ctx.delete_due(9)), 1);
    check(&mut runner, &[("KEYS *", r"*1\r\n$1\r\nd\r\n", &[])]);
}

#[test]
fn keys_are_counted_typed_and_moved() {
    let same = r"-ERR source and destination objects are the same\r\n";
    check(
        &mut Runner::new(),
        &[
            ("MSET a 1 b 2 c 3", OK, &["="]),
            ("EXISTS a a x", r":2\r\n", &[]),
            ("TOUCH a x", r":1\r\n", &[]),
            ("TYPE a", r"+string\r\n", &[]),
            ("TYPE x", r"+none\r\n", &[]),
            ("DEL a x", r":1\r\n", &["="]),
            ("UNLINK x", r":0\r\n", &[]),
            ("RENAME b b", OK, &[]),
            ("RENAMENX b b", r":0\r\n", &[]),
            ("RENAMENX b c", r":0\r\n", &[]),
            ("RENAME x y", r"-ERR no such key\r\n", &[]),
            ("EXPIREAT b 2000", r":1\r\n", &["PEXPIREAT b 2000000"]),
            ("RENAME b c", OK, &["="]),
            ("EXPIRETIME c", r":2000\r\n", &[]),
            ("COPY c c", same, &[]),
            ("COPY c d", r":1\r\n", &["="]),
            ("COPY c d", r":0\r\n", &[]),
            ("COPY c d REPLACE", r":1\r\n", &["="]),
            ("COPY c c DB 1", r":1\r\n", &["="]),
            ("COPY c c DB 16", r"-ERR DB index is out of range\r\n", &[]),
            ("MOVE c 0", same, &[]),
            ("MOVE c 1", r":0\r\n", &[]),
            ("MOVE d 2", r":1\r\n", &["="]),
            ("MOVE d 2", r":0\r\n", &[]),
            ("SWAPDB 0 2", OK, &["="]),
            ("EXPIRETIME d", r":2000\r\n", &[]),
            ("SWAPDB x 2", r"-ERR invalid first DB index\r\n", &[]),
            ("SWAPDB 0 16", r"-ERR DB index is out of range\r\n", &[]),
            ("DBSIZE", r":1\r\n", &[]),
            ("FLUSHDB ASYNC", OK, &["="]),
            ("FLUSHALL", OK, &["="]),
            ("FLUSHALL NOW", SYNTAX, &[]),
            ("RANDOMKEY", NULL, &[]),
        ],
    );
}

#[test]
fn scan_sees_every_key_once() {
    let mut runner = Runner::new();
    for n in 0..500 {
        runner.line(&format!("SET key:{n} v"));
    }
    let (mut cursor, mut seen) = ("0".to_string(), Vec::new());
    loop {
        let reply = runner.line(&format!("SCAN {cursor} COUNT 20"));
        let fields: Vec<&str> = reply.split(r"\r\n").collect();
        cursor = fields[2].to_string();
        seen.extend(fields[4..].iter().filter(|f| f.starts_with("key:")).map(|f| (*f).to_string()));
        if cursor == "0" {
            break;
        }
    }
    seen.sort();
    let count = seen.len();
    seen.dedup();
    assert_eq!((count, seen.len()), (500, 500));
    check(
        &mut runner,
        &[
            ("SCAN x", r"-ERR invalid cursor\r\n", &[]),
            ("SCAN 0 COUNT 0", SYNTAX, &[]),
            ("SCAN 0 MATCH", SYNTAX, &[]),
            ("SCAN 0 MATCH key:77 COUNT 1000", r"*2\r\n$1\r\n0\r\n*1\r\n$6\r\nkey:77\r\n", &[]),
            ("SCAN 0 TYPE list COUNT 1000", r"*2\r\n$1\r\n0\r\n*0\r\n", &[]),
        ],
    );
}

#[test]
fn values_are_dumped_and_restored() {
    let mut runner = Runner::new();
    let payload = r#""\x00\xc0\x0a\x0a\x00n\x9fWE\x0e\xaec\xbb""#;
    assert_eq!(runner.line("SET k 10"), OK);
    assert_eq!(runner.line("DUMP k"), r"$13\r\n\x00\xc0\n\n\x00n\x9fWE\x0e\xaec\xbb\r\n");
    assert_eq!(runner.line("DUMP x"), NULL);
    let busy = r"-BUSYKEY Target key name already exists.\r\n";
    assert_eq!(runner.line(&format!("RESTORE k 0 {payload}")), busy);
    assert_eq!(runner.line(&format!("RESTORE j 500 {payload} REPLACE")), OK);
    let logged = &runner.effects()[0];
    assert!(logged.starts_with("RESTORE j 1000500 ") && logged.ends_with(" REPLACE ABSTTL"));
    assert_eq!(runner.line("PEXPIRETIME j"), r":1000500\r\n");
    assert_eq!(runner.line(&format!("RESTORE j 5 {payload} REPLACE ABSTTL")), OK);
    assert_eq!(runner.effects(), ["DEL j"]);
    check(
        &mut runner,
        &[
            ("RESTORE k 0 x REPLACE", r"-ERR DUMP payload version or checksum are wrong\r\n", &[]),
            ("RESTORE x -1 x", r"-ERR Invalid TTL value, must be >= 0\r\n", &[]),
            (
                "RESTORE x 0 x FREQ 256",
                r"-ERR Invalid FREQ value, must be >= 0 and <= 255\r\n",
                &[],
            ),
            ("RESTORE x 0 x IDLETIME 1 FREQ 1", SYNTAX, &[]),
            ("GET k", r"$2\r\n10\r\n", &[]),
        ],
    );
}

#[test]
fn objects_tell_how_they_are_kept() {
    let mut runner = Runner::new();
    check(
        &mut runner,
        &[
            ("SET n 5", OK, &["="]),
            ("OBJECT ENCODING n", r"$3\r\nint\r\n", &[]),
            ("OBJECT REFCOUNT n", r":2147483647\r\n", &[]),
            ("OBJECT ENCODING x", NULL, &[]),
        ],
    );
    runner.now_ms += 5_000;
    check(&mut runner, &[("GET n", r"$1\r\n5\r\n", &[])]);
    runner.now_ms += 7_000;
    check(&mut runner, &[("TTL n", r":-1\r\n", &[]), ("OBJECT IDLETIME n", r":7\r\n", &[])]);
    assert!(
        runner.line("OBJECT FREQ n").starts_with("-ERR An LFU maxmemory policy is not selected")
    );
    runner.settings.aging = Aging::Frequency { log_factor: 10, decay_minutes: 1 };
    assert!(
        runner.line("OBJECT IDLETIME n").starts_with("-ERR An LFU maxmemory policy is selected")
    );
}

#[test]
fn watchers_and_subscribers_hear_of_changes() {
    let mut runner = Runner::new();
    runner.line("SET a 1");
    assert!(runner.events.is_empty());
    runner.events.watched = true;
    runner.events.notify_classes = NotifyClasses::STRING | NotifyClasses::GENERIC;
    runner.line("RENAME a b");
    let heard: Vec<Event<'_>> = runner.events.iter().collect();
    let generic = NotifyClasses::GENERIC;
    assert_eq!(
        heard,
        [
            Event::Modified { db: 0, key: b"a", by_time: false },
            Event::Modified { db: 0, key: b"b", by_time: false },
            Event::Notify { class: generic, event: "rename_from", db: 0, key: b"a" },
            Event::Notify { class: generic, event: "rename_to", db: 0, key: b"b" },
        ]
    );
    runner.line("FLUSHDB");
    assert_eq!(runner.events.iter().collect::<Vec<_>>(), [Event::Flushed { db: 0 }]);
}

#[test]
fn touched_keys_are_told() {
    let mut runner = Runner::new();
    runner.line("MGET a b");
    assert_eq!(runner.touched.hashes(), [runner.keyspace.hash(b"a"), runner.keyspace.hash(b"b")]);
    assert!(!runner.touched.is_all());
    for line in ["KEYS *", "SCAN 0", "DBSIZE", "RANDOMKEY", "FLUSHALL", "SWAPDB 0 1"] {
        runner.line(line);
        assert!(runner.touched.is_all(), "{line}");
    }
}

#[test]
fn the_table_is_told() {
    let mut runner = Runner::new();
    let get = r"*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n";
    assert!(runner.line("COMMAND INFO get").starts_with(&format!(r"*1\r\n{get}")));
    check(
        &mut runner,
        &[
            ("COMMAND INFO nope", r"*1\r\n$-1\r\n", &[]),
            ("COMMAND LIST FILTERBY PATTERN getd*", r"*1\r\n$6\r\ngetdel\r\n", &[]),
            ("COMMAND LIST FILTERBY MODULE x", r"*0\r\n", &[]),
            ("COMMAND LIST FILTERBY x y", SYNTAX, &[]),
            ("COMMAND GETKEYS MSET a 1 b 2", r"*2\r\n$1\r\na\r\n$1\r\nb\r\n", &[]),
            ("COMMAND GETKEYS PING x", r"-ERR The command has no key arguments\r\n", &[]),
            ("COMMAND GETKEYS nope x", r"-ERR Invalid command specified\r\n", &[]),
            (
                "COMMAND GETKEYSANDFLAGS SET a b",
                r"*1\r\n*2\r\n$1\r\na\r\n*2\r\n+OW\r\n+update\r\n",
                &[],
            ),
            ("ECHO x", r"$1\r\nx\r\n", &[]),
        ],
    );
    assert!(runner.line("OBJECT HELP").starts_with(
        r"*11\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:\r\n+ENCODING <key>"
    ));
    runner.protocol = Protocol::Resp3;
    assert!(runner.line("COMMAND DOCS get").starts_with(r"%1\r\n$3\r\nget\r\n%5\r\n"));
    check(&mut runner, &[("GET none", r"_\r\n", &[])]);
}
