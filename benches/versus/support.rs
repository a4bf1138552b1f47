//! The client and the server processes of the tests; the rest of what they share is not needed here.

use std::time::{Duration, Instant};

#[path = "../../tests/support/client.rs"]
pub mod client;
#[path = "../../tests/support/process.rs"]
pub mod process;

pub use client::{Client, Value, encode};
pub use process::{Program, Server};

/// How long anything may take before the bench gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// Waits until `condition` gives a value; panics with `what` when it never does.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
