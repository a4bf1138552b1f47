//! Time from starting a server until it serves: on a snapshot, and on a log of as many SETs.

use std::time::Duration;

use crate::contest::{Contest, Side};
use crate::support::{Client, Server};
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[Figure { name: "seconds", decimals: 2, ratio: true }];

/// Measures both.
pub fn measure(contest: &Contest) -> String {
    let keys = contest.options.keys;
    let title = format!("Start: {keys} keys, medians of {} rounds", contest.options.rounds);
    let mut table = Table::new(contest, title, &["from"], FIGURES);
    for sides in contest.rounds() {
        for side in sides {
            let server = contest.start(side, "off", keys);
            assert!(server.client().command(&["SAVE"]).is_ok());
            table.add(["a snapshot"], side, [restart(contest, side, server)]);
            let server = contest.start(side, "everysec", keys);
            table.add(["a log of SETs"], side, [restart(contest, side, server)]);
        }
    }
    table.print()
}

/// Stops the server and returns the seconds its next start takes.
fn restart(contest: &Contest, side: Side, mut server: Server) -> f64 {
    assert!(server.stop().success(), "{} stops cleanly", side.name);
    let started = std::time::Instant::now();
    server.spawn();
    while !serves(server.port) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = started.elapsed().as_secs_f64();
    let keys = server.client().command(&["DBSIZE"]).integer();
    assert_eq!(keys as u64, contest.options.keys, "{} has all keys", side.name);
    took
}

/// Whether the server answers a command that has to wait until everything is loaded.
pub fn serves(port: u16) -> bool {
    let Ok(mut client) = Client::connect(port) else { return false };
    // PING is answered while it loads by one server and refused by the other.
    client.try_command(&["GET", "key:000000000000"]).is_ok_and(|reply| !is_error(&reply))
}

fn is_error(reply: &crate::support::Value) -> bool {
    matches!(reply, crate::support::Value::Error(_))
}
