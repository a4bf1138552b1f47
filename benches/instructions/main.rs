//! Instructions a command takes, counted by valgrind's callgrind: figures that do not depend on what
//! else the machine does, to be compared before and after a change.
//!
//! `cargo bench --bench instructions` measures everything; a word after `--` picks those whose names
//! have it. This program runs itself under callgrind, once with N units of work and once with 2 N, and
//! divides the difference by N: what comes before the work cancels out.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on fails there")]

mod callgrind;
mod commands;
mod files;
mod report;
mod scenario;
mod unwritten;

use clap::Parser;
use vellum::base::alloc::CountingAllocator;

use callgrind::Callgrind;
use report::Report;
use scenario::Scenario;

/// As in the server, whose allocations are counted.
#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Instructions a command takes.
#[derive(Debug, Parser)]
struct Options {
    /// Measures what has this word in its name (as printed while it is measured).
    #[arg(conflicts_with = "readme")]
    word: Option<String>,
    /// Puts the tables into benches/README.md.
    #[arg(long)]
    readme: bool,
    /// What cargo bench says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
    /// Does the work of one scenario instead: what callgrind is to count.
    #[arg(long, hide = true, requires = "units")]
    scenario: Option<String>,
    /// Units of it.
    #[arg(long, hide = true)]
    units: Option<usize>,
}

fn main() {
    let options = Options::parse();
    let scenarios = Scenario::all();
    if let (Some(name), Some(units)) = (&options.scenario, options.units) {
        let scenario = scenarios.iter().find(|scenario| scenario.name() == *name);
        scenario.expect("this program names its own scenarios").run(units);
        // What the work has left behind is not freed: that would be counted, too.
        std::process::exit(0);
    }
    if !options.bench {
        println!("instructions are counted only when run by cargo bench");
        return;
    }
    let Some(callgrind) = Callgrind::find() else {
        println!("valgrind is not on PATH: no instructions were counted");
        return;
    };
    let mut report = Report::default();
    let is_wanted = |name: &str| options.word.as_ref().is_none_or(|word| name.contains(word));
    for scenario in scenarios.iter().filter(|scenario| is_wanted(&scenario.name())) {
        let instructions = callgrind.instructions_per_unit(scenario);
        eprintln!("{}: {instructions}", scenario.name());
        report.add(scenario, instructions);
    }
    let tables = report.print(&callgrind.version);
    println!("{tables}");
    for change in report.changes() {
        println!("{change}");
    }
    if options.readme {
        report::into_readme(&tables);
    }
}
