//! Keys that change place: `RENAME`, `COPY`, `MOVE`.

use super::{SYNTAX, database_index, is_word};
use crate::command::ctx::{Ctx, Use};
use crate::command::events::NotifyClasses;
use crate::keyspace::{Entry, Value};
use crate::resp::Args;

const NO_SUCH_KEY: &str = "ERR no such key";
const SAME_OBJECT: &str = "ERR source and destination objects are the same";

/// What goes with a key to its new place.
struct Content {
    value: Value,
    expire_ms: Option<u64>,
    access: u32,
    /// The string was changed in part, which shows in `OBJECT ENCODING`.
    is_raw: bool,
}

impl Content {
    /// A copy of what `entry` holds.
    fn copy_of(entry: &Entry) -> Self {
        Self { value: entry.value().to_value(), ..Self::without_value(entry) }
    }

    /// What `entry` held, without a copy of a long value.
    fn moved_from(entry: Entry) -> Self {
        let rest = Self::without_value(&entry);
        Self { value: entry.into_value(), ..rest }
    }

    fn without_value(entry: &Entry) -> Self {
        Self {
            value: Value::Int(0),
            expire_ms: entry.expire_ms(),
            access: entry.access(),
            is_raw: entry.encoding() == "raw",
        }
    }
}

/// Puts `content` under a prepared key of database `db`, over whatever is there.
fn put(ctx: &mut Ctx<'_>, db: usize, hash: u64, key: &[u8], content: Content) {
    if matches!(content.value, Value::Collection(_)) {
        ctx.events.ready(db, key);
    }
    let database = ctx.keyspace.db_mut(db);
    database.insert(hash, key, content.value, content.expire_ms);
    if let Some(mut entry) = database.get_mut(hash, key) {
        entry.set_access(content.access);
        if content.is_raw && entry.encoding() != "raw" {
            entry.append(b"");
        }
    }
    ctx.events.modified(db, key);
    // What was there counts as deleted before.
    ctx.events.notify(NotifyClasses::NEW, "new", db, key);
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
    if !ctx.exists(from_hash, from) {
        ctx.reply.error(NO_SUCH_KEY);
        return None;
    }
    if from == to {
        return Some(false);
    }
    let to_hash = ctx.prepare(to);
    if !over && ctx.exists(to_hash, to) {
        return Some(false);
    }
    let entry = ctx.database().take(from_hash, from)?;
    ctx.events.modified(ctx.db, from);
    put(ctx, ctx.db, to_hash, to, Content::moved_from(entry));
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
    let source = ctx.keyspace.db(ctx.db).get(from_hash, from);
    let Some(source) = source.filter(|_| replace || !taken) else {
        return ctx.reply.integer(0);
    };
    let content = Content::copy_of(source);
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
    ctx.prepare_in(db, key);
    if !ctx.exists(hash, key) || ctx.keyspace.db(db).get(hash, key).is_some() {
        return ctx.reply.integer(0);
    }
    let Some(entry) = ctx.database().take(hash, key) else { return };
    put(ctx, db, hash, key, Content::moved_from(entry));
    ctx.events.modified(ctx.db, key);
    ctx.log_verbatim();
    ctx.notify(NotifyClasses::GENERIC, "move_from", key);
    ctx.events.notify(NotifyClasses::GENERIC, "move_to", db, key);
    ctx.reply.integer(1);
}
