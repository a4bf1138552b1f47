//! All types and all groups of commands at once against a real redis-server: the same random commands
//! answered byte for byte alike, and the same data then in payloads, after a kill, on replicas of both, and
//! where either server opens what the other has left.
//!
//! Replies that may differ, and in what:
//!
//! - random picks (`HRANDFIELD`, `SRANDMEMBER`, `ZRANDMEMBER`, `RANDOMKEY`): which elements, not how many;
//! - what tables tell in no order (`HGETALL`, `HKEYS`, `HVALS`, `SMEMBERS`, `SINTER`, `SUNION`, `SDIFF`,
//!   `SPOP` of all, `KEYS`, and the scans): the order, and how far one step of a scan gets;
//! - times, by what lies between the moments at which the two servers run a command;
//! - the bytes of `DUMP`, which are restored instead;
//! - `OBJECT ENCODING` where 7.2 has small lists and sets in listpacks and 7.0 has not;
//! - what `XINFO` and `XPENDING` tell of trees and of idle times, and `LPOS` of a rank that 7.0 misreads.

use crate::interop_bits::is_torn;
use crate::interop_command::is_decided_by_a_millisecond;
use crate::interop_stream::make_consumers;
use crate::mixed_script::{DATABASES, KEYS, Mix, all_keys};
use crate::replies::split_reply;
use crate::support::pair::{Pair, digest, exchange, parts, raw, rewrite, sorted, told};
use crate::support::replicas::assert_same_data;
use crate::support::{Client, Program, Server};
use crate::{
    hash_script, interop_command, interop_hash, interop_list, interop_set, interop_stream,
    interop_zset, list_script, set_script, stream_script, zset_script,
};

/// Commands of a run, unless `VELLUM_TEST_COMMANDS` says how many.
const COMMANDS: usize = 12_000;
/// The seed of a run, unless `VELLUM_TEST_SEED` names one or `VELLUM_TEST_COMMANDS` asks for another run.
const SEED: u64 = 2026;
/// Where random commands leave the two servers, compared as a whole.
const COMMANDS_PER_CHECK: usize = 500;
/// Commands before the one that is answered otherwise that are shown with it.
const PAST_LEN_MAX: usize = 30;
/// One of so many commands in a transaction ends it.
const TRANSACTION_LEN: u8 = 6;

/// How long a run is to be, and which.
struct Budget {
    commands: usize,
    seed: u64,
    groups: Option<String>,
}

impl Budget {
    fn from_environment() -> Self {
        let number = |name: &str| -> Option<u64> { std::env::var(name).ok()?.parse().ok() };
        let commands = number("VELLUM_TEST_COMMANDS");
        let seed = match (number("VELLUM_TEST_SEED"), commands) {
            (Some(seed), _) => seed,
            (None, Some(_)) => fastrand::u64(..),
            (None, None) => SEED,
        };
        let commands = commands.map_or(COMMANDS, |commands| commands as usize);
        println!("VELLUM_TEST_SEED={seed} VELLUM_TEST_COMMANDS={commands}");
        Self { commands, seed, groups: std::env::var("VELLUM_TEST_GROUPS").ok() }
    }
}

/// The limits that go with the scripts: small, so that collections change their forms often.
fn directives() -> Vec<String> {
    let (hash, set, zset) = (hash_script::limits(), set_script::limits(), zset_script::limits());
    [
        ("hash-max-listpack-entries", hash.hash_entries),
        ("hash-max-listpack-value", hash.hash_value),
        ("set-max-intset-entries", set.set_integers),
        ("zset-max-listpack-entries", zset.zset_entries),
        ("zset-max-listpack-value", zset.zset_value),
        ("list-max-listpack-size", list_script::PIECE_LEN_MAX as usize),
        ("stream-node-max-entries", stream_script::NODE_ENTRIES_MAX),
        ("stream-node-max-bytes", stream_script::NODE_BYTES_MAX),
    ]
    .into_iter()
    .flat_map(|(name, value)| [format!("--{name}"), value.to_string()])
    .collect()
}

fn number(reply: &[u8]) -> Option<i64> {
    std::str::from_utf8(reply.strip_prefix(b":")?).ok()?.trim().parse().ok()
}

/// Whether two steps of a scan that began at `cursor` say the same, in groups of so many strings.
fn is_same_step(cursor: &[u8], ours: &[&[u8]], theirs: &[&[u8]], group: usize) -> bool {
    let (Some((our_cursor, ours)), Some((their_cursor, theirs))) =
        (ours.split_first(), theirs.split_first())
    else {
        return false;
    };
    let is_whole = cursor == b"0" && *our_cursor == b"0" && *their_cursor == b"0";
    !is_whole || sorted(ours, group) == sorted(theirs, group)
}

/// Whether two replies say the same, by what no type's own test knows.
fn agree_on_keys(words: &[&[u8]], ours: &[u8], theirs: &[u8]) -> bool {
    let ((our_line, our), (their_line, their)) = (parts(ours), parts(theirs));
    let is_string = |line: &[u8]| line.starts_with(b"$") && !line.starts_with(b"$-");
    let are_strings = is_string(our_line) && is_string(their_line);
    let apart = number(ours).zip(number(theirs)).filter(|(our, their)| *our > 0 && *their > 0);
    let apart = apart.map(|(our, their)| our.abs_diff(their));
    match (words[0].to_ascii_uppercase().as_slice(), words) {
        (b"TTL", _) => apart.is_some_and(|s| s <= 1),
        (b"PTTL", _) => apart.is_some_and(|ms| ms < 1000),
        (b"KEYS", _) => our_line == their_line && sorted(&our, 1) == sorted(&their, 1),
        (b"RANDOMKEY", _) => are_strings,
        (b"ZRANDMEMBER", _) => are_strings || (our_line == their_line && our.len() == their.len()),
        (b"SCAN", [_, cursor, ..]) => is_same_step(cursor, &our, &their, 1),
        (b"ZSCAN", [_, _, cursor, ..]) => is_same_step(cursor, &our, &their, 2),
        (b"OBJECT", [_, what, ..]) if what.eq_ignore_ascii_case(b"ENCODING") => {
            our == [b"listpack"] && (their == [b"quicklist"] || their == [b"hashtable"])
        }
        _ => false,
    }
}

/// Whether two replies say the same.
fn agree(words: &[&[u8]], ours: &[u8], theirs: &[u8]) -> bool {
    ours == theirs
        || interop_command::agree(words[0], ours, theirs)
        || interop_hash::agree(words, ours, theirs)
        || interop_set::agree(words, ours, theirs)
        || interop_stream::agree(words, ours, theirs)
        || interop_zset::agree(words, ours, theirs)
        || (words[0] == b"LPOS" && ours.starts_with(interop_list::RANK_TOO_LOW))
        || agree_on_keys(words, ours, theirs)
}

/// The elements of an array as they came.
fn elements(reply: &[u8]) -> Vec<&[u8]> {
    let head_len = reply.iter().position(|&b| b == b'\n').map_or(0, |at| at + 1);
    let (mut rest, mut found) = (&reply[head_len..], Vec::new());
    while let Some((element, behind)) = split_reply(rest) {
        found.push(element);
        rest = behind;
    }
    found
}

fn slices(words: &[Vec<u8>]) -> Vec<&[u8]> {
    words.iter().map(Vec::as_slice).collect()
}

/// Commands on their way through both servers.
struct Run<'m> {
    mix: &'m Mix,
    rng: &'m mut fastrand::Rng,
    /// A connection to each server for the commands.
    clients: [Client; 2],
    /// And one for looking at the whole, in whatever state the others are.
    others: [Client; 2],
    /// The commands of an open transaction.
    queued: Option<Vec<Vec<Vec<u8>>>>,
    history: Vec<String>,
}

impl<'m> Run<'m> {
    fn new(pair: &Pair, protocol: &str, mix: &'m Mix, rng: &'m mut fastrand::Rng) -> Self {
        let (clients, others) = (pair.clients(protocol), pair.clients("2"));
        Self { mix, rng, clients, others, queued: None, history: Vec::new() }
    }

    /// The next command that two servers can be asked alike.
    fn next_command(&mut self) -> Vec<Vec<u8>> {
        let in_transaction = self.queued.is_some();
        if in_transaction && self.rng.u8(..TRANSACTION_LEN) == 0 {
            return vec![b"EXEC".to_vec()];
        }
        loop {
            let words = self.mix.random_command(self.rng);
            let told = slices(&words);
            let begins = |with: &[&[u8]]| with.contains(&told[0]);
            // What is made ready before the command cannot be within a transaction.
            let needs_care =
                begins(&[b"XCLAIM", b"XAUTOCLAIM", b"XREADGROUP"]) || told[0].starts_with(b"PF");
            // Sizes in memory are our own, and so is the list of commands.
            let is_own = begins(&[b"MEMORY", b"COMMAND"]) && !told[1].starts_with(b"GETKEYS");
            // A key that is over when it is set is there until somebody notices.
            let is_over = begins(&[b"SET"])
                && told.iter().any(|word| [&b"EXAT"[..], b"PXAT"].contains(word))
                && told.last().is_some_and(|word| word.len() < 12);
            if !(in_transaction && needs_care
                || is_own
                || is_over
                || is_decided_by_a_millisecond(&told))
            {
                return words;
            }
        }
    }

    /// Makes the servers ready for a command whose answer hangs on more than the data.
    fn prepare(&mut self, words: &[&[u8]]) {
        make_consumers(&mut self.clients, words, KEYS);
        if !words[0].starts_with(b"PF") {
            return;
        }
        for key in KEYS.iter().map(|key| key.as_bytes()).filter(|key| words.contains(key)) {
            if is_torn(&raw(&mut self.clients[0], &[b"GET", key])) {
                for client in &mut self.clients {
                    client.command_bytes(&[b"DEL", key]);
                }
            }
        }
    }

    /// Sends a command to both and compares the answers; they are given back.
    fn ask(&mut self, words: &[&[u8]]) -> [Vec<u8>; 2] {
        self.history.push(told(words));
        let [ours, theirs] = self.clients.each_mut().map(|client| raw(client, words));
        let (our, their) = (elements(&ours), elements(&theirs));
        let is_same = match &self.queued {
            Some(queued) if words[0] == b"EXEC" && our.len() == queued.len() => {
                let mut answers = our.iter().zip(&their).zip(queued);
                parts(&ours).0 == parts(&theirs).0
                    && answers.all(|((our, their), words)| agree(&slices(words), our, their))
            }
            _ => agree(words, &ours, &theirs),
        };
        assert!(
            is_same,
            "{}\n\nours   {}\ntheirs {}",
            self.past(words),
            ours.escape_ascii(),
            theirs.escape_ascii()
        );
        [ours, theirs]
    }

    /// The last commands, and among them those on the same keys.
    fn past(&self, words: &[&[u8]]) -> String {
        let keys: Vec<&str> =
            KEYS.iter().copied().filter(|key| words.contains(&key.as_bytes())).collect();
        let is_of_interest =
            |line: &&String| keys.is_empty() || line.split(' ').any(|word| keys.contains(&word));
        let lines = self.history.iter().rev().filter(is_of_interest).take(PAST_LEN_MAX);
        let lines: Vec<&str> = lines.map(String::as_str).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    fn step(&mut self) {
        let words = self.next_command();
        let told = slices(&words);
        if self.queued.is_none() {
            self.prepare(&told);
        }
        let replies = self.ask(&told);
        if replies[0] == b"+QUEUED\r\n" {
            self.queued.get_or_insert_default().push(words);
            return;
        }
        match told[0] {
            b"MULTI" if replies[0] == b"+OK\r\n" => self.queued = Some(Vec::new()),
            b"EXEC" | b"DISCARD" => self.queued = None,
            b"DUMP" => self.restore(&replies),
            _ => {}
        }
    }

    /// Has both servers restore a payload at some key: the other one's, but for streams, whose nodes may be
    /// trimmed as a whole and are not made alike.
    fn restore(&mut self, replies: &[Vec<u8>; 2]) {
        const STREAM_TYPES: &[u8] = &[15, 19, 21];
        let payload = |reply: &Vec<u8>| parts(reply).1.first().map(|payload| payload.to_vec());
        let [Some(ours), Some(theirs)] = replies.each_ref().map(payload) else { return };
        let is_stream = STREAM_TYPES.contains(&ours[0]);
        let to_each = if is_stream { [&ours, &theirs] } else { [&theirs, &ours] };
        let key = KEYS[self.rng.usize(..KEYS.len())];
        self.history.push(format!("RESTORE {key} 0 (of the key before) REPLACE"));
        for (client, payload) in self.clients.iter_mut().zip(to_each) {
            let restore: [&[u8]; 5] = [b"RESTORE", key.as_bytes(), b"0", payload, b"REPLACE"];
            let reply = client.command_bytes(&restore);
            assert!(reply.is_ok(), "{}\n{reply:?}", self.history[self.history.len() - 2]);
        }
    }

    /// Compares everything that is there, and has each server restore the other's payloads.
    fn check(&mut self) {
        let [ours, theirs] = &mut self.others;
        let last = self.history.iter().rev().take(PAST_LEN_MAX).rev();
        let last = || last.clone().map(String::as_str).collect::<Vec<_>>().join("\n");
        assert_eq!(digest(ours), digest(theirs), "{}", last());
        let keys = all_keys();
        for db in DATABASES {
            for client in [&mut *ours, &mut *theirs] {
                client.command(&["SELECT", db]);
            }
            exchange(ours, theirs, &keys);
            exchange(theirs, ours, &keys);
        }
    }

    /// Runs so many commands.
    fn run(mut self, commands: usize) {
        for number in 0..commands {
            self.step();
            if number % COMMANDS_PER_CHECK == 0 {
                self.check();
            }
        }
        if self.queued.is_some() {
            self.ask(&[b"DISCARD"]);
        }
        self.check();
    }
}

/// Connections that listen to what is published, and what they have been told since the last call.
struct Listeners([Client; 2]);

impl Listeners {
    fn new(pair: &Pair) -> Self {
        let mut clients = pair.clients("3");
        for client in &mut clients {
            for words in [["SUBSCRIBE", "news"], ["SUBSCRIBE", "end"], ["PSUBSCRIBE", "n*"]] {
                client.command(&words);
            }
        }
        Self(clients)
    }

    fn told(&mut self, publishers: &mut [Client; 2]) -> [Vec<String>; 2] {
        for client in publishers {
            client.command(&["PUBLISH", "end", "here"]);
        }
        self.0.each_mut().map(|client| {
            let mut told = Vec::new();
            while told.last().is_none_or(|message: &String| !message.ends_with(r"$4\r\nhere\r\n")) {
                let message = client.read_raw().expect("a message");
                told.push(message.escape_ascii().to_string());
            }
            told
        })
    }
}

/// Replicas of both servers, of either kind.
fn replicas(dir: &std::path::Path, pair: &Pair) -> Vec<(bool, Server)> {
    let follow = |of_vellum: bool, program: Program, name: &str| {
        let master = if of_vellum { &pair.vellum } else { &pair.redis };
        let port = master.port.to_string();
        let words = ["--slaveof", "127.0.0.1", &port, "--appendfsync", "no", "--save", ""];
        (of_vellum, Server::start(program, &dir.join(name), &words))
    };
    vec![
        follow(true, Program::Vellum, "vellum-of-vellum"),
        follow(true, Program::Redis, "redis-of-vellum"),
        follow(false, Program::Vellum, "vellum-of-redis"),
    ]
}

#[test]
fn all_types_at_once_are_as_in_redis_wherever_the_data_go() {
    let budget = Budget::from_environment();
    let dir = tempfile::tempdir().expect("a directory");
    let directives = directives();
    let directives: Vec<&str> = directives.iter().map(String::as_str).collect();
    let mut pair = Pair::start(&directives);
    let [_, mut redis] = pair.clients("2");
    assert!(redis.command(&["CONFIG", "SET", "repl-diskless-sync-delay", "0"]).is_ok());
    let replicas = replicas(dir.path(), &pair);
    let mut listeners = Listeners::new(&pair);
    let mix = Mix::of(budget.groups.as_deref());
    let mut rng = fastrand::Rng::with_seed(budget.seed);
    for protocol in ["2", "3"] {
        Run::new(&pair, protocol, &mix, &mut rng).run(budget.commands / 2);
        let [ours, theirs] = listeners.told(&mut pair.clients("2"));
        assert_eq!(ours, theirs);
        if protocol == "2" {
            // One half comes out of snapshots later, the other out of the logs behind them.
            pair.clients("2").iter_mut().for_each(rewrite);
        }
    }
    let expected = digest(&mut pair.vellum.client());
    assert_eq!(expected, digest(&mut pair.redis.client()));
    for (of_vellum, replica) in &replicas {
        let master = if *of_vellum { &pair.vellum } else { &pair.redis };
        assert_same_data(master, replica);
        assert_eq!(digest(&mut replica.client()), expected);
    }
    drop((listeners, replicas));
    pair.vellum.kill();
    pair.vellum.launch();
    assert_eq!(digest(&mut pair.vellum.client()), expected, "after a kill");
    pair.change_places();
}
