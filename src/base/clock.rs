//! Wall-clock and monotonic time behind a trait, so that tests decide what time it is.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Microseconds since the Unix epoch.
    fn unix_us(&self) -> u64;
    /// Microseconds since some fixed moment; never goes back.
    fn monotonic_us(&self) -> u64;

    /// Milliseconds since the Unix epoch.
    fn unix_ms(&self) -> u64 {
        self.unix_us() / 1000
    }
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side starts at zero now.
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn unix_us(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn monotonic_us(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A clock that moves only when told to: for tests and the simulation.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_us: AtomicU64,
}

impl ManualClock {
    /// A clock standing at `unix_ms` milliseconds since the Unix epoch.
    pub fn at_ms(unix_ms: u64) -> Self {
        Self { now_us: AtomicU64::new(unix_ms * 1000) }
    }

    /// Moves the clock on by `ms` milliseconds.
    pub fn advance_ms(&self, ms: u64) {
        self.now_us.fetch_add(ms * 1000, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn unix_us(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }

    fn monotonic_us(&self) -> u64 {
        self.unix_us()
    }
}
