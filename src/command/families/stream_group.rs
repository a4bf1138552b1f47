//! Groups of streams: making and removing them and their consumers, and acknowledging.

use super::NOT_AN_INTEGER;
use super::stream::{INVALID_ID, changed, strict_id};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::events::NotifyClasses;
use crate::command::typed::Changed;
use crate::keyspace::types::{Group, Pending, Stream, StreamId};
use crate::keyspace::{Content, types::CollectionRef};
use crate::resp::{Args, Reply};

const NO_KEY: &str = "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you \
                      may want to use the MKSTREAM option to create an empty stream automatically.";

/// What is put together of parts: an error with names in it, each as far as a C string goes.
pub(super) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    let cut = |part: &&[u8]| part.split(|&b| b == 0).next().unwrap_or_default().to_vec();
    parts.iter().flat_map(cut).collect()
}

/// What is said where there is no such key or group.
pub(super) fn no_group(key: &[u8], group: &[u8]) -> Vec<u8> {
    joined(&[b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'"])
}

/// What is said where a key has no such group.
pub(super) fn no_such_group(key: &[u8], group: &[u8]) -> Vec<u8> {
    joined(&[b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"])
}

/// What is said of options that a subcommand does not have.
pub(super) fn subcommand_error(args: &Args<'_>) -> Vec<u8> {
    let subcommand = &args[1][..args[1].len().min(128)];
    let container = args[0].to_ascii_uppercase();
    joined(&[
        b"ERR unknown subcommand or wrong number of arguments for '",
        subcommand,
        b"'. Try ",
        &container,
        b" HELP.",
    ])
}

/// Whether a prepared key holds a stream; `None` if there is no such key.
fn holds_stream(ctx: &Ctx<'_>, hash: u64, key: &[u8]) -> Option<bool> {
    let entry = ctx.keyspace.db(ctx.db).get(hash, key)?;
    Some(matches!(entry.value(), Content::Collection(CollectionRef::Stream(_))))
}

/// Hands the stream at `key`, which is to be changed, to `f`; `Err` is an error's text. `None` with an
/// answer where there is no stream.
pub(super) fn change_or<R>(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    missing: &[u8],
    f: impl FnOnce(&mut Stream, &mut Reply) -> Result<R, Vec<u8>>,
) -> Option<R> {
    let hash = ctx.prepare(key);
    let mut reply = ctx.reply.lend();
    let result = ctx.change_stream(hash, key, |stream, _| f(stream, &mut reply));
    ctx.reply.take_back(reply);
    match result {
        Changed::Missing => ctx.reply.error(missing),
        Changed::WrongType => {}
        Changed::There { result: Ok(result), .. } => return Some(result),
        Changed::There { result: Err(text), .. } => ctx.reply.error(text),
    }
    None
}

/// Logs who has a pending entry now, as `XCLAIM`; `last` is what the group has been given.
pub(super) fn log_claim(
    ctx: &mut Ctx<'_>,
    (key, group, consumer): (&[u8], &[u8], &[u8]),
    pending: Pending,
    last: StreamId,
) {
    let (id, last) = (pending.id.to_string(), last.to_string());
    let (mut time, mut count) = (itoa::Buffer::new(), itoa::Buffer::new());
    ctx.log(&[
        b"XCLAIM",
        key,
        group,
        consumer,
        b"0",
        id.as_bytes(),
        b"TIME",
        time.format(pending.delivered_ms).as_bytes(),
        b"RETRYCOUNT",
        count.format(pending.deliveries).as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        last.as_bytes(),
    ]);
}

/// Logs what a group has been given, as `XGROUP SETID`.
pub(super) fn log_last(
    ctx: &mut Ctx<'_>,
    (key, group): (&[u8], &[u8]),
    last: StreamId,
    entries_read: Option<u64>,
) {
    let last = last.to_string();
    let read = entries_read.map_or("-1".to_owned(), |read| read.to_string());
    let words: [&[u8]; 7] =
        [b"XGROUP", b"SETID", key, group, last.as_bytes(), b"ENTRIESREAD", read.as_bytes()];
    ctx.log(&words);
}

/// Logs a new consumer and tells of it.
pub(super) fn log_consumer(ctx: &mut Ctx<'_>, key: &[u8], group: &[u8], consumer: &[u8]) {
    ctx.log(&[b"XGROUP", b"CREATECONSUMER", key, group, consumer]);
}

/// Tells of a change to a group.
pub(super) fn tell(ctx: &mut Ctx<'_>, key: &[u8], event: &'static str) {
    ctx.notify(NotifyClasses::STREAM, event, key);
}

/// The options of `XGROUP CREATE` and `XGROUP SETID`.
#[derive(Clone, Copy, Debug, Default)]
struct Options {
    make_stream: bool,
    entries_read: Option<u64>,
}

fn options(args: &Args<'_>, may_make: bool) -> Result<Options, Vec<u8>> {
    let mut options = Options::default();
    let mut index = 5;
    while index < args.len() {
        if may_make && super::is_word(args, index, "MKSTREAM") {
            options.make_stream = true;
        } else if super::is_word(args, index, "ENTRIESREAD") && index + 1 < args.len() {
            let read = parse_i64(&args[index + 1]).ok_or(NOT_AN_INTEGER)?;
            options.entries_read = u64::try_from(read).ok();
            if read < -1 {
                return Err(b"ERR value for ENTRIESREAD must be positive or -1".to_vec());
            }
            index += 1;
        } else {
            return Err(subcommand_error(args));
        }
        index += 1;
    }
    Ok(options)
}

/// `XGROUP CREATE key group id | $ [MKSTREAM] [ENTRIESREAD entries-read]`
pub(crate) fn xgroup_create(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let options = match options(args, true) {
        Ok(options) => options,
        Err(text) => return ctx.reply.error(text),
    };
    let (key, name) = (&args[2], &args[3]);
    let hash = ctx.prepare(key);
    match holds_stream(ctx, hash, key) {
        Some(false) => return ctx.reply.error(super::WRONG_TYPE),
        None if !options.make_stream => return ctx.reply.error(NO_KEY),
        _ => {}
    }
    if args.len() > 8 {
        return ctx.reply.error(subcommand_error(args));
    }
    let last = match &args[4] {
        b"$" => None,
        text => match strict_id(ctx, text, 0) {
            None => return,
            id => id,
        },
    };
    let is_new = !ctx.exists(hash, key);
    let added = ctx.make_stream(hash, key, |stream, _| {
        let group = Group::new(last.unwrap_or(stream.last), options.entries_read);
        stream.add_group(name, group)
    });
    if is_new {
        ctx.events.modified(ctx.db, key);
    }
    if added != Some(true) {
        return ctx.reply.error("BUSYGROUP Consumer Group name already exists");
    }
    ctx.log_verbatim();
    tell(ctx, key, "xgroup-create");
    ctx.reply.ok();
}

/// `XGROUP SETID key group id | $ [ENTRIESREAD entries-read]`
pub(crate) fn xgroup_setid(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let options = match options(args, false) {
        Ok(options) => options,
        Err(text) => return ctx.reply.error(text),
    };
    let (key, name, text) = (&args[2], &args[3], &args[4]);
    let set = change_or(ctx, key, NO_KEY.as_bytes(), |stream, _| {
        let newest = stream.last;
        let set = stream.change_group(name, |group| {
            if args.len() != 5 && args.len() != 7 {
                return Err(subcommand_error(args));
            }
            group.last = match text {
                b"$" => newest,
                b"-" => StreamId::ZERO,
                b"+" => StreamId::MAX,
                text => StreamId::parse(text, 0).ok_or(INVALID_ID)?,
            };
            group.entries_read = options.entries_read;
            Ok(())
        });
        set.unwrap_or_else(|| Err(no_such_group(key, name)))
    });
    if set.is_some() {
        ctx.log_verbatim();
        tell(ctx, key, "xgroup-setid");
        ctx.reply.ok();
    }
}

/// `XGROUP DESTROY key group`
pub(crate) fn xgroup_destroy(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name) = (&args[2], &args[3]);
    let removed = change_or(ctx, key, NO_KEY.as_bytes(), |stream, _| Ok(stream.remove_group(name)));
    let Some(removed) = removed else { return };
    if removed {
        ctx.log_verbatim();
        // Those who wait as its consumers are told that it is gone.
        ctx.events.ready(ctx.db, key);
        tell(ctx, key, "xgroup-destroy");
    }
    ctx.reply.integer(i64::from(removed));
}

/// `XGROUP CREATECONSUMER key group consumer`
pub(crate) fn xgroup_createconsumer(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name, consumer) = (&args[2], &args[3], &args[4]);
    let now_ms = ctx.now_ms;
    let added = change_or(ctx, key, NO_KEY.as_bytes(), |stream, _| {
        let added = stream.change_group(name, |group| {
            let is_new = group.number(consumer).is_none();
            if is_new {
                group.add_consumer(consumer, now_ms);
            }
            is_new
        });
        added.ok_or_else(|| no_such_group(key, name))
    });
    let Some(added) = added else { return };
    if added {
        ctx.log_verbatim();
        tell(ctx, key, "xgroup-createconsumer");
    }
    ctx.reply.integer(i64::from(added));
}

/// `XGROUP DELCONSUMER key group consumer`
pub(crate) fn xgroup_delconsumer(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name, consumer) = (&args[2], &args[3], &args[4]);
    let removed = change_or(ctx, key, NO_KEY.as_bytes(), |stream, _| {
        let removed = stream.change_group(name, |group| group.remove_consumer(consumer));
        removed.ok_or_else(|| no_such_group(key, name))
    });
    let Some(removed) = removed else { return };
    if removed.is_some() {
        ctx.log_verbatim();
        tell(ctx, key, "xgroup-delconsumer");
    }
    ctx.reply.integer(removed.unwrap_or(0) as i64);
}

/// `XACK key group id [id ...]`
pub(crate) fn xack(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, name) = (&args[1], &args[2]);
    let hash = ctx.prepare(key);
    let acknowledged = ctx.change_stream(hash, key, |stream, _| {
        let acknowledged = stream.change_group(name, |group| {
            let ids: Option<Vec<_>> =
                args.from(3).iter().map(|id| StreamId::parse(id, 0)).collect();
            ids.map(|ids| ids.into_iter().filter(|&id| group.remove_pending(id)).count())
        });
        acknowledged.unwrap_or(Some(0))
    });
    match acknowledged {
        Changed::Missing => ctx.reply.integer(0),
        Changed::WrongType => {}
        Changed::There { result: None, .. } => ctx.reply.error(INVALID_ID),
        Changed::There { result: Some(acknowledged), .. } => {
            if acknowledged > 0 {
                ctx.log_verbatim();
                ctx.effects.set_changes(acknowledged as u64);
            }
            ctx.reply.integer(acknowledged as i64);
        }
    }
}

/// What `XSETID` sets.
struct Counters {
    last: StreamId,
    added: Option<u64>,
    max_deleted: StreamId,
}

fn parse_counters(args: &Args<'_>) -> Result<Counters, &'static str> {
    let last = StreamId::parse(&args[2], 0).ok_or(INVALID_ID)?;
    let mut counters = Counters { last, added: None, max_deleted: StreamId::ZERO };
    for index in (3..args.len()).step_by(2) {
        let Some(text) = args.get(index + 1) else { return Err(super::SYNTAX) };
        if super::is_word(args, index, "ENTRIESADDED") {
            let added = parse_i64(text).ok_or(NOT_AN_INTEGER)?;
            let added = u64::try_from(added).map_err(|_| "ERR entries_added must be positive")?;
            counters.added = Some(added);
        } else if super::is_word(args, index, "MAXDELETEDID") {
            counters.max_deleted = StreamId::parse(text, 0).ok_or(INVALID_ID)?;
            if last < counters.max_deleted {
                return Err("ERR The ID specified in XSETID is smaller than the provided \
                            max_deleted_entry_id");
            }
        } else {
            return Err(super::SYNTAX);
        }
    }
    Ok(counters)
}

/// `XSETID key last-id [ENTRIESADDED entries-added] [MAXDELETEDID max-deleted-id]`
pub(crate) fn xsetid(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let counters = match parse_counters(args) {
        Ok(counters) => counters,
        Err(text) => return ctx.reply.error(text),
    };
    let key = &args[1];
    let set = change_or(ctx, key, b"ERR no such key", |stream, _| {
        if stream.last_entry().is_some_and(|newest| counters.last < newest) {
            return Err(
                "ERR The ID specified in XSETID is smaller than the target stream top item".into(),
            );
        }
        if counters.added.is_some_and(|added| !stream.is_empty() && added < stream.len() as u64) {
            return Err("ERR The entries_added specified in XSETID is smaller than the target \
                        stream length"
                .into());
        }
        stream.last = counters.last;
        stream.added = counters.added.unwrap_or(stream.added);
        if counters.max_deleted != StreamId::ZERO {
            stream.max_deleted = counters.max_deleted;
        }
        Ok(())
    });
    if set.is_some() {
        ctx.log_verbatim();
        changed(ctx, key, "xsetid");
        ctx.reply.ok();
    }
}
