//! Keys of any type, one at a time: `DEL`, `EXISTS`, `TYPE`, `OBJECT`.

use super::{SYNTAX, integer, is_word};
use crate::command::access::Aging;
use crate::command::ctx::{Ctx, Use};
use crate::keyspace::Entry;
use crate::resp::{Args, Reply};

/// `DEL key [key ...]`, `UNLINK key [key ...]`
fn delete_keys(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let mut deleted = 0;
    for key in args.from(1).iter() {
        let hash = ctx.prepare(key);
        deleted += i64::from(ctx.delete(hash, key));
    }
    if deleted > 0 {
        ctx.log_verbatim();
        ctx.effects.set_changes(deleted.unsigned_abs());
    }
    ctx.reply.integer(deleted);
}

/// `DEL key [key ...]`
pub(crate) fn del(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    delete_keys(ctx, args);
}

/// `UNLINK key [key ...]`
pub(crate) fn unlink(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    delete_keys(ctx, args);
}

fn count_keys(ctx: &mut Ctx<'_>, args: &Args<'_>, usage: Use) {
    let mut count = 0;
    for key in args.from(1).iter() {
        count += i64::from(ctx.read(key, usage, |entry, _| entry.is_some()));
    }
    ctx.reply.integer(count);
}

/// `EXISTS key [key ...]`
pub(crate) fn exists(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    count_keys(ctx, args, Use::Unnoticed);
}

/// `TOUCH key [key ...]`: it is what a client uses that otherwise leaves keys as old as they are.
pub(crate) fn touch(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.no_touch = false;
    count_keys(ctx, args, Use::Counts);
}

/// `TYPE key`
pub(crate) fn type_of(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read(&args[1], Use::Unnoticed, |entry, reply| {
        reply.simple(entry.map_or("none", Entry::type_name));
    });
}

/// Answers what `tell` says of the key's entry, or that there is none.
fn inspect(ctx: &mut Ctx<'_>, args: &Args<'_>, tell: impl FnOnce(&Entry, &mut Reply)) {
    ctx.read(&args[2], Use::Untold, |entry, reply| match entry {
        Some(entry) => tell(entry, reply),
        None => reply.null(),
    });
}

/// `OBJECT ENCODING key`
pub(crate) fn object_encoding(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    inspect(ctx, args, |entry, reply| reply.bulk(entry.encoding().as_bytes()));
}

/// `OBJECT REFCOUNT key`
pub(crate) fn object_refcount(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    inspect(ctx, args, |entry, reply| reply.integer(entry.value().reference_count()));
}

/// `OBJECT FREQ key`
pub(crate) fn object_freq(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (aging, now_ms) = (ctx.settings.aging, ctx.now_ms);
    inspect(ctx, args, |entry, reply| match aging {
        Aging::Frequency { .. } => {
            reply.integer(i64::from(aging.frequency(entry.access(), now_ms)));
        }
        Aging::Recency => reply.error(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
             note that when switching between policies at runtime LRU and LFU data will take some \
             time to adjust.",
        ),
    });
}

/// `OBJECT IDLETIME key`
pub(crate) fn object_idletime(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (aging, now_ms) = (ctx.settings.aging, ctx.now_ms);
    inspect(ctx, args, |entry, reply| match aging {
        Aging::Recency => {
            let seconds = aging.idle_seconds(entry.access(), now_ms);
            reply.integer(i64::try_from(seconds).unwrap_or(i64::MAX));
        }
        Aging::Frequency { .. } => reply.error(
            "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that \
             when switching between policies at runtime LRU and LFU data will take some time to \
             adjust.",
        ),
    });
}

/// `MEMORY USAGE key [SAMPLES count]`
pub(crate) fn memory_usage(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let mut index = 3;
    while index < args.len() {
        let Some(count) = args.get(index + 1).filter(|_| is_word(args, index, "SAMPLES")) else {
            return ctx.reply.error(SYNTAX);
        };
        let Some(count) = integer(ctx, count) else { return };
        if count < 0 {
            return ctx.reply.error(SYNTAX);
        }
        index += 2;
    }
    let hash = ctx.hash(&args[2]);
    // A key whose time is over takes its bytes until it is deleted.
    match ctx.keyspace.db(ctx.db).get(hash, &args[2]) {
        Some(entry) => {
            ctx.reply.integer(i64::try_from(entry.memory_bytes()).unwrap_or(i64::MAX));
        }
        None => ctx.reply.null(),
    }
}
