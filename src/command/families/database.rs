//! Whole databases: `DBSIZE`, `FLUSHDB`, `FLUSHALL`, `SWAPDB`.

use super::{DB_OUT_OF_RANGE, SYNTAX, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::resp::Args;

/// `DBSIZE`
pub(crate) fn dbsize(ctx: &mut Ctx<'_>, _args: &Args<'_>) {
    ctx.touched.all();
    let len = ctx.database().len();
    ctx.reply.integer(i64::try_from(len).unwrap_or(i64::MAX));
}

/// Whether the arguments of a flush are right. `SYNC` and `ASYNC` are the same here: the keys are gone
/// at once, and their memory is always freed in the background.
fn flush_arguments(ctx: &mut Ctx<'_>, args: &Args<'_>) -> bool {
    let right = match args.len() {
        1 => true,
        2 => is_word(args, 1, "SYNC") || is_word(args, 1, "ASYNC"),
        _ => false,
    };
    if !right {
        ctx.reply.error(SYNTAX);
    }
    right
}

/// `FLUSHDB [ASYNC | SYNC]`
pub(crate) fn flushdb(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if !flush_arguments(ctx, args) {
        return;
    }
    ctx.touched.all();
    let keys = ctx.keyspace.db(ctx.db).len();
    let garbage = ctx.keyspace.flush(ctx.db);
    ctx.garbage.push(garbage);
    ctx.events.flushed(ctx.db);
    // Logged even when there was nothing: replicas then surely have nothing either.
    ctx.log_verbatim();
    ctx.effects.set_changes(keys as u64);
    ctx.reply.ok();
}

/// `FLUSHALL [ASYNC | SYNC]`
pub(crate) fn flushall(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if !flush_arguments(ctx, args) {
        return;
    }
    ctx.touched.all();
    let keys: usize = (0..ctx.keyspace.databases()).map(|db| ctx.keyspace.db(db).len()).sum();
    let garbage = ctx.keyspace.flush_all();
    ctx.garbage.push(garbage);
    for db in 0..ctx.keyspace.databases() {
        ctx.events.flushed(db);
    }
    ctx.log_verbatim();
    ctx.effects.set_changes(keys as u64);
    ctx.reply.ok();
}

/// `SWAPDB index1 index2`
pub(crate) fn swapdb(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let index = |text: &[u8]| parse_i64(text).filter(|&index| i32::try_from(index).is_ok());
    let Some(first) = index(&args[1]) else {
        return ctx.reply.error("ERR invalid first DB index");
    };
    let Some(second) = index(&args[2]) else {
        return ctx.reply.error("ERR invalid second DB index");
    };
    let exists =
        |index: i64| usize::try_from(index).ok().filter(|&index| index < ctx.keyspace.databases());
    let (Some(first), Some(second)) = (exists(first), exists(second)) else {
        return ctx.reply.error(DB_OUT_OF_RANGE);
    };
    ctx.touched.all();
    if first != second {
        ctx.keyspace.swap(first, second);
        ctx.events.swapped(first, second);
    }
    ctx.log_verbatim();
    ctx.reply.ok();
}
