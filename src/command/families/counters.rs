//! Strings as numbers: `INCR` and its relatives.

use super::edit::string_of;
use super::{NOT_AN_INTEGER, WRONG_TYPE, integer};
use crate::base::extended::{Extended, Parsed};
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::keyspace::{NewValue, Value};
use crate::resp::Args;

/// `INCR key`
pub(crate) fn incr(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    add(ctx, &args[1], 1);
}

/// `DECR key`
pub(crate) fn decr(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    add(ctx, &args[1], -1);
}

/// `INCRBY key increment`
pub(crate) fn incrby(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if let Some(amount) = integer(ctx, &args[2]) {
        add(ctx, &args[1], amount);
    }
}

/// `DECRBY key decrement`
pub(crate) fn decrby(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(amount) = integer(ctx, &args[2]) else { return };
    match amount.checked_neg() {
        Some(amount) => add(ctx, &args[1], amount),
        None => ctx.reply.error("ERR decrement would overflow"),
    }
}

fn add(ctx: &mut Ctx<'_>, key: &[u8], amount: i64) {
    let hash = ctx.prepare(key);
    let before = string_of(ctx, hash, key).map(|value| value.map_or(Some(0), |v| v.as_int()));
    let Ok(before) = before else { return ctx.reply.error(WRONG_TYPE) };
    let Some(before) = before else {
        return ctx.reply.error(NOT_AN_INTEGER);
    };
    let Some(sum) = before.checked_add(amount) else {
        return ctx.reply.error("ERR increment or decrement would overflow");
    };
    replace(ctx, hash, key, Value::Int(sum).into());
    ctx.log_verbatim();
    ctx.notify(NotifyClasses::STRING, "incrby", key);
    ctx.reply.integer(sum);
}

/// Sets the value and leaves the key's time to live.
fn replace(ctx: &mut Ctx<'_>, hash: u64, key: &[u8], value: NewValue<'_>) {
    if let Some(mut entry) = ctx.entry_mut(hash, key) {
        entry.set(value);
        ctx.events.modified(ctx.db, key);
    } else {
        ctx.set(hash, key, value, None);
    }
}

/// `INCRBYFLOAT key increment`
pub(crate) fn incrbyfloat(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let hash = ctx.prepare(key);
    let before = match string_of(ctx, hash, key) {
        Ok(Some(value)) => value.with_bytes(Extended::parse),
        Ok(None) => Extended::parse(b"0"),
        Err(_) => return ctx.reply.error(WRONG_TYPE),
    };
    let (Some(before), Some(amount)) = (before, Extended::parse(&args[2])) else {
        return ctx.reply.error("ERR value is not a valid float");
    };
    let sum = match (before, amount) {
        (Parsed::Finite(before), Parsed::Finite(amount)) => before.checked_add(amount),
        _ => None,
    };
    let Some(sum) = sum else {
        return ctx.reply.error("ERR increment would produce NaN or Infinity");
    };
    let text = sum.to_text();
    replace(ctx, hash, key, NewValue::Copied(text.as_bytes()));
    ctx.log(&[b"SET", key, text.as_bytes(), b"KEEPTTL"]);
    ctx.notify(NotifyClasses::STRING, "incrbyfloat", key);
    ctx.reply.bulk(text.as_bytes());
}
