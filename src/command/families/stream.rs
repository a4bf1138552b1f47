//! Streams: adding, deleting and reading entries.

use super::stream_trim::{Addition, parse_addition, rewritten_trim};
use super::{SYNTAX, arity_error, integer, is_word};
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::command::typed::Changed;
use crate::keyspace::ValueRef;
use crate::keyspace::types::{NODE_BYTES_MAX, Packing, Stream, StreamEntry, StreamId};
use crate::resp::{Args, Reply};

/// What is said of text that is no ID.
pub(super) const INVALID_ID: &str = "ERR Invalid stream ID specified as stream command argument";
const NOT_LARGER: &str =
    "ERR The ID specified in XADD is equal or smaller than the target stream top item";
const EXHAUSTED: &str =
    "ERR The stream has exhausted the last possible ID, unable to add more items";

/// Reads an ID without `-` and `+`, or answers that it is none.
pub(super) fn strict_id(ctx: &mut Ctx<'_>, text: &[u8], missing_seq: u64) -> Option<StreamId> {
    let id = StreamId::parse(text, missing_seq);
    if id.is_none() {
        ctx.reply.error(INVALID_ID);
    }
    id
}

/// An end of a range: an ID, `-`, `+`, or `(` and an ID; and whether the ID itself is left out.
pub(super) fn bound(text: &[u8], missing_seq: u64) -> Option<(StreamId, bool)> {
    match text {
        b"-" => Some((StreamId::ZERO, false)),
        b"+" => Some((StreamId::MAX, false)),
        [b'(', id @ ..] if !id.is_empty() => Some((StreamId::parse(id, missing_seq)?, true)),
        id => Some((StreamId::parse(id, missing_seq)?, false)),
    }
}

/// Reads both ends of a range, or answers what is wrong.
pub(super) fn bounds(ctx: &mut Ctx<'_>, start: &[u8], end: &[u8]) -> Option<(StreamId, StreamId)> {
    let found = (|| {
        let (start, without) = bound(start, 0).ok_or(INVALID_ID)?;
        let start = if without { start.next() } else { Some(start) };
        let start = start.ok_or("ERR invalid start ID for the interval")?;
        let (end, without) = bound(end, u64::MAX).ok_or(INVALID_ID)?;
        let end = if without { end.previous() } else { Some(end) };
        Ok((start, end.ok_or("ERR invalid end ID for the interval")?))
    })();
    found.map_err(|text: &str| ctx.reply.error(text)).ok()
}

/// Writes an ID.
pub(super) fn reply_id(id: StreamId, reply: &mut Reply) {
    let (mut ms, mut seq) = (itoa::Buffer::new(), itoa::Buffer::new());
    let (ms, seq) = (ms.format(id.ms).as_bytes(), seq.format(id.seq).as_bytes());
    let mut text = [0; 41];
    let len = ms.len() + 1 + seq.len();
    text[..ms.len()].copy_from_slice(ms);
    text[ms.len()] = b'-';
    text[ms.len() + 1..len].copy_from_slice(seq);
    reply.bulk(&text[..len]);
}

/// Writes an entry.
pub(super) fn reply_entry(entry: StreamEntry<'_>, reply: &mut Reply) {
    reply.array(2);
    reply_id(entry.id, reply);
    reply.array(2 * entry.fields.len());
    for (name, value) in entry.fields {
        for string in [name, value] {
            match string {
                ValueRef::Int(number) => reply.bulk_integer(number),
                ValueRef::Bytes(bytes) => reply.bulk(bytes),
            }
        }
    }
}

/// Writes up to `max` entries from `start` to `end`.
pub(super) fn reply_range(
    stream: &Stream,
    (start, end): (StreamId, StreamId),
    backwards: bool,
    max: usize,
    reply: &mut Reply,
) {
    let len = stream.count(start, end).min(max);
    reply.array(len);
    if backwards {
        stream.range_back(start, end).take(len).for_each(|entry| reply_entry(entry, reply));
    } else {
        stream.range(start, end).take(len).for_each(|entry| reply_entry(entry, reply));
    }
}

/// `XADD key [NOMKSTREAM] [MAXLEN | MINID [= | ~] threshold [LIMIT count]] * | id field value [field
/// value ...]`
pub(crate) fn xadd(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let addition = match parse_addition(ctx, args) {
        Ok(addition) => addition,
        Err(text) => return ctx.reply.error(text),
    };
    let words = args.from(addition.id_at + 1);
    if words.len() < 2 || !words.len().is_multiple_of(2) {
        return arity_error(ctx, "xadd");
    }
    if addition.id.is_some_and(|given| !given.any_seq && given.id == StreamId::ZERO) {
        return ctx.reply.error("ERR The ID specified in XADD must be greater than 0-0");
    }
    let key = &args[1];
    let hash = ctx.prepare(key);
    if addition.only_existing && !ctx.exists(hash, key) {
        return ctx.reply.null();
    }
    let now_ms = ctx.now_ms;
    let added = ctx
        .make_stream(hash, key, |stream, packing| add(stream, &addition, &words, now_ms, packing));
    let (id, trimmed, rewritten) = match added {
        None => return,
        Some(Err(text)) => return ctx.reply.error(text),
        Some(Ok(added)) => added,
    };
    reply_id(id, ctx.reply);
    ctx.events.ready(ctx.db, key);
    changed(ctx, key, "xadd");
    if trimmed > 0 {
        ctx.notify(NotifyClasses::STREAM, "xtrim", key);
    }
    log_addition(ctx, args, &addition, id, rewritten.as_deref());
}

/// Adds the entry and trims; its ID, how many entries went, and how far an inexact trim got.
fn add(
    stream: &mut Stream,
    addition: &Addition,
    words: &Args<'_>,
    now_ms: u64,
    packing: &Packing,
) -> Result<(StreamId, usize, Option<String>), &'static str> {
    if stream.last == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    let id = next_id(stream, addition, now_ms).ok_or(NOT_LARGER)?;
    if words.iter().map(<[u8]>::len).sum::<usize>() > NODE_BYTES_MAX {
        return Err("ERR Elements are too large to be stored");
    }
    let (names, values) = (words.iter().step_by(2), words.iter().skip(1).step_by(2));
    let fields: Vec<_> =
        names.map(ValueRef::from_string).zip(values.map(ValueRef::from_string)).collect();
    stream.append(id, &fields, packing);
    let Some(trim) = addition.trim else { return Ok((id, 0, None)) };
    let trimmed = stream.trim(trim.keep, trim.inexact, trim.limit);
    Ok((id, trimmed, trim.inexact.then(|| rewritten_trim(stream, trim.keep))))
}

fn next_id(stream: &Stream, addition: &Addition, now_ms: u64) -> Option<StreamId> {
    let last = stream.last;
    let id = match addition.id {
        None if now_ms > last.ms => StreamId::new(now_ms, 0),
        None => last.next()?,
        Some(given) if given.any_seq && given.id.ms == last.ms => {
            StreamId::new(last.ms, last.seq.checked_add(1)?)
        }
        Some(given) => given.id,
    };
    (id > last).then_some(id)
}

/// Logs `XADD` with the ID the entry got and as exact a trim as it came to.
fn log_addition(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    addition: &Addition,
    id: StreamId,
    rewritten: Option<&str>,
) {
    let has_id = addition.id.is_some_and(|given| !given.any_seq);
    if has_id && rewritten.is_none() {
        return ctx.log_verbatim();
    }
    let id = id.to_string();
    let mut words: Vec<&[u8]> = args.iter().collect();
    words[addition.id_at] = id.as_bytes();
    if let (Some(trim), Some(threshold)) = (addition.trim, rewritten) {
        words[trim.threshold_at - 1] = b"=";
        words[trim.threshold_at] = threshold.as_bytes();
    }
    ctx.log(&words);
}

/// Tells of a change.
pub(super) fn changed(ctx: &mut Ctx<'_>, key: &[u8], event: &'static str) {
    ctx.events.modified(ctx.db, key);
    ctx.notify(NotifyClasses::STREAM, event, key);
}

/// `XLEN key`
pub(crate) fn xlen(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_stream(&args[1], |stream, reply| {
        reply.integer(stream.map_or(0, |stream| stream.len() as i64));
    });
}

/// `XRANGE key start end [COUNT count]`
pub(crate) fn xrange(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, false);
}

/// `XREVRANGE key end start [COUNT count]`
pub(crate) fn xrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, true);
}

fn range(ctx: &mut Ctx<'_>, args: &Args<'_>, backwards: bool) {
    let (start, end) = if backwards { (3, 2) } else { (2, 3) };
    let Some(bounds) = bounds(ctx, &args[start], &args[end]) else { return };
    let mut max = None;
    for index in (4..args.len()).step_by(2) {
        if !is_word(args, index, "COUNT") || index + 1 >= args.len() {
            return ctx.reply.error(SYNTAX);
        }
        let Some(count) = integer(ctx, &args[index + 1]) else { return };
        // -1 is what Redis has for no count at all, but a client's is taken for none.
        max = Some(usize::try_from(count).unwrap_or(0));
    }
    ctx.read_stream(&args[1], |stream, reply| match (stream, max) {
        (None, _) => reply.array(0),
        (_, Some(0)) => reply.null_array(),
        (Some(stream), max) => {
            reply_range(stream, bounds, backwards, max.unwrap_or(usize::MAX), reply);
        }
    });
}

/// `XDEL key id [id ...]`
pub(crate) fn xdel(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let hash = ctx.prepare(key);
    let deleted = ctx.change_stream(hash, key, |stream, _| {
        let ids: Option<Vec<_>> = args.from(2).iter().map(|id| StreamId::parse(id, 0)).collect();
        ids.map(|ids| ids.into_iter().filter(|&id| stream.delete(id)).count())
    });
    match deleted {
        Changed::Missing => ctx.reply.integer(0),
        Changed::WrongType => {}
        Changed::There { result: None, .. } => ctx.reply.error(INVALID_ID),
        Changed::There { result: Some(deleted), .. } => {
            if deleted > 0 {
                ctx.log_verbatim();
                ctx.effects.set_changes(deleted as u64);
                changed(ctx, key, "xdel");
            }
            ctx.reply.integer(deleted as i64);
        }
    }
}
