//! Command families: one file for each group of handlers that share their inner workings.

pub(super) mod bitfield;
pub(super) mod bitmap;
pub(super) mod connection;
pub(super) mod counters;
pub(super) mod database;
pub(super) mod dump;
pub(super) mod edit;
pub(super) mod expiry;
pub(super) mod hash;
pub(super) mod hash_random;
pub(super) mod help;
pub(super) mod hyperloglog;
pub(super) mod introspection;
pub(super) mod keys;
pub(super) mod lcs;
pub(super) mod list;
pub(super) mod list_blocking;
pub(super) mod list_move;
pub(super) mod scan;
pub(super) mod set;
pub(super) mod set_algebra;
pub(super) mod set_members;
pub(super) mod stream;
pub(super) mod stream_claim;
pub(super) mod stream_group;
pub(super) mod stream_group_read;
pub(super) mod stream_info;
pub(super) mod stream_pending;
pub(super) mod stream_read;
pub(super) mod stream_trim;
pub(super) mod strings;
pub(super) mod transfer;
mod wait;
pub(super) mod zset;
pub(super) mod zset_blocking;
pub(super) mod zset_combine;
pub(super) mod zset_pop;
pub(super) mod zset_range;

use super::ctx::Ctx;
use crate::base::number::parse_i64;
use crate::resp::Args;

const SYNTAX: &str = "ERR syntax error";
const NOT_AN_INTEGER: &str = "ERR value is not an integer or out of range";
const DB_OUT_OF_RANGE: &str = "ERR DB index is out of range";

/// What a command says of a key that holds a value of another type.
pub(super) const WRONG_TYPE: &str =
    "WRONGTYPE Operation against a key holding the wrong kind of value";

/// Reads an integer, or answers that it is none.
fn integer(ctx: &mut Ctx<'_>, text: &[u8]) -> Option<i64> {
    let number = parse_i64(text);
    if number.is_none() {
        ctx.reply.error(NOT_AN_INTEGER);
    }
    number
}

/// Reads the number of a database, or answers that there is none of this number.
fn database_index(ctx: &mut Ctx<'_>, text: &[u8]) -> Option<usize> {
    let number = integer(ctx, text)?;
    if i32::try_from(number).is_err() {
        ctx.reply.error(format!(
            "ERR value is out of range, value must between {} and {}",
            i32::MIN,
            i32::MAX
        ));
        return None;
    }
    let index = usize::try_from(number).ok().filter(|&index| index < ctx.keyspace.databases());
    if index.is_none() {
        ctx.reply.error(DB_OUT_OF_RANGE);
    }
    index
}

/// Whether argument `index` is this word, in any case.
fn is_word(args: &Args<'_>, index: usize, word: &str) -> bool {
    args.get(index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
}

/// Answers a number of arguments that the row's arity allows and the command does not.
fn arity_error(ctx: &mut Ctx<'_>, name: &str) {
    ctx.reply.error(format!("ERR wrong number of arguments for '{name}' command"));
}
