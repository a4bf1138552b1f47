//! The conversations in `wire/*.txt` with a Vellum process and a redis-server process: the same bytes
//! to both, and the answers compared byte for byte in RESP2 and RESP3.
//!
//! Each file says at the place where answers may differ, and why.

use crate::support::wire::{differences, parse};
use crate::support::{Server, wire};

/// Without a log, as redis-server is by default.
const CACHE: &[&str] = &["--appendonly", "no", "--save", ""];

fn play(text: &str, vellum_args: &[&str]) {
    let dir = tempfile::tempdir().expect("a directory");
    let vellum = Server::vellum(&dir.path().join("vellum"), vellum_args);
    let redis = Server::redis(&dir.path().join("redis"), CACHE);
    let scenarios = parse(text);
    assert!(!scenarios.is_empty());
    let found: Vec<String> = [2, 3]
        .into_iter()
        .flat_map(|protocol| scenarios.iter().map(move |scenario| (protocol, scenario)))
        .flat_map(|(protocol, scenario)| differences(scenario, protocol, &vellum, &redis))
        .collect();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn strings_are_as_in_redis() {
    play(include_str!("wire/strings.txt"), &[]);
}

#[test]
fn bits_of_strings_are_as_in_redis() {
    play(include_str!("wire/bitmaps.txt"), &[]);
}

#[test]
fn hyperloglogs_are_as_in_redis() {
    play(include_str!("wire/hyperloglogs.txt"), &[]);
}

#[test]
fn keys_and_their_expiry_are_as_in_redis() {
    play(include_str!("wire/keys.txt"), &[]);
}

#[test]
fn connections_and_transactions_are_as_in_redis() {
    play(include_str!("wire/connection.txt"), CACHE);
}

#[test]
fn publishing_and_subscribing_are_as_in_redis() {
    play(include_str!("wire/pubsub.txt"), CACHE);
}

#[test]
fn what_operators_use_is_as_in_redis() {
    play(include_str!("wire/server.txt"), CACHE);
}

#[test]
fn roles_without_their_counterparts_are_as_in_redis() {
    play(include_str!("wire/replication.txt"), &[]);
}

#[test]
fn the_comparison_finds_what_differs() {
    let rule = wire::Rule::Numbers;
    assert!(rule.agrees(b":12\r\n", b":7\r\n") && rule.agrees(b"$3\r\n1.5\r\n", b"$2\r\n10\r\n"));
    assert!(!rule.agrees(b":12\r\n", b":-7\r\n") && !rule.agrees(b"+OK\r\n", b"+OK\n"));
    assert!(!wire::Rule::Sorted.agrees(b"*1\r\n+a\r\n", b"*1\r\n+b\r\n"));
    assert!(!wire::Rule::Object.agrees(b"+Value at:0x0 refcount:1", b"+Value at:0x1 refcount:2"));
    let (about, at_it) = (&b"*1\r\n$7\r\nconnect\r\n"[..], b"*1\r\n$10\r\nconnecting\r\n");
    assert!(wire::Rule::Role.agrees(about, at_it) && !rule.agrees(about, at_it));
    assert!(!wire::Rule::Role.agrees(about, b"*1\r\n$9\r\nconnected\r\n"));
    assert!(!wire::Rule::Histogram.agrees(b"*2\r\n+a\r\n:1\r\n", b"*2\r\n+b\r\n:1\r\n"));
}
