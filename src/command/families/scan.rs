//! Going through keys: `KEYS`, `SCAN`, `RANDOMKEY`.

use super::{SYNTAX, integer, is_word};
use crate::base::glob;
use crate::command::ctx::{Ctx, Origin};
use crate::resp::Args;

/// Elements a step of `SCAN` looks at unless told.
const SCAN_COUNT_DEFAULT: usize = 10;
/// Elements one step looks at whatever it is told.
const SCAN_COUNT_MAX: usize = 1_000_000;
/// Expired keys that `RANDOMKEY` tries before it tells one of them.
const RANDOM_TRIES_MAX: usize = 100;

/// `KEYS pattern`
pub(crate) fn keys(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.touched.all();
    let pattern = &args[1];
    let (now_ms, hide) = (ctx.now_ms, ctx.origin == Origin::Client);
    let all = pattern == b"*";
    let found: Vec<&[u8]> = ctx
        .keyspace
        .db(ctx.db)
        .iter()
        .filter(|entry| !(hide && entry.is_expired(now_ms)))
        .map(|entry| entry.key())
        .filter(|key| all || glob::matches(pattern, key))
        .collect();
    ctx.reply.array(found.len());
    for key in found {
        ctx.reply.bulk(key);
    }
}

/// What a step of `SCAN` is to tell.
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
    count: usize,
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
pub(crate) fn scan(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.touched.all();
    let Some(cursor) = parse_cursor(&args[1]) else {
        return ctx.reply.error("ERR invalid cursor");
    };
    let Some(options) = parse_scan(ctx, args) else { return };
    let (now_ms, hide) = (ctx.now_ms, ctx.origin == Origin::Client);
    let mut found: Vec<Vec<u8>> = Vec::new();
    let next = ctx.keyspace.db(ctx.db).scan(cursor, options.count, &mut |entry| {
        let told = !(hide && entry.is_expired(now_ms))
            && options.pattern.is_none_or(|pattern| glob::matches(pattern, entry.key()))
            && options
                .type_name
                .is_none_or(|name| entry.type_name().as_bytes().eq_ignore_ascii_case(name));
        if told {
            found.push(entry.key().to_vec());
        }
    });
    ctx.reply.array(2);
    ctx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    ctx.reply.array(found.len());
    for key in &found {
        ctx.reply.bulk(key);
    }
}

/// Reads a cursor as C's `strtoul` does, which is what clients can rely on: nothing is 0, a sign is
/// allowed, and a negative number counts down from the largest.
fn parse_cursor(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [] => return Some(0),
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    let number: u64 = digits?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

fn parse_scan<'a>(ctx: &mut Ctx<'_>, args: &Args<'a>) -> Option<ScanOptions<'a>> {
    let mut options = ScanOptions { pattern: None, type_name: None, count: SCAN_COUNT_DEFAULT };
    for index in (2..args.len()).step_by(2) {
        let value = args.get(index + 1);
        match value {
            Some(value) if is_word(args, index, "COUNT") => {
                let count = integer(ctx, value)?;
                if count < 1 {
                    ctx.reply.error(SYNTAX);
                    return None;
                }
                let count = usize::try_from(count).unwrap_or(SCAN_COUNT_MAX);
                options.count = count.min(SCAN_COUNT_MAX);
            }
            Some(value) if is_word(args, index, "MATCH") => {
                options.pattern = Some(value).filter(|&pattern| pattern != b"*");
            }
            Some(value) if is_word(args, index, "TYPE") => options.type_name = Some(value),
            _ => {
                ctx.reply.error(SYNTAX);
                return None;
            }
        }
    }
    Some(options)
}

/// `RANDOMKEY`
pub(crate) fn randomkey(ctx: &mut Ctx<'_>, _args: &Args<'_>) {
    ctx.touched.all();
    for attempt in 1..=RANDOM_TRIES_MAX {
        let database = ctx.keyspace.db(ctx.db);
        let Some(entry) = database.random(ctx.rng) else { break };
        let expired = ctx.origin == Origin::Client && entry.is_expired(ctx.now_ms);
        if !expired || attempt == RANDOM_TRIES_MAX {
            return ctx.reply.bulk(entry.key());
        }
        let key = entry.key().to_vec();
        ctx.drop_if_expired(&key);
    }
    ctx.reply.null();
}
