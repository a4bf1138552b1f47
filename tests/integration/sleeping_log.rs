//! `appendonly no` without replicas: nothing is written before the first one comes, and nothing any more
//! once the last one is gone for good.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::relay::Relay;
use crate::support::replicas::{assert_same_data, digest, follow, ok, wait_for_link};
use crate::support::{Client, Server, wait_until};

const CACHE: &[&str] = &["--appendonly", "no", "--save", ""];

fn start(dir: &Path, args: &[&str]) -> Server {
    Server::vellum(dir, &[CACHE, args].concat())
}

fn replica_of(port: u16, dir: &Path, args: &[&str]) -> Server {
    start(dir, &[args, &["--slaveof", "127.0.0.1", &port.to_string()]].concat())
}

/// Bytes of files of the log, and how many there are.
fn log_files(server: &Server) -> (u64, usize) {
    let dirs = ["archive", "appendonlydir"].map(|name| server.dir.join(name));
    let entries = dirs.iter().filter_map(|dir| fs::read_dir(dir).ok()).flatten().flatten();
    // A file may go between being listed and being looked at.
    let lens: Vec<u64> = entries.filter_map(|file| Some(file.metadata().ok()?.len())).collect();
    (lens.iter().sum(), lens.len())
}

/// What INFO says of the backlog: whether there is one, where it begins, and its length.
fn backlog(server: &Server) -> [String; 3] {
    ["repl_backlog_active", "repl_backlog_first_byte_offset", "repl_backlog_histlen"]
        .map(|field| server.client().info(field))
}

fn number(server: &Server, field: &str) -> u64 {
    server.client().info(field).parse().expect("a number")
}

/// Asks for the stream as a replica does, and goes away again.
fn ask_for_the_stream(server: &Server) {
    let mut client = server.client();
    client.send(&["PSYNC", "?", "-1"]).expect("a connection");
    wait_until("the backlog to begin", || backlog(server)[0] == "1");
}

/// Writes of several kinds: plain, rewritten, in a transaction, in another database.
fn write(server: &Server, name: &str) {
    let mut client = server.client();
    for number in 0..500 {
        client.command(&["SET", &format!("{name}:{number}"), "value"]);
        client.command(&["INCRBYFLOAT", &format!("{name}:sum"), "0.5"]);
    }
    client.command(&["SELECT", "3"]);
    client.command(&["MULTI"]);
    client.command(&["APPEND", name, "x"]);
    client.command(&["SET", &format!("{name}:late"), "x", "PX", "100000000"]);
    client.command(&["EXEC"]);
}

/// What `vellum-log` says of the directory of a server that runs.
fn inspect(server: &Server, words: &[&str]) -> String {
    let mut tool = Command::new(env!("CARGO_BIN_EXE_vellum-log"));
    let output = tool.args(words).arg(&server.dir).output().expect("vellum-log runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {text}");
    text
}

#[test]
fn nothing_is_written_until_there_is_a_replica() {
    let temp = tempfile::tempdir().unwrap();
    let server = start(&temp.path().join("data"), &[]);
    let expected: [String; 3] = ["0", "0", "0"].map(str::to_owned);
    assert_eq!(backlog(&server), expected);
    let before = number(&server, "master_repl_offset");
    let mut client = server.client();
    client.command(&["SET", "key", "value"]);
    let select_len = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n".len() as u64;
    let set_len = "*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n".len() as u64;
    let after = number(&server, "master_repl_offset");
    assert!([set_len, set_len + select_len].contains(&(after - before)), "{before} {after}");
    write(&server, "a");
    assert!(number(&server, "master_repl_offset") > 500 * set_len);
    assert_eq!(log_files(&server), (0, 0));
    assert_eq!(backlog(&server), expected);
    assert_eq!(client.command(&["WAIT", "0", "0"]).integer(), 0);
    assert_eq!(client.command(&["GET", "key"]).text(), "value");
}

#[test]
fn the_first_replica_gets_everything_and_later_ones_what_they_miss() {
    let temp = tempfile::tempdir().unwrap();
    let master = start(&temp.path().join("master"), &[]);
    write(&master, "before");
    // One made while nothing is kept is no beginning for a replica.
    ok(&master, &["SAVE"]);
    write(&master, "between");
    let end = number(&master, "master_repl_offset");
    let relay = Relay::to(master.port);
    let replica = replica_of(relay.port, &temp.path().join("replica"), &[]);
    assert_same_data(&master, &replica);
    let [active, first, _] = backlog(&master);
    assert_eq!(active, "1");
    assert!(first.parse::<u64>().unwrap() > end, "{first} {end}");
    assert_eq!(number(&master, "sync_full"), 1);
    assert_eq!(backlog(&replica)[0], "1");
    for round in 0..3 {
        relay.cut();
        write(&master, &format!("round{round}"));
        relay.mend();
        assert_same_data(&master, &replica);
    }
    assert_eq!((number(&master, "sync_full"), number(&master, "sync_partial_ok")), (1, 3));
    // Gone, it is waited for.
    drop(replica);
    wait_until("the link to end", || master.client().info("connected_slaves") == "0");
    write(&master, "gone");
    assert_eq!(backlog(&master)[0], "1");
}

/// A second replica of the same history, and one of a replica.
#[test]
fn whoever_follows_is_followed() {
    let temp = tempfile::tempdir().unwrap();
    let master = start(&temp.path().join("master"), &[]);
    let mut middle = start(&temp.path().join("middle"), &[]);
    write(&master, "a");
    write(&middle, "lost");
    follow(&middle, master.port);
    assert_same_data(&master, &middle);
    let last = replica_of(middle.port, &temp.path().join("last"), &[]);
    assert_same_data(&master, &last);
    write(&master, "b");
    assert_same_data(&master, &last);
    // Promoted, it serves those of its former master from what it kept.
    ok(&middle, &["SLAVEOF", "NO", "ONE"]);
    write(&middle, "c");
    follow(&master, middle.port);
    assert_same_data(&middle, &master);
    assert_same_data(&middle, &last);
    assert_eq!(number(&middle, "sync_full"), 1, "{}", middle.log());
    assert!(middle.stop().success());
}

#[test]
fn the_backlog_ends_some_time_after_the_last_replica() {
    let temp = tempfile::tempdir().unwrap();
    let master = start(&temp.path().join("master"), &[]);
    let relay = Relay::to(master.port);
    let replica = replica_of(relay.port, &temp.path().join("replica"), &[]);
    write(&master, "a");
    assert_same_data(&master, &replica);
    relay.cut();
    wait_until("the link to end", || master.client().info("connected_slaves") == "0");
    ok(&master, &["CONFIG", "SET", "repl-backlog-ttl", "1"]);
    wait_until("the backlog to end", || backlog(&master)[0] == "0");
    wait_until("its files to be removed", || log_files(&master) == (0, 0));
    write(&master, "b");
    assert_eq!(log_files(&master), (0, 0));
    // What it has missed was not kept: it must not go on as if there had been nothing.
    relay.mend();
    wait_for_link(&replica);
    assert_same_data(&master, &replica);
    assert_eq!((number(&master, "sync_full"), number(&master, "sync_partial_ok")), (2, 0));
    write(&master, "c");
    assert_same_data(&master, &replica);
    // Where nothing was written meanwhile, nothing was missed.
    relay.cut();
    wait_until("the backlog to end", || backlog(&master)[0] == "0");
    relay.mend();
    assert_same_data(&master, &replica);
    assert_eq!((number(&master, "sync_full"), number(&master, "sync_partial_ok")), (2, 1));
    // For ever, as in Redis.
    ok(&master, &["CONFIG", "SET", "repl-backlog-ttl", "0"]);
    relay.cut();
    wait_until("the link to end", || master.client().info("connected_slaves") == "0");
    std::thread::sleep(std::time::Duration::from_millis(1300));
    assert_eq!(backlog(&master)[0], "1");
}

#[test]
fn a_snapshot_of_a_sleeping_server_is_what_the_next_one_has() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = start(&temp.path().join("data"), &[]);
    write(&server, "a");
    let mut client = server.client();
    client.command(&["BGSAVE"]);
    wait_until("the save to end", || client.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
    let (saved, offset) = (digest(&server), number(&server, "master_repl_offset"));
    client.command(&["SET", "lost", "1"]);
    assert_eq!(log_files(&server), (0, 0));
    server.kill();
    server.launch();
    assert_eq!(digest(&server), saved);
    assert_eq!(number(&server, "master_repl_offset"), offset);
    assert_eq!(backlog(&server)[0], "0", "it never had a replica");
    ok(&server, &["SAVE"]);
    server.client().send(&["SHUTDOWN", "SAVE"]).unwrap();
    assert!(server.wait_end().success());
    server.launch();
    assert_eq!((digest(&server), backlog(&server)[0].as_str()), (saved, "0"));
}

#[test]
fn a_sleeping_log_is_made_durable_and_sleeps_again() {
    let temp = tempfile::tempdir().unwrap();
    let mut server = start(&temp.path().join("data"), &[]);
    let durable = |client: &mut Client| {
        wait_until("the snapshot to be under the log", || {
            client.info("aof_rewrite_in_progress") == "0"
                && client.info("aof_rewrite_scheduled") == "0"
        });
        assert_eq!(client.info("aof_last_bgrewrite_status"), "ok");
    };
    write(&server, "asleep");
    let mut client = server.client();
    ok(&server, &["CONFIG", "SET", "appendonly", "yes"]);
    write(&server, "meanwhile");
    durable(&mut client);
    write(&server, "durable");
    assert_eq!(backlog(&server)[0], "1");
    let data = digest(&server);
    server.kill();
    server.set_args(&["--appendonly", "yes", "--appendfsync", "always"]);
    server.launch();
    assert_eq!(digest(&server), data, "{}", server.log());

    let mut client = server.client();
    ok(&server, &["CONFIG", "SET", "appendonly", "no"]);
    let before = log_files(&server);
    write(&server, "asleep again");
    assert_eq!((backlog(&server)[0].as_str(), log_files(&server)), ("0", before));
    ok(&server, &["CONFIG", "SET", "appendonly", "yes"]);
    durable(&mut client);
    write(&server, "durable again");
    // Off again at once: nothing that was begun makes it durable after all.
    ok(&server, &["CONFIG", "SET", "appendonly", "no"]);
    ok(&server, &["CONFIG", "SET", "appendonly", "yes"]);
    ok(&server, &["CONFIG", "SET", "appendonly", "no"]);
    wait_until("the log to sleep", || backlog(&server)[0] == "0");
    assert_eq!(client.info("aof_enabled"), "0");
    ok(&server, &["CONFIG", "SET", "appendonly", "yes"]);
    durable(&mut client);
    assert_eq!(client.info("aof_enabled"), "1");
    write(&server, "last");
    let data = digest(&server);
    server.kill();
    server.launch();
    assert_eq!(digest(&server), data, "{}", server.log());
}

/// The manifest's segments end before the log slept, the backlog begins after it.
#[test]
fn a_replica_follows_over_a_log_that_was_switched_off() {
    let temp = tempfile::tempdir().unwrap();
    let args = ["--appendonly", "yes", "--save", ""];
    let master = Server::vellum(&temp.path().join("master"), &args);
    write(&master, "durable");
    let end = number(&master, "master_repl_offset");
    ok(&master, &["CONFIG", "SET", "appendonly", "no"]);
    write(&master, "asleep");
    let relay = Relay::to(master.port);
    let replica = replica_of(relay.port, &temp.path().join("replica"), &[]);
    assert_same_data(&master, &replica);
    relay.cut();
    write(&master, "cut");
    relay.mend();
    assert_same_data(&master, &replica);
    assert_eq!((number(&master, "sync_full"), number(&master, "sync_partial_ok")), (1, 1));
    inspect(&master, &["verify"]);
    let info = inspect(&master, &["info", "--format", "json"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    let segments = info["segments"].as_array().unwrap();
    let ends: Vec<Option<u64>> = segments.iter().map(|segment| segment["end"].as_u64()).collect();
    assert_eq!(ends, [Some(end), None], "{info}");
    ok(&master, &["CONFIG", "SET", "appendonly", "yes"]);
    write(&master, "durable again");
    assert_same_data(&master, &replica);
}

/// Without replicas nothing of the log is in the way of a full disk or of a folder that is not there.
#[test]
fn a_replica_that_cannot_be_kept_for_is_refused_and_not_the_clients() {
    let temp = tempfile::tempdir().unwrap();
    let master = start(&temp.path().join("master"), &[]);
    write(&master, "a");
    fs::remove_dir(master.dir.join("archive")).unwrap();
    fs::write(master.dir.join("archive"), "in the way").unwrap();
    let replica = start(&temp.path().join("replica"), &[]);
    follow(&replica, master.port);
    wait_until("the replica to be refused", || {
        master.log().contains("the stream cannot be kept for it")
    });
    write(&master, "b");
    assert!(master.client().command(&["SET", "c", "1"]).is_ok());
    fs::remove_file(master.dir.join("archive")).unwrap();
    fs::create_dir(master.dir.join("archive")).unwrap();
    assert_same_data(&master, &replica);
}

#[test]
fn the_backlog_on_disk_is_bounded() {
    let temp = tempfile::tempdir().unwrap();
    let args = ["--archive-bytes-max", "0", "--repl-backlog-size", "1mb"];
    let server = start(&temp.path().join("data"), &args);
    ask_for_the_stream(&server);
    let mut client = server.client();
    let value = "v".repeat(50_000);
    for number in 0..100 {
        assert!(client.command(&["SET", &format!("k{number}"), &value]).is_ok());
    }
    // As much as it shall keep, and a segment or two more.
    let bounds = 1 << 20..2 << 20;
    wait_until("the oldest part to go", || {
        bounds.contains(&client.info("repl_backlog_histlen").parse::<u64>().unwrap())
    });
    let (kept, _) = log_files(&server);
    assert!(bounds.contains(&kept), "{kept} bytes of 5 MB written");
}

#[test]
fn the_backlog_does_not_fill_the_disk() {
    let temp = tempfile::tempdir().unwrap();
    let args = ["--aof-segment-size", "1mb", "--archive-bytes-max", "2mb"];
    let server = start(&temp.path().join("data"), &args);
    ask_for_the_stream(&server);
    let mut client = server.client();
    let value = "v".repeat(100_000);
    for number in 0..80 {
        assert!(client.command(&["SET", &format!("k{number}"), &value]).is_ok());
    }
    wait_until("the oldest segments to be removed", || log_files(&server).0 <= 3 << 20);
    assert!(client.command(&["SET", "k", "v"]).is_ok());
}
