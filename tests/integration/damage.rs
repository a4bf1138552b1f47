//! Flipped bits in the files of a server's directory: each is told by `vellum-log verify`, and a start
//! refuses it or is right to take no notice. None is ever served.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use vellum::base::SystemClock;
use vellum::engine::Engine;
use vellum::engine::recover::{LoadError, LoadProgress, load};
use vellum::inspect::{EXIT_CLEAN, EXIT_DAMAGED};
use vellum::keyspace::Keyspace;
use vellum::log::{Head, Layout, LogError, TailPolicy, recover};
use vellum::rdb::digest::Digest;
use vellum::storage::{RealDisk, Storage};

use crate::inspect::tool;
use crate::support::client::encode;
use crate::support::files::{copy_dir, files_below, flip_bit};
use crate::support::{Program, Server, Value, wait_until};

/// What a start comes to: the data set and where its history goes on, or why it refuses.
#[derive(Clone, Debug, PartialEq)]
struct Started {
    digest: Digest,
    head: Option<Head>,
    new_id: bool,
}

/// Starts as the server does, in this process.
fn start(data: &Path) -> Result<Started, LoadError> {
    let storage: Arc<dyn Storage> = Arc::new(RealDisk);
    let layout = Layout::new(data);
    let mut recovery = recover(&*storage, &layout, TailPolicy::Trim)?;
    let keyspace = Keyspace::new(16, 1);
    let clock = Arc::new(SystemClock::new());
    let mut engine = Engine::new(keyspace, vellum::command::Settings::default(), clock, 1);
    load(&mut engine, &storage, &layout, &mut recovery, 1, &LoadProgress::default())?;
    let digest = Digest::of_keyspace(&engine.keyspace);
    Ok(Started { digest, head: recovery.head, new_id: recovery.needs_new_id() })
}

fn pipeline(server: &Server, commands: impl Iterator<Item = Vec<u8>>) {
    let mut client = server.client();
    let commands: Vec<Vec<u8>> = commands.collect();
    client.send_raw(&commands.concat()).unwrap();
    for _ in commands {
        let reply = client.read().unwrap();
        assert!(!matches!(reply, Value::Error(_)), "{reply:?}");
    }
}

fn sets(range: std::ops::Range<usize>) -> impl Iterator<Item = Vec<u8>> {
    range.map(|n| {
        let (key, value) = (format!("key:{}", n % 300), vec![b'a' + (n % 26) as u8; n % 90]);
        encode(&[b"SET", key.as_bytes(), &value])
    })
}

/// Collections of all types: those that are called small are packed, the large ones are not.
fn collections(round: usize) -> impl Iterator<Item = Vec<u8>> {
    // Too long for packed hashes, sets and sorted sets.
    let long = "long ".repeat(20).replace(' ', "-");
    let element = "e".repeat(500);
    let mut lines = Vec::new();
    for n in round * 12..round * 12 + 12 {
        for size in ["small", "large"] {
            let value = if size == "large" && n % 4 == 0 { long.as_str() } else { "v" };
            lines.push(format!("HSET hash:{size} f{n} {value}{n} {n} {n}"));
            lines.push(format!("SADD set:{size} m{n} {n} {value}{n}"));
            lines.push(format!("ZADD zset:{size} {n}.5 m{n} -{n}.25 {value}{n}"));
            let element = if size == "large" { element.as_str() } else { "e" };
            lines.push(format!("RPUSH list:{size} {n} {element}"));
        }
        lines.push(format!("SADD integers {n} {}", n * 100_000));
        lines.push(format!("XADD stream {n}-1 field {n} other {}", "o".repeat(n * 10)));
        lines.push(format!("PFADD sketch {n}"));
    }
    lines.push(format!("XGROUP CREATE stream group:{round} 0"));
    lines.push(format!("XREADGROUP GROUP group:{round} one COUNT 9 STREAMS stream >"));
    lines.push("SPOP set:small 2".to_owned());
    lines.push("ZPOPMIN zset:large".to_owned());
    lines.push(format!("XDEL stream {}-1", round * 12 + 3));
    lines.into_iter().map(|line| {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        encode(&words)
    })
}

/// A snapshot, segments before and after it, as a stopped server leaves them.
fn build(data: &Path) {
    fill_and_stop(Server::vellum(data, &["--aof-segment-size", "1mb"]), 600_000);
}

fn fill_and_stop(mut server: Server, long_len: usize) {
    for (round, from) in [0, 150].into_iter().enumerate() {
        pipeline(&server, sets(from..from + 150));
        pipeline(&server, collections(round));
        let mut client = server.client();
        client.command(&["BGREWRITEAOF"]);
        wait_until("the snapshot to end", || client.info("aof_rewrite_in_progress") == "0");
    }
    // One at a time: a frame each.
    for command in sets(300..400) {
        pipeline(&server, std::iter::once(command));
    }
    pipeline(&server, collections(2));
    let long = vec![b'v'; long_len];
    pipeline(&server, (0..2).map(|_| encode(&[b"SET", b"long", &long])));
    server.restart();
    pipeline(&server, sets(400..500));
    assert!(server.stop().success());
}

/// The kind of a refusal, without the place.
fn reason(error: &LoadError) -> String {
    match error {
        LoadError::Log(LogError::Damaged { what, .. }) => format!("segment: {what}"),
        LoadError::Log(LogError::Manifest { what, .. }) => format!("manifest: {what}"),
        LoadError::Log(LogError::Missing { .. }) => "a file the manifest names is missing".into(),
        LoadError::Log(LogError::Version { .. }) => "a later version".into(),
        LoadError::Log(LogError::Gap { .. }) => "a gap between segments".into(),
        LoadError::Snapshot { .. } => "snapshot".into(),
        other => format!("{other}"),
    }
}

#[test]
fn two_thousand_flipped_bits_are_told_and_none_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    build(&data);
    let expected = start(&data).unwrap();
    let files = files_below(&data.join("appendonlydir"));
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    assert!(files.iter().any(|path| name(path).ends_with(".base.rdb")), "{files:?}");
    assert!(files.iter().filter(|path| name(path).ends_with(".incr.aof")).count() > 1, "{files:?}");
    let mut rng = fastrand::Rng::with_seed(2000);
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    let mut harmless = 0;
    for n in 0..2000 {
        let path = &files[n % files.len()];
        let bit = rng.u64(..std::fs::metadata(path).unwrap().len() * 8);
        let place = format!("bit {} of byte {} of {}", bit % 8, bit / 8, name(path));
        flip_bit(path, bit);
        let (status, out, _) = tool(&RealDisk, "", &["verify", data.to_str().unwrap()]);
        assert_eq!(status, EXIT_DAMAGED, "{place}: {out}");
        assert!(out.contains(&name(path)), "{place} is told elsewhere: {out}");
        match start(&data) {
            Err(error) => {
                let told = error.to_string();
                assert!(told.contains(&name(path)) || told.contains("manifest names"), "{told}");
                *reasons.entry(reason(&error)).or_default() += 1;
            }
            Ok(found) => {
                assert_eq!(found, expected, "{place} was served");
                harmless += 1;
            }
        }
        flip_bit(path, bit);
    }
    assert_eq!(start(&data).unwrap(), expected);
    println!("{harmless} without consequence, {reasons:#?}");
    // Only the manifest's own checksum line may go unnoticed at a start: without it the manifest is
    // one that Redis has rewritten, which names the same files.
    assert!(harmless <= 2000 / 20, "{harmless} flips were passed over");
    let kinds = ["segment: the checksum", "segment: the frame header", "manifest: ", "snapshot"];
    for kind in kinds {
        assert!(reasons.keys().any(|reason| reason.starts_with(kind)), "{kind}: {reasons:?}");
    }
}

/// What the test above looks at would show a flip that gets through: Redis's own log has no checksums,
/// and there flipped bits are served.
#[cfg(feature = "interop")]
#[test]
fn flips_without_checksums_are_seen_in_the_digest() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let args = ["--appendonly", "yes", "--save", "", "--aof-use-rdb-preamble", "no"];
    fill_and_stop(Server::redis(&data, &args), 10);
    let expected = start(&data).unwrap();
    let mut files = files_below(&data.join("appendonlydir"));
    files.retain(|path| path.to_string_lossy().ends_with(".aof"));
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut served, mut told) = (0, 0);
    for n in 0..100 {
        let path = &files[n % files.len()];
        let bit = rng.u64(..std::fs::metadata(path).unwrap().len() * 8);
        flip_bit(path, bit);
        let (status, _, _) = tool(&RealDisk, "", &["verify", data.to_str().unwrap()]);
        match start(&data) {
            Ok(found) if found.digest != expected.digest => served += 1,
            _ => told += u64::from(status != EXIT_CLEAN),
        }
        flip_bit(path, bit);
    }
    assert!(served > 10, "{served}");
    assert!(told > 10, "{told}");
}

/// Runs a program to its end: status, output, errors.
fn ran(program: &mut Command) -> (Option<i32>, String, String) {
    let output = program.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_programs_name_the_damage_and_what_mends_it() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    build(&whole);
    let files = files_below(&whole.join("appendonlydir"));
    for (n, path) in files.iter().enumerate() {
        let data = dir.path().join(format!("data-{n}"));
        copy_dir(&whole, &data);
        let path = data.join(path.strip_prefix(&whole).unwrap());
        let len = std::fs::metadata(&path).unwrap().len();
        // Base and dump.rdb are one file in a directory that is not a copy.
        if path.to_string_lossy().ends_with(".base.rdb") {
            std::fs::remove_file(data.join("dump.rdb")).unwrap();
            std::fs::hard_link(&path, data.join("dump.rdb")).unwrap();
        }
        flip_bit(&path, len / 3 * 8);
        let name = path.to_str().unwrap();

        let tool = |args: &[&str]| {
            ran(Command::new(env!("CARGO_BIN_EXE_vellum-log")).args(args).arg(&data))
        };
        let (status, out, errors) = tool(&["verify"]);
        assert_eq!((status, &*errors), (Some(i32::from(EXIT_DAMAGED)), ""), "{out}");
        assert!(out.contains(name) && out.ends_with("DAMAGED\n"), "{out}");

        let mut server = Server::prepare(Program::Vellum, &data, &[]);
        server.spawn();
        assert!(!server.wait_end().success(), "served {name}: {}", server.log());
        let log = server.log();
        assert!(log.contains(name), "{log}");
        assert!(log.contains("vellum-log repair"), "{log}");

        let (status, out, errors) = tool(&["repair", "--yes"]);
        if name.ends_with(".base.rdb") {
            // The archive still has the segments from the first one on.
            println!("{status:?} {out} {errors}");
            continue;
        }
        assert_eq!((status, &*errors), (Some(0), ""), "{out}");
        assert_eq!(tool(&["verify"]).0, Some(i32::from(EXIT_CLEAN)));
        server.launch();
        assert!(server.client().command(&["DBSIZE"]).integer() > 100);
    }
}
