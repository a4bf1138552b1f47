//! DEBUG PROTOCOL: a reply of each kind the protocol has, for those who test a client. The bytes are
//! redis-server's.

use super::{Call, is_word};
use crate::resp::{Protocol, Reply};

const UNKNOWN: &str = "ERR Wrong protocol type name. Please use one of the following: \
string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false";

/// `DEBUG PROTOCOL <type>`
pub fn protocol(call: &mut Call<'_>) {
    let args = call.args;
    let kind = &args[2];
    let is = |word: &str| is_word(kind, word);
    let is_resp3 = call.session.out.reply.protocol == Protocol::Resp3;
    let reply = call.reply();
    match () {
        () if is("string") => reply.bulk(b"Hello World"),
        () if is("integer") => reply.integer(12345),
        () if is("double") => reply.double_text("3.141"),
        () if is("bignum") => reply.big_number("1234567999999999999999999999999999999"),
        () if is("null") => reply.null(),
        () if is("array") => {
            reply.array(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        () if is("set") => {
            reply.set(3);
            (0..3).for_each(|n| reply.integer(n));
        }
        () if is("map") => {
            reply.map(3);
            for n in 0..3 {
                reply.integer(n);
                reply.boolean(n == 1);
            }
        }
        () if is("attrib") => attribute(reply, is_resp3),
        () if is("push") && !is_resp3 => {
            reply.error("ERR RESP2 is not supported by this command");
        }
        () if is("push") => {
            reply.push(2);
            reply.bulk(b"server-cpu-usage");
            reply.integer(42);
            reply.bulk(b"Some real reply following the push reply");
        }
        () if is("verbatim") => reply.verbatim("txt", b"This is a verbatim\nstring"),
        () if is("true") => reply.boolean(true),
        () if is("false") => reply.boolean(false),
        () => reply.error(UNKNOWN),
    }
}

/// A reply with something beside it that only RESP3 can say.
fn attribute(reply: &mut Reply, is_resp3: bool) {
    if is_resp3 {
        reply.attribute(1);
        reply.bulk(b"key-popularity");
        reply.array(2);
        reply.bulk(b"key:123");
        reply.integer(90);
    }
    reply.bulk(b"Some real reply following the attribute");
}
