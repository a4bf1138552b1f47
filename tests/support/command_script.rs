//! Random commands on few keys, so that they meet: sensible ones mostly, and nonsense.

/// Far enough ahead that nothing expires by itself, in milliseconds since the Unix epoch.
const YEAR_2100_MS: u64 = 4_102_444_800_000;

const WORDS: &[&str] = &[
    "NX",
    "XX",
    "GET",
    "KEEPTTL",
    "PERSIST",
    "EX",
    "PX",
    "EXAT",
    "PXAT",
    "GT",
    "LT",
    "REPLACE",
    "DB",
    "LEN",
    "IDX",
    "MINMATCHLEN",
    "WITHMATCHLEN",
    "ABSTTL",
    "1",
    "2",
    "-1",
    "100",
    "x",
    "",
];

const COMMANDS: &[&str] = &[
    "SET k v",
    "SET k v",
    "SET k v w",
    "SET k v w w",
    "SET k v w w w",
    "SET k v EX s",
    "SET k v PXAT t",
    "SET k v GET PXAT t",
    "SETNX k v",
    "SETEX k s v",
    "PSETEX k s v",
    "GETSET k v",
    "GETDEL k",
    "GETEX k",
    "GETEX k w",
    "GETEX k w s",
    "GETEX k EXAT s",
    "MSET k v k v",
    "MSETNX k v k v",
    "MSET k v k",
    "APPEND k v",
    "APPEND k v",
    "STRLEN k",
    "INCR k",
    "DECR k",
    "INCRBY k n",
    "DECRBY k n",
    "INCRBYFLOAT k f",
    "INCRBYFLOAT k f",
    "GETRANGE k n n",
    "SUBSTR k n n",
    "SETRANGE k n v",
    "SETRANGE k n v",
    "LCS k k",
    "LCS k k w",
    "LCS k k w w",
    "GET k",
    "MGET k k k",
    "DEL k",
    "DEL k k",
    "UNLINK k k",
    "EXISTS k k",
    "TYPE k",
    "RENAME k k",
    "RENAMENX k k",
    "COPY k k",
    "COPY k k w",
    "COPY k k DB n",
    "COPY k k DB n REPLACE",
    "MOVE k n",
    "TOUCH k k",
    "OBJECT ENCODING k",
    "OBJECT FREQ k",
    "EXPIRE k s",
    "EXPIRE k s w",
    "EXPIRE k s w w",
    "PEXPIRE k s",
    "EXPIREAT k s",
    "PEXPIREAT k t",
    "PEXPIREAT k t w",
    "PERSIST k",
    "EXPIRETIME k",
    "PEXPIRETIME k",
    "DUMP k",
    "DBSIZE",
    "SWAPDB n n",
    "FLUSHDB w",
    "ECHO v",
    "RESTORE k s v w",
    "SCAN n w n",
    "COMMAND GETKEYS SET k v w",
    "COMMAND GETKEYSANDFLAGS MSET k v k v",
    "COMMAND GETKEYS w k",
    "GET",
    "w k v",
    "OBJECT w k",
    "COMMAND LIST w w w",
    "MEMORY USAGE w w w",
];

/// The next command. Times to live are of seconds at most when `short`, and of hours at least if not.
pub fn random_command(rng: &mut fastrand::Rng, short: bool) -> Vec<Vec<u8>> {
    let pattern = COMMANDS[rng.usize(..COMMANDS.len())];
    pattern.split(' ').map(|word| expand(word, rng, short)).collect()
}

fn expand(word: &str, rng: &mut fastrand::Rng, short: bool) -> Vec<u8> {
    match word {
        "k" => vec![b"abcde"[rng.usize(..5)]],
        "w" => WORDS[rng.usize(..WORDS.len())].as_bytes().to_vec(),
        "v" => value(rng),
        "f" => float(rng),
        "n" => number(rng).into_bytes(),
        "s" if !short && rng.u8(..4) > 0 => rng.u64(8_000_000..8_000_005).to_string().into_bytes(),
        "s" if !short => ["-1", "0", "x", "9223372036854775807"][rng.usize(..4)].into(),
        "s" => number(rng).into_bytes(),
        "t" => (YEAR_2100_MS + rng.u64(..5) * 1000).to_string().into_bytes(),
        word => word.as_bytes().to_vec(),
    }
}

fn number(rng: &mut fastrand::Rng) -> String {
    match rng.u8(..10) {
        0 => rng.i64(..).to_string(),
        1 => [i64::MAX, i64::MIN, i64::MAX / 1000][rng.usize(..3)].to_string(),
        2 => "7x".to_string(),
        _ => rng.i32(-4..12).to_string(),
    }
}

fn float(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..8) {
        0 => "inf".to_string(),
        1 => "0x1.8p3".to_string(),
        2 => format!("{}e{}", rng.i32(-999..999), rng.i32(-30..30)),
        3 => number(rng),
        _ => format!("{}.{}", rng.i32(-50..50), rng.u32(..100_000)),
    };
    text.into_bytes()
}

fn value(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..6) {
        0 => number(rng).into_bytes(),
        1 => float(rng),
        2 => vec![b"xyz"[rng.usize(..3)]; rng.usize(..60)],
        _ => (0..rng.usize(..12)).map(|_| b"ab\0\xff"[rng.usize(..4)]).collect(),
    }
}
