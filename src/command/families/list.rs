//! Lists: pushing, popping, looking at elements and changing them.

use super::{NOT_AN_INTEGER, SYNTAX, arity_error, integer, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::command::typed::Changed;
use crate::keyspace::types::{End, List, ListRef, Packing};
use crate::resp::{Args, Reply};

const NO_SUCH_KEY: &str = "ERR no such key";
const OUT_OF_RANGE: &str = "ERR index out of range";
const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";

/// The event of pushing at `end`.
pub(super) fn push_event(end: End) -> &'static str {
    match end {
        End::Front => "lpush",
        End::Back => "rpush",
    }
}

/// The event of popping at `end`, which is the command's name too.
pub(super) fn pop_event(end: End) -> &'static str {
    match end {
        End::Front => "lpop",
        End::Back => "rpop",
    }
}

/// Tells that a list has changed, and that it is gone if it is.
pub(super) fn changed(ctx: &mut Ctx<'_>, event: &'static str, key: &[u8], emptied: bool) {
    ctx.events.modified(ctx.db, key);
    ctx.notify(NotifyClasses::LIST, event, key);
    if emptied {
        ctx.notify(NotifyClasses::GENERIC, "del", key);
    }
}

fn push(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End, makes: bool) {
    let key = &args[1];
    let hash = ctx.prepare(key);
    if !makes && !ctx.exists(hash, key) {
        return ctx.reply.integer(0);
    }
    let values = args.from(2);
    let len = ctx.make_list(hash, key, |list, packing| {
        list.push(end, values.iter(), packing);
        list.as_ref().len()
    });
    let Some(len) = len else { return };
    changed(ctx, push_event(end), key, false);
    ctx.log_verbatim();
    ctx.effects.set_changes(values.len() as u64);
    ctx.reply.integer(len as i64);
}

/// `LPUSH key element [element ...]`
pub(crate) fn lpush(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    push(ctx, args, End::Front, true);
}

/// `RPUSH key element [element ...]`
pub(crate) fn rpush(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    push(ctx, args, End::Back, true);
}

/// `LPUSHX key element [element ...]`
pub(crate) fn lpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    push(ctx, args, End::Front, false);
}

/// `RPUSHX key element [element ...]`
pub(crate) fn rpushx(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    push(ctx, args, End::Back, false);
}

/// Pops up to `count` elements into the reply, as an array's if `as_array`.
pub(super) fn pop_into(
    reply: &mut Reply,
    list: &mut List,
    end: End,
    count: usize,
    as_array: bool,
    packing: &Packing,
) -> usize {
    let count = count.min(list.as_ref().len());
    if as_array {
        reply.array(count);
    }
    list.pop(end, count, packing, |value| value.with_bytes(|bytes| reply.bulk(bytes)));
    count
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) {
    if args.len() > 3 {
        return arity_error(ctx, pop_event(end));
    }
    let count = match args.get(2) {
        None => None,
        Some(text) => match parse_i64(text).and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Some(count),
            None => return ctx.reply.error(NOT_POSITIVE),
        },
    };
    let key = &args[1];
    let hash = ctx.prepare(key);
    let mut reply = ctx.reply.lend();
    let popped = ctx.change_list(hash, key, |list, packing| {
        pop_into(&mut reply, list, end, count.unwrap_or(1), count.is_some(), packing)
    });
    ctx.reply.take_back(reply);
    match popped {
        Changed::Missing if count.is_some() => ctx.reply.null_array(),
        Changed::Missing => ctx.reply.null(),
        Changed::WrongType | Changed::There { result: 0, .. } => {}
        Changed::There { result, emptied } => {
            changed(ctx, pop_event(end), key, emptied);
            ctx.log_verbatim();
            ctx.effects.set_changes(result as u64);
        }
    }
}

/// `LPOP key [count]`
pub(crate) fn lpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, End::Front);
}

/// `RPOP key [count]`
pub(crate) fn rpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, End::Back);
}

/// `LLEN key`
pub(crate) fn llen(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_list(&args[1], |list, reply| {
        reply.integer(list.map_or(0, |list| list.len() as i64));
    });
}

/// The place that `index` stands for in a list of `len` elements; negative ones count from the end.
fn place(index: i64, len: usize) -> Option<usize> {
    let index = if index < 0 { index.checked_add(len as i64)? } else { index };
    usize::try_from(index).ok().filter(|&index| index < len)
}

/// `LINDEX key index`
pub(crate) fn lindex(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    // A missing key is told before an index that is none.
    let index = parse_i64(&args[2]);
    ctx.read_list(&args[1], |list, reply| {
        let Some(list) = list else { return reply.null() };
        let Some(index) = index else { return reply.error(NOT_AN_INTEGER) };
        match place(index, list.len()).and_then(|index| list.get(index)) {
            Some(value) => value.with_bytes(|bytes| reply.bulk(bytes)),
            None => reply.null(),
        }
    });
}

/// `LSET key index element`
pub(crate) fn lset(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, index, value) = (&args[1], parse_i64(&args[2]), &args[3]);
    let hash = ctx.prepare(key);
    let set = ctx.change_list(hash, key, |list, packing| {
        let index = index.ok_or(NOT_AN_INTEGER)?;
        let index = place(index, list.as_ref().len()).ok_or(OUT_OF_RANGE)?;
        list.set(index, value, packing);
        Ok::<_, &str>(())
    });
    match set {
        Changed::Missing => ctx.reply.error(NO_SUCH_KEY),
        Changed::WrongType => {}
        Changed::There { result: Err(text), .. } => ctx.reply.error(text),
        Changed::There { result: Ok(()), .. } => {
            changed(ctx, "lset", key, false);
            ctx.log_verbatim();
            ctx.reply.ok();
        }
    }
}

/// The part of a list of `len` elements from `start` to `end`, both included: where it begins, and its
/// length.
fn part(start: i64, end: i64, len: usize) -> (usize, usize) {
    let len = len as i64;
    let start = if start < 0 { start.saturating_add(len).max(0) } else { start };
    let end = if end < 0 { end.saturating_add(len) } else { end }.min(len - 1);
    if start > end || start >= len {
        return (0, 0);
    }
    (start as usize, (end - start + 1) as usize)
}

/// `LRANGE key start stop`
pub(crate) fn lrange(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(start) = integer(ctx, &args[2]) else { return };
    let Some(end) = integer(ctx, &args[3]) else { return };
    ctx.read_list(&args[1], |list, reply| {
        let Some(list) = list else { return reply.array(0) };
        let (start, count) = part(start, end, list.len());
        reply_elements(list, start, count, reply);
    });
}

fn reply_elements(list: ListRef<'_>, start: usize, count: usize, reply: &mut Reply) {
    reply.array(count);
    list.for_each_in(start, count, &mut |value| value.with_bytes(|bytes| reply.bulk(bytes)));
}

/// `LTRIM key start stop`
pub(crate) fn ltrim(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(start) = integer(ctx, &args[2]) else { return };
    let Some(end) = integer(ctx, &args[3]) else { return };
    let key = &args[1];
    let hash = ctx.prepare(key);
    let trimmed = ctx.change_list(hash, key, |list, packing| {
        let len = list.as_ref().len();
        let (start, count) = part(start, end, len);
        list.remove(start + count, len - start - count, packing);
        list.remove(0, start, packing);
        len - count
    });
    match trimmed {
        Changed::Missing => ctx.reply.ok(),
        Changed::WrongType => {}
        Changed::There { result, emptied } => {
            changed(ctx, "ltrim", key, emptied);
            if result > 0 {
                ctx.log_verbatim();
                ctx.effects.set_changes(result as u64);
            }
            ctx.reply.ok();
        }
    }
}

/// `LINSERT key BEFORE | AFTER pivot element`
pub(crate) fn linsert(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let after = match () {
        () if is_word(args, 2, "AFTER") => 1,
        () if is_word(args, 2, "BEFORE") => 0,
        () => return ctx.reply.error(SYNTAX),
    };
    let (key, pivot, value) = (&args[1], &args[3], &args[4]);
    let hash = ctx.prepare(key);
    let inserted = ctx.change_list(hash, key, |list, packing| {
        let mut at = None;
        list.as_ref().find(pivot, End::Front, |index| {
            at = Some(index);
            false
        });
        list.insert(at? + after, value, packing);
        Some(list.as_ref().len())
    });
    match inserted {
        Changed::Missing => ctx.reply.integer(0),
        Changed::WrongType => {}
        Changed::There { result: None, .. } => ctx.reply.integer(-1),
        Changed::There { result: Some(len), .. } => {
            changed(ctx, "linsert", key, false);
            ctx.log_verbatim();
            ctx.reply.integer(len as i64);
        }
    }
}

/// `LREM key count element`
pub(crate) fn lrem(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(count) = integer(ctx, &args[2]) else { return };
    let (key, value) = (&args[1], &args[3]);
    let end = if count < 0 { End::Back } else { End::Front };
    let max = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    let max = if max == 0 { usize::MAX } else { max };
    let hash = ctx.prepare(key);
    let removed =
        ctx.change_list(hash, key, |list, packing| list.remove_equal(value, end, max, packing));
    match removed {
        Changed::Missing | Changed::There { result: 0, .. } => ctx.reply.integer(0),
        Changed::WrongType => {}
        Changed::There { result, emptied } => {
            changed(ctx, "lrem", key, emptied);
            ctx.log_verbatim();
            ctx.effects.set_changes(result as u64);
            ctx.reply.integer(result as i64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{part, place};

    #[test]
    fn parts_and_places_are_those_of_redis() {
        let cases: [(i64, i64, (usize, usize)); 9] = [
            (0, -1, (0, 5)),
            (1, 3, (1, 3)),
            (-3, -2, (2, 2)),
            (-100, 1, (0, 2)),
            (3, 100, (3, 2)),
            (3, 2, (0, 0)),
            (5, 10, (0, 0)),
            (-100, -90, (0, 0)),
            (i64::MIN, i64::MAX, (0, 5)),
        ];
        for (start, end, expected) in cases {
            assert_eq!(part(start, end, 5), expected, "{start} {end}");
        }
        assert_eq!(part(0, -1, 0), (0, 0));
        assert_eq!([place(-5, 5), place(4, 5)], [Some(0), Some(4)]);
        assert_eq!([place(-6, 5), place(5, 5), place(i64::MIN, 5)], [None; 3]);
    }
}
