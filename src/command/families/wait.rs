//! What all commands share that may wait: reading how long, and saying what for.

use crate::base::extended::{Extended, Parsed};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::waiting::{Nothing, Wanted};

/// How long to wait: for ever, or so many milliseconds.
pub(super) type Timeout = Option<u64>;

/// Reads a time in seconds; answers if it is none.
pub(super) fn seconds(ctx: &mut Ctx<'_>, text: &[u8]) -> Option<Timeout> {
    let ms = match Extended::parse(text) {
        Some(Parsed::Finite(_)) => {
            let seconds = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
            seconds.map(|seconds| (seconds * 1000.0).ceil())
        }
        Some(Parsed::Infinite) => Some(f64::INFINITY),
        None => None,
    };
    let Some(ms) = ms else {
        ctx.reply.error("ERR timeout is not a float or out of range");
        return None;
    };
    if ms < 0.0 {
        ctx.reply.error("ERR timeout is negative");
        return None;
    }
    if ms >= latest_ms(ctx.now_ms) as f64 {
        ctx.reply.error("ERR timeout is out of range");
        return None;
    }
    Some((ms > 0.0).then_some(ms as u64))
}

/// Reads a time in milliseconds; `Err` is the error's text.
pub(super) fn milliseconds(text: &[u8], now_ms: u64) -> Result<Timeout, &'static str> {
    let ms = parse_i64(text).ok_or("ERR timeout is not an integer or out of range")?;
    let ms = u64::try_from(ms).map_err(|_| "ERR timeout is negative")?;
    if ms > latest_ms(now_ms) {
        return Err("ERR timeout is out of range");
    }
    Ok((ms > 0).then_some(ms))
}

/// The longest time after `now_ms` that can be told from never.
fn latest_ms(now_ms: u64) -> u64 {
    (i64::MAX as u64).saturating_sub(now_ms)
}

/// Waits, or answers that nothing is there where nothing may wait.
pub(super) fn wait(ctx: &mut Ctx<'_>, wanted: Wanted) {
    if ctx.waiting.may_wait() {
        return ctx.waiting.want(wanted);
    }
    match wanted.nothing {
        Nothing::NullArray => ctx.reply.null_array(),
        Nothing::Null => ctx.reply.null(),
    }
}
