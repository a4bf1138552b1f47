//! CLIENT, what a client says of itself: ID, names, REPLY, NO-EVICT, NO-TOUCH.

use super::connection::{INVALID_NAME, is_valid_name};
use super::{Call, SYNTAX, is_word, on_or_off};
use crate::engine::Flow;
use crate::engine::session::ReplyMode;

/// `CLIENT ID`
pub fn id(mut call: Call<'_>) -> Flow {
    let id = call.session.id() as i64;
    call.reply().integer(id);
    Flow::Continue
}

/// `CLIENT SETNAME name`
pub fn set_name(mut call: Call<'_>) -> Flow {
    let name = &call.args[2];
    if is_valid_name(name) {
        call.session.card.name.replace(name.to_vec());
        call.reply().ok();
    } else {
        call.reply().error(INVALID_NAME);
    }
    Flow::Continue
}

/// `CLIENT GETNAME`
pub fn get_name(call: Call<'_>) -> Flow {
    let name = call.session.card.name.borrow();
    let reply = &mut call.session.out.reply;
    if name.is_empty() {
        reply.null()
    } else {
        reply.bulk(&name)
    }
    Flow::Continue
}

/// `CLIENT SETINFO LIB-NAME|LIB-VER value`
pub fn set_info(mut call: Call<'_>) -> Flow {
    let (attribute, value) = (&call.args[2], &call.args[3]);
    let card = &call.session.card;
    let target = if is_word(attribute, "lib-name") {
        &card.library_name
    } else if is_word(attribute, "lib-ver") {
        &card.library_version
    } else {
        let text = [b"ERR Unrecognized option '", attribute, b"'"].concat();
        call.reply().error(text);
        return Flow::Continue;
    };
    if is_valid_name(value) {
        target.replace(value.to_vec());
        call.reply().ok();
    } else {
        let reason = b" cannot contain spaces, newlines or special characters.";
        call.reply().error([b"ERR ", attribute, &reason[..]].concat());
    }
    Flow::Continue
}

/// `CLIENT REPLY ON|OFF|SKIP`
pub fn reply_mode(mut call: Call<'_>) -> Flow {
    let word = &call.args[2];
    if is_word(word, "on") {
        call.session.reply_mode = ReplyMode::On;
        call.reply().ok();
    } else if is_word(word, "off") {
        call.session.reply_mode = ReplyMode::Off;
    } else if is_word(word, "skip") {
        if call.session.reply_mode != ReplyMode::Off {
            call.session.reply_mode = ReplyMode::SkipNext;
        }
    } else {
        call.reply().error(SYNTAX);
    }
    Flow::Continue
}

/// `CLIENT NO-EVICT ON|OFF`
pub fn no_evict(mut call: Call<'_>) -> Flow {
    if let Some(on) = on_or_off(&mut call, 2) {
        call.session.card.no_evict.set(on);
        call.reply().ok();
    }
    Flow::Continue
}

/// `CLIENT NO-TOUCH ON|OFF`
pub fn no_touch(mut call: Call<'_>) -> Flow {
    if let Some(on) = on_or_off(&mut call, 2) {
        call.session.card.no_touch.set(on);
        call.reply().ok();
    }
    Flow::Continue
}
