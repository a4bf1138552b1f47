//! Trimming streams: `XTRIM`, and what `XADD` and `XTRIM` are told.

use super::stream::{INVALID_ID, changed};
use super::{NOT_AN_INTEGER, SYNTAX, is_word};
use crate::base::number::parse_i64;
use crate::command::ctx::{Ctx, Origin};
use crate::command::typed::Changed;
use crate::keyspace::types::{GivenId, Keep, Stream, StreamId};
use crate::resp::Args;

/// Most entries that an inexact trim removes where no limit is given and nodes have no size.
const LIMIT_WITHOUT_NODE_SIZE: u64 = 10_000;
/// Most entries that an inexact trim removes where no limit is given.
const LIMIT_MAX: u64 = 1_000_000;
/// That many full nodes, otherwise.
const LIMIT_NODES: u64 = 100;

/// How a stream is to be trimmed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trim {
    pub keep: Keep,
    /// `~`: only nodes as a whole.
    pub inexact: bool,
    /// Entries removed at most, 0 for any number.
    pub limit: u64,
    /// The argument that holds the threshold.
    pub threshold_at: usize,
}

/// How an entry is to be added, or what is to be trimmed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Addition {
    /// `NOMKSTREAM`: only to a stream that is there.
    pub only_existing: bool,
    /// The ID, if it is given.
    pub id: Option<GivenId>,
    /// The argument that holds the ID or `*`.
    pub id_at: usize,
    pub trim: Option<Trim>,
}

/// Reads the options of `XADD` up to the ID.
pub(super) fn parse_addition(ctx: &Ctx<'_>, args: &Args<'_>) -> Result<Addition, &'static str> {
    parse(ctx, args, true)
}

fn parse(ctx: &Ctx<'_>, args: &Args<'_>, is_addition: bool) -> Result<Addition, &'static str> {
    let mut addition = Addition::default();
    let (mut limit, mut index) = (None, 2);
    while index < args.len() {
        let has_more = index + 1 < args.len();
        if is_addition && &args[index] == b"*" {
            break;
        } else if has_more && (is_word(args, index, "MAXLEN") || is_word(args, index, "MINID")) {
            if addition.trim.is_some() {
                return Err("ERR syntax error, MAXLEN and MINID options at the same time are not \
                            compatible");
            }
            let trim = parse_trim(args, index)?;
            index = trim.threshold_at;
            addition.trim = Some(trim);
        } else if has_more && is_word(args, index, "LIMIT") {
            let number = parse_i64(&args[index + 1]).ok_or(NOT_AN_INTEGER)?;
            limit =
                Some(u64::try_from(number).map_err(|_| "ERR The LIMIT argument must be >= 0.")?);
            index += 1;
        } else if is_addition && is_word(args, index, "NOMKSTREAM") {
            addition.only_existing = true;
        } else if is_addition {
            addition.id = Some(StreamId::parse_given(&args[index], 0).ok_or(INVALID_ID)?);
            break;
        } else {
            return Err(SYNTAX);
        }
        index += 1;
    }
    addition.id_at = index;
    if addition.trim.is_none() && limit.is_some_and(|limit| limit > 0) {
        return Err(
            "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
        );
    }
    if addition.trim.is_none() && !is_addition {
        return Err("ERR syntax error, XTRIM must be called with a trimming strategy");
    }
    set_limit(ctx, &mut addition, limit)?;
    Ok(addition)
}

/// Reads `MAXLEN` or `MINID` at `index` and what follows.
fn parse_trim(args: &Args<'_>, index: usize) -> Result<Trim, &'static str> {
    let sign = args.get(index + 1).filter(|_| index + 2 < args.len());
    let inexact = sign == Some(b"~");
    let threshold_at = if inexact || sign == Some(b"=") { index + 2 } else { index + 1 };
    let threshold = &args[threshold_at];
    let keep = if is_word(args, index, "MAXLEN") {
        let len = parse_i64(threshold).ok_or(NOT_AN_INTEGER)?;
        Keep::Newest(u64::try_from(len).map_err(|_| "ERR The MAXLEN argument must be >= 0.")?)
    } else {
        Keep::From(StreamId::parse(threshold, 0).ok_or(INVALID_ID)?)
    };
    Ok(Trim { keep, inexact, limit: 0, threshold_at })
}

/// How much an inexact trim may remove. What a master or the log asks for was limited before.
fn set_limit(
    ctx: &Ctx<'_>,
    addition: &mut Addition,
    limit: Option<u64>,
) -> Result<(), &'static str> {
    if ctx.origin != Origin::Client {
        return Ok(());
    }
    let inexact = addition.trim.is_some_and(|trim| trim.inexact);
    if limit.is_some() && !inexact {
        return Err("ERR syntax error, LIMIT cannot be used without the special ~ option");
    }
    if let Some(trim) = addition.trim.as_mut().filter(|trim| trim.inexact) {
        let node = ctx.settings.packed.stream_node_entries as u64;
        trim.limit = limit.unwrap_or_else(|| match node.saturating_mul(LIMIT_NODES) {
            0 => LIMIT_WITHOUT_NODE_SIZE,
            limit => limit.min(LIMIT_MAX),
        });
    }
    Ok(())
}

/// The threshold with which an exact trim does what an inexact one just did.
pub(super) fn rewritten_trim(stream: &Stream, keep: Keep) -> String {
    match keep {
        Keep::Newest(_) => stream.len().to_string(),
        Keep::From(_) if stream.is_empty() => StreamId::MAX.to_string(),
        Keep::From(_) => stream.first_id().to_string(),
    }
}

/// `XTRIM key MAXLEN | MINID [= | ~] threshold [LIMIT count]`
pub(crate) fn xtrim(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    let parsed = parse(ctx, args, false).map(|addition| addition.trim);
    let trim = match parsed {
        Ok(Some(trim)) => trim,
        Ok(None) => return ctx.reply.error(SYNTAX),
        Err(text) => return ctx.reply.error(text),
    };
    let key = &args[1];
    let hash = ctx.prepare(key);
    let trimmed = ctx.change_stream(hash, key, |stream, _| {
        let trimmed = stream.trim(trim.keep, trim.inexact, trim.limit);
        (trimmed, rewritten_trim(stream, trim.keep))
    });
    let (trimmed, threshold) = match trimmed {
        Changed::Missing => return ctx.reply.integer(0),
        Changed::WrongType => return,
        Changed::There { result, .. } => result,
    };
    if trimmed > 0 {
        if trim.inexact {
            let mut words: Vec<&[u8]> = args.iter().collect();
            words[trim.threshold_at - 1] = b"=";
            words[trim.threshold_at] = threshold.as_bytes();
            ctx.log(&words);
        } else {
            ctx.log_verbatim();
        }
        ctx.effects.set_changes(trimmed as u64);
        changed(ctx, key, "xtrim");
    }
    ctx.reply.integer(trimmed as i64);
}
