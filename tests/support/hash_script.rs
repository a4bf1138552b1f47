//! Random commands on few hashes, so that they meet: sensible ones mostly, and nonsense.

use vellum::keyspace::types::PackedLimits;

/// How many fields a packed hash may have where these commands are run: few, so that both forms and the
/// step from one to the other come often.
pub const ENTRIES_MAX: usize = 8;
/// How long, in bytes, a name or a value may be in a packed hash.
pub const VALUE_LEN_MAX: usize = 16;
/// The keys.
pub const KEYS: &[&str] = &["h", "i", "j", STRING_KEY];
/// A key that does not hold a hash most of the time.
pub const STRING_KEY: &str = "s";

/// The limits that go with the commands.
pub fn limits() -> PackedLimits {
    PackedLimits { hash_entries: ENTRIES_MAX, hash_value: VALUE_LEN_MAX, ..PackedLimits::default() }
}

const COMMANDS: &[&str] = &[
    "HSET k f v",
    "HSET k f v",
    "HSET k f v f v",
    "HSET k f v f v f v f v",
    "HSET k f v f",
    "HSET k f",
    "HMSET k f v f v",
    "HMSET k f v f",
    "HSETNX k f v",
    "HSETNX k f",
    "HGET k f",
    "HGET k",
    "HMGET k f f f",
    "HMGET k",
    "HGETALL k",
    "HGETALL k k",
    "HKEYS k",
    "HVALS k",
    "HLEN k",
    "HSTRLEN k f",
    "HEXISTS k f",
    "HDEL k f",
    "HDEL k f f f f f f",
    "HDEL k f f f f f f f f f f f f f f f f f f f f f f f f",
    "HDEL k",
    "HINCRBY k f n",
    "HINCRBY k f n",
    "HINCRBY k f v",
    "HINCRBYFLOAT k f d",
    "HINCRBYFLOAT k f d",
    "HINCRBYFLOAT k f v",
    "HRANDFIELD k",
    "HRANDFIELD k c",
    "HRANDFIELD k c WITHVALUES",
    "HRANDFIELD k c w",
    "HRANDFIELD k c w w",
    "HRANDFIELD k 50 WITHVALUES",
    "HSCAN k 0",
    "HSCAN k n",
    "HSCAN k 0 COUNT 100",
    "HSCAN k 0 COUNT 100 MATCH p",
    "HSCAN k 0 MATCH p",
    "HSCAN k 0 w n",
    "HSCAN k 0 w p w",
    "HSCAN k v",
    "HSCAN k",
    "TYPE k",
    "OBJECT ENCODING k",
    "DEL k",
    "COPY k k REPLACE",
    "RENAME k k",
    "SET s v",
    "GET k",
    "w k f v",
];

const WORDS: &[&str] =
    &["WITHVALUES", "withvalues", "COUNT", "MATCH", "TYPE", "NOVALUES", "HLEN", "HSET", "x", ""];

const PATTERNS: &[&str] = &["*", "?", "1*", "*b*", "[0-5]", "nothing", ""];

/// The next command.
pub fn random_command(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let pattern = COMMANDS[rng.usize(..COMMANDS.len())];
    pattern.split(' ').map(|word| expand(word, rng)).collect()
}

fn expand(word: &str, rng: &mut fastrand::Rng) -> Vec<u8> {
    match word {
        "k" if rng.u8(..10) == 0 => STRING_KEY.into(),
        "k" => KEYS[rng.usize(..KEYS.len() - 1)].into(),
        "f" => name(rng),
        "v" => value(rng),
        "n" => number(rng),
        "c" => count(rng),
        "d" => decimal(rng),
        "w" => WORDS[rng.usize(..WORDS.len())].into(),
        "p" => PATTERNS[rng.usize(..PATTERNS.len())].into(),
        word => word.into(),
    }
}

fn name(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..60) {
        0 => vec![b'n'; VALUE_LEN_MAX + usize::from(rng.bool())],
        1 => Vec::new(),
        2..20 => [b"\xff\0", &[b'a' + rng.u8(..3)][..]].concat(),
        _ => rng.u8(..12).to_string().into_bytes(),
    }
}

fn value(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..60) {
        0 => vec![b'v'; VALUE_LEN_MAX + usize::from(rng.bool())],
        1 => vec![b'w'; 300],
        2..6 => decimal(rng),
        6..30 => number(rng),
        _ => (0..rng.usize(..12)).map(|_| b"ab\r\xff"[rng.usize(..4)]).collect(),
    }
}

fn number(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..16) {
        0 => [i64::MAX, i64::MIN, i64::MIN + 1, i64::MAX / 2][rng.usize(..4)].to_string(),
        1 => rng.i64(..).to_string(),
        2 => ["7x", "+1", "007", "-0", " 1", "1.5"][rng.usize(..6)].to_string(),
        _ => rng.i32(-12..12).to_string(),
    };
    text.into_bytes()
}

/// How many random fields are asked for: not billions that Redis would tell.
fn count(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..16) {
        0 => [i64::MAX, i64::MIN, i64::MAX / 2 + 1][rng.usize(..3)].to_string(),
        1 => ["x", "1.5", ""][rng.usize(..3)].to_string(),
        _ => rng.i32(-20..40).to_string(),
    };
    text.into_bytes()
}

fn decimal(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..12) {
        0 => ["inf", "-inf", "nan", "1e400", "0x1p4"][rng.usize(..5)].to_string(),
        1 => format!("{}e{}", rng.i32(-999..999), rng.i32(-30..30)),
        _ => format!("{}.{}", rng.i32(-50..50), rng.u32(..100_000)),
    };
    text.into_bytes()
}
