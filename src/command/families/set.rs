//! Setting whole strings: `SET` and its older relatives, `GETEX`, `GETDEL`, `MSET`.

use super::strings::{new_string, reply_string};
use super::{NOT_AN_INTEGER, SYNTAX, arity_error};
use crate::base::number::parse_i64;
use crate::command::ctx::{Ctx, Use};
use crate::command::events::NotifyClasses;
use crate::keyspace::Entry;
use crate::resp::Args;

/// A time given as an option.
#[derive(Clone, Copy)]
struct Time<'a> {
    text: &'a [u8],
    /// Milliseconds in its unit.
    unit_ms: i64,
    /// It counts from now on and not from 1970 on.
    relative: bool,
}

impl Time<'_> {
    /// The time in milliseconds since the Unix epoch; `Err` is the error's text.
    fn to_unix_ms(self, now_ms: u64, command: &str) -> Result<u64, String> {
        let count = parse_i64(self.text).ok_or(NOT_AN_INTEGER)?;
        let base = if self.relative { i64::try_from(now_ms).unwrap_or(i64::MAX) } else { 0 };
        let time = Some(count).filter(|&count| count > 0);
        time.and_then(|count| count.checked_mul(self.unit_ms)?.checked_add(base))
            .and_then(|ms| u64::try_from(ms).ok())
            .ok_or_else(|| format!("ERR invalid expire time in '{command}' command"))
    }
}

/// What becomes of the key's time to live.
#[derive(Clone, Copy, Default)]
enum Ttl<'a> {
    /// Nothing was said: `SET` drops it, `GETEX` leaves it.
    #[default]
    Unsaid,
    /// It is kept.
    Keep,
    /// It is dropped.
    Persist,
    /// It ends at this time.
    At(Time<'a>),
}

/// When `SET` sets.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Condition {
    #[default]
    Always,
    IfMissing,
    IfThere,
}

#[derive(Clone, Copy, Default)]
struct Options<'a> {
    condition: Condition,
    tell_old: bool,
    ttl: Ttl<'a>,
}

/// Reads the options of `SET` (from argument 3 on) or `GETEX` (from 2 on).
fn parse_options<'a>(args: &Args<'a>, first: usize, is_set: bool) -> Option<Options<'a>> {
    let mut options = Options::default();
    let mut index = first;
    while let Some(word) = args.get(index) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let unsaid = matches!(options.ttl, Ttl::Unsaid);
        if is_set && is("NX") && options.condition != Condition::IfThere {
            options.condition = Condition::IfMissing;
        } else if is_set && is("XX") && options.condition != Condition::IfMissing {
            options.condition = Condition::IfThere;
        } else if is_set && is("GET") {
            options.tell_old = true;
        } else if is_set && is("KEEPTTL") && (unsaid || matches!(options.ttl, Ttl::Keep)) {
            options.ttl = Ttl::Keep;
        } else if !is_set && is("PERSIST") && (unsaid || matches!(options.ttl, Ttl::Persist)) {
            options.ttl = Ttl::Persist;
        } else {
            let (unit_ms, relative) = time_word(word)?;
            let time = Time { text: args.get(index + 1)?, unit_ms, relative };
            // The same word may come again, and the last one counts; two different ones may not.
            let again = matches!(options.ttl, Ttl::At(before)
                if before.unit_ms == unit_ms && before.relative == relative);
            if !unsaid && !again {
                return None;
            }
            options.ttl = Ttl::At(time);
            index += 1;
        }
        index += 1;
    }
    Some(options)
}

/// Unit in milliseconds, and whether the time counts from now on.
fn time_word(word: &[u8]) -> Option<(i64, bool)> {
    let words: [(&[u8], (i64, bool)); 4] = [
        (b"EX", (1000, true)),
        (b"PX", (1, true)),
        (b"EXAT", (1000, false)),
        (b"PXAT", (1, false)),
    ];
    words.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, time)| *time)
}

/// Sets the key to argument `value_at` and logs that with an absolute time.
fn set_until(ctx: &mut Ctx<'_>, hash: u64, args: &Args<'_>, value_at: usize, expire_ms: u64) {
    let key = &args[1];
    ctx.set(hash, key, new_string(args, value_at), Some(expire_ms));
    ctx.log(&[
        b"SET",
        key,
        &args[value_at],
        b"PXAT",
        itoa::Buffer::new().format(expire_ms).as_bytes(),
    ]);
    ctx.notify(NotifyClasses::STRING, "set", key);
    ctx.notify(NotifyClasses::GENERIC, "expire", key);
}

/// `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
pub(crate) fn set(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    if args.len() == 3 {
        let hash = ctx.prepare(key);
        ctx.set(hash, key, new_string(args, 2), None);
        ctx.log_verbatim();
        ctx.notify(NotifyClasses::STRING, "set", key);
        return ctx.reply.ok();
    }
    let Some(options) = parse_options(args, 3, true) else {
        return ctx.reply.error(SYNTAX);
    };
    let expire_ms = match options.ttl {
        Ttl::At(time) => match time.to_unix_ms(ctx.now_ms, "set") {
            Ok(expire_ms) => Some(expire_ms),
            Err(text) => return ctx.reply.error(text),
        },
        _ => None,
    };
    if options.tell_old && !ctx.read(key, Use::Counts, reply_string) {
        return;
    }
    let hash = ctx.prepare(key);
    if options.condition != Condition::Always
        && ctx.exists(hash, key) != (options.condition == Condition::IfThere)
    {
        if !options.tell_old {
            ctx.reply.null();
        }
        return;
    }
    if let Some(expire_ms) = expire_ms {
        set_until(ctx, hash, args, 2, expire_ms);
    } else {
        let keep = matches!(options.ttl, Ttl::Keep);
        let before = ctx.keyspace.db(ctx.db).get(hash, key).filter(|_| keep);
        let kept_ms = before.and_then(Entry::expire_ms);
        ctx.set(hash, key, new_string(args, 2), kept_ms);
        if options.tell_old {
            log_without_get(ctx, args);
        } else {
            ctx.log_verbatim();
        }
        ctx.notify(NotifyClasses::STRING, "set", key);
    }
    if !options.tell_old {
        ctx.reply.ok();
    }
}

/// Logs a `SET` as it came, but for the word `GET`: nobody waits for an answer there.
fn log_without_get(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let is_get = |index: usize, arg: &[u8]| index >= 3 && arg.eq_ignore_ascii_case(b"GET");
    let words = args.iter().enumerate().filter(|(index, arg)| !is_get(*index, arg));
    let words: Vec<&[u8]> = words.map(|(_, arg)| arg).collect();
    ctx.log(&words);
}

/// `SETNX key value`
pub(crate) fn setnx(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let hash = ctx.prepare(key);
    if ctx.exists(hash, key) {
        return ctx.reply.integer(0);
    }
    ctx.set(hash, key, new_string(args, 2), None);
    ctx.log_verbatim();
    ctx.notify(NotifyClasses::STRING, "set", key);
    ctx.reply.integer(1);
}

/// `SETEX key seconds value`
pub(crate) fn setex(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    set_for(ctx, args, 1000, "setex");
}

/// `PSETEX key milliseconds value`
pub(crate) fn psetex(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    set_for(ctx, args, 1, "psetex");
}

fn set_for(ctx: &mut Ctx<'_>, args: &Args<'_>, unit_ms: i64, command: &str) {
    let time = Time { text: &args[2], unit_ms, relative: true };
    match time.to_unix_ms(ctx.now_ms, command) {
        Ok(expire_ms) => {
            let hash = ctx.prepare(&args[1]);
            set_until(ctx, hash, args, 3, expire_ms);
            ctx.reply.ok();
        }
        Err(text) => ctx.reply.error(text),
    }
}

/// `GETSET key value`
pub(crate) fn getset(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, value) = (&args[1], &args[2]);
    if !ctx.read(key, Use::Counts, reply_string) {
        return;
    }
    let hash = ctx.prepare(key);
    ctx.set(hash, key, new_string(args, 2), None);
    ctx.log(&[b"SET", key, value]);
    ctx.notify(NotifyClasses::STRING, "set", key);
}

/// `GETDEL key`
pub(crate) fn getdel(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let found =
        ctx.read(key, Use::Counts, |entry, reply| reply_string(entry, reply) && entry.is_some());
    if found {
        let hash = ctx.prepare(key);
        ctx.delete(hash, key);
        ctx.log(&[b"DEL", key]);
    }
}

/// `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`
pub(crate) fn getex(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let Some(options) = parse_options(args, 2, false) else {
        return ctx.reply.error(SYNTAX);
    };
    let expire_ms = match options.ttl {
        Ttl::At(time) => Some(time.to_unix_ms(ctx.now_ms, "getex")),
        _ => None,
    };
    // A missing key is told before a wrong time is.
    let found = ctx.read(key, Use::Counts, |entry, reply| match (entry, &expire_ms) {
        (Some(entry), Some(Err(text))) if entry.is_string() => {
            reply.error(text);
            false
        }
        (entry, _) => reply_string(entry, reply) && entry.is_some(),
    });
    if !found {
        return;
    }
    let hash = ctx.prepare(key);
    match (expire_ms, options.ttl) {
        (Some(Ok(expire_ms)), _) => super::expiry::expire_at(ctx, hash, key, expire_ms as i64),
        (None, Ttl::Persist) => {
            super::expiry::persist_key(ctx, hash, key);
        }
        _ => {}
    }
}

/// `MSET key value [key value ...]`
pub(crate) fn mset(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if args.len().is_multiple_of(2) {
        return arity_error(ctx, "mset");
    }
    set_pairs(ctx, args);
    ctx.reply.ok();
}

/// `MSETNX key value [key value ...]`
pub(crate) fn msetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if args.len().is_multiple_of(2) {
        return arity_error(ctx, "msetnx");
    }
    for key in args.from(1).iter().step_by(2) {
        let hash = ctx.prepare(key);
        if ctx.exists(hash, key) {
            return ctx.reply.integer(0);
        }
    }
    set_pairs(ctx, args);
    ctx.reply.integer(1);
}

fn set_pairs(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    for index in (1..args.len()).step_by(2) {
        let key = &args[index];
        let hash = ctx.prepare(key);
        ctx.set(hash, key, new_string(args, index + 1), None);
        ctx.notify(NotifyClasses::STRING, "set", key);
    }
    ctx.log_verbatim();
    ctx.effects.set_changes(args.len() as u64 / 2);
}
