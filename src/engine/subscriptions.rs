//! Who listens to what: channels, patterns of channels, shard channels.
//!
//! What a client listens to is kept twice, by name here and by client in its session; the two always say
//! the same, because only [`Engine::subscribe`](super::Engine::subscribe) and its relatives change them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::gate::Ticket;
use super::mailbox::{Mailbox, Message};
use crate::base::glob;
use crate::command::Topic;

/// What one client listens to.
#[derive(Debug, Default)]
pub struct Subscribed {
    names: [BTreeSet<Rc<[u8]>>; 3],
}

impl Subscribed {
    /// How many of a kind.
    pub fn count(&self, topic: Topic) -> usize {
        self.names[topic as usize].len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.names.iter().all(BTreeSet::is_empty)
    }

    /// The names of a kind, in their order.
    pub fn names(&self, topic: Topic) -> Vec<Rc<[u8]>> {
        self.names[topic as usize].iter().cloned().collect()
    }

    pub(super) fn add(&mut self, topic: Topic, name: &Rc<[u8]>) -> bool {
        self.names[topic as usize].insert(Rc::clone(name))
    }

    pub(super) fn remove(&mut self, topic: Topic, name: &[u8]) -> bool {
        self.names[topic as usize].remove(name)
    }
}

/// Those who listen, in the order in which they began to.
type Listeners = Vec<Rc<Mailbox>>;

/// All that anybody listens to, by name. A name that nobody listens to is not there.
#[derive(Debug, Default)]
pub struct Subscriptions {
    channels: HashMap<Rc<[u8]>, Listeners>,
    /// In their order, which is that of a client's messages when several of its patterns match.
    patterns: BTreeMap<Rc<[u8]>, Listeners>,
    shard_channels: HashMap<Rc<[u8]>, Listeners>,
    /// Mailboxes that the network layer is to look into.
    announced: Vec<Rc<Mailbox>>,
}

impl Subscriptions {
    /// Names of a kind that are listened to.
    pub fn count(&self, topic: Topic) -> usize {
        match topic {
            Topic::Channel => self.channels.len(),
            Topic::Pattern => self.patterns.len(),
            Topic::ShardChannel => self.shard_channels.len(),
        }
    }

    /// Whether nobody can get a message of an ordinary channel.
    pub fn nobody_listens(&self) -> bool {
        self.channels.is_empty() && self.patterns.is_empty()
    }

    /// Clients that listen to this name itself.
    pub fn listeners(&self, topic: Topic, name: &[u8]) -> usize {
        let found = match topic {
            Topic::Channel => self.channels.get(name),
            Topic::Pattern => self.patterns.get(name),
            Topic::ShardChannel => self.shard_channels.get(name),
        };
        found.map_or(0, Vec::len)
    }

    /// The names of a kind that are listened to and match `pattern`, in no order.
    pub fn names(&self, topic: Topic, pattern: Option<&[u8]>) -> Vec<&[u8]> {
        let matches = |name: &&[u8]| pattern.is_none_or(|pattern| glob::matches(pattern, name));
        match topic {
            Topic::Channel => self.channels.keys().map(|name| &**name).filter(matches).collect(),
            Topic::Pattern => self.patterns.keys().map(|name| &**name).filter(matches).collect(),
            Topic::ShardChannel => {
                self.shard_channels.keys().map(|name| &**name).filter(matches).collect()
            }
        }
    }

    pub(super) fn add(&mut self, topic: Topic, name: Rc<[u8]>, mailbox: &Rc<Mailbox>) {
        let listeners = match topic {
            Topic::Channel => self.channels.entry(name).or_default(),
            Topic::Pattern => self.patterns.entry(name).or_default(),
            Topic::ShardChannel => self.shard_channels.entry(name).or_default(),
        };
        listeners.push(Rc::clone(mailbox));
    }

    pub(super) fn remove(&mut self, topic: Topic, name: &[u8], mailbox: &Rc<Mailbox>) {
        let found = match topic {
            Topic::Channel => self.channels.get_mut(name),
            Topic::Pattern => self.patterns.get_mut(name),
            Topic::ShardChannel => self.shard_channels.get_mut(name),
        };
        let Some(listeners) = found else { return };
        listeners.retain(|listener| !Rc::ptr_eq(listener, mailbox));
        if listeners.is_empty() {
            match topic {
                Topic::Channel => drop(self.channels.remove(name)),
                Topic::Pattern => drop(self.patterns.remove(name)),
                Topic::ShardChannel => drop(self.shard_channels.remove(name)),
            }
        }
    }

    /// Gives a message to everybody who listens to the channel or shard channel of this name; returns how
    /// many times.
    pub(super) fn deliver(
        &mut self,
        topic: Topic,
        channel: &[u8],
        message: &[u8],
        needs: Ticket,
    ) -> usize {
        let is_shard = topic == Topic::ShardChannel;
        let Self { channels, patterns, shard_channels, announced } = self;
        let mut receivers = 0;
        let mut give = |listeners: &Listeners, words: &[&[u8]]| {
            let message = Message::new(words);
            for mailbox in listeners {
                mailbox.put(&message, needs);
                if !mailbox.set_announced(true) {
                    announced.push(Rc::clone(mailbox));
                }
            }
            receivers += listeners.len();
        };
        let (exact, word): (_, &[u8]) =
            if is_shard { (shard_channels, b"smessage") } else { (channels, b"message") };
        if let Some(listeners) = exact.get(channel) {
            give(listeners, &[word, channel, message]);
        }
        if !is_shard {
            for (pattern, listeners) in patterns {
                if glob::matches(pattern, channel) {
                    give(listeners, &[b"pmessage", pattern, channel, message]);
                }
            }
        }
        receivers
    }

    /// Puts a message into a mailbox that the network layer then looks into.
    pub(super) fn post(&mut self, mailbox: &Rc<Mailbox>, message: &Message, needs: Ticket) {
        mailbox.put(message, needs);
        if !mailbox.set_announced(true) {
            self.announced.push(Rc::clone(mailbox));
        }
    }

    /// Whether the network layer has mailboxes to look into.
    pub fn has_mail(&self) -> bool {
        !self.announced.is_empty()
    }

    /// Takes the mailboxes that the network layer is to look into.
    pub fn take_mail(&mut self) -> impl Iterator<Item = u64> {
        self.announced.drain(..).map(|mailbox| {
            mailbox.set_announced(false);
            mailbox.client()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(mailbox: &Mailbox) -> String {
        let mut out = Vec::new();
        mailbox.empty_into(&mut out, b'*');
        let words = out.split(|&b| b == b'\n').filter(|line| !line.starts_with(b"$"));
        let words = words.map(|line| String::from_utf8_lossy(line).trim().to_owned());
        words.collect::<Vec<_>>().join(" ").trim().to_owned()
    }

    #[test]
    fn a_message_goes_to_channel_and_patterns_once_each() {
        let mut all = Subscriptions::default();
        let (one, other) = (Rc::new(Mailbox::new(1)), Rc::new(Mailbox::new(2)));
        let name = |text: &str| -> Rc<[u8]> { text.as_bytes().into() };
        all.add(Topic::Pattern, name("n*"), &one);
        all.add(Topic::Pattern, name("*s"), &one);
        all.add(Topic::Channel, name("news"), &one);
        all.add(Topic::Channel, name("news"), &other);
        all.add(Topic::ShardChannel, name("news"), &other);
        assert_eq!(all.deliver(Topic::Channel, b"news", b"x", Ticket::NONE), 4);
        assert_eq!(text(&one), "*3 message news x *4 pmessage *s news x *4 pmessage n* news x");
        assert_eq!(text(&other), "*3 message news x");
        assert_eq!(all.deliver(Topic::ShardChannel, b"news", b"y", Ticket::NONE), 1);
        assert_eq!((text(&one), text(&other)), (String::new(), "*3 smessage news y".to_owned()));
        assert_eq!(all.deliver(Topic::Channel, b"other", b"z", Ticket::NONE), 0);
        assert!(all.has_mail());
        assert_eq!(all.take_mail().collect::<Vec<_>>(), [1, 2], "each is announced once");
        assert!(!all.has_mail());
    }

    #[test]
    fn names_that_nobody_listens_to_are_forgotten() {
        let mut all = Subscriptions::default();
        let (one, other) = (Rc::new(Mailbox::new(1)), Rc::new(Mailbox::new(2)));
        for topic in Topic::ALL {
            for mailbox in [&one, &other] {
                all.add(topic, b"a"[..].into(), mailbox);
            }
            assert_eq!((all.count(topic), all.listeners(topic, b"a")), (1, 2));
            assert_eq!(all.names(topic, Some(b"?")), [b"a"]);
            assert!(all.names(topic, Some(b"b")).is_empty());
            all.remove(topic, b"a", &one);
            all.remove(topic, b"a", &one);
            assert_eq!((all.count(topic), all.listeners(topic, b"a")), (1, 1));
            all.remove(topic, b"a", &other);
            assert_eq!((all.count(topic), all.listeners(topic, b"a")), (0, 0));
        }
        assert!(all.nobody_listens());
    }
}
