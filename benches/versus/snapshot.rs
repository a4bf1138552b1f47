//! What BGSAVE does to clients: 50 write, one more measures how long each of its commands takes.
//!
//! Memory is the most the process had meanwhile, above what it had before. A server that forks has a
//! second process beside it: the pages only that one has are added.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::contest::{Contest, Side, VALUE_LEN};
use crate::process::resident_bytes;
use crate::support::{Client, PATIENCE, Server};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure { name: "longest before ms", decimals: 1, ratio: false },
    Figure { name: "longest meanwhile ms", decimals: 1, ratio: true },
    Figure { name: "memory rise %", decimals: 1, ratio: false },
    Figure { name: "took s", decimals: 2, ratio: true },
];
/// How long the clients write before the snapshot begins: what is seen then is the machine's doing.
const BEFORE: Duration = Duration::from_secs(2);
const CLIENTS: &str = "50";

/// Measures with and without a log.
pub fn measure(contest: &Contest) -> String {
    let title = format!(
        "BGSAVE under {CLIENTS} writing clients: {} keys, medians of {} rounds",
        contest.options.keys, contest.options.rounds
    );
    let mut table = Table::new(contest, title, &["appendfsync"], FIGURES);
    for policy in ["off", "everysec", "always"] {
        for sides in contest.rounds() {
            for side in sides {
                let server = contest.start(side, policy, contest.options.keys);
                table.add([policy], side, one(contest, side, &server));
            }
        }
    }
    table.print()
}

/// Writers that are stopped when the value is dropped.
struct Writers(Child);

impl Writers {
    fn start(contest: &Contest, port: u16) -> Self {
        let keys = contest.options.keys.to_string();
        let child = Command::new("redis-benchmark")
            .args(["-h", "127.0.0.1", "-q", "-t", "set", "-n", "2000000000", "-c", CLIENTS])
            .args(["-p", &port.to_string(), "-r", &keys, "-d", &VALUE_LEN.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|e| panic!("redis-benchmark cannot be run: {e}")))
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        // It may have ended with the server; either way it is gone afterwards.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The four figures, in their order.
fn one(contest: &Contest, side: Side, server: &Server) -> [f64; 4] {
    let mut watch = Watch::new(server);
    let _writers = Writers::start(contest, server.port);
    let started = Instant::now();
    while started.elapsed() < BEFORE {
        watch.probe();
    }
    let (longest_before, resident_before) = (watch.longest, watch.resident_max);
    watch.longest = Duration::ZERO;
    let begun = Instant::now();
    watch.client.command(&["BGSAVE"]);
    let mut control = server.client();
    let mut looked = Instant::now();
    loop {
        watch.probe();
        if looked.elapsed() > Duration::from_millis(20) {
            if control.info("rdb_bgsave_in_progress") == "0" {
                break;
            }
            looked = Instant::now();
        }
        assert!(begun.elapsed() < PATIENCE, "{} does not end its snapshot", side.name);
    }
    let took = begun.elapsed();
    assert_eq!(control.info("rdb_last_bgsave_status"), "ok");
    let second_process = control.info("rdb_last_cow_size").parse::<f64>().unwrap();
    let rise = watch.resident_max - resident_before + second_process;
    [
        longest_before.as_secs_f64() * 1e3,
        watch.longest.as_secs_f64() * 1e3,
        100.0 * rise / resident_before,
        took.as_secs_f64(),
    ]
}

/// Sends one command after the other.
struct Watch {
    client: Client,
    pid: u32,
    longest: Duration,
    resident_max: f64,
    commands: u64,
}

impl Watch {
    fn new(server: &Server) -> Self {
        Self {
            client: server.client(),
            pid: server.pid(),
            longest: Duration::ZERO,
            resident_max: 0.0,
            commands: 0,
        }
    }

    /// A read and a write by turns, and now and then a look at the memory.
    fn probe(&mut self) {
        let sent = Instant::now();
        if self.commands.is_multiple_of(2) {
            self.client.command(&["GET", "key:000000000001"]);
        } else {
            self.client.command(&["SET", "key:000000000001", "value"]);
        }
        self.longest = self.longest.max(sent.elapsed());
        if self.commands.is_multiple_of(16) {
            let now = resident_bytes(self.pid).map_or(f64::NAN, |bytes| bytes as f64);
            self.resident_max = self.resident_max.max(now);
        }
        self.commands += 1;
    }
}
