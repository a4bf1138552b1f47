//! redis-benchmark as the load generator: one run with its figures, or a load that goes on meanwhile.

use std::process::{Child, Command, Stdio};

use crate::contest::VALUE_LEN;

/// What clients ask for.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// One of redis-benchmark's own tests.
    Test(&'static str),
    /// Any command; `__rand_int__` stands for the twelve digits of a random number.
    Command(&'static [&'static str]),
}

/// A load.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// What is asked.
    pub work: Work,
    /// Connections.
    pub clients: u64,
    /// Commands a connection sends before it waits for replies.
    pub depth: u64,
    /// Commands altogether.
    pub requests: u64,
    /// Keys that are named.
    pub keys: u64,
    /// Length of values, in bytes.
    pub value_len: usize,
}

/// What redis-benchmark saw.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Its `rps`.
    pub requests_per_s: f64,
    /// Its `p99_latency_ms`.
    pub p99_ms: f64,
}

impl Load {
    /// 50 clients without a pipeline.
    pub fn new(work: Work, requests: u64, keys: u64) -> Self {
        Self { work, clients: 50, depth: 1, requests, keys, value_len: VALUE_LEN }
    }

    fn command(&self, port: u16) -> Command {
        let mut command = Command::new("redis-benchmark");
        command
            .args(["-h", "127.0.0.1", "--csv", "-p", &port.to_string()])
            .args(["-r", &self.keys.to_string(), "-d", &self.value_len.to_string()])
            .args(["-c", &self.clients.to_string(), "-P", &self.depth.to_string()])
            .args(["-n", &self.requests.to_string()])
            .stdin(Stdio::null());
        match self.work {
            Work::Test(name) => command.args(["-t", name]),
            Work::Command(words) => command.args(words),
        };
        command
    }

    /// Runs it on a server to its end.
    pub fn run(&self, port: u16) -> Outcome {
        let output = self.command(port).output();
        let output = output.unwrap_or_else(|e| panic!("redis-benchmark cannot be run: {e}"));
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines().map(|line| line.split(',').map(|cell| cell.trim_matches('"')));
        let (Some(head), Some(cells)) = (lines.next(), lines.next()) else {
            panic!("redis-benchmark printed no figures: {text}");
        };
        let cells: Vec<(&str, &str)> = head.zip(cells).collect();
        let cell = |name: &str| {
            let value =
                cells.iter().find(|(head, _)| *head == name).map(|(_, value)| value.parse());
            value
                .and_then(Result::ok)
                .unwrap_or_else(|| panic!("no {name} from redis-benchmark: {text}"))
        };
        Outcome { requests_per_s: cell("rps"), p99_ms: cell("p99_latency_ms") }
    }

    /// Has it go on until what is returned is dropped, however many requests that takes.
    pub fn go_on(mut self, port: u16) -> Running {
        self.requests = 2_000_000_000;
        let child = self.command(port).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Running(child.unwrap_or_else(|e| panic!("redis-benchmark cannot be run: {e}")))
    }
}

/// Clients that are stopped when the value is dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended with the server; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
