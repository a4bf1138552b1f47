//! Vellum beside the redis-server found on PATH, driven by redis-benchmark: medians and ratios.
//!
//! `cargo bench --bench versus` measures everything, `-- --quick` a little of everything,
//! `-- --help` tells the rest. Both servers run with the same directives and take turns, so that what
//! else the machine does hits both. Data goes to a folder beside the build, on a disk and not in memory.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

mod contest;
mod disk;
mod load;
mod machine;
mod memory;
mod options;
mod process;
mod report;
mod snapshot;
#[expect(dead_code, reason = "the tests use all of it, a bench a part")]
mod support;
mod sync;
mod table;
mod throughput;

use clap::Parser;

use contest::Contest;
use options::{Group, Options};

fn main() {
    let options = Options::parse().settled();
    if !options.bench {
        println!("versus measures only when run by cargo bench");
        return;
    }
    let contest = Contest::new(&options);
    let mut report = machine::describe(&contest);
    println!("{report}");
    for group in &options.groups {
        let section = match group {
            Group::Disk => disk::measure(&contest),
            Group::Throughput => throughput::measure(&contest),
            Group::Memory => memory::measure(&contest),
            Group::Load => load::measure(&contest),
            Group::Sync => sync::measure(&contest),
            Group::Snapshot => snapshot::measure(&contest),
        };
        println!("{section}");
        report += &format!("\n{section}");
    }
    if options.readme {
        report::into_readme(&report);
    }
}
