//! What BGSAVE does to clients: 50 write, one more measures how long each of its commands takes.
//!
//! Memory is the most the process had meanwhile, above what it had before. A server that forks has a
//! second process beside it: the pages only that one has are added.

use std::time::{Duration, Instant};

use crate::contest::{Contest, Side};
use crate::probe::Probe;
use crate::redis_benchmark::{Load, Work};
use crate::support::{PATIENCE, Server};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::plain("longest before ms", 1),
    Figure::compared("longest meanwhile ms", 1),
    Figure::plain("memory rise %", 1),
    Figure::compared("took s", 2),
];
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Measures with and without a log.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "BGSAVE under 50 writing clients: {} keys of {} bytes, medians of {} rounds",
        options.bulk_keys(),
        options.bulk_value_len,
        options.rounds
    );
    let mut table = Table::new(contest, title, &["appendfsync"], FIGURES);
    for policy in ["off", "everysec", "always"] {
        for sides in contest.rounds() {
            for side in sides {
                let (keys, value_len) = (options.bulk_keys(), options.bulk_value_len);
                let server = contest.start_with(side, policy, keys, value_len);
                table.add([policy], side.index, one(contest, side, &server));
            }
        }
    }
    vec![table]
}

/// The four figures, in their order.
fn one(contest: &Contest, side: Side, server: &Server) -> [f64; 4] {
    let options = &contest.options;
    let mut probe = Probe::new(server);
    let writers = Load::new(Work::Test("SET"), 0, options.bulk_keys());
    let _writers = Load { value_len: options.bulk_value_len, ..writers }.go_on(server.port);
    // What is seen before the snapshot begins is the machine's doing.
    let started = Instant::now();
    while started.elapsed() < options.before() {
        probe.send();
    }
    let before = probe.take();
    let begun = Instant::now();
    probe.client.command(&["BGSAVE"]);
    let mut control = server.client();
    let mut looked = Instant::now();
    loop {
        probe.send();
        if looked.elapsed() > LOOK_EVERY {
            if control.info("rdb_bgsave_in_progress") == "0" {
                break;
            }
            looked = Instant::now();
        }
        assert!(begun.elapsed() < PATIENCE, "{} does not end its snapshot", side.name);
    }
    let took = begun.elapsed();
    assert_eq!(control.info("rdb_last_bgsave_status"), "ok");
    let second_process = control.info("rdb_last_cow_size").parse::<f64>().unwrap();
    let meanwhile = probe.take();
    let rise = meanwhile.resident_max - before.resident_max + second_process;
    [
        before.longest_ms(),
        meanwhile.longest_ms(),
        100.0 * rise / before.resident_max,
        took.as_secs_f64(),
    ]
}
