//! One client as the engine sees it: its database, protocol, transaction and identity.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use super::gate::Ticket;
use super::mailbox::{Mailbox, Message};
use super::outbound::Outbound;
use super::service::Peer;
use super::subscriptions::Subscribed;
use super::tracking::Tracked;
use super::transaction::Transaction;
use crate::base::Offset;
use crate::command::Topic;
use crate::resp::{Args, Protocol};

/// What a connection is, for limits and `CLIENT LIST`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientKind {
    /// Sends commands.
    #[default]
    Normal,
    /// Watches all commands (`MONITOR`).
    Monitor,
    /// A replica's link.
    Replica,
}

/// Whether replies are sent (`CLIENT REPLY`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplyMode {
    /// They are.
    #[default]
    On,
    /// None is until `CLIENT REPLY ON`.
    Off,
    /// The next command's is not; set by `CLIENT REPLY SKIP` itself.
    SkipNext,
    /// This command's is not.
    SkipThis,
}

/// What a replica says of itself before `PSYNC` (`REPLCONF`).
#[derive(Clone, Debug, Default)]
pub struct ReplicaHandshake {
    /// The port it listens on.
    pub listening_port: i32,
    /// The address it wants to be known by, empty for the peer's.
    pub ip_address: String,
    /// It reads an RDB framed by `$EOF:`.
    pub eof: bool,
    /// It speaks PSYNC as of Redis 4.
    pub psync2: bool,
    /// It wants only the snapshot (`redis-cli --rdb`).
    pub rdb_only: bool,
    /// It wants a snapshot without keys (`redis-cli --replica`).
    pub without_keys: bool,
    /// What it asked for by `PSYNC`; nothing by `SYNC`.
    pub request: Option<StreamRequest>,
}

/// The arguments of `PSYNC`.
#[derive(Clone, Debug)]
pub struct StreamRequest {
    /// The replication ID, or `?`.
    pub replid: Vec<u8>,
    /// The offset of the next byte wanted, or `-1`.
    pub offset: Vec<u8>,
}

/// What others may see of a client: `CLIENT LIST`, `CLIENT KILL`, `MONITOR`.
///
/// Kept apart from [`Session`] so that a command of one client can look at all of them.
#[derive(Debug)]
pub struct Card {
    /// The client's number, never given twice.
    pub id: u64,
    /// Who is at the other end.
    pub peer: Peer,
    /// Unix time of connecting, in milliseconds.
    pub connected_ms: u64,
    /// Unix time of the last command, in milliseconds.
    pub active_ms: Cell<u64>,
    /// What kind of connection it is.
    pub kind: Cell<ClientKind>,
    /// The selected database.
    pub db: Cell<usize>,
    /// The protocol it speaks.
    pub protocol: Cell<Protocol>,
    /// The full name of the last command (`config|get`).
    pub last_command: Cell<&'static str>,
    /// Commands queued by MULTI, if it is open.
    pub queued: Cell<Option<usize>>,
    /// Bytes of queued commands.
    pub queue_bytes: Cell<usize>,
    /// Number of watched keys.
    pub watched: Cell<usize>,
    /// Channels, patterns and shard channels listened to, in the order of [`Topic::ALL`].
    pub subscribed: [Cell<usize>; 3],
    /// Bytes of replies not yet sent.
    pub output_bytes: Cell<usize>,
    /// Bytes of the query buffer.
    pub query_bytes: Cell<usize>,
    /// Blocked in a command; how `CLIENT UNBLOCK` may end it.
    pub blocked: Cell<Option<Blocked>>,
    /// `CLIENT SETNAME`.
    pub name: RefCell<Vec<u8>>,
    /// `CLIENT SETINFO LIB-NAME`.
    pub library_name: RefCell<Vec<u8>>,
    /// `CLIENT SETINFO LIB-VER`.
    pub library_version: RefCell<Vec<u8>>,
    /// `CLIENT NO-EVICT`.
    pub no_evict: Cell<bool>,
    /// `CLIENT NO-TOUCH`.
    pub no_touch: Cell<bool>,
    /// `CLIENT TRACKING`.
    pub tracked: RefCell<Option<Tracked>>,
    /// Somebody empties its mailbox: it is connected, and no replica.
    pub takes_mail: Cell<bool>,
    /// Messages for it; there once it has got any, or has listened to anything.
    mailbox: OnceCell<Rc<Mailbox>>,
}

impl Card {
    /// Whether it listens to anything.
    pub fn is_subscribed(&self) -> bool {
        self.subscribed.iter().any(|count| count.get() > 0)
    }

    /// Where messages for it are put.
    pub(super) fn mailbox(&self) -> &Rc<Mailbox> {
        self.mailbox.get_or_init(|| Rc::new(Mailbox::new(self.id)))
    }

    /// How many names of a kind it listens to.
    pub fn subscribed_count(&self, topic: Topic) -> usize {
        self.subscribed[topic as usize].get()
    }
}

/// How a blocked client may be woken by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocked {
    /// In `WAIT` or `WAITAOF`: with the reply that its timeout would give.
    Acks {
        /// The offset waited for.
        offset: Offset,
        /// Whether disks count (`WAITAOF`).
        on_disk: bool,
    },
    /// By something at a key.
    Keys,
    /// Not by `CLIENT UNBLOCK`.
    Held,
}

/// The state of one client.
#[derive(Debug)]
pub struct Session {
    /// What others may see.
    pub card: Rc<Card>,
    /// The selected database.
    pub db: usize,
    /// Replies on their way out.
    pub out: Outbound,
    /// Whether commands are allowed (no password, or given).
    pub authenticated: bool,
    /// `CLIENT REPLY`.
    pub reply_mode: ReplyMode,
    /// MULTI, the queue and the watched keys.
    pub transaction: Transaction,
    /// What it listens to.
    pub subscribed: Subscribed,
    /// Whether it tracks keys: its card says how.
    pub(super) is_tracked: bool,
    /// What `REPLCONF` said.
    pub replica: ReplicaHandshake,
    /// The stream offset behind this client's last write, for `WAIT` and `WAITAOF`.
    pub last_write: Offset,
    /// The connection is closed once its replies are sent.
    pub closing: bool,
}

impl Session {
    /// A fresh session.
    pub fn new(id: u64, peer: Peer, authenticated: bool, now_ms: u64) -> Self {
        let card = Card {
            id,
            peer,
            connected_ms: now_ms,
            active_ms: Cell::new(now_ms),
            kind: Cell::default(),
            db: Cell::new(0),
            protocol: Cell::default(),
            last_command: Cell::new("NULL"),
            queued: Cell::new(None),
            queue_bytes: Cell::new(0),
            watched: Cell::new(0),
            subscribed: Default::default(),
            output_bytes: Cell::new(0),
            query_bytes: Cell::new(0),
            blocked: Cell::new(None),
            name: RefCell::default(),
            library_name: RefCell::default(),
            library_version: RefCell::default(),
            no_evict: Cell::new(false),
            no_touch: Cell::new(false),
            tracked: RefCell::default(),
            takes_mail: Cell::new(true),
            mailbox: OnceCell::new(),
        };
        Self {
            card: Rc::new(card),
            db: 0,
            out: Outbound::default(),
            authenticated,
            reply_mode: ReplyMode::On,
            transaction: Transaction::default(),
            subscribed: Subscribed::default(),
            is_tracked: false,
            replica: ReplicaHandshake::default(),
            last_write: Offset::ZERO,
            closing: false,
        }
    }

    /// The client's number.
    pub fn id(&self) -> u64 {
        self.card.id
    }

    /// Changes the protocol, from the next reply on.
    pub fn speak(&mut self, protocol: Protocol) {
        self.out.reply.protocol = protocol;
        self.card.protocol.set(protocol);
    }

    /// Whether it may only change what it listens to: messages come between replies, and RESP2 has no way
    /// to tell one from the other.
    pub fn may_only_listen(&self) -> bool {
        self.card.mailbox.get().is_some()
            && self.out.reply.protocol == Protocol::Resp2
            && self.card.is_subscribed()
    }

    /// Whether messages wait.
    pub fn has_mail(&self) -> bool {
        self.card.mailbox.get().is_some_and(|mailbox| !mailbox.is_empty())
    }

    /// Bytes of messages that wait and are going to be sent.
    pub fn mail_bytes(&self) -> usize {
        let mailbox = self.card.mailbox.get().filter(|_| !self.closing);
        mailbox.map_or(0, |mailbox| mailbox.len_bytes())
    }

    /// Puts waiting messages behind the replies, as replies of their own. A connection that is being
    /// closed gets no more of them.
    pub fn take_in_mail(&mut self, released: Ticket) {
        if self.closing {
            self.card.mailbox.get().into_iter().for_each(|mailbox| mailbox.clear());
        } else if self.has_mail() {
            let needs = self.mix_in_mail();
            self.out.seal(needs, released);
        }
    }

    /// Puts waiting messages behind the replies of the running batch; what that now has to wait for.
    pub(super) fn mix_in_mail(&mut self) -> Ticket {
        let reply = &mut self.out.reply;
        let first_byte = if reply.protocol == Protocol::Resp3 { b'>' } else { b'*' };
        let mailbox = self.card.mailbox.get();
        mailbox.map_or(Ticket::NONE, |mailbox| mailbox.empty_into(&mut reply.buffer, first_byte))
    }

    /// Has what was written since byte `start` of the reply buffer, one push, sent even where replies are
    /// not (`CLIENT REPLY`).
    pub fn keep_push(&mut self, start: usize) {
        if !matches!(self.reply_mode, ReplyMode::Off | ReplyMode::SkipThis) {
            return;
        }
        let push = self.out.reply.buffer.get(start + 1..).unwrap_or_default();
        self.card.mailbox().put(&Message::from_encoded(push), Ticket::NONE);
        self.out.cut_to(start);
    }

    /// Whether the keys of the command under way are remembered, for client-side caching.
    pub(super) fn remembers(&self) -> bool {
        self.is_tracked && self.card.tracked.borrow().as_ref().is_some_and(Tracked::remembers)
    }

    /// The word of `CLIENT CACHING` is for the next command, a transaction where one begins, and not used
    /// up by CLIENT commands.
    pub(super) fn forget_caching(&self, args: &Args<'_>) {
        let is_client = args.get(0).is_some_and(|name| name.eq_ignore_ascii_case(b"client"));
        if !is_client && !self.transaction.open {
            self.card.tracked.borrow().iter().for_each(|tracked| tracked.caching.set(false));
        }
    }

    /// Brings the card up to date after a batch of commands.
    pub fn publish(&self, now_ms: u64, query_bytes: usize) {
        let card = &self.card;
        card.active_ms.set(now_ms);
        card.db.set(self.db);
        card.protocol.set(self.out.reply.protocol);
        card.output_bytes.set(self.out.pending_bytes());
        card.query_bytes.set(query_bytes);
        let transaction = &self.transaction;
        card.queued.set(transaction.open.then_some(transaction.queue.len()));
        card.watched.set(transaction.watched_count());
    }
}
