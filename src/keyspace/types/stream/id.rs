//! IDs of entries: a time in milliseconds and a number within it.

use std::fmt;

/// Bytes of the longest text of an ID that is read.
const TEXT_LEN_MAX: usize = 127;

/// The ID of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId {
    /// Milliseconds since the Unix epoch, or what a client gave.
    pub ms: u64,
    /// Tells entries of one millisecond apart.
    pub seq: u64,
}

/// An ID as a client gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenId {
    /// The ID; its `seq` is 0 if the client leaves that open.
    pub id: StreamId,
    /// The client leaves `seq` open: `ms-*`.
    pub any_seq: bool,
}

impl StreamId {
    /// The smallest one, which no entry has.
    pub const ZERO: Self = Self::new(0, 0);
    /// The largest one.
    pub const MAX: Self = Self::new(u64::MAX, u64::MAX);

    /// The ID of these parts.
    pub const fn new(ms: u64, seq: u64) -> Self {
        Self { ms, seq }
    }

    /// The one behind it.
    pub fn next(self) -> Option<Self> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_add(1)?, seq: 0 }),
        }
    }

    /// The one before it.
    pub fn previous(self) -> Option<Self> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(Self { seq, ..self }),
            None => Some(Self { ms: self.ms.checked_sub(1)?, seq: u64::MAX }),
        }
    }

    /// As RDB files have it.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.ms.to_be_bytes());
        bytes[8..].copy_from_slice(&self.seq.to_be_bytes());
        bytes
    }

    /// From what [`to_bytes`](Self::to_bytes) gives.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let [ms, seq] = [0, 8].map(|at| {
            let half = bytes[at..].first_chunk().copied();
            u64::from_be_bytes(half.unwrap_or_default())
        });
        Self { ms, seq }
    }

    /// Reads `ms` or `ms-seq`; `seq` is `missing_seq` where it is missing.
    pub fn parse(text: &[u8], missing_seq: u64) -> Option<Self> {
        let given = Self::parse_given(text, missing_seq)?;
        (!given.any_seq).then_some(given.id)
    }

    /// Reads `ms`, `ms-seq` or `ms-*`.
    pub fn parse_given(text: &[u8], missing_seq: u64) -> Option<GivenId> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        // Redis reads it as a C string.
        let text = text.split(|&b| b == 0).next().unwrap_or_default();
        let dash = text.iter().position(|&b| b == b'-');
        let ms = parse_part(&text[..dash.unwrap_or(text.len())])?;
        let (seq, any_seq) = match dash.map(|dash| &text[dash + 1..]) {
            None => (missing_seq, false),
            Some(b"*") => (0, true),
            Some(seq) => (parse_part(seq)?, false),
        };
        Some(GivenId { id: Self { ms, seq }, any_seq })
    }
}

/// Reads a part of an ID as `strtoull` does, but refuses what is a negative number in its usual form.
fn parse_part(text: &[u8]) -> Option<u64> {
    let blank = |b: &u8| matches!(b, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|b| !blank(b))?;
    let (negative, digits) = match &text[start..] {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || (negative && crate::base::number::parse_i64(text).is_some()) {
        return None;
    }
    let mut number = 0_u64;
    for &digit in digits {
        let value = digit.wrapping_sub(b'0');
        if value > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(value))?;
    }
    Some(if negative { number.wrapping_neg() } else { number })
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_redis_reads_them() {
        let id = |ms, seq| Some(StreamId::new(ms, seq));
        assert_eq!(StreamId::parse(b"5", 7), id(5, 7));
        assert_eq!(StreamId::parse(b"5-6", 7), id(5, 6));
        assert_eq!(StreamId::parse(b" 05-+6", 7), id(5, 6));
        assert_eq!(StreamId::parse(b"18446744073709551615-0", 7), id(u64::MAX, 0));
        for text in ["", "-", "+", "5-", "-5", "5--6", "5-*", "5-6-7", "18446744073709551616", "5 "]
        {
            assert_eq!(StreamId::parse(text.as_bytes(), 0), None, "{text:?}");
        }
        let open = GivenId { id: StreamId::new(5, 0), any_seq: true };
        assert_eq!(StreamId::parse_given(b"5-*", 0), Some(open));
    }

    #[test]
    fn neighbours_and_bytes() {
        let id = StreamId::new(1, u64::MAX);
        assert_eq!(id.next(), Some(StreamId::new(2, 0)));
        assert_eq!(StreamId::new(2, 0).previous(), Some(id));
        assert_eq!((StreamId::MAX.next(), StreamId::ZERO.previous()), (None, None));
        assert_eq!(StreamId::from_bytes(id.to_bytes()), id);
    }
}
