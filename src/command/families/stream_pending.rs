//! What is pending in a group: `XPENDING`.

use super::stream::{bounds, reply_id};
use super::stream_group::no_group;
use super::{SYNTAX, integer, is_word};
use crate::command::ctx::Ctx;
use crate::keyspace::types::{Group, Pending, StreamId};
use crate::resp::{Args, Reply};

/// Which entries are asked for.
struct Query<'a> {
    min_idle_ms: i64,
    start: StreamId,
    end: StreamId,
    max: usize,
    consumer: Option<&'a [u8]>,
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`
pub(crate) fn xpending(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let query = match args.len() {
        3 => None,
        6..=9 => match parse_query(ctx, args) {
            None => return,
            query => query,
        },
        _ => return ctx.reply.error(SYNTAX),
    };
    let (key, name, now_ms) = (&args[1], &args[2], ctx.now_ms);
    ctx.read_stream(key, |stream, reply| {
        match (stream.and_then(|stream| stream.group(name)), query) {
            (None, _) => reply.error(no_group(key, name)),
            (Some(group), None) => reply_summary(group, reply),
            (Some(group), Some(query)) => reply_pending(group, &query, now_ms, reply),
        }
    });
}

fn parse_query<'a>(ctx: &mut Ctx<'_>, args: &Args<'a>) -> Option<Query<'a>> {
    let (mut first, mut min_idle_ms) = (3, 0);
    if is_word(args, 3, "IDLE") {
        min_idle_ms = integer(ctx, &args[4])?;
        if args.len() < 8 {
            ctx.reply.error(SYNTAX);
            return None;
        }
        first = 5;
    }
    let count = integer(ctx, &args[first + 2])?;
    let (start, end) = bounds(ctx, &args[first], &args[first + 1])?;
    let max = usize::try_from(count).unwrap_or(0);
    Some(Query { min_idle_ms, start, end, max, consumer: args.get(first + 3) })
}

fn reply_summary(group: &Group, reply: &mut Reply) {
    let pending = group.pending();
    reply.array(4);
    reply.integer(pending.len() as i64);
    let (Some(first), Some(last)) = (pending.first(), pending.last()) else {
        reply.null();
        reply.null();
        return reply.null_array();
    };
    reply_id(first.id, reply);
    reply_id(last.id, reply);
    let busy = || group.consumers().filter(|(_, consumer)| !consumer.pending.is_empty());
    reply.array(busy().count());
    for (_, consumer) in busy() {
        reply.array(2);
        reply.bulk(&consumer.name);
        reply.bulk_integer(consumer.pending.len() as i64);
    }
}

fn reply_pending(group: &Group, query: &Query<'_>, now_ms: u64, reply: &mut Reply) {
    let is_wanted = |pending: &Pending| {
        let idle = (now_ms as i64).wrapping_sub(pending.delivered_ms as i64);
        query.min_idle_ms == 0 || idle >= query.min_idle_ms
    };
    let found: Vec<Pending> = match query.consumer.map(|name| group.number(name)) {
        Some(None) => Vec::new(),
        Some(Some(number)) => {
            let ids = group.consumer(number).map(|consumer| consumer.pending.from(query.start));
            ids.into_iter()
                .flatten()
                .take_while(|&id| id <= query.end)
                .filter_map(|id| group.pending().get(id))
                .filter(is_wanted)
                .take(query.max)
                .collect()
        }
        None => {
            let all = group.pending().from(query.start);
            all.take_while(|pending| pending.id <= query.end)
                .filter(is_wanted)
                .take(query.max)
                .collect()
        }
    };
    reply.array(found.len());
    for pending in found {
        reply.array(4);
        reply_id(pending.id, reply);
        reply.bulk(group.consumer(pending.consumer).map_or(b"", |consumer| &consumer.name));
        reply.integer(now_ms.saturating_sub(pending.delivered_ms) as i64);
        reply.integer(pending.deliveries as i64);
    }
}
