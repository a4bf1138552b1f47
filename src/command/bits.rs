//! Bits of byte strings: counting, finding, combining, and integers of any width among them.
//!
//! Bit 0 is the highest bit of byte 0, as in Redis: bits stand in the order in which the bytes are
//! written. Pure functions over slices; long ones are gone through in words.

use std::ops::RangeInclusive;

/// Bytes of a window that holds any integer of up to 64 bits wherever it begins.
const WINDOW_LEN: usize = 9;
/// Bytes looked at together where a search passes over them.
const BLOCK_LEN: usize = 64;
/// Bytes that are combined while they are in the processor's nearest cache.
const STRETCH_LEN: usize = 16 * 1024;

/// How strings are combined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    /// Bits that are set in all.
    And,
    /// Bits that are set in any.
    Or,
    /// Bits that are set in an odd number.
    Xor,
    /// Bits that are not set in the only one.
    Not,
}

/// Bits set in `bytes`.
pub(super) fn count(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let of_word = |word: &[u8; 8]| u64::from(u64::from_ne_bytes(*word).count_ones());
    let of_words: u64 = words.iter().map(of_word).sum();
    of_words + rest.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>()
}

/// Bits set among the bits of `range`, which lie in `bytes`.
pub(super) fn count_in(bytes: &[u8], range: RangeInclusive<u64>) -> u64 {
    let Some(cut) = Cut::new(bytes, range) else { return 0 };
    let edges = cut.head.count_ones() + cut.tail.map_or(0, u8::count_ones);
    u64::from(edges) + count(cut.middle)
}

/// The first bit of `range`, which lies in `bytes`, that is as `bit`.
pub(super) fn find_in(bytes: &[u8], bit: bool, range: RangeInclusive<u64>) -> Option<u64> {
    let first_byte = range.start() / 8;
    let cut = Cut::of_wanted(bytes, bit, range)?;
    if cut.head != 0 {
        return Some(first_byte * 8 + u64::from(cut.head.leading_zeros()));
    }
    let passed = if bit { 0 } else { 0xff };
    let middle_at = first_byte + 1;
    if let Some(at) = first_other(cut.middle, passed) {
        let wanted = cut.middle[at] ^ passed;
        return Some((middle_at + at as u64) * 8 + u64::from(wanted.leading_zeros()));
    }
    let tail_at = middle_at + cut.middle.len() as u64;
    let tail = cut.tail.filter(|&tail| tail != 0)?;
    Some(tail_at * 8 + u64::from(tail.leading_zeros()))
}

/// A range of bits as whole bytes between two that may be cut.
struct Cut<'a> {
    head: u8,
    middle: &'a [u8],
    /// `None` when the range ends in the byte it begins in.
    tail: Option<u8>,
}

impl<'a> Cut<'a> {
    fn new(bytes: &'a [u8], range: RangeInclusive<u64>) -> Option<Self> {
        Self::of_wanted(bytes, true, range)
    }

    /// The range, with head and tail turned over when clear bits are wanted.
    fn of_wanted(bytes: &'a [u8], bit: bool, range: RangeInclusive<u64>) -> Option<Self> {
        let (first, last) = range.into_inner();
        let (from, to) = (usize::try_from(first / 8).ok()?, usize::try_from(last / 8).ok()?);
        let turned = |byte: u8| if bit { byte } else { !byte };
        let (head_mask, tail_mask) = (0xff >> (first % 8), !(0x7f >> (last % 8)));
        let head = turned(*bytes.get(from)?) & head_mask;
        if from == to {
            return Some(Self { head: head & tail_mask, middle: &[], tail: None });
        }
        let middle = bytes.get(from + 1..to)?;
        Some(Self { head, middle, tail: Some(turned(*bytes.get(to)?) & tail_mask) })
    }
}

/// Where the first byte is that is not `passed`, a byte of equal bits.
fn first_other(bytes: &[u8], passed: u8) -> Option<usize> {
    let (blocks, _) = bytes.as_chunks::<BLOCK_LEN>();
    let is_passed = |block: &[u8; BLOCK_LEN]| block.iter().fold(0, |d, b| d | (b ^ passed)) == 0;
    let from = blocks.iter().position(|block| !is_passed(block)).unwrap_or(blocks.len());
    let from = from * BLOCK_LEN;
    bytes[from..].iter().position(|&byte| byte != passed).map(|at| from + at)
}

/// The strings combined, as long as the longest; shorter ones count as followed by zeros.
pub(super) fn combine(operation: Operation, sources: &[&[u8]]) -> Vec<u8> {
    let len = sources.iter().map(|source| source.len()).max().unwrap_or(0);
    let Some((first, others)) = sources.split_first() else { return Vec::new() };
    let mut out = Vec::with_capacity(len);
    while out.len() < len {
        let from = out.len();
        let to = (from + STRETCH_LEN).min(len);
        let stretch = |source: &[u8]| from.min(source.len())..to.min(source.len());
        out.extend_from_slice(&first[stretch(first)]);
        out.resize(to, 0);
        let out = &mut out[from..];
        for source in others {
            let part = &source[stretch(source)];
            let (both, beyond) = out.split_at_mut(part.len());
            let pairs = both.iter_mut().zip(part);
            match operation {
                Operation::And => {
                    pairs.for_each(|(a, b)| *a &= b);
                    beyond.fill(0);
                }
                Operation::Or => pairs.for_each(|(a, b)| *a |= b),
                Operation::Xor => pairs.for_each(|(a, b)| *a ^= b),
                Operation::Not => {}
            }
        }
        if operation == Operation::Not {
            out.iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
    out
}

/// The `bits` (1 to 64) bits from `offset` on as an unsigned number; beyond the end there are zeros.
pub(super) fn field(bytes: &[u8], offset: u64, bits: u32) -> u64 {
    let window = window(bytes, offset);
    (window << (offset % 8) >> (u128::BITS - bits)) as u64
}

/// What has to be written at byte `offset / 8` to make the `bits` (1 to 64) bits from `offset` on the
/// low bits of `number`.
pub(super) fn with_field(bytes: &[u8], offset: u64, bits: u32, number: u64) -> Patch {
    let begin = (offset % 8) as u32;
    let shift = u128::BITS - begin - bits;
    let mask = u128::MAX >> (u128::BITS - bits) << shift;
    let changed = window(bytes, offset) & !mask | u128::from(number) << shift & mask;
    Patch { bytes: changed.to_be_bytes(), len: (begin + bits).div_ceil(8) as usize }
}

/// Bytes to be written over a part of a string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patch {
    bytes: [u8; size_of::<u128>()],
    len: usize,
}

impl Patch {
    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The bytes from that of `offset` on at the top of a number, zeros behind the string's end.
fn window(bytes: &[u8], offset: u64) -> u128 {
    let mut window = [0; size_of::<u128>()];
    let from = usize::try_from(offset / 8).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
    for (to, byte) in window.iter_mut().take(WINDOW_LEN).zip(from) {
        *to = *byte;
    }
    u128::from_be_bytes(window)
}
