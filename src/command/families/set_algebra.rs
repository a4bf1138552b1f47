//! What several sets have in common, together, or without each other.

use super::set_members::reply_members;
use super::{SYNTAX, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::keyspace::types::{Collection, CollectionRef, Packing, Set, SetRef};
use crate::keyspace::{Content, Keyspace, ValueRef};
use crate::resp::Args;

/// Members that one effect adds at most.
const MEMBERS_PER_EFFECT: usize = 1024;

/// What is made of several sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Intersection,
    Union,
    Difference,
}

/// The sets of a request: `None` where there is no key.
struct Sources<'a> {
    keys: Vec<Option<&'a [u8]>>,
    /// A key is there and not seen, which a repetition from the log sees.
    is_any_hidden: bool,
}

/// `SINTER key [key ...]`
pub(crate) fn sinter(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(sources) = look_up(ctx, args.from(1).iter()) else { return };
    let sets = sets_of(ctx.keyspace, ctx.db, &sources);
    let found = intersection(&sets);
    ctx.reply.set(found.len());
    reply_members(found, ctx.reply);
}

/// `SUNION key [key ...]`
pub(crate) fn sunion(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    tell(ctx, args, Operation::Union);
}

/// `SDIFF key [key ...]`
pub(crate) fn sdiff(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    tell(ctx, args, Operation::Difference);
}

fn tell(ctx: &mut Ctx<'_>, args: &Args<'_>, operation: Operation) {
    let Some(sources) = look_up(ctx, args.from(1).iter()) else { return };
    let result =
        combine(operation, &sets_of(ctx.keyspace, ctx.db, &sources), ctx.keyspace.packing());
    ctx.reply.set(result.as_ref().len());
    reply_members(result.as_ref().iter(), ctx.reply);
}

/// `SINTERSTORE destination key [key ...]`
pub(crate) fn sinterstore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    store(ctx, args, Operation::Intersection, "sinterstore");
}

/// `SUNIONSTORE destination key [key ...]`
pub(crate) fn sunionstore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    store(ctx, args, Operation::Union, "sunionstore");
}

/// `SDIFFSTORE destination key [key ...]`
pub(crate) fn sdiffstore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    store(ctx, args, Operation::Difference, "sdiffstore");
}

fn store(ctx: &mut Ctx<'_>, args: &Args<'_>, operation: Operation, event: &'static str) {
    let Some(sources) = look_up(ctx, args.from(2).iter()) else { return };
    let result =
        combine(operation, &sets_of(ctx.keyspace, ctx.db, &sources), ctx.keyspace.packing());
    let target = &args[1];
    let (hash, len) = (ctx.prepare(target), result.as_ref().len());
    if len == 0 {
        if ctx.delete(hash, target) {
            if sources.is_any_hidden { ctx.log(&[b"DEL", target]) } else { ctx.log_verbatim() }
        }
        return ctx.reply.integer(0);
    }
    if sources.is_any_hidden {
        log_result(ctx, target, result.as_ref());
    } else {
        ctx.log_verbatim();
    }
    ctx.set(hash, target, Collection::Set(result), None);
    ctx.notify(NotifyClasses::SET, event, target);
    ctx.reply.integer(len as i64);
}

/// Logs what a set has become, for who would not come to the same.
fn log_result(ctx: &mut Ctx<'_>, key: &[u8], set: SetRef<'_>) {
    ctx.log(&[b"DEL", key]);
    let members: Vec<_> = set.iter().map(|member| member.to_cow()).collect();
    for members in members.chunks(MEMBERS_PER_EFFECT) {
        let words = [&b"SADD"[..], key].into_iter().chain(members.iter().map(|member| &**member));
        ctx.log(&words.collect::<Vec<_>>());
    }
    ctx.effects.set_changes(1);
}

/// `SINTERCARD numkeys key [key ...] [LIMIT limit]`
pub(crate) fn sintercard(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (keys, limit) = match parse_card(args) {
        Ok(parsed) => parsed,
        Err(text) => return ctx.reply.error(text),
    };
    let Some(sources) = look_up(ctx, args.from(2).iter().take(keys)) else { return };
    let found = intersection_len(&sets_of(ctx.keyspace, ctx.db, &sources), limit);
    ctx.reply.integer(found as i64);
}

/// The number of keys, and up to how many members are counted; `Err` is the error's text.
fn parse_card(args: &Args<'_>) -> Result<(usize, usize), &'static str> {
    let unsigned = |text: &[u8]| parse_i64(text).and_then(|number| usize::try_from(number).ok());
    let keys = unsigned(&args[1])
        .filter(|&keys| keys > 0)
        .ok_or("ERR numkeys should be greater than 0")?;
    if keys > args.len() - 2 {
        return Err("ERR Number of keys can't be greater than number of args");
    }
    let mut limit = 0;
    for index in (2 + keys..args.len()).step_by(2) {
        let text = args.get(index + 1).filter(|_| is_word(args, index, "LIMIT")).ok_or(SYNTAX)?;
        limit = unsigned(text).ok_or("ERR LIMIT can't be negative")?;
    }
    Ok((keys, if limit == 0 { usize::MAX } else { limit }))
}

/// Looks all keys up; `None` with an answer if one holds something else than a set.
fn look_up<'a>(ctx: &mut Ctx<'_>, keys: impl Iterator<Item = &'a [u8]>) -> Option<Sources<'a>> {
    let mut sources = Sources { keys: Vec::new(), is_any_hidden: false };
    for key in keys {
        let is_there = ctx.read_set(key, |set, _| set.is_some())?;
        sources.is_any_hidden |= !is_there && ctx.is_hidden(key);
        sources.keys.push(is_there.then_some(key));
    }
    Some(sources)
}

fn sets_of<'a>(
    keyspace: &'a Keyspace,
    db: usize,
    sources: &Sources<'_>,
) -> Vec<Option<SetRef<'a>>> {
    let set_at = |key: &[u8]| {
        let entry = keyspace.db(db).get(keyspace.hash(key), key)?;
        match entry.value() {
            Content::Collection(CollectionRef::Set(set)) => Some(set),
            _ => None,
        }
    };
    sources.keys.iter().map(|key| key.and_then(set_at)).collect()
}

fn combine(operation: Operation, sets: &[Option<SetRef<'_>>], packing: &Packing) -> Set {
    match operation {
        Operation::Intersection => {
            let mut result = Set::new();
            for member in intersection(sets) {
                result.add_value(member, packing);
            }
            result
        }
        Operation::Union => {
            let mut result = Set::new();
            for member in sets.iter().flatten().flat_map(|set| set.iter()) {
                result.add_value(member, packing);
            }
            result
        }
        Operation::Difference => difference(sets, packing),
    }
}

/// The sets by size, the smallest first; `None` if one is empty.
fn by_size<'a>(sets: &[Option<SetRef<'a>>]) -> Option<Vec<SetRef<'a>>> {
    let mut sets: Vec<_> = sets.iter().copied().collect::<Option<_>>()?;
    sets.sort_by_key(|set| set.len());
    Some(sets)
}

/// Members of the smallest set that all others have.
fn common<'a>(sets: &[SetRef<'a>]) -> impl Iterator<Item = ValueRef<'a>> {
    let (smallest, others) =
        sets.split_first().map_or((None, sets), |(set, rest)| (Some(set), rest));
    let members = smallest.into_iter().flat_map(|set| set.iter());
    members.filter(move |member| others.iter().all(|set| set.contains_value(*member)))
}

/// The members that all sets have.
fn intersection<'a>(sets: &[Option<SetRef<'a>>]) -> Vec<ValueRef<'a>> {
    by_size(sets).map(|sets| common(&sets).collect()).unwrap_or_default()
}

/// How many members all sets have, counted up to `max`.
fn intersection_len(sets: &[Option<SetRef<'_>>], max: usize) -> usize {
    by_size(sets).map_or(0, |sets| common(&sets).take(max).count())
}

/// The members of the first set that no other has. Either each is looked for in the others, or the others'
/// members are taken out of a copy, whichever is less work.
fn difference(sets: &[Option<SetRef<'_>>], packing: &Packing) -> Set {
    let mut result = Set::new();
    let Some((Some(first), others)) = sets.split_first().map(|(first, rest)| (*first, rest)) else {
        return result;
    };
    let mut others: Vec<SetRef<'_>> = others.iter().flatten().copied().collect();
    let looking_up = first.len().saturating_mul(others.len() + 1) / 2;
    let taking_out = others.iter().map(|set| set.len()).fold(first.len(), usize::saturating_add);
    if looking_up <= taking_out {
        // The largest is the likeliest to have a member.
        others.sort_by_key(|set| std::cmp::Reverse(set.len()));
        for member in first.iter() {
            if !others.iter().any(|set| set.contains_value(member)) {
                result.add_value(member, packing);
            }
        }
        return result;
    }
    for member in first.iter() {
        result.add_value(member, packing);
    }
    for member in others.iter().flat_map(|set| set.iter()) {
        if result.as_ref().is_empty() {
            break;
        }
        member.with_bytes(|member| result.remove(member));
    }
    result
}
