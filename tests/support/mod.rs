//! What the tests share: a client that speaks raw RESP, and servers as processes of their own.
//!
//! Servers listen on loopback, on ports the system picked, in temporary directories, and are stopped
//! by their process id when they are dropped.

pub mod client;
pub mod files;
pub mod load;
#[cfg(feature = "interop")]
pub mod pair;
pub mod process;
pub mod relay;
pub mod replicas;
#[cfg(feature = "interop")]
pub mod wire;

pub use client::{Client, Value};
pub use process::{Program, Server};

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(60);

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

/// Waits until `condition` holds.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, || condition().then_some(()));
}
