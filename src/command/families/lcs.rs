//! `LCS`: a longest common subsequence of two strings, by the textbook table.

use super::{SYNTAX, integer};
use crate::command::ctx::{Ctx, Use};
use crate::resp::{Args, Reply};

/// What is to be told.
#[derive(Default)]
struct Options {
    len: bool,
    ranges: bool,
    range_len_min: usize,
    range_lens: bool,
}

/// A run of equal bytes: where it begins in both strings, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    a: usize,
    b: usize,
    len: usize,
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN len] [WITHMATCHLEN]`
pub(crate) fn lcs(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let [a, b] = [&args[1], &args[2]].map(|key| {
        ctx.read(key, Use::Counts, |entry, _| match entry {
            Some(entry) => entry.as_string().map(|string| string.to_cow().into_owned()),
            None => Some(Vec::new()),
        })
    });
    let (Some(a), Some(b)) = (a, b) else {
        return ctx.reply.error("ERR The specified keys must contain string values");
    };
    let Some(options) = parse_options(ctx, args) else { return };
    if options.len && options.ranges {
        return ctx
            .reply
            .error("ERR If you want both the length and indexes, please just use IDX.");
    }
    let cells = (a.len() as u64 + 1).checked_mul(b.len() as u64 + 1);
    let table_len = cells.and_then(|cells| cells.checked_mul(size_of::<u32>() as u64));
    if table_len.is_none_or(|len| len > ctx.settings.bulk_len_max) {
        return ctx
            .reply
            .error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    }
    let table = Lengths::new(&a, &b);
    let runs = table.runs();
    if options.ranges {
        reply_ranges(ctx.reply, &runs, &options, table.at(a.len(), b.len()));
    } else if options.len {
        ctx.reply.integer(i64::from(table.at(a.len(), b.len())));
    } else {
        let common: Vec<u8> =
            runs.iter().rev().flat_map(|run| &a[run.a..run.a + run.len]).copied().collect();
        ctx.reply.bulk(&common);
    }
}

fn parse_options(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Option<Options> {
    let mut options = Options::default();
    let mut index = 3;
    while let Some(word) = args.get(index) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        if is("IDX") {
            options.ranges = true;
        } else if is("LEN") {
            options.len = true;
        } else if is("WITHMATCHLEN") {
            options.range_lens = true;
        } else if let (true, Some(len)) = (is("MINMATCHLEN"), args.get(index + 1)) {
            options.range_len_min = usize::try_from(integer(ctx, len)?).unwrap_or(0);
            index += 1;
        } else {
            ctx.reply.error(SYNTAX);
            return None;
        }
        index += 1;
    }
    Some(options)
}

fn reply_ranges(reply: &mut Reply, runs: &[Run], options: &Options, len: u32) {
    let told = || runs.iter().filter(|run| run.len >= options.range_len_min);
    reply.map(2);
    reply.bulk(b"matches");
    reply.array(told().count());
    for run in told() {
        reply.array(2 + usize::from(options.range_lens));
        for start in [run.a, run.b] {
            reply.array(2);
            reply.integer(start as i64);
            reply.integer((start + run.len - 1) as i64);
        }
        if options.range_lens {
            reply.integer(run.len as i64);
        }
    }
    reply.bulk(b"len");
    reply.integer(i64::from(len));
}

/// The lengths for all pairs of beginnings of two strings.
struct Lengths<'s> {
    a: &'s [u8],
    b: &'s [u8],
    lens: Vec<u32>,
}

impl<'s> Lengths<'s> {
    fn new(a: &'s [u8], b: &'s [u8]) -> Self {
        let width = b.len() + 1;
        let mut lens = vec![0u32; (a.len() + 1) * width];
        for (row, byte) in a.iter().enumerate() {
            let (above, below) = lens[row * width..(row + 2) * width].split_at_mut(width);
            for (column, other) in b.iter().enumerate() {
                below[column + 1] = if byte == other {
                    above[column] + 1
                } else {
                    above[column + 1].max(below[column])
                };
            }
        }
        Self { a, b, lens }
    }

    /// The length for the first `i` bytes of one string and the first `j` of the other.
    fn at(&self, i: usize, j: usize) -> u32 {
        self.lens[i * (self.b.len() + 1) + j]
    }

    /// The runs that make up one longest common subsequence, the last one first.
    fn runs(&self) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        let (mut i, mut j) = (self.a.len(), self.b.len());
        while i > 0 && j > 0 {
            if self.a[i - 1] == self.b[j - 1] {
                match runs.last_mut() {
                    Some(run) if run.a == i && run.b == j => {
                        *run = Run { a: i - 1, b: j - 1, len: run.len + 1 };
                    }
                    _ => runs.push(Run { a: i - 1, b: j - 1, len: 1 }),
                }
                (i, j) = (i - 1, j - 1);
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        runs
    }
}
