//! Bits and HyperLogLogs in the log, in snapshots and at replicas: the bytes are the same everywhere,
//! whatever each server's own directives say.

use crate::bit_script::random_command;
use crate::support::replicas::{digest, ok, wait_to_catch_up};
use crate::support::{Server, Value, wait_until};

/// Commands a step sends.
const COMMANDS: usize = 2000;

fn write(server: &Server, rng: &mut fastrand::Rng) {
    let mut client = server.client();
    for _ in 0..COMMANDS {
        let words = random_command(rng);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        client.command_bytes(&words);
    }
    assert!(!matches!(client.command(&["DBSIZE"]), Value::Integer(0)));
}

#[test]
fn bits_are_the_same_after_restarts_and_at_replicas() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = fastrand::Rng::with_seed(5);
    let mut master = Server::vellum(&dir.path().join("master"), &["--hll-sparse-max-bytes", "200"]);
    let master_port = master.port.to_string();
    let args = ["--slaveof", "127.0.0.1", &master_port, "--hll-sparse-max-bytes", "0"];
    let mut replica = Server::vellum(&dir.path().join("replica"), &args);
    for sparse_len_max in ["3000", "12000", "40"] {
        write(&master, &mut rng);
        let before = digest(&master);
        wait_to_catch_up(&master, &replica);
        assert_eq!(digest(&replica), before);
        master.kill();
        master.set_args(&["--hll-sparse-max-bytes", sparse_len_max]);
        master.launch();
        assert_eq!(digest(&master), before, "{}", master.log());
        ok(&master, &["DEBUG", "RELOAD"]);
        assert_eq!(digest(&master), before);
        replica.restart();
        wait_to_catch_up(&master, &replica);
        assert_eq!(digest(&replica), before, "{}", replica.log());
    }
}

#[test]
fn a_replica_counts_and_notes_nothing_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let port = master.port.to_string();
    let mut replica =
        Server::vellum(&dir.path().join("replica"), &["--slaveof", "127.0.0.1", &port]);
    master.client().command(&["PFADD", "k", "a", "b", "c"]);
    wait_to_catch_up(&master, &replica);
    let before = digest(&master);
    assert_eq!(replica.client().command(&["PFCOUNT", "k"]).integer(), 3);
    assert_eq!(digest(&replica), before);
    assert_eq!(master.client().command(&["PFCOUNT", "k"]).integer(), 3);
    let noted = digest(&master);
    assert_ne!(noted, before);
    wait_until("the note to come", || digest(&replica) == noted);
    replica.restart();
    wait_to_catch_up(&master, &replica);
    assert_eq!(digest(&replica), noted);
}

#[test]
fn a_bit_far_away_costs_only_the_bytes_up_to_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(dir.path(), &[]);
    let mut client = server.client();
    assert_eq!(client.command(&["SETBIT", "far", "400000000", "1"]).integer(), 0);
    let used = client.command(&["MEMORY", "USAGE", "far"]).integer();
    assert!((50_000_000..50_001_000).contains(&used), "{used} bytes for a bit in the last of them");
    for words in
        [&["GETBIT", "far", "4294967295"][..], &["BITFIELD", "far", "GET", "u8", "4294967200"]]
    {
        client.command(words);
    }
    assert!(
        client.command(&["SETBIT", "far", "4294967296", "1"]).text().starts_with("ERR bit offset")
    );
    assert_eq!(client.command(&["STRLEN", "far"]).integer(), 50_000_001);
    assert_eq!(client.command(&["BITPOS", "far", "1"]).integer(), 400_000_000);
    server.kill();
    server.launch();
    assert_eq!(server.client().command(&["BITPOS", "far", "1"]).integer(), 400_000_000);
}
