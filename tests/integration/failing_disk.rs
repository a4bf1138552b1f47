//! A disk that takes nothing for a while, and policies that change under load. The limit on the size of files
//! stands for a full disk: it can be set on a running process, and taken back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::load::{Load, Written, check_whole, newest};
use crate::support::{Client, Server, wait_until};

/// Lets the server's files grow to `len` bytes, or as long as they like.
fn limit_files(server: &Server, len: Option<u64>) {
    let pid = Pid::from_raw(server.pid().try_into().unwrap());
    let limit = Rlimit { current: len, maximum: None };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

fn is_failing(client: &mut Client) -> bool {
    client.info("aof_last_write_status") == "err"
}

#[test]
fn a_full_disk_stops_writes_only_and_only_as_long_as_it_is_full() {
    let temp = tempfile::tempdir().unwrap();
    for policy in ["always", "everysec"] {
        let mut server = Server::vellum(&temp.path().join(policy), &["--appendfsync", policy]);
        let (mut client, mut writer) = (server.client(), server.client());
        assert!(client.command(&["SET", "a", "1"]).is_ok());
        client.command(&["PFADD", "counted", "a", "b", "c"]);
        for round in 1..=3 {
            limit_files(&server, Some(0));
            let value = format!("round {round}");
            writer.send(&["SET", "held", &value]).unwrap();
            wait_until("the log to fail", || is_failing(&mut client));
            let refused = client.command(&["SET", "b", "1"]).text();
            assert!(refused.starts_with("MISCONF Errors writing to the AOF file: "), "{refused}");
            assert!(refused.contains("File too large"), "the reason: {refused}");
            assert_eq!(client.command(&["GET", "a"]).text(), "1");
            // Which would note the count if it could.
            assert_eq!(client.command(&["PFCOUNT", "counted"]).integer(), 3);
            assert_eq!(client.command(&["PING"]).text(), "PONG");
            client.command(&["BGSAVE"]);
            assert!(writer.is_silent(), "a write that is not on disk is not acknowledged");
            limit_files(&server, None);
            assert!(writer.read().unwrap().is_ok(), "it is, once it can be written");
            assert_eq!(writer.read().unwrap().text(), "PONG");
            wait_until("writes to be taken again", || !is_failing(&mut client));
            assert!(client.command(&["SET", "b", &value]).is_ok());
        }
        let digest = client.command(&["DEBUG", "DIGEST"]);
        server.kill();
        server.launch();
        assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest, "{}", server.log());
        assert_eq!(server.client().command(&["GET", "held"]).text(), "round 3");
        assert!(server.stop().success(), "{}", server.log());
    }
}

#[test]
fn what_was_acknowledged_before_a_disk_filled_up_under_load_is_there_after_a_kill() {
    const WRITERS: usize = 8;
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    let load = Load::begin(server.port, &[0; WRITERS]);
    let mut client = server.client();
    let written = |client: &mut Client| client.info("master_repl_offset").parse::<u64>().unwrap();
    wait_until("some writes", || written(&mut client) > 200_000);
    // In the middle of a file, at a place that no page or frame ends at.
    let folder = fs::read_dir(server.dir.join("appendonlydir")).unwrap();
    let lens = folder.map(|entry| entry.unwrap().metadata().unwrap().len());
    limit_files(&server, lens.max().map(|len| len / 2 + 4321));
    let before = written(&mut client);
    wait_until("the log to fail or to go on elsewhere", || {
        is_failing(&mut client) || written(&mut client) > before + 3_000_000
    });
    server.kill();
    let written = load.end();
    server.launch();
    check_acknowledged(&server, &written);
}

/// What each writer was told is there, or something later that it had sent.
fn check_acknowledged(server: &Server, written: &[Written]) {
    let mut client = server.client();
    assert!(written.iter().map(|w| w.acknowledged).sum::<u64>() > 0);
    for (writer, written) in written.iter().enumerate() {
        let found = newest(&mut client, writer);
        assert!((written.acknowledged..=written.sent).contains(&found), "{written:?}: {found}");
        check_whole(&mut client, writer, found);
    }
}

#[test]
fn a_process_killed_while_the_policy_changes_loses_nothing() {
    const WRITERS: usize = 8;
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    for round in 0..3 {
        server.client().command(&["FLUSHALL"]);
        let load = Load::begin(server.port, &[0; WRITERS]);
        let mut client = server.client();
        for turn in 0..12 + round {
            let policy = ["everysec", "no", "always"][turn % 3];
            assert!(client.command(&["CONFIG", "SET", "appendfsync", policy]).is_ok());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        server.kill();
        let written = load.end();
        server.launch();
        check_acknowledged(&server, &written);
    }
}

#[test]
fn a_stop_that_cannot_save_is_refused_unless_forced() {
    let temp = tempfile::tempdir().unwrap();
    let mut server =
        Server::vellum(&temp.path().join("data"), &["--appendonly", "no", "--save", "3600 1"]);
    let mut client = server.client();
    assert!(client.command(&["SET", "a", "1"]).is_ok());
    limit_files(&server, Some(0));
    let refused = client.command(&["SHUTDOWN"]);
    assert_eq!(refused.text(), "ERR Errors trying to SHUTDOWN. Check logs.");
    assert_eq!(client.command(&["PING"]).text(), "PONG");
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
    client.send(&["SHUTDOWN", "FORCE"]).unwrap();
    assert!(!server.wait_end().success(), "what is lost shows in the exit status");
}
