//! How fast `vellum-log verify` reads a log and a snapshot on one core, once the files are in memory.
//!
//! A figure of Vellum alone: bytes are those of the files, each counted once, however often it is read.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::contest::{Contest, Guest, VALUE_LEN};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] =
    &[Figure::plain("files MB", 0), Figure::plain("seconds", 2), Figure::plain("GB/s", 2)];

/// Small and large values, in a log and in a snapshot.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "vellum-log verify on one core, from the page cache, medians of {} rounds",
        options.rounds
    );
    let mut table = Table::of_one(title, &["of", "value bytes"], FIGURES);
    let vellum = contest.sides[0];
    let sizes = [(options.load_keys(), VALUE_LEN), (options.bulk_keys(), options.bulk_value_len)];
    for (keys, value_len) in sizes {
        let mut log = contest.start_with(vellum, "everysec", keys, value_len);
        assert!(log.stop().success());
        let mut snapshot = contest.start_with(vellum, "off", keys, value_len);
        assert!(snapshot.client().command(&["SAVE"]).is_ok());
        assert!(snapshot.stop().success());
        for (name, server) in [("a log", &log), ("a snapshot", &snapshot)] {
            // The first look has the files read from the disk.
            seconds(contest, server);
            for _ in 0..options.rounds {
                let (len, took) = (files_len(&server.dir), seconds(contest, server));
                let figures = [len / 1e6, took, len / 1e9 / took];
                table.add([name, &value_len.to_string()], 0, figures);
            }
        }
    }
    vec![table]
}

/// From starting the tool to its end.
fn seconds(contest: &Contest, server: &Guest) -> f64 {
    let started = Instant::now();
    let output = Command::new("taskset")
        .args(["-c", "0"])
        .arg(tool(contest))
        .args(["verify", "--quiet"])
        .arg(&server.dir)
        .stdin(Stdio::null())
        .output();
    let took = started.elapsed().as_secs_f64();
    let output = output.unwrap_or_else(|e| panic!("taskset cannot be run: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "verify: {}: {said}", output.status);
    took
}

/// The one beside the server that is measured, if there is one.
fn tool(contest: &Contest) -> PathBuf {
    let beside = Path::new(&contest.options.vellum).with_file_name("vellum-log");
    if beside.exists() { beside } else { PathBuf::from(env!("CARGO_BIN_EXE_vellum-log")) }
}

/// Bytes of the log's files and the snapshot's.
fn files_len(dir: &Path) -> f64 {
    let folders = [dir.to_owned(), dir.join("appendonlydir")];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let files = entries.flatten().filter_map(|entry| entry.metadata().ok());
    files.filter(std::fs::Metadata::is_file).map(|file| file.len()).sum::<u64>() as f64
}
