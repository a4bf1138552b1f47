//! Listpacks: short sequences of strings and numbers in one run of bytes, in Redis's format, so that
//! RDB files and `DUMP` payloads hold them as they are.
//!
//! ```text
//! listpack  length u32 | count u16 | element ... | FF         little-endian; the length covers all
//! element   head, data | length of head and data, readable from behind
//! head      0xxxxxxx                       number 0..=127
//!           10xxxxxx + data                string of up to 63 bytes
//!           110xxxxx xxxxxxxx              number of 13 bits, signed
//!           1110xxxx xxxxxxxx + data       string of up to 4095 bytes
//!           F0 + u32 + data                longer string
//!           F1 + 2, F2 + 3, F3 + 4, F4 + 8 bytes   numbers of 16, 24, 32, 64 bits, little-endian
//! ```
//! A count of 65535 says that the elements have to be counted. Canonical decimal numbers are kept as
//! numbers. What always holds: the bytes of a [`Listpack`] and a [`ListpackRef`] are well-formed (those from
//! elsewhere pass [`Listpack::from_bytes`]), so walking them ends at the closing byte.

use super::super::value::{ValueRef, parse_int};

/// Bytes before the first element.
const HEADER_LEN: usize = 6;
/// The closing byte.
const END: u8 = 0xff;
/// A count that has to be taken.
const COUNT_UNKNOWN: u16 = u16::MAX;
/// Longest listpack, in bytes: its length has 32 bits, and Redis keeps well below.
pub const LISTPACK_LEN_MAX: usize = 1 << 30;

/// A listpack that owns its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Listpack(Vec<u8>);

/// A listpack lent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ListpackRef<'a>(&'a [u8]);

/// Where an element begins: good until the listpack changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(usize);

/// The elements from front to back, or from back to front.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    pack: ListpackRef<'a>,
    front: usize,
    /// One past the last element that is still to come.
    back: usize,
}

/// The head of the element at `at`: how many bytes it takes, and the string's bytes or the number.
///
/// Nothing is assumed of `bytes`; `None` says that no whole element is there.
#[inline]
fn decode(bytes: &[u8], at: usize) -> Option<(usize, ValueRef<'_>)> {
    let rest = bytes.get(at..)?;
    let first = *rest.first()?;
    let string = |head: usize, len: usize| {
        let data = rest.get(head..head.checked_add(len)?)?;
        Some((head + len, ValueRef::Bytes(data)))
    };
    Some(match first {
        0x00..=0x7f => (1, ValueRef::Int(i64::from(first))),
        0x80..=0xbf => string(1, usize::from(first & 0x3f))?,
        0xc0..=0xdf => {
            let number = i64::from(first & 0x1f) << 8 | i64::from(*rest.get(1)?);
            (2, ValueRef::Int(number << 51 >> 51))
        }
        0xe0..=0xef => string(2, usize::from(first & 0x0f) << 8 | usize::from(*rest.get(1)?))?,
        0xf0 => string(5, u32::from_le_bytes(*rest.get(1..)?.first_chunk()?) as usize)?,
        0xf1 => (3, ValueRef::Int(i64::from(i16::from_le_bytes(*rest.get(1..)?.first_chunk()?)))),
        0xf2 => {
            let [a, b, c] = *rest.get(1..)?.first_chunk()?;
            (4, ValueRef::Int(i64::from(i32::from_le_bytes([0, a, b, c]) >> 8)))
        }
        0xf3 => (5, ValueRef::Int(i64::from(i32::from_le_bytes(*rest.get(1..)?.first_chunk()?)))),
        0xf4 => (9, ValueRef::Int(i64::from_le_bytes(*rest.get(1..)?.first_chunk()?))),
        0xf5..=0xff => return None,
    })
}

/// Bytes that the length behind an element of `len` bytes takes.
#[inline]
fn back_len(len: usize) -> usize {
    match len {
        0..=127 => 1,
        128..16_383 => 2,
        16_383..2_097_151 => 3,
        2_097_151..268_435_455 => 4,
        _ => 5,
    }
}

fn push_back_len(out: &mut Vec<u8>, len: usize) {
    let width = back_len(len);
    for index in (0..width).rev() {
        let bits = (len >> (7 * index)) as u8 & 0x7f;
        out.push(if index + 1 == width { bits } else { bits | 0x80 });
    }
}

/// The length that ends just before `end`, and how many bytes it takes.
#[inline]
fn read_back_len(bytes: &[u8], end: usize) -> Option<(usize, usize)> {
    let mut len = 0;
    for width in 0..5 {
        let byte = *bytes.get(end.checked_sub(width + 1)?)?;
        len |= usize::from(byte & 0x7f) << (7 * width);
        if byte & 0x80 == 0 {
            return Some((len, width + 1));
        }
    }
    None
}

/// Appends a whole element.
fn push_element(out: &mut Vec<u8>, value: ValueRef<'_>) {
    let start = out.len();
    match value {
        ValueRef::Int(number) => push_number(out, number),
        ValueRef::Bytes(bytes) => {
            match bytes.len() {
                len @ 0..=63 => out.push(0x80 | len as u8),
                len @ 64..=4095 => out.extend_from_slice(&[0xe0 | (len >> 8) as u8, len as u8]),
                len => {
                    out.push(0xf0);
                    out.extend_from_slice(&(len as u32).to_le_bytes());
                }
            }
            out.extend_from_slice(bytes);
        }
    }
    let len = out.len() - start;
    push_back_len(out, len);
}

fn push_number(out: &mut Vec<u8>, number: i64) {
    match number {
        0..=127 => out.push(number as u8),
        -4096..=4095 => out.extend_from_slice(&[0xc0 | (number >> 8 & 0x1f) as u8, number as u8]),
        -0x8000..=0x7fff => {
            out.push(0xf1);
            out.extend_from_slice(&(number as i16).to_le_bytes());
        }
        -0x80_0000..=0x7f_ffff => {
            out.push(0xf2);
            out.extend_from_slice(&(number as i32).to_le_bytes()[..3]);
        }
        -0x8000_0000..=0x7fff_ffff => {
            out.push(0xf3);
            out.extend_from_slice(&(number as i32).to_le_bytes());
        }
        _ => {
            out.push(0xf4);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}

/// Bytes that an element takes, all counted.
pub fn element_len(value: ValueRef<'_>) -> usize {
    let len = match value {
        ValueRef::Int(number) => match number {
            0..=127 => 1,
            -4096..=4095 => 2,
            -0x8000..=0x7fff => 3,
            -0x80_0000..=0x7f_ffff => 4,
            -0x8000_0000..=0x7fff_ffff => 5,
            _ => 9,
        },
        ValueRef::Bytes(bytes) => {
            bytes.len()
                + match bytes.len() {
                    0..=63 => 1,
                    64..=4095 => 2,
                    _ => 5,
                }
        }
    };
    len + back_len(len)
}

impl<'a> ListpackRef<'a> {
    /// A listpack whose bytes are known to be well-formed, because a [`Listpack`] has held them.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        debug_assert!(Listpack::from_bytes(bytes.to_vec()).is_some());
        Self(bytes)
    }

    /// All bytes, as RDB files hold them.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Number of elements.
    pub fn len(self) -> usize {
        match self.0 {
            [_, _, _, _, a, b, ..] => match u16::from_le_bytes([*a, *b]) {
                COUNT_UNKNOWN => self.iter().count(),
                count => usize::from(count),
            },
            _ => 0,
        }
    }

    /// Whether there is no element.
    pub fn is_empty(self) -> bool {
        self.0.len() <= HEADER_LEN + 1
    }

    /// The elements, in either direction.
    pub fn iter(self) -> Elements<'a> {
        Elements { pack: self, front: HEADER_LEN, back: self.end() }
    }

    /// The elements from `position` on.
    pub fn iter_from(self, position: Position) -> Elements<'a> {
        Elements { front: position.0, ..self.iter() }
    }

    /// The elements before `position`.
    pub fn iter_before(self, position: Position) -> Elements<'a> {
        Elements { back: position.0, ..self.iter() }
    }

    /// The element at `position`.
    pub fn at(self, position: Position) -> Option<ValueRef<'a>> {
        decode(self.0, position.0).map(|(_, value)| value)
    }

    /// Where the element behind that of `position` begins, or where the last one ends.
    pub fn next(self, position: Position) -> Option<Position> {
        let (len, _) = decode(self.0, position.0)?;
        Some(Position(position.0 + len + back_len(len)))
    }

    /// Where the first element begins, or would.
    pub fn first_position(self) -> Position {
        Position(HEADER_LEN)
    }

    /// Where the last element ends.
    pub fn end_position(self) -> Position {
        Position(self.end())
    }

    /// Where element `index` begins, looked for from the nearer end.
    pub fn position(self, index: usize) -> Option<Position> {
        let len = self.len();
        let mut elements = self.iter();
        if index >= len {
            None
        } else if index < len / 2 {
            elements.nth_positioned(index).map(|(position, _)| position)
        } else {
            (0..len - index).try_fold(Position(self.end()), |_, _| {
                elements.next_back_positioned().map(|(position, _)| position)
            })
        }
    }

    /// Element `index`.
    pub fn get(self, index: usize) -> Option<ValueRef<'a>> {
        self.at(self.position(index)?)
    }

    /// Where the first element equal to `wanted` is, among every `step`-th one.
    pub fn find(self, wanted: &[u8], step: usize) -> Option<Position> {
        let number = parse_int(wanted);
        let mut elements = self.iter();
        loop {
            let (position, value) = elements.next_positioned()?;
            let equal = match value {
                ValueRef::Int(value) => number == Some(value),
                ValueRef::Bytes(bytes) => bytes == wanted,
            };
            if equal {
                return Some(position);
            }
            for _ in 1..step {
                elements.next_positioned()?;
            }
        }
    }

    /// A copy that owns its bytes, with room for `more` bytes.
    pub fn to_listpack(self, more: usize) -> Listpack {
        let mut bytes = Vec::with_capacity(self.0.len() + more);
        bytes.extend_from_slice(self.0);
        Listpack(bytes)
    }

    fn end(self) -> usize {
        self.0.len().saturating_sub(1)
    }
}

impl<'a> Elements<'a> {
    /// The next element with its position.
    #[inline]
    pub fn next_positioned(&mut self) -> Option<(Position, ValueRef<'a>)> {
        if self.front >= self.back {
            return None;
        }
        let (len, value) = decode(self.pack.0, self.front)?;
        let position = Position(self.front);
        self.front += len + back_len(len);
        Some((position, value))
    }

    /// The next element from the back, with its position.
    pub fn next_back_positioned(&mut self) -> Option<(Position, ValueRef<'a>)> {
        if self.front >= self.back {
            return None;
        }
        let (len, width) = read_back_len(self.pack.0, self.back)?;
        let at = self.back.checked_sub(len + width)?;
        let (_, value) = decode(self.pack.0, at)?;
        self.back = at;
        Some((Position(at), value))
    }

    /// The element after `skipped` others, with its position.
    pub fn nth_positioned(&mut self, skipped: usize) -> Option<(Position, ValueRef<'a>)> {
        for _ in 0..skipped {
            self.next_positioned()?;
        }
        self.next_positioned()
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = ValueRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.next_positioned().map(|(_, value)| value)
    }
}

impl DoubleEndedIterator for Elements<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.next_back_positioned().map(|(_, value)| value)
    }
}

impl Listpack {
    /// An empty listpack.
    pub fn new() -> Self {
        let mut bytes = Vec::with_capacity(32);
        bytes.extend_from_slice(&[HEADER_LEN as u8 + 1, 0, 0, 0, 0, 0, END]);
        Self(bytes)
    }

    /// What stands for a listpack that has been taken away: without memory, to be replaced.
    pub(in crate::keyspace) fn hollow() -> Self {
        Self(Vec::new())
    }

    /// The listpack that `bytes` are, if they are a well-formed one.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<HEADER_LEN>()?;
        let [a, b, c, d, count @ ..] = *header;
        let stated_count = u16::from_le_bytes(count);
        let end = bytes.len() - 1;
        let stated_len = u32::from_le_bytes([a, b, c, d]) as usize;
        if stated_len != bytes.len() || bytes.len() > LISTPACK_LEN_MAX || bytes[end] != END {
            return None;
        }
        let (mut at, mut count) = (HEADER_LEN, 0_usize);
        while at < end {
            let (len, _) = decode(&bytes[..end], at)?;
            let next = at + len + back_len(len);
            if next > end || read_back_len(&bytes, next) != Some((len, back_len(len))) {
                return None;
            }
            at = next;
            count += 1;
        }
        let fits = stated_count == COUNT_UNKNOWN || usize::from(stated_count) == count;
        (at == end && fits).then_some(Self(bytes))
    }

    /// The listpack of these elements.
    pub fn of<'v>(values: impl IntoIterator<Item = ValueRef<'v>>) -> Self {
        let mut pack = Self::new();
        values.into_iter().for_each(|value| pack.push(value));
        pack
    }

    /// The listpack, borrowed.
    #[inline]
    pub fn as_ref(&self) -> ListpackRef<'_> {
        ListpackRef(&self.0)
    }

    /// Length of all bytes.
    pub fn byte_len(&self) -> usize {
        self.0.len()
    }

    /// Memory taken, in bytes, without this struct.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }

    /// Gives back memory that is kept for growth.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Appends an element.
    pub fn push(&mut self, value: ValueRef<'_>) {
        let count = self.as_ref().len();
        self.0.pop();
        push_element(&mut self.0, value);
        self.0.push(END);
        self.set_header(count + 1);
    }

    /// Inserts elements before the one at `position`, or at the end.
    pub fn insert(&mut self, position: Position, values: &[ValueRef<'_>]) {
        self.splice(position, 0, values);
    }

    /// Removes `count` elements from `position` on.
    pub fn remove(&mut self, position: Position, count: usize) {
        self.splice(position, count, &[]);
    }

    /// Puts `value` in the place of the element at `position`.
    pub fn replace(&mut self, position: Position, value: ValueRef<'_>) {
        self.splice(position, 1, &[value]);
    }

    /// Removes up to `removed` elements from `position` on and puts `values` in their place.
    pub fn splice(&mut self, position: Position, removed: usize, values: &[ValueRef<'_>]) {
        let count = self.as_ref().len();
        let mut end = position;
        let mut gone = 0;
        while gone < removed && end < self.as_ref().end_position() {
            let Some(next) = self.as_ref().next(end) else { break };
            end = next;
            gone += 1;
        }
        let added: usize = values.iter().map(|&value| element_len(value)).sum();
        let tail_at = end.0;
        // The new elements are made behind everything and turned into place with what follows them.
        self.0.reserve(added);
        let old_len = self.0.len();
        for &value in values {
            push_element(&mut self.0, value);
        }
        self.0[tail_at..].rotate_left(old_len - tail_at);
        self.0.drain(position.0..tail_at);
        self.set_header(count - gone + values.len());
    }

    /// Takes the elements from `position` on away and returns them.
    pub fn split_off(&mut self, position: Position) -> Self {
        let rest = Self::of(self.as_ref().iter_from(position));
        let kept = self.as_ref().iter_before(position).count();
        self.0.truncate(position.0);
        self.0.push(END);
        self.set_header(kept);
        rest
    }

    /// Appends the elements of `other`.
    pub fn append(&mut self, other: ListpackRef<'_>) {
        let count = self.as_ref().len() + other.len();
        self.0.pop();
        self.0.extend_from_slice(&other.0[HEADER_LEN.min(other.0.len())..]);
        self.set_header(count);
    }

    fn set_header(&mut self, count: usize) {
        let len = self.0.len() as u32;
        let count = u16::try_from(count).unwrap_or(COUNT_UNKNOWN);
        self.0[..4].copy_from_slice(&len.to_le_bytes());
        self.0[4..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
    }
}

impl Default for Listpack {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Listpack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl std::fmt::Debug for ListpackRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> Vec<i64> {
        let edges = [0, 127, 128, 4095, 4096, 0x7fff, 0x8000, 0x7f_ffff, 0x80_0000, 0x7fff_ffff];
        let mut all: Vec<i64> = edges.iter().flat_map(|&n| [n, -n, -n - 1]).collect();
        all.extend([0x8000_0000, i64::MAX, i64::MIN]);
        all
    }

    fn check(pack: &Listpack) {
        assert_eq!(Listpack::from_bytes(pack.0.clone()).as_ref(), Some(pack));
        let forward: Vec<_> = pack.as_ref().iter().collect();
        let mut backward: Vec<_> = pack.as_ref().iter().rev().collect();
        backward.reverse();
        assert_eq!(forward, backward);
        assert_eq!(pack.as_ref().len(), forward.len());
    }

    #[test]
    fn every_kind_of_element_is_read_from_both_ends() {
        let strings: Vec<Vec<u8>> =
            [0, 1, 63, 64, 126, 127, 128, 4095, 4096, 16_380, 16_384, 70_000]
                .iter()
                .map(|&len| vec![b'x'; len])
                .collect();
        let mut pack = Listpack::new();
        check(&pack);
        let mut expected = Vec::new();
        for number in numbers() {
            expected.push(ValueRef::Int(number));
        }
        for string in &strings {
            expected.push(ValueRef::Bytes(string));
        }
        for &value in &expected {
            let before = pack.byte_len();
            pack.push(value);
            assert_eq!(pack.byte_len() - before, element_len(value));
        }
        check(&pack);
        assert_eq!(pack.as_ref().iter().collect::<Vec<_>>(), expected);
        for (index, &value) in expected.iter().enumerate() {
            assert_eq!(pack.as_ref().get(index), Some(value));
            let position = value.with_bytes(|bytes| pack.as_ref().find(bytes, 1));
            assert_eq!(position.and_then(|position| pack.as_ref().at(position)), Some(value));
        }
        assert_eq!(pack.as_ref().get(expected.len()), None);
    }

    #[test]
    fn the_format_is_that_of_redis() {
        // DUMP of `RPUSH key a 1 -1 4096 1000000` by redis-server 7.0.15, its list node.
        let pack = Listpack::of([
            ValueRef::Bytes(b"a"),
            ValueRef::Int(1),
            ValueRef::Int(-1),
            ValueRef::Int(4096),
            ValueRef::Int(1_000_000),
        ]);
        let expected =
            b"\x18\0\0\0\x05\0\x81a\x02\x01\x01\xdf\xff\x02\xf1\0\x10\x03\xf2\x40\x42\x0f\x04\xff";
        assert_eq!(pack.0, expected);
    }

    #[test]
    fn editing_follows_a_vector() {
        let mut rng = fastrand::Rng::with_seed(7);
        let (mut pack, mut model) = (Listpack::new(), Vec::<Vec<u8>>::new());
        for _ in 0..3000 {
            let at = rng.usize(..=model.len());
            let position =
                pack.as_ref().position(at).unwrap_or_else(|| pack.as_ref().end_position());
            let removed = rng.usize(..3).min(model.len() - at);
            let mut values: Vec<Vec<u8>> = Vec::new();
            for _ in 0..rng.usize(..3) {
                let len = if rng.u8(..10) == 0 { 5000 } else { rng.usize(..80) };
                values.push(match rng.bool() {
                    true => vec![rng.u8(b'a'..=b'z'); len],
                    false => rng.i64(..).to_string().into_bytes(),
                });
            }
            let refs: Vec<_> = values.iter().map(|v| ValueRef::from_string(v)).collect();
            pack.splice(position, removed, &refs);
            model.splice(at..at + removed, values.iter().cloned());
            if model.len() > 60 {
                let position = pack.as_ref().position(30).expect("it has so many");
                let rest = pack.split_off(position);
                check(&rest);
                if rng.bool() {
                    pack.append(rest.as_ref());
                } else {
                    model.truncate(30);
                }
            }
            check(&pack);
            let found: Vec<_> = pack.as_ref().iter().map(|v| v.to_cow().into_owned()).collect();
            assert_eq!(found, model);
        }
    }

    #[test]
    fn more_elements_than_the_header_counts() {
        let pack = Listpack::of((0..70_000).map(|_| ValueRef::Int(1)));
        assert_eq!(pack.as_ref().len(), 70_000);
        check(&pack);
    }

    #[test]
    fn damaged_bytes_are_refused_and_never_panic() {
        let mut whole = Listpack::new();
        for number in numbers() {
            whole.push(ValueRef::Int(number));
            whole.push(ValueRef::Bytes(&vec![b'y'; number.unsigned_abs() as usize % 300]));
        }
        let bytes = whole.0.clone();
        for len in 0..bytes.len() {
            assert!(Listpack::from_bytes(bytes[..len].to_vec()).is_none(), "{len}");
        }
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..20_000 {
            let mut damaged = bytes.clone();
            for _ in 0..rng.usize(1..4) {
                let at = rng.usize(..damaged.len());
                damaged[at] = rng.u8(..);
            }
            if let Some(pack) = Listpack::from_bytes(damaged) {
                check(&pack);
            }
        }
    }
}
