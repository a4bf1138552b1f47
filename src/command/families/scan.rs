//! Going through keys: `KEYS`, `SCAN`, `RANDOMKEY`; and what `HSCAN`, `SSCAN` and `ZSCAN` share with
//! them.

use super::{NOT_AN_INTEGER, SYNTAX, is_word};
use crate::base::glob;
use crate::base::number::parse_i64;
use crate::command::ctx::{Ctx, Origin};
use crate::keyspace::ValueRef;
use crate::resp::{Args, Protocol, Reply};

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

/// What a step through keys or elements is to tell.
struct ScanOptions<'a> {
    pattern: Option<&'a [u8]>,
    type_name: Option<&'a [u8]>,
    count: usize,
}

/// `SCAN cursor [MATCH pattern] [COUNT count] [TYPE type]`
pub(crate) fn scan(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.touched.all();
    let Some(cursor) = cursor_of(ctx, &args[1]) else { return };
    let options = match parse_options(args, 2, true) {
        Ok(options) => options,
        Err(text) => return ctx.reply.error(text),
    };
    let (now_ms, hide) = (ctx.now_ms, ctx.origin == Origin::Client);
    let mut step = Step::new(cursor, options.count, options.pattern, ctx.reply.protocol);
    let next = ctx.keyspace.db(ctx.db).scan(cursor, options.count, &mut |entry| {
        let told = !(hide && entry.is_expired(now_ms))
            && step.wants(entry.key())
            && options
                .type_name
                .is_none_or(|name| entry.type_name().as_bytes().eq_ignore_ascii_case(name));
        if told {
            step.tell(ValueRef::Bytes(entry.key()));
        }
    });
    step.finish(next, ctx.reply);
}

/// A step through the elements of a key: what it was asked for, and the elements it has found.
pub(super) struct Step<'a> {
    /// Where it begins; nothing to what is packed, which is told as a whole.
    pub cursor: u64,
    /// Elements it is to look at, more or less.
    pub count: usize,
    pattern: Option<&'a [u8]>,
    found: Reply,
    found_len: usize,
}

impl<'a> Step<'a> {
    fn new(cursor: u64, count: usize, pattern: Option<&'a [u8]>, protocol: Protocol) -> Self {
        Self { cursor, count, pattern, found: Reply::new(protocol), found_len: 0 }
    }

    /// Whether an element of this name was asked for.
    pub fn wants(&self, name: &[u8]) -> bool {
        self.pattern.is_none_or(|pattern| glob::matches(pattern, name))
    }

    /// Adds one string to the reply: an element, or what belongs to the element before.
    pub fn tell(&mut self, string: ValueRef<'_>) {
        string.with_bytes(|bytes| self.found.bulk(bytes));
        self.found_len += 1;
    }

    fn finish(self, next: u64, reply: &mut Reply) {
        reply.array(2);
        reply.bulk(itoa::Buffer::new().format(next).as_bytes());
        reply.array(self.found_len);
        reply.raw(&self.found.buffer);
    }
}

/// What `HSCAN key cursor [MATCH pattern] [COUNT count]` and the like answer of `value`, which is
/// what the key holds. `scan` hands the elements to the step and returns the next cursor: 0 at the
/// end, which is at once for what is packed. The cursor comes from [`cursor_of`], before the key is
/// looked up; options are read only when there is a key to go through.
pub(super) fn scan_elements<'a, T>(
    args: &Args<'a>,
    cursor: u64,
    value: Option<T>,
    reply: &mut Reply,
    scan: impl FnOnce(T, &mut Step<'a>) -> u64,
) {
    let Some(value) = value else {
        return Step::new(cursor, 0, None, reply.protocol).finish(0, reply);
    };
    match parse_options(args, 3, false) {
        Ok(options) => {
            let mut step = Step::new(cursor, options.count, options.pattern, reply.protocol);
            let next = scan(value, &mut step);
            step.finish(next, reply);
        }
        Err(text) => reply.error(text),
    }
}

/// Reads a cursor, or answers that it is none.
pub(super) fn cursor_of(ctx: &mut Ctx<'_>, text: &[u8]) -> Option<u64> {
    let cursor = parse_cursor(text);
    if cursor.is_none() {
        ctx.reply.error("ERR invalid cursor");
    }
    cursor
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

/// Reads the options from argument `first` on; `Err` is the error's text.
fn parse_options<'a>(
    args: &Args<'a>,
    first: usize,
    takes_type: bool,
) -> Result<ScanOptions<'a>, &'static str> {
    let mut options = ScanOptions { pattern: None, type_name: None, count: SCAN_COUNT_DEFAULT };
    for index in (first..args.len()).step_by(2) {
        let value = args.get(index + 1).ok_or(SYNTAX)?;
        if is_word(args, index, "COUNT") {
            let count = parse_i64(value).ok_or(NOT_AN_INTEGER)?;
            if count < 1 {
                return Err(SYNTAX);
            }
            let count = usize::try_from(count).unwrap_or(SCAN_COUNT_MAX);
            options.count = count.min(SCAN_COUNT_MAX);
        } else if is_word(args, index, "MATCH") {
            options.pattern = Some(value).filter(|&pattern| pattern != b"*");
        } else if takes_type && is_word(args, index, "TYPE") {
            options.type_name = Some(value);
        } else {
            return Err(SYNTAX);
        }
    }
    Ok(options)
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
