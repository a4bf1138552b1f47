//! Publishing: messages of clients and of a master, and keyspace notifications.
//!
//! A message waits for everything written before it, as a reply does for what it shows: who is told of a
//! change can rely on it. It reaches the client that causes it behind that command's reply.

use std::rc::Rc;

use super::executor::Engine;
use super::session::Session;
use crate::command::{Event, NotifyClasses, Origin, Topic};

impl Engine {
    /// Has a client listen to `name`; twice is once.
    pub fn subscribe(&mut self, session: &mut Session, topic: Topic, name: &[u8]) {
        let name: Rc<[u8]> = name.into();
        if session.subscribed.add(topic, &name) {
            self.subscriptions.add(topic, name, session.card.mailbox());
            self.subscriptions_changed(session);
        }
    }

    /// Has a client not listen to `name` any more.
    pub fn unsubscribe(&mut self, session: &mut Session, topic: Topic, name: &[u8]) {
        if session.subscribed.remove(topic, name) {
            self.subscriptions.remove(topic, name, session.card.mailbox());
            self.subscriptions_changed(session);
        }
    }

    /// Has a client listen to nothing: RESET, and a client that left.
    pub fn unsubscribe_all(&mut self, session: &mut Session) {
        for topic in Topic::ALL {
            for name in session.subscribed.names(topic) {
                self.unsubscribe(session, topic, &name);
            }
        }
    }

    fn subscriptions_changed(&mut self, session: &Session) {
        let card = &session.card;
        for (count, topic) in card.subscribed.iter().zip(Topic::ALL) {
            count.set(session.subscribed.count(topic));
        }
        self.renew_notify_classes();
    }

    /// Publishes a message in a channel or a shard channel; returns how many get it.
    pub fn publish(&mut self, topic: Topic, channel: &[u8], message: &[u8]) -> usize {
        let needs = self.message_needs();
        self.subscriptions.deliver(topic, channel, message, needs)
    }

    /// Has commands gather the notifications that are configured, as long as somebody listens.
    pub fn renew_notify_classes(&mut self) {
        let notify = self.settings.notify;
        let is_idle = self.subscriptions.nobody_listens() || !(notify.by_key || notify.by_event);
        self.events().notify_classes = if is_idle { NotifyClasses::NONE } else { notify.classes };
    }

    /// Tells those who track of the changes that have just been made, publishes the notifications of them,
    /// and forgets what happened.
    pub(super) fn tell_listeners(&mut self, origin: Origin) {
        if self.events().is_empty() {
            return;
        }
        let mut events = std::mem::take(self.events());
        if origin != Origin::Replay {
            if self.tracking.is_on() {
                self.invalidate(events.iter());
            }
            for event in events.iter() {
                if let Event::Notify { event, db, key, .. } = event {
                    self.notify(event, db, key);
                }
            }
        }
        events.clear();
        *self.events() = events;
    }

    fn notify(&mut self, event: &str, db: usize, key: &[u8]) {
        let channel =
            |space: &str, name: &[u8]| [format!("__{space}@{db}__:").as_bytes(), name].concat();
        let notify = self.settings.notify;
        if notify.by_key {
            self.publish(Topic::Channel, &channel("keyspace", key), event.as_bytes());
        }
        if notify.by_event {
            self.publish(Topic::Channel, &channel("keyevent", event.as_bytes()), key);
        }
    }
}
