//! Other shapes of load than SET and GET of small values: many keys a command, large values, many
//! connections.

use crate::contest::{Contest, fill};
use crate::process::ProcessorTime;
use crate::redis_benchmark::{Load, Work};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::compared("requests/s", 0),
    Figure::plain("p99 ms", 2),
    Figure::compared("CPU us/request", 2),
];
const MGET: &[&str] = &[
    "MGET",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
    "key:__rand_int__",
];

/// One row of the table.
struct Shape {
    name: &'static str,
    work: Work,
    clients: u64,
    value_len: usize,
    /// Of the keys there are, so many are named at most: large values take room.
    keys_max: u64,
    /// It has so many times fewer requests than a run of the others.
    fewer: u64,
}

impl Shape {
    const fn new(name: &'static str, work: Work) -> Self {
        Self { name, work, clients: 50, value_len: 64, keys_max: u64::MAX, fewer: 1 }
    }

    const fn large(name: &'static str, test: &'static str, value_len: usize) -> Self {
        let (keys_max, fewer) = if value_len > 100_000 { (100, 200) } else { (10_000, 5) };
        Self { name, work: Work::Test(test), clients: 50, value_len, keys_max, fewer }
    }

    const fn wide(name: &'static str, test: &'static str) -> Self {
        let clients = 2000;
        Self { name, work: Work::Test(test), clients, value_len: 64, keys_max: u64::MAX, fewer: 1 }
    }
}

/// Sorted so that values only get longer: keys that were filled stay filled.
const SHAPES: &[Shape] = &[
    Shape::new("MSET of 10 keys", Work::Test("MSET")),
    Shape::new("MGET of 10 keys", Work::Command(MGET)),
    Shape::wide("SET, 2,000 clients", "SET"),
    Shape::wide("GET, 2,000 clients", "GET"),
    Shape::large("SET of 10 KB", "SET", 10_000),
    Shape::large("GET of 10 KB", "GET", 10_000),
    Shape::large("SET of 1 MB", "SET", 1_000_000),
    Shape::large("GET of 1 MB", "GET", 1_000_000),
];

/// Every shape without a log and under `always`.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "Other shapes: 50 clients, no pipeline, {} keys, medians of {} rounds",
        options.keys, options.rounds
    );
    let mut table = Table::new(contest, title, &["appendfsync", "work"], FIGURES);
    for policy in ["off", "always"] {
        for sides in contest.rounds() {
            let servers = contest.start_all(&sides, policy, options.keys);
            let mut filled_len = 64;
            for shape in SHAPES {
                let keys = options.keys.min(shape.keys_max);
                let requests = (options.requests / shape.fewer).max(shape.clients);
                let load = Load {
                    clients: shape.clients,
                    value_len: shape.value_len,
                    ..Load::new(shape.work, requests, keys)
                };
                for (side, server) in &servers {
                    if shape.value_len > filled_len {
                        fill(&mut server.client(), keys, shape.value_len);
                    }
                    let time = ProcessorTime::of(server.pid());
                    let outcome = load.run(server.port);
                    let cpu_us = time.us_each(requests);
                    let figures = [outcome.requests_per_s, outcome.p99_ms, cpu_us];
                    table.add([policy, shape.name], side.index, figures);
                }
                filled_len = shape.value_len;
            }
        }
    }
    vec![table]
}
