//! Bytes on their way to a socket: copied ones, with long strings between them that are only held.
//!
//! A position is one of the copied bytes. An inserted string comes before the byte at its position, and
//! there always is one: the line break behind it. So whatever ends behind that byte has the string in it.

use std::collections::VecDeque;
use std::io::IoSlice;

use crate::base::shared::SharedBytes;

/// Pieces offered to a socket in one call at most.
pub const PIECES_MAX: usize = 32;

/// The inserted strings of a stretch of copied bytes.
#[derive(Debug, Default)]
pub struct Inserts {
    strings: VecDeque<(usize, SharedBytes)>,
    /// Bytes of the first one that are sent.
    sent: usize,
    /// Bytes of all of them that are not.
    unsent_len: usize,
}

impl Inserts {
    /// Inserts a string at `position`, not before those inserted already.
    pub fn push(&mut self, position: usize, string: SharedBytes) {
        self.unsent_len += string.len();
        self.strings.push_back((position, string));
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.strings.is_empty()
    }

    /// Bytes of strings not sent yet.
    #[inline]
    pub fn unsent_len(&self) -> usize {
        self.unsent_len
    }

    /// Forgets those at `position` and behind it, none of which has begun to be sent.
    pub fn cut_to(&mut self, position: usize) {
        while let Some((_, string)) = self.strings.back().filter(|(at, _)| *at >= position) {
            self.unsent_len -= string.len();
            self.strings.pop_back();
        }
    }

    /// Moves all positions `len` to the left.
    pub fn shift(&mut self, len: usize) {
        self.strings.iter_mut().for_each(|(at, _)| *at -= len);
    }

    /// Takes those before `position` out.
    pub fn split_to(&mut self, position: usize) -> Self {
        let count = self.strings.partition_point(|(at, _)| *at < position);
        let rest = self.strings.split_off(count);
        let first = Self { sent: self.sent, ..Self::default() };
        let mut first = Self { strings: std::mem::replace(&mut self.strings, rest), ..first };
        if !first.is_empty() {
            self.sent = 0;
            first.unsent_len = first.strings.iter().map(|(_, string)| string.len()).sum();
            first.unsent_len -= first.sent;
            self.unsent_len -= first.unsent_len;
        }
        first
    }

    /// The pieces that `bytes[sent..end]` and what is inserted there consist of, as many as fit into
    /// `pieces`; how many those are.
    pub fn pieces<'a>(
        &'a self,
        bytes: &'a [u8],
        mut sent: usize,
        end: usize,
        pieces: &mut [IoSlice<'a>; PIECES_MAX],
    ) -> usize {
        let mut count = 0;
        let mut add = |piece: &'a [u8]| {
            if !piece.is_empty() && count < PIECES_MAX {
                pieces[count] = IoSlice::new(piece);
                count += 1;
            }
        };
        let mut skip = self.sent;
        for (at, string) in self.strings.iter().take(PIECES_MAX).take_while(|(at, _)| *at < end) {
            add(&bytes[sent..*at]);
            add(&string[std::mem::take(&mut skip)..]);
            sent = *at;
        }
        if self.strings.len() <= PIECES_MAX || self.strings[PIECES_MAX].0 >= end {
            add(&bytes[sent..end]);
        }
        count
    }

    /// Notes that `len` bytes more were sent behind position `sent`; the position now.
    pub fn consume(&mut self, mut sent: usize, mut len: usize) -> usize {
        while let Some((at, string)) = self.strings.front() {
            let before = at - sent;
            if len < before {
                break;
            }
            sent = *at;
            len -= before;
            let of_string = len.min(string.len() - self.sent);
            self.unsent_len -= of_string;
            self.sent += of_string;
            len -= of_string;
            if self.sent < string.len() {
                return sent;
            }
            self.strings.pop_front();
            self.sent = 0;
        }
        sent + len
    }
}

/// Bytes to be sent, by themselves.
#[derive(Debug, Default)]
pub struct Parcel {
    bytes: Vec<u8>,
    inserts: Inserts,
    /// How many of the copied bytes are sent.
    sent: usize,
}

impl Parcel {
    /// Copied bytes with strings inserted, nothing of which is sent but a part of the first string.
    pub fn new(bytes: Vec<u8>, inserts: Inserts) -> Self {
        Self { bytes, inserts, sent: 0 }
    }

    /// Bytes not sent yet.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.sent + self.inserts.unsent_len()
    }

    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The next pieces to send; how many.
    pub fn pieces<'a>(&'a self, pieces: &mut [IoSlice<'a>; PIECES_MAX]) -> usize {
        self.inserts.pieces(&self.bytes, self.sent, self.bytes.len(), pieces)
    }

    /// Notes that `len` bytes more are sent.
    pub fn consume(&mut self, len: usize) {
        self.sent = self.inserts.consume(self.sent, len);
        assert!(self.sent <= self.bytes.len(), "sent more than there was");
    }

    /// All that is not sent, copied together; it counts as sent.
    pub fn take_bytes(&mut self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.len());
        while !self.is_empty() {
            let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
            let count = self.pieces(&mut pieces);
            pieces[..count].iter().for_each(|piece| all.extend_from_slice(piece));
            let len = pieces[..count].iter().map(|piece| piece.len()).sum();
            self.consume(len);
        }
        all
    }

    /// The buffer of the copied bytes, for other use.
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes `0..copied` with strings of `len` bytes inserted behind every third one, and all of it flat.
    fn sample(copied: u8, len: usize) -> (Parcel, Vec<u8>) {
        let (mut bytes, mut inserts, mut flat) = (Vec::new(), Inserts::default(), Vec::new());
        for byte in 0..copied {
            if byte % 3 == 1 {
                let string = vec![byte | 0x80; len];
                flat.extend_from_slice(&string);
                inserts.push(bytes.len(), string.into());
            }
            bytes.push(byte);
            flat.push(byte);
        }
        (Parcel::new(bytes, inserts), flat)
    }

    #[test]
    fn whatever_a_socket_takes_everything_is_sent_once_and_in_order() {
        for (copied, len) in [(0, 0), (1, 5), (2, 5), (10, 7), (250, 3), (250, 0)] {
            for step in [1, 2, 3, 7, 50, 10_000] {
                let (mut parcel, flat) = sample(copied, len);
                let mut got = Vec::new();
                while !parcel.is_empty() {
                    let mut pieces = [IoSlice::new(&[]); PIECES_MAX];
                    let count = parcel.pieces(&mut pieces);
                    let offered: Vec<u8> =
                        pieces[..count].iter().flat_map(|piece| piece.to_vec()).collect();
                    assert!(!offered.is_empty());
                    let taken = offered.len().min(step);
                    got.extend_from_slice(&offered[..taken]);
                    parcel.consume(taken);
                    assert_eq!(parcel.len(), flat.len() - got.len());
                }
                assert!(got == flat, "{copied} bytes, strings of {len}, in steps of {step}");
            }
        }
    }

    #[test]
    fn a_part_split_off_takes_its_strings_along() {
        for sent in 0..24 {
            let (mut whole, flat) = sample(9, 4);
            whole.consume(sent.min(flat.len()));
            let Parcel { mut bytes, mut inserts, sent: at } = whole;
            let end = at.max(5);
            let first = inserts.split_to(end);
            let mut first = Parcel { bytes: bytes[..end].to_vec(), inserts: first, sent: at };
            bytes.drain(..end);
            inserts.shift(end);
            let mut rest = Parcel { bytes, inserts, sent: 0 };
            let lens = (first.len(), rest.len());
            let parts = [first.take_bytes(), rest.take_bytes()];
            assert_eq!(lens, (parts[0].len(), parts[1].len()));
            assert_eq!(parts.concat(), flat[sent.min(flat.len())..]);
        }
    }

    #[test]
    fn what_is_cut_off_does_not_count() {
        let (parcel, _) = sample(9, 4);
        let Parcel { mut bytes, mut inserts, .. } = parcel;
        inserts.cut_to(4);
        bytes.truncate(4);
        assert_eq!(Parcel::new(bytes, inserts).take_bytes(), b"\x00\x81\x81\x81\x81\x01\x02\x03");
    }
}
