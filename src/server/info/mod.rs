//! INFO: sections of `name:value` lines under the names Redis 7.2 gives them.
//!
//! The node fills an [`InfoFigures`]; a figure's field name is its name in the reply and its type says
//! how it is printed. A figure that does not apply now is `None` and has no line.

mod figure;
mod sections;

use std::fmt::Write as _;

use super::stats::{CommandStats, ErrorStats};
use crate::base::version::{REDIS_VERSION, VELLUM_VERSION};
use figure::line;
pub use figure::{
    Bytes, CpuSeconds, Decimal, Figure, Numbered, OffsetOrNone, Outcome, Percent, Seconds, human,
};
pub use sections::{
    Clients, Cpu, DatabaseFigures, MasterLink, Memory, Persistence, Server, Stats, Stream,
};

/// Everything INFO shows.
#[derive(Clone, Debug, Default)]
pub struct InfoFigures {
    /// Section `server`.
    pub server: Server,
    /// Section `clients`.
    pub clients: Clients,
    /// Section `memory`.
    pub memory: Memory,
    /// Section `persistence`.
    pub persistence: Persistence,
    /// Section `stats`.
    pub stats: Stats,
    /// Section `replication`, on a replica.
    pub master_link: Option<MasterLink>,
    /// Section `replication`.
    pub stream: Stream,
    /// Section `cpu`.
    pub cpu: Cpu,
    /// Section `keyspace`.
    pub databases: Vec<DatabaseFigures>,
}

/// Counters that are rendered in sections of their own.
#[derive(Clone, Copy)]
pub struct InfoCounters<'a> {
    /// By command.
    pub commands: &'a CommandStats,
    /// Names of the commands, as `get` or `config|get`.
    pub command_name: &'a dyn Fn(usize) -> &'static str,
    /// By error code.
    pub errors: &'a ErrorStats,
    /// `latency-tracking-info-percentiles`.
    pub percentiles: &'a [f64],
}

/// A section of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `# Server`
    Server,
    /// `# Clients`
    Clients,
    /// `# Memory`
    Memory,
    /// `# Persistence`
    Persistence,
    /// `# Stats`
    Stats,
    /// `# Replication`
    Replication,
    /// `# CPU`
    Cpu,
    /// `# Modules`, always empty.
    Modules,
    /// `# Commandstats`
    Commandstats,
    /// `# Errorstats`
    Errorstats,
    /// `# Latencystats`
    Latencystats,
    /// `# Cluster`
    Cluster,
    /// `# Keyspace`
    Keyspace,
}

/// The sections in the order of the reply: what INFO calls them, their title, whether they are shown
/// without being asked for.
const SECTIONS: &[(Section, &str, &str, bool)] = &[
    (Section::Server, "server", "Server", true),
    (Section::Clients, "clients", "Clients", true),
    (Section::Memory, "memory", "Memory", true),
    (Section::Persistence, "persistence", "Persistence", true),
    (Section::Stats, "stats", "Stats", true),
    (Section::Replication, "replication", "Replication", true),
    (Section::Cpu, "cpu", "CPU", true),
    (Section::Modules, "modules", "Modules", true),
    (Section::Commandstats, "commandstats", "Commandstats", false),
    (Section::Errorstats, "errorstats", "Errorstats", true),
    (Section::Latencystats, "latencystats", "Latencystats", false),
    (Section::Cluster, "cluster", "Cluster", true),
    (Section::Keyspace, "keyspace", "Keyspace", true),
];

/// Which sections an INFO asks for: those named, or the default ones where none is.
pub fn sections<'a>(args: impl ExactSizeIterator<Item = &'a [u8]>) -> Vec<Section> {
    let mut default = args.len() == 0;
    let mut all = false;
    let mut named: Vec<String> = Vec::new();
    for arg in args {
        let name = String::from_utf8_lossy(arg).to_ascii_lowercase();
        match name.as_str() {
            "default" => default = true,
            "all" | "everything" => all = true,
            _ => named.push(name),
        }
    }
    let is_wanted = |row: &&(Section, &str, &str, bool)| {
        all || (default && row.3) || named.iter().any(|name| name == row.1)
    };
    SECTIONS.iter().filter(is_wanted).map(|row| row.0).collect()
}

impl InfoFigures {
    /// The text of INFO for these sections.
    pub fn render(&self, wanted: &[Section], counters: &InfoCounters<'_>) -> String {
        let mut out = String::with_capacity(8 * 1024);
        for (section, _, title, _) in SECTIONS.iter().filter(|row| wanted.contains(&row.0)) {
            if !out.is_empty() {
                out.push_str("\r\n");
            }
            // Writing to a String cannot fail.
            let _ = write!(out, "# {title}\r\n");
            self.write_section(*section, counters, &mut out);
        }
        out
    }

    fn write_section(&self, section: Section, counters: &InfoCounters<'_>, out: &mut String) {
        match section {
            Section::Server => {
                REDIS_VERSION.write("redis_version", out);
                VELLUM_VERSION.write("vellum_version", out);
                "00000000".write("redis_git_sha1", out);
                "0".write("redis_git_dirty", out);
                "0".write("redis_build_id", out);
                "standalone".write("redis_mode", out);
                self.server.write(out);
            }
            Section::Clients => self.clients.write(out),
            Section::Memory => self.memory.write(out),
            Section::Persistence => self.persistence.write(out),
            Section::Stats => self.stats.write(out),
            Section::Replication => {
                if let Some(link) = &self.master_link {
                    "slave".write("role", out);
                    link.write(out);
                } else {
                    "master".write("role", out);
                }
                self.stream.write(out);
            }
            Section::Cpu => self.cpu.write(out),
            Section::Modules => {}
            Section::Commandstats => {
                counters.commands.write_commandstats(out, counters.command_name)
            }
            Section::Errorstats => counters.errors.write_errorstats(out),
            Section::Latencystats => {
                let percentiles = counters.percentiles;
                counters.commands.write_latencystats(out, percentiles, counters.command_name);
            }
            Section::Cluster => false.write("cluster_enabled", out),
            Section::Keyspace => {
                for row in self.databases.iter().filter(|row| row.keys > 0) {
                    let DatabaseFigures { db, keys, expires, avg_ttl } = row;
                    let figures = format_args!("keys={keys},expires={expires},avg_ttl={avg_ttl}");
                    line(out, &format!("db{db}"), figures);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(figures: &InfoFigures, args: &[&str]) -> String {
        let counters = InfoCounters {
            commands: &CommandStats::new(0, true),
            command_name: &|_| "",
            errors: &ErrorStats::default(),
            percentiles: &[],
        };
        let wanted = sections(args.iter().map(|a| a.as_bytes()));
        figures.render(&wanted, &counters)
    }

    #[test]
    fn sections_are_chosen_as_in_redis() {
        let titles = |args: &[&str]| {
            let text = render(&InfoFigures::default(), args);
            let titles = text.lines().filter_map(|line| line.strip_prefix("# ").map(str::to_owned));
            titles.collect::<Vec<_>>().join(" ")
        };
        let default = "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Keyspace";
        assert_eq!(titles(&[]), default);
        assert_eq!(titles(&["default"]), default);
        assert_eq!(titles(&["Keyspace", "server"]), "Server Keyspace");
        assert_eq!(titles(&["all"]).split(' ').count(), 13);
        assert_eq!(titles(&["everything"]), titles(&["ALL"]));
        assert_eq!(render(&InfoFigures::default(), &["nothing"]), "");
        assert_eq!(
            render(&InfoFigures::default(), &["cluster", "modules"]),
            "# Modules\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n"
        );
    }

    #[test]
    fn a_replica_shows_its_link_first() {
        let figures = InfoFigures {
            master_link: Some(MasterLink { master_link_status: "up", ..MasterLink::default() }),
            databases: vec![DatabaseFigures { db: 3, keys: 2, expires: 1, avg_ttl: 9 }],
            ..InfoFigures::default()
        };
        let text = render(&figures, &["replication"]);
        let names: Vec<&str> = text.lines().filter_map(|l| l.split(':').next()).collect();
        assert_eq!(names[1..4], ["role", "master_host", "master_port"]);
        assert!(text.contains("role:slave\r\n") && text.contains("second_repl_offset:-1\r\n"));
        let keyspace = render(&figures, &["keyspace"]);
        assert_eq!(keyspace, "# Keyspace\r\ndb3:keys=2,expires=1,avg_ttl=9\r\n");
    }

    /// Names that redis-server 7.0.15 shows and this server does not, each for a reason.
    const LEFT_OUT: &[&str] = &[
        "gcc_version",         // the compiler is rustc
        "used_memory_vm_eval", // there are no scripts
        "used_memory_scripts_eval",
        "used_memory_vm_functions",
        "used_memory_vm_total",
        "used_memory_vm_total_human",
        "used_memory_functions",
    ];

    #[test]
    fn every_name_of_redis_is_there_or_left_out_for_a_reason() {
        let figures = InfoFigures {
            persistence: Persistence {
                aof_current_size: Some(0),
                aof_base_size: Some(0),
                aof_pending_rewrite: Some(0),
                aof_buffer_length: Some(0),
                aof_pending_bio_fsync: Some(0),
                aof_delayed_fsync: Some(0),
                ..Persistence::default()
            },
            ..InfoFigures::default()
        };
        let text = render(&figures, &["all"]);
        let ours: Vec<&str> =
            text.lines().filter_map(|line| Some(line.split_once(':')?.0)).collect();
        let redis = include_str!("names.txt");
        for name in redis.lines().filter(|name| !name.starts_with('#')) {
            assert!(ours.contains(&name) != LEFT_OUT.contains(&name), "{name}");
        }
    }
}
