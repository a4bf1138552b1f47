//! The incremental request parser: fills a [`Batch`] from a buffer that grows.
//!
//! Nothing is parsed twice: the parser keeps its place inside an unfinished request, so a request
//! of many megabytes that arrives in small reads costs one pass. Positions only are kept, no bytes,
//! but for the words of inline requests, which the batch owns.

use std::fmt;

use super::args::{Batch, Span};
use crate::base::limits::{
    BULK_LEN_MAX_DEFAULT, INLINE_LEN_MAX, MULTIBULK_LEN_MAX, UNAUTHENTICATED_BULK_LEN_MAX,
    UNAUTHENTICATED_MULTIBULK_LEN_MAX,
};
use crate::base::number::parse_i64;

/// What the peer may send at this moment.
#[derive(Clone, Copy, Debug)]
pub struct ParseLimits {
    /// Longest argument, in bytes (`proto-max-bulk-len`).
    pub bulk_len_max: u64,
    /// Whether the peer has authenticated, or need not: if not, only small requests pass.
    pub authenticated: bool,
    /// Whether inline requests are understood; a master's stream and a log hold none.
    pub inline: bool,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self { bulk_len_max: BULK_LEN_MAX_DEFAULT, authenticated: true, inline: true }
    }
}

impl ParseLimits {
    /// For a master's stream and for the log: no inline requests, no limit of our own on an
    /// argument, because whoever wrote it has executed it already.
    pub const STREAM: Self =
        Self { bulk_len_max: i64::MAX as u64, authenticated: true, inline: false };
}

/// Why a connection cannot go on: what follows in the buffer has no meaning any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// `*` was not followed by a number in range.
    MultibulkLength,
    /// No line break behind `*` in [`INLINE_LEN_MAX`] bytes.
    MultibulkLineTooLong,
    /// Too many arguments from a client that has not authenticated.
    UnauthenticatedMultibulk,
    /// An argument did not begin with `$`.
    ExpectedBulk(u8),
    /// `$` was not followed by a number in range.
    BulkLength,
    /// No line break behind `$` in [`INLINE_LEN_MAX`] bytes.
    BulkLineTooLong,
    /// Too long an argument from a client that has not authenticated.
    UnauthenticatedBulk,
    /// No line break in [`INLINE_LEN_MAX`] bytes.
    InlineTooLong,
    /// An inline request with an open quote.
    UnbalancedQuotes,
    /// An inline request where none is understood.
    UnexpectedInline(u8),
}

impl ProtocolError {
    /// The error reply's text, code included. Bytes, because it may quote one from the request.
    pub fn reply_text(self) -> Vec<u8> {
        let reason: &[u8] = match self {
            Self::MultibulkLength => b"invalid multibulk length",
            Self::MultibulkLineTooLong => b"too big mbulk count string",
            Self::UnauthenticatedMultibulk => b"unauthenticated multibulk length",
            Self::ExpectedBulk(got) => &[&b"expected '$', got '"[..], &[got, b'\'']].concat(),
            Self::BulkLength => b"invalid bulk length",
            Self::BulkLineTooLong => b"too big bulk count string",
            Self::UnauthenticatedBulk => b"unauthenticated bulk length",
            Self::InlineTooLong => b"too big inline request",
            Self::UnbalancedQuotes => b"unbalanced quotes in request",
            Self::UnexpectedInline(got) => &[&b"expected '*', got '"[..], &[got, b'\'']].concat(),
        };
        [b"ERR Protocol error: ", reason].concat()
    }
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.reply_text();
        write!(f, "{}", text.strip_prefix(b"ERR ").unwrap_or(&text).escape_ascii())
    }
}

impl std::error::Error for ProtocolError {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first byte of a request.
    Start,
    /// Before the `$` of the next of `left` arguments.
    BulkLength { left: usize },
    /// Inside an argument of `len` bytes, the first of the `left` ones still missing.
    BulkBytes { left: usize, len: usize },
}

/// Where the parser stands in the buffer of one connection.
///
/// The owner appends to the buffer, calls [`fill`](Self::fill), executes the batch, calls
/// [`discard`](Self::discard) and drops as many bytes from the front of the buffer as that says.
#[derive(Debug)]
pub struct RequestParser {
    state: State,
    /// Where to go on.
    position: usize,
    /// The request being parsed begins here: everything before is done with.
    request_start: usize,
    /// No line break before this position.
    scanned: usize,
    /// Whether every byte of the request so far is as the canonical encoder would write it.
    canonical: bool,
}

impl Default for RequestParser {
    fn default() -> Self {
        Self::new()
    }
}

/// What a length line holds.
enum Line {
    Incomplete,
    Length { value: Option<i64>, next: usize, canonical: bool },
}

/// Digits of the lengths that [`short_length`] reads.
const SHORT_DIGITS_MAX: usize = 6;

/// The number of few digits in its canonical form between `kind` at `position` and a line break, and the
/// position behind that; `None` for anything else, be it right or not.
#[inline]
fn short_length(buffer: &[u8], position: usize, kind: u8) -> Option<(usize, usize)> {
    let [first, digits @ ..] = buffer.get(position..)? else { return None };
    if *first != kind {
        return None;
    }
    let mut value = 0;
    for (at, &byte) in digits.iter().take(SHORT_DIGITS_MAX + 1).enumerate() {
        match byte {
            b'0'..=b'9' if at == 0 || value > 0 => value = value * 10 + usize::from(byte - b'0'),
            b'\r' if at > 0 && digits.get(at + 1) == Some(&b'\n') => {
                return Some((value, position + at + 3));
            }
            _ => return None,
        }
    }
    None
}

impl RequestParser {
    /// A parser at the beginning of an empty buffer.
    pub fn new() -> Self {
        Self { state: State::Start, position: 0, request_start: 0, scanned: 0, canonical: true }
    }

    /// Parses whole commands from `buffer` into `batch` until that holds `commands_max` of them or
    /// the bytes run out.
    ///
    /// `buffer` is what it was at the last call, with more bytes at its end. For a client that has
    /// not authenticated `commands_max` is 1, since the next command may change the limits.
    ///
    /// # Errors
    /// The commands before the broken one are in the batch and are to be executed first; after
    /// that the connection is of no use.
    pub fn fill(
        &mut self,
        buffer: &[u8],
        batch: &mut Batch,
        limits: &ParseLimits,
        commands_max: usize,
    ) -> Result<(), ProtocolError> {
        while batch.len() < commands_max {
            let progressed = match self.state {
                State::Start => {
                    self.run_ahead(buffer, batch, limits) || self.start(buffer, batch, limits)?
                }
                State::BulkLength { left } => self.bulk_length(buffer, limits, left)?,
                State::BulkBytes { left, len } => self.bulk_bytes(buffer, batch, left, len),
            };
            if !progressed {
                break;
            }
        }
        Ok(())
    }

    /// Bytes at the front of the buffer that no unfinished command needs.
    pub fn consumed(&self) -> usize {
        self.request_start
    }

    /// Whether a request has begun and is not whole yet.
    pub fn is_mid_request(&self, buffer: &[u8]) -> bool {
        buffer.len() > self.request_start
    }

    /// The length the buffer must have for the argument being received to be whole; 0 when that is
    /// not known yet. A hint for growing the buffer, as trustworthy as the peer.
    pub fn buffer_len_wanted(&self) -> usize {
        match self.state {
            State::BulkBytes { len, .. } => self.position.saturating_add(len).saturating_add(2),
            _ => 0,
        }
    }

    /// Empties `batch` of its whole commands and moves all positions to the left. Returns how many
    /// bytes the owner must now drop from the front of the buffer.
    pub fn discard(&mut self, batch: &mut Batch) -> usize {
        let shift = self.request_start;
        batch.retain_pending(shift);
        self.position -= shift;
        self.scanned = self.scanned.saturating_sub(shift);
        self.request_start = 0;
        shift
    }

    /// Reads a request that is whole and as the canonical encoder writes it, which nearly all are, in
    /// one go. Stops before the first argument that is not so and leaves that to the steps; whether
    /// anything was read.
    fn run_ahead(&mut self, buffer: &[u8], batch: &mut Batch, limits: &ParseLimits) -> bool {
        if !limits.authenticated {
            return false;
        }
        let Some((count, mut position)) = short_length(buffer, self.position, b'*') else {
            return false;
        };
        if count == 0 || count > MULTIBULK_LEN_MAX {
            return false;
        }
        for left in (1..=count).rev() {
            let argument = short_length(buffer, position, b'$')
                .filter(|(len, _)| *len as u64 <= limits.bulk_len_max)
                .map(|(len, start)| Span { start, end: start + len });
            let Some(span) = argument.filter(|s| buffer.get(s.end..s.end + 2) == Some(b"\r\n"))
            else {
                self.canonical = true;
                self.advance_to(position);
                self.state = State::BulkLength { left };
                return true;
            };
            batch.push_arg(span);
            position = span.end + 2;
        }
        batch.finish_command(Some(Span { start: self.request_start, end: position }));
        self.advance_to(position);
        self.finish_request();
        true
    }

    fn start(
        &mut self,
        buffer: &[u8],
        batch: &mut Batch,
        limits: &ParseLimits,
    ) -> Result<bool, ProtocolError> {
        match buffer.get(self.position) {
            None => Ok(false),
            Some(b'*') => self.multibulk_length(buffer, limits),
            Some(_) if limits.inline => self.inline(buffer, batch),
            Some(&other) => Err(ProtocolError::UnexpectedInline(other)),
        }
    }

    fn multibulk_length(
        &mut self,
        buffer: &[u8],
        limits: &ParseLimits,
    ) -> Result<bool, ProtocolError> {
        let line = self.length_line(buffer, ProtocolError::MultibulkLineTooLong)?;
        let Line::Length { value, next, canonical } = line else { return Ok(false) };
        let count = value
            .filter(|&n| n <= MULTIBULK_LEN_MAX as i64)
            .ok_or(ProtocolError::MultibulkLength)?;
        self.advance_to(next);
        let Some(left) = usize::try_from(count).ok().filter(|&n| n > 0) else {
            // "*0" and "*-1" ask for nothing and are answered with nothing.
            self.finish_request();
            return Ok(true);
        };
        if left > UNAUTHENTICATED_MULTIBULK_LEN_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulk);
        }
        self.canonical = canonical;
        self.state = State::BulkLength { left };
        Ok(true)
    }

    fn bulk_length(
        &mut self,
        buffer: &[u8],
        limits: &ParseLimits,
        left: usize,
    ) -> Result<bool, ProtocolError> {
        let line = self.length_line(buffer, ProtocolError::BulkLineTooLong)?;
        let Line::Length { value, next, canonical } = line else { return Ok(false) };
        // The line is looked at only when it is whole, so that both of two possible errors are
        // told in the order a Redis client may expect.
        if let Some(&first) = buffer.get(self.position).filter(|&&b| b != b'$') {
            return Err(ProtocolError::ExpectedBulk(first));
        }
        let len = value
            .and_then(|n| u64::try_from(n).ok())
            .filter(|&n| n <= limits.bulk_len_max)
            .ok_or(ProtocolError::BulkLength)?;
        if len > UNAUTHENTICATED_BULK_LEN_MAX && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulk);
        }
        let len = usize::try_from(len).map_err(|_| ProtocolError::BulkLength)?;
        self.canonical &= canonical;
        self.advance_to(next);
        self.state = State::BulkBytes { left, len };
        Ok(true)
    }

    fn bulk_bytes(&mut self, buffer: &[u8], batch: &mut Batch, left: usize, len: usize) -> bool {
        let (start, end) = (self.position, self.position.saturating_add(len));
        let Some(line_break) = buffer.get(end..end.saturating_add(2)) else { return false };
        // As in Redis the two bytes behind an argument are skipped, whatever they are; but only
        // the right ones may go to the log as they came.
        self.canonical &= line_break == b"\r\n";
        batch.push_arg(Span { start, end });
        self.advance_to(end + 2);
        if left > 1 {
            self.state = State::BulkLength { left: left - 1 };
        } else {
            let raw = Span { start: self.request_start, end: end + 2 };
            batch.finish_command(self.canonical.then_some(raw));
            self.finish_request();
        }
        true
    }

    fn inline(&mut self, buffer: &[u8], batch: &mut Batch) -> Result<bool, ProtocolError> {
        let from = self.scanned.max(self.position);
        let Some(length) = buffer[from..].iter().position(|&b| b == b'\n') else {
            self.scanned = buffer.len();
            return self.line_is_short(buffer, ProtocolError::InlineTooLong);
        };
        let end = from + length;
        let line = &buffer[self.position..end];
        batch
            .push_inline(line.strip_suffix(b"\r").unwrap_or(line))
            .map_err(|_| ProtocolError::UnbalancedQuotes)?;
        self.advance_to(end + 1);
        self.finish_request();
        Ok(true)
    }

    /// Reads the number behind the type byte at `position`, up to the line break.
    fn length_line(
        &mut self,
        buffer: &[u8],
        too_long: ProtocolError,
    ) -> Result<Line, ProtocolError> {
        let from = self.scanned.max(self.position);
        let Some(length) = buffer.get(from..).and_then(|b| b.iter().position(|&b| b == b'\r'))
        else {
            self.scanned = buffer.len();
            return self.line_is_short(buffer, too_long).map(|_| Line::Incomplete);
        };
        let end = from + length;
        let Some(&after) = buffer.get(end + 1) else {
            self.scanned = end;
            return Ok(Line::Incomplete);
        };
        let digits = buffer.get(self.position + 1..end).unwrap_or_default();
        Ok(Line::Length { value: parse_i64(digits), next: end + 2, canonical: after == b'\n' })
    }

    fn line_is_short(&self, buffer: &[u8], error: ProtocolError) -> Result<bool, ProtocolError> {
        if buffer.len() - self.position > INLINE_LEN_MAX { Err(error) } else { Ok(false) }
    }

    fn advance_to(&mut self, position: usize) {
        self.position = position;
        self.scanned = position;
    }

    fn finish_request(&mut self) {
        self.request_start = self.position;
        self.state = State::Start;
        self.canonical = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(input: &[u8], limits: &ParseLimits) -> Option<String> {
        let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
        let result = parser.fill(input, &mut batch, limits, 8);
        result.err().map(|e| String::from_utf8_lossy(&e.reply_text()).into_owned())
    }

    #[test]
    fn every_violation_has_its_text() {
        let long = vec![b'1'; INLINE_LEN_MAX + 2];
        let long_count = [&b"*"[..], &long].concat();
        let long_len = [&b"*1\r\n$"[..], &long].concat();
        let cases: [(&[u8], &str); 10] = [
            (b"*x\r\n", "invalid multibulk length"),
            (b"*2147483648\r\n", "invalid multibulk length"),
            (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
            (b"*1\r\n$-1\r\n", "invalid bulk length"),
            (b"*1\r\n$01\r\n", "invalid bulk length"),
            (b"*1\r\n$536870913\r\n", "invalid bulk length"),
            (b"get \"a\n", "unbalanced quotes in request"),
            (&long, "too big inline request"),
            (&long_count, "too big mbulk count string"),
            (&long_len, "too big bulk count string"),
        ];
        for (input, text) in cases {
            let expected = format!("ERR Protocol error: {text}");
            assert_eq!(error_of(input, &ParseLimits::default()), Some(expected));
        }
        let unknown = ParseLimits { authenticated: false, ..ParseLimits::default() };
        assert_eq!(
            error_of(b"*11\r\n", &unknown).as_deref(),
            Some("ERR Protocol error: unauthenticated multibulk length")
        );
        assert_eq!(
            error_of(b"*1\r\n$16385\r\n", &unknown).as_deref(),
            Some("ERR Protocol error: unauthenticated bulk length")
        );
    }

    #[test]
    fn whole_commands_are_found_and_the_rest_waits() {
        let mut buffer =
            b"*1\r\n$4\r\nPING\r\n*0\r\n\r\nset a 'b c'\r\n*2\r\n$3\r\nGET\r\n$".to_vec();
        let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
        parser.fill(&buffer, &mut batch, &ParseLimits::default(), 100).unwrap();
        assert_eq!(batch.len(), 2);
        assert_eq!(batch.args(0, &buffer).raw(), Some(&b"*1\r\n$4\r\nPING\r\n"[..]));
        assert_eq!(batch.args(1, &buffer).raw(), None);
        assert!(batch.is_inline(1));
        let words: Vec<&[u8]> = batch.args(1, &buffer).iter().collect();
        assert_eq!(words, [&b"set"[..], b"a", b"b c"]);

        let done = parser.discard(&mut batch);
        buffer.drain(..done);
        assert_eq!(batch.pending_args(), 1);
        buffer.extend_from_slice(b"1\r\nk\r\n");
        parser.fill(&buffer, &mut batch, &ParseLimits::default(), 100).unwrap();
        assert_eq!(batch.args(0, &buffer).raw(), Some(&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"[..]));
        assert_eq!(parser.consumed(), buffer.len());
    }

    #[test]
    fn a_command_that_is_not_canonical_has_no_raw_form() {
        let buffer = b"*1\r\n$4\r\nPINGxx";
        let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
        parser.fill(buffer, &mut batch, &ParseLimits::default(), 1).unwrap();
        assert_eq!(batch.args(0, buffer).get(0), Some(&b"PING"[..]));
        assert_eq!(batch.args(0, buffer).raw(), None);
    }
}
