//! The replication ID: 40 lower-case hexadecimal digits that name one history of writes.

use std::fmt;

/// Length of a replication ID, in bytes of ASCII.
pub const REPL_ID_LEN: usize = 40;

/// A replication ID: 40 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReplId([u8; REPL_ID_LEN]);

impl ReplId {
    /// The identity of no history, as Redis prints it: forty zeros.
    pub const NONE: Self = Self([b'0'; REPL_ID_LEN]);

    /// Makes an ID of 20 random bytes.
    pub fn from_random(bytes: [u8; 20]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut id = [0; REPL_ID_LEN];
        for (pair, byte) in id.chunks_exact_mut(2).zip(bytes) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        Self(id)
    }

    /// Reads 40 lower-case hexadecimal digits; anything else is `None`.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let id: [u8; REPL_ID_LEN] = text.try_into().ok()?;
        id.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')).then_some(Self(id))
    }

    /// The 40 digits.
    pub fn as_bytes(&self) -> &[u8; REPL_ID_LEN] {
        &self.0
    }

    /// The 40 digits as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for ReplId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
