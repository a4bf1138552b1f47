//! Reading strings: `GET`, `MGET`, `STRLEN`.

use super::WRONG_TYPE;
use crate::base::limits::SHARED_LEN_MIN;
use crate::command::ctx::{Ctx, Use};
use crate::keyspace::{Entry, NewValue, ValueRef};
use crate::resp::{Args, Reply};

/// Answers the string of an entry, or that there is none; false with an answer if the entry holds
/// something else.
pub(super) fn reply_string(entry: Option<&Entry>, reply: &mut Reply) -> bool {
    let Some(entry) = entry else {
        reply.null();
        return true;
    };
    match entry.as_string() {
        Some(ValueRef::Bytes(bytes)) if bytes.len() >= SHARED_LEN_MIN => match entry.shared() {
            Some(string) => reply.bulk_shared(string),
            None => reply.bulk(bytes),
        },
        Some(value) => value.with_bytes(|bytes| reply.bulk(bytes)),
        None => {
            reply.error(WRONG_TYPE);
            return false;
        }
    }
    true
}

/// Answers an element of a collection, or that there is none.
pub(super) fn reply_element(element: Option<ValueRef<'_>>, reply: &mut Reply) {
    match element {
        Some(element) => element.with_bytes(|bytes| reply.bulk(bytes)),
        None => reply.null(),
    }
}

/// Argument `index` as a value: held on to if it is long, and not copied.
pub(super) fn new_string<'a>(args: &Args<'a>, index: usize) -> NewValue<'a> {
    match args.shared(index) {
        Some(string) => NewValue::Shared(string),
        None => ValueRef::from_string(args.get(index).unwrap_or_default()).into(),
    }
}

/// `GET key`
pub(crate) fn get(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read(&args[1], Use::Counts, reply_string);
}

/// `MGET key [key ...]`
pub(crate) fn mget(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.reply.array(args.len() - 1);
    for key in args.from(1).iter() {
        // What is no string is as good as missing here.
        ctx.read(key, Use::Counts, |entry, reply| {
            reply_string(entry.filter(|entry| entry.is_string()), reply);
        });
    }
}

/// `STRLEN key`
pub(crate) fn strlen(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.read_string(&args[1], |value, reply| {
        reply.integer(value.map_or(0, |value| value.len() as i64));
    });
}
