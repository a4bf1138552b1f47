//! What there is to tell of a stream and its groups: `XINFO`.

use super::stream::{reply_entry, reply_id, reply_range};
use super::stream_group::{no_such_group, subcommand_error};
use super::{NOT_AN_INTEGER, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::keyspace::types::{Consumer, Group, Stream, StreamId};
use crate::resp::{Args, Reply};

const NO_KEY: &str = "ERR no such key";
/// Entries told by `FULL` unless it says how many.
const COUNT_DEFAULT: usize = 10;

/// Writes a number, or that it is not known.
fn reply_known(number: Option<i64>, reply: &mut Reply) {
    match number {
        Some(number) => reply.integer(number),
        None => reply.null(),
    }
}

/// How much of a stream is told: `None` for little, otherwise how many entries.
fn parse_full(args: &Args<'_>) -> Result<Option<usize>, Vec<u8>> {
    let count = match args.len() {
        3 => return Ok(None),
        4 if is_word(args, 3, "FULL") => return Ok(Some(COUNT_DEFAULT)),
        6 if is_word(args, 3, "FULL") && is_word(args, 4, "COUNT") => &args[5],
        _ => return Err(subcommand_error(args)),
    };
    let count = parse_i64(count).ok_or(NOT_AN_INTEGER)?;
    Ok(Some(match usize::try_from(count) {
        Err(_) => COUNT_DEFAULT,
        Ok(0) => usize::MAX,
        Ok(count) => count,
    }))
}

/// `XINFO STREAM key [FULL [COUNT count]]`
pub(crate) fn xinfo_stream(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let full = parse_full(args);
    ctx.read_stream(&args[2], |stream, reply| match (stream, full) {
        (None, _) => reply.error(NO_KEY),
        (_, Err(text)) => reply.error(text),
        (Some(stream), Ok(None)) => reply_stream(stream, reply),
        (Some(stream), Ok(Some(max))) => reply_full(stream, max, reply),
    });
}

/// What is told of every stream, in 7 pairs.
fn reply_counters(stream: &Stream, reply: &mut Reply) {
    let number = |name: &str, number: usize, reply: &mut Reply| {
        reply.bulk(name.as_bytes());
        reply.integer(number as i64);
    };
    number("length", stream.len(), reply);
    number("radix-tree-keys", stream.node_count(), reply);
    number("radix-tree-nodes", stream.node_count() + stream.height(), reply);
    reply.bulk(b"last-generated-id");
    reply_id(stream.last, reply);
    reply.bulk(b"max-deleted-entry-id");
    reply_id(stream.max_deleted, reply);
    number("entries-added", stream.added as usize, reply);
    reply.bulk(b"recorded-first-entry-id");
    reply_id(stream.first_id(), reply);
}

fn reply_stream(stream: &Stream, reply: &mut Reply) {
    reply.map(10);
    reply_counters(stream, reply);
    reply.bulk(b"groups");
    reply.integer(stream.groups().len() as i64);
    let first = stream.range(StreamId::ZERO, StreamId::MAX).next();
    let last = stream.range_back(StreamId::ZERO, StreamId::MAX).next();
    for (name, entry) in [("first-entry", first), ("last-entry", last)] {
        reply.bulk(name.as_bytes());
        match entry {
            Some(entry) => reply_entry(entry, reply),
            None => reply.null(),
        }
    }
}

fn reply_full(stream: &Stream, max: usize, reply: &mut Reply) {
    reply.map(9);
    reply_counters(stream, reply);
    reply.bulk(b"entries");
    reply_range(stream, (StreamId::ZERO, StreamId::MAX), false, max, reply);
    reply.bulk(b"groups");
    reply.array(stream.groups().len());
    for (name, group) in stream.groups() {
        reply.map(7);
        reply.bulk(b"name");
        reply.bulk(name);
        reply_progress(stream, group, reply);
        reply.bulk(b"pel-count");
        reply.integer(group.pending().len() as i64);
        reply.bulk(b"pending");
        reply.array(group.pending().len().min(max));
        for pending in group.pending().iter().take(max) {
            reply.array(4);
            reply_id(pending.id, reply);
            reply.bulk(group.consumer(pending.consumer).map_or(b"", |consumer| &consumer.name));
            reply.integer(pending.delivered_ms as i64);
            reply.integer(pending.deliveries as i64);
        }
        reply.bulk(b"consumers");
        reply.array(group.consumers_len());
        for (_, consumer) in group.consumers() {
            reply_consumer(group, consumer, max, reply);
        }
    }
}

/// How far a group has got, in 3 pairs.
fn reply_progress(stream: &Stream, group: &Group, reply: &mut Reply) {
    reply.bulk(b"last-delivered-id");
    reply_id(group.last, reply);
    reply.bulk(b"entries-read");
    reply_known(group.entries_read.map(|read| read as i64), reply);
    reply.bulk(b"lag");
    reply_known(stream.lag(group), reply);
}

fn reply_consumer(group: &Group, consumer: &Consumer, max: usize, reply: &mut Reply) {
    reply.map(5);
    reply.bulk(b"name");
    reply.bulk(&consumer.name);
    reply.bulk(b"seen-time");
    reply.integer(consumer.seen_ms as i64);
    reply.bulk(b"active-time");
    reply.integer(consumer.active_ms.map_or(-1, |ms| ms as i64));
    reply.bulk(b"pel-count");
    reply.integer(consumer.pending.len() as i64);
    reply.bulk(b"pending");
    reply.array(consumer.pending.len().min(max));
    for id in consumer.pending.iter().take(max) {
        let pending = group.pending().get(id);
        reply.array(3);
        reply_id(id, reply);
        reply.integer(pending.map_or(0, |pending| pending.delivered_ms as i64));
        reply.integer(pending.map_or(0, |pending| pending.deliveries as i64));
    }
}

/// `XINFO GROUPS key`
pub(crate) fn xinfo_groups(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_stream(&args[2], |stream, reply| {
        let Some(stream) = stream else { return reply.error(NO_KEY) };
        reply.array(stream.groups().len());
        for (name, group) in stream.groups() {
            reply.map(6);
            reply.bulk(b"name");
            reply.bulk(name);
            reply.bulk(b"consumers");
            reply.integer(group.consumers_len() as i64);
            reply.bulk(b"pending");
            reply.integer(group.pending().len() as i64);
            reply_progress(stream, group, reply);
        }
    });
}

/// `XINFO CONSUMERS key group`
pub(crate) fn xinfo_consumers(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name, now_ms) = (&args[2], &args[3], ctx.now_ms);
    ctx.read_stream(key, |stream, reply| {
        let Some(stream) = stream else { return reply.error(NO_KEY) };
        let Some(group) = stream.group(name) else {
            return reply.error(no_such_group(key, name));
        };
        let since = |ms: u64| now_ms.saturating_sub(ms) as i64;
        reply.array(group.consumers_len());
        for (_, consumer) in group.consumers() {
            reply.map(4);
            reply.bulk(b"name");
            reply.bulk(&consumer.name);
            reply.bulk(b"pending");
            reply.integer(consumer.pending.len() as i64);
            reply.bulk(b"idle");
            reply.integer(since(consumer.seen_ms));
            reply.bulk(b"inactive");
            reply.integer(consumer.active_ms.map_or(-1, since));
        }
    });
}
