//! Time from starting a server until it serves: on a snapshot, and on a log of as many SETs.

use std::time::{Duration, Instant};

use crate::contest::{Contest, Guest, Side};
use crate::process::processor_time_since_start;
use crate::support::{Client, Value};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::compared("seconds", 2),
    Figure::compared("keys/s", 0),
    Figure::plain("cores used", 2),
];

/// Measures both.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let keys = contest.options.load_keys();
    let title = format!("Start: {keys} keys, medians of {} rounds", contest.options.rounds);
    let mut table = Table::new(contest, title, &["from"], FIGURES);
    for sides in contest.rounds() {
        for side in sides {
            let server = contest.start(side, "off", keys);
            assert!(server.client().command(&["SAVE"]).is_ok());
            table.add(["a snapshot"], side.index, restart(side, server, keys));
            let server = contest.start(side, "everysec", keys);
            table.add(["a log of SETs"], side.index, restart(side, server, keys));
        }
    }
    vec![table]
}

/// Stops the server; the figures of its next start.
fn restart(side: Side, mut server: Guest, keys: u64) -> [f64; 3] {
    assert!(server.stop().success(), "{} stops cleanly", side.name);
    let started = Instant::now();
    server.spawn();
    while !serves(server.port) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = started.elapsed().as_secs_f64();
    let used = processor_time_since_start(server.pid()).map_or(f64::NAN, |time| time.as_secs_f64());
    let found = server.client().command(&["DBSIZE"]).integer();
    assert_eq!(found as u64, keys, "{} has all keys", side.name);
    [took, keys as f64 / took, used / took]
}

/// Whether the server answers a command that has to wait until everything is loaded.
fn serves(port: u16) -> bool {
    let Ok(mut client) = Client::connect(port) else { return false };
    // PING is answered while it loads by one server and refused by the other.
    let reply = client.try_command(&["GET", "key:000000000000"]);
    reply.is_ok_and(|reply| !matches!(reply, Value::Error(_)))
}
