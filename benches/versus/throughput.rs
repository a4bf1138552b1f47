//! SET and GET of 64-byte values with redis-benchmark: policies, clients, pipeline depths.
//!
//! Both servers of a round are up at once and filled alike; they take turns run by run. The processor
//! time a request costs the server is the steadier figure on a machine that does other things as well.

use crate::contest::{Contest, VALUE_LEN};
use crate::disk::writes_per_s;
use crate::process::ProcessorTime;
use crate::redis_benchmark::{Load, Work};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::compared("requests/s", 0),
    Figure::plain("p99 ms", 2),
    Figure::compared("CPU us/request", 2),
];

const DISK_FIGURES: &[Figure] =
    &[Figure::plain("writes/s", 0), Figure::plain("by Vellum's SETs", 2)];

/// Measures the whole matrix. With `always` also the bare disk, before every run of one client.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "Throughput: {VALUE_LEN}-byte values, {} keys, medians of {} rounds",
        options.keys, options.rounds
    );
    let keys = &["appendfsync", "command", "clients", "depth"];
    let mut table = Table::new(contest, title, keys, FIGURES);
    let title = "128 bytes written over and synced, beside one client under always";
    let mut disk = Table::of_one(title, &["file"], DISK_FIGURES);
    for policy in &options.policies {
        for sides in contest.rounds() {
            let servers = contest.start_all(&sides, policy, options.keys);
            for (test, load) in loads(contest, policy) {
                let waits_for_disk = policy == "always" && test == "SET" && load.clients == 1;
                let bare = (waits_for_disk && load.depth == 1).then(|| writes_per_s(contest));
                for (side, server) in &servers {
                    let time = ProcessorTime::of(server.pid());
                    let outcome = load.run(server.port);
                    let cpu_us = time.us_each(load.requests);
                    let (clients, depth) = (load.clients.to_string(), load.depth.to_string());
                    let key = [policy.as_str(), test, clients.as_str(), depth.as_str()];
                    let figures = [outcome.requests_per_s, outcome.p99_ms, cpu_us];
                    table.add(key, side.index, figures);
                    if let Some(bare) = bare.filter(|_| side.index == 0) {
                        disk.add(["the disk alone"], 0, [bare, bare / outcome.requests_per_s]);
                    }
                }
            }
        }
    }
    if disk.is_empty() { vec![table] } else { vec![table, disk] }
}

/// All runs of one policy. A run with one client waits for every reply, and under `always` for the
/// disk as well: it has fewer requests, a deep pipeline has more.
fn loads(contest: &Contest, policy: &str) -> Vec<(&'static str, Load)> {
    let options = &contest.options;
    let mut loads = Vec::new();
    for &clients in &options.clients {
        for &depth in &options.depths {
            for test in ["SET", "GET"] {
                let waits = policy == "always" && test == "SET";
                let share = match (clients, waits) {
                    (1, true) => 0.05,
                    (1, false) => 0.3,
                    _ => 1.0,
                };
                let more = if depth > 1 { 5.0 } else { 1.0 };
                let requests = (options.requests as f64 * share * more) as u64;
                let requests = requests.max(clients * depth);
                let all = Load::new(Work::Test(test), requests, options.keys);
                loads.push((test, Load { clients, depth, ..all }));
            }
        }
    }
    loads
}
