//! The longest wait of one client while others insert many keys: tables grow, and the log with them.
//!
//! Afterwards the same clients write the same keys again. Nothing grows then, so what is seen then is
//! the machine's doing and that of the writes as such.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::contest::Contest;
use crate::generator::{Outcome, Plan, Work};
use crate::probe::{Probe, Seen};
use crate::support::Server;
use crate::table::{Figure, Table};

const FIGURES: &[Figure] = &[
    Figure::compared("longest inserting ms", 2),
    Figure::plain("p99.9 inserting ms", 2),
    Figure::compared("inserts/s", 0),
    Figure::plain("longest overwriting ms", 2),
];
const CLIENTS: u64 = 10;
const DEPTH: u64 = 16;
/// It ends when all keys are there; a server that takes longer is not worth waiting for.
const LASTS_AT_MOST: Duration = Duration::from_secs(3600);

/// With and without a log.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!(
        "The longest wait while {CLIENTS} clients insert {} keys in pipelines of {DEPTH}, \
         medians of {} rounds",
        options.stall_keys(),
        options.rounds
    );
    let mut table = Table::new(contest, title, &["appendfsync"], FIGURES);
    for policy in ["off", "always"] {
        for sides in contest.rounds() {
            for side in sides {
                let server = contest.start(side, policy, 0);
                let (inserts, inserting) = one(&server, options.stall_keys());
                let (_, overwriting) = one(&server, options.stall_keys());
                let figures = [
                    inserting.longest_ms(),
                    inserting.wait_ms(0.999),
                    inserts.requests_per_s(),
                    overwriting.longest_ms(),
                ];
                table.add([policy], side.index, figures);
            }
        }
    }
    vec![table]
}

/// Sets all keys, and what the probing client saw meanwhile.
fn one(server: &Server, keys: u64) -> (Outcome, Seen) {
    let work = Work::InOrder { next: Arc::new(AtomicU64::new(0)), end: keys };
    let plan = Plan { work, clients: CLIENTS, depth: DEPTH, rate: None, lasts: LASTS_AT_MOST };
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let probing = scope.spawn(|| {
            let mut probe = Probe::new(server);
            while !is_over.load(Ordering::Relaxed) {
                probe.send();
            }
            probe.take()
        });
        let outcome = plan.run(server.port);
        is_over.store(true, Ordering::Relaxed);
        (outcome, probing.join().unwrap())
    })
}
