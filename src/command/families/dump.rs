//! Values in serialized form: `DUMP` and `RESTORE`.

use super::{SYNTAX, integer, is_word};
use crate::command::access::Aging;
use crate::command::ctx::{Ctx, Origin, Use};
use crate::command::events::NotifyClasses;
use crate::rdb::dump::{PayloadError, push_payload, read_payload, resealed};
use crate::rdb::lzf::Compressor;
use crate::resp::Args;

/// The codec compresses no shorter string, so the compressor need not be made.
const COMPRESSED_LEN_MIN: usize = 21;

/// `DUMP key`
pub(crate) fn dump(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read(&args[1], Use::Counts, |entry, reply| {
        let Some(entry) = entry else { return reply.null() };
        let value = entry.value();
        let mut payload = Vec::new();
        let short = value.as_string().is_some_and(|string| string.len() < COMPRESSED_LEN_MIN);
        let mut compressor = (!short).then(Compressor::new);
        push_payload(&mut payload, &value, compressor.as_mut());
        reply.bulk(&payload);
    });
}

#[derive(Clone, Copy, Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
}

/// Reads the words of `RESTORE` from argument 4 on, or answers what is wrong.
fn parse_options(ctx: &mut Ctx<'_>, args: &Args<'_>) -> Option<Options> {
    let mut options = Options::default();
    let mut index = 4;
    while index < args.len() {
        let value = args.get(index + 1);
        if is_word(args, index, "REPLACE") {
            options.replace = true;
        } else if is_word(args, index, "ABSTTL") {
            options.absolute = true;
        } else if let (true, Some(value), None) =
            (is_word(args, index, "IDLETIME"), value, options.frequency)
        {
            options.idle_seconds = u64::try_from(integer(ctx, value)?).ok();
            if options.idle_seconds.is_none() {
                ctx.reply.error("ERR Invalid IDLETIME value, must be >= 0");
                return None;
            }
            index += 1;
        } else if let (true, Some(value), None) =
            (is_word(args, index, "FREQ"), value, options.idle_seconds)
        {
            options.frequency = u8::try_from(integer(ctx, value)?).ok();
            if options.frequency.is_none() {
                ctx.reply.error("ERR Invalid FREQ value, must be >= 0 and <= 255");
                return None;
            }
            index += 1;
        } else {
            ctx.reply.error(SYNTAX);
            return None;
        }
        index += 1;
    }
    Some(options)
}

/// `RESTORE key ttl payload [REPLACE] [ABSTTL] [IDLETIME seconds | FREQ counter]`
pub(crate) fn restore(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let Some(options) = parse_options(ctx, args) else { return };
    let hash = ctx.prepare(key);
    if !options.replace && ctx.exists(hash, key) {
        return ctx.reply.error("BUSYKEY Target key name already exists.");
    }
    let Some(ttl) = integer(ctx, &args[2]) else { return };
    let Ok(ttl_ms) = u64::try_from(ttl) else {
        return ctx.reply.error("ERR Invalid TTL value, must be >= 0");
    };
    // What is logged has a checksum that fits: whoever replays it looks.
    let resealed = ctx.settings.payload_checksums_skipped.then(|| resealed(&args[3]));
    let payload = resealed.as_deref().unwrap_or(&args[3]);
    let value = match read_payload(payload, ctx.keyspace.packing()) {
        Ok(value) => value,
        Err(PayloadError::VersionOrChecksum) => {
            return ctx.reply.error("ERR DUMP payload version or checksum are wrong");
        }
        Err(PayloadError::Value(_)) => return ctx.reply.error("ERR Bad data format"),
    };
    let base_ms = if options.absolute { 0 } else { ctx.now_ms };
    let expire_ms = (ttl_ms > 0).then(|| ttl_ms.saturating_add(base_ms));
    let decides = ctx.origin == Origin::Client && !ctx.settings.is_replica;
    if decides && expire_ms.is_some_and(|expire_ms| expire_ms <= ctx.now_ms) {
        if ctx.delete(hash, key) {
            ctx.log(&[b"DEL", key]);
        }
        return ctx.reply.ok();
    }
    let replaces = ctx.exists(hash, key);
    ctx.set(hash, key, value, expire_ms);
    if replaces {
        // What was there counts as deleted before.
        ctx.notify(NotifyClasses::NEW, "new", key);
    }
    set_age(ctx, hash, key, options);
    match expire_ms {
        Some(expire_ms) if !options.absolute => log_changed(ctx, args, payload, Some(expire_ms)),
        _ if resealed.is_some() => log_changed(ctx, args, payload, None),
        _ => ctx.log_verbatim(),
    }
    ctx.notify(NotifyClasses::GENERIC, "restore", key);
    ctx.reply.ok();
}

/// Logs the request with this payload, and with the time it has come to mean.
fn log_changed(ctx: &mut Ctx<'_>, args: &Args<'_>, payload: &[u8], expire_ms: Option<u64>) {
    let mut digits = itoa::Buffer::new();
    let mut words: Vec<&[u8]> = args.iter().collect();
    words[3] = payload;
    if let Some(expire_ms) = expire_ms {
        words[2] = digits.format(expire_ms).as_bytes();
        words.push(b"ABSTTL");
    }
    ctx.log(&words);
}

/// Makes the new entry as old, or as often used, as the request says.
fn set_age(ctx: &mut Ctx<'_>, hash: u64, key: &[u8], options: Options) {
    let frequency_counts = matches!(ctx.settings.aging, Aging::Frequency { .. });
    let word = match (options.idle_seconds, options.frequency) {
        (Some(seconds), _) if !frequency_counts => Aging::word_of_idle(seconds, ctx.now_ms),
        (_, Some(counter)) if frequency_counts => Aging::word_of_frequency(counter, ctx.now_ms),
        _ => return,
    };
    if let Some(entry) = ctx.database().get(hash, key) {
        entry.set_access(word);
    }
}
