//! The hash of a key: seeded, the same for all databases of a keyspace.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// Hashes keys. Both seeds of the hash function come from one number, so that equal seeds give equal
/// orders everywhere.
///
/// Without knowing the seed nobody can choose colliding keys straight away. It is no cryptographic
/// hash: a client that may SCAN sees positions, and could in time work some out. The table bounds what
/// collisions cost: lookups of just those keys become slow, and nothing grows.
#[derive(Clone, Debug)]
pub struct KeyHasher {
    seed: u64,
    shared: SharedSeed,
}

impl KeyHasher {
    /// A hasher that depends on `seed` alone.
    pub fn new(seed: u64) -> Self {
        Self { seed, shared: SharedSeed::from_u64(!seed) }
    }

    /// The hash of `key`; all its bits are of the same quality.
    #[inline]
    pub fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = FoldHasher::with_seed(self.seed, &self.shared);
        hasher.write(key);
        hasher.finish()
    }
}

#[cfg(test)]
impl KeyHasher {
    /// Keys of 16 bytes that all have the same hash, made with knowledge of the seeds: the last 8
    /// bytes make one factor of a product zero.
    pub fn colliding_keys(&self) -> impl Iterator<Item = Vec<u8>> + use<> {
        let seeds = format!("{:?}", self.shared);
        let numbers = seeds.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty());
        let second: u64 = numbers.map(|word| word.parse().unwrap()).nth(1).unwrap();
        (0..u64::MAX).map(move |number| [number.to_ne_bytes(), second.to_ne_bytes()].concat())
    }
}
