//! Commands of every data type in a pipeline, as redis-benchmark sends them: Vellum with a log and
//! without, redis-server without.

use crate::contest::{Contest, Guest, Side};
use crate::process::ProcessorTime;
use crate::redis_benchmark::{Load, Work};
use crate::table::{Figure, Table};

const DEPTH: u64 = 16;
/// Runs have so many times more requests than those without a pipeline.
const MORE: u64 = 4;

const FIGURES: &[Figure] = &[
    Figure::compared("requests/s", 0),
    Figure::plain("p99 ms", 2),
    Figure::compared("CPU us/request", 2),
];

/// One row of the table.
struct Command {
    name: &'static str,
    work: Work,
    /// It has so many times fewer requests than the others.
    fewer: u64,
}

impl Command {
    const fn test(name: &'static str) -> Self {
        Self { name, work: Work::Test(name), fewer: 1 }
    }

    const fn words(name: &'static str, words: &'static [&'static str], fewer: u64) -> Self {
        Self { name, work: Work::Command(words), fewer }
    }
}

/// In an order in which each finds what the ones before have written, and takes no more than that.
const COMMANDS: &[Command] = &[
    Command::test("LPUSH"),
    Command::test("RPUSH"),
    Command::words("LRANGE of 100", &["LRANGE", "mylist", "0", "99"], 10),
    Command::words("LRANGE of 600", &["LRANGE", "mylist", "0", "599"], 40),
    Command::test("LPOP"),
    Command::test("RPOP"),
    Command::test("SADD"),
    Command::words("SISMEMBER", &["SISMEMBER", "myset", "element:__rand_int__"], 1),
    Command::test("SPOP"),
    Command::test("HSET"),
    Command::words("HGET", &["HGET", "myhash", "element:__rand_int__"], 1),
    Command::words("HSET of small hashes", &["HSET", "h:__rand_int__", "field", "__rand_int__"], 1),
    Command::test("ZADD"),
    Command::words("ZSCORE", &["ZSCORE", "myzset", "element:__rand_int__"], 1),
    Command::words("ZRANK", &["ZRANK", "myzset", "element:__rand_int__"], 1),
    Command::words("ZRANGE of 100", &["ZRANGE", "myzset", "1000", "1099"], 10),
    Command::test("ZPOPMIN"),
    Command::words("XADD", &["XADD", "mystream", "*", "field", "__rand_int__"], 1),
    Command::words("XRANGE of 100", &["XRANGE", "mystream", "-", "+", "COUNT", "100"], 20),
    Command::test("INCR"),
    Command::test("MSET"),
];

/// Every command, with Vellum's log synced before each reply and without a log.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "Types: 50 clients, pipeline {DEPTH}, {} elements, Redis without a log, medians of {} rounds",
        options.keys, options.rounds
    );
    let mut table = Table::new(contest, title, &["Vellum's appendfsync", "command"], FIGURES);
    for policy in ["always", "off"] {
        for sides in contest.rounds() {
            let servers: Vec<_> =
                sides.iter().map(|&side| (side, start(contest, side, policy))).collect();
            for command in COMMANDS {
                let requests = options.requests * MORE / command.fewer;
                let all = Load::new(command.work, requests.max(50 * DEPTH), options.keys);
                let load = Load { depth: DEPTH, ..all };
                for (side, server) in &servers {
                    let time = ProcessorTime::of(server.pid());
                    let outcome = load.run(server.port);
                    let cpu_us = time.us_each(load.requests);
                    let figures = [outcome.requests_per_s, outcome.p99_ms, cpu_us];
                    table.add([policy, command.name], side.index, figures);
                }
            }
        }
    }
    vec![table]
}

fn start(contest: &Contest, side: Side, policy: &str) -> Guest {
    contest.start(side, if side.index == 0 { policy } else { "off" }, 0)
}
