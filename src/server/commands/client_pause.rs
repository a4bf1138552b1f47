//! CLIENT PAUSE and CLIENT UNPAUSE.

use super::{Call, is_word, wrong_subcommand};
use crate::base::number::parse_i64;
use crate::engine::Flow;
use crate::server::pause::PauseMode;

/// `CLIENT PAUSE milliseconds [WRITE|ALL]`
pub fn pause(mut call: Call<'_>) -> Flow {
    if call.args.len() > 4 {
        let text = wrong_subcommand("CLIENT", &call.args[1]);
        call.reply().error(text);
        return Flow::Continue;
    }
    let mode = match call.args.get(3) {
        None => PauseMode::All,
        Some(word) if is_word(word, "write") => PauseMode::Writes,
        Some(word) if is_word(word, "all") => PauseMode::All,
        Some(_) => {
            call.reply().error("ERR CLIENT PAUSE mode must be WRITE or ALL");
            return Flow::Continue;
        }
    };
    let Some(timeout_ms) = parse_i64(&call.args[2]) else {
        call.reply().error("ERR timeout is not an integer or out of range");
        return Flow::Continue;
    };
    let Ok(timeout_ms) = u64::try_from(timeout_ms) else {
        call.reply().error("ERR timeout is negative");
        return Flow::Continue;
    };
    let now_ms = call.engine.now_ms;
    let until_ms = now_ms.saturating_add(timeout_ms);
    if i64::try_from(until_ms).is_err() {
        call.reply().error("ERR timeout is out of range");
        return Flow::Continue;
    }
    call.node.pauses.begin(mode, until_ms, now_ms);
    call.engine.settings.expiry_paused = true;
    call.reply().ok();
    Flow::Continue
}

/// `CLIENT UNPAUSE`
pub fn unpause(mut call: Call<'_>) -> Flow {
    call.node.pauses.end();
    call.engine.settings.expiry_paused = false;
    call.reply().ok();
    Flow::Continue
}
