//! Reading strings: `GET`, `MGET`, `STRLEN`.

use crate::command::ctx::{Ctx, Use};
use crate::keyspace::{Entry, ValueRef};
use crate::resp::{Args, Reply};

/// Answers a string, or that there is none.
pub(super) fn reply_string(value: Option<ValueRef<'_>>, reply: &mut Reply) {
    match value {
        Some(value) => value.with_bytes(|bytes| reply.bulk(bytes)),
        None => reply.null(),
    }
}

/// `GET key`
pub(crate) fn get(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_string(&args[1], reply_string);
}

/// `MGET key [key ...]`
pub(crate) fn mget(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.reply.array(args.len() - 1);
    for key in args.from(1).iter() {
        // What is no string is as good as missing here.
        ctx.read(key, Use::Counts, |entry, reply| {
            reply_string(entry.and_then(Entry::as_string), reply);
        });
    }
}

/// `STRLEN key`
pub(crate) fn strlen(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_string(&args[1], |value, reply| {
        reply.integer(value.map_or(0, |value| value.len() as i64));
    });
}
