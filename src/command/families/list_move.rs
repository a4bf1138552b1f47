//! Elements that go from list to list, `LMPOP`, and looking for elements: `LPOS`.

use super::list::{changed, pop_event, pop_into, push_event};
use super::{NOT_AN_INTEGER, SYNTAX, WRONG_TYPE, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::typed::Changed;
use crate::keyspace::Content;
use crate::keyspace::types::{CollectionRef, End};
use crate::resp::Args;

/// The end that argument `index` names.
pub(super) fn end_at(args: &Args<'_>, index: usize) -> Option<End> {
    if is_word(args, index, "LEFT") {
        Some(End::Front)
    } else if is_word(args, index, "RIGHT") {
        Some(End::Back)
    } else {
        None
    }
}

/// `LMOVE source destination LEFT | RIGHT LEFT | RIGHT`
pub(crate) fn lmove(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    match (end_at(args, 3), end_at(args, 4)) {
        (Some(from), Some(to)) => move_now(ctx, args, from, to),
        _ => ctx.reply.error(SYNTAX),
    }
}

/// `RPOPLPUSH source destination`
pub(crate) fn rpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    move_now(ctx, args, End::Back, End::Front);
}

fn move_now(ctx: &mut Ctx<'_>, args: &Args<'_>, from: End, to: End) {
    match move_element(ctx, &args[1], &args[2], from, to) {
        Moved::Yes => ctx.log_verbatim(),
        Moved::WrongType => ctx.reply.error(WRONG_TYPE),
        Moved::NoSource => ctx.reply.null(),
    }
}

/// Whether an element was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// It was, and answered.
    Yes,
    /// There is no source.
    NoSource,
    /// One of the keys holds something else.
    WrongType,
}

/// Moves an element and answers with it; logging that is the caller's.
pub(super) fn move_element(
    ctx: &mut Ctx<'_>,
    source: &[u8],
    target: &[u8],
    from: End,
    to: End,
) -> Moved {
    let source_hash = ctx.prepare(source);
    let target_hash = ctx.prepare(target);
    match holds_list(ctx, source_hash, source) {
        None => return Moved::NoSource,
        Some(false) => return Moved::WrongType,
        Some(true) => {}
    }
    if holds_list(ctx, target_hash, target) == Some(false) {
        return Moved::WrongType;
    }
    if source == target {
        rotate(ctx, source_hash, source, from, to);
        return Moved::Yes;
    }
    let mut moved = Vec::new();
    let popped = ctx.change_list(source_hash, source, |list, packing| {
        list.pop(from, 1, packing, |value| moved = value.to_cow().into_owned());
    });
    let emptied = matches!(popped, Changed::There { emptied: true, .. });
    ctx.make_list(target_hash, target, |list, packing| {
        list.push(to, std::iter::once(&*moved), packing);
    });
    changed(ctx, push_event(to), target, false);
    changed(ctx, pop_event(from), source, emptied);
    ctx.reply.bulk(&moved);
    Moved::Yes
}

/// Whether a prepared key holds a list; `None` if there is no such key.
fn holds_list(ctx: &Ctx<'_>, hash: u64, key: &[u8]) -> Option<bool> {
    let entry = ctx.keyspace.db(ctx.db).get(hash, key)?;
    Some(matches!(entry.value(), Content::Collection(CollectionRef::List(_))))
}

/// Moves an element of a list to its own end.
fn rotate(ctx: &mut Ctx<'_>, hash: u64, key: &[u8], from: End, to: End) {
    let mut reply = ctx.reply.lend();
    ctx.change_list(hash, key, |list, packing| {
        let mut moved = None;
        let end = match from {
            End::Front => list.as_ref().get(0),
            End::Back => list.as_ref().get(list.as_ref().len() - 1),
        };
        if let Some(value) = end {
            value.with_bytes(|bytes| reply.bulk(bytes));
            moved = Some(value.to_cow().into_owned());
        }
        if let Some(moved) = moved {
            // Pushed first, so that the list is never without elements.
            list.push(to, std::iter::once(&*moved), packing);
            let len = list.as_ref().len();
            let index = match (from, to) {
                (End::Front, End::Front) => 1,
                (End::Front, End::Back) => 0,
                (End::Back, End::Front) => len - 1,
                (End::Back, End::Back) => len - 2,
            };
            list.remove(index, 1, packing);
        }
    });
    ctx.reply.take_back(reply);
    changed(ctx, push_event(to), key, false);
    changed(ctx, pop_event(from), key, false);
}

/// What `LMPOP` pops.
pub(super) struct Pops {
    /// Number of keys.
    pub keys: usize,
    end: End,
    count: usize,
}

/// Reads the arguments of `LMPOP`.
pub(super) fn parse_pops(args: &Args<'_>) -> Result<Pops, &'static str> {
    let positive = |text: &[u8]| {
        parse_i64(text).and_then(|n| usize::try_from(n).ok()).filter(|&number| number > 0)
    };
    let keys = positive(&args[1]).ok_or("ERR numkeys should be greater than 0")?;
    let end_index = keys.checked_add(2).ok_or(SYNTAX)?;
    let end = end_at(args, end_index).ok_or(SYNTAX)?;
    let count = match args.len() - end_index - 1 {
        0 => 1,
        2 if is_word(args, end_index + 1, "COUNT") => {
            positive(&args[end_index + 2]).ok_or("ERR count should be greater than 0")?
        }
        _ => return Err(SYNTAX),
    };
    Ok(Pops { keys, end, count })
}

/// `LMPOP numkeys key [key ...] LEFT | RIGHT [COUNT count]`
pub(crate) fn lmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    match parse_pops(args) {
        Ok(pops) => {
            if !pop_first(ctx, args, &pops) {
                ctx.reply.null_array();
            }
        }
        Err(text) => ctx.reply.error(text),
    }
}

/// Pops from the first key of `LMPOP`'s arguments that there is; whether it answered.
pub(super) fn pop_first(ctx: &mut Ctx<'_>, args: &Args<'_>, pops: &Pops) -> bool {
    let &Pops { keys, end, count } = pops;
    for key in args.from(2).iter().take(keys) {
        let hash = ctx.prepare(key);
        let mut reply = ctx.reply.lend();
        let popped = ctx.change_list(hash, key, |list, packing| {
            reply.array(2);
            reply.bulk(key);
            pop_into(&mut reply, list, end, count, true, packing)
        });
        ctx.reply.take_back(reply);
        match popped {
            Changed::Missing => {}
            Changed::WrongType => return true,
            Changed::There { result, emptied } => {
                changed(ctx, pop_event(end), key, emptied);
                let name = pop_event(end).to_ascii_uppercase();
                let mut digits = itoa::Buffer::new();
                ctx.log(&[name.as_bytes(), key, digits.format(result).as_bytes()]);
                ctx.effects.set_changes(result as u64);
                return true;
            }
        }
    }
    false
}

/// What `LPOS` looks for.
struct Search {
    end: End,
    /// Matches to be passed over first.
    skipped: usize,
    /// Matches to be told; `None` for the first one, and not in an array.
    count: Option<usize>,
    /// Elements to be compared.
    compared_max: usize,
}

fn parse_search(args: &Args<'_>) -> Result<Search, &'static str> {
    let mut search = Search { end: End::Front, skipped: 0, count: None, compared_max: usize::MAX };
    let all_if_zero = |text: &[u8]| {
        let number = parse_i64(text).and_then(|number| usize::try_from(number).ok())?;
        Some(if number == 0 { usize::MAX } else { number })
    };
    for index in (3..args.len()).step_by(2) {
        let Some(text) = args.get(index + 1) else { return Err(SYNTAX) };
        if is_word(args, index, "RANK") {
            let rank = parse_i64(text).ok_or(NOT_AN_INTEGER)?;
            if rank == i64::MIN {
                return Err("ERR value is out of range, value must between \
                            -9223372036854775807 and 9223372036854775807");
            }
            if rank == 0 {
                return Err("ERR RANK can't be zero: use 1 to start from the first match, 2 from \
                            the second ... or use negative to start from the end of the list");
            }
            search.end = if rank < 0 { End::Back } else { End::Front };
            search.skipped = usize::try_from(rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
        } else if is_word(args, index, "COUNT") {
            search.count = Some(all_if_zero(text).ok_or("ERR COUNT can't be negative")?);
        } else if is_word(args, index, "MAXLEN") {
            search.compared_max = all_if_zero(text).ok_or("ERR MAXLEN can't be negative")?;
        } else {
            return Err(SYNTAX);
        }
    }
    Ok(search)
}

/// `LPOS key element [RANK rank] [COUNT num-matches] [MAXLEN len]`
pub(crate) fn lpos(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let search = match parse_search(args) {
        Ok(search) => search,
        Err(text) => return ctx.reply.error(text),
    };
    let wanted = &args[2];
    ctx.read_list(&args[1], |list, reply| {
        let mut found = Vec::new();
        if let Some(list) = list {
            let (mut skipped, len) = (search.skipped, list.len());
            let max = search.count.unwrap_or(1);
            let is_near = |index: usize| match search.end {
                End::Front => index < search.compared_max,
                End::Back => len - 1 - index < search.compared_max,
            };
            list.find(wanted, search.end, |index| {
                if !is_near(index) {
                    return false;
                }
                if skipped > 0 {
                    skipped -= 1;
                    return true;
                }
                found.push(index);
                found.len() < max
            });
        }
        match (search.count, found.first()) {
            (Some(_), _) => {
                reply.array(found.len());
                found.iter().for_each(|&index| reply.integer(index as i64));
            }
            (None, Some(&index)) => reply.integer(index as i64),
            (None, None) => reply.null(),
        }
    });
}
