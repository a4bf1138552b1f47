//! Messages on their way to one client that listens: shared with everybody else who gets them.
//!
//! A message waits here from the moment it is published until the client's next command or the end of
//! the turn, whichever comes first; then it is copied behind the replies, in the client's protocol. While a
//! client's socket takes nothing its messages stay here, and its output limit counts them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::gate::Ticket;
use crate::resp::encode::{push_bulk, push_decimal};

/// An emptied queue keeps room for so many messages.
const ROOM_KEPT: usize = 64;

/// A message as it is sent, but for its first byte: that is the protocol's word for what follows.
#[derive(Clone, Debug)]
pub(super) struct Message(Rc<[u8]>);

impl Message {
    /// A message of these words.
    pub fn new(words: &[&[u8]]) -> Self {
        let mut bytes = Vec::with_capacity(words.iter().map(|word| word.len() + 16).sum());
        push_decimal(&mut bytes, words.len());
        bytes.extend_from_slice(b"\r\n");
        words.iter().for_each(|word| push_bulk(&mut bytes, word));
        Self(bytes.into())
    }

    /// A message encoded by others, its first byte left out.
    pub fn from_encoded(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

#[derive(Debug)]
struct Mail {
    message: Message,
    /// May be sent once this ticket is released.
    needs: Ticket,
}

/// What waits for one client.
#[derive(Debug)]
pub struct Mailbox {
    client: u64,
    queue: RefCell<VecDeque<Mail>>,
    len_bytes: Cell<usize>,
    /// The network layer is going to look.
    announced: Cell<bool>,
}

impl Mailbox {
    /// An empty one.
    pub(super) fn new(client: u64) -> Self {
        Self {
            client,
            queue: RefCell::default(),
            len_bytes: Cell::new(0),
            announced: Cell::new(false),
        }
    }

    /// Whose it is.
    pub fn client(&self) -> u64 {
        self.client
    }

    /// Puts a message into it.
    pub(super) fn put(&self, message: &Message, needs: Ticket) {
        self.len_bytes.set(self.len_bytes.get() + message.0.len() + 1);
        self.queue.borrow_mut().push_back(Mail { message: message.clone(), needs });
    }

    /// Notes whether the network layer is going to look; whether it was already.
    pub(super) fn set_announced(&self, announced: bool) -> bool {
        self.announced.replace(announced)
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len_bytes.get() == 0
    }

    /// Bytes that wait.
    pub fn len_bytes(&self) -> usize {
        self.len_bytes.get()
    }

    /// Throws away what waits.
    pub(super) fn clear(&self) {
        self.len_bytes.set(0);
        self.queue.borrow_mut().clear();
    }

    /// Empties it into `out`, each message behind `first_byte`; what all of them have to wait for.
    pub(super) fn empty_into(&self, out: &mut Vec<u8>, first_byte: u8) -> Ticket {
        let mut queue = self.queue.borrow_mut();
        out.reserve(self.len_bytes.replace(0));
        let mut needs = Ticket::NONE;
        for mail in queue.drain(..) {
            out.push(first_byte);
            out.extend_from_slice(&mail.message.0);
            needs = needs.max(mail.needs);
        }
        queue.shrink_to(ROOM_KEPT);
        needs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_comes_out_in_order_and_in_either_protocol() {
        let (one, other) = (Mailbox::new(1), Mailbox::new(2));
        let (first, second) = (Message::new(&[b"a", b""]), Message::new(&[b"bc"]));
        let ticket = Ticket::NONE.after(9);
        for mailbox in [&one, &other] {
            mailbox.put(&first, ticket);
            mailbox.put(&second, Ticket::NONE);
        }
        let (mut old, mut new) = (Vec::new(), b"+OK\r\n".to_vec());
        let len = one.len_bytes();
        assert_eq!(one.empty_into(&mut old, b'*'), ticket);
        assert_eq!(old, b"*2\r\n$1\r\na\r\n$0\r\n\r\n*1\r\n$2\r\nbc\r\n");
        assert_eq!(len, old.len());
        assert!(one.is_empty() && !other.is_empty());
        other.empty_into(&mut new, b'>');
        assert_eq!(new, b"+OK\r\n>2\r\n$1\r\na\r\n$0\r\n\r\n>1\r\n$2\r\nbc\r\n");
        one.put(&first, ticket);
        one.clear();
        assert!(one.is_empty() && one.empty_into(&mut old, b'*') == Ticket::NONE);
    }
}
