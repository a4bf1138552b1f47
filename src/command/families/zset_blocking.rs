//! `BZPOPMIN` and its relatives: popping from sorted sets that may have to be waited for.

use super::wait::{seconds, wait};
use super::zset::changed;
use super::zset_pop::{MultiPop, Side, parse_mpop, pop_first, pop_pairs};
use crate::command::ctx::Ctx;
use crate::command::typed::Changed;
use crate::command::waiting::{Kind, Nothing, Wanted};
use crate::resp::Args;

fn wanted<'k>(keys: impl Iterator<Item = &'k [u8]>, timeout_ms: Option<u64>) -> Wanted {
    let keys = keys.map(<[u8]>::to_vec).collect();
    Wanted { kind: Kind::Zset, keys, timeout_ms, nothing: Nothing::NullArray, again: None }
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, side: Side) {
    let last = args.len() - 1;
    let Some(timeout_ms) = seconds(ctx, &args[last]) else { return };
    for key in args.from(1).iter().take(last - 1) {
        let hash = ctx.prepare(key);
        let mut reply = ctx.reply.lend();
        let popped = ctx.change_zset(hash, key, |zset, _| {
            reply.array(3);
            reply.bulk(key);
            pop_pairs(&mut reply, zset, side, 1, false);
        });
        ctx.reply.take_back(reply);
        match popped {
            Changed::Missing => {}
            Changed::WrongType => return,
            Changed::There { emptied, .. } => {
                let verb = side.event().to_ascii_uppercase();
                ctx.log(&[verb.as_bytes(), key]);
                return changed(ctx, side.event(), key, emptied);
            }
        }
    }
    wait(ctx, wanted(args.from(1).iter().take(last - 1), timeout_ms));
}

/// `BZPOPMIN key [key ...] timeout`
pub(crate) fn bzpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, Side::Min);
}

/// `BZPOPMAX key [key ...] timeout`
pub(crate) fn bzpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, Side::Max);
}

/// `BZMPOP timeout numkeys key [key ...] MIN | MAX [COUNT count]`
pub(crate) fn bzmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(timeout_ms) = seconds(ctx, &args[1]) else { return };
    let rest = args.from(1);
    let pops = match parse_mpop(&rest) {
        Ok(pops) => pops,
        Err(text) => return ctx.reply.error(text),
    };
    let MultiPop { keys, .. } = pops;
    if !pop_first(ctx, &rest, &pops) {
        wait(ctx, wanted(rest.from(2).iter().take(keys), timeout_ms));
    }
}
