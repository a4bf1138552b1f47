//! Reading as a consumer of a group: `XREADGROUP`.

use super::stream::{INVALID_ID, reply_entry, reply_id};
use super::stream_group::{change_or, joined, log_claim, log_consumer, log_last, tell};
use super::stream_read::{Reading, parse_reading};
use super::wait::wait;
use crate::command::ctx::Ctx;
use crate::keyspace::types::{COUNTER_MAX, Group, Pending, Stream, StreamId};
use crate::resp::{Args, Protocol, Reply};

/// What is read of one stream.
#[derive(Clone, Copy, Debug)]
enum From {
    /// `>`: what nobody was given.
    New,
    /// What this consumer was given after an ID and did not acknowledge.
    After(StreamId),
}

/// What became of one stream.
#[derive(Debug, Default)]
struct Read {
    /// Something was answered.
    answered: bool,
    /// The consumer is new.
    new_consumer: bool,
    /// What is pending for the consumer now.
    pending: Vec<Pending>,
    /// The group's last entry, and what was read of the stream.
    last: StreamId,
    entries_read: Option<u64>,
    /// These have changed.
    last_moved: bool,
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...]
/// id [id ...]`
pub(crate) fn xreadgroup(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(reading) = parse_reading(ctx, args, true) else { return };
    let Some((name, consumer)) = reading.group else { return };
    let mut froms = Vec::new();
    for index in reading.first..reading.first + reading.streams {
        match parse_from(ctx, &args[index], name, &args[index + reading.streams]) {
            Some(from) => froms.push((index, from)),
            None => return,
        }
    }
    let mut body = Reply::new(ctx.reply.protocol);
    let mut answered = 0;
    for (index, from) in froms {
        let key = &args[index];
        let now_ms = ctx.now_ms;
        let read = change_or(ctx, key, &no_group(key, name), |stream, _| {
            Ok(read_one(stream, key, &reading, from, now_ms, &mut body))
        });
        let Some(read) = read else { return };
        answered += usize::from(read.answered);
        log_read(ctx, (key, name, consumer), &reading, &read);
    }
    match (answered, ctx.reply.protocol) {
        (0, _) => {
            return match reading.wanted(args, None) {
                Some(wanted) => wait(ctx, wanted),
                None => ctx.reply.null_array(),
            };
        }
        (_, Protocol::Resp3) => ctx.reply.map(answered),
        (_, Protocol::Resp2) => ctx.reply.array(answered),
    }
    ctx.reply.raw(&body.buffer);
}

fn no_group(key: &[u8], group: &[u8]) -> Vec<u8> {
    joined(&[
        b"NOGROUP No such key '",
        key,
        b"' or consumer group '",
        group,
        b"' in XREADGROUP with GROUP option",
    ])
}

/// Checks that there is the group and reads the ID, or answers what is wrong.
fn parse_from(ctx: &mut Ctx<'_>, key: &[u8], name: &[u8], text: &[u8]) -> Option<From> {
    let has_group =
        ctx.read_stream(key, |stream, _| stream.is_some_and(|s| s.group(name).is_some()))?;
    if !has_group {
        ctx.reply.error(no_group(key, name));
        return None;
    }
    match text {
        b">" => Some(From::New),
        b"$" => {
            ctx.reply.error(
                "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the \
                 history of this consumer by specifying a proper ID, or use the > ID to get new \
                 messages. The $ ID would just return an empty result set.",
            );
            None
        }
        text => {
            let id = StreamId::parse(text, 0);
            if id.is_none() {
                ctx.reply.error(INVALID_ID);
            }
            // The largest ID is what Redis has for `>`.
            id.map(|id| if id == StreamId::MAX { From::New } else { From::After(id) })
        }
    }
}

fn read_one(
    stream: &mut Stream,
    key: &[u8],
    reading: &Reading<'_>,
    from: From,
    now_ms: u64,
    body: &mut Reply,
) -> Read {
    let Some((name, consumer)) = reading.group else { return Read::default() };
    let mut read = Read::default();
    let seen = stream.change_group(name, |group| {
        read.new_consumer = group.number(consumer).is_none();
        let number = group.number(consumer);
        let number = number.unwrap_or_else(|| group.add_consumer(consumer, now_ms));
        if let Some(consumer) = group.consumer_mut(number) {
            consumer.seen_ms = now_ms;
        }
        (number, group.last, group.entries_read)
    });
    let Some((number, last, entries_read)) = seen else { return read };
    (read.last, read.entries_read) = (last, entries_read);
    match from {
        From::New => {
            if stream.last_entry().is_some_and(|newest| newest > last) {
                begin(&mut read, key, body);
                read_new(stream, &mut read, reading.max, number, now_ms, body);
            }
        }
        From::After(id) => {
            begin(&mut read, key, body);
            if let Some(group) = stream.group(name) {
                read_history(stream, group, &mut read, (id, reading.max, number), now_ms, body);
            }
        }
    }
    stream.change_group(name, |group| {
        if read.last_moved
            && let Some(consumer) = group.consumer_mut(number)
        {
            consumer.active_ms = Some(now_ms);
        }
        (group.last, group.entries_read) = (read.last, read.entries_read);
        if !reading.no_ack || matches!(from, From::After(_)) {
            read.pending.iter().for_each(|&pending| group.set_pending(pending));
        }
    });
    read
}

fn begin(read: &mut Read, key: &[u8], body: &mut Reply) {
    read.answered = true;
    if body.protocol == Protocol::Resp2 {
        body.array(2);
    }
    body.bulk(key);
}

/// Tells what is behind the group's last entry.
fn read_new(
    stream: &Stream,
    read: &mut Read,
    max: usize,
    consumer: u32,
    now_ms: u64,
    body: &mut Reply,
) {
    let start = read.last.next().unwrap_or(StreamId::MAX);
    let len = stream.count(start, StreamId::MAX).min(max);
    body.array(len);
    for entry in stream.range(start, StreamId::MAX).take(len) {
        let id = entry.id;
        read.entries_read = match read.entries_read {
            Some(count) if !stream.has_gap_from(id) => {
                Some(count.saturating_add(1).min(COUNTER_MAX))
            }
            unknown if stream.added == 0 => unknown,
            _ => stream.entries_up_to(id),
        };
        (read.last, read.last_moved) = (id, true);
        read.pending.push(Pending { id, delivered_ms: now_ms, deliveries: 1, consumer });
        reply_entry(entry, body);
    }
}

/// Tells what is pending for a consumer; an entry that is not there any more without fields.
fn read_history(
    stream: &Stream,
    group: &Group,
    read: &mut Read,
    (after, max, number): (StreamId, usize, u32),
    now_ms: u64,
    body: &mut Reply,
) {
    let ids: Vec<StreamId> = match (group.consumer(number), after.next()) {
        (Some(consumer), Some(start)) => consumer.pending.from(start).take(max).collect(),
        _ => Vec::new(),
    };
    body.array(ids.len());
    for id in ids {
        match (stream.get(id), group.pending().get(id)) {
            (Some(entry), Some(pending)) => {
                reply_entry(entry, body);
                let deliveries = pending.deliveries.saturating_add(1).min(COUNTER_MAX);
                read.pending.push(Pending { delivered_ms: now_ms, deliveries, ..pending });
            }
            _ => {
                body.array(2);
                reply_id(id, body);
                body.null_array();
            }
        }
    }
}

/// Logs what reading changed: a consumer, who has what, and what the group has been given.
fn log_read(
    ctx: &mut Ctx<'_>,
    (key, name, consumer): (&[u8], &[u8], &[u8]),
    reading: &Reading<'_>,
    read: &Read,
) {
    if read.new_consumer {
        log_consumer(ctx, key, name, consumer);
        tell(ctx, key, "xgroup-createconsumer");
    }
    let is_history = !read.last_moved;
    if !reading.no_ack || is_history {
        for &pending in &read.pending {
            log_claim(ctx, (key, name, consumer), pending, read.last);
        }
    }
    if read.last_moved {
        log_last(ctx, (key, name), read.last, read.entries_read);
    }
}
