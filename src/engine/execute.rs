//! MULTI, EXEC, DISCARD, WATCH and UNWATCH: a transaction is one unit in the log. PING.

use super::executor::{Engine, Host};
use super::gate::Ticket;
use super::service::Flow;
use super::session::Session;
use super::transaction::StateAtWatch;
use crate::command::Event;
use crate::resp::Args;

/// PING: who listens in RESP2 gets the form of a message.
pub(super) fn ping(session: &mut Session, args: &Args<'_>) -> Flow {
    let may_only_listen = session.may_only_listen();
    let reply = &mut session.out.reply;
    match (args.len(), may_only_listen) {
        (1 | 2, true) => {
            reply.array(2);
            reply.bulk(b"pong");
            reply.bulk(args.get(1).unwrap_or_default());
        }
        (1, false) => reply.simple("PONG"),
        (2, false) => reply.bulk(&args[1]),
        _ => reply.error("ERR wrong number of arguments for 'ping' command"),
    }
    Flow::Continue
}

impl Engine {
    pub(super) fn multi(&mut self, session: &mut Session) -> Flow {
        if session.transaction.open {
            session.out.reply.error("ERR MULTI calls can not be nested");
        } else {
            session.transaction.open = true;
            session.out.reply.ok();
        }
        Flow::Continue
    }

    pub(super) fn discard(&mut self, session: &mut Session) -> Flow {
        if !session.transaction.open {
            session.out.reply.error("ERR DISCARD without MULTI");
            return Flow::Continue;
        }
        self.forget_transaction(session);
        session.out.reply.ok();
        Flow::Continue
    }

    /// Closes the session's transaction and its watches: DISCARD, RESET, and a client that left.
    pub fn forget_transaction(&mut self, session: &mut Session) {
        session.transaction.close();
        self.watches.unwatch(&mut session.transaction);
        self.watching_changed();
    }

    pub(super) fn watch(&mut self, session: &mut Session, args: &Args<'_>) -> Flow {
        if session.transaction.open {
            session.out.reply.error("ERR WATCH inside MULTI is not allowed");
            return Flow::Continue;
        }
        if !session.transaction.is_touched() {
            for key in args.from(1).iter() {
                let hash = self.keyspace.hash(key);
                let state = match self.keyspace.db(session.db).get(hash, key) {
                    None => StateAtWatch::Missing,
                    Some(entry) if entry.is_expired(self.now_ms) => StateAtWatch::Expired,
                    Some(_) => StateAtWatch::Present,
                };
                self.watches.watch(&mut session.transaction, session.db, key, state);
            }
            self.watching_changed();
        }
        session.out.reply.ok();
        Flow::Continue
    }

    pub(super) fn unwatch(&mut self, session: &mut Session) -> Flow {
        self.watches.unwatch(&mut session.transaction);
        self.watching_changed();
        session.out.reply.ok();
        Flow::Continue
    }

    /// Answers an EXEC that is refused itself; nothing of the transaction is left.
    pub(super) fn abort(&mut self, session: &mut Session, reason: &[u8]) {
        self.forget_transaction(session);
        // Redis leaves out the most ordinary code only.
        let reason = reason.strip_prefix(b"ERR ").unwrap_or(reason);
        let text = [b"EXECABORT Transaction discarded because of: ", reason].concat();
        session.out.reply.error(text);
    }

    pub(super) fn exec(
        &mut self,
        host: &dyn Host,
        session: &mut Session,
        needs: &mut Ticket,
    ) -> Flow {
        if !session.transaction.open {
            session.out.reply.error("ERR EXEC without MULTI");
            return Flow::Continue;
        }
        if session.transaction.failed {
            self.forget_transaction(session);
            session.out.reply.error("EXECABORT Transaction discarded because of previous errors.");
            return Flow::Continue;
        }
        if session.transaction.is_touched() || self.watched_key_expired(session) {
            self.forget_transaction(session);
            session.out.reply.null_array();
            return Flow::Continue;
        }
        let queue = session.transaction.close();
        // What may not be written now could have been when it was queued.
        let refusal = queue.iter().find_map(|q| self.guards.refusal(q.spec, true, false));
        if let Some(text) = refusal {
            self.abort(session, &text);
            return Flow::Continue;
        }
        self.watches.unwatch(&mut session.transaction);
        self.watching_changed();
        session.out.reply.array(queue.len());
        self.begin_gathering();
        let mut flow = Flow::Continue;
        for queued in &queue {
            match self.call(host, session, queued.spec, &queued.args.as_args(), needs) {
                Flow::Continue => {}
                // Inside a transaction nothing blocks; closing waits for its end.
                Flow::Close => flow = Flow::Close,
                Flow::Block(_) | Flow::Postpone(_) | Flow::TakeOver => {
                    session.out.reply.null();
                }
            }
        }
        if self.end_gathering() {
            session.last_write = self.offset();
            *needs = self.appended().max(*needs);
        }
        flow
    }

    fn watched_key_expired(&self, session: &Session) -> bool {
        let transaction = &session.transaction;
        transaction.watched().iter().any(|w| {
            let entry = self.keyspace.db(w.db).get(self.keyspace.hash(&w.key), &w.key);
            w.state == StateAtWatch::Present && entry.is_some_and(|e| e.is_expired(self.now_ms))
        })
    }

    /// Tells the watchers what the last command changed.
    pub(super) fn tell_watchers(&mut self) {
        if self.events_ref().awaited {
            self.awaken_waiters();
        }
        if self.watches.is_empty() {
            return;
        }
        for event in self.events_ref().iter() {
            match event {
                Event::Modified { db, key, .. } => self.watches.touch(db, key),
                Event::Flushed { db } => self.watches.flushed(db),
                Event::Swapped { first, second } => {
                    self.watches.swapped(first, second, |db, key| {
                        self.keyspace.db(db).get(self.keyspace.hash(key), key).is_some()
                    });
                }
                Event::Notify { .. } => {}
            }
        }
    }
}
