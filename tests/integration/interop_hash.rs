//! Hashes against a real redis-server: random commands answered byte for byte alike, payloads that go
//! both ways, and data directories that either server opens after the other.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::collections::BTreeSet;

use crate::hash_script::{KEYS, limits, random_command};
use crate::support::client::encode;
use crate::support::wire::{differences, parse};
use crate::support::{Client, Server, Value, wait_until};

/// Where random commands leave the two servers, compared as a whole.
const COMMANDS_PER_CHECK: usize = 100;

struct Pair {
    vellum: Server,
    redis: Server,
    dir: tempfile::TempDir,
}

impl Pair {
    /// Both with the limits that go with the random commands.
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let limits = limits();
        let (entries, value) = (limits.hash_entries.to_string(), limits.hash_value.to_string());
        let packed = ["--hash-max-listpack-entries", &entries, "--hash-max-listpack-value", &value];
        let vellum = [&packed[..], &["--appendfsync", "no"]].concat();
        let redis = [&packed[..], &["--appendonly", "yes", "--save", ""]].concat();
        Self {
            vellum: Server::vellum(&dir.path().join("vellum"), &vellum),
            redis: Server::redis(&dir.path().join("redis"), &redis),
            dir,
        }
    }

    fn clients(&self, protocol: &str) -> [Client; 2] {
        [&self.vellum, &self.redis].map(|server| {
            let mut client = server.client();
            client.command(&["HELLO", protocol]);
            client
        })
    }
}

fn raw(client: &mut Client, words: &[&[u8]]) -> Vec<u8> {
    client.send_raw(&encode(words)).unwrap();
    client.read_raw().unwrap()
}

/// The first line of a reply, and all bulk strings in it.
fn parts(reply: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (mut rest, mut first, mut strings) = (reply, None, Vec::new());
    while let Some(end) = rest.iter().position(|&b| b == b'\n') {
        let (line, tail) = rest.split_at(end + 1);
        rest = tail;
        first.get_or_insert(line);
        let len = line.strip_prefix(b"$").and_then(|len| std::str::from_utf8(len).ok());
        if let Some(len) = len.and_then(|len| len.trim().parse::<usize>().ok()) {
            strings.push(&rest[..len]);
            rest = &rest[len + 2..];
        }
    }
    (first.unwrap_or_default(), strings)
}

/// The strings in groups of so many, in order.
fn sorted<'a, 'b>(strings: &'b [&'a [u8]], group: usize) -> Vec<&'b [&'a [u8]]> {
    let mut groups: Vec<_> = strings.chunks(group).collect();
    groups.sort();
    groups
}

/// Whether two replies say the same. Tables have orders of their own, and chance is chance.
fn agree(words: &[&[u8]], ours: &[u8], theirs: &[u8]) -> bool {
    let ((our_line, our), (their_line, their)) = (parts(ours), parts(theirs));
    let same = |group| our_line == their_line && sorted(&our, group) == sorted(&their, group);
    match words[0].to_ascii_uppercase().as_slice() {
        _ if ours == theirs => true,
        b"HGETALL" => same(2),
        b"HKEYS" | b"HVALS" => same(1),
        b"HRANDFIELD" => {
            let is_string = |line: &[u8]| line.starts_with(b"$") && !line.starts_with(b"$-");
            let one = is_string(our_line) && is_string(their_line);
            one || (our_line == their_line && our.len() == their.len())
        }
        b"HSCAN" => match (our.split_first(), their.split_first()) {
            (Some((our_cursor, our)), Some((their_cursor, their))) => {
                // Steps through tables tell the same only where they tell everything.
                let ended = *our_cursor == b"0" && *their_cursor == b"0";
                !(ended && words[2] == b"0") || sorted(our, 2) == sorted(their, 2)
            }
            _ => false,
        },
        _ => false,
    }
}

/// Has `to` restore every hash of `from` and compares them; the encodings they get there.
fn exchange(from: &mut Client, to: &mut Client) -> Vec<String> {
    let mut encodings = Vec::new();
    for key in KEYS {
        let Value::Bulk(payload) = from.command(&["DUMP", key]) else { continue };
        let restored = to.command_bytes(&[b"RESTORE", b"copy", b"0", &payload, b"REPLACE"]);
        assert!(restored.is_ok(), "{key}: {restored:?}");
        let digests = [(&mut *from, *key), (&mut *to, "copy")]
            .map(|(client, key)| client.command(&["DEBUG", "DIGEST-VALUE", key]).items()[0].text());
        assert_eq!(digests[0], digests[1], "{key}");
        encodings.push(to.command(&["OBJECT", "ENCODING", "copy"]).text());
        to.command(&["DEL", "copy"]);
    }
    encodings
}

/// All fields that steps through a hash tell.
fn scanned(client: &mut Client, key: &str) -> BTreeSet<(String, String)> {
    let (mut cursor, mut found) = ("0".to_owned(), BTreeSet::new());
    loop {
        let step = client.command(&["HSCAN", key, &cursor, "COUNT", "3"]);
        let [next, told] = step.items() else { panic!("{step:?}") };
        found.extend(told.items().chunks(2).map(|pair| (pair[0].text(), pair[1].text())));
        cursor = next.text();
        if cursor == "0" {
            return found;
        }
    }
}

fn digest(client: &mut Client) -> String {
    client.command(&["DEBUG", "DIGEST"]).text()
}

fn compare_all(ours: &mut Client, theirs: &mut Client) {
    assert_eq!(digest(ours), digest(theirs));
    for key in KEYS {
        let encoding =
            |client: &mut Client| format!("{:?}", client.command(&["OBJECT", "ENCODING", key]));
        assert_eq!(encoding(ours), encoding(theirs), "{key}");
        if ours.command(&["TYPE", key]).text() == "hash" {
            assert_eq!(scanned(ours, key), scanned(theirs, key), "{key}");
        }
    }
    assert_eq!(exchange(ours, theirs), exchange(theirs, ours));
}

#[test]
fn hashes_are_as_in_redis_on_the_wire_in_payloads_and_on_disk() {
    let mut pair = Pair::start();
    let mut rng = fastrand::Rng::with_seed(2026);
    for (protocol, commands) in [("2", 8000), ("3", 8000)] {
        let [mut ours, mut theirs] = pair.clients(protocol);
        for number in 0..commands {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            let (our, their) = (raw(&mut ours, &words), raw(&mut theirs, &words));
            let told: Vec<String> = words.iter().map(|w| w.escape_ascii().to_string()).collect();
            assert!(
                agree(&words, &our, &their),
                "{}\nours   {}\ntheirs {}",
                told.join(" "),
                our.escape_ascii(),
                their.escape_ascii()
            );
            if number % COMMANDS_PER_CHECK == 0 {
                compare_all(&mut ours, &mut theirs);
            }
        }
        rewrite(&mut ours);
        rewrite(&mut theirs);
    }
    // Something for the log behind the snapshots.
    for client in pair.clients("2").iter_mut() {
        client.command(&["HSET", "h", "last", "1", "of", "all", "12", "13"]);
        client.command(&["HINCRBYFLOAT", "h", "last", "0.1"]);
    }
    let [mut ours, mut theirs] = pair.clients("2");
    compare_all(&mut ours, &mut theirs);
    let expected = digest(&mut ours);
    assert!(pair.vellum.stop().success() && pair.redis.stop().success());
    let redis = Server::redis(&pair.vellum.dir, &["--appendonly", "yes", "--save", ""]);
    assert_eq!(digest(&mut redis.client()), expected, "what Vellum left");
    let vellum = Server::vellum(&pair.redis.dir, &[]);
    assert_eq!(digest(&mut vellum.client()), expected, "what Redis left");
    drop(pair.dir);
}

fn rewrite(client: &mut Client) {
    wait_until("the rewrite before to end", || client.info("aof_rewrite_in_progress") == "0");
    client.command(&["BGREWRITEAOF"]);
    wait_until("the rewrite to end", || {
        client.info("aof_rewrite_in_progress") == "0" && client.info("aof_rewrite_scheduled") == "0"
    });
    assert_eq!(client.info("aof_last_bgrewrite_status"), "ok");
}

#[test]
fn conversations_about_hashes_are_as_in_redis() {
    let pair = Pair::start();
    let scenarios = parse(include_str!("wire/hashes.txt"));
    let found: Vec<String> = [2, 3]
        .into_iter()
        .flat_map(|protocol| scenarios.iter().map(move |scenario| (protocol, scenario)))
        .flat_map(|(protocol, scenario)| differences(scenario, protocol, &pair.vellum, &pair.redis))
        .collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_hash_of_many_fields_goes_both_ways() {
    let pair = Pair::start();
    let [mut ours, mut theirs] = pair.clients("3");
    for chunk in 0..40 {
        let words: Vec<String> = (0..500)
            .flat_map(|number| {
                let number = chunk * 500 + number;
                [format!("field:{number}"), "value ".repeat(number % 40)]
            })
            .collect();
        let words: Vec<&str> =
            ["HSET", "h"].into_iter().chain(words.iter().map(String::as_str)).collect();
        assert_eq!(ours.command(&words).integer(), theirs.command(&words).integer());
    }
    assert_eq!(digest(&mut ours), digest(&mut theirs));
    assert_eq!(exchange(&mut ours, &mut theirs), exchange(&mut theirs, &mut ours));
    for words in [["HGETALL", "h"], ["HKEYS", "h"], ["HVALS", "h"]] {
        let words = words.map(str::as_bytes);
        let (our, their) = (raw(&mut ours, &words), raw(&mut theirs, &words));
        assert!(our.len() > 100_000 && agree(&words, &our, &their), "{words:?}");
    }
}
