//! The one position: bytes of the replication stream since the replication ID began.

use std::fmt;
use std::ops::{Add, AddAssign, Sub};

/// A position in the replication stream, in bytes since the replication ID began.
///
/// The same number in `INFO`, `PSYNC`, `WAIT`, segment and frame headers and the inspection tool.
/// Frame and segment headers do not count: only payload bytes that replicas receive do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

impl Offset {
    /// The position before the first byte.
    pub const ZERO: Self = Self(0);
    /// A position no stream reaches; "wait for everything".
    pub const MAX: Self = Self(u64::MAX);

    /// The position `bytes` after the beginning of the stream.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Bytes since the beginning of the stream.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Bytes from `earlier` to `self`, or `None` when `earlier` is the later one.
    pub const fn checked_since(self, earlier: Self) -> Option<u64> {
        self.0.checked_sub(earlier.0)
    }

    /// Bytes from `earlier` to `self`, zero when `earlier` is the later one.
    pub const fn saturating_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The position `bytes` later, or `None` past the end of the number range.
    pub fn checked_add(self, bytes: u64) -> Option<Self> {
        self.0.checked_add(bytes).map(Self)
    }
}

impl Add<u64> for Offset {
    type Output = Self;

    fn add(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}

impl AddAssign<u64> for Offset {
    fn add_assign(&mut self, bytes: u64) {
        self.0 += bytes;
    }
}

impl Sub<Offset> for Offset {
    type Output = u64;

    fn sub(self, earlier: Offset) -> u64 {
        self.0 - earlier.0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}
