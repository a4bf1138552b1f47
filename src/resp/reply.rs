//! Replies, written straight into the connection's output buffer in its protocol version.

use super::encode::push_decimal;
use super::parcel::{Inserts, Parcel};
use crate::base::shared::SharedBytes;

/// The protocol version a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// RESP2, what every connection starts with.
    #[default]
    Resp2,
    /// RESP3, after `HELLO 3`.
    Resp3,
}

/// A growing reply buffer. Aggregates are announced by their length; their elements follow.
#[derive(Debug, Default)]
pub struct Reply {
    /// The bytes so far, without inserted strings.
    pub buffer: Vec<u8>,
    /// Long strings that stand between them without being copied.
    pub inserts: Inserts,
    /// The protocol the bytes are written in.
    pub protocol: Protocol,
    errors: u64,
}

impl Reply {
    /// An empty buffer for `protocol`.
    pub fn new(protocol: Protocol) -> Self {
        Self { protocol, ..Self::default() }
    }

    /// How many error replies have been written: compare before and after a command.
    pub fn error_count(&self) -> u64 {
        self.errors
    }

    fn is_resp3(&self) -> bool {
        self.protocol == Protocol::Resp3
    }

    fn header(&mut self, kind: u8, number: impl itoa::Integer) {
        self.buffer.push(kind);
        push_decimal(&mut self.buffer, number);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// `+OK`.
    pub fn ok(&mut self) {
        self.buffer.extend_from_slice(b"+OK\r\n");
    }

    /// `+text`; the text holds no line break.
    pub fn simple(&mut self, text: &str) {
        self.buffer.push(b'+');
        self.buffer.extend_from_slice(text.as_bytes());
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// `-text`, where the text starts with its code (`ERR ...`, `WRONGTYPE ...`). Line breaks in it
    /// become spaces, as in Redis.
    pub fn error(&mut self, text: impl AsRef<[u8]>) {
        self.errors += 1;
        self.buffer.push(b'-');
        let clean =
            text.as_ref().iter().map(|&b| if matches!(b, b'\r' | b'\n') { b' ' } else { b });
        self.buffer.extend(clean);
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// `:number`.
    pub fn integer(&mut self, number: i64) {
        match number {
            0 => self.buffer.extend_from_slice(b":0\r\n"),
            1 => self.buffer.extend_from_slice(b":1\r\n"),
            n => self.header(b':', n),
        }
    }

    /// A bulk string.
    pub fn bulk(&mut self, bytes: &[u8]) {
        super::encode::push_bulk(&mut self.buffer, bytes);
    }

    /// A bulk string that is held until it is sent, and not copied.
    pub fn bulk_shared(&mut self, string: &SharedBytes) {
        self.header(b'$', string.len());
        self.inserts.push(self.buffer.len(), string.clone());
        self.buffer.extend_from_slice(b"\r\n");
    }

    /// A bulk string of a decimal number.
    pub fn bulk_integer(&mut self, number: i64) {
        self.bulk(itoa::Buffer::new().format(number).as_bytes());
    }

    /// A missing bulk string: `$-1`, or `_` in RESP3.
    pub fn null(&mut self) {
        self.buffer.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"$-1\r\n" });
    }

    /// A missing array: `*-1`, or `_` in RESP3.
    pub fn null_array(&mut self) {
        self.buffer.extend_from_slice(if self.is_resp3() { b"_\r\n" } else { b"*-1\r\n" });
    }

    /// An array of `len` elements, which follow.
    pub fn array(&mut self, len: usize) {
        self.header(b'*', len);
    }

    /// A map of `pairs` pairs, whose keys and values follow; a flat array in RESP2.
    pub fn map(&mut self, pairs: usize) {
        if self.is_resp3() { self.header(b'%', pairs) } else { self.header(b'*', pairs * 2) }
    }

    /// A set of `len` elements; an array in RESP2.
    pub fn set(&mut self, len: usize) {
        self.header(if self.is_resp3() { b'~' } else { b'*' }, len);
    }

    /// An out-of-band push of `len` elements; an array in RESP2.
    pub fn push(&mut self, len: usize) {
        self.header(if self.is_resp3() { b'>' } else { b'*' }, len);
    }

    /// A truth value: `#t`/`#f`, or `:1`/`:0` in RESP2.
    pub fn boolean(&mut self, truth: bool) {
        match (self.is_resp3(), truth) {
            (true, true) => self.buffer.extend_from_slice(b"#t\r\n"),
            (true, false) => self.buffer.extend_from_slice(b"#f\r\n"),
            (false, t) => self.integer(i64::from(t)),
        }
    }

    /// A floating-point number already formatted; a bulk string in RESP2.
    pub fn double_text(&mut self, text: &str) {
        if self.is_resp3() {
            self.buffer.push(b',');
            self.buffer.extend_from_slice(text.as_bytes());
            self.buffer.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text.as_bytes());
        }
    }

    /// Text with a three-letter format (`txt`, `mkd`); a bulk string in RESP2.
    pub fn verbatim(&mut self, format: &str, text: &[u8]) {
        if self.is_resp3() {
            self.header(b'=', text.len() + 4);
            self.buffer.extend_from_slice(format.as_bytes());
            self.buffer.push(b':');
            self.buffer.extend_from_slice(text);
            self.buffer.extend_from_slice(b"\r\n");
        } else {
            self.bulk(text);
        }
    }

    /// A whole number of any size, as decimal digits; a bulk string in RESP2.
    pub fn big_number(&mut self, digits: &str) {
        if self.is_resp3() {
            self.buffer.push(b'(');
            self.buffer.extend_from_slice(digits.as_bytes());
            self.buffer.extend_from_slice(b"\r\n");
        } else {
            self.bulk(digits.as_bytes());
        }
    }

    /// Attributes of the reply that comes behind them, `pairs` keys and values. RESP3 only: RESP2 has
    /// no way to say them.
    pub fn attribute(&mut self, pairs: usize) {
        debug_assert!(self.is_resp3(), "RESP2 has no attributes");
        self.header(b'|', pairs);
    }

    /// Hands the buffer out to be written to elsewhere, until [`take_back`](Self::take_back).
    pub fn lend(&mut self) -> Self {
        std::mem::replace(self, Self::new(self.protocol))
    }

    /// Takes a lent buffer back; what was written here meanwhile, errors at most, comes behind it.
    pub fn take_back(&mut self, lent: Self) {
        let meanwhile = std::mem::replace(self, lent);
        self.raw(&meanwhile.buffer);
        self.errors += meanwhile.errors;
    }

    /// Forgets all replies.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.inserts.cut_to(0);
    }

    /// All bytes, copied together.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.inserts.is_empty() {
            return self.buffer;
        }
        Parcel::new(self.buffer, self.inserts).take_bytes()
    }

    /// Bytes already encoded.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }
}
