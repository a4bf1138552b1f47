//! HyperLogLogs: `PFADD`, `PFCOUNT`, `PFMERGE`, `PFDEBUG`, `PFSELFTEST`.
//!
//! In the log these commands mean what they mean where `hll-sparse-max-bytes` has its default. One that
//! came out differently is logged as the value it led to, so that a replica and a restart have the same
//! bytes under whatever configuration.

use super::bitmap::{log_result, make_raw};
use super::edit::{may_be_string, value_of};
use crate::base::limits::HLL_SPARSE_LEN_MAX_DEFAULT;
use crate::command::ctx::{Ctx, Origin};
use crate::command::events::NotifyClasses;
use crate::command::hll::{self, Encoding, HEADER_LEN, REGISTERS, STALE_AT, Sketch, Unfit};
use crate::keyspace::{NewValue, Value};
use crate::resp::Args;

/// Bytes of an unknown subcommand's name that the answer repeats.
const QUOTED_LEN_MAX: usize = 128;

/// Longest that a sparse one may become by this command, in bytes.
fn sparse_len_max(ctx: &Ctx<'_>) -> usize {
    match ctx.origin {
        Origin::Client => ctx.settings.hll_sparse_len_max,
        Origin::Master | Origin::Replay => HLL_SPARSE_LEN_MAX_DEFAULT,
    }
}

/// The encoding of what a prepared key holds, if there is such a key.
fn encoding_of(ctx: &Ctx<'_>, hash: u64, key: &[u8]) -> Option<Result<Encoding, Unfit>> {
    value_of(ctx, hash, key).map(|value| value.with_bytes(hll::encoding_of))
}

/// A copy of what a prepared key holds, to be changed.
fn sketch_of(ctx: &Ctx<'_>, hash: u64, key: &[u8]) -> Option<Result<Sketch, Unfit>> {
    let value = value_of(ctx, hash, key)?;
    Some(Sketch::of(value.to_cow().into_owned(), sparse_len_max(ctx)))
}

/// Puts a changed sketch under a prepared key, which keeps its time to live.
fn store(ctx: &mut Ctx<'_>, hash: u64, key: &[u8], sketch: Sketch) {
    let bytes = sketch.into_bytes();
    let mut bytes = Some(bytes);
    if value_of(ctx, hash, key).is_none() {
        ctx.set(hash, key, Value::Bytes(bytes.take().unwrap_or_default()), None);
    }
    let Some(mut entry) = ctx.entry_mut(hash, key) else { return };
    if let Some(bytes) = bytes {
        entry.set(NewValue::Moved(bytes));
    }
    make_raw(&mut entry);
    ctx.events.modified(ctx.db, key);
}

/// `PFADD key [element ...]`
pub(crate) fn pfadd(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let key = &args[1];
    let hash = ctx.prepare(key);
    if !may_be_string(ctx, hash, key) {
        return;
    }
    let before = encoding_of(ctx, hash, key);
    if before == Some(Ok(Encoding::Dense)) {
        return add_to_dense(ctx, hash, args);
    }
    let mut sketch = match sketch_of(ctx, hash, key) {
        None => Sketch::new(sparse_len_max(ctx)),
        Some(Ok(sketch)) => sketch,
        Some(Err(unfit)) => return refuse(ctx, unfit),
    };
    let mut changes = u64::from(before.is_none());
    let mut failure = None;
    for element in args.from(2).iter() {
        let (index, rank) = hll::place_of(element);
        match sketch.raise(index, rank) {
            Ok(raised) => changes += u64::from(raised),
            Err(unfit) => {
                failure = Some(unfit);
                break;
            }
        }
    }
    match failure {
        None => {
            if changes > 0 {
                sketch.mark_stale();
                let is_special = sketch.is_special();
                store(ctx, hash, key, sketch);
                added(ctx, hash, key, is_special, changes);
            } else if let Some(mut entry) = ctx.entry_mut(hash, key) {
                make_raw(&mut entry);
            }
            ctx.reply.integer(i64::from(changes > 0));
        }
        Some(unfit) => {
            if changes > 0 {
                // What was added before stays, as in Redis, but is not left out of the log.
                store(ctx, hash, key, sketch);
                log_result(ctx, hash, key, true);
                ctx.effects.set_changes(0);
            } else if let Some(mut entry) = ctx.entry_mut(hash, key) {
                make_raw(&mut entry);
            }
            refuse(ctx, unfit);
        }
    }
}

/// `PFADD` to a dense one: registers are changed where they stand.
fn add_to_dense(ctx: &mut Ctx<'_>, hash: u64, args: &Args<'_>) {
    let key = &args[1];
    let Some(mut entry) = ctx.entry_mut(hash, key) else { return };
    make_raw(&mut entry);
    let mut changes = 0;
    for element in args.from(2).iter() {
        let (index, rank) = hll::place_of(element);
        let Some(string) = entry.as_string() else { return };
        let patch = string.with_bytes(|bytes| {
            (hll::register(bytes, index) < rank).then(|| hll::patch(bytes, index, rank))
        });
        if let Some((at, patch, len)) = patch {
            entry.set_range(at, &patch[..len]);
            changes += 1;
        }
    }
    if changes > 0 {
        let mark = entry.as_string().map_or(0, |string| string.with_bytes(hll::stale_mark));
        entry.set_range(STALE_AT, &[mark]);
        ctx.events.modified(ctx.db, key);
        added(ctx, hash, key, false, changes);
    }
    ctx.reply.integer(i64::from(changes > 0));
}

/// Logs and tells that a key was added to.
fn added(ctx: &mut Ctx<'_>, hash: u64, key: &[u8], is_special: bool, changes: u64) {
    if is_special {
        log_result(ctx, hash, key, true)
    } else {
        ctx.log_verbatim()
    }
    ctx.effects.set_changes(changes);
    ctx.notify(NotifyClasses::STRING, "pfadd", key);
}

fn refuse(ctx: &mut Ctx<'_>, unfit: Unfit) {
    ctx.reply.error(unfit.to_string());
}

/// `PFCOUNT key [key ...]`
pub(crate) fn pfcount(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if args.len() > 2 {
        let mut ranks = vec![0; REGISTERS];
        return match raise_to_all(ctx, &mut ranks, &args.from(1)) {
            None => {}
            Some(Ok(_)) => ctx.reply.integer(hll::count_of(&ranks) as i64),
            Some(Err(unfit)) => refuse(ctx, unfit),
        };
    }
    let key = &args[1];
    let found = ctx.read_string(key, |value, _| {
        value.map(|value| {
            value.with_bytes(|bytes| {
                hll::encoding_of(bytes)?;
                let noted = hll::noted_count(bytes);
                let count = noted.map_or_else(|| hll::count(bytes), Ok)?;
                Ok((count, noted.is_none()))
            })
        })
    });
    match found {
        None => {}
        Some(None) => ctx.reply.integer(0),
        Some(Some(Ok((count, is_new)))) => {
            if ctx.may_note() {
                note(ctx, key, count, is_new);
            }
            ctx.reply.integer(count as i64);
        }
        Some(Some(Err(unfit))) => {
            if unfit == Unfit::Corrupted && ctx.may_note() {
                note(ctx, key, 0, false);
            }
            refuse(ctx, unfit);
        }
    }
}

/// Notes in the value what was counted, if that is not noted: to whoever reads it as a string it is a
/// change.
fn note(ctx: &mut Ctx<'_>, key: &[u8], count: u64, is_new: bool) {
    let hash = ctx.keyspace.hash(key);
    // Reading has counted as a use of the key.
    let Some(mut entry) = ctx.database().get_mut(hash, key) else { return };
    make_raw(&mut entry);
    if is_new {
        let (at, note) = hll::count_note(count);
        entry.set_range(at, &note);
        ctx.events.modified(ctx.db, key);
        ctx.log_verbatim();
    }
}

/// Raises `ranks` to the registers of all `keys`; whether one of these is dense, or `None` with an
/// answer when one is no string.
fn raise_to_all(
    ctx: &mut Ctx<'_>,
    ranks: &mut [u8],
    keys: &Args<'_>,
) -> Option<Result<bool, Unfit>> {
    let mut is_any_dense = false;
    for key in keys.iter() {
        let raised = ctx.read_string(key, |value, _| {
            value.map(|value| {
                value.with_bytes(|bytes| {
                    hll::raise(ranks, bytes)?;
                    hll::encoding_of(bytes)
                })
            })
        });
        match raised?.transpose() {
            Ok(encoding) => is_any_dense |= encoding == Some(Encoding::Dense),
            Err(unfit) => return Some(Err(unfit)),
        }
    }
    Some(Ok(is_any_dense))
}

/// `PFMERGE destkey [sourcekey ...]`
pub(crate) fn pfmerge(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (key, keys) = (&args[1], args.from(1));
    let mut ranks = vec![0; REGISTERS];
    let is_any_dense = match raise_to_all(ctx, &mut ranks, &keys) {
        None => return,
        Some(Ok(is_any_dense)) => is_any_dense,
        Some(Err(unfit)) => return refuse(ctx, unfit),
    };
    let is_any_hidden = keys.iter().any(|key| ctx.is_hidden(key));
    let hash = ctx.prepare(key);
    let sketch = sketch_of(ctx, hash, key);
    let sketch = sketch.unwrap_or_else(|| Ok(Sketch::new(sparse_len_max(ctx))));
    let merged = sketch.and_then(|mut sketch| {
        if is_any_dense {
            sketch.make_dense()?;
        }
        for (index, &rank) in ranks.iter().enumerate().filter(|(_, rank)| **rank > 0) {
            sketch.raise(index, rank)?;
        }
        sketch.mark_stale();
        Ok(sketch)
    });
    match merged {
        Ok(sketch) => {
            let is_special = sketch.is_special() || is_any_hidden;
            store(ctx, hash, key, sketch);
            added(ctx, hash, key, is_special, 1);
            ctx.reply.ok();
        }
        Err(unfit) => refuse(ctx, unfit),
    }
}

/// `PFDEBUG GETREG | DECODE | ENCODING | TODENSE key`
pub(crate) fn pfdebug(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let (subcommand, key) = (&args[1], &args[2]);
    let hash = ctx.prepare(key);
    if !may_be_string(ctx, hash, key) {
        return;
    }
    let encoding = match encoding_of(ctx, hash, key) {
        None => return ctx.reply.error("ERR The specified key does not exist"),
        Some(Ok(encoding)) => encoding,
        Some(Err(unfit)) => return refuse(ctx, unfit),
    };
    if let Some(mut entry) = ctx.entry_mut(hash, key) {
        make_raw(&mut entry);
    }
    let is = |word: &str| subcommand.eq_ignore_ascii_case(word.as_bytes());
    match encoding {
        _ if is("GETREG") => {
            if make_dense(ctx, hash, key).is_some() {
                tell_registers(ctx, hash, key);
            }
        }
        _ if is("TODENSE") => {
            if let Some(was_sparse) = make_dense(ctx, hash, key) {
                ctx.reply.integer(i64::from(was_sparse));
            }
        }
        Encoding::Dense if is("ENCODING") => ctx.reply.simple("dense"),
        Encoding::Sparse if is("ENCODING") => ctx.reply.simple("sparse"),
        Encoding::Dense if is("DECODE") => ctx.reply.error("ERR HLL encoding is not sparse"),
        Encoding::Sparse if is("DECODE") => tell_runs(ctx, hash, key),
        _ => {
            let shown = &subcommand[..subcommand.len().min(QUOTED_LEN_MAX)];
            let text = [b"ERR Unknown PFDEBUG subcommand '", shown, b"'"].concat();
            ctx.reply.error(text);
        }
    }
}

/// Makes what a prepared key holds dense; whether it was not, or `None` with an answer when it cannot be.
fn make_dense(ctx: &mut Ctx<'_>, hash: u64, key: &[u8]) -> Option<bool> {
    let mut sketch = sketch_of(ctx, hash, key)?.ok()?;
    match sketch.make_dense() {
        Ok(was_sparse) => {
            if was_sparse {
                store(ctx, hash, key, sketch);
                ctx.log_verbatim();
            }
            Some(was_sparse)
        }
        Err(unfit) => {
            refuse(ctx, unfit);
            None
        }
    }
}

fn tell_registers(ctx: &mut Ctx<'_>, hash: u64, key: &[u8]) {
    let Some(value) = value_of(ctx, hash, key) else { return };
    let ranks: Vec<u8> =
        value.with_bytes(|bytes| (0..REGISTERS).map(|index| hll::register(bytes, index)).collect());
    ctx.reply.array(ranks.len());
    ranks.iter().for_each(|&rank| ctx.reply.integer(i64::from(rank)));
}

/// Answers the runs of a sparse one: `z` and `Z` for zeros in one byte and in two, `v` for a rank.
fn tell_runs(ctx: &mut Ctx<'_>, hash: u64, key: &[u8]) {
    let Some(value) = value_of(ctx, hash, key) else { return };
    let told: Vec<String> = value.with_bytes(|bytes| {
        let runs = hll::runs(bytes.get(HEADER_LEN..).unwrap_or_default());
        let tell = |run: hll::Run| match (run.rank, run.code_len) {
            (0, 1) => format!("z:{}", run.len),
            (0, _) => format!("Z:{}", run.len),
            (rank, _) => format!("v:{rank},{}", run.len),
        };
        runs.map(tell).collect()
    });
    ctx.reply.bulk(told.join(" ").as_bytes());
}

/// `PFSELFTEST`
pub(crate) fn pfselftest(ctx: &mut Ctx<'_>, _: &Args<'_>) {
    match hll::selftest::run() {
        Ok(()) => ctx.reply.ok(),
        Err(text) => ctx.reply.error(format!("TESTFAILED {text}")),
    }
}
