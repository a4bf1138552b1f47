//! The time at which a key expires: `EXPIRE`, `TTL`, `PERSIST` and their relatives.

use super::integer;
use crate::command::ctx::{Ctx, Origin, Use};
use crate::command::events::NotifyClasses;
use crate::keyspace::Entry;
use crate::resp::Args;

/// When `EXPIRE` acts.
#[derive(Clone, Copy, Default)]
struct Conditions {
    none_before: bool,
    some_before: bool,
    later: bool,
    earlier: bool,
}

impl Conditions {
    /// Reads the words from argument 3 on; `Err` is the error's text.
    fn parse(args: &Args<'_>) -> Result<Self, Vec<u8>> {
        let mut conditions = Self::default();
        for word in args.from(3).iter() {
            match word.to_ascii_lowercase().as_slice() {
                b"nx" => conditions.none_before = true,
                b"xx" => conditions.some_before = true,
                b"gt" => conditions.later = true,
                b"lt" => conditions.earlier = true,
                _ => return Err([b"ERR Unsupported option ", word].concat()),
            }
        }
        let Self { none_before, some_before, later, earlier } = conditions;
        if none_before && (some_before || later || earlier) {
            let text = "ERR NX and XX, GT or LT options at the same time are not compatible";
            return Err(text.into());
        }
        if later && earlier {
            return Err("ERR GT and LT options at the same time are not compatible".into());
        }
        Ok(conditions)
    }

    fn allow(self, before_ms: Option<u64>, expire_ms: i64) -> bool {
        let before_ms = before_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        !(self.none_before && before_ms.is_some()
            || self.some_before && before_ms.is_none()
            || self.later && before_ms.is_none_or(|before| expire_ms <= before)
            || self.earlier && before_ms.is_some_and(|before| expire_ms >= before))
    }
}

/// `EXPIRE key seconds [NX | XX | GT | LT]`
pub(crate) fn expire(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    expire_from(ctx, args, now(ctx), 1000, "expire");
}

/// `PEXPIRE key milliseconds [NX | XX | GT | LT]`
pub(crate) fn pexpire(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    expire_from(ctx, args, now(ctx), 1, "pexpire");
}

/// `EXPIREAT key unix-time-seconds [NX | XX | GT | LT]`
pub(crate) fn expireat(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    expire_from(ctx, args, 0, 1000, "expireat");
}

/// `PEXPIREAT key unix-time-milliseconds [NX | XX | GT | LT]`
pub(crate) fn pexpireat(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    expire_from(ctx, args, 0, 1, "pexpireat");
}

fn now(ctx: &Ctx<'_>) -> i64 {
    i64::try_from(ctx.now_ms).unwrap_or(i64::MAX)
}

fn expire_from(ctx: &mut Ctx<'_>, args: &Args<'_>, base_ms: i64, unit_ms: i64, command: &str) {
    let key = &args[1];
    let conditions = match Conditions::parse(args) {
        Ok(conditions) => conditions,
        Err(text) => return ctx.reply.error(text),
    };
    let Some(count) = integer(ctx, &args[2]) else { return };
    let Some(expire_ms) = count.checked_mul(unit_ms).and_then(|ms| ms.checked_add(base_ms)) else {
        return ctx.reply.error(format!("ERR invalid expire time in '{command}' command"));
    };
    let hash = ctx.prepare(key);
    let before = ctx.keyspace.db(ctx.db).get(hash, key).map(Entry::expire_ms);
    let acts = before.is_some_and(|before_ms| conditions.allow(before_ms, expire_ms));
    if acts {
        expire_at(ctx, hash, key, expire_ms);
    }
    ctx.reply.integer(i64::from(acts));
}

/// Makes a prepared key that is there expire at `expire_ms`, or deletes it when that is no longer to
/// come. Not on a replica and not while loading: there the deletion comes from the log.
pub(super) fn expire_at(ctx: &mut Ctx<'_>, hash: u64, key: &[u8], expire_ms: i64) {
    let decides = ctx.origin == Origin::Client && !ctx.settings.is_replica;
    if decides && expire_ms <= now(ctx) {
        ctx.delete(hash, key);
        let verb: &[u8] = if ctx.settings.lazyfree_lazy_expire { b"UNLINK" } else { b"DEL" };
        return ctx.log(&[verb, key]);
    }
    let expire_ms = u64::try_from(expire_ms).unwrap_or(0);
    ctx.database().set_expire(hash, key, Some(expire_ms));
    ctx.events.modified(ctx.db, key);
    ctx.log(&[b"PEXPIREAT", key, itoa::Buffer::new().format(expire_ms).as_bytes()]);
    ctx.notify(NotifyClasses::GENERIC, "expire", key);
}

/// Makes a prepared key stay for ever; whether that changed anything.
pub(super) fn persist_key(ctx: &mut Ctx<'_>, hash: u64, key: &[u8]) -> bool {
    let database = ctx.keyspace.db_mut(ctx.db);
    let expires = database.get(hash, key).is_some_and(|entry| entry.expire_ms().is_some());
    if expires {
        database.set_expire(hash, key, None);
        ctx.events.modified(ctx.db, key);
        ctx.log(&[b"PERSIST", key]);
        ctx.notify(NotifyClasses::GENERIC, "persist", key);
    }
    expires
}

/// `PERSIST key`
pub(crate) fn persist(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let hash = ctx.prepare(&args[1]);
    let changed = persist_key(ctx, hash, &args[1]);
    ctx.reply.integer(i64::from(changed));
}

/// `TTL key`
pub(crate) fn ttl(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let now_ms = ctx.now_ms;
    reply_time(ctx, args, |expire_ms| to_seconds(expire_ms.saturating_sub(now_ms)));
}

/// `PTTL key`
pub(crate) fn pttl(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let now_ms = ctx.now_ms;
    reply_time(ctx, args, |expire_ms| expire_ms.saturating_sub(now_ms));
}

/// `EXPIRETIME key`
pub(crate) fn expiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    reply_time(ctx, args, to_seconds);
}

/// `PEXPIRETIME key`
pub(crate) fn pexpiretime(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    reply_time(ctx, args, |expire_ms| expire_ms);
}

fn to_seconds(ms: u64) -> u64 {
    ms.saturating_add(500) / 1000
}

/// Answers a time as `tell` puts it: -2 without the key, -1 when it does not expire.
fn reply_time(ctx: &mut Ctx<'_>, args: &Args<'_>, tell: impl Fn(u64) -> u64) {
    ctx.read(&args[1], Use::Unnoticed, |entry, reply| {
        reply.integer(match entry.map(Entry::expire_ms) {
            None => -2,
            Some(None) => -1,
            Some(Some(expire_ms)) => i64::try_from(tell(expire_ms)).unwrap_or(i64::MAX),
        });
    });
}
