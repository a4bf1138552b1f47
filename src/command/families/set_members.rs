//! Sets: adding members, asking for them, taking them out, at random too, and going through them.

use super::scan::{cursor_of, scan_elements};
use super::strings::reply_element;
use super::{SYNTAX, WRONG_TYPE, integer};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::command::typed::Changed;
use crate::keyspace::types::{CollectionRef, SetRef};
use crate::keyspace::{Content, ValueRef};
use crate::resp::{Args, Reply};

/// Members that one command tells at most where the same may come again: the set does not bound them.
const REPEATED_MAX: usize = 1 << 23;
/// Members that one effect takes out at most.
const MEMBERS_PER_EFFECT: usize = 1024;

const NOT_POSITIVE: &str = "ERR value is out of range, must be positive";
const OUT_OF_RANGE: &str = "ERR value is out of range";

/// Tells that a set has changed, and that it is gone if it is.
fn changed(ctx: &mut Ctx<'_>, event: &'static str, key: &[u8], emptied: bool) {
    ctx.events.modified(ctx.db, key);
    ctx.notify(NotifyClasses::SET, event, key);
    if emptied {
        ctx.notify(NotifyClasses::GENERIC, "del", key);
    }
}

/// `SADD key member [member ...]`
pub(crate) fn sadd(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, members) = (&args[1], args.from(2));
    let hash = ctx.prepare(key);
    let added = ctx.make_set(hash, key, |set, packing| {
        set.make_room(&args[2], members.len(), packing);
        members.iter().filter(|member| set.add(member, packing)).count()
    });
    let Some(added) = added else { return };
    if added > 0 {
        ctx.log_verbatim();
        ctx.effects.set_changes(added as u64);
        changed(ctx, "sadd", key, false);
    }
    ctx.reply.integer(added as i64);
}

/// `SREM key member [member ...]`
pub(crate) fn srem(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let hash = ctx.prepare(key);
    let removed = ctx.change_set(hash, key, |set, _| {
        args.from(2).iter().filter(|member| set.remove(member)).count()
    });
    let (removed, emptied) = match removed {
        Changed::Missing => (0, false),
        Changed::WrongType => return,
        Changed::There { result, emptied } => (result, emptied),
    };
    if removed > 0 {
        ctx.log_verbatim();
        ctx.effects.set_changes(removed as u64);
        changed(ctx, "srem", key, emptied);
    }
    ctx.reply.integer(removed as i64);
}

/// `SISMEMBER key member`
pub(crate) fn sismember(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_set(&args[1], |set, reply| {
        reply.integer(i64::from(set.is_some_and(|set| set.contains(&args[2]))));
    });
}

/// `SMISMEMBER key member [member ...]`
pub(crate) fn smismember(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_set(&args[1], |set, reply| {
        let members = args.from(2);
        reply.array(members.len());
        for member in members.iter() {
            reply.integer(i64::from(set.is_some_and(|set| set.contains(member))));
        }
    });
}

/// `SCARD key`
pub(crate) fn scard(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_set(&args[1], |set, reply| {
        reply.integer(set.map_or(0, |set| set.len() as i64));
    });
}

/// `SMEMBERS key`
pub(crate) fn smembers(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_set(&args[1], |set, reply| {
        reply.set(set.map_or(0, SetRef::len));
        if let Some(set) = set {
            reply_members(set.iter(), reply);
        }
    });
}

/// Tells members whose number has been told.
pub(super) fn reply_members<'a>(
    members: impl IntoIterator<Item = ValueRef<'a>>,
    reply: &mut Reply,
) {
    members.into_iter().for_each(|member| reply_element(Some(member), reply));
}

/// `SMOVE source destination member`
pub(crate) fn smove(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (source, target, member) = (&args[1], &args[2], &args[3]);
    let source_hash = ctx.prepare(source);
    let target_hash = ctx.prepare(target);
    match set_at(ctx, source_hash, source) {
        None => return ctx.reply.integer(0),
        Some(None) => return ctx.reply.error(WRONG_TYPE),
        Some(Some(set)) => {
            let is_there = set.contains(member);
            if let Some(None) = set_at(ctx, target_hash, target) {
                return ctx.reply.error(WRONG_TYPE);
            }
            if !is_there || source == target {
                return ctx.reply.integer(i64::from(is_there));
            }
        }
    }
    if let Changed::There { emptied, .. } =
        ctx.change_set(source_hash, source, |set, _| set.remove(member))
    {
        changed(ctx, "srem", source, emptied);
    }
    ctx.log_verbatim();
    let added = ctx.make_set(target_hash, target, |set, packing| set.add(member, packing));
    if added == Some(true) {
        ctx.effects.set_changes(2);
        changed(ctx, "sadd", target, false);
    }
    ctx.reply.integer(1);
}

/// What a prepared key holds: a set, or something else.
fn set_at<'a>(ctx: &'a Ctx<'_>, hash: u64, key: &[u8]) -> Option<Option<SetRef<'a>>> {
    let entry = ctx.keyspace.db(ctx.db).get(hash, key)?;
    Some(match entry.value() {
        Content::Collection(CollectionRef::Set(set)) => Some(set),
        _ => None,
    })
}

/// `SPOP key [count]`
pub(crate) fn spop(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    match args.len() {
        2 => pop_one(ctx, &args[1]),
        3 => match parse_i64(&args[2]).and_then(|count| usize::try_from(count).ok()) {
            Some(count) => pop_many(ctx, &args[1], count),
            None => ctx.reply.error(NOT_POSITIVE),
        },
        _ => ctx.reply.error(SYNTAX),
    }
}

fn pop_one(ctx: &mut Ctx<'_>, key: &[u8]) {
    let hash = ctx.prepare(key);
    let mut rng = ctx.rng.fork();
    let popped = ctx.change_set(hash, key, |set, _| {
        let member = set.as_ref().random(&mut rng).map(|member| member.to_cow().into_owned());
        member.inspect(|member| {
            set.remove(member);
        })
    });
    match popped {
        Changed::WrongType => {}
        Changed::There { result: Some(member), emptied } => {
            ctx.log(&[b"SREM", key, &member]);
            changed(ctx, "spop", key, emptied);
            ctx.reply.bulk(&member);
        }
        Changed::Missing | Changed::There { result: None, .. } => ctx.reply.null(),
    }
}

fn pop_many(ctx: &mut Ctx<'_>, key: &[u8], count: usize) {
    let hash = ctx.prepare(key);
    let len = match set_at(ctx, hash, key) {
        None => return ctx.reply.set(0),
        Some(None) => return ctx.reply.error(WRONG_TYPE),
        Some(Some(_)) if count == 0 => return ctx.reply.set(0),
        Some(Some(set)) => set.len(),
    };
    if count >= len {
        ctx.read_set(key, |set, reply| {
            reply.set(len);
            if let Some(set) = set {
                reply_members(set.iter(), reply);
            }
        });
        ctx.notify(NotifyClasses::SET, "spop", key);
        ctx.delete(hash, key);
        ctx.log(&[b"DEL", key]);
        ctx.effects.set_changes(len as u64);
        return;
    }
    let mut rng = ctx.rng.fork();
    let mut reply = ctx.reply.lend();
    let mut popped: Vec<Vec<u8>> = Vec::with_capacity(count);
    ctx.change_set(hash, key, |set, _| {
        reply.set(count);
        set.take_random(count, &mut rng, |member| {
            reply.bulk(member);
            popped.push(member.to_vec());
        });
    });
    ctx.reply.take_back(reply);
    for members in popped.chunks(MEMBERS_PER_EFFECT) {
        let words = [&b"SREM"[..], key].into_iter().chain(members.iter().map(Vec::as_slice));
        ctx.log(&words.collect::<Vec<_>>());
    }
    ctx.effects.set_changes(count as u64);
    changed(ctx, "spop", key, false);
}

/// `SRANDMEMBER key [count]`
pub(crate) fn srandmember(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if args.len() > 3 {
        return ctx.reply.error(SYNTAX);
    }
    let mut rng = ctx.rng.fork();
    let Some(text) = args.get(2) else {
        ctx.read_set(&args[1], |set, reply| {
            reply_element(set.and_then(|set| set.random(&mut rng)), reply);
        });
        return;
    };
    let Some(number) = integer(ctx, text) else { return };
    if number == i64::MIN {
        let (least, most) = (-i64::MAX, i64::MAX);
        return ctx.reply.error(format!("{OUT_OF_RANGE}, value must between {least} and {most}"));
    }
    let count = usize::try_from(number.unsigned_abs()).unwrap_or(usize::MAX);
    if number < 0 && count > REPEATED_MAX {
        return ctx.reply.error(OUT_OF_RANGE);
    }
    ctx.read_set(&args[1], |set, reply| match set.filter(|_| number != 0) {
        None => reply.array(0),
        Some(set) if number < 0 => {
            reply.array(count);
            for _ in 0..count {
                // A set in a database is not empty.
                reply_element(set.random(&mut rng), reply);
            }
        }
        Some(set) => {
            reply.array(count.min(set.len()));
            set.random_different(count, &mut rng, |member| reply_element(Some(member), reply));
        }
    });
}

/// `SSCAN key cursor [MATCH pattern] [COUNT count]`
pub(crate) fn sscan(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(cursor) = cursor_of(ctx, &args[2]) else { return };
    ctx.read_set(&args[1], |set, reply| {
        scan_elements(args, cursor, set, reply, |set, step| match set {
            SetRef::Integers(_) | SetRef::Packed(_) => {
                for member in set.iter() {
                    if member.with_bytes(|bytes| step.wants(bytes)) {
                        step.tell(member);
                    }
                }
                0
            }
            SetRef::Large(table) => table.scan(step.cursor, step.count, &mut |member| {
                if step.wants(member) {
                    step.tell(ValueRef::Bytes(member));
                }
            }),
        });
    });
}
