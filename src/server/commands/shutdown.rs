//! SHUTDOWN.

use super::{Call, SYNTAX, is_word};
use crate::engine::Flow;
use crate::engine::session::Blocked;
use crate::resp::Args;
use crate::server::config::lists::ShutdownOptions;

enum Wish {
    Stop(ShutdownOptions),
    Abort,
}

/// `SHUTDOWN [NOSAVE|SAVE] [NOW] [FORCE] [ABORT]`
pub fn shutdown(mut call: Call<'_>) -> Flow {
    match parse(call.args) {
        Some(Wish::Stop(options)) => {
            call.session.card.blocked.set(Some(Blocked::Held));
            return Flow::Block(call.node.stop.request(options));
        }
        Some(Wish::Abort) if call.node.stop.abort() => call.reply().ok(),
        Some(Wish::Abort) => call.reply().error("ERR No shutdown in progress."),
        None => call.reply().error(SYNTAX),
    }
    Flow::Continue
}

fn parse(args: &Args<'_>) -> Option<Wish> {
    let mut options = ShutdownOptions::default();
    let mut abort = false;
    for word in args.from(1).iter() {
        match () {
            () if is_word(word, "nosave") => options.nosave = true,
            () if is_word(word, "save") => options.save = true,
            () if is_word(word, "now") => options.now = true,
            () if is_word(word, "force") => options.force = true,
            () if is_word(word, "abort") => abort = true,
            () => return None,
        }
    }
    if options.save && options.nosave || abort && options != ShutdownOptions::default() {
        return None;
    }
    Some(if abort { Wish::Abort } else { Wish::Stop(options) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    fn options(text: &str) -> Option<ShutdownOptions> {
        let args = OwnedArgs::from_slices(text.split(' ').map(str::as_bytes));
        match parse(&args.as_args()) {
            Some(Wish::Stop(options)) => Some(options),
            _ => None,
        }
    }

    #[test]
    fn options_are_read_and_contradictions_refused() {
        let all = options("shutdown NOSAVE now Force").unwrap();
        assert!(all.nosave && all.now && all.force && !all.save);
        assert_eq!(options("shutdown"), Some(ShutdownOptions::default()));
        for wrong in ["shutdown foo", "shutdown save nosave", "shutdown abort now"] {
            assert!(options(wrong).is_none());
        }
    }
}
