//! Taking pending entries over from other consumers: `XCLAIM` and `XAUTOCLAIM`.

use super::stream::{INVALID_ID, bound, reply_entry, reply_id};
use super::stream_group::{change_or, joined, log_claim, log_consumer, log_last, no_group, tell};
use super::{SYNTAX, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::keyspace::types::{COUNTER_MAX, Group, Pending, Stream, StreamId};
use crate::resp::{Args, Reply};

/// Entries that `XAUTOCLAIM` takes over unless told otherwise.
const COUNT_DEFAULT: usize = 100;
/// As many entries are looked at for each that is to be taken over.
const ATTEMPTS_FACTOR: usize = 10;
const COUNT_MAX: i64 = i64::MAX / 16;

/// How entries are taken over.
#[derive(Clone, Copy, Debug)]
struct Claim {
    min_idle_ms: u64,
    /// When they count as delivered.
    delivered_ms: u64,
    now_ms: u64,
    deliveries: Option<u64>,
    /// Entries that are not pending become so.
    force: bool,
    only_ids: bool,
    last: StreamId,
}

/// What became of the claims.
#[derive(Debug, Default)]
struct Claimed {
    new_consumer: bool,
    /// What is pending otherwise than before, with whose it is.
    changes: Vec<(Pending, Box<[u8]>)>,
    last: StreamId,
    entries_read: Option<u64>,
    last_moved: bool,
}

/// The number of a consumer, which is made if there is none.
fn consumer_of(group: &mut Group, name: &[u8], now_ms: u64, claimed: &mut Claimed) -> u32 {
    let number = group.number(name);
    claimed.new_consumer = number.is_none();
    let number = number.unwrap_or_else(|| group.add_consumer(name, now_ms));
    if let Some(consumer) = group.consumer_mut(number) {
        consumer.seen_ms = now_ms;
    }
    number
}

/// Takes away a pending entry that the stream does not have any more.
fn drop_pending(group: &mut Group, pending: Pending, claimed: &mut Claimed) {
    let owner = group.consumer(pending.consumer).map(|consumer| consumer.name.clone());
    claimed.changes.push((pending, owner.unwrap_or_default()));
    group.remove_pending(pending.id);
}

/// Makes an entry pending for a consumer.
fn take(
    group: &mut Group,
    pending: Pending,
    (number, name): (u32, &[u8]),
    now_ms: u64,
    claimed: &mut Claimed,
) {
    let pending = Pending { consumer: number, ..pending };
    group.set_pending(pending);
    if let Some(consumer) = group.consumer_mut(number) {
        consumer.active_ms = Some(now_ms);
    }
    claimed.changes.push((pending, name.into()));
}

fn log_claimed(ctx: &mut Ctx<'_>, key: &[u8], name: &[u8], consumer: &[u8], claimed: &Claimed) {
    if claimed.new_consumer {
        log_consumer(ctx, key, name, consumer);
        tell(ctx, key, "xgroup-createconsumer");
    }
    for (pending, owner) in &claimed.changes {
        log_claim(ctx, (key, name, owner), *pending, claimed.last);
    }
    if claimed.last_moved && claimed.changes.is_empty() {
        log_last(ctx, (key, name), claimed.last, claimed.entries_read);
    }
}

/// `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME unix-time-milliseconds]
/// [RETRYCOUNT count] [FORCE] [JUSTID] [LASTID lastid]`
pub(crate) fn xclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name, consumer, now_ms) = (&args[1], &args[2], &args[3], ctx.now_ms);
    let claimed = change_or(ctx, key, &no_group(key, name), |stream, reply| {
        if stream.group(name).is_none() {
            return Err(no_group(key, name));
        }
        let (ids, claim) = parse_claim(args, now_ms)?;
        Ok(claim_ids(stream, name, consumer, &ids, &claim, reply))
    });
    if let Some(claimed) = claimed {
        log_claimed(ctx, key, name, consumer, &claimed);
    }
}

fn min_idle(text: &[u8], command: &str) -> Result<u64, Vec<u8>> {
    let number = parse_i64(text)
        .ok_or_else(|| format!("ERR Invalid min-idle-time argument for {command}").into_bytes())?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// The IDs and the options behind them.
fn parse_claim(args: &Args<'_>, now_ms: u64) -> Result<(Vec<StreamId>, Claim), Vec<u8>> {
    let min_idle_ms = min_idle(&args[4], "XCLAIM")?;
    let ids: Vec<StreamId> =
        args.from(5).iter().map_while(|text| StreamId::parse(text, 0)).collect();
    let mut claim = Claim {
        min_idle_ms,
        delivered_ms: now_ms,
        now_ms,
        deliveries: None,
        force: false,
        only_ids: false,
        last: StreamId::ZERO,
    };
    let mut index = 5 + ids.len();
    while index < args.len() {
        let value = args.get(index + 1);
        let number = |option: &str| {
            let error = || format!("ERR Invalid {option} option argument for XCLAIM").into_bytes();
            parse_i64(value.unwrap_or_default()).ok_or_else(error)
        };
        // A time that makes no sense is now.
        let sane = |ms: i64| u64::try_from(ms).ok().filter(|&ms| ms <= now_ms).unwrap_or(now_ms);
        if is_word(args, index, "FORCE") {
            claim.force = true;
            index += 1;
            continue;
        } else if is_word(args, index, "JUSTID") {
            claim.only_ids = true;
            index += 1;
            continue;
        } else if value.is_some() && is_word(args, index, "IDLE") {
            claim.delivered_ms = sane((now_ms as i64).wrapping_sub(number("IDLE")?));
        } else if value.is_some() && is_word(args, index, "TIME") {
            claim.delivered_ms = sane(number("TIME")?);
        } else if value.is_some() && is_word(args, index, "RETRYCOUNT") {
            claim.deliveries = u64::try_from(number("RETRYCOUNT")?).ok();
        } else if value.is_some() && is_word(args, index, "LASTID") {
            claim.last = StreamId::parse(value.unwrap_or_default(), 0).ok_or(INVALID_ID)?;
        } else {
            return Err(joined(&[b"ERR Unrecognized XCLAIM option '", &args[index], b"'"]));
        }
        index += 2;
    }
    Ok((ids, claim))
}

fn claim_ids(
    stream: &mut Stream,
    name: &[u8],
    consumer: &[u8],
    ids: &[StreamId],
    claim: &Claim,
    reply: &mut Reply,
) -> Claimed {
    let mut claimed = Claimed::default();
    let there: Vec<bool> = ids.iter().map(|&id| stream.get(id).is_some()).collect();
    let told = stream.change_group(name, |group| {
        claimed.last_moved = claim.last > group.last;
        group.last = group.last.max(claim.last);
        (claimed.last, claimed.entries_read) = (group.last, group.entries_read);
        let number = consumer_of(group, consumer, claim.now_ms, &mut claimed);
        let mut told = Vec::new();
        for (&id, is_there) in ids.iter().zip(there) {
            let before = group.pending().get(id);
            let Some(pending) = claimed_of(group, (id, is_there), before, claim, &mut claimed)
            else {
                continue;
            };
            take(group, pending, (number, consumer), claim.now_ms, &mut claimed);
            told.push(id);
        }
        told
    });
    reply_told(stream, &told.unwrap_or_default(), claim.only_ids, reply);
    claimed
}

/// What is pending after a claim of `id`, if the claim is heeded.
fn claimed_of(
    group: &mut Group,
    (id, is_there): (StreamId, bool),
    before: Option<Pending>,
    claim: &Claim,
    claimed: &mut Claimed,
) -> Option<Pending> {
    if !is_there {
        if let Some(before) = before {
            drop_pending(group, before, claimed);
        }
        return None;
    }
    let is_young = |before: Pending| {
        let idle = (claim.now_ms as i64).wrapping_sub(before.delivered_ms as i64);
        claim.min_idle_ms != 0 && idle < claim.min_idle_ms as i64
    };
    if before.is_some_and(is_young) || before.is_none() && !claim.force {
        return None;
    }
    let deliveries = before.map_or(1, |before| before.deliveries);
    let more = u64::from(!claim.only_ids);
    let deliveries = claim.deliveries.unwrap_or(deliveries.saturating_add(more).min(COUNTER_MAX));
    Some(Pending { id, delivered_ms: claim.delivered_ms, deliveries, consumer: 0 })
}

fn reply_told(stream: &Stream, ids: &[StreamId], only_ids: bool, reply: &mut Reply) {
    reply.array(ids.len());
    for &id in ids {
        match stream.get(id).filter(|_| !only_ids) {
            Some(entry) => reply_entry(entry, reply),
            None => reply_id(id, reply),
        }
    }
}

/// What `XAUTOCLAIM` is told.
struct Search {
    min_idle_ms: u64,
    start: StreamId,
    count: usize,
    only_ids: bool,
}

fn parse_search(args: &Args<'_>) -> Result<Search, Vec<u8>> {
    let min_idle_ms = min_idle(&args[4], "XAUTOCLAIM")?;
    let (start, without) = bound(&args[5], 0).ok_or(INVALID_ID)?;
    let start = if without { start.next() } else { Some(start) };
    let start = start.ok_or("ERR invalid start ID for the interval")?;
    let mut search = Search { min_idle_ms, start, count: COUNT_DEFAULT, only_ids: false };
    let mut index = 6;
    while index < args.len() {
        if is_word(args, index, "COUNT") && index + 1 < args.len() {
            let count = parse_i64(&args[index + 1]).filter(|count| (1..=COUNT_MAX).contains(count));
            let count = count.and_then(|count| usize::try_from(count).ok());
            search.count = count.ok_or("ERR COUNT must be > 0")?;
            index += 1;
        } else if is_word(args, index, "JUSTID") {
            search.only_ids = true;
        } else {
            return Err(SYNTAX.into());
        }
        index += 1;
    }
    Ok(search)
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`
pub(crate) fn xautoclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let search = match parse_search(args) {
        Ok(search) => search,
        Err(text) => return ctx.reply.error(text),
    };
    let (key, name, consumer, now_ms) = (&args[1], &args[2], &args[3], ctx.now_ms);
    let claimed = change_or(ctx, key, &no_group(key, name), |stream, reply| {
        if stream.group(name).is_none() {
            return Err(no_group(key, name));
        }
        Ok(claim_idle(stream, name, consumer, &search, now_ms, reply))
    });
    if let Some(claimed) = claimed {
        log_claimed(ctx, key, name, consumer, &claimed);
    }
}

fn claim_idle(
    stream: &mut Stream,
    name: &[u8],
    consumer: &[u8],
    search: &Search,
    now_ms: u64,
    reply: &mut Reply,
) -> Claimed {
    let mut claimed = Claimed::default();
    let (found, next) = found_idle(stream, name, search, now_ms);
    let (mut told, mut gone) = (Vec::new(), Vec::new());
    stream.change_group(name, |group| {
        (claimed.last, claimed.entries_read) = (group.last, group.entries_read);
        let number = consumer_of(group, consumer, now_ms, &mut claimed);
        for (pending, is_there) in found {
            if !is_there {
                drop_pending(group, pending, &mut claimed);
                gone.push(pending.id);
                continue;
            }
            let more = u64::from(!search.only_ids);
            let deliveries = pending.deliveries.saturating_add(more).min(COUNTER_MAX);
            let pending = Pending { delivered_ms: now_ms, deliveries, ..pending };
            take(group, pending, (number, consumer), now_ms, &mut claimed);
            told.push(pending.id);
        }
    });
    reply.array(3);
    reply_id(next, reply);
    reply_told(stream, &told, search.only_ids, reply);
    reply_told(stream, &gone, true, reply);
    claimed
}

/// The pending entries to be taken over, or dropped because they are not there any more; and where the
/// next search has to begin.
fn found_idle(
    stream: &Stream,
    name: &[u8],
    search: &Search,
    now_ms: u64,
) -> (Vec<(Pending, bool)>, StreamId) {
    let Some(group) = stream.group(name) else { return (Vec::new(), StreamId::ZERO) };
    let mut found = Vec::new();
    let mut all = group.pending().from(search.start);
    for _ in 0..search.count.saturating_mul(ATTEMPTS_FACTOR) {
        if found.len() == search.count {
            break;
        }
        let Some(pending) = all.next() else { break };
        let is_there = stream.get(pending.id).is_some();
        let idle = (now_ms as i64).wrapping_sub(pending.delivered_ms as i64);
        if !is_there || search.min_idle_ms == 0 || idle >= search.min_idle_ms as i64 {
            found.push((pending, is_there));
        }
    }
    let next = all.next().map_or(StreamId::ZERO, |pending| pending.id);
    (found, next)
}
