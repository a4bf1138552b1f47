//! Ziplists: what Redis packed small collections into before version 7. Read only.
//!
//! ```text
//! ziplist   length u32 | offset of the last entry u32 | count u16 | entry ... | FF     little-endian
//! entry     length of the entry before (u8 below FE, or FE and u32) | head | data
//! head      00xxxxxx                 string of up to 63 bytes
//!           01xxxxxx xxxxxxxx        string of up to 16383 bytes, big-endian
//!           80 + u32                 longer string, big-endian
//!           C0 + 2, F0 + 3, D0 + 4, E0 + 8, FE + 1 bytes    signed numbers, little-endian
//!           F1 ..= FD                numbers 0 ..= 12
//! ```

use crate::keyspace::ValueRef;

const HEADER_LEN: usize = 10;
const END: u8 = 0xff;
const LONG_BEFORE: u8 = 0xfe;
const COUNT_UNKNOWN: u16 = u16::MAX;

/// The elements of the ziplist that `bytes` are, or `None` if they are no well-formed one.
pub fn elements(bytes: &[u8]) -> Option<Vec<ValueRef<'_>>> {
    let (header, _) = bytes.split_first_chunk::<HEADER_LEN>()?;
    let [l0, l1, l2, l3, t0, t1, t2, t3, c0, c1] = *header;
    let end = bytes.len() - 1;
    if u32::from_le_bytes([l0, l1, l2, l3]) as usize != bytes.len() || bytes[end] != END {
        return None;
    }
    let mut found = Vec::new();
    let (mut at, mut last_at, mut len_before) = (HEADER_LEN, HEADER_LEN, 0);
    while at < end {
        let (len, value) = entry(&bytes[at..end], len_before)?;
        found.push(value);
        (last_at, len_before) = (at, len);
        at += len;
    }
    let tail = u32::from_le_bytes([t0, t1, t2, t3]) as usize;
    let count = u16::from_le_bytes([c0, c1]);
    let is_counted = count == COUNT_UNKNOWN || usize::from(count) == found.len();
    (tail == last_at && is_counted).then_some(found)
}

/// The entry at the beginning of `bytes`: all of its bytes counted, and what it holds.
fn entry(bytes: &[u8], len_before: usize) -> Option<(usize, ValueRef<'_>)> {
    let (stated, head_at) = match *bytes.first()? {
        LONG_BEFORE => (u32::from_le_bytes(*bytes.get(1..)?.first_chunk()?) as usize, 5),
        END => return None,
        short => (usize::from(short), 1),
    };
    if stated != len_before {
        return None;
    }
    let rest = bytes.get(head_at..)?;
    let string = |head: usize, len: usize| {
        let data = rest.get(head..head.checked_add(len)?)?;
        Some((head_at + head + len, ValueRef::Bytes(data)))
    };
    let number = |width: usize, number: i64| Some((head_at + 1 + width, ValueRef::Int(number)));
    let data = rest.get(1..)?;
    match *rest.first()? {
        head @ 0x00..=0x3f => string(1, usize::from(head)),
        head @ 0x40..=0x7f => {
            string(2, usize::from(head & 0x3f) << 8 | usize::from(*data.first()?))
        }
        0x80 => string(5, u32::from_be_bytes(*data.first_chunk()?) as usize),
        0xc0 => number(2, i64::from(i16::from_le_bytes(*data.first_chunk()?))),
        0xf0 => {
            let [a, b, c] = *data.first_chunk()?;
            number(3, i64::from(i32::from_le_bytes([0, a, b, c]) >> 8))
        }
        0xd0 => number(4, i64::from(i32::from_le_bytes(*data.first_chunk()?))),
        0xe0 => number(8, i64::from_le_bytes(*data.first_chunk()?)),
        0xfe => number(1, i64::from(*data.first()? as i8)),
        head @ 0xf1..=0xfd => number(0, i64::from(head - 0xf1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `RPUSH key a 1 -1 1000 100000 10000000000 <70 times x>` as redis-server 5 packs it.
    fn ziplist() -> Vec<u8> {
        let entries: [&[u8]; 7] = [
            b"\x00\x01a",
            b"\x03\xf2",
            b"\x02\xfe\xff",
            b"\x03\xc0\xe8\x03",
            b"\x04\xf0\xa0\x86\x01",
            b"\x05\xe0\x00\xe4\x0b\x54\x02\x00\x00\x00",
            &[&b"\x0a\x40\x46"[..], &[b'x'; 70]].concat(),
        ];
        let body = entries.concat();
        let tail = HEADER_LEN + body.len() - entries[6].len();
        let len = HEADER_LEN + body.len() + 1;
        let mut all = (len as u32).to_le_bytes().to_vec();
        all.extend_from_slice(&(tail as u32).to_le_bytes());
        all.extend_from_slice(&(entries.len() as u16).to_le_bytes());
        all.extend_from_slice(&body);
        all.push(END);
        all
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        let bytes = ziplist();
        let numbers = [1, -1, 1000, 100_000, 10_000_000_000].map(ValueRef::Int);
        let mut expected = vec![ValueRef::Bytes(b"a")];
        expected.extend(numbers);
        expected.push(ValueRef::Bytes(&[b'x'; 70]));
        assert_eq!(elements(&bytes), Some(expected));
    }

    #[test]
    fn damage_is_refused_and_never_panics() {
        let bytes = ziplist();
        for len in 0..bytes.len() {
            assert_eq!(elements(&bytes[..len]), None);
        }
        let mut rng = fastrand::Rng::with_seed(5);
        for _ in 0..20_000 {
            let mut damaged = bytes.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..damaged.len());
                damaged[at] = rng.u8(..);
            }
            drop(elements(&damaged));
        }
    }
}
