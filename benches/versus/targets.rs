//! What Vellum is to reach, and whether it did: every target with the medians that decide on it.

use crate::options::Group;
use crate::table::{Table, line};

/// A median.
#[derive(Clone, Copy)]
struct Cell {
    group: Group,
    /// The row; `*` for any.
    key: &'static [&'static str],
    figure: &'static str,
    side: usize,
}

/// What is compared with the bound.
#[derive(Clone, Copy)]
enum Measure {
    Value(Cell),
    Ratio(Cell, Cell),
    /// The ratio Vellum : Redis of this figure where it is greatest, of all rows of the group.
    Greatest(Group, &'static str),
    /// Where it is least.
    Least(Group, &'static str),
    /// Of the rows whose key begins so, the ratio where it is least.
    LeastOf(Group, &'static str, &'static str),
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

struct Target {
    work: &'static str,
    measure: Measure,
    bound: Bound,
}

use Bound::{AtLeast, AtMost};
use Measure::{Greatest, Least, LeastOf, Ratio, Value};

const fn vellum(group: Group, key: &'static [&'static str], figure: &'static str) -> Cell {
    Cell { group, key, figure, side: 0 }
}

const fn redis(group: Group, key: &'static [&'static str], figure: &'static str) -> Cell {
    Cell { group, key, figure, side: 1 }
}

/// Vellum : Redis in the same row.
const fn by_redis(group: Group, key: &'static [&'static str], figure: &'static str) -> Measure {
    Ratio(vellum(group, key, figure), redis(group, key, figure))
}

/// Requests a second, Vellum : Redis, in a row of throughput.
const fn rate(key: &'static [&'static str]) -> Measure {
    by_redis(Group::Throughput, key, "requests/s")
}

/// The same where Redis has another row, without a log.
const fn rate_by(key: &'static [&'static str], without_log: &'static [&'static str]) -> Measure {
    let group = Group::Throughput;
    Ratio(vellum(group, key, "requests/s"), redis(group, without_log, "requests/s"))
}

const fn target(work: &'static str, measure: Measure, bound: Bound) -> Target {
    Target { work, measure, bound }
}

const TARGETS: &[Target] = &[
    target(
        "`always`, SET, 50 clients, pipeline 16: requests/s by Redis's",
        rate(&["always", "SET", "50", "16"]),
        AtLeast(2.5),
    ),
    target(
        "`always`, SET, 50 clients, pipeline 16: requests/s by Redis's without a log",
        rate_by(&["always", "SET", "50", "16"], &["off", "SET", "50", "16"]),
        AtLeast(1.5),
    ),
    target(
        "`always`, SET, 50 clients, no pipeline: requests/s by Redis's",
        rate(&["always", "SET", "50", "1"]),
        AtLeast(1.5),
    ),
    target(
        "`always`, SET, 50 clients, no pipeline: requests/s by Redis's without a log",
        rate_by(&["always", "SET", "50", "1"], &["off", "SET", "50", "1"]),
        AtLeast(1.0),
    ),
    target(
        "`always`, SET, 200 clients, no pipeline: requests/s by Redis's",
        rate(&["always", "SET", "200", "1"]),
        AtLeast(1.5),
    ),
    target(
        "`always`, SET, 200 clients, no pipeline: requests/s by Redis's without a log",
        rate_by(&["always", "SET", "200", "1"], &["off", "SET", "200", "1"]),
        AtLeast(1.0),
    ),
    target(
        "`always`, SET, one client: requests/s by Redis's",
        rate(&["always", "SET", "1", "1"]),
        AtLeast(1.35),
    ),
    target(
        "`always`, SET, one client: time a request by that of writing over 128 bytes and fdatasync",
        Value(vellum(Group::Throughput, &["the disk alone"], "by Vellum's SETs")),
        AtMost(1.3),
    ),
    target(
        "`everysec`, SET, 50 clients, pipeline 16: requests/s by Redis's",
        rate(&["everysec", "SET", "50", "16"]),
        AtLeast(2.0),
    ),
    target(
        "no log, SET, 50 clients, pipeline 16: requests/s by Redis's",
        rate(&["off", "SET", "50", "16"]),
        AtLeast(2.0),
    ),
    target(
        "GET, 50 clients, pipeline 16: requests/s by Redis's",
        rate(&["off", "GET", "50", "16"]),
        AtLeast(1.6),
    ),
    target(
        "GET, 50 clients, pipeline 16: % of a server that only answers +OK",
        Value(vellum(Group::Limit, &["Vellum", "16"], "% of the limit")),
        AtLeast(90.0),
    ),
    target(
        "GET, 50 clients, while one writes under `always`: requests/s by Redis's",
        by_redis(Group::Beside, &["1"], "GET requests/s"),
        AtLeast(1.0),
    ),
    target(
        "GET, 50 clients, while one writes under `always`: p99 by Redis's",
        by_redis(Group::Beside, &["1"], "GET p99 ms"),
        AtMost(1.0),
    ),
    target(
        "mixed at equal load: p99 by Redis's, the worst row",
        Greatest(Group::Mixed, "p99 ms"),
        AtMost(1.0),
    ),
    target(
        "mixed at equal load: p99.9 by Redis's, the worst row",
        Greatest(Group::Mixed, "p99.9 ms"),
        AtMost(1.0),
    ),
    target(
        "mixed at equal load: CPU a request by Redis's, the worst row",
        Greatest(Group::Mixed, "CPU us/request"),
        AtMost(1.0),
    ),
    target(
        "throughput: CPU a request by Redis's, the worst row",
        Greatest(Group::Throughput, "CPU us/request"),
        AtMost(1.0),
    ),
    target(
        "longest wait while keys are inserted, no log, ms",
        Value(vellum(Group::Stall, &["off"], "longest inserting ms")),
        AtMost(5.0),
    ),
    target(
        "longest wait while keys are inserted, `always`, ms",
        Value(vellum(Group::Stall, &["always"], "longest inserting ms")),
        AtMost(5.0),
    ),
    target(
        "memory a key, 64-byte values: used_memory by Redis's",
        by_redis(Group::Memory, &["64", "*"], "used_memory"),
        AtMost(0.7),
    ),
    target(
        "memory a key, 3-byte values: used_memory by Redis's",
        by_redis(Group::Memory, &["3", "*"], "used_memory"),
        AtMost(0.7),
    ),
    target(
        "start on a snapshot: keys/s by Redis's",
        by_redis(Group::Load, &["a snapshot"], "keys/s"),
        AtLeast(2.0),
    ),
    // Both of two cores are used if it is more than one and a half: some of a start is one thread's.
    target(
        "start on a snapshot: cores used",
        Value(vellum(Group::Load, &["a snapshot"], "cores used")),
        AtLeast(1.5),
    ),
    target(
        "start on a log: keys/s by Redis's",
        by_redis(Group::Load, &["a log of SETs"], "keys/s"),
        AtLeast(2.0),
    ),
    target(
        "full sync, no log: time by Redis's",
        by_redis(Group::Sync, &["off"], "seconds"),
        AtMost(0.5),
    ),
    target(
        "full sync, `always`: time by Redis's",
        by_redis(Group::Sync, &["always"], "seconds"),
        AtMost(0.5),
    ),
    target(
        "full sync, no log: new snapshots",
        Value(vellum(Group::Sync, &["off"], "new snapshots")),
        AtMost(0.0),
    ),
    target(
        "full sync, `always`: new snapshots",
        Value(vellum(Group::Sync, &["always"], "new snapshots")),
        AtMost(0.0),
    ),
    target(
        "full sync, no log: the master's p99 by its idle one",
        Value(vellum(Group::Sync, &["off"], "times idle")),
        AtMost(1.5),
    ),
    target(
        "full sync, `always`: the master's p99 by its idle one",
        Value(vellum(Group::Sync, &["always"], "times idle")),
        AtMost(1.5),
    ),
    target(
        "full sync, no log: the master's memory rises by MiB",
        Value(vellum(Group::Sync, &["off"], "memory rise MiB")),
        AtMost(64.0),
    ),
    target(
        "full sync, `always`: the master's memory rises by MiB",
        Value(vellum(Group::Sync, &["always"], "memory rise MiB")),
        AtMost(64.0),
    ),
    target(
        "snapshot under writes, no log: longest wait, ms",
        Value(vellum(Group::Snapshot, &["off"], "longest meanwhile ms")),
        AtMost(5.0),
    ),
    target(
        "snapshot under writes, `everysec`: longest wait, ms",
        Value(vellum(Group::Snapshot, &["everysec"], "longest meanwhile ms")),
        AtMost(5.0),
    ),
    target(
        "snapshot under writes, `always`: longest wait, ms",
        Value(vellum(Group::Snapshot, &["always"], "longest meanwhile ms")),
        AtMost(5.0),
    ),
    target(
        "snapshot under writes, no log: memory rises by %",
        Value(vellum(Group::Snapshot, &["off"], "memory rise %")),
        AtMost(5.0),
    ),
    target(
        "snapshot under writes, `everysec`: memory rises by %",
        Value(vellum(Group::Snapshot, &["everysec"], "memory rise %")),
        AtMost(5.0),
    ),
    target(
        "snapshot under writes, `always`: memory rises by %",
        Value(vellum(Group::Snapshot, &["always"], "memory rise %")),
        AtMost(5.0),
    ),
    target(
        "snapshot under writes: time by Redis's, the worst row",
        Greatest(Group::Snapshot, "took s"),
        AtMost(1.0),
    ),
    target(
        "`vellum-log verify` of a log of 64-byte values, one core, GB/s",
        Value(vellum(Group::Verify, &["a log", "64"], "GB/s")),
        AtLeast(1.0),
    ),
    target(
        "`vellum-log verify` of a snapshot of 64-byte values, one core, GB/s",
        Value(vellum(Group::Verify, &["a snapshot", "64"], "GB/s")),
        AtLeast(1.0),
    ),
    target(
        "many keys a command, large values, 2,000 clients: requests/s by Redis's, the worst row",
        Least(Group::Shapes, "requests/s"),
        AtLeast(1.0),
    ),
    target(
        "many keys a command, large values, 2,000 clients: CPU a request by Redis's, the worst row",
        Greatest(Group::Shapes, "CPU us/request"),
        AtMost(1.0),
    ),
    target(
        "commands of all types under `always`, pipeline 16: requests/s by Redis's without a log, the worst row",
        LeastOf(Group::Types, "always", "requests/s"),
        AtLeast(1.0),
    ),
    target(
        "the same without a log: requests/s by Redis's, the worst row",
        LeastOf(Group::Types, "off", "requests/s"),
        AtLeast(1.0),
    ),
    target(
        "small hashes: used_memory by Redis's",
        by_redis(Group::Elements, &["small hashes: 5 fields of 8 bytes", "*", "*"], "used_memory"),
        AtMost(0.8),
    ),
    target(
        "a large sorted set: used_memory by Redis's",
        by_redis(Group::Elements, &["one sorted set: 16-byte members", "*", "*"], "used_memory"),
        AtMost(0.8),
    ),
    target(
        "elements of all types: used_memory by Redis's, the worst row",
        Greatest(Group::Elements, "used_memory"),
        AtMost(0.8),
    ),
];

/// Every target beside what was measured; those of groups that were not are left out. Nothing if that
/// leaves none.
pub fn compare(measured: &[(Group, Vec<Table>)]) -> Option<String> {
    let mut lines = vec![
        "### The targets".to_owned(),
        String::new(),
        "| work | target | measured | met |".to_owned(),
        "| --- | ---: | ---: | --- |".to_owned(),
    ];
    let head_len = lines.len();
    for Target { work, measure, bound } in TARGETS {
        let Some(value) = measure.of(measured) else { continue };
        let (asked, is_met) = match *bound {
            AtLeast(least) => (format!(">= {least}"), value >= least),
            AtMost(most) => (format!("<= {most}"), value <= most),
        };
        let met = if is_met { "yes" } else { "no" };
        lines.push(line(&[(*work).to_owned(), asked, format!("{value:.2}"), met.to_owned()]));
    }
    (lines.len() > head_len).then(|| lines.join("\n") + "\n")
}

impl Measure {
    fn of(&self, measured: &[(Group, Vec<Table>)]) -> Option<f64> {
        let median = |cell: &Cell| {
            let mut tables = tables(measured, cell.group);
            tables.find_map(|table| table.median(cell.key, cell.figure, cell.side))
        };
        let ratios = |group: Group, begin: &str, figure: &str| {
            let ratios: Vec<f64> =
                tables(measured, group).flat_map(|table| table.ratios(begin, figure)).collect();
            ratios.into_iter()
        };
        match self {
            Value(cell) => median(cell),
            Ratio(cell, other) => Some(median(cell)? / median(other)?),
            Greatest(group, figure) => ratios(*group, "*", figure).reduce(f64::max),
            Least(group, figure) => ratios(*group, "*", figure).reduce(f64::min),
            LeastOf(group, begin, figure) => ratios(*group, begin, figure).reduce(f64::min),
        }
    }
}

fn tables(measured: &[(Group, Vec<Table>)], wanted: Group) -> impl Iterator<Item = &Table> {
    measured.iter().filter(move |(group, _)| *group == wanted).flat_map(|(_, tables)| tables)
}
