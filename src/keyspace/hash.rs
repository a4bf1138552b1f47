//! The hash of a key: seeded, the same for all databases of a keyspace.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::quality::FoldHasher;

/// Hashes keys. Both seeds of the hash function come from one number, so that equal seeds give
/// equal orders everywhere and nobody can choose colliding keys without knowing it.
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
