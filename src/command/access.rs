//! The access word of an entry: when it was last used, or how often.
//!
//! ```text
//! recency    seconds, modulo 2^24                              (24 bits)
//! frequency  minutes of the last decay, modulo 2^16  (16 bits) | logarithmic counter (8 bits)
//! ```

use crate::keyspace::Entry;

/// What the access word holds (`maxmemory-policy` decides).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Aging {
    /// The time of the last use.
    #[default]
    Recency,
    /// How often the key is used.
    Frequency {
        /// How slowly the counter grows (`lfu-log-factor`).
        log_factor: u32,
        /// Minutes after which it loses one (`lfu-decay-time`); 0 is never.
        decay_minutes: u32,
    },
}

const SECONDS_MASK: u64 = 0xff_ffff;
const MINUTES_MASK: u64 = 0xffff;
/// A new key has a chance to be used again before it is taken for a useless one.
const COUNTER_INITIAL: u32 = 5;
const COUNTER_MAX: u32 = 255;

impl Aging {
    /// The access word of an entry made now.
    pub fn initial(self, now_ms: u64) -> u32 {
        match self {
            Self::Recency => seconds(now_ms),
            Self::Frequency { .. } => minutes(now_ms) << 8 | COUNTER_INITIAL,
        }
    }

    /// Notes a use of `entry`.
    pub fn touch(self, entry: &Entry, now_ms: u64, rng: &mut fastrand::Rng) {
        let word = match self {
            Self::Recency => seconds(now_ms),
            Self::Frequency { log_factor, .. } => {
                let counter = grown(self.frequency(entry.access(), now_ms), log_factor, rng);
                minutes(now_ms) << 8 | counter
            }
        };
        entry.set_access(word);
    }

    /// Seconds since the last use that `word` notes.
    pub fn idle_seconds(self, word: u32, now_ms: u64) -> u64 {
        u64::from(seconds(now_ms).wrapping_sub(word)) & SECONDS_MASK
    }

    /// The counter in `word`, less what it has lost by now.
    pub fn frequency(self, word: u32, now_ms: u64) -> u32 {
        let counter = word & COUNTER_MAX;
        match self {
            Self::Frequency { decay_minutes, .. } if decay_minutes > 0 => {
                let elapsed = minutes(now_ms).wrapping_sub(word >> 8) & MINUTES_MASK as u32;
                counter.saturating_sub(elapsed / decay_minutes)
            }
            _ => counter,
        }
    }

    /// The access word of an entry last used `idle_seconds` ago.
    pub fn word_of_idle(idle_seconds: u64, now_ms: u64) -> u32 {
        ((now_ms / 1000).wrapping_sub(idle_seconds) & SECONDS_MASK) as u32
    }

    /// The access word of an entry with this counter.
    pub fn word_of_frequency(counter: u8, now_ms: u64) -> u32 {
        minutes(now_ms) << 8 | u32::from(counter)
    }
}

fn seconds(now_ms: u64) -> u32 {
    ((now_ms / 1000) & SECONDS_MASK) as u32
}

fn minutes(now_ms: u64) -> u32 {
    ((now_ms / 60_000) & MINUTES_MASK) as u32
}

/// One more use, the less likely to count the more there have been.
fn grown(counter: u32, log_factor: u32, rng: &mut fastrand::Rng) -> u32 {
    let excess = counter.saturating_sub(COUNTER_INITIAL);
    let chance = 1.0 / (f64::from(excess) * f64::from(log_factor) + 1.0);
    if counter < COUNTER_MAX && rng.f64() < chance { counter + 1 } else { counter }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_survives_the_wrap_of_the_clock() {
        let wrap_ms = (SECONDS_MASK + 1) * 1000;
        let word = Aging::Recency.initial(wrap_ms - 3000);
        assert_eq!(Aging::Recency.idle_seconds(word, wrap_ms + 2000), 5);
        assert_eq!(Aging::Recency.idle_seconds(Aging::word_of_idle(77, wrap_ms), wrap_ms), 77);
    }

    #[test]
    fn a_counter_decays_by_the_minute() {
        let aging = Aging::Frequency { log_factor: 10, decay_minutes: 1 };
        let word = Aging::word_of_frequency(9, 600_000);
        assert_eq!(aging.frequency(word, 600_000), 9);
        assert_eq!(aging.frequency(word, 600_000 + 3 * 60_000), 6);
        assert_eq!(aging.frequency(word, 600_000 + 60 * 60_000), 0);
    }
}
