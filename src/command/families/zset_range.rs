//! Ranges of sorted sets: told, stored, counted, removed; by rank, by score, by member.

use std::ops::Range;

use super::zset::{finish_removal, integer_at, reply_member, reply_score};
use super::{SYNTAX, is_word};
use crate::base::double;
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::keyspace::types::{Collection, LexEdge, LexRange, ScoreRange, Zset, ZsetRef};
use crate::resp::{Args, Protocol, Reply};

const LIMIT_OF_RANKS: &str =
    "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX";
const SCORES_OF_LEX: &str = "ERR syntax error, WITHSCORES not supported in combination with BYLEX";
const NOT_A_SCORE: &str = "ERR min or max is not a float";
const NOT_A_LEX: &str = "ERR min or max not valid string range item";

/// What a range is of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// Which members are meant.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Rank(i64, i64),
    Score(ScoreRange),
    Lex(LexRange<'a>),
}

impl<'a> Wanted<'a> {
    /// Reads the two ends; `Err` is the error's text.
    fn parse(args: &Args<'a>, by: By, min: usize, max: usize) -> Result<Self, &'static str> {
        Ok(match by {
            By::Rank => Self::Rank(integer_at(args, min)?, integer_at(args, max)?),
            By::Score => {
                let (min, without_min) = score_edge(args.get(min).ok_or(SYNTAX)?)?;
                let (max, without_max) = score_edge(args.get(max).ok_or(SYNTAX)?)?;
                Self::Score(ScoreRange { min, max, without_min, without_max })
            }
            By::Lex => Self::Lex(LexRange {
                min: lex_edge(args.get(min).ok_or(SYNTAX)?)?,
                max: lex_edge(args.get(max).ok_or(SYNTAX)?)?,
            }),
        })
    }

    /// The places of the members that are meant; ranks count from the end if `reversed`.
    fn places(&self, zset: ZsetRef<'_>, reversed: bool) -> Range<usize> {
        match self {
            Self::Score(range) => zset.range_by_score(range),
            Self::Lex(range) => zset.range_by_lex(range),
            Self::Rank(start, stop) => {
                let len = zset.len();
                let range = ranks(*start, *stop, len);
                if reversed { len - range.end..len - range.start } else { range }
            }
        }
    }
}

/// Ranks from `start` to `stop`, negative ones from the end; `start..start` if there are none.
fn ranks(start: i64, stop: i64, len: usize) -> Range<usize> {
    let place = |rank: i64| if rank < 0 { rank.saturating_add(len as i64) } else { rank };
    let start = usize::try_from(place(start)).unwrap_or(0);
    let end = usize::try_from(place(stop).saturating_add(1)).unwrap_or(0).min(len);
    if start >= end { 0..0 } else { start..end }
}

fn score_edge(text: &[u8]) -> Result<(f64, bool), &'static str> {
    let (text, without) = match text {
        [b'(', rest @ ..] => (rest, true),
        text => (text, false),
    };
    double::parse_bound(text).map(|score| (score, without)).ok_or(NOT_A_SCORE)
}

fn lex_edge(text: &[u8]) -> Result<LexEdge<'_>, &'static str> {
    match text {
        b"-" => Ok(LexEdge::Lowest),
        b"+" => Ok(LexEdge::Highest),
        [b'(', rest @ ..] => Ok(LexEdge::Without(rest)),
        [b'[', rest @ ..] => Ok(LexEdge::With(rest)),
        _ => Err(NOT_A_LEX),
    }
}

/// What one of the commands that tell a range was asked for.
struct Request<'a> {
    wanted: Wanted<'a>,
    reversed: bool,
    with_scores: bool,
    offset: i64,
    limit: i64,
}

/// What the command's name says.
#[derive(Clone, Copy)]
struct Form {
    by: Option<By>,
    reversed: Option<bool>,
    stores: bool,
}

impl<'a> Request<'a> {
    /// Reads the arguments; `Err` is the error's text.
    fn parse(args: &Args<'a>, form: Form) -> Result<Self, &'static str> {
        let min = if form.stores { 3 } else { 2 };
        let (mut by, mut reversed) = (form.by, form.reversed);
        let (mut with_scores, mut offset, mut limit) = (false, 0, -1);
        let mut index = min + 2;
        while index < args.len() {
            if !form.stores && is_word(args, index, "WITHSCORES") {
                with_scores = true;
            } else if is_word(args, index, "LIMIT") && index + 2 < args.len() {
                (offset, limit) = (integer_at(args, index + 1)?, integer_at(args, index + 2)?);
                index += 2;
            } else if reversed.is_none() && is_word(args, index, "REV") {
                reversed = Some(true);
            } else if by.is_none() && is_word(args, index, "BYLEX") {
                by = Some(By::Lex);
            } else if by.is_none() && is_word(args, index, "BYSCORE") {
                by = Some(By::Score);
            } else {
                return Err(SYNTAX);
            }
            index += 1;
        }
        let (by, reversed) = (by.unwrap_or(By::Rank), reversed.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(LIMIT_OF_RANKS);
        }
        if with_scores && by == By::Lex {
            return Err(SCORES_OF_LEX);
        }
        let swapped = reversed && by != By::Rank;
        let (first, second) = if swapped { (min + 1, min) } else { (min, min + 1) };
        let wanted = Wanted::parse(args, by, first, second)?;
        Ok(Self { wanted, reversed, with_scores, offset, limit })
    }

    /// The places of what is to be told.
    fn places(&self, zset: ZsetRef<'_>) -> Range<usize> {
        let all = self.wanted.places(zset, self.reversed);
        if matches!(self.wanted, Wanted::Rank(..)) {
            // A limit of -1 is let through, and its offset is not heeded.
            return all;
        }
        let Ok(offset) = usize::try_from(self.offset) else { return 0..0 };
        let skipped = offset.min(all.len());
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let count = limit.min(all.len() - skipped);
        if self.reversed {
            let end = all.end - skipped;
            end - count..end
        } else {
            let start = all.start + skipped;
            start..start + count
        }
    }
}

/// Announces so many members: with scores, RESP3 has an array of each pair, RESP2 one array of all.
pub(super) fn reply_head(count: usize, with_scores: bool, reply: &mut Reply) {
    let flat = with_scores && reply.protocol == Protocol::Resp2;
    reply.array(if flat { count * 2 } else { count });
}

/// Writes one of the members announced.
pub(super) fn reply_pair(
    member: crate::keyspace::ValueRef<'_>,
    score: f64,
    with_scores: bool,
    reply: &mut Reply,
) {
    if with_scores && reply.protocol == Protocol::Resp3 {
        reply.array(2);
    }
    reply_member(member, reply);
    if with_scores {
        reply_score(score, reply);
    }
}

fn range(ctx: &mut Ctx<'_>, args: &Args<'_>, by: Option<By>, reversed: Option<bool>) {
    let request = match Request::parse(args, Form { by, reversed, stores: false }) {
        Ok(request) => request,
        Err(text) => return ctx.reply.error(text),
    };
    ctx.read_zset(&args[1], |zset, reply| {
        let Some(zset) = zset else { return reply.array(0) };
        let places = request.places(zset);
        reply_head(places.len(), request.with_scores, reply);
        for (member, score) in zset.walk(places, request.reversed) {
            reply_pair(member, score, request.with_scores, reply);
        }
    });
}

/// `ZRANGE key start stop [BYSCORE|BYLEX] [REV] [LIMIT offset count] [WITHSCORES]`
pub(crate) fn zrange(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, None, None);
}

/// `ZREVRANGE key start stop [WITHSCORES]`
pub(crate) fn zrevrange(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, Some(By::Rank), Some(true));
}

/// `ZRANGEBYSCORE key min max [WITHSCORES] [LIMIT offset count]`
pub(crate) fn zrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, Some(By::Score), Some(false));
}

/// `ZREVRANGEBYSCORE key max min [WITHSCORES] [LIMIT offset count]`
pub(crate) fn zrevrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, Some(By::Score), Some(true));
}

/// `ZRANGEBYLEX key min max [LIMIT offset count]`
pub(crate) fn zrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, Some(By::Lex), Some(false));
}

/// `ZREVRANGEBYLEX key max min [LIMIT offset count]`
pub(crate) fn zrevrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    range(ctx, args, Some(By::Lex), Some(true));
}

/// `ZRANGESTORE dst src min max [BYSCORE|BYLEX] [REV] [LIMIT offset count]`
pub(crate) fn zrangestore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let form = Form { by: None, reversed: None, stores: true };
    let request = match Request::parse(args, form) {
        Ok(request) => request,
        Err(text) => return ctx.reply.error(text),
    };
    let packing = ctx.keyspace.packing().clone();
    let made = ctx.read_zset(&args[2], |zset, _| {
        let mut made = Zset::new();
        if let Some(zset) = zset {
            let places = request.places(zset);
            if matches!(request.wanted, Wanted::Rank(..)) {
                made.make_room(places.len(), 0, &packing);
            }
            for (member, score) in zset.walk(places, false) {
                member.with_bytes(|member| made.insert_new(member, score, &packing));
            }
        }
        made
    });
    if let Some(made) = made {
        store(ctx, "zrangestore", &args[1], made);
    }
}

/// Puts a sorted set at `key`, whatever is there, or deletes that where there are no members; answers
/// their number.
pub(super) fn store(ctx: &mut Ctx<'_>, event: &'static str, key: &[u8], made: Zset) {
    let hash = ctx.prepare(key);
    let len = made.as_ref().len();
    if len > 0 {
        ctx.set(hash, key, Collection::Zset(made), None);
        ctx.notify(NotifyClasses::ZSET, event, key);
        ctx.log_verbatim();
    } else if ctx.delete(hash, key) {
        ctx.log(&[b"DEL", key]);
    }
    ctx.reply.integer(len as i64);
}

fn count(ctx: &mut Ctx<'_>, args: &Args<'_>, by: By) {
    let wanted = match Wanted::parse(args, by, 2, 3) {
        Ok(wanted) => wanted,
        Err(text) => return ctx.reply.error(text),
    };
    ctx.read_zset(&args[1], |zset, reply| {
        reply.integer(zset.map_or(0, |zset| wanted.places(zset, false).len()) as i64);
    });
}

/// `ZCOUNT key min max`
pub(crate) fn zcount(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    count(ctx, args, By::Score);
}

/// `ZLEXCOUNT key min max`
pub(crate) fn zlexcount(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    count(ctx, args, By::Lex);
}

fn remove(ctx: &mut Ctx<'_>, args: &Args<'_>, by: By, event: &'static str) {
    let wanted = match Wanted::parse(args, by, 2, 3) {
        Ok(wanted) => wanted,
        Err(text) => return ctx.reply.error(text),
    };
    let key = &args[1];
    let hash = ctx.prepare(key);
    let removed = ctx.change_zset(hash, key, |zset, _| {
        let places = wanted.places(zset.as_ref(), false);
        let count = places.len();
        zset.remove_range(places);
        count
    });
    finish_removal(ctx, event, key, removed);
}

/// `ZREMRANGEBYRANK key start stop`
pub(crate) fn zremrangebyrank(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    remove(ctx, args, By::Rank, "zremrangebyrank");
}

/// `ZREMRANGEBYSCORE key min max`
pub(crate) fn zremrangebyscore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    remove(ctx, args, By::Score, "zremrangebyscore");
}

/// `ZREMRANGEBYLEX key min max`
pub(crate) fn zremrangebylex(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    remove(ctx, args, By::Lex, "zremrangebylex");
}
