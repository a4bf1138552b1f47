//! The replies of one connection on their way out: bytes, and what each stretch of them waits for.

use std::collections::VecDeque;
use std::io::IoSlice;

use super::gate::Ticket;
use crate::resp::parcel::{PIECES_MAX, Parcel};
use crate::resp::{Protocol, Reply};

/// Sent bytes in front of others are dropped once there are so many.
const COMPACTED_LEN_MIN: usize = 16 * 1024;

#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// One past its last byte, in the reply buffer.
    end: usize,
    /// May be sent once this ticket is released.
    needs: Ticket,
}

/// Reply bytes in order. `sent <= open <= sealed <= buffer.len()`.
#[derive(Debug, Default)]
pub struct Outbound {
    /// Where handlers write.
    pub reply: Reply,
    sent: usize,
    open: usize,
    stretches: VecDeque<Stretch>,
}

impl Outbound {
    /// An empty buffer for `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self { reply: Reply::new(protocol), ..Self::default() }
    }

    /// Closes the stretch written since the last call: it may go once `needs` is released.
    pub fn seal(&mut self, needs: Ticket, released: Ticket) {
        let end = self.reply.buffer.len();
        match self.stretches.back_mut() {
            Some(last) if last.needs >= needs => last.end = end,
            None if needs <= released => self.open = end,
            _ => self.stretches.push_back(Stretch { end, needs }),
        }
    }

    /// Opens what `released` lets go.
    fn release(&mut self, released: Ticket) {
        while let Some(first) = self.stretches.front().copied() {
            if first.needs > released {
                break;
            }
            self.open = first.end;
            self.stretches.pop_front();
        }
    }

    /// The bytes that may be sent now, if no string is inserted in them, as is nearly always so; or else
    /// nothing: they come as [`pieces`](Self::pieces).
    pub fn sendable(&mut self, released: Ticket) -> &[u8] {
        self.release(released);
        if self.reply.inserts.is_empty() { &self.reply.buffer[self.sent..self.open] } else { &[] }
    }

    /// The first of the bytes that may be sent now, in pieces; how many.
    pub fn pieces<'a>(
        &'a mut self,
        released: Ticket,
        pieces: &mut [IoSlice<'a>; PIECES_MAX],
    ) -> usize {
        self.release(released);
        self.reply.inserts.pieces(&self.reply.buffer, self.sent, self.open, pieces)
    }

    /// Whether strings are inserted in what is to be sent.
    pub fn has_inserts(&self) -> bool {
        !self.reply.inserts.is_empty()
    }

    /// Notes that `len` of the sendable bytes were sent.
    pub fn consume(&mut self, len: usize) {
        self.sent = self.reply.inserts.consume(self.sent, len);
        assert!(self.sent <= self.open, "sent a reply that was still waiting");
        if self.sent == self.reply.buffer.len() {
            self.reply.buffer.clear();
            self.sent = 0;
            self.open = 0;
        } else if self.sent > self.reply.buffer.len() / 2 && self.sent > COMPACTED_LEN_MIN {
            self.reply.buffer.drain(..self.sent);
            self.open -= self.sent;
            self.reply.inserts.shift(self.sent);
            for stretch in &mut self.stretches {
                stretch.end -= self.sent;
            }
            self.sent = 0;
        }
    }

    /// Takes the bytes that may be sent now out of the buffer: they count as sent.
    pub fn take_sendable(&mut self, released: Ticket) -> Parcel {
        self.release(released);
        let mut inserts = self.reply.inserts.split_to(self.open);
        if self.sent == 0 && self.open == self.reply.buffer.len() {
            self.open = 0;
            return Parcel::new(std::mem::take(&mut self.reply.buffer), inserts);
        }
        let bytes = self.reply.buffer[self.sent..self.open].to_vec();
        inserts.shift(self.sent);
        self.consume(bytes.len());
        Parcel::new(bytes, inserts)
    }

    /// Lends an empty buffer to write into, unless there is one.
    pub fn lend(&mut self, spare: impl FnOnce() -> Vec<u8>) {
        if self.reply.buffer.capacity() == 0 {
            self.reply.buffer = spare();
        }
    }

    /// Takes the buffer back once nothing is in it.
    pub fn reclaim(&mut self) -> Option<Vec<u8>> {
        let is_spare = self.reply.buffer.is_empty() && self.reply.buffer.capacity() > 0;
        is_spare.then(|| std::mem::take(&mut self.reply.buffer))
    }

    /// Bytes not yet sent.
    pub fn pending_bytes(&self) -> usize {
        self.reply.buffer.len() - self.sent + self.reply.inserts.unsent_len()
    }

    /// Whether some replies wait for the log.
    pub fn is_gated(&self) -> bool {
        !self.stretches.is_empty()
    }

    /// Throws away what was written since byte `len` of the buffer: a reply nobody wants.
    pub fn cut_to(&mut self, len: usize) {
        assert!(len >= self.open, "cut a reply that was already released");
        self.reply.buffer.truncate(len);
        self.reply.inserts.cut_to(len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::shared::SharedBytes;

    #[test]
    fn bytes_leave_in_order_and_only_when_released() {
        let none = Ticket::NONE;
        let mut out = Outbound::default();
        out.reply.simple("a");
        out.seal(none, none);
        out.reply.simple("b");
        out.seal(none.after(5), none);
        out.reply.simple("c");
        out.seal(none, none);
        assert_eq!(out.sendable(none), b"+a\r\n");
        out.consume(4);
        assert_eq!(out.sendable(none.after(4)), b"");
        assert!(out.is_gated());
        assert_eq!(out.sendable(none.after(5)), b"+b\r\n+c\r\n");
        out.consume(3);
        assert_eq!(out.pending_bytes(), 5);
        out.consume(5);
        assert_eq!(out.pending_bytes(), 0);
    }

    #[test]
    fn sendable_bytes_are_taken_whole_or_copied() {
        let none = Ticket::NONE;
        let mut out = Outbound::default();
        out.reply.simple("a");
        out.seal(none, none);
        out.reply.simple("b");
        out.seal(none.after(5), none);
        assert_eq!(out.take_sendable(none).take_bytes(), b"+a\r\n");
        assert!(out.take_sendable(none).is_empty());
        assert_eq!(out.pending_bytes(), 4);
        out.reply.simple("c");
        out.seal(none, none);
        assert_eq!(out.take_sendable(none.after(5)).take_bytes(), b"+b\r\n+c\r\n");
        assert!(out.pending_bytes() == 0 && !out.is_gated());
        out.reply.simple("d");
        out.seal(none, none);
        assert_eq!(out.sendable(none), b"+d\r\n");
    }

    #[test]
    fn a_held_string_waits_counts_and_leaves_like_any_other() {
        let none = Ticket::NONE;
        let mut out = Outbound::default();
        let string = SharedBytes::from(vec![b'x'; 3]);
        out.reply.simple("a");
        out.seal(none, none);
        out.reply.bulk_shared(&string);
        out.seal(none.after(5), none);
        let (whole_len, start) = (out.pending_bytes(), out.reply.buffer.len());
        out.reply.bulk_shared(&string);
        out.cut_to(start);
        assert_eq!((whole_len, out.pending_bytes()), (13, 13));
        assert_eq!(taken(&mut out, none, 100), b"+a\r\n");
        assert_eq!(taken(&mut out, none.after(4), 100), b"");
        assert_eq!(taken(&mut out, none.after(5), 5), b"$3\r\nx");
        assert_eq!(out.take_sendable(none.after(5)).take_bytes(), b"xx\r\n");
        assert!(out.pending_bytes() == 0 && !out.has_inserts() && !out.is_gated());
    }

    /// What a socket takes that has room for `room` bytes.
    fn taken(out: &mut Outbound, released: Ticket, room: usize) -> Vec<u8> {
        let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
        let count = out.pieces(released, &mut pieces);
        let mut bytes: Vec<u8> = pieces[..count].iter().flat_map(|piece| piece.to_vec()).collect();
        bytes.truncate(room);
        out.consume(bytes.len());
        bytes
    }

    #[test]
    fn a_buffer_is_lent_and_reclaimed_empty() {
        let none = Ticket::NONE;
        let mut out = Outbound::default();
        assert_eq!(out.reclaim(), None);
        out.lend(|| Vec::with_capacity(100));
        out.lend(|| unreachable!("there is one already"));
        out.reply.simple("a");
        out.seal(none, none);
        assert_eq!(out.reclaim(), None);
        out.consume(4);
        assert!(out.reclaim().is_some_and(|buffer| buffer.capacity() >= 100));
        assert_eq!(out.reply.buffer.capacity(), 0);
    }

    #[test]
    fn a_long_queue_is_compacted_without_losing_its_place() {
        let none = Ticket::NONE;
        let mut out = Outbound::default();
        let mut expected = Vec::new();
        for n in 0..4000_u64 {
            out.reply.integer(n as i64 + 1000);
            expected.extend_from_slice(format!(":{}\r\n", n + 1000).as_bytes());
            out.seal(none.after(n), none);
        }
        let mut got = Vec::new();
        for n in 0..4000_u64 {
            let len = out.sendable(none.after(n)).len();
            got.extend_from_slice(out.sendable(none.after(n)));
            out.consume(len);
        }
        assert_eq!(got, expected);
    }
}
