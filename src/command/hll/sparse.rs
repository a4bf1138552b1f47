//! Registers as runs of equal ones.
//!
//! ```text
//! 00llllll            l + 1 registers (1 to 64) are zero
//! 01llllll llllllll   l + 1 registers (1 to 16384) are zero
//! 1rrrrrll            l + 1 registers (1 to 4) have rank r + 1 (1 to 32)
//! ```
//! Together the runs are of all registers, if nobody has tampered with them.

use super::{HEADER_LEN, REGISTERS, Unfit};

/// Highest rank that a run can have.
pub(super) const RANK_MAX: u8 = 32;
const ZEROS_LEN_MAX: usize = 64;
const RANKED_LEN_MAX: usize = 4;

const LONG_ZEROS: u8 = 0x40;
const RANKED: u8 = 0x80;
const KIND_MASK: u8 = 0xc0;
/// Most bytes that take the place of one run when a register in it is raised: zeros, rank, zeros.
const SPLIT_LEN_MAX: usize = 5;
/// Runs looked at for neighbours to be joined after a change.
const JOINED_RUNS_MAX: usize = 5;

/// A run of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::command) struct Run {
    /// The rank of each of them.
    pub rank: u8,
    /// Number of registers.
    pub len: usize,
    /// Number of bytes.
    pub code_len: usize,
}

impl Run {
    /// The run at the beginning of `code`. The second byte of two counts as zero where it is missing.
    fn first_of(code: &[u8]) -> Option<Self> {
        let (&head, rest) = code.split_first()?;
        if head & RANKED != 0 {
            let (rank, len) = ((head >> 2 & 0x1f) + 1, usize::from(head & 3) + 1);
            return Some(Self { rank, len, code_len: 1 });
        }
        let high = usize::from(head & !KIND_MASK);
        if head & KIND_MASK != LONG_ZEROS {
            return Some(Self { rank: 0, len: high + 1, code_len: 1 });
        }
        let low = usize::from(rest.first().copied().unwrap_or_default());
        Some(Self { rank: 0, len: (high << 8 | low) + 1, code_len: 2 })
    }
}

/// The runs, from the first register on.
pub(in crate::command) fn runs(registers: &[u8]) -> impl Iterator<Item = Run> {
    let mut rest = registers;
    std::iter::from_fn(move || {
        let run = Run::first_of(rest)?;
        rest = rest.get(run.code_len..).unwrap_or_default();
        Some(run)
    })
}

/// Hands the runs to `f`, each with the number of its first register.
///
/// # Errors
/// They are of more or fewer registers than there are; `f` has seen those that fit.
pub(super) fn for_each_run(registers: &[u8], mut f: impl FnMut(usize, Run)) -> Result<(), Unfit> {
    let mut first = 0;
    for run in runs(registers) {
        if first + run.len > REGISTERS {
            return Err(Unfit::Corrupted);
        }
        f(first, run);
        first += run.len;
    }
    if first == REGISTERS { Ok(()) } else { Err(Unfit::Corrupted) }
}

/// The code of a HyperLogLog that has seen nothing.
pub(super) fn push_empty(out: &mut Vec<u8>) {
    push_zeros(out, REGISTERS);
}

fn push_zeros(out: &mut Vec<u8>, len: usize) {
    let code = len - 1;
    if len <= ZEROS_LEN_MAX {
        out.push(code as u8);
    } else {
        out.extend_from_slice(&[LONG_ZEROS | (code >> 8) as u8, code as u8]);
    }
}

fn ranked(rank: u8, len: usize) -> u8 {
    RANKED | (rank - 1) << 2 | (len - 1) as u8
}

/// Where a run begins: its place in the whole value, and the number of its first register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    at: usize,
    first: usize,
}

impl Default for Place {
    fn default() -> Self {
        Self { at: HEADER_LEN, first: 0 }
    }
}

/// What became of a register that was to be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// It has this rank or a higher one.
    Unchanged,
    /// It was, and the value was so long once it was.
    Changed {
        /// Bytes, before neighbouring runs were joined.
        len: usize,
    },
    /// It was not: the value would have become longer than it may.
    TooLong,
}

/// Raises register `index` to `rank` (1 to [`RANK_MAX`]) as long as the value, head included, does not
/// grow beyond `len_max` bytes. `near` is where the search for the register may begin, and for the next
/// one; any place where a run begins.
///
/// # Errors
/// There is no run of this register, or not all of it.
pub(super) fn raise(
    bytes: &mut Vec<u8>,
    (index, rank): (usize, u8),
    len_max: usize,
    near: &mut Place,
) -> Result<Raised, Unfit> {
    let mut found = find(bytes, index, *near);
    // What stands before the run has to be known, too.
    if found.is_none_or(|found| found.before.is_none()) {
        found = find(bytes, index, Place::default());
    }
    let Found { before, place, run } = found.ok_or(Unfit::Corrupted)?;
    *near = before.unwrap_or_default();
    if run.rank >= rank {
        return Ok(Raised::Unchanged);
    }
    // Redis goes by whatever stands in memory behind the string.
    if place.at + run.code_len > bytes.len() {
        return Err(Unfit::Corrupted);
    }
    let mut len = bytes.len();
    if run.len == 1 && run.code_len == 1 {
        bytes[place.at] = ranked(rank, 1);
    } else {
        let code = split(run, index - place.first, rank);
        len = len + code.len() - run.code_len;
        if code.len() > run.code_len && len > len_max {
            return Ok(Raised::TooLong);
        }
        bytes.splice(place.at..place.at + run.code_len, code);
    }
    join(bytes, near.at);
    Ok(Raised::Changed { len })
}

#[derive(Clone, Copy)]
struct Found {
    /// The run before it, if there is one and the search has seen it.
    before: Option<Place>,
    place: Place,
    run: Run,
}

/// The run that register `index` is in, looked for from `from` on.
fn find(bytes: &[u8], index: usize, from: Place) -> Option<Found> {
    if from.first > index {
        return None;
    }
    let (mut before, mut place) = (None, from);
    for run in runs(bytes.get(from.at..)?) {
        if index < place.first + run.len {
            return Some(Found { before, place, run });
        }
        before = Some(place);
        place = Place { at: place.at + run.code_len, first: place.first + run.len };
    }
    None
}

/// The code of `run` with its register number `inside` raised to `rank`.
fn split(run: Run, inside: usize, rank: u8) -> Vec<u8> {
    let mut code = Vec::with_capacity(SPLIT_LEN_MAX);
    let push_same = |code: &mut Vec<u8>, len: usize| match (len, run.rank) {
        (0, _) => {}
        (len, 0) => push_zeros(code, len),
        (len, same) => code.push(ranked(same, len)),
    };
    push_same(&mut code, inside);
    code.push(ranked(rank, 1));
    push_same(&mut code, run.len - inside - 1);
    code
}

/// Joins neighbouring runs of one rank, from the run at `at` on, where they fit into one.
fn join(bytes: &mut Vec<u8>, mut at: usize) {
    for _ in 0..JOINED_RUNS_MAX {
        let Some(run) = bytes.get(at..).and_then(Run::first_of) else { return };
        let next = bytes.get(at + run.code_len..).and_then(Run::first_of);
        let joined = next.filter(|_| run.rank > 0).filter(|next| next.rank == run.rank);
        match joined.map(|next| run.len + next.len).filter(|len| *len <= RANKED_LEN_MAX) {
            Some(len) => {
                bytes.remove(at);
                bytes[at] = ranked(run.rank, len);
            }
            None => at += run.code_len,
        }
    }
}
