//! The two servers, where their data goes, and whose turn it is.

use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::options::Options;
use crate::support::{Client, Program, Server};

/// Length of every value, in bytes, where nothing else is said.
pub const VALUE_LEN: usize = 64;
/// Bytes and commands sent in one go while a server is being filled.
const FILL_LEN: usize = 1_000_000;
const FILL_BATCH: usize = 1000;
/// Values are pieces of one text that begin at so many places.
const TEXT_MORE: usize = 4096;

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
    dir: TempDir,
}

/// A server whose data goes when it goes.
pub struct Guest {
    // Dropped first, and so stopped before its folder is taken away.
    server: Server,
    _folder: TempDir,
}

impl Deref for Guest {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Guest {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
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
        Self { options: options.clone(), sides, dir: dir.unwrap() }
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

    /// A server on an empty directory that has not been started.
    pub fn prepare(&self, side: Side, policy: &str, more: &[&str]) -> Guest {
        let mut args = policy_args(policy).to_vec();
        // A rewrite of the log would begin by itself in the middle of a run.
        args.extend(["--save", "", "--auto-aof-rewrite-percentage", "0"]);
        args.extend(more);
        let folder = TempDir::new_in(self.dir()).unwrap();
        // The server's log goes beside its directory.
        let server = Server::prepare(side.program, &folder.path().join("data"), &args);
        Guest { server, _folder: folder }
    }

    /// A running server with `keys` keys.
    pub fn start(&self, side: Side, policy: &str, keys: u64) -> Guest {
        self.start_with(side, policy, keys, VALUE_LEN)
    }

    /// A running server with `keys` keys whose values have this length.
    pub fn start_with(&self, side: Side, policy: &str, keys: u64, value_len: usize) -> Guest {
        let mut server = self.prepare(side, policy, &["--repl-diskless-sync-delay", "0"]);
        server.launch();
        fill(&mut server.client(), keys, value_len);
        server
    }

    /// All of them at once, filled alike, in the order given.
    pub fn start_all(&self, sides: &[Side], policy: &str, keys: u64) -> Vec<(Side, Guest)> {
        sides.iter().map(|&side| (side, self.start(side, policy, keys))).collect()
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
pub fn fill(client: &mut Client, keys: u64, value_len: usize) {
    let text = noise(value_len + TEXT_MORE);
    let batch = (FILL_LEN / (value_len + 64)).clamp(1, FILL_BATCH) as u64;
    let mut first = 0;
    while first < keys {
        let last = keys.min(first + batch);
        let set = |n: u64| {
            let value = &text[n as usize % TEXT_MORE..][..value_len];
            format!("*3\r\n$3\r\nSET\r\n$16\r\nkey:{n:012}\r\n${value_len}\r\n{value}\r\n")
        };
        client.send_raw((first..last).map(set).collect::<String>().as_bytes()).unwrap();
        let replies = client.read_bytes(5 * (last - first) as usize).unwrap();
        assert!(replies.chunks(5).all(|reply| reply == b"+OK\r\n"), "a key was refused");
        first = last;
    }
}

/// Letters and digits that compression does not make shorter: a snapshot of values of one letter each
/// would be a small part of the data.
fn noise(len: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(len as u64);
    (0..len).map(|_| rng.alphanumeric()).collect()
}

/// What a program says to `--version`; nothing if it cannot be run.
pub fn version(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(text.lines().next().unwrap_or_default().to_owned())
}
