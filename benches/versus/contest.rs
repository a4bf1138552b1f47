//! The two servers, where their data goes, and whose turn it is.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::options::Options;
use crate::support::{Client, Program, Server};

/// Length of every value, in bytes.
pub const VALUE_LEN: usize = 64;
/// Commands sent in one go while a server is being filled.
const FILL_BATCH: u64 = 1000;

/// One of the servers.
#[derive(Clone, Copy, Debug)]
pub struct Side {
    /// Its place in every table.
    pub index: usize,
    /// Its name in every table.
    pub name: &'static str,
    program: Program,
}

/// What all groups share.
pub struct Contest {
    /// What is measured.
    pub options: Options,
    /// One server, or two.
    pub sides: Vec<Side>,
    dir: tempfile::TempDir,
    folders: Cell<u32>,
}

impl Contest {
    /// Looks which servers there are, and makes a folder for their data beside the build.
    pub fn new(options: &Options) -> Self {
        let vellum = Program::At(options.vellum.clone().leak());
        let mut sides = vec![Side { index: 0, name: "Vellum", program: vellum }];
        if version(&options.redis).is_some() {
            let program = Program::At(options.redis.clone().leak());
            let name = if options.redis == "redis-server" { "Redis" } else { "the other" };
            sides.push(Side { index: 1, name, program });
        } else {
            eprintln!("no {} on PATH: Vellum is measured alone", options.redis);
        }
        let dir =
            tempfile::Builder::new().prefix("versus-").tempdir_in(env!("CARGO_TARGET_TMPDIR"));
        Self { options: options.clone(), sides, dir: dir.unwrap(), folders: Cell::new(0) }
    }

    /// The folder everything is in.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// For every round the sides in the order they have their turns: each begins every other round.
    pub fn rounds(&self) -> impl Iterator<Item = Vec<Side>> {
        (0..self.options.rounds).map(|round| {
            let mut sides = self.sides.clone();
            sides.rotate_left(round % self.sides.len());
            sides
        })
    }

    /// An empty data directory.
    pub fn folder(&self) -> PathBuf {
        self.folders.set(self.folders.get() + 1);
        self.dir().join(self.folders.get().to_string())
    }

    /// A server on an empty directory that has not been started.
    pub fn prepare(&self, side: Side, policy: &str, more: &[&str]) -> Server {
        let mut args = policy_args(policy).to_vec();
        // A rewrite of the log would begin by itself in the middle of a run.
        args.extend(["--save", "", "--auto-aof-rewrite-percentage", "0"]);
        args.extend(more);
        Server::prepare(side.program, &self.folder(), &args)
    }

    /// A running server with `keys` keys.
    pub fn start(&self, side: Side, policy: &str, keys: u64) -> Server {
        let mut server = self.prepare(side, policy, &["--repl-diskless-sync-delay", "0"]);
        server.launch();
        fill(&mut server.client(), keys);
        server
    }
}

/// `off` is Redis's cache mode: nothing is logged.
fn policy_args(policy: &str) -> [&str; 4] {
    match policy {
        "off" => ["--appendonly", "no", "--appendfsync", "no"],
        _ => ["--appendonly", "yes", "--appendfsync", policy],
    }
}

/// Sets keys 0 to `keys`, named as redis-benchmark names them.
fn fill(client: &mut Client, keys: u64) {
    let value = "v".repeat(VALUE_LEN);
    let mut first = 0;
    while first < keys {
        let last = keys.min(first + FILL_BATCH);
        let set =
            |n| format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{n:012}\r\n${VALUE_LEN}\r\n{value}\r\n");
        client.send_raw((first..last).map(set).collect::<String>().as_bytes()).unwrap();
        let replies = client.read_bytes(5 * (last - first) as usize).unwrap();
        assert!(replies.chunks(5).all(|reply| reply == b"+OK\r\n"), "a key was refused");
        first = last;
    }
}

/// What a program says to `--version`; nothing if it cannot be run.
pub fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next().unwrap_or_default().to_owned())
}
