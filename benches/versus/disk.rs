//! The disk alone: what every acknowledged write costs at least. No server can be quicker than this
//! with one client under `appendfsync always`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use crate::contest::Contest;
use crate::table::{Figure, Table};

/// Length of the file that is written over: longer than what is written to it.
const FILE_LEN: usize = 8 * 1024 * 1024;
const WRITES: usize = 300;

const FIGURES: &[Figure] = &[
    Figure::plain("over existing bytes, p50", 0),
    Figure::plain("over existing bytes, p99", 0),
    Figure::plain("appended, p50", 0),
    Figure::plain("appended, p99", 0),
];

/// Writes and syncs pieces of several lengths, over bytes that are there and behind the file's end.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let title = "The disk alone: write and fdatasync, microseconds";
    let mut table = Table::of_one(title, &["bytes"], FIGURES);
    for _ in 0..contest.options.rounds {
        for len in [128, 4096, 65536] {
            let over = times(contest, len, FILE_LEN);
            let appended = times(contest, len, 0);
            let figures = [
                percentile(&over, 50),
                percentile(&over, 99),
                percentile(&appended, 50),
                percentile(&appended, 99),
            ];
            table.add([&len.to_string()], 0, figures);
        }
    }
    vec![table]
}

/// Writes and syncs of 128 bytes a second, over bytes that are there: what one client could have at most.
pub fn writes_per_s(contest: &Contest) -> f64 {
    let times_us = times(contest, 128, FILE_LEN);
    1e6 * times_us.len() as f64 / times_us.iter().sum::<f64>()
}

/// Sorted times, in microseconds, of writes one behind the other into a file of `filled` bytes.
fn times(contest: &Contest, len: usize, filled: usize) -> Vec<f64> {
    let path = contest.dir().join("probe");
    let file = File::create(&path).unwrap();
    file.write_all_at(&vec![b'#'; filled], 0).unwrap();
    file.sync_all().unwrap();
    let piece = vec![b'x'; len];
    let one = |n: usize| {
        let at = n * len;
        let at = if filled > 0 { at % (filled - len) } else { at };
        let started = Instant::now();
        file.write_all_at(&piece, at as u64).unwrap();
        file.sync_data().unwrap();
        started.elapsed().as_secs_f64() * 1e6
    };
    let mut times: Vec<f64> = (0..WRITES).map(one).collect();
    times.sort_by(f64::total_cmp);
    std::fs::remove_file(path).unwrap();
    times
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}
