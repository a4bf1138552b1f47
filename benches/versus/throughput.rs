//! SET and GET of 64-byte values with redis-benchmark: policies, clients, pipeline depths.
//!
//! Both servers of a round are up at once and filled alike; they take turns run by run. The processor
//! time a request costs the server is the steadier figure on a machine that does other things as well.

use std::process::{Command, Stdio};

use crate::contest::{Contest, Side, VALUE_LEN};
use crate::process::processor_time;
use crate::support::Server;
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure { name: "requests/s", decimals: 0, ratio: true },
    Figure { name: "p99 ms", decimals: 2, ratio: false },
    Figure { name: "CPU us/request", decimals: 2, ratio: true },
];

/// One run of redis-benchmark.
#[derive(Clone, Copy, Debug)]
struct Load {
    test: &'static str,
    clients: u64,
    depth: u64,
    requests: u64,
}

struct Outcome {
    requests_per_s: f64,
    p99_ms: f64,
}

/// Measures the whole matrix.
pub fn measure(contest: &Contest) -> String {
    let options = &contest.options;
    let title = format!(
        "Throughput: {VALUE_LEN}-byte values, {} keys, medians of {} rounds",
        options.keys, options.rounds
    );
    let keys = &["appendfsync", "command", "clients", "depth"];
    let mut table = Table::new(contest, title, keys, FIGURES);
    for policy in &options.policies {
        for sides in contest.rounds() {
            let start = |side: &Side| (*side, contest.start(*side, policy, options.keys));
            let servers: Vec<(Side, Server)> = sides.iter().map(start).collect();
            for load in loads(contest, policy) {
                for (side, server) in &servers {
                    let before = processor_time(server.pid());
                    let outcome = run(contest, server.port, load);
                    let used = processor_time(server.pid()).zip(before);
                    let cpu_us = used.map_or(f64::NAN, |(after, before)| {
                        (after - before).as_secs_f64() * 1e6 / load.requests as f64
                    });
                    let (clients, depth) = (load.clients.to_string(), load.depth.to_string());
                    let key = [policy.as_str(), load.test, clients.as_str(), depth.as_str()];
                    table.add(key, *side, [outcome.requests_per_s, outcome.p99_ms, cpu_us]);
                }
            }
        }
    }
    table.print()
}

/// All runs of one policy. A run with one client waits for every reply, and under `always` for the
/// disk as well: it has fewer requests, a deep pipeline has more.
fn loads(contest: &Contest, policy: &str) -> Vec<Load> {
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
                loads.push(Load { test, clients, depth, requests: requests.max(clients * depth) });
            }
        }
    }
    loads
}

fn run(contest: &Contest, port: u16, load: Load) -> Outcome {
    let keys = contest.options.keys.to_string();
    let output = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "--csv", "-r", &keys, "-t", load.test])
        .args(["-p", &port.to_string(), "-d", &VALUE_LEN.to_string()])
        .args(["-c", &load.clients.to_string(), "-P", &load.depth.to_string()])
        .args(["-n", &load.requests.to_string()])
        .stdin(Stdio::null())
        .output();
    let output = output.unwrap_or_else(|e| panic!("redis-benchmark cannot be run: {e}"));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines().map(|line| line.split(',').map(|cell| cell.trim_matches('"')));
    let (Some(head), Some(cells)) = (lines.next(), lines.next()) else {
        panic!("redis-benchmark printed no figures: {text}");
    };
    let cells: Vec<(&str, &str)> = head.zip(cells).collect();
    let cell = |name: &str| {
        let value = cells.iter().find(|(head, _)| *head == name).map(|(_, value)| value.parse());
        value
            .and_then(Result::ok)
            .unwrap_or_else(|| panic!("no {name} from redis-benchmark: {text}"))
    };
    Outcome { requests_per_s: cell("rps"), p99_ms: cell("p99_latency_ms") }
}
