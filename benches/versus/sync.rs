//! Time from starting an empty replica until its link is up and its offset is the master's, and what
//! that does to the master meanwhile. The master has taken a snapshot before.

use std::time::{Duration, Instant};

use crate::contest::{Contest, Side};
use crate::probe::Probe;
use crate::support::{Client, PATIENCE, wait_for};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::compared("seconds", 2),
    Figure::plain("p99 idle ms", 3),
    Figure::plain("p99 meanwhile ms", 3),
    Figure::plain("times idle", 2),
    Figure::plain("memory rise MiB", 1),
    Figure::plain("new snapshots", 0),
];
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Each server with a replica of its own kind, with and without a log on both.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "Full sync: {} keys of {} bytes, medians of {} rounds",
        options.bulk_keys(),
        options.bulk_value_len,
        options.rounds
    );
    let mut table = Table::new(contest, title, &["appendfsync on both"], FIGURES);
    for policy in ["off", "always"] {
        for sides in contest.rounds() {
            for side in sides {
                table.add([policy], side.index, one(contest, side, policy));
            }
        }
    }
    vec![table]
}

/// The figures, in their order.
fn one(contest: &Contest, side: Side, policy: &str) -> [f64; 6] {
    let options = &contest.options;
    let (keys, value_len) = (options.bulk_keys(), options.bulk_value_len);
    let master = contest.start_with(side, policy, keys, value_len);
    let mut at_master = master.client();
    at_master.command(&["BGSAVE"]);
    wait_for("the snapshot", || (at_master.info("rdb_bgsave_in_progress") == "0").then_some(()));
    assert_eq!(at_master.info("rdb_last_bgsave_status"), "ok");

    let mut probe = Probe::new(&master);
    let started = Instant::now();
    while started.elapsed() < options.before() {
        probe.send();
    }
    let idle = probe.take();
    let snapshots_before = snapshots(&mut at_master);

    let port = master.port.to_string();
    let mut replica = contest.prepare(side, policy, &["--replicaof", "127.0.0.1", &port]);
    let started = Instant::now();
    replica.spawn();
    let mut looked = Instant::now();
    loop {
        probe.send();
        if looked.elapsed() > LOOK_EVERY {
            if has_everything(replica.port, &mut at_master) {
                break;
            }
            looked = Instant::now();
        }
        assert!(started.elapsed() < PATIENCE, "no sync:\n{}", replica.log());
    }
    let took = started.elapsed().as_secs_f64();
    let meanwhile = probe.take();
    let found = replica.client().command(&["DBSIZE"]).integer();
    assert_eq!(found as u64, keys, "{} has all keys", side.name);

    let new_snapshots = snapshots(&mut at_master) - snapshots_before;
    // What only the second process of a server that forks has.
    let second_process = match new_snapshots {
        0.0 => 0.0,
        _ => at_master.info("rdb_last_cow_size").parse::<f64>().unwrap(),
    };
    let rise = meanwhile.resident_max - idle.resident_max + second_process;
    let (before, during) = (idle.wait_ms(0.99), meanwhile.wait_ms(0.99));
    [took, before, during, during / before, rise / 1024.0 / 1024.0, new_snapshots]
}

/// Snapshots so far, also those that went to a replica and not to a file: these only show as forks.
fn snapshots(client: &mut Client) -> f64 {
    let mut field = |name: &str| client.info(name).parse::<f64>().unwrap();
    field("rdb_saves").max(field("total_forks"))
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
