//! Random commands of all groups on the same few keys and databases, so that all types meet: what the
//! scripts of the groups say, with the keys that they share here, and what belongs to no group alone.

use crate::{
    bit_script, command_script, hash_script, list_script, set_script, stream_script, zset_script,
};

type Words = Vec<Vec<u8>>;

/// One group of commands.
struct Group {
    /// What it is called where groups are chosen.
    name: &'static str,
    /// How often it is drawn beside the others.
    weight: usize,
    draw: fn(&mut fastrand::Rng) -> Words,
    /// The keys of its script, and what they are called here.
    keys: &'static [(&'static str, &'static str)],
}

const STRINGS: &[(&str, &str)] = &[("a", "a"), ("b", "b"), ("c", "c"), ("d", "d"), ("e", "e")];
const HASHES: &[(&str, &str)] = &[("h", "h"), ("i", "i"), ("j", "j"), ("s", "s")];
const LISTS: &[(&str, &str)] = &[("l", "l"), ("m", "m"), ("n", "n"), ("s", "s")];
const SETS: &[(&str, &str)] = &[("a", "p"), ("b", "q"), ("c", "r"), ("d", "t"), ("s", "s")];
const ZSETS: &[(&str, &str)] = &[
    ("a", "u"),
    ("b", "v"),
    ("c", "w"),
    ("large", "large"),
    ("target", "target"),
    ("string", "s"),
];
const STREAMS: &[(&str, &str)] = &[("x", "x"), ("y", "y"), ("s", "s")];

/// All groups, a line each.
const GROUPS: &[Group] = &[
    Group { name: "string", weight: 8, draw: strings, keys: STRINGS },
    Group { name: "bit", weight: 4, draw: bit_script::random_command, keys: STRINGS },
    Group { name: "hash", weight: 8, draw: hash_script::random_command, keys: HASHES },
    Group { name: "list", weight: 8, draw: list_script::random_command, keys: LISTS },
    Group { name: "set", weight: 8, draw: set_script::random_command, keys: SETS },
    Group { name: "zset", weight: 12, draw: zset_script::random_command, keys: ZSETS },
    Group { name: "stream", weight: 12, draw: stream_script::random_command, keys: STREAMS },
    Group { name: "key", weight: 16, draw: keys, keys: &[] },
    Group { name: "transaction", weight: 3, draw: transactions, keys: &[] },
    Group { name: "message", weight: 1, draw: messages, keys: &[] },
    Group { name: "wait", weight: 1, draw: waits, keys: &[] },
];

/// The keys that commands of any group may name. Those whose members are to be of one score are not
/// among them: what a range by names is of others, Redis does not say.
pub const KEYS: &[&str] = &[
    "a", "b", "c", "d", "e", "h", "i", "j", "l", "m", "n", "p", "q", "r", "t", "u", "v", "w",
    "large", "target", "x", "y", "s",
];

/// All keys there are.
pub fn all_keys() -> Vec<&'static str> {
    [KEYS, &["lex", "lexlarge"]].concat()
}

/// The databases that are used most.
pub const DATABASES: &[&str] = &["0", "1", "2"];

/// One of so many keys is any group's.
const STRANGERS: u8 = 8;

const KEY_COMMANDS: &[&str] = &[
    "TYPE k",
    "OBJECT ENCODING k",
    "OBJECT ENCODING k",
    "EXISTS k k k",
    "DEL k",
    "UNLINK k k",
    "TOUCH k k",
    "RENAME k k",
    "RENAMENX k k",
    "COPY k k",
    "COPY k k REPLACE",
    "COPY k k DB d REPLACE",
    "MOVE k d",
    "EXPIRE k 100000",
    "PERSIST k",
    "TTL k",
    "PTTL k",
    "EXPIRETIME k",
    "DUMP k",
    "DUMP k",
    "DUMP k",
    "DBSIZE",
    "KEYS p",
    "RANDOMKEY",
    "SCAN 0 COUNT 1000",
    "SCAN 0 COUNT 1000 MATCH p",
    "SCAN 0 COUNT 1000 TYPE t",
    "SCAN 0 COUNT 2",
    "HSCAN k 0 COUNT 1000",
    "SSCAN k 0 COUNT 1000 MATCH p",
    "ZSCAN k 0 COUNT 1000",
    "ZSCAN k 0 MATCH p COUNT 1000",
    "ZRANDMEMBER k",
    "ZRANDMEMBER k n",
    "ZRANDMEMBER k n WITHSCORES",
    "SELECT d",
    "SELECT d",
    "SELECT d",
    "SWAPDB d d",
    "FLUSHDB",
];

/// Whole databases are emptied less often than that.
const FLUSHES: u8 = 12;

const TRANSACTION_COMMANDS: &[&str] =
    &["MULTI", "MULTI", "MULTI", "MULTI", "EXEC", "DISCARD", "WATCH k", "WATCH k k k", "UNWATCH"];

const MESSAGE_COMMANDS: &[&str] = &[
    "PUBLISH news v",
    "PUBLISH news v",
    "PUBLISH none v",
    "SPUBLISH news v",
    "PUBSUB NUMSUB news none",
    "PUBSUB NUMPAT",
    "PUBSUB CHANNELS n*",
];

const WAIT_COMMANDS: &[&str] = &[
    "BLPOP k k 0.001",
    "BRPOP k 0.001",
    "BLMOVE k k LEFT RIGHT 0.001",
    "BRPOPLPUSH k k 0.001",
    "BLMPOP 0.001 2 k k LEFT COUNT 2",
    "BZPOPMIN k k 0.001",
    "BZPOPMAX k 0.001",
    "BZMPOP 0.001 2 k k MIN COUNT 2",
    "XREAD BLOCK 1 STREAMS k $",
    "XREAD BLOCK 1 COUNT 2 STREAMS k 12-0",
];

fn strings(rng: &mut fastrand::Rng) -> Words {
    command_script::random_command(rng, false)
}

fn keys(rng: &mut fastrand::Rng) -> Words {
    let words = one_of(rng, KEY_COMMANDS);
    let is_spared = words[0] == b"FLUSHDB" && rng.u8(..FLUSHES) > 0;
    if is_spared { vec![b"DBSIZE".to_vec()] } else { words }
}

fn transactions(rng: &mut fastrand::Rng) -> Words {
    one_of(rng, TRANSACTION_COMMANDS)
}

fn messages(rng: &mut fastrand::Rng) -> Words {
    one_of(rng, MESSAGE_COMMANDS)
}

fn waits(rng: &mut fastrand::Rng) -> Words {
    one_of(rng, WAIT_COMMANDS)
}

fn one_of(rng: &mut fastrand::Rng, commands: &[&str]) -> Words {
    let pattern = commands[rng.usize(..commands.len())];
    pattern.split(' ').map(|word| expand(word, rng)).collect()
}

fn expand(word: &str, rng: &mut fastrand::Rng) -> Vec<u8> {
    let mut pick = |words: &[&str]| words[rng.usize(..words.len())].as_bytes().to_vec();
    match word {
        "k" => any_key(rng),
        "d" => pick(&["0", "0", "0", "0", "1", "1", "1", "2", "2", "16", "-1", "x"]),
        "p" => pick(&["*", "?", "[a-m]", "*a*", "l*", "nothing"]),
        "t" => pick(&["string", "list", "set", "hash", "zset", "stream", "SET"]),
        "n" => pick(&["0", "1", "3", "-2", "-7", "100", "x"]),
        "v" => pick(&["", "one", "\r\n", "another"]),
        word => word.into(),
    }
}

fn any_key(rng: &mut fastrand::Rng) -> Vec<u8> {
    KEYS[rng.usize(..KEYS.len())].into()
}

/// Some or all groups.
pub struct Mix {
    /// Each group as often as it weighs.
    lots: Vec<&'static Group>,
}

impl Mix {
    /// The groups of these names, with commas between them; all if nothing is said.
    pub fn of(names: Option<&str>) -> Self {
        let is_in = |group: &&Group| {
            names.is_none_or(|names| names.split(',').any(|name| name == group.name))
        };
        let groups = GROUPS.iter().filter(is_in);
        let lots: Vec<_> =
            groups.flat_map(|group| std::iter::repeat_n(group, group.weight)).collect();
        assert!(!lots.is_empty(), "no group is called {names:?}");
        Self { lots }
    }

    /// The next command.
    pub fn random_command(&self, rng: &mut fastrand::Rng) -> Words {
        let group = self.lots[rng.usize(..self.lots.len())];
        let mut words = (group.draw)(rng);
        let is_by_name = words.iter().any(|word| word.windows(3).any(|part| part == b"LEX"));
        for word in words.iter_mut().skip(1) {
            let here = group.keys.iter().find(|(key, _)| key.as_bytes() == &word[..]);
            match here {
                None => {}
                Some(_) if is_by_name => *word = b"none".to_vec(),
                Some(_) if rng.u8(..STRANGERS) == 0 => *word = any_key(rng),
                Some((_, key)) => *word = key.as_bytes().to_vec(),
            }
        }
        words
    }
}
