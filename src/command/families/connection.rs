//! Commands that need no key: `ECHO`, `LOLWUT`.

use super::{integer, is_word};
use crate::command::ctx::Ctx;
use crate::resp::Args;

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
