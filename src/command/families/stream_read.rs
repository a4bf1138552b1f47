//! Reading what is new in streams: `XREAD`.

use super::stream::{reply_range, strict_id};
use super::wait::{Timeout, milliseconds, wait};
use super::{NOT_AN_INTEGER, SYNTAX, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::Ctx;
use crate::command::waiting::{Kind, Nothing, Wanted};
use crate::keyspace::types::StreamId;
use crate::resp::{Args, Protocol};

/// What `XREAD` and `XREADGROUP` are told before the streams.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    /// The group and the consumer.
    pub group: Option<(&'a [u8], &'a [u8])>,
    /// Nothing is to be acknowledged.
    pub no_ack: bool,
    /// Most entries of each stream.
    pub max: usize,
    /// How many streams there are.
    pub streams: usize,
    /// The argument that is the first stream; the IDs follow the streams.
    pub first: usize,
    /// How long to wait for entries, if at all.
    pub block: Option<Timeout>,
}

impl Reading<'_> {
    /// What is waited for where there is nothing to be read: the request as it is, or another one.
    pub fn wanted(&self, args: &Args<'_>, again: Option<Vec<Vec<u8>>>) -> Option<Wanted> {
        let keys = args.from(self.first).iter().take(self.streams).map(<[u8]>::to_vec).collect();
        let nothing = Nothing::NullArray;
        let timeout_ms = self.block?;
        let kind = if self.group.is_some() { Kind::Group } else { Kind::Stream };
        Some(Wanted { kind, keys, timeout_ms, nothing, again })
    }
}

/// Reads the options, or answers what is wrong.
pub(super) fn parse_reading<'a>(
    ctx: &mut Ctx<'_>,
    args: &Args<'a>,
    of_group: bool,
) -> Option<Reading<'a>> {
    let parsed = parse(args, of_group, ctx.now_ms);
    parsed.map_err(|text| ctx.reply.error(text)).ok()
}

fn parse<'a>(args: &Args<'a>, of_group: bool, now_ms: u64) -> Result<Reading<'a>, String> {
    let mut reading =
        Reading { group: None, no_ack: false, max: usize::MAX, streams: 0, first: 0, block: None };
    let only_group = |option: &str| {
        format!(
            "ERR The {option} option is only supported by XREADGROUP. You called XREAD instead."
        )
    };
    let mut index = 1;
    while index < args.len() && reading.first == 0 {
        let more = args.len() - index - 1;
        if more > 0 && is_word(args, index, "BLOCK") {
            reading.block = Some(milliseconds(&args[index + 1], now_ms)?);
            index += 1;
        } else if more > 0 && is_word(args, index, "COUNT") {
            let count = parse_i64(&args[index + 1]).ok_or(NOT_AN_INTEGER)?;
            let max = usize::try_from(count).unwrap_or(0);
            reading.max = if max == 0 { usize::MAX } else { max };
            index += 1;
        } else if more > 0 && is_word(args, index, "STREAMS") {
            if !more.is_multiple_of(2) {
                return Err("ERR Unbalanced XREAD list of streams: for each stream key an ID or \
                            '$' must be specified."
                    .to_owned());
            }
            (reading.first, reading.streams) = (index + 1, more / 2);
        } else if more >= 2 && is_word(args, index, "GROUP") {
            if !of_group {
                return Err(only_group("GROUP"));
            }
            reading.group = args.get(index + 1).zip(args.get(index + 2));
            index += 2;
        } else if is_word(args, index, "NOACK") {
            if !of_group {
                return Err(only_group("NOACK"));
            }
            reading.no_ack = true;
        } else {
            return Err(SYNTAX.to_owned());
        }
        index += 1;
    }
    if reading.first == 0 {
        return Err(SYNTAX.to_owned());
    }
    if of_group && reading.group.is_none() {
        return Err("ERR Missing GROUP option for XREADGROUP".to_owned());
    }
    Ok(reading)
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`
pub(crate) fn xread(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let Some(reading) = parse_reading(ctx, args, false) else { return };
    let mut found = Vec::new();
    let mut afters = Vec::new();
    for index in reading.first..reading.first + reading.streams {
        let text = &args[index + reading.streams];
        let Some(last) = ctx.read_stream(&args[index], |stream, _| {
            stream.map(|stream| (stream.last, stream.last_entry()))
        }) else {
            return;
        };
        let after = match text {
            b"$" => last.map_or(StreamId::ZERO, |(last, _)| last),
            b">" => {
                return ctx.reply.error(
                    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP \
                     <group> <consumer> option.",
                );
            }
            text => match strict_id(ctx, text, 0) {
                Some(id) => id,
                None => return,
            },
        };
        afters.push(after);
        let newest = last.and_then(|(_, newest)| newest);
        if newest.is_some_and(|newest| newest > after) {
            found.push((index, after));
        }
    }
    if found.is_empty() {
        // Where it waits, the end of a stream is that of now.
        let words = args.iter().take(reading.first + reading.streams).map(<[u8]>::to_vec);
        let again = words.chain(afters.iter().map(|after| after.to_string().into_bytes()));
        return match reading.block.and_then(|_| reading.wanted(args, Some(again.collect()))) {
            Some(wanted) => wait(ctx, wanted),
            None => ctx.reply.null_array(),
        };
    }
    let is_resp3 = ctx.reply.protocol == Protocol::Resp3;
    if is_resp3 {
        ctx.reply.map(found.len())
    } else {
        ctx.reply.array(found.len())
    }
    for (index, after) in found {
        ctx.read_stream(&args[index], |stream, reply| {
            if !is_resp3 {
                reply.array(2);
            }
            reply.bulk(&args[index]);
            if let Some((stream, start)) = stream.zip(after.next()) {
                reply_range(stream, (start, StreamId::MAX), false, reading.max, reply);
            }
        });
    }
}
