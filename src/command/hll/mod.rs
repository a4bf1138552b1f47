//! HyperLogLogs: strings that count how many different elements they were shown, roughly. The bytes,
//! the hash and the estimate are those of Redis.
//!
//! ```text
//!  0        4          5       8                                     16
//! +--------+----------+-------+-------------------------------------+-----------+
//! | "HYLL" | encoding | 0 0 0 | count, 8 bytes, little-endian       | registers |
//! +--------+----------+-------+-------------------------------------+-----------+
//!  encoding: 0 dense, 1 sparse
//!  count:    what was counted last; the highest bit says that registers have changed since
//! ```
//!
//! There are 16384 registers of 6 bits: [`dense`] has them all, [`sparse`] has runs of equal ones.
//! Whatever bytes a client has set are looked at here: nothing is trusted, lengths least of all.

mod dense;
mod estimate;
mod hash;
pub(super) mod selftest;
mod sketch;
mod sparse;

pub(super) use dense::{patch, register};
pub(super) use hash::place_of;
pub(super) use sketch::Sketch;
pub(super) use sparse::{Run, runs};

/// Bits of an element's hash that choose its register.
const INDEX_BITS: u32 = 14;
/// Number of registers.
pub(super) const REGISTERS: usize = 1 << INDEX_BITS;
/// Highest value a register can be raised to by an element: the bits left, and one.
const RANK_MAX: usize = (u64::BITS - INDEX_BITS) as usize + 1;

/// Length of what stands before the registers, in bytes.
pub(super) const HEADER_LEN: usize = 16;
const MAGIC: &[u8] = b"HYLL";
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
const COUNT_LEN: usize = size_of::<u64>();
/// Where the byte with the mark of changed registers is.
pub(super) const STALE_AT: usize = COUNT_AT + COUNT_LEN - 1;
const STALE: u8 = 0x80;
const DENSE: u8 = 0;
const SPARSE: u8 = 1;
/// Length of a dense one, in bytes.
const DENSE_LEN: usize = HEADER_LEN + dense::REGISTERS_LEN;

const _: () = assert!(COUNT_AT + COUNT_LEN == HEADER_LEN && ENCODING_AT < COUNT_AT);

/// How the registers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Each in 6 bits.
    Dense,
    /// As runs of equal ones.
    Sparse,
}

/// Why a string is of no use here: the error reply's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// It does not begin like a HyperLogLog.
    #[error("WRONGTYPE Key is not a valid HyperLogLog string value.")]
    Other,
    /// It does, and is none.
    #[error("INVALIDOBJ Corrupted HLL object detected")]
    Corrupted,
}

/// The encoding that the head of `bytes` tells.
///
/// # Errors
/// It is no head of a HyperLogLog.
pub(super) fn encoding_of(bytes: &[u8]) -> Result<Encoding, Unfit> {
    if bytes.len() < HEADER_LEN || !bytes.starts_with(MAGIC) {
        return Err(Unfit::Other);
    }
    match bytes[ENCODING_AT] {
        DENSE if bytes.len() == DENSE_LEN => Ok(Encoding::Dense),
        SPARSE => Ok(Encoding::Sparse),
        _ => Err(Unfit::Other),
    }
}

/// The count that was noted when registers changed last, unless they have changed since. `bytes` has
/// a good head.
pub(super) fn noted_count(bytes: &[u8]) -> Option<u64> {
    let field = bytes.get(COUNT_AT..)?.first_chunk::<COUNT_LEN>()?;
    (bytes.get(STALE_AT)? & STALE == 0).then(|| u64::from_le_bytes(*field))
}

/// Where and how a count is noted.
pub(super) fn count_note(count: u64) -> (usize, [u8; COUNT_LEN]) {
    (COUNT_AT, count.to_le_bytes())
}

/// The last byte of the noted count, with the mark that registers have changed since.
pub(super) fn stale_mark(bytes: &[u8]) -> u8 {
    bytes.get(STALE_AT).copied().unwrap_or_default() | STALE
}

/// Counts anew.
///
/// # Errors
/// `bytes` are no HyperLogLog.
pub(super) fn count(bytes: &[u8]) -> Result<u64, Unfit> {
    let encoding = encoding_of(bytes)?;
    let registers = &bytes[HEADER_LEN..];
    let mut histogram = estimate::Histogram::default();
    match encoding {
        Encoding::Dense => dense::groups(registers).for_each(|ranks| histogram.add_each(ranks)),
        Encoding::Sparse => sparse::for_each_run(registers, |_, run| {
            histogram.add(run.rank, run.len);
        })?,
    }
    Ok(histogram.estimate())
}

/// The count of registers that stand in a byte each.
pub(super) fn count_of(ranks: &[u8]) -> u64 {
    let mut histogram = estimate::Histogram::default();
    let (groups, _) = ranks.as_chunks::<{ dense::GROUP }>();
    groups.iter().for_each(|ranks| histogram.add_each(*ranks));
    histogram.estimate()
}

/// Raises `ranks`, a byte for each register, to the registers of `bytes` where those are higher.
///
/// # Errors
/// `bytes` are no HyperLogLog; some of `ranks` may be raised by then.
pub(super) fn raise(ranks: &mut [u8], bytes: &[u8]) -> Result<(), Unfit> {
    let encoding = encoding_of(bytes)?;
    let registers = &bytes[HEADER_LEN..];
    match encoding {
        Encoding::Dense => {
            let (groups, _) = ranks.as_chunks_mut::<{ dense::GROUP }>();
            for (group, ranks) in groups.iter_mut().zip(dense::groups(registers)) {
                group.iter_mut().zip(ranks).for_each(|(to, rank)| *to = rank.max(*to));
            }
            Ok(())
        }
        Encoding::Sparse => sparse::for_each_run(registers, |first, run| {
            if run.rank > 0 {
                let raised = ranks.iter_mut().skip(first).take(run.len);
                raised.for_each(|to| *to = run.rank.max(*to));
            }
        }),
    }
}
