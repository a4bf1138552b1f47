//! Hashes: setting, reading and counting fields, and going through them.

use super::scan::{cursor_of, scan_elements};
use super::strings::reply_element;
use super::{arity_error, integer};
use crate::base::extended::{Extended, Parsed};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::command::typed::Changed;
use crate::keyspace::ValueRef;
use crate::keyspace::types::{Hash, HashRef};
use crate::resp::{Args, Reply};

/// `HSET key field value [field value ...]`
pub(crate) fn hset(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if let Some(added) = set_fields(ctx, args, "hset") {
        ctx.reply.integer(added as i64);
    }
}

/// `HMSET key field value [field value ...]`
pub(crate) fn hmset(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if set_fields(ctx, args, "hmset").is_some() {
        ctx.reply.ok();
    }
}

/// Sets the fields from argument 2 on; how many are new, or `None` with an answer.
fn set_fields(ctx: &mut Ctx<'_>, args: &Args<'_>, command: &str) -> Option<usize> {
    if !args.len().is_multiple_of(2) {
        arity_error(ctx, command);
        return None;
    }
    let key = &args[1];
    let words = args.from(2);
    let key_hash = ctx.prepare(key);
    let added = ctx.make_hash(key_hash, key, |hash, packing| {
        let len_max = words.iter().map(<[u8]>::len).max().unwrap_or(0);
        hash.make_room(words.len() / 2, len_max, packing);
        let mut words = words.iter();
        let mut added = 0;
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            added += usize::from(hash.set(name, value, packing));
        }
        added
    })?;
    ctx.log_verbatim();
    ctx.effects.set_changes(words.len() as u64 / 2);
    tell_change(ctx, key, "hset");
    Some(added)
}

fn tell_change(ctx: &mut Ctx<'_>, key: &[u8], event: &'static str) {
    ctx.events.modified(ctx.db, key);
    ctx.notify(NotifyClasses::HASH, event, key);
}

/// `HSETNX key field value`
pub(crate) fn hsetnx(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name, value) = (&args[1], &args[2], &args[3]);
    let key_hash = ctx.prepare(key);
    let added = ctx.make_hash(key_hash, key, |hash, packing| {
        let is_new = hash.as_ref().get(name).is_none();
        if is_new {
            hash.set(name, value, packing);
        }
        is_new
    });
    let Some(added) = added else { return };
    if added {
        ctx.log_verbatim();
        tell_change(ctx, key, "hset");
    }
    ctx.reply.integer(i64::from(added));
}

/// `HDEL key field [field ...]`
pub(crate) fn hdel(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let key_hash = ctx.prepare(key);
    let changed = ctx.change_hash(key_hash, key, |hash, _| {
        args.from(2).iter().filter(|name| hash.remove(name)).count()
    });
    let (removed, emptied) = match changed {
        Changed::Missing => (0, false),
        Changed::WrongType => return,
        Changed::There { result, emptied } => (result, emptied),
    };
    if removed > 0 {
        ctx.log_verbatim();
        ctx.effects.set_changes(removed as u64);
        tell_change(ctx, key, "hdel");
        if emptied {
            ctx.notify(NotifyClasses::GENERIC, "del", key);
        }
    }
    ctx.reply.integer(removed as i64);
}

/// `HINCRBY key field increment`
pub(crate) fn hincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name) = (&args[1], &args[2]);
    let Some(amount) = integer(ctx, &args[3]) else { return };
    let key_hash = ctx.prepare(key);
    let sum = ctx.make_hash(key_hash, key, |hash, packing| -> Result<_, &str> {
        let sum = sum_of(hash, name, amount)?;
        hash.set(name, itoa::Buffer::new().format(sum).as_bytes(), packing);
        Ok(sum)
    });
    match sum {
        None => {}
        Some(Err(text)) => ctx.reply.error(text),
        Some(Ok(sum)) => {
            ctx.log_verbatim();
            tell_change(ctx, key, "hincrby");
            ctx.reply.integer(sum);
        }
    }
}

/// The number at a field, or 0, and `amount` together; `Err` is the error's text.
fn sum_of(hash: &Hash, name: &[u8], amount: i64) -> Result<i64, &'static str> {
    let before = match hash.as_ref().get(name) {
        None => Some(0),
        Some(ValueRef::Int(number)) => Some(number),
        Some(ValueRef::Bytes(bytes)) => parse_i64(bytes),
    };
    let before = before.ok_or("ERR hash value is not an integer")?;
    before.checked_add(amount).ok_or("ERR increment or decrement would overflow")
}

/// `HINCRBYFLOAT key field increment`
pub(crate) fn hincrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name) = (&args[1], &args[2]);
    let amount = match Extended::parse(&args[3]) {
        Some(Parsed::Finite(amount)) => amount,
        Some(Parsed::Infinite) => return ctx.reply.error("ERR value is NaN or Infinity"),
        None => return ctx.reply.error("ERR value is not a valid float"),
    };
    let key_hash = ctx.prepare(key);
    let sum = ctx.make_hash(key_hash, key, |hash, packing| -> Result<_, &str> {
        let sum = float_sum_of(hash, name, amount)?.to_text();
        hash.set(name, sum.as_bytes(), packing);
        Ok(sum)
    });
    match sum {
        None => {}
        Some(Err(text)) => ctx.reply.error(text),
        Some(Ok(sum)) => {
            // What a sum comes out as is for the master to say.
            ctx.log(&[b"HSET", key, name, sum.as_bytes()]);
            tell_change(ctx, key, "hincrbyfloat");
            ctx.reply.bulk(sum.as_bytes());
        }
    }
}

/// The number at a field, or 0, and `amount` together; `Err` is the error's text.
fn float_sum_of(hash: &Hash, name: &[u8], amount: Extended) -> Result<Extended, &'static str> {
    let before = match hash.as_ref().get(name) {
        None => Extended::parse(b"0"),
        Some(value) => value.with_bytes(Extended::parse),
    };
    let sum = match before.ok_or("ERR hash value is not a float")? {
        Parsed::Finite(before) => before.checked_add(amount),
        Parsed::Infinite => None,
    };
    sum.ok_or("ERR increment would produce NaN or Infinity")
}

/// `HGET key field`
pub(crate) fn hget(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        reply_element(hash.and_then(|hash| hash.get(&args[2])), reply);
    });
}

/// `HMGET key field [field ...]`
pub(crate) fn hmget(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        let names = args.from(2);
        reply.array(names.len());
        for name in names.iter() {
            reply_element(hash.and_then(|hash| hash.get(name)), reply);
        }
    });
}

/// `HLEN key`
pub(crate) fn hlen(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        reply.integer(hash.map_or(0, |hash| hash.len() as i64));
    });
}

/// `HSTRLEN key field`
pub(crate) fn hstrlen(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        let value = hash.and_then(|hash| hash.get(&args[2]));
        reply.integer(value.map_or(0, |value| value.len() as i64));
    });
}

/// `HEXISTS key field`
pub(crate) fn hexists(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        let value = hash.and_then(|hash| hash.get(&args[2]));
        reply.integer(i64::from(value.is_some()));
    });
}

/// `HGETALL key`
pub(crate) fn hgetall(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        reply.map(hash.map_or(0, HashRef::len));
        reply_all(hash, reply, |(name, value), reply| {
            reply_element(Some(name), reply);
            reply_element(Some(value), reply);
        });
    });
}

/// `HKEYS key`
pub(crate) fn hkeys(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        reply.array(hash.map_or(0, HashRef::len));
        reply_all(hash, reply, |(name, _), reply| reply_element(Some(name), reply));
    });
}

/// `HVALS key`
pub(crate) fn hvals(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_hash(&args[1], |hash, reply| {
        reply.array(hash.map_or(0, HashRef::len));
        reply_all(hash, reply, |(_, value), reply| reply_element(Some(value), reply));
    });
}

fn reply_all(
    hash: Option<HashRef<'_>>,
    reply: &mut Reply,
    tell: impl Fn((ValueRef<'_>, ValueRef<'_>), &mut Reply),
) {
    if let Some(hash) = hash {
        hash.pairs().for_each(|pair| tell(pair, reply));
    }
}

/// `HSCAN key cursor [MATCH pattern] [COUNT count]`
pub(crate) fn hscan(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(cursor) = cursor_of(ctx, &args[2]) else { return };
    ctx.read_hash(&args[1], |hash, reply| {
        scan_elements(args, cursor, hash, reply, |hash, step| match hash {
            HashRef::Packed(_) => {
                for (name, value) in hash.pairs() {
                    if name.with_bytes(|name| step.wants(name)) {
                        step.tell(name);
                        step.tell(value);
                    }
                }
                0
            }
            HashRef::Large(table) => table.scan(step.cursor, step.count, &mut |field| {
                if step.wants(field.name()) {
                    let (name, value) = field.pair();
                    step.tell(name);
                    step.tell(value);
                }
            }),
        });
    });
}
