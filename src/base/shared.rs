//! Long strings that several holders share: the keyspace, replies on their way to a client, and the
//! request that brought them.
//!
//! What always holds: bytes that somebody else holds never change. Who wants to change them has to be
//! the only holder, or gets a copy.

use std::ops::Deref;
use std::sync::Arc;

/// A stretch of a buffer that is never copied as long as nobody changes it.
#[derive(Clone)]
pub struct SharedBytes {
    buffer: Arc<Vec<u8>>,
    /// Bytes of the buffer before the stretch.
    before: u32,
    /// Bytes of the buffer behind it.
    behind: u32,
}

impl SharedBytes {
    /// Bytes that each buffer takes beside its own: two counts, and the `Vec` behind them.
    pub const OVERHEAD: usize = 2 * size_of::<usize>() + size_of::<Vec<u8>>();

    /// Bytes `start..end` of `buffer`, which has as many. `None` if too much lies beside them for its
    /// length to be kept.
    pub fn of(buffer: &Arc<Vec<u8>>, start: usize, end: usize) -> Option<Self> {
        let before = u32::try_from(start).ok()?;
        let behind = u32::try_from(buffer.len().checked_sub(end)?).ok()?;
        (start <= end).then(|| Self { buffer: Arc::clone(buffer), before, behind })
    }

    /// Bytes of memory that the buffer takes, whoever else holds it.
    pub fn memory_bytes(&self) -> usize {
        self.buffer.capacity() + Self::OVERHEAD
    }

    /// The bytes, to be changed and made longer: the buffer itself, with nothing beside them, if nobody
    /// else holds it, or else a copy.
    pub fn make_mut(&mut self) -> &mut Vec<u8> {
        let (before, behind) = (self.before as usize, self.behind as usize);
        (self.before, self.behind) = (0, 0);
        let bytes = Arc::make_mut(&mut self.buffer);
        bytes.truncate(bytes.len() - behind);
        bytes.drain(..before);
        bytes
    }

    /// The bytes, copied only if somebody else holds them.
    pub fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(self.make_mut())
    }
}

impl From<Vec<u8>> for SharedBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { buffer: Arc::new(bytes), before: 0, behind: 0 }
    }
}

impl Deref for SharedBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let end = self.buffer.len() - self.behind as usize;
        &self.buffer[self.before as usize..end]
    }
}

impl std::fmt::Debug for SharedBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedBytes").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_seen_by_nobody_else() {
        let buffer = Arc::new(b"$5\r\nhello\r\n".to_vec());
        let mut mine = SharedBytes::of(&buffer, 4, 9).unwrap();
        drop(buffer);
        let theirs = mine.clone();
        mine.make_mut().extend_from_slice(b" world");
        assert_eq!((&mine[..], &theirs[..]), (&b"hello world"[..], &b"hello"[..]));
        assert_eq!(theirs.into_vec(), b"hello");
    }

    #[test]
    fn the_only_holder_changes_the_buffer_itself() {
        let buffer = Arc::new(b"$5\r\nhello\r\n".to_vec());
        let at = buffer.as_ptr();
        let mut only = SharedBytes::of(&buffer, 4, 9).unwrap();
        drop(buffer);
        only.make_mut()[0] = b'j';
        assert_eq!((&only[..], only.as_ptr()), (&b"jello"[..], at));
    }

    #[test]
    fn a_stretch_lies_in_its_buffer() {
        let buffer = Arc::new(vec![0; 3]);
        assert!(SharedBytes::of(&buffer, 0, 4).is_none());
        assert!(SharedBytes::of(&buffer, 2, 1).is_none());
        assert!(SharedBytes::of(&buffer, 3, 3).is_some_and(|bytes| bytes.is_empty()));
    }
}
