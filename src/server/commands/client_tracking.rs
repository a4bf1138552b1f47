//! CLIENT TRACKING, CACHING, TRACKINGINFO and GETREDIR: client-side caching.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::{Call, NOT_AN_INTEGER, SYNTAX, is_word};
use crate::base::number::parse_i64;
use crate::engine::Flow;
use crate::engine::session::Card;
use crate::engine::tracking::{Redirect, Tracked, TrackingMode};

const NO_SUCH_CLIENT: &str = "ERR The client ID you want redirect to does not exist";
const ONE_REDIRECTION: &str = "ERR A client can only redirect to a single other client";
const PREFIX_WITHOUT_BCAST: &str = "ERR PREFIX option requires BCAST mode to be enabled";
const OTHER_BCAST: &str = "ERR You can't switch BCAST mode on/off before disabling tracking for this \
client, and then re-enabling it with a different mode.";
const BCAST_AND_OPT: &str = "ERR OPTIN and OPTOUT are not compatible with BCAST";
const BOTH_OPT: &str = "ERR You can't specify both OPTIN mode and OPTOUT mode";
const OTHER_OPT: &str = "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this \
client, and then re-enabling it with a different mode.";
const NO_OPT: &str = "ERR CLIENT CACHING can be called only when the client is in tracking mode with \
OPTIN or OPTOUT mode enabled";
const NO_OPT_IN: &str =
    "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.";
const NO_OPT_OUT: &str =
    "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.";

/// What stands behind ON or OFF.
#[derive(Default)]
struct Options<'a> {
    mode: TrackingMode,
    redirect: Option<Redirect>,
    prefixes: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Reads the options. The error is the reply's text.
    fn parse(call: &Call<'a>) -> Result<Self, &'static str> {
        let mut options = Self::default();
        let args = call.args;
        let mut index = 3;
        while let Some(word) = args.get(index) {
            let value = args.get(index + 1);
            match value {
                Some(value) if is_word(word, "redirect") => {
                    options.set_redirect(call, value)?;
                    index += 1;
                }
                Some(value) if is_word(word, "prefix") => {
                    options.prefixes.push(value);
                    index += 1;
                }
                _ if is_word(word, "bcast") => options.mode.broadcast = true,
                _ if is_word(word, "optin") => options.mode.opt_in = true,
                _ if is_word(word, "optout") => options.mode.opt_out = true,
                _ if is_word(word, "noloop") => options.mode.no_loop = true,
                _ => return Err(SYNTAX),
            }
            index += 1;
        }
        Ok(options)
    }

    fn set_redirect(&mut self, call: &Call<'_>, value: &[u8]) -> Result<(), &'static str> {
        if self.redirect.is_some() {
            return Err(ONE_REDIRECTION);
        }
        let id = parse_i64(value).ok_or(NOT_AN_INTEGER)?;
        let cards = call.node.cards.borrow();
        let card = u64::try_from(id).ok().and_then(|id| cards.get(&id));
        let card: &Rc<Card> = card.ok_or(NO_SUCH_CLIENT)?;
        self.redirect = Some(Redirect { id: card.id, card: Rc::downgrade(card) });
        Ok(())
    }

    /// What contradicts itself, or what the client asked for before. The error is the reply's text.
    fn check(&self, before: Option<&Tracked>) -> Result<(), Vec<u8>> {
        let new = self.mode;
        let text = if !new.broadcast && !self.prefixes.is_empty() {
            PREFIX_WITHOUT_BCAST
        } else if before.is_some_and(|before| before.mode.broadcast != new.broadcast) {
            OTHER_BCAST
        } else if new.broadcast && (new.opt_in || new.opt_out) {
            BCAST_AND_OPT
        } else if new.opt_in && new.opt_out {
            BOTH_OPT
        } else if before.is_some_and(|before| {
            (new.opt_in && before.mode.opt_out) || (new.opt_out && before.mode.opt_in)
        }) {
            OTHER_OPT
        } else {
            return self.check_prefixes(before);
        };
        Err(text.into())
    }

    /// No two prefixes of a client may begin alike: it would be told of a key twice.
    fn check_prefixes(&self, before: Option<&Tracked>) -> Result<(), Vec<u8>> {
        let overlap = |one: &[u8], other: &[u8]| one.starts_with(other) || other.starts_with(one);
        let text = |one: &[u8], what: &str, other: &[u8]| {
            let end = &b"'. Prefixes for a single client must not overlap."[..];
            [b"ERR Prefix '", one, b"' overlaps with ", what.as_bytes(), b" '", other, end].concat()
        };
        for (index, one) in self.prefixes.iter().enumerate() {
            let existing = before.into_iter().flat_map(|before| &before.prefixes);
            if let Some(other) = existing.into_iter().find(|other| overlap(one, other)) {
                return Err(text(one, "an existing prefix", other));
            }
            let provided = self.prefixes[index + 1..].iter();
            if let Some(other) = provided.into_iter().find(|other| overlap(one, other)) {
                return Err(text(one, "another provided prefix", other));
            }
        }
        Ok(())
    }

    /// What the client is tracked by from here on.
    fn over(self, before: Option<&Tracked>) -> Tracked {
        let mut prefixes = before.map_or_else(BTreeSet::new, |before| before.prefixes.clone());
        if self.mode.broadcast && self.prefixes.is_empty() {
            prefixes.insert(Rc::from(&b""[..]));
        }
        prefixes.extend(self.prefixes.into_iter().map(Rc::<[u8]>::from));
        Tracked {
            mode: self.mode,
            redirect: self.redirect,
            caching: before.map_or_else(Default::default, |before| before.caching.clone()),
            prefixes,
            ..Tracked::default()
        }
    }
}

/// `CLIENT TRACKING ON|OFF [REDIRECT id] [PREFIX prefix ...] [BCAST] [OPTIN] [OPTOUT] [NOLOOP]`
pub fn tracking(mut call: Call<'_>) -> Flow {
    let options = match Options::parse(&call) {
        Ok(options) => options,
        Err(text) => {
            call.reply().error(text);
            return Flow::Continue;
        }
    };
    let word = &call.args[2];
    if is_word(word, "on") {
        let before = call.session.card.tracked.borrow();
        let tracked = match options.check(before.as_ref()) {
            Ok(()) => options.over(before.as_ref()),
            Err(text) => {
                drop(before);
                call.reply().error(text);
                return Flow::Continue;
            }
        };
        drop(before);
        call.engine.track(call.session, tracked);
        call.reply().ok();
    } else if is_word(word, "off") {
        call.engine.untrack(call.session);
        call.reply().ok();
    } else {
        call.reply().error(SYNTAX);
    }
    Flow::Continue
}

/// `CLIENT CACHING YES|NO`
pub fn caching(call: Call<'_>) -> Flow {
    let tracked = call.session.card.tracked.borrow();
    let reply = &mut call.session.out.reply;
    let Some(tracked) = &*tracked else {
        reply.error(NO_OPT);
        return Flow::Continue;
    };
    let word = &call.args[2];
    let refusal = if is_word(word, "yes") {
        (!tracked.mode.opt_in).then_some(NO_OPT_IN)
    } else if is_word(word, "no") {
        (!tracked.mode.opt_out).then_some(NO_OPT_OUT)
    } else {
        Some(SYNTAX)
    };
    match refusal {
        Some(text) => reply.error(text),
        None => {
            tracked.caching.set(true);
            reply.ok();
        }
    }
    Flow::Continue
}

/// `CLIENT TRACKINGINFO`
pub fn tracking_info(call: Call<'_>) -> Flow {
    let tracked = call.session.card.tracked.borrow();
    let flags = flags(tracked.as_ref());
    let reply = &mut call.session.out.reply;
    reply.map(3);
    reply.bulk(b"flags");
    reply.set(flags.len());
    flags.iter().for_each(|flag| reply.bulk(flag.as_bytes()));
    reply.bulk(b"redirect");
    reply.integer(redirection(tracked.as_ref()));
    reply.bulk(b"prefixes");
    let prefixes = tracked.as_ref().map(|tracked| &tracked.prefixes);
    reply.array(prefixes.map_or(0, BTreeSet::len));
    prefixes.into_iter().flatten().for_each(|prefix| reply.bulk(prefix));
    Flow::Continue
}

fn flags(tracked: Option<&Tracked>) -> Vec<&'static str> {
    let Some(tracked) = tracked else { return vec!["off"] };
    let (mode, caching) = (tracked.mode, tracked.caching.get());
    let all = [
        ("on", true),
        ("bcast", mode.broadcast),
        ("optin", mode.opt_in),
        ("caching-yes", mode.opt_in && caching),
        ("optout", mode.opt_out),
        ("caching-no", mode.opt_out && caching),
        ("noloop", mode.no_loop),
        ("broken_redirect", tracked.is_broken.get()),
    ];
    all.into_iter().filter(|(_, is_set)| *is_set).map(|(flag, _)| flag).collect()
}

/// The connection that gets a client's messages in its place: 0 for none, -1 where it does not track.
pub fn redirection(tracked: Option<&Tracked>) -> i64 {
    tracked.map_or(-1, |tracked| tracked.redirect_id() as i64)
}

/// `CLIENT GETREDIR`
pub fn get_redir(mut call: Call<'_>) -> Flow {
    let id = redirection(call.session.card.tracked.borrow().as_ref());
    call.reply().integer(id);
    Flow::Continue
}
