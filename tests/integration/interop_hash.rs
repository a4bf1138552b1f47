//! Hashes against a real redis-server: random commands answered byte for byte alike, payloads that go
//! both ways, and data directories that either server opens after the other.

use std::collections::BTreeSet;

use crate::hash_script::{KEYS, limits, random_command};
use crate::support::Client;
use crate::support::pair::{Pair, compare, digest, exchange, parts, raw, rewrite, sorted};
use crate::support::wire::{differences, parse};

/// Where random commands leave the two servers, compared as a whole.
const COMMANDS_PER_CHECK: usize = 100;

/// Both servers with the limits that go with the random commands.
fn start() -> Pair {
    let limits = limits();
    let (entries, value) = (limits.hash_entries.to_string(), limits.hash_value.to_string());
    Pair::start(&["--hash-max-listpack-entries", &entries, "--hash-max-listpack-value", &value])
}

/// Whether two replies say the same. Tables have orders of their own, and chance is chance.
pub fn agree(words: &[&[u8]], ours: &[u8], theirs: &[u8]) -> bool {
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
    assert_eq!(exchange(ours, theirs, KEYS), exchange(theirs, ours, KEYS));
}

#[test]
fn hashes_are_as_in_redis_on_the_wire_in_payloads_and_on_disk() {
    let pair = start();
    let mut rng = fastrand::Rng::with_seed(2026);
    for protocol in ["2", "3"] {
        let mut clients = pair.clients(protocol);
        for number in 0..8000 {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            compare(&mut clients, &words, |our, their| agree(&words, our, their));
            if number % COMMANDS_PER_CHECK == 0 {
                let [ours, theirs] = &mut clients;
                compare_all(ours, theirs);
            }
        }
        clients.iter_mut().for_each(rewrite);
    }
    // Something for the log behind the snapshots.
    for client in &mut pair.clients("2") {
        client.command(&["HSET", "h", "last", "1", "of", "all", "12", "13"]);
        client.command(&["HINCRBYFLOAT", "h", "last", "0.1"]);
    }
    let [mut ours, mut theirs] = pair.clients("2");
    compare_all(&mut ours, &mut theirs);
    drop([ours, theirs]);
    pair.change_places();
}

#[test]
fn conversations_about_hashes_are_as_in_redis() {
    let pair = start();
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
    let pair = start();
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
    assert_eq!(exchange(&mut ours, &mut theirs, KEYS), exchange(&mut theirs, &mut ours, KEYS));
    for words in [["HGETALL", "h"], ["HKEYS", "h"], ["HVALS", "h"]] {
        let words = words.map(str::as_bytes);
        let (our, their) = (raw(&mut ours, &words), raw(&mut theirs, &words));
        assert!(our.len() > 100_000 && agree(&words, &our, &their), "{words:?}");
    }
}
