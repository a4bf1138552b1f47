//! SLAVEOF/REPLICAOF, ROLE, REPLCONF, SYNC, PSYNC, WAIT, WAITAOF.

use std::rc::Rc;
use std::time::Duration;

use super::{Call, NOT_AN_INTEGER, is_word, number_between};
use crate::base::number::parse_i64;
use crate::base::{Offset, ReplId};
use crate::engine::Flow;
use crate::engine::blocking::DEMOTED;
use crate::engine::service::Answer;
use crate::engine::session::{Blocked, Card, StreamRequest};
use crate::log::Identity;
use crate::replication::psync::{Backlog, Request, decide};
use crate::replication::{Goal, MasterAddress, Reached};
use crate::resp::encode::{push_command_header, push_decimal};
use crate::server::config::lists;

/// Longest address a replica may give for itself, in bytes.
const IP_LEN_MAX: usize = 255;

/// `REPLICAOF host port | NO ONE`
pub fn replicaof(mut call: Call<'_>) -> Flow {
    let args = call.args;
    if is_word(&args[1], "no") && is_word(&args[2], "one") {
        call.node.replication.promote(call.engine);
        call.node.config.borrow_mut().replicaof.0 = None;
        call.reply().ok();
        return Flow::Continue;
    }
    let port = parse_i64(&args[2]).and_then(|port| u16::try_from(port).ok());
    let (Some(port), Ok(host)) = (port, std::str::from_utf8(&args[1])) else {
        call.reply().error("ERR Invalid master port");
        return Flow::Continue;
    };
    let address = MasterAddress { host: host.to_owned(), port };
    let replication = &call.node.replication;
    if replication.master().is_some_and(|link| link.address == address) {
        call.reply().simple("OK Already connected to specified master");
        return Flow::Continue;
    }
    call.node.config.borrow_mut().replicaof.0 =
        Some(lists::MasterAddress { host: host.to_owned(), port });
    replication.follow(call.engine, address, true);
    call.reply().ok();
    Flow::Continue
}

/// `ROLE`
pub fn role(call: Call<'_>) -> Flow {
    let offset = call.engine.offset().get() as i64;
    let replication = &call.node.replication;
    let reply = &mut call.session.out.reply;
    if let Some(link) = replication.master() {
        reply.array(5);
        reply.bulk(b"slave");
        reply.bulk(link.address.host.as_bytes());
        reply.integer(link.address.port.into());
        reply.bulk(link.state.get().as_str().as_bytes());
        reply.integer(if link.is_up() { offset } else { -1 });
        return Flow::Continue;
    }
    let online: Vec<_> = replication.replicas.all().into_iter().filter(|r| r.is_online()).collect();
    reply.array(3);
    reply.bulk(b"master");
    reply.integer(offset);
    reply.array(online.len());
    for replica in online {
        reply.array(3);
        reply.bulk(replica.ip.as_bytes());
        reply.bulk(replica.port.to_string().as_bytes());
        reply.bulk(replica.acked.get().to_string().as_bytes());
    }
    Flow::Continue
}

/// `REPLCONF name value ...`: what a replica says of itself before it asks for the stream. What it says
/// afterwards does not come this way.
pub fn replconf(mut call: Call<'_>) -> Flow {
    let args = call.args;
    if args.len().is_multiple_of(2) {
        call.reply().error("ERR syntax error");
        return Flow::Continue;
    }
    for index in (1..args.len()).step_by(2) {
        let (name, value) = (&args[index], &args[index + 1]);
        let known = &mut call.session.replica;
        let problem = if is_word(name, "listening-port") {
            match parse_i64(value) {
                // Redis takes any number, and shows an int of it.
                Some(port) => {
                    known.listening_port = port as i32;
                    None
                }
                None => Some(NOT_AN_INTEGER.to_owned()),
            }
        } else if is_word(name, "ip-address") {
            match std::str::from_utf8(value).ok().filter(|ip| ip.len() <= IP_LEN_MAX) {
                Some(ip) => {
                    known.ip_address = ip.to_owned();
                    None
                }
                None => Some(format!(
                    "ERR REPLCONF ip-address provided by replica instance is too long: {} bytes",
                    value.len()
                )),
            }
        } else if is_word(name, "capa") {
            known.eof |= is_word(value, "eof");
            known.psync2 |= is_word(value, "psync2");
            None
        } else if is_word(name, "rdb-only") {
            number_between(value, 0, 1).map(|flag| known.rdb_only = flag == 1).err()
        } else if is_word(name, "rdb-filter-only") {
            // There are no functions, so what a list of filters leaves is nothing.
            let unknown =
                value.split(|b| *b == b' ').find(|w| !w.is_empty() && !is_word(w, "functions"));
            known.without_keys = unknown.is_none();
            unknown.map(|word| {
                let word = String::from_utf8_lossy(word);
                format!("ERR Unsupported rdb-filter-only option: {word}")
            })
        } else if is_word(name, "ack") || is_word(name, "fack") || is_word(name, "getack") {
            // Of a client that is no replica: not answered, and means nothing.
            return Flow::Continue;
        } else {
            Some(format!("ERR Unrecognized REPLCONF option: {}", String::from_utf8_lossy(name)))
        };
        if let Some(problem) = problem {
            call.reply().error(problem);
            return Flow::Continue;
        }
    }
    call.reply().ok();
    Flow::Continue
}

/// `PSYNC replid offset`
pub fn psync(mut call: Call<'_>) -> Flow {
    let (replid, offset) = (&call.args[1], &call.args[2]);
    let Some(request) = Request::parse(replid, offset) else {
        call.reply().error(NOT_AN_INTEGER);
        return Flow::Continue;
    };
    call.session.replica.request =
        Some(StreamRequest { replid: replid.to_vec(), offset: offset.to_vec() });
    hand_over(call, &request)
}

/// `SYNC`
pub fn sync(call: Call<'_>) -> Flow {
    call.session.replica.request = None;
    hand_over(call, &Request::Plain)
}

fn hand_over(mut call: Call<'_>, request: &Request) -> Flow {
    let is_cut_off = call.node.replication.master().is_some_and(|link| !link.is_up());
    // A data set whose master may have gone on is not given to others; the log is the same for all.
    if is_cut_off && decide(request, &backlog(&call)).is_err() {
        call.reply().error("NOMASTERLINK Can't SYNC while not connected with my master");
        return Flow::Continue;
    }
    Flow::TakeOver
}

fn backlog(call: &Call<'_>) -> Backlog {
    let identity = call.node.replication.identity(call.engine);
    let start = call.engine.log.as_ref().map_or(Offset::ZERO, |log| log.status().backlog_start);
    let identity = identity.unwrap_or(Identity::new(ReplId::NONE));
    Backlog { identity, start, end: call.engine.offset() }
}

/// `WAIT replicas timeout`
pub fn wait(mut call: Call<'_>) -> Flow {
    if call.engine.guards.is_replica {
        let text = "ERR WAIT cannot be used with replica instances. Please also note that since Redis \
                    4.0 if a replica is configured to be writable (which is not the default) writes \
                    to replicas are just local and are not propagated.";
        call.reply().error(text);
        return Flow::Continue;
    }
    let Some(replicas) = parse_i64(&call.args[1]) else {
        call.reply().error(NOT_AN_INTEGER);
        return Flow::Continue;
    };
    let goal = Goal::Applied { replicas: usize::try_from(replicas).unwrap_or(0) };
    begin(call, goal, 2)
}

/// `WAITAOF local replicas timeout`
pub fn waitaof(mut call: Call<'_>) -> Flow {
    let local = match number_between(&call.args[1], 0, 1) {
        Ok(number) => number == 1,
        Err(text) => {
            call.reply().error(text);
            return Flow::Continue;
        }
    };
    let replicas = parse_i64(&call.args[2]).and_then(|count| usize::try_from(count).ok());
    let Some(replicas) = replicas else {
        call.reply().error("ERR value is out of range, must be positive");
        return Flow::Continue;
    };
    if call.engine.guards.is_replica {
        let text = "ERR WAITAOF cannot be used with replica instances. Please also note that writes \
                    to replicas are just local and are not propagated.";
        call.reply().error(text);
        return Flow::Continue;
    }
    if local && !call.engine.has_durable_log() {
        let text = "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
        call.reply().error(text);
        return Flow::Continue;
    }
    begin(call, Goal::Durable { local, replicas }, 3)
}

/// Answers at once if the goal is reached, or waits.
fn begin(mut call: Call<'_>, goal: Goal, timeout_at: usize) -> Flow {
    let timeout_ms = match parse_i64(&call.args[timeout_at]) {
        Some(timeout_ms) => timeout_ms,
        None => {
            call.reply().error("ERR timeout is not an integer or out of range");
            return Flow::Continue;
        }
    };
    let Ok(timeout_ms) = u64::try_from(timeout_ms) else {
        call.reply().error("ERR timeout is negative");
        return Flow::Continue;
    };
    let replication = &call.node.replication;
    let offset = call.session.last_write;
    let reached = replication.reached(call.engine, goal, offset);
    if goal.is_met(reached) || call.engine.is_in_transaction() {
        call.reply().raw(&encode(goal, reached));
        return Flow::Continue;
    }
    replication.ask_for_acks(call.engine);
    let Some(replication) = replication.handle().upgrade() else { return Flow::Close };
    let timeout = (timeout_ms > 0).then(|| Duration::from_millis(timeout_ms));
    let on_disk = matches!(goal, Goal::Durable { .. });
    let blocked = BlockedNote::set(&call.session.card, Blocked::Acks { offset, on_disk });
    Flow::Block(Box::pin(async move {
        let reached = replication.wait_for(goal, offset, timeout).await;
        drop(blocked);
        Answer::of(match reached {
            Some(reached) => encode(goal, reached),
            None => DEMOTED.to_vec(),
        })
    }))
}

/// What a client that waits for acknowledgements of `offset` would be answered now.
pub(super) fn acks_so_far(call: &Call<'_>, offset: Offset, on_disk: bool) -> Vec<u8> {
    let goal = if on_disk {
        Goal::Durable { local: false, replicas: 0 }
    } else {
        Goal::Applied { replicas: 0 }
    };
    encode(goal, call.node.replication.reached(call.engine, goal, offset))
}

fn encode(goal: Goal, reached: Reached) -> Vec<u8> {
    let mut out = Vec::new();
    let integer = |out: &mut Vec<u8>, number: usize| {
        out.push(b':');
        push_decimal(out, number);
        out.extend_from_slice(b"\r\n");
    };
    if let Goal::Durable { .. } = goal {
        push_command_header(&mut out, 2);
        integer(&mut out, usize::from(reached.local));
    }
    integer(&mut out, reached.replicas);
    out
}

/// Shows a client as blocked for as long as it lives.
struct BlockedNote(Rc<Card>);

impl BlockedNote {
    fn set(card: &Rc<Card>, how: Blocked) -> Self {
        card.blocked.set(Some(how));
        Self(Rc::clone(card))
    }
}

impl Drop for BlockedNote {
    fn drop(&mut self) {
        self.0.blocked.set(None);
    }
}
