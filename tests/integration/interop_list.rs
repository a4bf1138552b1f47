//! Lists against a real redis-server: random commands answered byte for byte alike, payloads that go both
//! ways, and data directories that either server opens after the other.

use crate::list_script::{KEYS, PIECE_LEN_MAX, random_command};
use crate::support::pair::{Pair, compare, digest, exchange, rewrite};

/// Where random commands leave the two servers, compared as a whole.
const COMMANDS_PER_CHECK: usize = 100;

/// 7.2 refuses the lowest rank, 7.0 takes it for another one.
pub const RANK_TOO_LOW: &[u8] =
    b"-ERR value is out of range, value must between -9223372036854775807";

#[test]
fn lists_are_as_in_redis_on_the_wire_in_payloads_and_on_disk() {
    let pair = Pair::start(&["--list-max-listpack-size", &PIECE_LEN_MAX.to_string()]);
    let mut rng = fastrand::Rng::with_seed(2026);
    for protocol in ["2", "3"] {
        let mut clients = pair.clients(protocol);
        for number in 0..8000 {
            let words = random_command(&mut rng);
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            compare(&mut clients, &words, |our, _| our.starts_with(RANK_TOO_LOW));
            if number % COMMANDS_PER_CHECK == 0 {
                let [ours, theirs] = &mut clients;
                assert_eq!(digest(ours), digest(theirs));
                exchange(ours, theirs, KEYS);
                exchange(theirs, ours, KEYS);
            }
        }
        clients.iter_mut().for_each(rewrite);
    }
    for client in &mut pair.clients("2") {
        client.command(&["RPUSH", "l", "last", "1", "of all"]);
        client.command(&["LTRIM", "l", "0", "-2"]);
    }
    pair.change_places();
}

#[test]
fn a_list_of_many_elements_goes_both_ways() {
    let pair = Pair::start(&[]);
    let mut clients = pair.clients("3");
    for chunk in 0..40 {
        let values: Vec<String> = (0..500)
            .map(|number| format!("{} {}", chunk * 500 + number, "value ".repeat(number % 40)))
            .collect();
        let command = if chunk % 2 == 0 { "RPUSH" } else { "LPUSH" };
        let words = [command, "l"].into_iter().chain(values.iter().map(String::as_str));
        let words: Vec<&[u8]> = words.map(str::as_bytes).collect();
        compare(&mut clients, &words, |_, _| false);
    }
    let [ours, theirs] = &mut clients;
    assert_eq!(digest(ours), digest(theirs));
    exchange(ours, theirs, &["l"]);
    exchange(theirs, ours, &["l"]);
    for line in ["LRANGE l 0 -1", "LINDEX l 9999", "LINDEX l -3", "LREM l 0 7", "LLEN l"] {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        compare(&mut clients, &words, |_, _| false);
    }
    clients.iter_mut().for_each(rewrite);
    pair.change_places();
}
