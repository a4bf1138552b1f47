//! Random commands on few lists, so that they meet: sensible ones mostly, and nonsense.

/// How many elements a piece of a list may have where these commands are run: few, so that all forms and
/// the steps from one to the other come often.
pub const PIECE_LEN_MAX: i32 = 5;
/// The keys.
pub const KEYS: &[&str] = &["l", "m", "n", STRING_KEY];
/// A key that does not hold a list most of the time.
pub const STRING_KEY: &str = "s";

const COMMANDS: &[&str] = &[
    "LPUSH k v",
    "LPUSH k v v v",
    "LPUSH k",
    "RPUSH k v",
    "RPUSH k v v",
    "RPUSH k v v v v v v v v v v v v",
    "LPUSHX k v v",
    "RPUSHX k v",
    "LPOP k",
    "LPOP k c",
    "LPOP k c c",
    "RPOP k",
    "RPOP k c",
    "LLEN k",
    "LINDEX k i",
    "LINDEX k v",
    "LSET k i v",
    "LSET k v v",
    "LRANGE k 0 -1",
    "LRANGE k i i",
    "LRANGE k i v",
    "LTRIM k i i",
    "LTRIM k 1 -2",
    "LTRIM k v i",
    "LINSERT k BEFORE v v",
    "LINSERT k after v v",
    "LINSERT k w v v",
    "LREM k c v",
    "LREM k i v",
    "LREM k w v",
    "LPOS k v",
    "LPOS k v RANK i",
    "LPOS k v COUNT c",
    "LPOS k v RANK i COUNT c MAXLEN c",
    "LPOS k v MAXLEN i",
    "LPOS k v w i",
    "LPOS k v RANK",
    "LMOVE k k LEFT RIGHT",
    "LMOVE k k RIGHT LEFT",
    "LMOVE k k LEFT LEFT",
    "LMOVE k k right right",
    "LMOVE k k w LEFT",
    "RPOPLPUSH k k",
    "LMPOP 1 k LEFT",
    "LMPOP 2 k k RIGHT COUNT c",
    "LMPOP 3 k k k LEFT COUNT 2",
    "LMPOP c k k LEFT",
    "LMPOP 1 k w",
    "LMPOP 1 k LEFT w 2",
    "TYPE k",
    "DEL k",
    "COPY k k REPLACE",
    "RENAME k k",
    "SET s v",
    "GET k",
    "w k v",
];

const WORDS: &[&str] = &["LEFT", "RIGHT", "COUNT", "RANK", "MAXLEN", "BEFORE", "LLEN", "x", ""];

/// The next command.
pub fn random_command(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let pattern = COMMANDS[rng.usize(..COMMANDS.len())];
    pattern.split(' ').map(|word| expand(word, rng)).collect()
}

fn expand(word: &str, rng: &mut fastrand::Rng) -> Vec<u8> {
    match word {
        "k" if rng.u8(..12) == 0 => STRING_KEY.into(),
        "k" => KEYS[rng.usize(..KEYS.len() - 1)].into(),
        "v" => value(rng),
        "i" => index(rng),
        "c" => count(rng),
        "w" => WORDS[rng.usize(..WORDS.len())].into(),
        word => word.into(),
    }
}

fn value(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..80) {
        0 => vec![b'v'; 9000],
        1 => Vec::new(),
        2 => rng.i64(..).to_string().into_bytes(),
        3..8 => vec![b'w'; rng.usize(..100)],
        8..30 => [&b"\xff\r\n"[..], &[b'a' + rng.u8(..3)]].concat(),
        _ => rng.i32(-3..6).to_string().into_bytes(),
    }
}

fn index(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..20) {
        0 => [i64::MAX, i64::MIN, i64::MIN + 1][rng.usize(..3)].to_string(),
        1 => ["x", "1.5", "", "+1", "01"][rng.usize(..5)].to_string(),
        _ => rng.i32(-15..15).to_string(),
    };
    text.into_bytes()
}

fn count(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..20) {
        0 => [i64::MAX, i64::MIN, i64::MAX - 1][rng.usize(..3)].to_string(),
        1 => ["x", "-1", ""][rng.usize(..3)].to_string(),
        _ => rng.i32(0..8).to_string(),
    };
    text.into_bytes()
}
