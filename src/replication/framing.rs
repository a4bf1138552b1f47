//! How a snapshot stands between the handshake and the stream: `$<len>` or `$EOF:<40 bytes>`.
//!
//! ```text
//! \n \n ...                       while the master prepares, as often as it likes
//! $<len>\r\n <len bytes>          no line break behind them
//! $EOF:<mark>\r\n <bytes> <mark>  the mark is 40 bytes that the snapshot does not hold
//! ```

use super::printable;
use crate::base::number::parse_i64;

/// Length of the mark behind a snapshot of unknown length, in bytes.
pub const MARK_LEN: usize = 40;

/// How the end of a snapshot is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length in bytes.
    Length(u64),
    /// By what stands behind it.
    Mark([u8; MARK_LEN]),
}

/// A line that announces no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the beginning of a snapshot: '{0}'")]
pub struct BadFraming(pub String);

impl Framing {
    /// Reads the line that announces a snapshot, without its line break.
    ///
    /// # Errors
    /// It is another line, an error reply among them.
    pub fn parse(line: &[u8]) -> Result<Self, BadFraming> {
        let bad = || BadFraming(printable(line));
        let rest = line.strip_prefix(b"$").ok_or_else(bad)?;
        if let Some(mark) = rest.strip_prefix(b"EOF:") {
            return mark.try_into().map(Self::Mark).map_err(|_| bad());
        }
        let len = parse_i64(rest).and_then(|len| u64::try_from(len).ok()).ok_or_else(bad)?;
        Ok(Self::Length(len))
    }
}

/// Tells the bytes of a snapshot from what comes after them, in whatever pieces they arrive.
#[derive(Debug)]
pub struct Unframer {
    framing: Framing,
    received_len: u64,
    /// The last bytes, which may be the beginning of the mark.
    held: Vec<u8>,
    done: bool,
}

impl Unframer {
    /// Before the first byte behind the announcing line.
    pub fn new(framing: Framing) -> Self {
        Self { framing, received_len: 0, held: Vec::new(), done: framing == Framing::Length(0) }
    }

    /// Bytes of snapshot passed on so far.
    pub fn received_len(&self) -> u64 {
        self.received_len
    }

    /// The length of the snapshot, if the master said it.
    pub fn total_len(&self) -> Option<u64> {
        match self.framing {
            Framing::Length(len) => Some(len),
            Framing::Mark(_) => None,
        }
    }

    /// Whether the snapshot is complete.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Appends to `out` what of `input` belongs to the snapshot; returns how many bytes of `input`
    /// were used. Fewer than all only once the snapshot is complete.
    pub fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        if self.done {
            return 0;
        }
        let before = out.len();
        let used = match self.framing {
            Framing::Length(len) => {
                let left = len - self.received_len;
                let used = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                out.extend_from_slice(&input[..used]);
                self.done = used as u64 == left;
                used
            }
            Framing::Mark(mark) => self.take_to_mark(&mark, input, out),
        };
        self.received_len += (out.len() - before) as u64;
        used
    }

    fn take_to_mark(&mut self, mark: &[u8; MARK_LEN], input: &[u8], out: &mut Vec<u8>) -> usize {
        let held_before = self.held.len();
        // Only what was held and the beginning of the input can hold a mark that lies across both.
        let seam_len = input.len().min(MARK_LEN);
        self.held.extend_from_slice(&input[..seam_len]);
        if let Some(at) = find(&self.held, mark) {
            out.extend_from_slice(&self.held[..at]);
            self.held.clear();
            self.done = true;
            return at + MARK_LEN - held_before;
        }
        if let Some(at) = find(input, mark) {
            out.extend_from_slice(&self.held[..held_before]);
            out.extend_from_slice(&input[..at]);
            self.held.clear();
            self.done = true;
            return at + MARK_LEN;
        }
        self.held.extend_from_slice(&input[seam_len..]);
        let sure = self.held.len().saturating_sub(MARK_LEN - 1);
        out.extend(self.held.drain(..sure));
        input.len()
    }
}

/// Where `mark` begins in `bytes`. Looks at every fortieth byte where nothing fits (Horspool).
fn find(bytes: &[u8], mark: &[u8; MARK_LEN]) -> Option<usize> {
    let mut shift = [MARK_LEN; 256];
    for (index, &byte) in mark[..MARK_LEN - 1].iter().enumerate() {
        shift[usize::from(byte)] = MARK_LEN - 1 - index;
    }
    let mut at = 0;
    while let Some(window) = bytes.get(at..at + MARK_LEN) {
        if window == mark {
            return Some(at);
        }
        at += shift[usize::from(window[MARK_LEN - 1])];
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: &[u8; MARK_LEN] = b"aaaaaaaaabaaaaaaaaabaaaaaaaaabaaaaaaaaac";

    #[test]
    fn announcements() {
        assert_eq!(Framing::parse(b"$12"), Ok(Framing::Length(12)));
        let line = [&b"$EOF:"[..], MARK].concat();
        assert_eq!(Framing::parse(&line), Ok(Framing::Mark(*MARK)));
        for bad in ["", "$", "$-1", "$x", "$EOF:short", "+OK", "-ERR no"] {
            assert!(Framing::parse(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_snapshot_ends_where_it_should_in_whatever_pieces() {
        // Beginnings of the mark inside the snapshot, and right before the mark.
        let snapshot = [&MARK[..39], b"REDIS", &MARK[..20], &MARK[..9]].concat();
        let by_length = [&snapshot[..], b"*1\r\n"].concat();
        let by_mark = [&snapshot[..], MARK, b"*1\r\n"].concat();
        let length = Framing::Length(snapshot.len() as u64);
        for (framing, bytes) in [(length, by_length), (Framing::Mark(*MARK), by_mark)] {
            for piece_len in 1..bytes.len() {
                let (mut unframer, mut out, mut rest) =
                    (Unframer::new(framing), Vec::new(), Vec::new());
                for piece in bytes.chunks(piece_len) {
                    let used = unframer.take(piece, &mut out);
                    rest.extend_from_slice(&piece[used..]);
                }
                assert!(unframer.is_done());
                assert_eq!(unframer.received_len(), snapshot.len() as u64);
                assert_eq!((&out[..], &rest[..]), (&snapshot[..], &b"*1\r\n"[..]));
            }
        }
    }
}
