//! Commands that need no key: `PING`, `ECHO`, `LOLWUT`.

use super::{arity_error, integer, is_word};
use crate::command::ctx::Ctx;
use crate::resp::Args;

/// `PING [message]`
pub(crate) fn ping(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    match args.len() {
        1 => ctx.reply.simple("PONG"),
        2 => ctx.reply.bulk(&args[1]),
        _ => arity_error(ctx, "ping"),
    }
}

/// `ECHO message`
pub(crate) fn echo(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    ctx.reply.bulk(&args[1]);
}

/// `LOLWUT [VERSION version ...]`
pub(crate) fn lolwut(ctx: &mut Ctx<'_>, args: &Args<'_>) {
    if args.len() > 2 && is_word(args, 1, "VERSION") && integer(ctx, &args[2]).is_none() {
        return;
    }
    let text = concat!("Vellum ver. ", env!("CARGO_PKG_VERSION"), "\n");
    ctx.reply.verbatim("txt", text.as_bytes());
}
