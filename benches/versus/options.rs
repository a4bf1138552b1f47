//! What is measured, and how much of it.

use std::time::Duration;

use clap::{Parser, ValueEnum};

/// What can be measured, in the order it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Group {
    /// What the disk takes for a write and a sync, without any server.
    Disk,
    /// GET beside a server that only answers +OK.
    Limit,
    /// SET and GET: policies, clients, depths.
    Throughput,
    /// Reads and writes at the same rate for both: waits and processor time.
    Mixed,
    /// GET while one client writes under `always`.
    Beside,
    /// GET of keys that are being written at that moment, and of others.
    Promise,
    /// MSET and MGET, large values, many connections.
    Shapes,
    /// The longest wait while many keys are inserted.
    Stall,
    /// Bytes a key.
    Memory,
    /// Time to start on a snapshot and on a log.
    Load,
    /// Time a new replica takes to have everything.
    Sync,
    /// What a snapshot does to 50 writing clients.
    Snapshot,
    /// How fast `vellum-log verify` reads.
    Verify,
    /// Commands of every data type in a pipeline, Redis without a log.
    Types,
    /// Bytes that elements of collections take.
    Elements,
}

impl Group {
    /// Its name on the command line and in the document.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
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
    /// Seconds of a run that is measured by time.
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Keys there are, and keys that requests name (redis-benchmark's -r).
    #[arg(long, default_value_t = 1_000_000)]
    pub keys: u64,
    /// Keys for memory [default: five times --keys]; twice as many with the shortest values.
    #[arg(long)]
    memory_keys: Option<u64>,
    /// Keys for load, and for verify with small values [default: five times --keys].
    #[arg(long)]
    load_keys: Option<u64>,
    /// Keys that stall inserts [default: ten times --keys].
    #[arg(long)]
    stall_keys: Option<u64>,
    /// Keys for sync, snapshot, and verify with large values [default: as many as --keys].
    #[arg(long)]
    bulk_keys: Option<u64>,
    /// Length of the values of those keys: a million make up about 1 GB.
    #[arg(long, default_value_t = 1000)]
    pub bulk_value_len: usize,
    /// Policies to measure throughput and mixed with: off, everysec, always.
    #[arg(long, value_delimiter = ',', default_value = "off,everysec,always")]
    pub policies: Vec<String>,
    /// Numbers of clients to measure throughput with.
    #[arg(long, value_delimiter = ',', default_value = "1,50,200")]
    pub clients: Vec<u64>,
    /// Pipeline depths to measure with.
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
    /// Puts the tables into benches/README.md, each in the place of the last one of its group.
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
            self.requests = self.requests.min(5_000);
            self.seconds = self.seconds.min(0.5);
            self.keys = self.keys.min(20_000);
        }
        self.rounds = self.rounds.max(1);
        self
    }

    /// Whether nothing is left out.
    pub fn is_everything(&self) -> bool {
        Group::value_variants().iter().all(|group| self.groups.contains(group))
    }

    /// Keys with 64-byte values that memory is measured with.
    pub fn memory_keys(&self) -> u64 {
        self.memory_keys.unwrap_or(5 * self.keys)
    }

    /// Keys a server starts with.
    pub fn load_keys(&self) -> u64 {
        self.load_keys.unwrap_or(5 * self.keys)
    }

    /// Keys that are inserted while a client looks how long it waits.
    pub fn stall_keys(&self) -> u64 {
        self.stall_keys.unwrap_or(10 * self.keys)
    }

    /// Keys with values of `bulk_value_len` bytes.
    pub fn bulk_keys(&self) -> u64 {
        self.bulk_keys.unwrap_or(self.keys)
    }

    /// How long is looked at what there is before the thing that is measured.
    pub fn before(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.min(2.0))
    }
}
