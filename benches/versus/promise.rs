//! What it costs that no reply shows a value which is not on disk yet: reads of keys that are being
//! written at that moment wait for the disk, reads of other keys do not.
//!
//! Readers and the number of writers are the same in both rows; only the keys that are written differ.

use crate::contest::Contest;
use crate::process::ProcessorTime;
use crate::redis_benchmark::{Load, Work};
use crate::table::{Figure, Table};

/// Few enough that most of them are being written at any time.
const KEYS: u64 = 100;
const WRITERS: u64 = 50;
/// The value has as many bytes as those of redis-benchmark's own SET here.
const SET_OTHER: &[&str] = &[
    "SET",
    "other:__rand_int__",
    "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv",
];

const FIGURES: &[Figure] = &[
    Figure::compared("GET requests/s", 0),
    Figure::compared("GET p99 ms", 2),
    Figure::compared("CPU us/GET", 2),
];

/// Every depth, with both kinds of writers.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "The promise: GET of 50 clients beside {WRITERS} writers under always, {KEYS} keys, \
         medians of {} rounds",
        options.rounds
    );
    let mut table = Table::new(contest, title, &["keys read", "depth"], FIGURES);
    let writers =
        [("others than written", Work::Command(SET_OTHER)), ("those written", Work::Test("SET"))];
    for sides in contest.rounds() {
        for (side, server) in contest.start_all(&sides, "always", KEYS) {
            for (name, work) in writers {
                let writers = Load { clients: WRITERS, ..Load::new(work, 0, KEYS) };
                let _writers = writers.go_on(server.port);
                for &depth in &options.depths {
                    let requests = options.requests * if depth > 1 { 5 } else { 1 };
                    let reads = Load { depth, ..Load::new(Work::Test("GET"), requests, KEYS) };
                    let time = ProcessorTime::of(server.pid());
                    let outcome = reads.run(server.port);
                    let cpu_us = time.us_each(requests);
                    let figures = [outcome.requests_per_s, outcome.p99_ms, cpu_us];
                    table.add([name, &depth.to_string()], side.index, figures);
                }
            }
        }
    }
    vec![table]
}
