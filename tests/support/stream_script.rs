//! Random commands on few streams, so that they meet: sensible ones mostly, and nonsense.

/// How many entries a node has where these commands are run: few, so that there are several.
pub const NODE_ENTRIES_MAX: usize = 4;
/// How many bytes a node may have there.
pub const NODE_BYTES_MAX: usize = 200;
/// The keys.
pub const KEYS: &[&str] = &["x", "y", STRING_KEY];
/// A key that holds no stream most of the time.
pub const STRING_KEY: &str = "s";

const COMMANDS: &[&str] = &[
    "XADD k i f v",
    "XADD k i f v",
    "XADD k a f v",
    "XADD k a a v f v",
    "XADD k a f v f v f v",
    "XADD k i f",
    "XADD k i f v f",
    "XADD k NOMKSTREAM a f v",
    "XADD k MAXLEN n a f v",
    "XADD k MAXLEN = n a f v",
    "XADD k MAXLEN ~ n a f v",
    "XADD k maxlen ~ n LIMIT n a f v",
    "XADD k MINID i a f v",
    "XADD k MINID ~ i a f v",
    "XADD k MINID ~ i LIMIT n a f v",
    "XADD k MAXLEN 5 MINID i a f v",
    "XADD k LIMIT n a f v",
    "XADD k MAXLEN n LIMIT n a f v",
    "XADD k w w a f v",
    "XTRIM k MAXLEN n",
    "XTRIM k MAXLEN ~ n",
    "XTRIM k MAXLEN ~ n LIMIT n",
    "XTRIM k MINID i",
    "XTRIM k MINID ~ i LIMIT n",
    "XTRIM k w n",
    "XTRIM k w w n",
    "XTRIM k LIMIT n",
    "XLEN k",
    "XDEL k i",
    "XDEL k i i i",
    "XRANGE k - +",
    "XRANGE k - + COUNT n",
    "XRANGE k i i",
    "XRANGE k (i (i",
    "XRANGE k (- i",
    "XRANGE k i + COUNT n COUNT n",
    "XRANGE k - + COUNT",
    "XRANGE k - + w n",
    "XREVRANGE k + -",
    "XREVRANGE k + - COUNT n",
    "XREVRANGE k i i COUNT n",
    "XREVRANGE k (i (i",
    "XREAD STREAMS k i",
    "XREAD STREAMS x y i i",
    "XREAD COUNT n STREAMS x y i $",
    "XREAD COUNT n STREAMS k k i",
    "XREAD STREAMS k >",
    "XREAD COUNT n NOACK STREAMS k i",
    "XREAD GROUP g c STREAMS k i",
    "XREAD COUNT n x i",
    "XREAD w n STREAMS k i",
    "TYPE k",
    "OBJECT ENCODING k",
    "DEL k",
    "COPY k k REPLACE",
    "RENAME k k",
    "SET s v",
    "GET k",
    "w k i v",
];

/// Commands on groups.
const GROUP_COMMANDS: &[&str] = &[
    "XGROUP CREATE k g i",
    "XGROUP CREATE k g $ MKSTREAM",
    "XGROUP CREATE k g i MKSTREAM ENTRIESREAD n",
    "XGROUP CREATE k g 0 MKSTREAM",
    "XGROUP CREATE k g w w",
    "XGROUP SETID k g i",
    "XGROUP SETID k g $ ENTRIESREAD n",
    "XGROUP SETID k g 0",
    "XGROUP SETID k g i w n",
    "XGROUP DESTROY k g",
    "XGROUP CREATECONSUMER k g c",
    "XGROUP DELCONSUMER k g c",
    "XREADGROUP GROUP g c STREAMS k >",
    "XREADGROUP GROUP g c COUNT n STREAMS k >",
    "XREADGROUP GROUP g c COUNT 2 STREAMS k >",
    "XREADGROUP GROUP g c COUNT 2 NOACK STREAMS k >",
    "XREADGROUP GROUP g c COUNT 3 STREAMS x y > >",
    "XREADGROUP GROUP g c STREAMS k i",
    "XREADGROUP GROUP g c COUNT n STREAMS k 0",
    "XREADGROUP GROUP g c STREAMS k $",
    "XREADGROUP GROUP g c STREAMS k k i",
    "XREADGROUP COUNT n STREAMS k >",
    "XREADGROUP COUNT n NOACK NOACK STREAMS k >",
    "XACK k g i",
    "XACK k g i i i",
    "XPENDING k g",
    "XPENDING k g - + n",
    "XPENDING k g - + 10 c",
    "XPENDING k g i (i 10",
    "XPENDING k g IDLE 100000 - + 10",
    "XPENDING k g IDLE 0 i + 10 c",
    "XPENDING k g w",
    "XPENDING k g i",
    "XCLAIM k g c 0 i",
    "XCLAIM k g c 0 i i i JUSTID",
    "XCLAIM k g c 0 i FORCE",
    "XCLAIM k g c 0 i FORCE JUSTID RETRYCOUNT n",
    "XCLAIM k g c 100000 i",
    "XCLAIM k g c 0 i TIME n",
    "XCLAIM k g c 0 i IDLE n LASTID i",
    "XCLAIM k g c n i w w",
    "XAUTOCLAIM k g c 0 i",
    "XAUTOCLAIM k g c 0 - COUNT 2 JUSTID",
    "XAUTOCLAIM k g c 0 (i COUNT n",
    "XAUTOCLAIM k g c 100000 0",
    "XAUTOCLAIM k g c n i w",
    "XSETID k i",
    "XSETID k i ENTRIESADDED n MAXDELETEDID i",
    "XSETID k i ENTRIESADDED n",
    "XSETID k i w i",
    "XINFO GROUPS k",
    "XINFO CONSUMERS k g",
    "XINFO STREAM k",
    "XINFO STREAM k FULL",
    "XINFO STREAM k FULL COUNT n",
    "XINFO STREAM k w",
];

const WORDS: &[&str] =
    &["COUNT", "LIMIT", "MAXLEN", "minid", "NOMKSTREAM", "=", "~", "XLEN", "FORCE", "x", ""];

/// The next command.
pub fn random_command(rng: &mut fastrand::Rng) -> Vec<Vec<u8>> {
    let commands = if rng.u8(..5) < 2 { COMMANDS } else { GROUP_COMMANDS };
    let pattern = commands[rng.usize(..commands.len())];
    pattern.split(' ').map(|word| expand(word, rng)).collect()
}

fn expand(word: &str, rng: &mut fastrand::Rng) -> Vec<u8> {
    match word {
        "k" if rng.u8(..20) == 0 => STRING_KEY.into(),
        "k" => KEYS[rng.usize(..KEYS.len() - 1)].into(),
        "g" => ["g", "h"][rng.usize(..2)].into(),
        "c" => ["alice", "bob", "7"][rng.usize(..3)].into(),
        "f" => ["name", "12", "other"][rng.usize(..3)].into(),
        "v" => value(rng),
        "n" => number(rng),
        "i" => id(rng),
        "a" => addition(rng),
        "(i" => [b"(", &id(rng)[..]].concat(),
        "w" => WORDS[rng.usize(..WORDS.len())].into(),
        word => word.into(),
    }
}

fn value(rng: &mut fastrand::Rng) -> Vec<u8> {
    match rng.u8(..30) {
        0 => vec![b'w'; 300],
        1..15 => number(rng),
        _ => (0..rng.usize(..12)).map(|_| b"ab\r\xff"[rng.usize(..4)]).collect(),
    }
}

fn number(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..24) {
        0 => [i64::MAX, i64::MIN, i64::MAX / 2][rng.usize(..3)].to_string(),
        1 => ["7x", "+1", "", "1.5"][rng.usize(..4)].to_string(),
        2 => rng.i32(-12..0).to_string(),
        _ => rng.i32(0..16).to_string(),
    };
    text.into_bytes()
}

fn id(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..40) {
        0 => ["-", "+", "$", ">", "", "x", "5-x", "5-", "-5"][rng.usize(..9)].to_string(),
        1 => ["05-1", "5--1", "5-1-1", "18446744073709551616-1"][rng.usize(..4)].to_string(),
        2..10 => rng.u32(0..30).to_string(),
        _ => format!("{}-{}", rng.u32(0..30), rng.u32(0..3)),
    };
    text.into_bytes()
}

/// The ID of an entry to be added: no time of a clock.
fn addition(rng: &mut fastrand::Rng) -> Vec<u8> {
    let text = match rng.u8(..4) {
        0 => return id(rng),
        1 => format!("{}-*", rng.u32(0..40)),
        _ => format!("{}-{}", rng.u32(10..40), rng.u32(0..3)),
    };
    text.into_bytes()
}
