//! CLIENT LIST and CLIENT INFO: one line a client.

use std::io::Write as _;

use super::client_tracking::redirection;
use super::{Call, SYNTAX};
use crate::base::number::parse_i64;
use crate::command::Topic;
use crate::engine::session::{Card, ClientKind};
use crate::engine::{Flow, Peer};
use crate::resp::Protocol;

/// What `TYPE` selects in CLIENT LIST and CLIENT KILL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientType {
    /// Clients that send commands, monitors among them.
    Normal,
    /// Replicas' links.
    Replica,
    /// Clients with subscriptions.
    PubSub,
    /// The link to the master.
    Master,
}

impl ClientType {
    /// The type of this name, in any case.
    pub fn parse(word: &[u8]) -> Option<Self> {
        let names = [
            ("normal", Self::Normal),
            ("slave", Self::Replica),
            ("replica", Self::Replica),
            ("pubsub", Self::PubSub),
            ("master", Self::Master),
        ];
        let is_it = |(name, _): &&(&str, Self)| name.as_bytes().eq_ignore_ascii_case(word);
        names.iter().find(is_it).map(|(_, found)| *found)
    }

    /// The type of a client.
    pub fn of(card: &Card) -> Self {
        match card.kind.get() {
            ClientKind::Replica => Self::Replica,
            _ if card.is_subscribed() => Self::PubSub,
            ClientKind::Normal | ClientKind::Monitor => Self::Normal,
        }
    }
}

/// The error for a word that is no type.
pub fn unknown_type(word: &[u8]) -> Vec<u8> {
    [b"ERR Unknown client type '", word, b"'"].concat()
}

/// The address of the other end, as CLIENT LIST shows it: `ip:port`, `[ip6]:port` or `path:0`.
pub fn remote_address(peer: &Peer) -> String {
    match peer {
        Peer::Tcp(remote, _) => remote.to_string(),
        Peer::Unix(path) => format!("{path}:0"),
    }
}

/// The address of this end.
pub fn local_address(peer: &Peer) -> String {
    match peer {
        Peer::Tcp(_, local) => local.to_string(),
        Peer::Unix(path) => format!("{path}:0"),
    }
}

/// `CLIENT INFO`
pub fn info(call: Call<'_>) -> Flow {
    call.session.publish(call.engine.now_ms, 0);
    let mut line = Vec::new();
    push_line(&mut line, &call.session.card, call.engine.now_ms);
    call.session.out.reply.verbatim("txt", &line);
    Flow::Continue
}

/// `CLIENT LIST [TYPE type | ID id ...]`
pub fn list(mut call: Call<'_>) -> Flow {
    let args = call.args;
    let (mut only_type, mut only_ids) = (None, None);
    if args.len() > 2 {
        let word = &args[2];
        if word.eq_ignore_ascii_case(b"type") && args.len() == 4 {
            match ClientType::parse(&args[3]) {
                Some(found) => only_type = Some(found),
                None => {
                    call.reply().error(unknown_type(&args[3]));
                    return Flow::Continue;
                }
            }
        } else if word.eq_ignore_ascii_case(b"id") && args.len() > 3 {
            let ids: Option<Vec<i64>> = args.from(3).iter().map(parse_i64).collect();
            if ids.is_none() {
                call.reply().error("ERR Invalid client ID");
                return Flow::Continue;
            }
            only_ids = ids;
        } else {
            call.reply().error(SYNTAX);
            return Flow::Continue;
        }
    }
    call.session.publish(call.engine.now_ms, 0);
    let cards = call.node.cards.borrow();
    let now_ms = call.engine.now_ms;
    let mut text = Vec::new();
    match only_ids {
        Some(ids) => {
            for id in ids {
                let card = u64::try_from(id).ok().and_then(|id| cards.get(&id));
                card.into_iter().for_each(|card| push_line(&mut text, card, now_ms));
            }
        }
        None => {
            let wanted = |card: &&std::rc::Rc<Card>| {
                only_type.is_none_or(|wanted| wanted == ClientType::of(card))
            };
            cards.values().filter(wanted).for_each(|card| push_line(&mut text, card, now_ms));
        }
    }
    call.session.out.reply.verbatim("txt", &text);
    Flow::Continue
}

/// Appends the line of one client.
fn push_line(out: &mut Vec<u8>, card: &Card, now_ms: u64) {
    let seconds_since = |then_ms: u64| now_ms.saturating_sub(then_ms) / 1000;
    let output_bytes = card.output_bytes.get();
    let events = if output_bytes > 0 { "rw" } else { "r" };
    let queued = card.queued.get().map_or(-1, |count| count as i64);
    let resp = if card.protocol.get() == Protocol::Resp3 { 3 } else { 2 };
    // Writing to a Vec cannot fail.
    let _ = write!(
        out,
        "id={} addr={} laddr={} fd={} name=",
        card.id,
        remote_address(&card.peer),
        local_address(&card.peer),
        -1,
    );
    out.extend_from_slice(&card.name.borrow());
    let _ = write!(
        out,
        " age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={queued} qbuf={} qbuf-free=0 \
         argv-mem=0 multi-mem={} rbs=0 rbp=0 obl={output_bytes} oll=0 omem=0 tot-mem={} \
         events={events} cmd={} user=default redir={} resp={resp} lib-name=",
        seconds_since(card.connected_ms),
        seconds_since(card.active_ms.get()),
        flags(card),
        card.db.get(),
        card.subscribed_count(Topic::Channel),
        card.subscribed_count(Topic::Pattern),
        card.subscribed_count(Topic::ShardChannel),
        card.query_bytes.get(),
        card.queue_bytes.get(),
        memory_bytes(card),
        card.last_command.get(),
        redirection(card.tracked.borrow().as_ref()),
    );
    out.extend_from_slice(&card.library_name.borrow());
    out.extend_from_slice(b" lib-ver=");
    out.extend_from_slice(&card.library_version.borrow());
    out.push(b'\n');
}

/// Bytes a client takes: what it holds, and its buffers.
pub fn memory_bytes(card: &Card) -> usize {
    size_of::<Card>()
        + card.output_bytes.get()
        + card.query_bytes.get()
        + card.queue_bytes.get()
        + card.name.borrow().len()
}

fn flags(card: &Card) -> String {
    let tracked = card.tracked.borrow();
    let tracked = tracked.as_ref();
    let letters = [
        ('O', card.kind.get() == ClientKind::Monitor),
        ('S', card.kind.get() == ClientKind::Replica),
        ('P', card.is_subscribed()),
        ('x', card.queued.get().is_some()),
        ('b', card.blocked.get().is_some()),
        ('t', tracked.is_some()),
        ('R', tracked.is_some_and(|tracked| tracked.is_broken.get())),
        ('B', tracked.is_some_and(|tracked| tracked.mode.broadcast)),
        ('U', matches!(card.peer, Peer::Unix(_))),
        ('e', card.no_evict.get()),
        ('T', card.no_touch.get()),
    ];
    let set: String =
        letters.iter().filter(|(_, is_set)| *is_set).map(|(letter, _)| letter).collect();
    if set.is_empty() { "N".to_owned() } else { set }
}
