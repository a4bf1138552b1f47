//! The server as its users run it: a process with a data directory, killed, stopped and started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::client::encode;
use crate::support::{Client, Server, Value, wait_until};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn what_was_acknowledged_survives_a_stop_and_a_kill() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    assert!(client.command(&["SET", "mykey", "hello"]).is_ok());
    assert!(client.command(&["SET", "mykey2", "world"]).is_ok());
    assert_eq!(client.command(&["DEL", "mykey2"]).integer(), 1);
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.restart();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
    server.kill();
    server.launch();
    let mut client = server.client();
    assert_eq!(client.command(&["DEBUG", "DIGEST"]), digest);
    assert_eq!(client.command(&["KEYS", "*"]).items(), [Value::Bulk(b"mykey".to_vec())]);
}

#[test]
fn a_transaction_is_there_whole_or_not_at_all() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    client.command(&["MULTI"]);
    assert_eq!(client.command(&["SET", "a", "1"]).text(), "QUEUED");
    client.command(&["SELECT", "3"]);
    client.command(&["INCR", "b"]);
    assert_eq!(client.command(&["EXEC"]).items().len(), 3);
    server.kill();
    server.launch();
    let mut client = server.client();
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
    client.command(&["SELECT", "3"]);
    assert_eq!(client.command(&["GET", "b"]).text(), "1");
}

#[test]
fn the_backlog_of_a_cache_does_not_fill_the_disk() {
    let dir = dir();
    let args = ["--appendonly", "no", "--aof-segment-size", "1mb", "--archive-bytes-max", "2mb"];
    let server = Server::vellum(&dir.path().join("data"), &args);
    let mut client = server.client();
    let value = "v".repeat(100_000);
    for number in 0..80 {
        assert!(client.command(&["SET", &format!("k{number}"), &value]).is_ok());
    }
    let archive = server.dir.join("archive");
    wait_until("the oldest segments to be removed", || {
        let files = std::fs::read_dir(&archive).expect("an archive").flatten();
        // A file may go between being listed and being looked at.
        let lens = files.filter_map(|file| Some(file.metadata().ok()?.len()));
        lens.sum::<u64>() <= 3 << 20
    });
    assert!(client.command(&["SET", "k", "v"]).is_ok());
}

/// Each writer sets its own keys to rising numbers and notes the last one acknowledged.
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

#[test]
fn every_acknowledged_write_survives_kills_under_load() {
    const WRITERS: usize = 50;
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    for round in 0..5_u64 {
        let stop = Arc::new(AtomicBool::new(false));
        server.client().command(&["FLUSHALL"]);
        let port = server.port;
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let stop = Arc::clone(&stop);
                std::thread::spawn(move || write_until_it_dies(port, writer, &stop))
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(100 + round * 53));
        server.kill();
        stop.store(true, Ordering::Relaxed);
        let acknowledged: Vec<u64> = writers.into_iter().map(|w| w.join().unwrap()).collect();
        assert!(acknowledged.iter().sum::<u64>() > 0, "nothing was written in round {round}");
        server.launch();
        let mut client = server.client();
        for (writer, last) in acknowledged.iter().enumerate() {
            for number in last.saturating_sub(99).max(1)..=*last {
                let found = client.command(&["GET", &format!("w{writer}:{}", number % 100)]);
                let found: u64 = found.text().parse().unwrap();
                assert!(found >= number, "round {round}: writer {writer} lost {number}: {found}");
            }
        }
    }
}

#[cfg(feature = "interop")]
#[test]
fn redis_server_opens_the_directory_of_a_killed_server_and_gives_it_back() {
    let dir = dir();
    let data = dir.path().join("data");
    let mut server = Server::vellum(&data, &[]);
    let mut client = server.client();
    for number in 0..200 {
        client.command(&["SET", &format!("k{number}"), &"v".repeat(number)]);
    }
    client.command(&["PEXPIREAT", "k7", "99999999999999"]);
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.kill();
    let mut redis = Server::redis(&data, &["--appendonly", "yes"]);
    let mut client = redis.client();
    assert_eq!(client.command(&["DEBUG", "DIGEST"]), digest);
    assert!(client.command(&["SET", "from", "redis"]).is_ok());
    let digest = client.command(&["DEBUG", "DIGEST"]);
    assert!(redis.stop().success());
    server.launch();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
}

#[test]
fn a_second_server_is_kept_out_of_the_directory() {
    let dir = dir();
    let data = dir.path().join("data");
    let server = Server::vellum(&data, &[]);
    let mut second = Server::prepare(crate::support::Program::Vellum, &data, &[]);
    second.spawn();
    assert!(!second.wait_end().success());
    assert!(second.log().contains(&server.pid().to_string()), "{}", second.log());
}

#[test]
fn a_snapshot_takes_its_place_under_the_log() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    client.command(&["DEBUG", "POPULATE", "5000"]);
    assert!(client.command(&["BGSAVE"]).text().starts_with("Background saving"));
    wait_until("the snapshot to end", || client.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
    client.command(&["SET", "after", "1"]);
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.kill();
    server.launch();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
}
