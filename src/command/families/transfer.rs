//! Keys that change place: `RENAME`, `COPY`, `MOVE`.

use super::{SYNTAX, database_index, is_word};
use crate::command::ctx::{Ctx, Use};
use crate::command::events::NotifyClasses;
use crate::keyspace::Value;
use crate::resp::Args;

const NO_SUCH_KEY: &str = "ERR no such key";
const SAME_OBJECT: &str = "ERR source and destination objects are the same";

/// What goes with a key to its new place.
struct Content {
    value: Value,
    expire_ms: Option<u64>,
    access: u32,
}

/// The content of a prepared key of the selected database.
fn content_of(ctx: &Ctx<'_>, hash: u64, key: &[u8]) -> Option<Content> {
    let entry = ctx.keyspace.db(ctx.db).get(hash, key)?;
    Some(Content {
        value: entry.value().to_value(),
        expire_ms: entry.expire_ms(),
        access: entry.access(),
    })
}

/// Puts `content` under a prepared key of database `db`, over whatever is there.
fn put(ctx: &mut Ctx<'_>, db: usize, hash: u64, key: &[u8], content: Content) {
    let database = ctx.keyspace.db_mut(db);
    database.insert(hash, key, content.value, content.expire_ms);
    if let Some(entry) = database.get(hash, key) {
        entry.set_access(content.access);
    }
    ctx.events.modified(db, key);
}

/// `RENAME key newkey`
pub(crate) fn rename(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if rename_key(ctx, args, true).is_some() {
        ctx.reply.ok();
    }
}

/// `RENAMENX key newkey`
pub(crate) fn renamenx(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if let Some(renamed) = rename_key(ctx, args, false) {
        ctx.reply.integer(i64::from(renamed));
    }
}

/// Renames; whether it did, or `None` with an answer when there is no such key.
fn rename_key(ctx: &mut Ctx<'_>, args: &Args<'_>, over: bool) -> Option<bool> {
    let (from, to) = (&args[1], &args[2]);
    let from_hash = ctx.prepare(from);
    let Some(content) = content_of(ctx, from_hash, from) else {
        ctx.reply.error(NO_SUCH_KEY);
        return None;
    };
    if from == to {
        return Some(false);
    }
    let to_hash = ctx.prepare(to);
    if !over && ctx.exists(to_hash, to) {
        return Some(false);
    }
    put(ctx, ctx.db, to_hash, to, content);
    ctx.database().remove(from_hash, from);
    ctx.events.modified(ctx.db, from);
    ctx.log_verbatim();
    ctx.notify(NotifyClasses::GENERIC, "rename_from", from);
    ctx.notify(NotifyClasses::GENERIC, "rename_to", to);
    Some(true)
}

/// `COPY source destination [DB index] [REPLACE]`
pub(crate) fn copy(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (from, to) = (&args[1], &args[2]);
    let (mut db, mut replace) = (ctx.db, false);
    let mut index = 3;
    while index < args.len() {
        if is_word(args, index, "REPLACE") {
            replace = true;
        } else if let (true, Some(text)) = (is_word(args, index, "DB"), args.get(index + 1)) {
            let Some(number) = database_index(ctx, text) else { return };
            db = number;
            index += 1;
        } else {
            return ctx.reply.error(SYNTAX);
        }
        index += 1;
    }
    if db == ctx.db && from == to {
        return ctx.reply.error(SAME_OBJECT);
    }
    if !ctx.read(from, Use::Counts, |entry, _| entry.is_some()) {
        return ctx.reply.integer(0);
    }
    let from_hash = ctx.hash(from);
    let to_hash = ctx.prepare_in(db, to);
    let taken = ctx.keyspace.db(db).get(to_hash, to).is_some();
    let content = content_of(ctx, from_hash, from);
    let Some(content) = content.filter(|_| replace || !taken) else {
        return ctx.reply.integer(0);
    };
    put(ctx, db, to_hash, to, content);
    ctx.log_verbatim();
    ctx.events.notify(NotifyClasses::GENERIC, "copy_to", db, to);
    ctx.reply.integer(1);
}

/// `MOVE key db`
pub(crate) fn move_key(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let Some(db) = database_index(ctx, &args[2]) else { return };
    if db == ctx.db {
        return ctx.reply.error(SAME_OBJECT);
    }
    let hash = ctx.prepare(key);
    let Some(content) = content_of(ctx, hash, key) else {
        return ctx.reply.integer(0);
    };
    ctx.prepare_in(db, key);
    if ctx.keyspace.db(db).get(hash, key).is_some() {
        return ctx.reply.integer(0);
    }
    put(ctx, db, hash, key, content);
    ctx.database().remove(hash, key);
    ctx.events.modified(ctx.db, key);
    ctx.log_verbatim();
    ctx.notify(NotifyClasses::GENERIC, "move_from", key);
    ctx.events.notify(NotifyClasses::GENERIC, "move_to", db, key);
    ctx.reply.integer(1);
}
