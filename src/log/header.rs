//! The header of a frame: forty bytes in bincode, as a line of hexadecimal that Redis skips.
//!
//! ```text
//! position  0        2                                              82     84
//!           +--------+----------------------------------------------+------+
//!           | "#V"   | 80 hexadecimal digits, lower case            | "\r\n" |
//!           +--------+----------------------------------------------+------+
//!
//! the digits, two a byte, little-endian:
//! byte      0         8            16            20         24        32      36     40
//!           +---------+------------+-------------+----------+---------+-------+------+
//!           | offset  | synced_len | payload_len | meta_len | time_ms | flags | crc  |
//!           | u64     | u64        | u32         | u32      | u64     | u32   | u32  |
//!           +---------+------------+-------------+----------+---------+-------+------+
//! ```
//!
//! `crc` is the CRC-32 of bytes 0 to 36, the meta bytes and the payload, begun with the checksum that
//! stands in the segment's header: a frame of another segment never passes for one of this.

use bincode::config::{Configuration, Fixint, LittleEndian};

/// Length of the header line, in bytes.
pub const FRAME_HEADER_LEN: usize = MARK.len() + 2 * RAW_LEN + LINE_END.len();
/// What the line begins with.
pub(crate) const MARK: &[u8; 2] = b"#V";
/// The frame is local to a writable replica: replayed here, not counted in offsets, never shipped.
pub(crate) const FLAG_LOCAL: u32 = 1;
/// Every flag this version knows.
pub(crate) const FLAGS_KNOWN: u32 = FLAG_LOCAL;

const RAW_LEN: usize = 40;
const CRC_AT: usize = RAW_LEN - 4;
const LINE_END: &[u8; 2] = b"\r\n";
const CODEC: Configuration<LittleEndian, Fixint> =
    bincode::config::standard().with_fixed_int_encoding();
const DIGITS: &[u8; 16] = b"0123456789abcdef";

const _: () = assert!(FRAME_HEADER_LEN == 84);

/// The fields of a frame's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub(crate) struct FrameHeader {
    /// Stream offset of the payload's first byte.
    pub offset: u64,
    /// Bytes of this segment known durable when the frame was written.
    pub synced_len: u64,
    /// Bytes of the payload.
    pub payload_len: u32,
    /// Bytes between header and payload, lines that begin with '#'; 0 in this version.
    pub meta_len: u32,
    /// Milliseconds since the Unix epoch at which the frame was closed.
    pub time_ms: u64,
    /// Bits; see [`FLAG_LOCAL`].
    pub flags: u32,
    /// Checksum of all of the above and what follows.
    pub crc: u32,
}

impl FrameHeader {
    /// Writes the header line for `body` (meta bytes and payload); sets the checksum.
    pub(crate) fn seal(&mut self, line: &mut [u8; FRAME_HEADER_LEN], seed: u32, body: &[u8]) {
        assert_eq!(
            u64::from(self.payload_len) + u64::from(self.meta_len),
            body.len() as u64,
            "a frame header states the length of its body"
        );
        let mut raw = self.raw();
        self.crc = checksum(seed, &raw, body);
        raw[CRC_AT..].copy_from_slice(&self.crc.to_le_bytes());
        let (mark, rest) = line.split_at_mut(MARK.len());
        let (digits, end) = rest.split_at_mut(2 * RAW_LEN);
        mark.copy_from_slice(MARK);
        for (pair, byte) in digits.chunks_exact_mut(2).zip(raw) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        end.copy_from_slice(LINE_END);
    }

    /// Reads a header line; `None` unless every byte of it is as [`FrameHeader::seal`] writes it.
    /// The checksum is not yet verified: see [`FrameHeader::covers`].
    pub(crate) fn parse(line: &[u8]) -> Option<Self> {
        let line = line.get(..FRAME_HEADER_LEN)?;
        let digits = line.strip_prefix(MARK)?.strip_suffix(LINE_END)?;
        let mut raw = [0; RAW_LEN];
        for (byte, pair) in raw.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        let (header, read) = bincode::decode_from_slice::<Self, _>(&raw, CODEC).ok()?;
        (read == RAW_LEN).then_some(header)
    }

    /// Whether the checksum is that of this header and `body`.
    pub(crate) fn covers(&self, seed: u32, body: &[u8]) -> bool {
        checksum(seed, &self.raw(), body) == self.crc
    }

    /// Whether the frame is local to a writable replica.
    pub(crate) fn is_local(&self) -> bool {
        self.flags & FLAG_LOCAL != 0
    }

    /// Bytes after the header line.
    pub(crate) fn body_len(&self) -> u64 {
        u64::from(self.payload_len) + u64::from(self.meta_len)
    }

    fn raw(&self) -> [u8; RAW_LEN] {
        let mut raw = [0; RAW_LEN];
        let written = bincode::encode_into_slice(self, &mut raw, CODEC);
        assert!(matches!(written, Ok(RAW_LEN)), "the header has a fixed length");
        raw
    }
}

fn checksum(seed: u32, raw: &[u8; RAW_LEN], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new_with_initial(seed);
    crc.update(&raw[..CRC_AT]);
    crc.update(body);
    crc.finalize()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(body: &[u8]) -> ([u8; FRAME_HEADER_LEN], FrameHeader) {
        let mut header = FrameHeader {
            offset: 0x0102_0304_0506_0708,
            synced_len: 9,
            payload_len: body.len() as u32,
            meta_len: 0,
            time_ms: 1_700_000_000_000,
            flags: FLAG_LOCAL,
            crc: 0,
        };
        let mut line = [0; FRAME_HEADER_LEN];
        header.seal(&mut line, 7, body);
        (line, header)
    }

    #[test]
    fn the_bytes_are_those_of_the_format_document() {
        let (line, _) = sealed(b"*1\r\n$4\r\nPING\r\n");
        let text = std::str::from_utf8(&line).unwrap();
        assert_eq!(
            &text[..74],
            concat!(
                "#V",
                "0807060504030201",
                "0900000000000000",
                "0e000000",
                "00000000",
                "0068e5cf8b010000",
                "01000000"
            )
        );
        assert!(text.ends_with("\r\n"));
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let body = b"*1\r\n$4\r\nPING\r\n";
        let (line, header) = sealed(body);
        assert_eq!(FrameHeader::parse(&line), Some(header));
        assert!(header.covers(7, body) && !header.covers(8, body));
        for bit in 0..line.len() * 8 {
            let mut bad = line;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!FrameHeader::parse(&bad).is_some_and(|h| h.covers(7, body)), "bit {bit}");
        }
        for bit in 0..body.len() * 8 {
            let mut bad = *body;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(!header.covers(7, &bad), "bit {bit} of the payload");
        }
    }
}
