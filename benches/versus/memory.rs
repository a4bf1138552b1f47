//! Bytes a key takes: as the server counts them, and as the system does.

use crate::contest::{Contest, VALUE_LEN};
use crate::process::resident_bytes;
use crate::support::Server;
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure { name: "used_memory", decimals: 1, ratio: true },
    Figure { name: "resident", decimals: 1, ratio: true },
];

/// Fills empty servers and divides what they have grown by.
pub fn measure(contest: &Contest) -> String {
    let keys = contest.options.keys;
    let title = format!("Memory: bytes a key, 16-byte keys, {VALUE_LEN}-byte values");
    let mut table = Table::new(contest, title, &["keys"], FIGURES);
    for sides in contest.rounds() {
        for side in sides {
            let empty = figures(&contest.start(side, "off", 0));
            let full = figures(&contest.start(side, "off", keys));
            let per_key = |index: usize| (full[index] - empty[index]) / keys as f64;
            table.add([&keys.to_string()], side, [per_key(0), per_key(1)]);
        }
    }
    table.print()
}

fn figures(server: &Server) -> [f64; 2] {
    let used = server.client().info("used_memory").parse::<f64>().unwrap();
    [used, resident_bytes(server.pid()).map_or(f64::NAN, |bytes| bytes as f64)]
}
