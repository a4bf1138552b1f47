//! Zipmaps: how Redis kept small hashes before version 2.6, in files only.
//!
//! ```text
//! zipmap   number of pairs, FE: has to be counted | pair ... | FF
//! pair     length, name | length, number of unused bytes, value, unused bytes
//! length   00..=FD, or FE + 4 bytes, little-endian
//! ```

use crate::keyspace::ValueRef;
use crate::keyspace::types::Listpack;

/// As a length: 4 bytes follow. As a number of pairs: there are so many or more.
const LONG: u8 = 0xfe;
/// The closing byte.
const END: u8 = 0xff;

/// Reads forward through the bytes of a zipmap.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn length(&mut self) -> Option<usize> {
        match self.byte()? {
            END => None,
            LONG => {
                let (length, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                usize::try_from(u32::from_le_bytes(*length)).ok()
            }
            length => Some(usize::from(length)),
        }
    }
}

/// The pairs of a zipmap as a listpack; `None` if the bytes are no well-formed one.
pub(super) fn listpack(bytes: &[u8]) -> Option<Listpack> {
    let mut reader = Reader(bytes);
    let stated_count = reader.byte()?;
    let mut pack = Listpack::new();
    let mut count = 0_usize;
    while *reader.0.first()? != END {
        let len = reader.length()?;
        let name = reader.take(len)?;
        let len = reader.length()?;
        let unused_len = reader.byte()?;
        let value = reader.take(len)?;
        reader.take(usize::from(unused_len))?;
        pack.push(ValueRef::from_string(name));
        pack.push(ValueRef::from_string(value));
        count += 1;
    }
    let fits = stated_count == LONG || usize::from(stated_count) == count;
    (fits && reader.0.len() == 1).then_some(pack)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `zipmap.c` of Redis describes it: foo => bar, with unused bytes behind, and hello => world.
    const SMALL: &[u8] = b"\x02\x03foo\x03\x02bar..\x05hello\x05\x00world\xff";

    fn elements(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let pack = listpack(bytes)?;
        Some(pack.as_ref().iter().map(|element| element.to_cow().into_owned()).collect())
    }

    #[test]
    fn pairs_are_read() {
        let words = [&b"foo"[..], b"bar", b"hello", b"world"];
        assert_eq!(elements(SMALL), Some(words.map(<[u8]>::to_vec).to_vec()));
        assert_eq!(elements(b"\x00\xff"), Some(Vec::new()));
        let long = [&b"\xfe\xfe\x2c\x01\x00\x00"[..], &[b'n'; 300], b"\x01\x0012\xff"].concat();
        assert_eq!(elements(&long), None, "a length of 1 and two bytes");
        let long = [&b"\xfe\xfe\x2c\x01\x00\x00"[..], &[b'n'; 300], b"\x02\x0012\xff"].concat();
        assert_eq!(elements(&long), Some(vec![vec![b'n'; 300], b"12".to_vec()]));
    }

    #[test]
    fn what_is_no_zipmap_is_refused() {
        for len in 0..SMALL.len() {
            assert_eq!(elements(&SMALL[..len]), None, "{len}");
        }
        for broken in [
            &b"\x01\x03foo\x03\x02bar..\x05hello\x05\x00world\xff"[..],
            b"\xff\x03foo\x03\x02bar..\x05hello\x05\x00world\xff",
            b"\x02\x03foo\x03\x02bar..\x05hello\x05\x00world\xff\xff",
            b"\x01\x03foo\xff\x00bar\xff",
            b"\x01\xfe\xff\xff\xff\xfffoo\x03\x00bar\xff",
        ] {
            assert_eq!(elements(broken), None, "{}", broken.escape_ascii());
        }
    }
}
