//! A master and its replica as their users run them: from the configuration files of this package, with
//! either started first, with the link cut, with roles changed at run time.

use std::path::{Path, PathBuf};

use crate::support::relay::Relay;
use crate::support::replicas::{assert_same_data, count, follow, wait_for_link, wait_to_catch_up};
use crate::support::{Program, Server, wait_until};

/// One of the package's own configuration files.
fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conf").join(name)
}

/// Master and replica on the package's own files; only what a test must choose is overridden.
fn examples(dir: &Path) -> (Server, Server) {
    let mut master = Server::prepare(Program::Vellum, &dir.join("master"), &[]);
    master.read_file(&example("vellum.conf"));
    let port = master.port.to_string();
    let args = ["--slaveof", "127.0.0.1", &port];
    let mut replica = Server::prepare(Program::Vellum, &dir.join("replica"), &args);
    replica.read_file(&example("replica.conf"));
    (master, replica)
}

/// A master, and a replica told by its arguments to follow it, through a relay.
fn linked(dir: &Path) -> (Server, Server, Relay) {
    let master = Server::vellum(&dir.join("master"), &[]);
    let relay = Relay::to(master.port);
    let args = ["--slaveof", "127.0.0.1", &relay.port.to_string()];
    let replica = Server::vellum(&dir.join("replica"), &args);
    wait_to_catch_up(&master, &replica);
    (master, replica, relay)
}

/// What redis-cli prints for a command, a line an element, sorted.
#[cfg(feature = "interop")]
fn cli(server: &Server, words: &[&str]) -> Vec<String> {
    let port = server.port.to_string();
    let output = std::process::Command::new("redis-cli").args(["-p", &port]).args(words).output();
    let output = output.expect("redis-cli runs");
    assert!(output.status.success(), "{words:?}: {output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let mut lines: Vec<_> = text.trim_end().lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The same, without redis-cli.
#[cfg(not(feature = "interop"))]
fn cli(server: &Server, words: &[&str]) -> Vec<String> {
    use crate::support::Value;
    let mut lines = match server.client().command(words) {
        Value::Array(items) => items.iter().map(Value::text).collect(),
        Value::Integer(number) => vec![number.to_string()],
        Value::Null => Vec::new(),
        other => vec![other.text()],
    };
    lines.sort();
    lines
}

#[test]
fn a_session_with_the_example_files() {
    let dir = tempfile::tempdir().unwrap();
    let (mut master, mut replica) = examples(dir.path());
    master.launch();
    replica.launch();
    wait_to_catch_up(&master, &replica);
    assert_eq!(cli(&master, &["FLUSHDB"]), ["OK"]);
    assert_eq!(cli(&master, &["SET", "mykey", "hello"]), ["OK"]);
    assert_eq!(cli(&master, &["SET", "mykey2", "world"]), ["OK"]);
    wait_to_catch_up(&master, &replica);
    for server in [&master, &replica] {
        assert_eq!(cli(server, &["KEYS", "*"]), ["mykey", "mykey2"]);
    }
    assert_eq!(cli(&master, &["DEL", "mykey2"]), ["1"]);
    wait_to_catch_up(&master, &replica);
    for server in [&master, &replica] {
        assert_eq!(cli(server, &["KEYS", "*"]), ["mykey"]);
        assert_eq!(cli(server, &["GET", "mykey"]), ["hello"]);
    }
    let refused = cli(&replica, &["DEL", "mykey"]);
    assert_eq!(refused, ["READONLY You can't write against a read only replica."]);
    assert_same_data(&master, &replica);
    assert_eq!(count(&master, "sync_full"), 1);
}

#[test]
fn a_replica_may_be_started_before_its_master() {
    let dir = tempfile::tempdir().unwrap();
    let (mut master, mut replica) = examples(dir.path());
    replica.launch();
    assert_eq!(replica.client().info("master_link_status"), "down");
    assert_eq!(replica.client().info("role"), "slave");
    master.launch();
    master.client().command(&["SET", "mykey", "hello"]);
    assert_same_data(&master, &replica);
    assert_eq!(cli(&replica, &["KEYS", "*"]), ["mykey"]);
}

#[test]
fn what_is_written_on_a_writable_replica_stays_there_and_survives() {
    let dir = tempfile::tempdir().unwrap();
    let (mut master, mut replica) = examples(dir.path());
    master.launch();
    let port = master.port.to_string();
    replica.set_args(&["--slaveof", "127.0.0.1", &port, "--replica-read-only", "no"]);
    replica.launch();
    assert_eq!(cli(&master, &["MSET", "a", "1", "b", "2", "c", "3"]), ["OK"]);
    wait_to_catch_up(&master, &replica);
    let offset = master.client().info("master_repl_offset");
    assert_eq!(cli(&replica, &["DEL", "a"]), ["1"]);
    assert_eq!(cli(&replica, &["SET", "mine", "x"]), ["OK"]);
    assert_eq!(cli(&replica, &["KEYS", "*"]), ["b", "c", "mine"]);
    // They have no place in the stream.
    assert_eq!(replica.client().info("slave_repl_offset"), offset);
    for kills in [false, true] {
        if kills {
            replica.kill();
        } else {
            assert!(replica.stop().success());
        }
        replica.launch();
        wait_for_link(&replica);
        assert_eq!(cli(&replica, &["KEYS", "*"]), ["b", "c", "mine"]);
        assert_eq!(cli(&replica, &["GET", "mine"]), ["x"]);
    }
    assert_eq!(cli(&master, &["KEYS", "*"]), ["a", "b", "c"]);
    // The stream goes on around them.
    assert_eq!(cli(&master, &["SET", "b", "4"]), ["OK"]);
    assert_eq!(cli(&replica, &["SET", "mine", "y"]), ["OK"]);
    assert_eq!(cli(&master, &["APPEND", "b", "5"]), ["2"]);
    wait_to_catch_up(&master, &replica);
    replica.kill();
    replica.launch();
    wait_to_catch_up(&master, &replica);
    assert_eq!(cli(&replica, &["MGET", "b", "mine"]), ["45", "y"]);
    assert_eq!(cli(&master, &["KEYS", "*"]), ["a", "b", "c"]);
    assert_eq!(count(&master, "sync_full"), 1);
}

#[test]
fn slaveof_at_run_time_is_forgotten_and_the_configured_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let (mut master, mut replica) = examples(dir.path());
    let other = Server::vellum(&dir.path().join("other"), &[]);
    master.launch();
    replica.launch();
    wait_for_link(&replica);
    let configured = master.port.to_string();
    follow(&replica, other.port);
    wait_for_link(&replica);
    assert_eq!(replica.client().info("master_port"), other.port.to_string());
    replica.restart();
    assert_eq!(replica.client().info("master_port"), configured);
    assert!(replica.client().command(&["SLAVEOF", "NO", "ONE"]).is_ok());
    assert_eq!(replica.client().info("role"), "master");
    replica.restart();
    assert_eq!(replica.client().info("master_port"), configured);
    // A master without a configured one of its own is a master again.
    follow(&master, other.port);
    wait_for_link(&master);
    master.restart();
    assert_eq!(master.client().info("role"), "master");
}

#[test]
fn config_rewrite_makes_the_present_master_permanent() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("replica.conf");
    std::fs::copy(example("replica.conf"), &file).unwrap();
    let (mut master, mut replica) = examples(dir.path());
    master.launch();
    replica.read_file(&file);
    replica.launch();
    let other = Server::vellum(&dir.path().join("other"), &[]);
    follow(&replica, other.port);
    assert!(replica.client().command(&["CONFIG", "REWRITE"]).is_ok());
    replica.set_args(&[]);
    replica.restart();
    wait_for_link(&replica);
    assert_eq!(replica.client().info("master_port"), other.port.to_string());
    assert!(replica.client().command(&["SLAVEOF", "NO", "ONE"]).is_ok());
    assert!(replica.client().command(&["CONFIG", "REWRITE"]).is_ok());
    replica.restart();
    assert_eq!(replica.client().info("role"), "master");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("# A replica beside the master"), "comments are kept:\n{text}");
}

#[test]
fn a_cut_link_is_mended_with_a_partial_sync() {
    let dir = tempfile::tempdir().unwrap();
    let (master, replica, relay) = linked(dir.path());
    for round in 1..=3 {
        relay.cut();
        wait_until("the cut to be seen", || replica.client().info("master_link_status") == "down");
        for number in 0..50 {
            master.client().command(&["SET", &format!("key:{number}"), &round.to_string()]);
        }
        assert_eq!(replica.client().command(&["DBSIZE"]).integer(), 50 * i64::from(round > 1));
        relay.mend();
        assert_same_data(&master, &replica);
        assert_eq!(count(&master, "sync_full"), 1);
        assert_eq!(count(&master, "sync_partial_ok"), round);
    }
    // In the middle of a command as well: what has not arrived whole is sent again.
    relay.hold_after(10_000);
    master.client().command(&["SET", "long", &"x".repeat(100_000)]);
    wait_until("the link to be held", || relay.is_holding());
    relay.cut();
    relay.let_go();
    relay.mend();
    assert_same_data(&master, &replica);
    assert_eq!((count(&master, "sync_full"), count(&master, "sync_partial_ok")), (1, 4));
    assert_eq!(count(&master, "sync_partial_err"), 0);
}
