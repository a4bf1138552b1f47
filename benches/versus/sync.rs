//! Time from starting an empty replica until its link is up and its offset is the master's.

use std::time::{Duration, Instant};

use crate::contest::{Contest, Side};
use crate::support::{Client, PATIENCE, Server};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[Figure { name: "seconds", decimals: 2, ratio: true }];

/// Each server with a replica of its own kind, with and without a log on both.
pub fn measure(contest: &Contest) -> String {
    let keys = contest.options.keys;
    let title = format!("Full sync: {keys} keys, medians of {} rounds", contest.options.rounds);
    let mut table = Table::new(contest, title, &["appendfsync on both"], FIGURES);
    for policy in ["off", "always"] {
        for sides in contest.rounds() {
            for side in sides {
                let master = contest.start(side, policy, keys);
                table.add([policy], side, [seconds(contest, side, policy, &master)]);
            }
        }
    }
    table.print()
}

fn seconds(contest: &Contest, side: Side, policy: &str, master: &Server) -> f64 {
    let port = master.port.to_string();
    let mut replica = contest.prepare(side, policy, &["--replicaof", "127.0.0.1", &port]);
    let mut at_master = master.client();
    let started = Instant::now();
    replica.spawn();
    while !has_everything(replica.port, &mut at_master) {
        assert!(started.elapsed() < PATIENCE, "no sync:\n{}", replica.log());
        std::thread::sleep(Duration::from_millis(5));
    }
    let took = started.elapsed().as_secs_f64();
    let keys = replica.client().command(&["DBSIZE"]).integer();
    assert_eq!(keys as u64, contest.options.keys, "{} has all keys", side.name);
    took
}

fn has_everything(port: u16, at_master: &mut Client) -> bool {
    let Ok(mut client) = Client::connect(port) else { return false };
    let Ok(reply) = client.try_command(&["INFO", "replication"]) else { return false };
    let text = reply.text();
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    field("master_link_status") == Some("up")
        && field("slave_repl_offset") == Some(at_master.info("master_repl_offset").as_str())
}
