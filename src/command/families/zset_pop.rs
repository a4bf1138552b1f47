//! Taking members off the ends of sorted sets, and looking at random ones.

use std::collections::HashSet;

use super::zset::{changed, reply_member, reply_score};
use super::zset_range::{reply_head, reply_pair};
use super::{SYNTAX, integer, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::typed::Changed;
use crate::keyspace::types::{Zset, ZsetRef};
use crate::resp::{Args, Protocol, Reply};

const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
const OUT_OF_RANGE: &str = "ERR value is out of range";
const NO_NUMBER_OF_KEYS: &str = "ERR numkeys should be greater than 0";
const NO_COUNT: &str = "ERR count should be greater than 0";
/// Members that one command tells at most where the same may come again: the set does not bound them.
const REPEATED_MAX: usize = 1 << 23;
/// Above this part of a sorted set its members are gone through, instead of drawn until there are enough
/// different ones.
const DRAWN_DIVISOR: usize = 3;

/// An end of a sorted set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Where the lowest scores are.
    Min,
    /// Where the highest ones are.
    Max,
}

impl Side {
    /// The event of popping there, which is the command's name too.
    pub(super) fn event(self) -> &'static str {
        match self {
            Self::Min => "zpopmin",
            Self::Max => "zpopmax",
        }
    }
}

/// Pops up to `count` pairs into the reply, each as an array of its own if `nested`.
fn pop_into(reply: &mut Reply, zset: &mut Zset, side: Side, count: usize, nested: bool) -> usize {
    let count = count.min(zset.as_ref().len());
    reply.array(if nested { count } else { count * 2 });
    pop_pairs(reply, zset, side, count, nested)
}

/// Pops up to `count` pairs as elements of a reply; returns how many.
pub(super) fn pop_pairs(
    reply: &mut Reply,
    zset: &mut Zset,
    side: Side,
    count: usize,
    nested: bool,
) -> usize {
    let len = zset.as_ref().len();
    let count = count.min(len);
    let range = match side {
        Side::Min => 0..count,
        Side::Max => len - count..len,
    };
    for (member, score) in zset.as_ref().walk(range.clone(), side == Side::Max) {
        if nested {
            reply.array(2);
        }
        reply_member(member, reply);
        reply_score(score, reply);
    }
    zset.remove_range(range);
    count
}

fn pop(ctx: &mut Ctx<'_>, args: &Args<'_>, side: Side) {
    if args.len() > 3 {
        return ctx.reply.error(SYNTAX);
    }
    let count = match args.get(2) {
        None => None,
        Some(text) => match parse_i64(text).and_then(|count| usize::try_from(count).ok()) {
            Some(count) => Some(count),
            None => return ctx.reply.error(NOT_POSITIVE),
        },
    };
    let key = &args[1];
    let hash = ctx.prepare(key);
    let nested = count.is_some() && ctx.reply.protocol == Protocol::Resp3;
    let mut reply = ctx.reply.lend();
    let popped = ctx.change_zset(hash, key, |zset, _| {
        pop_into(&mut reply, zset, side, count.unwrap_or(1), nested)
    });
    ctx.reply.take_back(reply);
    match popped {
        Changed::Missing => ctx.reply.array(0),
        Changed::WrongType | Changed::There { result: 0, .. } => {}
        Changed::There { result, emptied } => {
            ctx.log_verbatim();
            ctx.effects.set_changes(result as u64);
            changed(ctx, side.event(), key, emptied);
        }
    }
}

/// `ZPOPMIN key [count]`
pub(crate) fn zpopmin(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, Side::Min);
}

/// `ZPOPMAX key [count]`
pub(crate) fn zpopmax(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    pop(ctx, args, Side::Max);
}

/// Reads a number of at least 1.
fn positive(text: &[u8]) -> Option<usize> {
    parse_i64(text).and_then(|number| usize::try_from(number).ok()).filter(|&number| number > 0)
}

/// What `ZMPOP` pops.
pub(super) struct MultiPop {
    /// Number of keys.
    pub keys: usize,
    side: Side,
    count: usize,
}

/// Reads the arguments of `ZMPOP`; `Err` is the error's text.
pub(super) fn parse_mpop(args: &Args<'_>) -> Result<MultiPop, &'static str> {
    let keys = positive(&args[1]).ok_or(NO_NUMBER_OF_KEYS)?;
    let at = keys.checked_add(2).filter(|&at| at < args.len()).ok_or(SYNTAX)?;
    let side = if is_word(args, at, "MIN") {
        Side::Min
    } else if is_word(args, at, "MAX") {
        Side::Max
    } else {
        return Err(SYNTAX);
    };
    let count = match args.get(at + 2) {
        None if args.len() == at + 1 => 1,
        Some(text) if is_word(args, at + 1, "COUNT") => {
            let count = positive(text).ok_or(NO_COUNT)?;
            if args.len() > at + 3 {
                return Err(SYNTAX);
            }
            count
        }
        _ => return Err(SYNTAX),
    };
    Ok(MultiPop { keys, side, count })
}

/// `ZMPOP numkeys key [key ...] MIN|MAX [COUNT count]`
pub(crate) fn zmpop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    match parse_mpop(args) {
        Ok(pops) => {
            if !pop_first(ctx, args, &pops) {
                ctx.reply.null_array();
            }
        }
        Err(text) => ctx.reply.error(text),
    }
}

/// Pops from the first key of `ZMPOP`'s arguments that there is; whether it answered.
pub(super) fn pop_first(ctx: &mut Ctx<'_>, args: &Args<'_>, pops: &MultiPop) -> bool {
    let &MultiPop { keys, side, count } = pops;
    for key in args.from(2).iter().take(keys) {
        let hash = ctx.prepare(key);
        let mut reply = ctx.reply.lend();
        let popped = ctx.change_zset(hash, key, |zset, _| {
            reply.array(2);
            reply.bulk(key);
            pop_into(&mut reply, zset, side, count, true)
        });
        ctx.reply.take_back(reply);
        match popped {
            Changed::Missing => {}
            Changed::WrongType => return true,
            Changed::There { result, emptied } => {
                let verb = side.event().to_ascii_uppercase();
                ctx.log(&[verb.as_bytes(), key, itoa::Buffer::new().format(result).as_bytes()]);
                ctx.effects.set_changes(result as u64);
                changed(ctx, side.event(), key, emptied);
                return true;
            }
        }
    }
    false
}

/// What is asked for of random members.
#[derive(Clone, Copy)]
struct Wanted {
    count: usize,
    /// The same member may come again.
    repeated: bool,
    with_scores: bool,
}

/// `ZRANDMEMBER key [count [WITHSCORES]]`
pub(crate) fn zrandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let mut rng = ctx.rng.fork();
    if args.len() > 2 {
        let Some(wanted) = parse_random(ctx, args) else { return };
        ctx.read_zset(&args[1], |zset, reply| match zset.filter(|_| wanted.count > 0) {
            Some(zset) if wanted.repeated => reply_repeated(zset, wanted, &mut rng, reply),
            Some(zset) => reply_different(zset, wanted, &mut rng, reply),
            None => reply.array(0),
        });
    } else {
        ctx.read_zset(&args[1], |zset, reply| {
            match zset.and_then(|zset| zset.get(rng.usize(..zset.len().max(1)))) {
                Some((member, _)) => reply_member(member, reply),
                None => reply.null(),
            }
        });
    }
}

/// Reads what stands behind the key, or answers what is wrong with it.
fn parse_random(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Option<Wanted> {
    let number = integer(ctx, &args[2])?;
    if number == i64::MIN {
        ctx.reply.error(format!(
            "{OUT_OF_RANGE}, value must between {} and {}",
            -i64::MAX,
            i64::MAX
        ));
        return None;
    }
    let with_scores = args.len() == 4 && is_word(args, 3, "WITHSCORES");
    if args.len() > 3 && !with_scores {
        ctx.reply.error(SYNTAX);
        return None;
    }
    let repeated = number < 0;
    let count = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    let halved = with_scores && number.unsigned_abs() > i64::MAX as u64 / 2;
    if halved || (repeated && count > REPEATED_MAX) {
        ctx.reply.error(OUT_OF_RANGE);
        return None;
    }
    Some(Wanted { count, repeated, with_scores })
}

fn reply_repeated(zset: ZsetRef<'_>, wanted: Wanted, rng: &mut fastrand::Rng, reply: &mut Reply) {
    reply_head(wanted.count, wanted.with_scores, reply);
    // What is packed is read once, not for each member anew.
    let packed: Vec<_> = match zset {
        ZsetRef::Packed(_) => zset.iter().collect(),
        ZsetRef::Large(_) => Vec::new(),
    };
    for _ in 0..wanted.count {
        let index = rng.usize(..zset.len().max(1));
        let pair = packed.get(index).copied().or_else(|| zset.get(index));
        // A sorted set in a database is not empty.
        if let Some((member, score)) = pair {
            reply_pair(member, score, wanted.with_scores, reply);
        }
    }
}

fn reply_different(zset: ZsetRef<'_>, wanted: Wanted, rng: &mut fastrand::Rng, reply: &mut Reply) {
    let len = zset.len();
    let count = wanted.count.min(len);
    reply_head(count, wanted.with_scores, reply);
    if count < len / DRAWN_DIVISOR && matches!(zset, ZsetRef::Large(_)) {
        let mut seen = HashSet::new();
        while seen.len() < count {
            let index = rng.usize(..len);
            if let Some((member, score)) = zset.get(index).filter(|_| seen.insert(index)) {
                reply_pair(member, score, wanted.with_scores, reply);
            }
        }
        return;
    }
    // Each is taken with the chance that leaves all choices of so many equally likely.
    let (mut missing, mut left) = (count, len);
    for (member, score) in zset.iter() {
        if missing > 0 && rng.usize(..left) < missing {
            reply_pair(member, score, wanted.with_scores, reply);
            missing -= 1;
        }
        left -= 1;
    }
}
