//! `BLPOP` and its relatives: popping from lists that may have to be waited for.

use super::list::{changed, pop_event, pop_into};
use super::list_move::{Moved, Pops, end_at, move_element, parse_pops, pop_first};
use super::wait::{seconds, wait};
use super::{SYNTAX, WRONG_TYPE};
use crate::command::ctx::Ctx;
use crate::command::typed::Changed;
use crate::command::waiting::{Kind, Nothing, Wanted};
use crate::keyspace::types::End;
use crate::resp::Args;

fn wanted<'k>(
    keys: impl Iterator<Item = &'k [u8]>,
    timeout_ms: Option<u64>,
    nothing: Nothing,
) -> Wanted {
    let keys = keys.map(<[u8]>::to_vec).collect();
    Wanted { kind: Kind::List, keys, timeout_ms, nothing, again: None }
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, end: End) {
    let last = args.len() - 1;
    let Some(timeout_ms) = seconds(ctx, &args[last]) else { return };
    for key in args.from(1).iter().take(last - 1) {
        let hash = ctx.prepare(key);
        let mut reply = ctx.reply.lend();
        let popped = ctx.change_list(hash, key, |list, packing| {
            reply.array(2);
            reply.bulk(key);
            pop_into(&mut reply, list, end, 1, false, packing);
        });
        ctx.reply.take_back(reply);
        match popped {
            Changed::Missing => {}
            Changed::WrongType => return,
            Changed::There { emptied, .. } => {
                changed(ctx, pop_event(end), key, emptied);
                let name = pop_event(end).to_ascii_uppercase();
                return ctx.log(&[name.as_bytes(), key]);
            }
        }
    }
    wait(ctx, wanted(args.from(1).iter().take(last - 1), timeout_ms, Nothing::NullArray));
}

/// `BLPOP key [key ...] timeout`
pub(crate) fn blpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, End::Front);
}

/// `BRPOP key [key ...] timeout`
pub(crate) fn brpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, End::Back);
}

/// `BLMOVE source destination LEFT | RIGHT LEFT | RIGHT timeout`
pub(crate) fn blmove(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (Some(from), Some(to)) = (end_at(args, 3), end_at(args, 4)) else {
        return ctx.reply.error(SYNTAX);
    };
    let Some(timeout_ms) = seconds(ctx, &args[5]) else { return };
    let words: Vec<&[u8]> = args.iter().skip(1).take(4).collect();
    let effect = [&[&b"LMOVE"[..]], &words[..]].concat();
    move_or_wait(ctx, args, (from, to), timeout_ms, &effect);
}

/// `BRPOPLPUSH source destination timeout`
pub(crate) fn brpoplpush(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(timeout_ms) = seconds(ctx, &args[3]) else { return };
    let effect = [b"RPOPLPUSH", &args[1], &args[2]];
    move_or_wait(ctx, args, (End::Back, End::Front), timeout_ms, &effect);
}

fn move_or_wait(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    (from, to): (End, End),
    timeout_ms: Option<u64>,
    effect: &[&[u8]],
) {
    match move_element(ctx, &args[1], &args[2], from, to) {
        Moved::Yes => ctx.log(effect),
        Moved::WrongType => ctx.reply.error(WRONG_TYPE),
        Moved::NoSource => {
            wait(ctx, wanted(std::iter::once(&args[1]), timeout_ms, Nothing::Null));
        }
    }
}

/// `BLMPOP timeout numkeys key [key ...] LEFT | RIGHT [COUNT count]`
pub(crate) fn blmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(timeout_ms) = seconds(ctx, &args[1]) else { return };
    let pops = match parse_pops(&args.from(1)) {
        Ok(pops) => pops,
        Err(text) => return ctx.reply.error(text),
    };
    let Pops { keys, .. } = pops;
    if !pop_first(ctx, &args.from(1), &pops) {
        wait(ctx, wanted(args.from(3).iter().take(keys), timeout_ms, Nothing::NullArray));
    }
}
