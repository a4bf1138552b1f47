//! AUTH, HELLO, SELECT, QUIT, RESET.

use super::{Call, number_between};
use crate::base::number::parse_i64;
use crate::base::version::{REDIS_VERSION, VELLUM_VERSION};
use crate::engine::Flow;
use crate::engine::session::{ClientKind, ReplyMode};
use crate::resp::Protocol;

const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";
const NO_PASSWORD_SET: &str = "ERR AUTH <password> called without any password configured for the \
default user. Are you sure your configuration is correct?";

/// `AUTH [username] password`
pub fn auth(mut call: Call<'_>) -> Flow {
    let (user, password) = match call.args.len() {
        2 => (&b"default"[..], &call.args[1]),
        3 => (&call.args[1], &call.args[2]),
        _ => {
            call.reply().error("ERR syntax error");
            return Flow::Continue;
        }
    };
    if call.args.len() == 2 && call.node.config.borrow().requirepass.is_empty() {
        call.reply().error(NO_PASSWORD_SET);
    } else if check_password(&call, user, password) {
        call.session.authenticated = true;
        call.reply().ok();
    } else {
        call.reply().error(WRONG_PASSWORD);
    }
    Flow::Continue
}

fn check_password(call: &Call<'_>, user: &[u8], password: &[u8]) -> bool {
    let config = call.node.config.borrow();
    let required = config.requirepass.as_bytes();
    user == b"default" && (required.is_empty() || equal_in_constant_time(required, password))
}

/// Compares without telling by the time taken where two passwords differ.
fn equal_in_constant_time(secret: &[u8], given: &[u8]) -> bool {
    let mut difference = u8::from(secret.len() != given.len());
    for (index, byte) in given.iter().enumerate() {
        difference |= byte ^ secret[index % secret.len()];
    }
    difference == 0
}

/// `HELLO [version [AUTH user password] [SETNAME name]]`
pub fn hello(mut call: Call<'_>) -> Flow {
    let args = call.args;
    let mut version = None;
    if let Some(text) = args.get(1) {
        match parse_i64(text) {
            Some(2) => version = Some(Protocol::Resp2),
            Some(3) => version = Some(Protocol::Resp3),
            Some(_) => {
                call.reply().error("NOPROTO unsupported protocol version");
                return Flow::Continue;
            }
            None => {
                call.reply().error("ERR Protocol version is not an integer or out of range");
                return Flow::Continue;
            }
        }
    }
    let (mut credentials, mut name) = (None, None);
    let mut index = 2;
    while let Some(option) = args.get(index) {
        let left = args.len() - 1 - index;
        if option.eq_ignore_ascii_case(b"auth") && left >= 2 {
            credentials = Some((&args[index + 1], &args[index + 2]));
            index += 3;
        } else if option.eq_ignore_ascii_case(b"setname") && left >= 1 {
            name = Some(&args[index + 1]);
            index += 2;
        } else {
            call.reply().error([b"ERR Syntax error in HELLO option '", option, b"'"].concat());
            return Flow::Continue;
        }
    }
    if let Some((user, password)) = credentials {
        if !check_password(&call, user, password) {
            call.reply().error(WRONG_PASSWORD);
            return Flow::Continue;
        }
        call.session.authenticated = true;
    }
    if !call.session.authenticated {
        call.reply().error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        );
        return Flow::Continue;
    }
    if let Some(name) = name {
        if !is_valid_name(name) {
            call.reply().error(INVALID_NAME);
            return Flow::Continue;
        }
        call.session.card.name.replace(name.to_vec());
    }
    if let Some(version) = version {
        call.session.speak(version);
    }
    describe_server(&mut call);
    Flow::Continue
}

/// What a client name that holds blanks or worse is answered with.
pub const INVALID_NAME: &str =
    "ERR Client names cannot contain spaces, newlines or special characters.";

/// Whether a client name holds only what `CLIENT LIST` can show.
pub fn is_valid_name(name: &[u8]) -> bool {
    name.iter().all(|b| (b'!'..=b'~').contains(b))
}

fn describe_server(call: &mut Call<'_>) {
    let role = if call.engine.guards.is_replica { "replica" } else { "master" };
    let id = call.session.id() as i64;
    let reply = call.reply();
    let protocol = if reply.protocol == Protocol::Resp3 { 3 } else { 2 };
    reply.map(8);
    for (name, value) in [("server", "redis"), ("version", REDIS_VERSION)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"proto");
    reply.integer(protocol);
    reply.bulk(b"id");
    reply.integer(id);
    for (name, value) in [("mode", "standalone"), ("role", role)] {
        reply.bulk(name.as_bytes());
        reply.bulk(value.as_bytes());
    }
    reply.bulk(b"modules");
    reply.array(0);
    reply.bulk(b"vellum_version");
    reply.bulk(VELLUM_VERSION.as_bytes());
}

/// `SELECT index`
pub fn select(mut call: Call<'_>) -> Flow {
    let (min, max) = (i32::MIN.into(), i32::MAX.into());
    let index = match number_between(&call.args[1], min, max) {
        Ok(index) => index,
        Err(text) => {
            call.reply().error(text);
            return Flow::Continue;
        }
    };
    match usize::try_from(index).ok().filter(|&db| db < call.engine.keyspace.databases()) {
        Some(db) => {
            call.session.db = db;
            call.reply().ok();
        }
        None => call.reply().error("ERR DB index is out of range"),
    }
    Flow::Continue
}

/// `QUIT`
pub fn quit(mut call: Call<'_>) -> Flow {
    call.reply().ok();
    Flow::Close
}

/// `RESET`: the connection as it was when it came.
pub fn reset(mut call: Call<'_>) -> Flow {
    call.engine.forget_transaction(call.session);
    call.engine.unsubscribe_all(call.session);
    call.engine.untrack(call.session);
    let session = &mut *call.session;
    session.db = 0;
    session.reply_mode = ReplyMode::On;
    if session.card.kind.replace(ClientKind::Normal) == ClientKind::Monitor {
        let unsent = call.node.observers.monitors.remove(session.id());
        session.out.reply.raw(&unsent);
    }
    session.card.name.borrow_mut().clear();
    session.card.no_evict.set(false);
    session.card.no_touch.set(false);
    session.speak(Protocol::Resp2);
    session.authenticated = call.node.config.borrow().requirepass.is_empty();
    call.reply().simple("RESET");
    Flow::Continue
}
