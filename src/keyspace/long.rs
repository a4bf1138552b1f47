//! A value too long for its entry's block: an allocation of its own, and from a length on one that
//! replies can hold as well.

use crate::base::limits::SHARED_LEN_MIN;
use crate::base::shared::SharedBytes;

/// Bytes an allocator spends on an allocation beside its size.
pub(super) const ALLOCATION_OVERHEAD: usize = 8;

/// The bytes of a long value.
pub(super) enum Long {
    /// The entry's alone.
    Own(Vec<u8>),
    /// Held by replies as well, perhaps.
    Shared(SharedBytes),
}

const _: () = assert!(size_of::<Long>() == size_of::<Vec<u8>>(), "blocks do not grow by it");

impl Long {
    /// Bytes of memory beside the block, as a common allocator rounds them.
    pub fn memory_bytes(&self) -> usize {
        match self {
            Self::Own(bytes) => bytes.capacity() + ALLOCATION_OVERHEAD,
            Self::Shared(bytes) => bytes.memory_bytes() + 2 * ALLOCATION_OVERHEAD,
        }
    }

    /// The value for replies to hold, if it is one that they share.
    pub fn shared(&self) -> Option<&SharedBytes> {
        match self {
            Self::Own(_) => None,
            Self::Shared(bytes) => Some(bytes),
        }
    }

    /// Makes the value `len` bytes long, with zeros at its end, and lends it.
    pub fn resize(&mut self, len: usize) -> &mut [u8] {
        if let Self::Own(bytes) = self
            && len >= SHARED_LEN_MIN
        {
            *self = Self::Shared(std::mem::take(bytes).into());
        }
        let bytes = match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes.make_mut(),
        };
        bytes.resize(len, 0);
        bytes
    }

    /// The bytes, moved out.
    pub fn take(&mut self) -> Vec<u8> {
        match std::mem::replace(self, Self::Own(Vec::new())) {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes.into_vec(),
        }
    }
}

impl From<Vec<u8>> for Long {
    fn from(bytes: Vec<u8>) -> Self {
        if bytes.len() < SHARED_LEN_MIN { Self::Own(bytes) } else { Self::Shared(bytes.into()) }
    }
}

impl std::ops::Deref for Long {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Own(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}
