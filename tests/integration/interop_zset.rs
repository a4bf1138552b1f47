//! Sorted sets against a real redis-server: random commands answered alike, byte for byte but for how
//! scores are written, equal digests and encodings, and payloads that go both ways.

use vellum::resp::Protocol;

use crate::command_runner::Runner;
use crate::redis_server::{Answer, RedisServer};
use crate::zset_script::{limits, random_command};

/// The keys that may hold sorted sets.
const KEYS: &[&str] = &["a", "b", "c", "large", "target", "lex", "lexlarge"];
const COMMANDS_PER_CHECK: usize = 100;

fn redis(dir: &std::path::Path) -> RedisServer {
    let limits = limits();
    let (entries, value) = (limits.zset_entries.to_string(), limits.zset_value.to_string());
    let packed = ["--zset-max-listpack-entries", &entries, "--zset-max-listpack-value", &value];
    RedisServer::start_with(dir, &packed)
}

fn runner() -> Runner {
    let mut runner = Runner::new();
    runner.keyspace.set_packed_limits(limits());
    runner
}

/// The bulk string that a reply is.
fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let start = reply.iter().position(|&byte| byte == b'\n')? + 1;
    reply.starts_with(b"$").then(|| reply.get(start..reply.len() - 2)).flatten()
}

/// Whether two replies of a command on scores say the same.
pub fn agree(words: &[&[u8]], ours: &[u8], theirs: &[u8]) -> bool {
    let name = words[0].to_ascii_uppercase();
    let is_of_scores = name.starts_with(b"Z") || name.starts_with(b"BZ");
    is_of_scores && by_value(ours) == by_value(theirs)
}

/// A reply in which numbers stand for their texts: since 7.2 Redis writes the shortest text of a score,
/// and the installed one 17 digits.
pub fn by_value(reply: &[u8]) -> String {
    let shown = |line: &[u8]| {
        let number = line.strip_prefix(b",").unwrap_or(line);
        let number = std::str::from_utf8(number).ok().and_then(|text| text.parse::<f64>().ok());
        match number {
            Some(number) => format!("{number:?}"),
            None if line.starts_with(b"$") && line != b"$-1" => "$".to_owned(),
            None => line.escape_ascii().to_string(),
        }
    };
    reply
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .map(shown)
        .collect::<Vec<_>>()
        .join(" ")
}

fn compare(ours: &mut Runner, theirs: &mut RedisServer) {
    for key in KEYS {
        let words = [&b"OBJECT"[..], b"ENCODING", key.as_bytes()];
        let (our, their) = (ours.run(&words), theirs.raw(&words));
        assert_eq!(our.escape_ascii().to_string(), their.escape_ascii().to_string(), "{key}");
        let (our, their) =
            (ours.run(&[b"DUMP", key.as_bytes()]), theirs.raw(&[b"DUMP", key.as_bytes()]));
        let (Some(our), Some(their)) = (bulk(&our), bulk(&their)) else { continue };
        // The two do not compress the same lengths; a compressed string begins with C3.
        let compressed = [our, their].iter().any(|payload| payload[1] == 0xc3);
        assert!(
            compressed || our == their,
            "{key}\n{}\n{}",
            our.escape_ascii(),
            their.escape_ascii()
        );
        let restored = theirs.call(&[b"RESTORE", key.as_bytes(), b"0", our, b"REPLACE"]);
        assert_eq!(restored, Answer::Line(b"+OK".to_vec()), "{key}");
        let restored = ours.run(&[b"RESTORE", key.as_bytes(), b"0", their, b"REPLACE"]);
        assert_eq!(restored, b"+OK\r\n", "{key}");
        let words = [&b"ZRANGE"[..], key.as_bytes(), b"0", b"-1", b"WITHSCORES"];
        let (our, their) = (ours.run(&words), theirs.raw(&words));
        assert_eq!(by_value(&our), by_value(&their), "{key}");
    }
    let digest = vellum::rdb::digest::Digest::of_keyspace(&ours.keyspace).to_string();
    assert_eq!(digest, theirs.digest());
}

#[test]
fn sorted_sets_are_as_in_redis() {
    let dir = tempfile::tempdir().unwrap();
    let (mut ours, mut theirs) = (runner(), redis(dir.path()));
    let mut rng = fastrand::Rng::with_seed(2026);
    ours.run(&[b"SET", b"string", b"x"]);
    theirs.raw(&[b"SET", b"string", b"x"]);
    for (version, protocol) in [(&b"2"[..], Protocol::Resp2), (b"3", Protocol::Resp3)] {
        theirs.raw(&[b"HELLO", version]);
        ours.protocol = protocol;
        for number in 0..15_000 {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let (our, their) = (ours.run(&words), theirs.raw(&words));
            let told: Vec<String> = words.iter().map(|w| w.escape_ascii().to_string()).collect();
            assert_eq!(by_value(&our), by_value(&their), "{}", told.join(" "));
            if number % COMMANDS_PER_CHECK == 0 {
                compare(&mut ours, &mut theirs);
            }
        }
    }
}
