//! GET of 50 clients while one more writes all the time under `always`: do reads wait for the disk?

use std::time::Instant;

use crate::contest::Contest;
use crate::redis_benchmark::{Load, Work};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::compared("GET requests/s", 0),
    Figure::compared("GET p99 ms", 2),
    Figure::plain("writes/s meanwhile", 0),
];

/// Every depth; the writer never has more than one command on its way.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "GET of 50 clients while one writes under always: {} keys, medians of {} rounds",
        options.keys, options.rounds
    );
    let mut table = Table::new(contest, title, &["depth"], FIGURES);
    for sides in contest.rounds() {
        for (side, server) in contest.start_all(&sides, "always", options.keys) {
            let writer = Load { clients: 1, ..Load::new(Work::Test("SET"), 0, options.keys) };
            let _writer = writer.go_on(server.port);
            let mut control = server.client();
            let mut done = || control.info("total_commands_processed").parse::<f64>().unwrap();
            for &depth in &options.depths {
                let requests = options.requests * if depth > 1 { 5 } else { 1 };
                let reads = Load { depth, ..Load::new(Work::Test("GET"), requests, options.keys) };
                let (before, started) = (done(), Instant::now());
                let outcome = reads.run(server.port);
                let took = started.elapsed().as_secs_f64();
                let writes = (done() - before - requests as f64) / took;
                let figures = [outcome.requests_per_s, outcome.p99_ms, writes];
                table.add([&depth.to_string()], side.index, figures);
            }
        }
    }
    vec![table]
}
