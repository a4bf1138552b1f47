//! `vellum-log` as its users run it: a program beside a running server, on what a stopped or a killed
//! one left, and on damaged directories, in which only `repair` changes anything.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value as Json;
use vellum::inspect::{EXIT_CLEAN, EXIT_DAMAGED, EXIT_FAILED, EXIT_TORN, EXIT_USAGE};

use crate::support::client::encode;
use crate::support::files::{copy_dir, flip_bit, newest, tree};
use crate::support::{Program, Server, wait_until};

/// What the tool left behind.
#[derive(Debug)]
struct Left {
    status: u8,
    out: String,
    errors: String,
}

fn command(args: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vellum-log"));
    // Where the index goes unless it is told.
    command.env("XDG_CACHE_HOME", data.with_extension("cache"));
    let (action, rest) = args.split_first().unwrap();
    command.arg(action);
    if *action == "history" {
        let (key, rest) = rest.split_first().unwrap();
        command.arg(key).arg(data).args(rest);
    } else {
        command.arg(data).args(rest);
    }
    command
}

fn run_with(answer: &str, args: &[&str], data: &Path) -> Left {
    let mut command = command(args, data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may end without having asked.
    let _ = child.stdin.take().unwrap().write_all(answer.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let status = output.status.code().and_then(|code| u8::try_from(code).ok());
    let left = Left {
        status: status.unwrap_or_else(|| panic!("{args:?}: {}", output.status)),
        out: text(output.stdout),
        errors: text(output.stderr),
    };
    assert!(!left.errors.contains("panicked"), "{args:?}: {}", left.errors);
    left
}

fn run(args: &[&str], data: &Path) -> Left {
    run_with("", args, data)
}

/// Runs the tool, which is to end well and to say nothing on standard error.
fn look(args: &[&str], data: &Path) -> String {
    let left = run(args, data);
    assert_eq!((left.status, &*left.errors), (EXIT_CLEAN, ""), "{args:?}: {}", left.out);
    left.out
}

fn json_lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A server with a snapshot, several segments and an archive, all of it known to the tests below.
/// Runs `action`, again should a server beside it tidy its directory at the same moment: what the action
/// itself changes it changes every time.
fn changes_nothing(data: &Path, action: impl Fn()) {
    wait_until("a time when nothing has changed", || {
        let before = tree(data);
        action();
        tree(data) == before
    });
}

fn filled(data: &Path) -> Server {
    let server = Server::vellum(data, &["--aof-segment-size", "1mb"]);
    let mut client = server.client();
    for number in 0..50 {
        client.command(&["SET", &format!("user:{}:name", number % 10), "before"]);
    }
    client.command(&["BGREWRITEAOF"]);
    wait_until("the snapshot to end", || client.info("aof_rewrite_in_progress") == "0");
    for number in 0..3 {
        client.command(&["SET", &format!("long:{number}"), &"v".repeat(700_000)]);
    }
    client.command(&["SET", "session", "x", "EX", "100000"]);
    client.command(&["SELECT", "3"]);
    client.command(&["MULTI"]);
    client.command(&["SET", "user:3:name", "in database 3"]);
    client.command(&["DEL", "user:3:name"]);
    client.command(&["EXEC"]);
    client.command_bytes(&[b"SET", b"\xff\x00\"", b"\r\n"]);
    server
}

const READING: &[&[&str]] = &[
    &["info"],
    &["info", "--format", "json"],
    &["verify"],
    &["verify", "--quiet"],
    &["dump"],
    &["dump", "--format", "json"],
    &["stats"],
    &["stats", "--format", "json", "--depth", "2", "--top", "3", "--separator", ":"],
    &["tail", "--idle", "10ms"],
    &["index"],
    &["history", "user:3:name"],
    &["history", "user:3:name", "--format", "json", "--db", "3"],
];

#[test]
fn everything_is_shown_and_nothing_changed_beside_a_server_and_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = filled(&data);
    for state in ["running", "stopped", "killed"] {
        match state {
            "stopped" => assert!(server.stop().success()),
            "killed" => {
                server.launch();
                server.kill();
            }
            _ => {}
        }
        changes_nothing(&data, || {
            for args in READING {
                look(args, &data);
            }
        });
        let info = look(&["info"], &data);
        let last_server = match state {
            "running" | "killed" => "running, or killed since the machine booted",
            _ => "stopped cleanly",
        };
        assert!(info.contains(last_server), "{info}");
        assert!(
            info.ends_with("as far as the headers tell; `verify` reads every byte\n"),
            "{info}"
        );
        assert!(look(&["verify"], &data).ends_with("clean\n"));
        assert_eq!(look(&["verify", "-q"], &data), "");
    }
}

#[test]
fn dump_takes_every_filter() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = filled(&data);
    assert!(server.stop().success());
    let all = json_lines(&look(&["dump", "--format", "json"], &data));
    assert_eq!(all.len(), 50 + 3 + 1 + 6);
    let count = |args: &[&str]| {
        let text = look(&[&["dump", "--clip", "10"], args].concat(), &data).lines().count();
        let json = look(&[&["dump", "--format", "json"], args].concat(), &data).lines().count();
        assert_eq!(text, json, "{args:?}");
        text
    };
    assert_eq!(count(&["--command", "set"]), 50 + 3 + 1 + 2);
    assert_eq!(count(&["--command", "DEL,exec", "--command", "multi"]), 3);
    assert_eq!(count(&["--key", "user:3:*"]), 5 + 2);
    assert_eq!(count(&["--key", "user:3:*", "--db", "0"]), 5);
    assert_eq!(count(&["--db", "3"]), 5);
    assert_eq!(count(&["--limit", "4", "--key", "long:*"]), 3);
    assert_eq!(count(&["--limit", "4"]), 4);
    let (at, later) = (all[30]["offset"].to_string(), all[40]["offset"].to_string());
    assert_eq!(count(&["--from-offset", &at, "--to-offset", &later]), 10);
    let time = all[50]["time_ms"].to_string();
    assert_eq!(count(&["--since", &time]) + count(&["--until", &time]), all.len());
    assert_eq!(count(&["--since", "1h"]), all.len());
    assert_eq!(count(&["--until", "1h"]), 0);
    assert_eq!(count(&["--since", "2020-01-01T00:00:00Z", "--until", "2020-01-02 00:00:00"]), 0);

    let text = look(&["dump", "--db", "3", "--command", "set"], &data);
    assert!(text.ends_with("db3 SET \"\\xff\\x00\\\"\" \"\\r\\n\"\n"), "{text}");
    let clipped = look(&["dump", "--key", "long:0", "--clip", "6"], &data);
    assert!(clipped.ends_with("SET long:0 vvvvvv...(700000 bytes)\n"), "{clipped}");
    let history = json_lines(&look(&["history", "user:3:name", "--format", "json"], &data));
    assert_eq!(history.len(), 7);
    assert_eq!(history[6]["command"], "DEL");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let _server = filled(&data);
    // Far more than a pipe holds.
    for args in [&["dump"][..], &["dump", "--format", "json"]] {
        let mut child =
            command(args, &data).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("user:0:name"), "{line}");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

/// A `tail` that is interrupted when it is dropped.
struct Tail(Child);

impl Drop for Tail {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn tail_follows_a_server_over_rotations_snapshots_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::vellum(&data, &["--aof-segment-size", "1mb"]);
    assert!(server.client().command(&["SET", "first", "1"]).is_ok());
    let args = ["tail", "-n", "1", "--command", "set", "--format", "json"];
    let mut tail = Tail(command(&args, &data).stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(tail.0.stdout.take().unwrap()).lines();
    let mut next = || -> Json { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    assert_eq!(next()["command"][1], "first");
    let long = "v".repeat(300_000);
    let mut last_offset = 0;
    for number in 0..20 {
        if number % 8 == 3 {
            server.client().command(&["BGREWRITEAOF"]);
        }
        if number == 10 {
            server.kill();
            server.launch();
        }
        if number == 15 {
            server.restart();
        }
        let key = format!("key:{number}");
        assert!(server.client().command(&["SET", &key, &long]).is_ok());
        let line = next();
        assert_eq!(line["command"][1], Json::from(key));
        let offset = line["offset"].as_u64().unwrap();
        assert!(offset > last_offset, "{offset} after {last_offset}");
        last_offset = offset;
    }
}

/// A way to damage a directory, and what is to be said of it.
struct Case {
    name: &'static str,
    damage: fn(&Path),
    verify: u8,
    /// Whether a start refuses it before the repair.
    refused: bool,
    /// A key that must still be there after the repair.
    kept: &'static str,
}

fn append(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

fn middle_of(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len() / 2 * 8
}

fn segments(data: &Path) -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(data.join("appendonlydir/appendonly.aof.manifest"));
    let named = |line: &str| Some(line.strip_suffix(" type i")?.split(' ').nth(1)?.to_owned());
    let names: Vec<String> = manifest.unwrap().lines().filter_map(named).collect();
    names.iter().map(|name| data.join("appendonlydir").join(name)).collect()
}

const CASES: &[Case] = &[
    Case {
        name: "a torn tail of a killed server",
        damage: |data| {
            let last = newest(data, ".incr.aof");
            append(&last, b"#V0011223344");
            // The note of a clean stop vouches for the end; that of a killed server does not.
            std::fs::write(data.join("LOCK"), b"").unwrap();
        },
        verify: EXIT_TORN,
        refused: false,
        kept: "session",
    },
    Case {
        name: "a flipped bit in the first segment",
        damage: |data| flip_bit(&segments(data)[0], middle_of(&segments(data)[0])),
        verify: EXIT_DAMAGED,
        refused: true,
        kept: "user:3:name",
    },
    Case {
        name: "a flipped bit in the last segment",
        damage: |data| flip_bit(&newest(data, ".incr.aof"), middle_of(&newest(data, ".incr.aof"))),
        verify: EXIT_DAMAGED,
        refused: true,
        kept: "long:0",
    },
    Case {
        name: "a segment gone",
        damage: |data| std::fs::remove_file(&segments(data)[0]).unwrap(),
        verify: EXIT_DAMAGED,
        refused: true,
        kept: "user:3:name",
    },
    Case {
        name: "the manifest gone",
        damage: |data| {
            std::fs::remove_file(data.join("appendonlydir/appendonly.aof.manifest")).unwrap();
        },
        verify: EXIT_DAMAGED,
        refused: true,
        kept: "session",
    },
    Case {
        name: "the manifest overwritten",
        damage: |data| {
            std::fs::write(data.join("appendonlydir/appendonly.aof.manifest"), b"x\n").unwrap();
        },
        verify: EXIT_DAMAGED,
        refused: true,
        kept: "session",
    },
    Case {
        name: "the snapshot gone, its other name still there",
        damage: |data| std::fs::remove_file(newest(data, ".base.rdb")).unwrap(),
        verify: EXIT_DAMAGED,
        refused: true,
        kept: "session",
    },
    Case {
        name: "the snapshot damaged, a copy of it as dump.rdb",
        damage: |data| flip_bit(&newest(data, ".base.rdb"), middle_of(&newest(data, ".base.rdb"))),
        verify: EXIT_DAMAGED,
        refused: true,
        kept: "session",
    },
    Case {
        name: "an archived segment damaged",
        damage: |data| {
            flip_bit(&data.join("archive/appendonly.aof.1.incr.aof"), 8 * 1000);
        },
        verify: EXIT_DAMAGED,
        refused: false,
        kept: "session",
    },
];

#[test]
fn damage_is_told_left_alone_and_repaired_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let mut server = filled(&whole);
    assert!(server.stop().success());
    for (number, case) in CASES.iter().enumerate() {
        let (name, data) = (case.name, dir.path().join(format!("data-{number}")));
        copy_dir(&whole, &data);
        (case.damage)(&data);
        let before = tree(&data);
        for args in READING {
            let left = run(args, &data);
            assert!(left.status <= EXIT_DAMAGED, "{name}: {args:?}: {left:?}");
        }
        let verified = run(&["verify"], &data);
        assert_eq!((verified.status, &*verified.errors), (case.verify, ""), "{name}: {verified:?}");
        let info = look(&["info"], &data);
        if !case.refused || name.contains("gone") || name.contains("overwritten") {
            let can_start = info.contains("a server would start on it");
            assert_eq!(can_start, !case.refused, "{name}: {info}");
        }
        let refused = run_with("n\n", &["repair"], &data);
        assert_eq!(refused.status, EXIT_FAILED, "{name}: {refused:?}");
        let told = "Go on? [y/N] vellum-log: not confirmed; nothing was changed\n";
        assert_eq!(refused.errors, told, "{name}");
        assert_eq!(run_with("", &["repair"], &data).status, EXIT_FAILED, "{name}");
        assert!(tree(&data) == before, "{name}: looking has changed something");

        let mut server = Server::prepare(Program::Vellum, &data, &[]);
        if case.refused {
            server.spawn();
            assert!(!server.wait_end().success(), "{name} was served");
            let log = server.log();
            assert!(log.contains("vellum-log repair"), "{name}: {log}");
            assert!(tree(&data) == before, "{name}: a refused start has changed something");
        }

        let repaired = run_with("y\n", &["repair"], &data);
        assert_eq!(repaired.status, EXIT_CLEAN, "{name}: {repaired:?}");
        assert!(repaired.out.contains("repaired: a server starts on it"), "{name}: {repaired:?}");
        assert_eq!(run(&["verify"], &data).status, EXIT_CLEAN, "{name}: {repaired:?}");
        let after = tree(&data);
        for (path, bytes) in &before {
            assert!(after.values().any(|b| b == bytes), "{name}: {} is lost", path.display());
        }
        assert!(look(&["repair", "--yes"], &data).starts_with("nothing to repair"), "{name}");
        server.launch();
        let mut client = server.client();
        assert_eq!(client.command(&["EXISTS", case.kept]).integer(), 1, "{name}: {repaired:?}");
        assert!(client.command(&["SET", "after", "the repair"]).is_ok());
        server.kill();
        assert_eq!(run(&["verify"], &data).status, EXIT_CLEAN, "{name}");
    }
}

#[test]
fn what_cannot_be_done_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = filled(&data);
    changes_nothing(&data, || {
        let left = run(&["repair", "--yes"], &data);
        assert_eq!((left.status, &*left.out), (EXIT_FAILED, ""));
        let pid = server.pid();
        let told = format!(
            "vellum-log: {} is in use by the server with process ID {pid}: stop it, then repair\n",
            data.display()
        );
        assert_eq!(left.errors, told);
        let inside = data.join("index");
        let left = run(&["index", "--index", inside.to_str().unwrap()], &data);
        assert_eq!(left.status, EXIT_FAILED);
        assert!(left.errors.contains("inside the data directory"), "{left:?}");
        assert!(!inside.exists());
    });
    let nowhere = dir.path().join("nowhere");
    for args in READING {
        let left = run(args, &nowhere);
        let told = format!("vellum-log: there is no directory {}\n", nowhere.display());
        assert_eq!((left.status, &*left.out, &*left.errors), (EXIT_FAILED, "", &*told), "{args:?}");
    }
    assert!(!nowhere.exists());
    for args in [
        &["dump", "--since", "yesterday"][..],
        &["dump", "--from-offset", "x"],
        &["dump", "--format", "xml"],
        &["look"],
    ] {
        let left = run(args, &data);
        assert_eq!((left.status, &*left.out), (EXIT_USAGE, ""), "{args:?}");
        assert!(left.errors.starts_with("error: "), "{left:?}");
    }
    let empty = dir.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    for args in READING {
        look(args, &empty);
    }
    let told = "\nthere is no data in it: a server would start empty\n";
    assert!(look(&["info"], &empty).ends_with(told));
}

#[test]
fn the_log_of_an_older_redis_is_verified_where_a_start_would_load_it() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let old = data.join("appendonly.aof");
    let set = encode(&[b"SET", b"key", b"value"]);
    let snapshot: &[u8] = include_bytes!("../fixtures/rdb/redis-7.0-strings.rdb");
    let mut broken = snapshot.to_vec();
    broken[700] ^= 1;
    for (what, bytes, status) in [
        ("whole", set.repeat(3), EXIT_CLEAN),
        ("cut off", set.repeat(3)[..80].to_vec(), EXIT_TORN),
        ("no commands", [&set[..], b"nonsense\r\n", &set].concat(), EXIT_DAMAGED),
        ("a snapshot and commands", [snapshot, &set].concat(), EXIT_CLEAN),
        ("a snapshot and half a command", [snapshot, &set[..9]].concat(), EXIT_TORN),
        ("a damaged snapshot and commands", [&broken[..], &set].concat(), EXIT_DAMAGED),
    ] {
        std::fs::write(&old, bytes).unwrap();
        let left = run(&["verify"], &data);
        assert_eq!((left.status, &*left.errors), (status, ""), "{what}: {}", left.out);
        assert_eq!(left.out.contains(old.to_str().unwrap()), status != EXIT_CLEAN, "{left:?}");
        let info = look(&["info"], &data);
        let told = format!("a server would load {} and begin one", old.display());
        assert!(info.contains(&told), "{what}: {info}");
        let mut server = Server::prepare(Program::Vellum, &data, &[]);
        if status == EXIT_DAMAGED {
            server.spawn();
            assert!(!server.wait_end().success(), "{what} was served");
            assert!(server.log().contains(old.to_str().unwrap()), "{}", server.log());
        }
        let repaired = run(&["repair", "--yes"], &data);
        if what.starts_with("a damaged snapshot") {
            assert_eq!(repaired.status, EXIT_FAILED, "{repaired:?}");
            assert!(repaired.errors.contains(old.to_str().unwrap()), "{repaired:?}");
            continue;
        }
        let needed = status != EXIT_CLEAN;
        assert_eq!((repaired.status, &*repaired.errors), (EXIT_CLEAN, ""), "{what}: {repaired:?}");
        assert_eq!(repaired.out.contains("nothing to repair"), !needed, "{what}: {repaired:?}");
        assert!(look(&["verify"], &data).ends_with("clean\n"), "{what}");
    }
}
