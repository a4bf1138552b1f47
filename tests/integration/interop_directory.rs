//! One data directory, two servers: redis-server opens what Vellum left and Vellum what Redis left,
//! however either of them ended, and both find the same keys.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::path::{Path, PathBuf};
use std::process::Command;

use vellum::inspect::EXIT_CLEAN;
use vellum::storage::RealDisk;

use crate::dataset::{Contents, contents, write_mix};
use crate::inspect::tool;
use crate::support::client::encode;
use crate::support::files::{copy_dir, files_below};
use crate::support::{Client, Program, Server, wait_until};

const REDIS: &[&str] = &["--appendonly", "yes", "--save", ""];
/// Small segments, so that a few hundred commands fill several.
const VELLUM: &[&str] = &["--aof-segment-size", "1mb"];

/// How a server is made to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Stop,
    Kill,
}

fn end(server: &mut Server, how: End) {
    match how {
        End::Stop => assert!(server.stop().success(), "{}", server.log()),
        End::Kill => server.kill(),
    }
}

fn rewrite(client: &mut Client) {
    // Vellum writes a snapshot of its own when another server had the directory.
    wait_until("the rewrite before to end", || client.info("aof_rewrite_in_progress") == "0");
    let started = client.command(&["BGREWRITEAOF"]).text();
    assert!(started.starts_with("Background append only file rewriting"), "{started}");
    wait_until("the rewrite to end", || {
        client.info("aof_rewrite_in_progress") == "0" && client.info("aof_rewrite_scheduled") == "0"
    });
    assert_eq!(client.info("aof_last_bgrewrite_status"), "ok");
}

/// What a server finds in `dir`, which it is killed in afterwards.
fn found_by(program: Program, dir: &Path, args: &[&str]) -> Contents {
    let server = Server::start(program, dir, args);
    contents(&mut server.client())
}

/// The files in the folder of the log whose names end in `suffix`.
fn log_files(data: &Path, suffix: &str) -> Vec<PathBuf> {
    let mut files = files_below(&data.join("appendonlydir"));
    files.retain(|path| path.to_string_lossy().ends_with(suffix));
    files
}

fn passes(program: &str, file: &Path) {
    let checked = Command::new(program).arg(file).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success(), "{program} {}: {said}", file.display());
}

/// Redis's own checkers on everything they can be run on.
fn passes_the_checks_of_redis(data: &Path) {
    passes("redis-check-aof", &data.join("appendonlydir/appendonly.aof.manifest"));
    let dump = Some(data.join("dump.rdb")).filter(|dump| dump.exists());
    for snapshot in log_files(data, ".base.rdb").into_iter().chain(dump) {
        passes("redis-check-rdb", &snapshot);
    }
}

#[test]
fn redis_serves_what_vellum_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = fastrand::Rng::with_seed(6);
    for (how, rewrites) in [(End::Stop, 0), (End::Kill, 0), (End::Stop, 1), (End::Kill, 2)] {
        let data = dir.path().join(format!("{how:?}-{rewrites}"));
        let mut server = Server::vellum(&data, VELLUM);
        let mut client = server.client();
        for _ in 0..rewrites {
            write_mix(&mut client, &mut rng, 1000);
            rewrite(&mut client);
        }
        write_mix(&mut client, &mut rng, 4000);
        let expected = contents(&mut client);
        assert!(expected.keys.len() > 100);
        end(&mut server, how);
        assert!(log_files(&data, ".incr.aof").len() > 1, "the log was not rotated");
        assert_eq!(log_files(&data, ".base.rdb").len(), usize::from(rewrites > 0));
        assert_eq!(data.join("dump.rdb").exists(), rewrites > 0);
        passes_the_checks_of_redis(&data);
        assert_eq!(found_by(Program::Redis, &data, REDIS), expected, "{how:?} {rewrites}");
        passes_the_checks_of_redis(&data);
        assert_eq!(found_by(Program::Vellum, &data, VELLUM), expected, "{how:?} {rewrites}");
    }
}

#[test]
fn redis_serves_what_a_writable_replica_left() {
    let dir = tempfile::tempdir().unwrap();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    let port = master.port.to_string();
    let data = dir.path().join("replica");
    let follow = ["--replicaof", "127.0.0.1", &port, "--replica-read-only", "no"];
    let mut replica = Server::vellum(&data, &[VELLUM, &follow[..]].concat());
    let mut remote = master.client();
    let mut local = replica.client();
    wait_until("the link to come up", || local.info("master_link_status") == "up");
    for round in 0..40 {
        // The stream has the database of its last write selected, whatever a local write selects.
        remote.command(&["SELECT", ["3", "0", "5"][round % 3]]);
        local.command(&["SELECT", ["7", "3", "0", "1"][round % 4]]);
        remote.command(&["SET", &format!("remote:{round}"), "1"]);
        let offset = remote.info("master_repl_offset");
        wait_until("the replica to follow", || local.info("slave_repl_offset") == offset);
        assert!(local.command(&["SET", &format!("local:{round}"), "1"]).is_ok());
        if round % 5 == 0 {
            local.command(&["MULTI"]);
            local.command(&["INCR", "local"]);
            local.command(&["SELECT", "2"]);
            local.command(&["INCR", "local"]);
            local.command(&["EXEC"]);
        }
        // Without a SELECT: the stream is where it was.
        remote.command(&["SET", &format!("remote again:{round}"), "1"]);
    }
    let offset = remote.info("master_repl_offset");
    wait_until("the replica to follow", || local.info("slave_repl_offset") == offset);
    let expected = contents(&mut local);
    replica.kill();
    passes_the_checks_of_redis(&data);
    assert_eq!(found_by(Program::Redis, &data, REDIS), expected);
    assert_eq!(found_by(Program::Vellum, &data, VELLUM), expected);
}

/// Starts redis-server with `args`, writes, and leaves the directory as `how` says.
fn redis_directory(data: &Path, args: &[&str], how: End) -> Contents {
    let mut redis = Server::redis(data, args);
    let mut client = redis.client();
    let mut rng = fastrand::Rng::with_seed(7);
    write_mix(&mut client, &mut rng, 500);
    if args.contains(&"--appendonly") {
        rewrite(&mut client);
        write_mix(&mut client, &mut rng, 500);
    } else {
        assert!(client.command(&["SAVE"]).is_ok());
    }
    let expected = contents(&mut client);
    end(&mut redis, how);
    expected
}

/// Vellum opens `data` and goes on with it, then Redis does, then Vellum again.
fn is_served_in_turns(data: &Path, turns: u32, expected: &Contents, redis_args: &[&str]) {
    let mut rng = fastrand::Rng::with_seed(8);
    let mut expected = Contents { digest: expected.digest.clone(), keys: expected.keys.clone() };
    for turn in 0..turns {
        let (program, args) = match turn % 2 {
            0 => (Program::Vellum, VELLUM),
            _ => (Program::Redis, redis_args),
        };
        let mut server = Server::start(program, data, args);
        let mut client = server.client();
        assert_eq!(contents(&mut client), expected, "turn {turn}: {}", server.log());
        write_mix(&mut client, &mut rng, 200);
        if turn > 1 {
            rewrite(&mut client);
            write_mix(&mut client, &mut rng, 50);
        }
        expected = contents(&mut client);
        end(&mut server, if turn % 3 == 0 { End::Kill } else { End::Stop });
        passes_the_checks_of_redis(data);
        is_clean(data, &format!("turn {turn}"));
    }
}

fn is_clean(data: &Path, when: &str) {
    let (status, out, notices) = tool(&RealDisk, "", &["verify", data.to_str().unwrap()]);
    assert_eq!((status, &*notices), (EXIT_CLEAN, ""), "{when}: {out}");
}

#[test]
fn vellum_serves_a_redis_log_with_a_snapshot_at_its_base() {
    for how in [End::Stop, End::Kill] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let expected = redis_directory(&data, REDIS, how);
        assert_eq!(log_files(&data, ".base.rdb").len(), 1);
        is_served_in_turns(&data, 5, &expected, REDIS);
    }
}

#[test]
fn vellum_serves_a_redis_log_with_commands_at_its_base() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let args =
        [REDIS, &["--aof-use-rdb-preamble", "no", "--aof-timestamp-enabled", "yes"]].concat();
    let expected = redis_directory(&data, &args, End::Stop);
    assert_eq!(log_files(&data, ".base.aof").len(), 1);
    is_served_in_turns(&data, 5, &expected, &args);
}

#[test]
fn vellum_serves_a_dump_of_redis() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let expected = redis_directory(&data, &["--save", ""], End::Stop);
    assert!(!data.join("appendonlydir").exists());
    is_served_in_turns(&data, 5, &expected, REDIS);
}

/// Files that a Redis before version 7 can have left as its log, whole and cut off.
fn old_logs() -> Vec<(&'static str, Vec<u8>)> {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = Server::redis(&dir.path().join("data"), REDIS);
    let mut client = redis.client();
    write_mix(&mut client, &mut fastrand::Rng::with_seed(9), 300);
    rewrite(&mut client);
    assert!(redis.stop().success());
    let snapshot = std::fs::read(&log_files(&dir.path().join("data"), ".base.rdb")[0]).unwrap();
    let mut commands = encode(&[b"SELECT", b"4"]);
    for number in 0..50 {
        let key = format!("old:{number}");
        commands.extend(encode(&[b"SET", key.as_bytes(), b"\xff\x00\r\n"]));
        commands.extend(encode(&[b"PEXPIREAT", key.as_bytes(), b"4102444800000"]));
    }
    let cut = &commands[..commands.len() - 7];
    let mut unfinished = commands.clone();
    unfinished.extend(encode(&[b"MULTI"]));
    unfinished.extend(encode(&[b"SET", b"half", b"done"]));
    vec![
        ("commands", commands.clone()),
        ("cut off", cut.to_vec()),
        ("an unfinished transaction", unfinished),
        ("a snapshot and commands", [&snapshot[..], &commands].concat()),
        ("a snapshot and commands, cut off", [&snapshot[..], cut].concat()),
        ("a snapshot alone", snapshot),
    ]
}

#[test]
fn vellum_serves_the_log_of_an_older_redis() {
    for (what, log) in old_logs() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("appendonly.aof"), &log).unwrap();
        let other = dir.path().join("redis");
        copy_dir(&data, &other);
        let expected = found_by(Program::Redis, &other, REDIS);
        assert!(expected.keys.len() > 40, "{what}");
        println!("{what}");
        is_served_in_turns(&data, 3, &expected, REDIS);
    }
}

#[test]
fn vellum_serves_the_log_of_an_older_redis_that_a_newer_one_has_adopted() {
    for (what, log) in old_logs() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("appendonly.aof"), &log).unwrap();
        let mut redis = Server::redis(&data, REDIS);
        let mut client = redis.client();
        assert!(client.command(&["SET", "newer", "1"]).is_ok());
        let expected = contents(&mut client);
        end(&mut redis, End::Stop);
        // Redis names the base as the file was named.
        assert!(data.join("appendonlydir/appendonly.aof").exists(), "{what}");
        println!("{what}");
        is_clean(&data, what);
        is_served_in_turns(&data, 2, &expected, REDIS);
    }
}

#[test]
fn an_empty_log_of_an_older_redis_does_not_hide_a_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let expected = redis_directory(&data, &["--save", ""], End::Stop);
    std::fs::write(data.join("appendonly.aof"), b"").unwrap();
    assert_eq!(found_by(Program::Vellum, &data, VELLUM), expected);
    assert_eq!(found_by(Program::Vellum, &data, VELLUM), expected);
}

#[test]
fn both_drop_a_command_that_redis_did_not_finish() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    redis_directory(&data, REDIS, End::Kill);
    let last = log_files(&data, ".incr.aof").pop().unwrap();
    let file = std::fs::OpenOptions::new().append(true).open(&last).unwrap();
    std::io::Write::write_all(&mut &file, b"*3\r\n$3\r\nSET\r\n$4\r\nhalf\r\n$9\r\nfini").unwrap();
    let other = dir.path().join("redis");
    copy_dir(&data, &other);
    let expected = found_by(Program::Redis, &other, REDIS);
    let refuses = [VELLUM, &["--aof-load-truncated", "no"]].concat();
    let mut server = Server::prepare(Program::Vellum, &data, &refuses);
    server.spawn();
    assert!(!server.wait_end().success());
    assert!(server.log().contains(last.to_str().unwrap()), "{}", server.log());
    is_served_in_turns(&data, 2, &expected, REDIS);
}

#[test]
fn vellum_serves_what_a_rewrite_that_never_ended_left() {
    for how in [End::Stop, End::Kill] {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let mut redis = Server::redis(&data, &[REDIS, &["--rdb-key-save-delay", "20000"]].concat());
        let mut client = redis.client();
        let mut rng = fastrand::Rng::with_seed(10);
        write_mix(&mut client, &mut rng, 300);
        client.command(&["BGREWRITEAOF"]);
        wait_until("the rewrite to begin", || client.info("aof_rewrite_in_progress") == "1");
        write_mix(&mut client, &mut rng, 300);
        let expected = contents(&mut client);
        assert_eq!(client.info("aof_rewrite_in_progress"), "1");
        end(&mut redis, how);
        assert_eq!(log_files(&data, ".incr.aof").len(), 2);
        let other = dir.path().join("redis");
        copy_dir(&data, &other);
        assert_eq!(found_by(Program::Redis, &other, REDIS), expected);
        is_served_in_turns(&data, 5, &expected, REDIS);
    }
}
