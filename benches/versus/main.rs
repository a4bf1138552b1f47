//! Vellum beside the redis-server found on PATH: medians, ratios, and how they stand to the targets.
//!
//! `cargo bench --bench versus` measures everything, `-- --quick` a little of everything,
//! `-- --help` tells the rest. Both servers run with the same directives and take turns, so that what
//! else the machine does hits both. Data goes to a folder beside the build, on a disk and not in memory.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

mod beside;
mod contest;
mod disk;
mod elements;
mod generator;
mod limit;
mod load;
mod machine;
mod memory;
mod mixed;
mod options;
mod probe;
mod process;
mod promise;
mod redis_benchmark;
mod report;
mod shapes;
mod snapshot;
mod stall;
#[expect(dead_code, reason = "the tests use all of it, a bench a part")]
mod support;
mod sync;
mod table;
mod targets;
mod throughput;
mod ticker;
mod types;
mod verify;

use clap::Parser;

use contest::Contest;
use options::{Group, Options};
use table::Table;

fn main() {
    let options = Options::parse().settled();
    if !options.bench {
        println!("versus measures only when run by cargo bench");
        return;
    }
    let contest = Contest::new(&options);
    let publish = |name: &str, section: &str, is_for_readme: bool| {
        println!("{section}");
        if options.readme && is_for_readme {
            report::into_readme(name, section);
        }
    };
    // In the document these two are of one run that measured everything.
    let is_everything = options.is_everything();
    publish("machine", &machine::describe(&contest), is_everything);
    let mut measured = Vec::new();
    for &group in &options.groups {
        let made_by = machine::made_by();
        let tables = measure(group, &contest);
        let section: Vec<String> = tables.iter().map(Table::print).collect();
        publish(&group.name(), &format!("{}\n{made_by}", section.join("\n")), true);
        measured.push((group, tables));
    }
    if let Some(targets) = targets::compare(&measured) {
        let section = format!("{targets}\n{}", machine::made_by());
        publish("targets", &section, is_everything);
    }
}

fn measure(group: Group, contest: &Contest) -> Vec<Table> {
    match group {
        Group::Disk => disk::measure(contest),
        Group::Limit => limit::measure(contest),
        Group::Throughput => throughput::measure(contest),
        Group::Mixed => mixed::measure(contest),
        Group::Beside => beside::measure(contest),
        Group::Promise => promise::measure(contest),
        Group::Shapes => shapes::measure(contest),
        Group::Stall => stall::measure(contest),
        Group::Memory => memory::measure(contest),
        Group::Load => load::measure(contest),
        Group::Sync => sync::measure(contest),
        Group::Snapshot => snapshot::measure(contest),
        Group::Verify => verify::measure(contest),
        Group::Types => types::measure(contest),
        Group::Elements => elements::measure(contest),
    }
}
