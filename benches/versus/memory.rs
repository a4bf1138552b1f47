//! Bytes a key takes: as the server counts them, and as the system does.

use std::time::Duration;

use crate::contest::{Contest, Guest, VALUE_LEN};
use crate::process::resident_bytes;
use crate::table::{Figure, Table};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// So many looks in a row that differ by less than [`ALIKE_BYTES`] and it has settled.
const SETTLED_LOOKS: usize = 10;
const ALIKE_BYTES: f64 = 100_000.0;
/// The shorter values, of which there are twice as many.
const SHORT_LEN: usize = 3;

const FIGURES: &[Figure] = &[Figure::compared("used_memory", 1), Figure::compared("resident", 1)];

/// Fills empty servers and divides what they have grown by.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let keys = contest.options.memory_keys();
    let title =
        format!("Memory: bytes a key, 16-byte keys, medians of {} rounds", contest.options.rounds);
    let mut table = Table::new(contest, title, &["value bytes", "keys"], FIGURES);
    for sides in contest.rounds() {
        for side in sides {
            let empty = settled_bytes(&contest.start(side, "off", 0));
            for (value_len, keys) in [(VALUE_LEN, keys), (SHORT_LEN, 2 * keys)] {
                let full = settled_bytes(&contest.start_with(side, "off", keys, value_len));
                let per_key = |index: usize| (full[index] - empty[index]) / keys as f64;
                let key = [value_len.to_string(), keys.to_string()];
                let key = key.each_ref().map(String::as_str);
                table.add(key, side.index, [per_key(0), per_key(1)]);
            }
        }
    }
    vec![table]
}

/// `used_memory` and resident bytes, once the server has settled: what it does behind its start takes
/// memory as well.
pub fn settled_bytes(server: &Guest) -> [f64; 2] {
    let mut client = server.client();
    let mut look = || client.info("used_memory").parse::<f64>().unwrap();
    let (mut used, mut looks_alike) = (look(), 0);
    while looks_alike < SETTLED_LOOKS {
        std::thread::sleep(LOOK_EVERY);
        let before = std::mem::replace(&mut used, look());
        looks_alike = if (used - before).abs() < ALIKE_BYTES { looks_alike + 1 } else { 0 };
    }
    [used, resident_bytes(server.pid()).map_or(f64::NAN, |bytes| bytes as f64)]
}
