//! A disk that takes nothing for a while, and policies that change under load. The limit on the size of files
//! stands for a full disk: it can be set on a running process, and taken back.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::client::encode;
use crate::support::{Client, Server, wait_until};

/// Lets the server's files grow to `len` bytes, or as long as they like.
fn limit_files(server: &Server, len: Option<u64>) {
    let pid = Pid::from_raw(server.pid().try_into().unwrap());
    let limit = Rlimit { current: len, maximum: None };
    prlimit(pid, Resource::Fsize, limit).unwrap();
}

/// Each writer sets its own keys to rising numbers; returns the last one acknowledged.
fn write_until_it_dies(port: u16, writer: usize, stop: &AtomicBool) -> u64 {
    const DEPTH: u64 = 16;
    let mut acknowledged = 0;
    let Ok(mut client) = Client::connect(port) else { return 0 };
    while !stop.load(Ordering::Relaxed) {
        let mut batch = Vec::new();
        for number in acknowledged + 1..=acknowledged + DEPTH {
            let (key, value) = (format!("w{writer}:{}", number % 100), number.to_string());
            batch.extend(encode(&[b"SET", key.as_bytes(), value.as_bytes()]));
        }
        if client.send_raw(&batch).is_err() {
            break;
        }
        for _ in 0..DEPTH {
            match client.read() {
                Ok(reply) if reply.is_ok() => acknowledged += 1,
                _ => return acknowledged,
            }
        }
    }
    acknowledged
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
        for round in 1..=3 {
            limit_files(&server, Some(0));
            let value = format!("round {round}");
            writer.send(&["SET", "held", &value]).unwrap();
            wait_until("the log to fail", || is_failing(&mut client));
            let refused = client.command(&["SET", "b", "1"]).text();
            assert!(refused.starts_with("MISCONF Errors writing to the AOF file: "), "{refused}");
            assert!(refused.contains("File too large"), "the reason: {refused}");
            assert_eq!(client.command(&["GET", "a"]).text(), "1");
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
    let stop = Arc::new(AtomicBool::new(false));
    let port = server.port;
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let stop = Arc::clone(&stop);
            std::thread::spawn(move || write_until_it_dies(port, writer, &stop))
        })
        .collect();
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
    stop.store(true, Ordering::Relaxed);
    let acknowledged: Vec<u64> = writers.into_iter().map(|w| w.join().unwrap()).collect();
    server.launch();
    check_acknowledged(&server, &acknowledged);
}

/// What each writer of [`write_until_it_dies`] had acknowledged, or something later, is there.
fn check_acknowledged(server: &Server, acknowledged: &[u64]) {
    let mut client = server.client();
    assert!(acknowledged.iter().sum::<u64>() > 0);
    for (writer, last) in acknowledged.iter().enumerate() {
        for number in last.saturating_sub(99).max(1)..=*last {
            let found = client.command(&["GET", &format!("w{writer}:{}", number % 100)]).text();
            let found: u64 = found.parse().unwrap();
            assert!(found >= number, "writer {writer} lost {number}: {found}");
        }
    }
}

#[test]
fn a_process_killed_while_the_policy_changes_loses_nothing() {
    const WRITERS: usize = 8;
    let temp = tempfile::tempdir().unwrap();
    let mut server = Server::vellum(&temp.path().join("data"), &[]);
    for round in 0..3 {
        server.client().command(&["FLUSHALL"]);
        let stop = Arc::new(AtomicBool::new(false));
        let port = server.port;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || write_until_it_dies(port, writer, &stop))
            })
            .collect();
        let mut client = server.client();
        for turn in 0..12 + round {
            let policy = ["everysec", "no", "always"][turn % 3];
            assert!(client.command(&["CONFIG", "SET", "appendfsync", policy]).is_ok());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        server.kill();
        stop.store(true, Ordering::Relaxed);
        let acknowledged: Vec<u64> = writers.into_iter().map(|w| w.join().unwrap()).collect();
        server.launch();
        check_acknowledged(&server, &acknowledged);
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
