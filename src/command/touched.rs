//! The keys a command looked at or changed, by their hashes: what the reply gate decides by.

/// Beyond this many keys telling them apart costs more than waiting for all.
const KEYS_MAX: usize = 1024;

/// Hashes of the keys one command touched.
#[derive(Debug, Default)]
pub struct Touched {
    hashes: Vec<u64>,
    everything: bool,
}

impl Touched {
    /// Forgets all keys and keeps the memory.
    pub fn clear(&mut self) {
        self.hashes.clear();
        self.everything = false;
    }

    /// The key with this hash was looked up or changed.
    pub fn key(&mut self, hash: u64) {
        if self.hashes.len() < KEYS_MAX {
            self.hashes.push(hash);
        } else {
            self.everything = true;
        }
    }

    /// Any key may have been.
    pub fn all(&mut self) {
        self.everything = true;
    }

    /// Whether any key may have been touched, not only those of [`hashes`](Self::hashes).
    pub fn is_all(&self) -> bool {
        self.everything
    }

    /// The hashes, in order, with repetitions.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }
}
