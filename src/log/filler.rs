//! The bytes a segment is filled with ahead of use: lines that Redis skips.
//!
//! ```text
//! position in the file, a multiple of 64
//! +--------------------------------+------+
//! | 63 times '#'                   | '\n' |
//! +--------------------------------+------+
//! ```
//!
//! Frames overwrite the filler from the front, so what is left of a line is again a line that begins
//! with '#', unless only its '\n' were left: an empty line is no valid log for Redis. A write that
//! would end there adds the two bytes of [`PAD`].

/// Length of a filler line, in bytes.
pub(crate) const LINE_LEN: u64 = 64;
/// What follows a group of frames that ends one byte before a line does.
pub(crate) const PAD: &[u8; 2] = b"#\n";
/// Filler is written in blocks of this many bytes.
pub(crate) const BLOCK_LEN: usize = 64 * 1024;

const _: () = assert!((BLOCK_LEN as u64).is_multiple_of(LINE_LEN));

/// Whether a group of frames that ends at `position` must be followed by [`PAD`].
pub(crate) const fn needs_pad(position: u64) -> bool {
    position % LINE_LEN == LINE_LEN - 1
}

/// The filler byte at `position` of a file.
pub(crate) const fn byte_at(position: u64) -> u8 {
    if position % LINE_LEN == LINE_LEN - 1 { b'\n' } else { b'#' }
}

/// Whether `bytes`, found at `position` of a file, are all filler.
pub(crate) fn is_filler(bytes: &[u8], position: u64) -> bool {
    first_other(bytes, position).is_none()
}

/// Index of the first byte of `bytes`, found at `position` of a file, that is not filler.
pub(crate) fn first_other(bytes: &[u8], position: u64) -> Option<usize> {
    (position..).zip(bytes).position(|(at, byte)| *byte != byte_at(at))
}

/// A block of filler that may be written at any multiple of [`LINE_LEN`].
pub(crate) fn block() -> Box<[u8]> {
    (0..BLOCK_LEN as u64).map(byte_at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_filler_at_line_starts_only() {
        let block = block();
        assert!(is_filler(&block, 0) && is_filler(&block, 640) && !is_filler(&block, 1));
        assert_eq!(first_other(b"##*", 64), Some(2));
        assert_eq!(first_other(b"#\n#", 62), None);
    }
}
