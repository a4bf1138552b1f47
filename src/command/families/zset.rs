//! Sorted sets: adding, scoring, ranking, removing and counting members.

use super::scan::{cursor_of, scan_elements};
use super::{NOT_AN_INTEGER, SYNTAX, arity_error, is_word};
use crate::base::double::{self, Text};
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::command::typed::Changed;
use crate::keyspace::ValueRef;
use crate::keyspace::types::{Packing, Zset, ZsetRef};
use crate::resp::{Args, Reply};

const NOT_A_FLOAT: &str = "ERR value is not a valid float";
const NAN_RESULT: &str = "ERR resulting score is not a number (NaN)";
const NX_AND_XX: &str = "ERR XX and NX options at the same time are not compatible";
const CONFLICT: &str = "ERR GT, LT, and/or NX options at the same time are not compatible";
const ONE_INCREMENT: &str = "ERR INCR option supports a single increment-element pair";

/// Writes a score.
pub(super) fn reply_score(score: f64, reply: &mut Reply) {
    reply.double_text(Text::shortest(score).as_str());
}

/// Writes a member.
pub(super) fn reply_member(member: ValueRef<'_>, reply: &mut Reply) {
    member.with_bytes(|bytes| reply.bulk(bytes));
}

/// Tells that a sorted set has changed, and that it is gone if it is.
pub(super) fn changed(ctx: &mut Ctx<'_>, event: &'static str, key: &[u8], emptied: bool) {
    ctx.events.modified(ctx.db, key);
    ctx.notify(NotifyClasses::ZSET, event, key);
    if emptied {
        ctx.notify(NotifyClasses::GENERIC, "del", key);
    }
}

/// On what conditions members are added, and how.
#[derive(Clone, Copy, Default)]
struct Adding {
    only_new: bool,
    only_old: bool,
    only_greater: bool,
    only_less: bool,
    tells_changed: bool,
    increments: bool,
}

/// What adding has done.
#[derive(Default)]
struct Added {
    new: usize,
    updated: usize,
    /// The last score, if the conditions let it through.
    score: Option<f64>,
}

impl Adding {
    /// Reads the options; the argument behind them.
    fn parse(args: &Args<'_>) -> (Self, usize) {
        let mut adding = Self::default();
        let mut index = 2;
        loop {
            let options = [
                ("NX", &mut adding.only_new),
                ("XX", &mut adding.only_old),
                ("GT", &mut adding.only_greater),
                ("LT", &mut adding.only_less),
                ("CH", &mut adding.tells_changed),
                ("INCR", &mut adding.increments),
            ];
            match options.into_iter().find(|(word, _)| is_word(args, index, word)) {
                Some((_, option)) => *option = true,
                None => break,
            }
            index += 1;
        }
        (adding, index)
    }

    /// What is wrong with options and so many arguments behind them.
    fn refusal(self, rest: usize) -> Option<&'static str> {
        let compares = self.only_greater || self.only_less;
        if rest == 0 || !rest.is_multiple_of(2) {
            Some(SYNTAX)
        } else if self.only_new && self.only_old {
            Some(NX_AND_XX)
        } else if (compares && self.only_new) || (self.only_greater && self.only_less) {
            Some(CONFLICT)
        } else if self.increments && rest > 2 {
            Some(ONE_INCREMENT)
        } else {
            None
        }
    }

    /// Adds one member; `Err` if its score would not be a number.
    fn add(
        self,
        zset: &mut Zset,
        member: &[u8],
        score: f64,
        packing: &Packing,
        added: &mut Added,
    ) -> Result<(), &'static str> {
        added.score = None;
        let Some(before) = zset.as_ref().score(member) else {
            if !self.only_old {
                zset.insert_new(member, score, packing);
                added.new += 1;
                added.score = Some(score);
            }
            return Ok(());
        };
        if self.only_new {
            return Ok(());
        }
        let score = if self.increments { before + score } else { score };
        if score.is_nan() {
            return Err(NAN_RESULT);
        }
        if (self.only_less && score >= before) || (self.only_greater && score <= before) {
            return Ok(());
        }
        if score != before {
            zset.update(member, before, score);
            added.updated += 1;
        }
        added.score = Some(score);
        Ok(())
    }
}

/// `ZADD key [NX|XX] [GT|LT] [CH] [INCR] score member [score member ...]`
pub(crate) fn zadd(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (adding, first) = Adding::parse(args);
    add(ctx, args, adding, first);
}

/// `ZINCRBY key increment member`
pub(crate) fn zincrby(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    add(ctx, args, Adding { increments: true, ..Adding::default() }, 2);
}

fn add(ctx: &mut Ctx<'_>, args: &Args<'_>, adding: Adding, first: usize) {
    let pairs = args.from(first);
    if let Some(text) = adding.refusal(pairs.len()) {
        return ctx.reply.error(text);
    }
    if pairs.iter().step_by(2).any(|score| double::parse(score).is_none()) {
        return ctx.reply.error(NOT_A_FLOAT);
    }
    let key = &args[1];
    let hash = ctx.prepare(key);
    let mut added = Added::default();
    let result = ctx.make_zset(hash, key, |zset, packing| -> Result<(), &str> {
        let members = pairs.from(1);
        let len_max = members.iter().step_by(2).map(<[u8]>::len).max().unwrap_or(0);
        if !adding.only_old {
            zset.make_room(pairs.len() / 2, len_max, packing);
        }
        let mut words = pairs.iter();
        while let (Some(score), Some(member)) = (words.next(), words.next()) {
            let score = double::parse(score).unwrap_or_default();
            adding.add(zset, member, score, packing, &mut added)?;
        }
        Ok(())
    });
    match result {
        None => return,
        Some(Err(text)) => return ctx.reply.error(text),
        Some(Ok(())) => {}
    }
    if added.new + added.updated > 0 {
        ctx.log_verbatim();
        ctx.effects.set_changes((added.new + added.updated) as u64);
        changed(ctx, if adding.increments { "zincr" } else { "zadd" }, key, false);
    }
    match added.score {
        Some(score) if adding.increments => reply_score(score, ctx.reply),
        None if adding.increments => ctx.reply.null(),
        _ if adding.tells_changed => ctx.reply.integer((added.new + added.updated) as i64),
        _ => ctx.reply.integer(added.new as i64),
    }
}

/// `ZREM key member [member ...]`
pub(crate) fn zrem(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let hash = ctx.prepare(key);
    let removed = ctx.change_zset(hash, key, |zset, _| {
        args.from(2).iter().filter(|member| zset.remove(member)).count()
    });
    finish_removal(ctx, "zrem", key, removed);
}

/// Answers how many members were removed, and tells of it.
pub(super) fn finish_removal(
    ctx: &mut Ctx<'_>,
    event: &'static str,
    key: &[u8],
    removed: Changed<usize>,
) {
    let count = match removed {
        Changed::WrongType => return,
        Changed::Missing => 0,
        Changed::There { result, emptied } => {
            if result > 0 {
                ctx.log_verbatim();
                ctx.effects.set_changes(result as u64);
                changed(ctx, event, key, emptied);
            }
            result
        }
    };
    ctx.reply.integer(count as i64);
}

/// `ZCARD key`
pub(crate) fn zcard(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_zset(&args[1], |zset, reply| {
        reply.integer(zset.map_or(0, |zset| zset.len()) as i64);
    });
}

/// `ZSCORE key member`
pub(crate) fn zscore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_zset(&args[1], |zset, reply| match zset.and_then(|zset| zset.score(&args[2])) {
        Some(score) => reply_score(score, reply),
        None => reply.null(),
    });
}

/// `ZMSCORE key member [member ...]`
pub(crate) fn zmscore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let members = args.from(2);
    ctx.read_zset(&args[1], |zset, reply| {
        reply.array(members.len());
        for member in members.iter() {
            match zset.and_then(|zset| zset.score(member)) {
                Some(score) => reply_score(score, reply),
                None => reply.null(),
            }
        }
    });
}

fn rank(ctx: &mut Ctx<'_>, args: &Args<'_>, name: &str, reversed: bool) {
    if args.len() > 4 {
        return arity_error(ctx, name);
    }
    let with_score = args.len() == 4;
    if with_score && !is_word(args, 3, "WITHSCORE") {
        return ctx.reply.error(SYNTAX);
    }
    ctx.read_zset(&args[1], |zset, reply| {
        let found = zset.and_then(|zset| {
            let (rank, score) = zset.rank(&args[2])?;
            Some((if reversed { zset.len() - 1 - rank } else { rank }, score))
        });
        match found {
            Some((rank, score)) if with_score => {
                reply.array(2);
                reply.integer(rank as i64);
                reply_score(score, reply);
            }
            Some((rank, _)) => reply.integer(rank as i64),
            None if with_score => reply.null_array(),
            None => reply.null(),
        }
    });
}

/// `ZRANK key member [WITHSCORE]`
pub(crate) fn zrank(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    rank(ctx, args, "zrank", false);
}

/// `ZREVRANK key member [WITHSCORE]`
pub(crate) fn zrevrank(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    rank(ctx, args, "zrevrank", true);
}

/// `ZSCAN key cursor [MATCH pattern] [COUNT count]`
pub(crate) fn zscan(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(cursor) = cursor_of(ctx, &args[2]) else { return };
    ctx.read_zset(&args[1], |zset, reply| {
        scan_elements(args, cursor, zset, reply, |zset, step| {
            let (cursor, count) = (step.cursor, step.count);
            let is_packed = matches!(zset, ZsetRef::Packed(_));
            zset.scan(cursor, count, &mut |member, score| {
                if member.with_bytes(|member| step.wants(member)) {
                    step.tell(member);
                    // Redis 7.2 tells what is packed as it stands there, and what is not in long.
                    let text = if is_packed { Text::shortest(score) } else { Text::of(score) };
                    step.tell(ValueRef::Bytes(text.as_bytes()));
                }
            })
        });
    });
}

/// Reads an integer; `Err` is the error's text.
pub(super) fn integer_at(args: &Args<'_>, index: usize) -> Result<i64, &'static str> {
    let text = args.get(index).ok_or(SYNTAX)?;
    crate::base::number::parse_i64(text).ok_or(NOT_AN_INTEGER)
}
