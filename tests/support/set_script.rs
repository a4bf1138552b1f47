//! Random commands on few sets, so that they meet: sensible ones mostly, and nonsense.

use vellum::keyspace::types::PackedLimits;

/// How many members a set of integers, and any other small one, may have where these commands are run: few,
/// so that all forms and the steps from one to the other come often.
pub const ENTRIES_MAX: usize = 8;
/// How long, in bytes, a member of a small set may be.
pub const VALUE_LEN_MAX: usize = 16;
/// The keys.
pub const KEYS: &[&str] = &["a", "b", "c", "d", STRING_KEY];
/// A key that does not hold a set most of the time.
pub const STRING_KEY: &str = "s";

/// The limits that go with the commands.
pub fn limits() -> PackedLimits {
    PackedLimits {
        set_integers: ENTRIES_MAX,
        set_entries: ENTRIES_MAX,
        set_value: VALUE_LEN_MAX,
        ..PackedLimits::default()
    }
}

const COMMANDS: &[&str] = &[
    "SADD k m",
    "SADD k m m",
    "SADD k m m m m m m",
    "SADD k i i i i",
    "SADD k i i i i i i i",
    "SADD k i i i i i i i",
    "SADD k",
    "SREM k m",
    "SREM k m m m m",
    "SREM k i i i i i i i",
    "SREM k",
    "SISMEMBER k m",
    "SISMEMBER k i",
    "SISMEMBER k",
    "SMISMEMBER k m i m",
    "SMISMEMBER k",
    "SCARD k",
    "SMEMBERS k",
    "SMEMBERS k k",
    "SRANDMEMBER k",
    "SRANDMEMBER k c",
    "SRANDMEMBER k n",
    "SRANDMEMBER k c c",
    "SPOP k 0",
    "SPOP k 100",
    "SPOP k w",
    "SPOP k -1",
    "SPOP k 1 1",
    "SMOVE k k m",
    "SMOVE k k i",
    "SMOVE k k i",
    "SMOVE k k",
    "SINTER k",
    "SINTER k k",
    "SINTER k k k",
    "SINTERSTORE k k k",
    "SINTERSTORE k k k k",
    "SINTERSTORE k",
    "SINTERCARD 1 k",
    "SINTERCARD 2 k k",
    "SINTERCARD 2 k k LIMIT n",
    "SINTERCARD 2 k k limit 1 LIMIT 2",
    "SINTERCARD n k k",
    "SINTERCARD 1 k w n",
    "SINTERCARD 1 k LIMIT",
    "SINTERCARD w k LIMIT",
    "SUNION k",
    "SUNION k k k",
    "SUNIONSTORE k k k",
    "SUNIONSTORE k k",
    "SDIFF k",
    "SDIFF k k",
    "SDIFF k k k k",
    "SDIFFSTORE k k k",
    "SDIFFSTORE k k k k k",
    "SSCAN k 0",
    "SSCAN k n",
    "SSCAN k 0 COUNT 100",
    "SSCAN k 0 COUNT 100 MATCH p",
    "SSCAN k 0 w n",
    "SSCAN k 0 w p w",
    "SSCAN k w",
    "SSCAN k",
    "TYPE k",
    "DEL k",
    "COPY k k REPLACE",
    "RENAME k k",
    "SET s m",
    "GET k",
    "w k m m",
];

const WORDS: &[&str] = &["LIMIT", "limit", "COUNT", "MATCH", "TYPE", "SCARD", "SADD", "x", ""];

const PATTERNS: &[&str] = &["*", "?", "1*", "*b*", "[0-5]", "nothing", ""];

/// The next command.
pub fn random_command(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let pattern = COMMANDS[rng.usize(..COMMANDS.len())];
    pattern.split(' ').map(|word| expand(word, rng)).collect()
}

fn expand(word: &str, rng: &mut fastrand::Rng) -> Vec<u8> {
    match word {
        "k" if rng.u8(..16) == 0 => STRING_KEY.into(),
        "k" => KEYS[rng.usize(..KEYS.len() - 1)].into(),
        "m" => member(rng),
        "i" => integer(rng),
        "n" => number(rng),
        "c" => rng.i32(-20..40).to_string().into_bytes(),
        "w" => WORDS[rng.usize(..WORDS.len())].into(),
        "p" => PATTERNS[rng.usize(..PATTERNS.len())].into(),
        word => word.into(),
    }
}

fn member(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..60) {
        0 => vec![b'm'; VALUE_LEN_MAX + usize::from(rng.bool())],
        1 => Vec::new(),
        2 => vec![b'w'; 300],
        3 => ["+1", "007", "-0", " 1", "1.5"][rng.usize(..5)].into(),
        4..20 => [b"\xff\0", &[b'a' + rng.u8(..4)][..]].concat(),
        _ => integer(rng),
    }
}

fn integer(rng: &mut fastrand::Rng) -> Vec<u8> {
    let number = match rng.u8(..100) {
        0 => [i64::MAX, i64::MIN, 1 << 40][rng.usize(..3)],
        1 | 2 => [40_000, -40_000, i64::from(i32::MAX), i64::from(i32::MIN)][rng.usize(..4)],
        _ => rng.i64(-2..9),
    };
    number.to_string().into_bytes()
}

/// A count, and what is none: not billions that Redis would tell.
fn number(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..16) {
        0 => [i64::MAX, i64::MIN][rng.usize(..2)].to_string(),
        1 => ["x", "1.5", "", "+1", "-0"][rng.usize(..5)].to_string(),
        _ => rng.i32(-3..12).to_string(),
    };
    text.into_bytes()
}
