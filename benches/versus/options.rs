//! What is measured, and how much of it.

use clap::{Parser, ValueEnum};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// What the disk takes for a write and a sync, without any server.
    Disk,
    /// SET and GET: policies, clients, depths.
    Throughput,
    /// Bytes a key.
    Memory,
    /// Time to start on a snapshot and on a log.
    Load,
    /// Time a new replica takes to have everything.
    Sync,
    /// What a snapshot does to 50 writing clients.
    Snapshot,
}

/// Vellum beside redis-server: medians and ratios.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// What to measure: all of it unless named.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub groups: Vec<Group>,
    /// Rounds that the medians are of.
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Requests of a run with 50 clients and no pipeline; other runs have their share of it.
    #[arg(long, default_value_t = 100_000)]
    pub requests: u64,
    /// Keys there are, and keys that requests name (redis-benchmark's -r).
    #[arg(long, default_value_t = 1_000_000)]
    pub keys: u64,
    /// Policies to measure throughput with: off, everysec, always.
    #[arg(long, value_delimiter = ',', default_value = "off,everysec,always")]
    pub policies: Vec<String>,
    /// Numbers of clients to measure throughput with.
    #[arg(long, value_delimiter = ',', default_value = "1,50,200")]
    pub clients: Vec<u64>,
    /// Pipeline depths to measure throughput with.
    #[arg(long, value_delimiter = ',', default_value = "1,16")]
    pub depths: Vec<u64>,
    /// One short round of everything.
    #[arg(long)]
    pub quick: bool,
    /// Another build of Vellum than this one.
    #[arg(long, default_value = env!("CARGO_BIN_EXE_vellum-server"))]
    pub vellum: String,
    /// Another server than the redis-server on PATH; another build of Vellum will do.
    #[arg(long, default_value = "redis-server")]
    pub redis: String,
    /// Puts the tables into benches/README.md.
    #[arg(long)]
    pub readme: bool,
    /// What cargo bench says to every bench.
    #[arg(long, hide = true)]
    pub bench: bool,
}

impl Options {
    /// With what follows from the rest.
    pub fn settled(mut self) -> Self {
        if self.groups.is_empty() {
            self.groups = Group::value_variants().to_vec();
        }
        if self.quick {
            self.rounds = 1;
            self.requests = self.requests.min(20_000);
            self.keys = self.keys.min(50_000);
        }
        self.rounds = self.rounds.max(1);
        self
    }
}
