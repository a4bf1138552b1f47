//! How long to wait before the next attempt to reach a master.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// Delays that grow and are never quite the same, so that many replicas do not come at once.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Backoff {
    /// Before the first attempt.
    pub fn new() -> Self {
        Self { next: FIRST }
    }

    /// An attempt went well: the next failure waits shortly again.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }

    /// The delay before the next attempt; `random` is from 0 to 1.
    pub fn next_delay(&mut self, random: f64) -> Duration {
        let delay = self.next.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        delay
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_up_to_a_bound() {
        let mut backoff = Backoff::new();
        assert_eq!(backoff.next_delay(1.0), FIRST);
        assert_eq!(backoff.next_delay(0.0), FIRST);
        for _ in 0..10 {
            assert!(backoff.next_delay(1.0) <= LONGEST);
        }
        assert_eq!(backoff.next_delay(1.0), LONGEST);
        backoff.reset();
        assert_eq!(backoff.next_delay(1.0), FIRST);
    }
}
