//! Bits of strings: `SETBIT`, `GETBIT`, `BITCOUNT`, `BITPOS`, `BITOP`.

use std::ops::RangeInclusive;

use super::edit::{may_be_string, value_of};
use super::{NOT_AN_INTEGER, SYNTAX, integer};
use crate::base::number::parse_i64;
use crate::command::bits::{self, Operation};
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::keyspace::{EntryMut, Value, ValueRef};
use crate::resp::Args;

const BAD_OFFSET: &str = "ERR bit offset is not an integer or out of range";
const BAD_BIT: &str = "ERR bit is not an integer or out of range";

/// Reads the position of a bit, or answers that it is none. `#n` is position `n * width` where there
/// is a width; a product that is too large wraps around, as in Redis.
pub(super) fn bit_offset(ctx: &mut Ctx<'_>, text: &[u8], width: Option<u32>) -> Option<u64> {
    let counted = width.and_then(|width| Some((text.strip_prefix(b"#")?, width)));
    let offset = match counted {
        Some((number, width)) => parse_i64(number).map(|n| n.wrapping_mul(i64::from(width))),
        None => parse_i64(text),
    };
    let offset = offset.and_then(|offset| u64::try_from(offset).ok());
    let offset = offset.filter(|offset| offset / 8 < ctx.string_len_max());
    if offset.is_none() {
        ctx.reply.error(BAD_OFFSET);
    }
    offset
}

/// The string of a prepared key, made long enough for the bit at `offset`, whatever becomes of that
/// bit; and whether it was missing or shorter before. Answers if it is no string.
pub(super) fn with_room<'k>(
    ctx: &'k mut Ctx<'_>,
    hash: u64,
    key: &[u8],
    offset: u64,
) -> Option<(EntryMut<'k>, bool)> {
    if !may_be_string(ctx, hash, key) {
        return None;
    }
    let len = offset as usize / 8 + 1;
    let before = value_of(ctx, hash, key).map(|value| value.len());
    if before.is_none() {
        // Zeroed memory of which nothing is touched yet.
        ctx.set(hash, key, Value::Bytes(vec![0; len]), None);
    }
    let mut entry = ctx.entry_mut(hash, key)?;
    entry.set_range(len, b"");
    Some((entry, before.is_none_or(|before| before < len)))
}

/// Makes a string one that was changed in part, as Redis does with every string that a command on bits
/// or registers makes or may change.
pub(super) fn make_raw(entry: &mut EntryMut<'_>) {
    if entry.encoding() != "raw" {
        entry.append(b"");
    }
}

/// The effect is the string that the key holds now, because the request itself would not lead to it
/// everywhere.
pub(super) fn log_result(ctx: &mut Ctx<'_>, hash: u64, key: &[u8], keeps_ttl: bool) {
    let Some(value) = value_of(ctx, hash, key).map(|value| value.to_cow().into_owned()) else {
        return;
    };
    let command: [&[u8]; 4] = [b"SET", key, &value, b"KEEPTTL"];
    ctx.log(if keeps_ttl { &command } else { &command[..3] });
}

fn bit_at(bytes: &[u8], offset: u64) -> bool {
    bits::field(bytes, offset, 1) == 1
}

/// `SETBIT key offset value`
pub(crate) fn setbit(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let Some(offset) = bit_offset(ctx, &args[2], None) else { return };
    let bit = match &args[3] {
        b"0" => false,
        b"1" => true,
        _ => return ctx.reply.error(BAD_BIT),
    };
    let hash = ctx.prepare(key);
    let Some((mut entry, grew)) = with_room(ctx, hash, key, offset) else { return };
    let Some(string) = entry.as_string() else { return };
    let (before, patch) = string.with_bytes(|bytes| {
        (bit_at(bytes, offset), bits::with_field(bytes, offset, 1, u64::from(bit)))
    });
    if grew || before != bit {
        entry.set_range(offset as usize / 8, patch.as_bytes());
        ctx.events.modified(ctx.db, key);
        ctx.log_verbatim();
        ctx.notify(NotifyClasses::STRING, "setbit", key);
    }
    ctx.reply.integer(i64::from(before));
}

/// `GETBIT key offset`
pub(crate) fn getbit(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(offset) = bit_offset(ctx, &args[2], None) else { return };
    ctx.read_string(&args[1], |value, reply| {
        let bit = value.is_some_and(|value| value.with_bytes(|bytes| bit_at(bytes, offset)));
        reply.integer(i64::from(bit));
    });
}

/// What the positions of a range count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Byte,
    Bit,
}

impl Unit {
    fn parse(word: &[u8]) -> Result<Self, &'static str> {
        match word {
            _ if word.eq_ignore_ascii_case(b"BIT") => Ok(Self::Bit),
            _ if word.eq_ignore_ascii_case(b"BYTE") => Ok(Self::Byte),
            _ => Err(SYNTAX),
        }
    }

    /// The bits from `start` to `end`, both included, of a string of `len` bytes; negative positions
    /// count from the end. `None` when there are none.
    fn range(self, start: i64, end: i64, len: usize) -> Option<RangeInclusive<u64>> {
        let total = if self == Self::Bit { len as i64 * 8 } else { len as i64 };
        let from_start = |at: i64| if at < 0 { at.saturating_add(total).max(0) } else { at };
        let (start, end) = (from_start(start), from_start(end).min(total - 1));
        let (start, end) = (start as u64, u64::try_from(end).ok()?);
        match self {
            _ if start > end => None,
            Self::Bit => Some(start..=end),
            Self::Byte => Some(start * 8..=end * 8 + 7),
        }
    }
}

fn number(text: &[u8]) -> Result<i64, &'static str> {
    parse_i64(text).ok_or(NOT_AN_INTEGER)
}

/// `BITCOUNT key [start end [BYTE | BIT]]`. What is wrong with the range of a missing key is not told,
/// as in Redis 7.
pub(crate) fn bitcount(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_string(&args[1], |value, reply| {
        let counted = value.map_or(Ok(0), |value| value.with_bytes(|bytes| count(bytes, args)));
        match counted {
            Ok(bits) => reply.integer(bits as i64),
            Err(text) => reply.error(text),
        }
    });
}

fn count(bytes: &[u8], args: &Args<'_>) -> Result<u64, &'static str> {
    let (start, end) = match args.len() {
        2 => return Ok(bits::count(bytes)),
        4 | 5 => (number(&args[2])?, number(&args[3])?),
        _ => return Err(SYNTAX),
    };
    if start < 0 && end < 0 && start > end {
        return Ok(0);
    }
    let unit = args.get(4).map_or(Ok(Unit::Byte), Unit::parse)?;
    let range = unit.range(start, end, bytes.len());
    Ok(range.map_or(0, |range| bits::count_in(bytes, range)))
}

/// `BITPOS key bit [start [end [BYTE | BIT]]]`. What is wrong with the range of a missing key is not
/// told, as in Redis 7.
pub(crate) fn bitpos(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(bit) = integer(ctx, &args[2]) else { return };
    if !(0..=1).contains(&bit) {
        return ctx.reply.error("ERR The bit argument must be 1 or 0.");
    }
    let bit = bit == 1;
    ctx.read_string(&args[1], |value, reply| {
        // Beyond its end a string is all zeros, and so is one that is not there.
        let missing = if bit { -1 } else { 0 };
        let found =
            value.map_or(Ok(missing), |value| value.with_bytes(|bytes| find(bytes, bit, args)));
        match found {
            Ok(at) => reply.integer(at),
            Err(text) => reply.error(text),
        }
    });
}

fn find(bytes: &[u8], bit: bool, args: &Args<'_>) -> Result<i64, &'static str> {
    if args.len() > 6 {
        return Err(SYNTAX);
    }
    let start = args.get(3).map_or(Ok(0), number)?;
    let unit = args.get(5).map_or(Ok(Unit::Byte), Unit::parse)?;
    let end = args.get(4).map(number).transpose()?;
    let Some(range) = unit.range(start, end.unwrap_or(-1), bytes.len()) else { return Ok(-1) };
    let behind = range.end() + 1;
    let found = bits::find_in(bytes, bit, range);
    // Behind the string there are zeros, unless an end was asked for.
    let found = found.or_else(|| (!bit && end.is_none()).then_some(behind));
    Ok(found.map_or(-1, |at| at as i64))
}

/// `BITOP AND | OR | XOR | NOT destkey key [key ...]`
pub(crate) fn bitop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let operation = match &args[1] {
        word if word.eq_ignore_ascii_case(b"AND") => Operation::And,
        word if word.eq_ignore_ascii_case(b"OR") => Operation::Or,
        word if word.eq_ignore_ascii_case(b"XOR") => Operation::Xor,
        word if word.eq_ignore_ascii_case(b"NOT") => Operation::Not,
        _ => return ctx.reply.error(SYNTAX),
    };
    if operation == Operation::Not && args.len() != 4 {
        return ctx.reply.error("ERR BITOP NOT must be called with a single source key.");
    }
    let (target, sources) = (&args[2], args.from(3));
    let mut seen = Vec::with_capacity(sources.len());
    let mut is_any_hidden = false;
    for key in sources.iter() {
        let is_there = ctx.read_string(key, |value, _| value.is_some());
        let Some(is_there) = is_there else { return };
        is_any_hidden |= !is_there && ctx.is_hidden(key);
        seen.push(is_there.then_some(key));
    }
    let result = {
        let value = |key| value_of(ctx, ctx.keyspace.hash(key), key);
        let values: Vec<_> = seen
            .into_iter()
            .map(|key| key.and_then(value).map(|value: ValueRef<'_>| value.to_cow()))
            .collect();
        let values: Vec<&[u8]> = values.iter().map(|v| v.as_deref().unwrap_or_default()).collect();
        bits::combine(operation, &values)
    };
    let (hash, len) = (ctx.prepare(target), result.len());
    if len > 0 {
        ctx.set(hash, target, Value::Bytes(result), None);
        if let Some(mut entry) = ctx.database().get_mut(hash, target) {
            make_raw(&mut entry);
        }
        if is_any_hidden {
            log_result(ctx, hash, target, false)
        } else {
            ctx.log_verbatim()
        }
        ctx.notify(NotifyClasses::STRING, "set", target);
    } else if ctx.delete(hash, target) {
        if is_any_hidden { ctx.log(&[b"DEL", target]) } else { ctx.log_verbatim() }
    }
    ctx.reply.integer(len as i64);
}
