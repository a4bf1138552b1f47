//! Parts of strings: `APPEND`, `SETRANGE`, `GETRANGE`.

use super::{WRONG_TYPE, integer};
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::keyspace::{NewValue, ValueRef};
use crate::resp::Args;

/// Whether a string of `len` bytes with `more` behind them may be; answers if it may not.
fn fits(ctx: &mut Ctx<'_>, len: usize, more: usize) -> bool {
    let total = (len as u64).checked_add(more as u64);
    let fits = total.is_some_and(|total| total <= ctx.string_len_max());
    if !fits {
        ctx.reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    }
    fits
}

/// `APPEND key value`
pub(crate) fn append(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, tail) = (&args[1], &args[2]);
    let hash = ctx.prepare(key);
    let before = string_of(ctx, hash, key).map(|value| value.map(|value| value.len()));
    let Ok(before) = before else { return ctx.reply.error(WRONG_TYPE) };
    let len = match before {
        None => {
            ctx.set(hash, key, ValueRef::from_string(tail), None);
            tail.len()
        }
        Some(before) => {
            if !fits(ctx, before, tail.len()) {
                return;
            }
            let len = ctx.entry_mut(hash, key).map_or(0, |mut entry| entry.append(tail));
            ctx.events.modified(ctx.db, key);
            len
        }
    };
    ctx.log_verbatim();
    ctx.notify(NotifyClasses::STRING, "append", key);
    ctx.reply.integer(len as i64);
}

/// `SETRANGE key offset value`
pub(crate) fn setrange(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, part) = (&args[1], &args[3]);
    let Some(offset) = integer(ctx, &args[2]) else { return };
    let Ok(offset) = usize::try_from(offset) else {
        return ctx.reply.error("ERR offset is out of range");
    };
    let hash = ctx.prepare(key);
    let before = string_of(ctx, hash, key).map(|value| value.map(|value| value.len()));
    let Ok(before) = before else { return ctx.reply.error(WRONG_TYPE) };
    if part.is_empty() {
        return ctx.reply.integer(before.unwrap_or(0) as i64);
    }
    if !fits(ctx, offset, part.len()) {
        return;
    }
    if before.is_none() {
        ctx.set(hash, key, NewValue::Copied(b""), None);
    }
    let len = ctx.entry_mut(hash, key).map_or(0, |mut entry| entry.set_range(offset, part));
    ctx.events.modified(ctx.db, key);
    ctx.log_verbatim();
    ctx.notify(NotifyClasses::STRING, "setrange", key);
    ctx.reply.integer(len as i64);
}

/// `GETRANGE key start end`, `SUBSTR key start end`
pub(crate) fn getrange(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(start) = integer(ctx, &args[2]) else { return };
    let Some(end) = integer(ctx, &args[3]) else { return };
    ctx.read_string(&args[1], |value, reply| match value {
        Some(value) => value.with_bytes(|bytes| reply.bulk(part(bytes, start, end))),
        None => reply.bulk(b""),
    });
}

/// The bytes from `start` to `end`, both included; negative positions count from the end.
fn part(bytes: &[u8], start: i64, end: i64) -> &[u8] {
    if start < 0 && end < 0 && start > end {
        return b"";
    }
    let len = bytes.len() as i64;
    let from_start = |at: i64| if at < 0 { at.saturating_add(len).max(0) } else { at };
    let (start, end) = (from_start(start), from_start(end).min(len - 1));
    let bounds = usize::try_from(start).ok().zip(usize::try_from(end).ok());
    bounds.and_then(|(start, end)| bytes.get(start..=end)).unwrap_or_default()
}

/// The key holds no string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoString;

/// Whether a prepared key holds a string or nothing; answers if it holds something else.
pub(super) fn may_be_string(ctx: &mut Ctx<'_>, hash: u64, key: &[u8]) -> bool {
    let may_be = string_of(ctx, hash, key).is_ok();
    if !may_be {
        ctx.reply.error(WRONG_TYPE);
    }
    may_be
}

/// The string of a prepared key that holds one or nothing.
pub(super) fn value_of<'k>(ctx: &'k Ctx<'_>, hash: u64, key: &[u8]) -> Option<ValueRef<'k>> {
    string_of(ctx, hash, key).ok().flatten()
}

/// The string of a prepared key, for the commands that compute with it.
pub(super) fn string_of<'k>(
    ctx: &'k Ctx<'_>,
    hash: u64,
    key: &[u8],
) -> Result<Option<ValueRef<'k>>, NoString> {
    match ctx.keyspace.db(ctx.db).get(hash, key) {
        Some(entry) => entry.as_string().map(Some).ok_or(NoString),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn parts_are_cut_as_redis_cuts_them() {
        let cases: [(i64, i64, &[u8]); 10] = [
            (0, -1, b"Hello"),
            (1, 3, b"ell"),
            (-3, -2, b"ll"),
            (-100, 1, b"He"),
            (3, 100, b"lo"),
            (3, 2, b""),
            (-1, -3, b""),
            (5, 10, b""),
            (-100, -90, b"H"),
            (i64::MIN, i64::MAX, b"Hello"),
        ];
        for (start, end, expected) in cases {
            assert_eq!(part(b"Hello", start, end), expected, "{start} {end}");
        }
        assert_eq!(part(b"", 0, -1), b"");
    }
}
