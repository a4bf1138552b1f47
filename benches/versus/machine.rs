//! Where the figures were measured: no figure means anything without it.

use std::path::Path;

use crate::contest::{Contest, version};

/// The machine, the programs, and how busy it was when this began.
pub fn describe(contest: &Contest) -> String {
    let options = &contest.options;
    let facts = [
        ("processor", processor()),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("file system", file_system(contest.dir())),
        ("kernel", first_line("/proc/sys/kernel/osrelease")),
        ("Vellum", said_by(&options.vellum)),
        ("the other server", said_by(&options.redis)),
        ("load generator", said_by("redis-benchmark")),
        ("load average at the start", first_line("/proc/loadavg")),
    ];
    let rows = facts.map(|(name, fact)| format!("| {name} | {fact} |"));
    format!("### The machine\n\n| | |\n| --- | --- |\n{}\n", rows.join("\n"))
}

/// How the figures of a group were made: the command, where, and how busy that is now.
pub fn made_by() -> String {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let command = format!("cargo bench --bench versus -- {}", words.join(" "));
    let load = first_line("/proc/loadavg");
    let load: Vec<&str> = load.split(' ').take(3).collect();
    format!("`{command}` on {}; load average {}\n", processor(), load.join(" "))
}

fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!("{}, {cores} cores", field("/proc/cpuinfo", "model name"))
}

fn said_by(program: &str) -> String {
    version(program).unwrap_or_else(|| "none".to_owned())
}

fn first_line(path: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or("not known").to_owned()
}

/// The value of the first line `name : value` of a file.
fn field(path: &str, name: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_once(':'));
    value.map_or("not known", |(_, value)| value.trim()).to_owned()
}

/// Type and device of the file system that a folder is on: of the longest mount point above it.
fn file_system(dir: &Path) -> String {
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        Some((words.next()?, words.next()?, words.next()?))
    });
    let above = mounts.filter(|(_, at, _)| dir.starts_with(at));
    let nearest = above.max_by_key(|(_, at, _)| at.len());
    nearest.map_or("not known".to_owned(), |(device, _, kind)| format!("{kind} on {device}"))
}
