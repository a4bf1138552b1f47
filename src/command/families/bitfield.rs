//! Integers of any width inside of strings: `BITFIELD`, `BITFIELD_RO`.

use super::bitmap::{bit_offset, with_room};
use super::{SYNTAX, integer};
use crate::command::bits;
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::resp::Args;

const BAD_TYPE: &str = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
supported but i64 is.";
const SIGNED_BITS_MAX: u32 = 64;
const UNSIGNED_BITS_MAX: u32 = 63;

/// What becomes of a number that its field is too narrow for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Overflow {
    /// Its low bits.
    Wrap,
    /// The highest or lowest that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64),
    Add(i64),
}

/// The width of a field, and whether its highest bit is a sign.
#[derive(Clone, Copy)]
struct Kind {
    is_signed: bool,
    bits: u32,
}

#[derive(Clone, Copy)]
struct Step {
    action: Action,
    kind: Kind,
    /// The field's first bit.
    offset: u64,
    overflow: Overflow,
}

impl Kind {
    /// Reads `i8`, `u16` and the like.
    fn parse(text: &[u8]) -> Option<Self> {
        let (&sign, digits) = text.split_first()?;
        let (is_signed, bits_max) = match sign {
            b'i' => (true, SIGNED_BITS_MAX),
            b'u' => (false, UNSIGNED_BITS_MAX),
            _ => return None,
        };
        let bits = crate::base::number::parse_i64(digits)?;
        let bits = u32::try_from(bits).ok().filter(|bits| (1..=bits_max).contains(bits))?;
        Some(Self { is_signed, bits })
    }

    /// The number in the field at `offset`.
    fn read(self, bytes: &[u8], offset: u64) -> i64 {
        self.extend(bits::field(bytes, offset, self.bits))
    }

    /// The number that the low bits of `field` are.
    fn extend(self, field: u64) -> i64 {
        let unused = u64::BITS - self.bits;
        let high = (field << unused) as i64;
        if self.is_signed { high >> unused } else { (high as u64 >> unused) as i64 }
    }

    /// `value` and `more`, as they fit into the field; `None` when they do not and that is to fail.
    fn sum(self, value: i64, more: i64, overflow: Overflow) -> Option<i64> {
        let bound = if self.is_signed {
            self.signed_bound(value, more)
        } else {
            self.unsigned_bound(value as u64, more)
        };
        match (bound, overflow) {
            (None, _) => Some(value.wrapping_add(more)),
            (Some(_), Overflow::Wrap) => Some(self.extend(value.wrapping_add(more) as u64)),
            (Some(bound), Overflow::Saturate) => Some(bound),
            (Some(_), Overflow::Fail) => None,
        }
    }

    /// The highest or lowest number of the field, if the sum lies beyond it. The differences wrap
    /// around as they do in Redis: a value next to the lowest of 64 bits counts as too high.
    fn signed_bound(self, value: i64, more: i64) -> Option<i64> {
        let is_whole = self.bits == SIGNED_BITS_MAX;
        let max = i64::MAX >> (SIGNED_BITS_MAX - self.bits);
        let min = -max - 1;
        let (more_max, more_min) = (max.wrapping_sub(value), min.wrapping_sub(value));
        if value > max || more > more_max && (!is_whole || value >= 0 && more > 0) {
            Some(max)
        } else if value < min || more < more_min && (!is_whole || value < 0 && more < 0) {
            Some(min)
        } else {
            None
        }
    }

    fn unsigned_bound(self, value: u64, more: i64) -> Option<i64> {
        let max = (1u64 << self.bits) - 1;
        let (more_max, more_min) = (max.wrapping_sub(value) as i64, value.wrapping_neg() as i64);
        if value > max || more > 0 && more > more_max {
            Some(max as i64)
        } else {
            (more < 0 && more < more_min).then_some(0)
        }
    }
}

/// Reads the steps, or answers what is wrong with them.
fn parse(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut overflow = Overflow::Wrap;
    let mut index = 2;
    while let Some(word) = args.get(index) {
        let is = |name: &str, more: usize| {
            word.eq_ignore_ascii_case(name.as_bytes()) && args.len() - index > more
        };
        let takes_number = is("SET", 3) || is("INCRBY", 3);
        if is("OVERFLOW", 1) {
            overflow = overflow_named(ctx, &args[index + 1])?;
            index += 2;
            continue;
        }
        if !takes_number && !is("GET", 2) {
            ctx.reply.error(SYNTAX);
            return None;
        }
        let Some(kind) = Kind::parse(&args[index + 1]) else {
            ctx.reply.error(BAD_TYPE);
            return None;
        };
        let offset = bit_offset(ctx, &args[index + 2], Some(kind.bits))?;
        let action = match takes_number {
            true if is("SET", 3) => Action::Set(integer(ctx, &args[index + 3])?),
            true => Action::Add(integer(ctx, &args[index + 3])?),
            false => Action::Get,
        };
        steps.push(Step { action, kind, offset, overflow });
        index += if takes_number { 4 } else { 3 };
    }
    Some(steps)
}

fn overflow_named(ctx: &mut Ctx<'_>, word: &[u8]) -> Option<Overflow> {
    match word {
        _ if word.eq_ignore_ascii_case(b"WRAP") => Some(Overflow::Wrap),
        _ if word.eq_ignore_ascii_case(b"SAT") => Some(Overflow::Saturate),
        _ if word.eq_ignore_ascii_case(b"FAIL") => Some(Overflow::Fail),
        _ => {
            ctx.reply.error("ERR Invalid OVERFLOW type specified");
            None
        }
    }
}

/// `BITFIELD key [GET encoding offset | [OVERFLOW WRAP | SAT | FAIL] SET encoding offset value | INCRBY
/// encoding offset increment ...]`
pub(crate) fn bitfield(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(steps) = parse(ctx, args) else { return };
    match last_written(&steps) {
        None => read(ctx, &args[1], &steps),
        Some(last) => write(ctx, &args[1], &steps, last),
    }
}

/// `BITFIELD_RO key [GET encoding offset ...]`
pub(crate) fn bitfield_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(steps) = parse(ctx, args) else { return };
    if last_written(&steps).is_some() {
        return ctx.reply.error("ERR BITFIELD_RO only supports the GET subcommand");
    }
    read(ctx, &args[1], &steps);
}

/// The last bit that may be written, if any may.
fn last_written(steps: &[Step]) -> Option<u64> {
    let writing = steps.iter().filter(|step| !matches!(step.action, Action::Get));
    writing.map(|step| step.offset + u64::from(step.kind.bits) - 1).max()
}

fn read(ctx: &mut Ctx<'_>, key: &[u8], steps: &[Step]) {
    ctx.read_string(key, |value, reply| {
        reply.array(steps.len());
        for step in steps {
            let number = value.map(|v| v.with_bytes(|bytes| step.kind.read(bytes, step.offset)));
            reply.integer(number.unwrap_or(0));
        }
    });
}

fn write(ctx: &mut Ctx<'_>, key: &[u8], steps: &[Step], last: u64) {
    let hash = ctx.prepare(key);
    let Some((mut entry, grew)) = with_room(ctx, hash, key, last) else { return };
    let mut changes = 0;
    let mut answers = Vec::with_capacity(steps.len());
    for &Step { action, kind, offset, overflow } in steps {
        let Some(string) = entry.as_string() else { return };
        let before = string.with_bytes(|bytes| kind.read(bytes, offset));
        let after = match action {
            Action::Get => {
                answers.push(Some(before));
                continue;
            }
            Action::Set(number) => kind.sum(number, 0, overflow),
            Action::Add(number) => kind.sum(before, number, overflow),
        };
        let is_set = matches!(action, Action::Set(_));
        answers.push(after.map(|after| if is_set { before } else { after }));
        if let Some(after) = after.filter(|after| *after != before || grew) {
            let patch =
                string.with_bytes(|bytes| bits::with_field(bytes, offset, kind.bits, after as u64));
            entry.set_range((offset / 8) as usize, patch.as_bytes());
            changes += 1;
        }
    }
    if changes > 0 {
        ctx.events.modified(ctx.db, key);
        ctx.notify(NotifyClasses::STRING, "setbit", key);
    }
    if changes > 0 || grew {
        // A string that only grew is no change to be told of in Redis; here it is in the log all the
        // same, so that it is there after a restart.
        ctx.log_verbatim();
        ctx.effects.set_changes(changes);
    }
    ctx.reply.array(answers.len());
    for answer in answers {
        match answer {
            Some(number) => ctx.reply.integer(number),
            None => ctx.reply.null(),
        }
    }
}
