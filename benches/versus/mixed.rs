//! Nine reads to a write at the same rate for both servers: how long commands wait, and what each costs.
//!
//! Waits at full load only say how long the queue is. So it is found out first what each server takes,
//! and then both get the same share of what the slower one takes.

use std::time::Duration;

use crate::contest::{Contest, Guest, Side};
use crate::generator::{Plan, Work};
use crate::process::ProcessorTime;
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::plain("answered/s", 0),
    Figure::compared("p50 ms", 3),
    Figure::compared("p99 ms", 3),
    Figure::compared("p99.9 ms", 3),
    Figure::compared("CPU us/request", 2),
];
const CLIENTS: u64 = 50;
/// Of what the slower server takes.
const SHARE: f64 = 0.7;

/// Every policy and depth.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "Mixed: 90% GET, 10% SET, {CLIENTS} clients, {} keys, {:.0}% of what the slower server takes, \
         medians of {} rounds",
        options.keys,
        SHARE * 100.0,
        options.rounds
    );
    let keys = &["appendfsync", "depth", "offered/s"];
    let mut table = Table::new(contest, title, keys, FIGURES);
    for policy in &options.policies {
        let mut rates: Option<Vec<f64>> = None;
        for sides in contest.rounds() {
            let servers = contest.start_all(&sides, policy, options.keys);
            let rates = rates.get_or_insert_with(|| {
                options.depths.iter().map(|&depth| rate(contest, depth, &servers)).collect()
            });
            for (&depth, &rate) in options.depths.iter().zip(&*rates) {
                for (side, server) in &servers {
                    let time = ProcessorTime::of(server.pid());
                    let outcome = plan(contest, depth, Some(rate)).run(server.port);
                    let figures = [
                        outcome.requests_per_s(),
                        outcome.wait_ms(0.5),
                        outcome.wait_ms(0.99),
                        outcome.wait_ms(0.999),
                        time.us_each(outcome.requests()),
                    ];
                    let key = [policy.as_str(), &depth.to_string(), &format!("{rate:.0}")];
                    table.add(key, side.index, figures);
                }
            }
        }
    }
    vec![table]
}

fn plan(contest: &Contest, depth: u64, rate: Option<f64>) -> Plan {
    let options = &contest.options;
    let work = Work::Mixed { keys: options.keys };
    let lasts = Duration::from_secs_f64(options.seconds);
    Plan { work, clients: CLIENTS, depth, rate, lasts }
}

/// The rate for both.
fn rate(contest: &Contest, depth: u64, servers: &[(Side, Guest)]) -> f64 {
    let all = servers.iter().map(|(_, server)| plan(contest, depth, None).run(server.port));
    SHARE * all.map(|outcome| outcome.requests_per_s()).fold(f64::INFINITY, f64::min)
}
