//! From registers to a count: Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog
//! sketches" (2017), algorithm 6, in the same steps of floating-point arithmetic as in Redis.

use super::dense::GROUP;
use super::{RANK_MAX, REGISTERS};

/// 1 / (2 ln 2)
const ALPHA: f64 = 0.721_347_520_444_481_7;
/// What no conversion to an integer can hold becomes this number on the machines Redis runs on.
const INDEFINITE: u64 = 1 << 63;
/// Values of 6 bits.
const RANKS: usize = 64;

/// How many registers hold which rank: the sum of several counts, so that registers side by side, which
/// mostly hold the same, need not wait for one another.
#[derive(Clone, Debug)]
pub(super) struct Histogram([[u32; RANKS]; GROUP]);

impl Default for Histogram {
    fn default() -> Self {
        Self([[0; RANKS]; GROUP])
    }
}

impl Histogram {
    /// So many registers more hold `rank`.
    pub fn add(&mut self, rank: u8, registers: usize) {
        self.0[0][usize::from(rank) % RANKS] += registers as u32;
    }

    /// One register more holds each of these.
    pub fn add_each(&mut self, ranks: [u8; GROUP]) {
        for (counts, rank) in self.0.iter_mut().zip(ranks) {
            counts[usize::from(rank) % RANKS] += 1;
        }
    }

    /// The number of different elements that led to these ranks. Ranks that no element leads to are
    /// left out, as in Redis.
    pub fn estimate(&self) -> u64 {
        let registers = REGISTERS as f64;
        let number = |rank: usize| f64::from(self.0.iter().map(|counts| counts[rank]).sum::<u32>());
        let mut sum = registers * tau((registers - number(RANK_MAX)) / registers);
        for rank in (1..RANK_MAX).rev() {
            sum = (sum + number(rank)) * 0.5;
        }
        sum += registers * sigma(number(0) / registers);
        let estimate = (ALPHA * registers * registers / sum).round();
        if estimate < INDEFINITE as f64 { estimate as u64 } else { INDEFINITE }
    }
}

fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        let before = z;
        x *= x;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        let before = z;
        x = x.sqrt();
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}
