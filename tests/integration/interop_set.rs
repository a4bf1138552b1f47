//! Sets against a real redis-server: random commands answered byte for byte alike, payloads that go both
//! ways, and data directories that either server opens after the other.

use std::collections::BTreeSet;

use crate::set_script::{KEYS, limits, random_command};
use crate::support::Client;
use crate::support::pair::{Pair, compare, digest, exchange, parts, raw, rewrite, sorted};

/// Where random commands leave the two servers, compared as a whole.
const COMMANDS_PER_CHECK: usize = 100;

/// Both servers with the limit that goes with the random commands. Redis 7.0 knows no other: what is small
/// and holds not only integers is a table there.
fn start() -> Pair {
    Pair::start(&["--set-max-intset-entries", &limits().set_integers.to_string()])
}

/// Whether two replies say the same. Tables have orders of their own, and chance is chance.
pub fn agree(words: &[&[u8]], ours: &[u8], theirs: &[u8]) -> bool {
    let ((our_line, our), (their_line, their)) = (parts(ours), parts(theirs));
    match words[0].to_ascii_uppercase().as_slice() {
        b"SMEMBERS" | b"SINTER" | b"SUNION" | b"SDIFF" | b"SPOP" => {
            our_line == their_line && sorted(&our, 1) == sorted(&their, 1)
        }
        b"SRANDMEMBER" => {
            let is_string = |line: &[u8]| line.starts_with(b"$") && !line.starts_with(b"$-");
            let one = is_string(our_line) && is_string(their_line);
            one || (our_line == their_line && our.len() == their.len())
        }
        b"SSCAN" => match (our.split_first(), their.split_first()) {
            (Some((our_cursor, our)), Some((their_cursor, their))) => {
                // Steps through tables tell the same only where they tell everything.
                let ended = *our_cursor == b"0" && *their_cursor == b"0";
                !(ended && words[2] == b"0") || sorted(our, 1) == sorted(their, 1)
            }
            _ => false,
        },
        _ => false,
    }
}

/// All members that steps through a set tell.
fn scanned(client: &mut Client, key: &str) -> BTreeSet<String> {
    let (mut cursor, mut found) = ("0".to_owned(), BTreeSet::new());
    loop {
        let step = client.command(&["SSCAN", key, &cursor, "COUNT", "3"]);
        let [next, told] = step.items() else { panic!("{step:?}") };
        found.extend(told.items().iter().map(|member| member.text()));
        cursor = next.text();
        if cursor == "0" {
            return found;
        }
    }
}

fn compare_all(ours: &mut Client, theirs: &mut Client) {
    assert_eq!(digest(ours), digest(theirs));
    for key in KEYS {
        if ours.command(&["TYPE", key]).text() != "set" {
            continue;
        }
        assert_eq!(scanned(ours, key), scanned(theirs, key), "{key}");
        let is_intset =
            |client: &mut Client| client.command(&["OBJECT", "ENCODING", key]).text() == "intset";
        let members = scanned(ours, key);
        assert_eq!(is_intset(ours), is_intset(theirs), "{key} {members:?}");
    }
    let encodings = |all: Vec<String>| -> Vec<bool> {
        all.iter().map(|encoding| encoding == "intset").collect()
    };
    let there = encodings(exchange(ours, theirs, KEYS));
    assert_eq!(there, encodings(exchange(theirs, ours, KEYS)));
}

/// Has both servers pop members of a set that holds the same in both: others in each, so what is left is made
/// the same again.
fn pop(clients: &mut [Client; 2], words: &[&str], rng: &mut fastrand::Rng) {
    let key = KEYS[rng.usize(..KEYS.len() - 1)];
    // Random commands may have copied the string to it.
    if clients[0].command(&["TYPE", key]).text() != "set" {
        return;
    }
    let words: Vec<&str> = words.iter().map(|&word| if word == "k" { key } else { word }).collect();
    let kept = clients.each_mut().map(|client| {
        let before = scanned(client, key);
        let reply = client.command(&words);
        let popped: BTreeSet<String> = match words.len() {
            2 => BTreeSet::from([reply.text()]),
            _ => reply.items().iter().map(|member| member.text()).collect(),
        };
        let after = scanned(client, key);
        assert!(popped.is_subset(&before) && after.is_disjoint(&popped));
        assert_eq!(before.len(), popped.len() + after.len());
        after.len()
    });
    assert_eq!(kept[0], kept[1]);
    for client in clients {
        client.command(&["DEL", key]);
    }
}

#[test]
fn sets_are_as_in_redis_on_the_wire_in_payloads_and_on_disk() {
    let pair = start();
    let mut rng = fastrand::Rng::with_seed(2026);
    for protocol in ["2", "3"] {
        let mut clients = pair.clients(protocol);
        for number in 0..8000 {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            compare(&mut clients, &words, |our, their| agree(&words, our, their));
            match number % COMMANDS_PER_CHECK {
                0 => {
                    let [ours, theirs] = &mut clients;
                    compare_all(ours, theirs);
                }
                20 => pop(&mut clients, &["SPOP", "k"], &mut rng),
                50 => pop(&mut clients, &["SPOP", "k", "2"], &mut rng),
                70 => pop(&mut clients, &["SPOP", "k", "5"], &mut rng),
                _ => {}
            }
        }
        clients.iter_mut().for_each(rewrite);
    }
    // Something for the log behind the snapshots.
    for client in &mut pair.clients("2") {
        client.command(&["DEL", "a", "b", "s"]);
        client.command(&["SADD", "a", "last", "of", "all", "12"]);
        client.command(&["SADD", "b", "1", "2", "40000"]);
        client.command(&["SADD", "s", "to", "be", "gone"]);
        client.command(&["SPOP", "s", "3"]);
    }
    let [mut ours, mut theirs] = pair.clients("2");
    compare_all(&mut ours, &mut theirs);
    drop([ours, theirs]);
    pair.change_places();
}

#[test]
fn a_set_of_many_members_goes_both_ways() {
    let pair = Pair::start(&[]);
    let mut clients = pair.clients("3");
    for (key, numbers) in [("a", 0..20_000), ("b", 10_000..30_000), ("c", 100..500)] {
        let numbers: Vec<i32> = numbers.collect();
        for chunk in numbers.chunks(400) {
            let members: Vec<String> = chunk
                .iter()
                .map(|&number| if key == "c" { number.to_string() } else { format!("m:{number}") })
                .collect();
            let words = ["SADD", key].into_iter().chain(members.iter().map(String::as_str));
            let words: Vec<&[u8]> = words.map(str::as_bytes).collect();
            compare(&mut clients, &words, |_, _| false);
        }
    }
    let [ours, theirs] = &mut clients;
    assert_eq!(digest(ours), digest(theirs));
    exchange(ours, theirs, &["a", "b", "c"]);
    exchange(theirs, ours, &["a", "b", "c"]);
    for line in
        ["SMEMBERS a", "SMEMBERS c", "SINTER a b", "SUNION a b c", "SDIFF a b", "SDIFF a c b"]
    {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        let (our, their) = (raw(ours, &words), raw(theirs, &words));
        assert!(our.len() > 2000 && agree(&words, &our, &their), "{line}");
    }
    for line in ["SINTERSTORE d a b", "SUNIONSTORE e a c", "SDIFFSTORE f a b", "SINTERCARD 2 a b"] {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        compare(&mut clients, &words, |_, _| false);
    }
    clients.iter_mut().for_each(rewrite);
    pair.change_places();
}
