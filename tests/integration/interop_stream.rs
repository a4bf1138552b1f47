//! Streams against a real redis-server: random commands answered byte for byte alike, payloads that go
//! both ways, and data directories that either server opens after the other.

use crate::stream_script::{KEYS, NODE_BYTES_MAX, NODE_ENTRIES_MAX, random_command};
use crate::support::pair::{Pair, compare, digest, exchange, rewrite};
use crate::support::{Client, Value};

/// Where random commands leave the two servers, compared as a whole.
const COMMANDS_PER_CHECK: usize = 100;

/// Whether two replies say the same: two servers do not look at the clock at one moment, and what trees
/// are made of is their own.
pub fn agree(words: &[&[u8]], ours: &[u8], theirs: &[u8]) -> bool {
    let subcommand = words.get(1).copied().unwrap_or_default();
    match words[0] {
        b"XPENDING" | b"XINFO" if subcommand != b"GROUPS" => {
            let (ours, theirs) = (without_numbers(ours), without_numbers(theirs));
            ours == theirs
        }
        _ => false,
    }
}

/// The strings of a reply without times, counts and lengths, and without what 7.2 adds.
fn without_numbers(reply: &[u8]) -> Vec<&[u8]> {
    let is_new = |line: &[u8]| matches!(line, b"inactive\r" | b"active-time\r");
    let is_length = |line: &[u8]| matches!(line, [b':' | b'*' | b'%' | b'$', ..]);
    reply.split(|&b| b == b'\n').filter(|line| !is_length(line) && !is_new(line)).collect()
}

fn compare_groups([ours, theirs]: &mut [Client; 2]) {
    for key in KEYS {
        if ours.command(&["TYPE", key]).text() != "stream" {
            continue;
        }
        for line in [&["XINFO", "GROUPS", key][..], &["XLEN", key], &["XRANGE", key, "-", "+"]] {
            assert_eq!(ours.command(line), theirs.command(line), "{line:?}");
        }
        for group in ["g", "h"] {
            let summary = ["XPENDING", key, group];
            assert_eq!(ours.command(&summary), theirs.command(&summary), "{summary:?}");
            let pending = |client: &mut Client| {
                let all = client.command(&["XPENDING", key, group, "-", "+", "1000"]);
                if matches!(all, Value::Error(_)) {
                    return Vec::new();
                }
                let told = all.items().iter().map(|item| {
                    let item = item.items();
                    (item[0].text(), item[1].text(), item[3].integer())
                });
                told.collect()
            };
            assert_eq!(pending(ours), pending(theirs), "{key} {group}");
        }
    }
}

/// Makes the consumer that a command is going to name: Redis 7.2 does so even where there is nothing to
/// read or to claim, and 7.0 does not. `keys` are all keys there may be.
pub fn make_consumers(clients: &mut [Client; 2], words: &[&[u8]], keys: &[&str]) {
    let (group, consumer) = match words {
        [b"XCLAIM" | b"XAUTOCLAIM", _, group, consumer, ..] => (group, consumer),
        [b"XREADGROUP", b"GROUP", group, consumer, ..] => (group, consumer),
        _ => return,
    };
    for key in keys.iter().map(|key| key.as_bytes()).filter(|key| words.contains(key)) {
        for client in &mut *clients {
            client.command_bytes(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
        }
    }
}

#[test]
fn streams_are_as_in_redis_on_the_wire_in_payloads_and_on_disk() {
    let pair = Pair::start(&[
        "--stream-node-max-entries",
        &NODE_ENTRIES_MAX.to_string(),
        "--stream-node-max-bytes",
        &NODE_BYTES_MAX.to_string(),
    ]);
    let mut rng = fastrand::Rng::with_seed(2026);
    for protocol in ["2", "3"] {
        let mut clients = pair.clients(protocol);
        for number in 0..12_000 {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            make_consumers(&mut clients, &words, KEYS);
            compare(&mut clients, &words, |ours, theirs| agree(&words, ours, theirs));
            if number % COMMANDS_PER_CHECK == 0 {
                compare_groups(&mut clients);
                let [ours, theirs] = &mut clients;
                assert_eq!(digest(ours), digest(theirs));
                exchange(ours, theirs, KEYS);
                exchange(theirs, ours, KEYS);
            }
        }
        clients.iter_mut().for_each(rewrite);
    }
    for client in &mut pair.clients("2") {
        client.command(&["XADD", "x", "MAXLEN", "~", "3", "99-*", "last", "1"]);
    }
    pair.change_places();
}
