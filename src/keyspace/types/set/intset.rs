//! Sets of integers: ascending numbers side by side, in Redis's format, so that RDB files and `DUMP`
//! payloads hold them as they are.
//!
//! ```text
//! intset   width u32: 2, 4 or 8 | count u32 | number ...       little-endian, all of that width
//! ```
//! What always holds: the numbers of an [`Intset`] and an [`IntsetRef`] ascend, each is there once, and the
//! bytes end with the last one. The width grows with a number that needs it and never shrinks.

/// Bytes before the first number.
const HEADER_LEN: usize = 8;
/// The widths there are, in bytes.
const WIDTHS: [usize; 3] = [2, 4, 8];

/// A set of integers that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intset(Vec<u8>);

/// A set of integers lent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntsetRef<'a>(&'a [u8]);

/// The width that `number` needs.
fn width_of(number: i64) -> usize {
    if i16::try_from(number).is_ok() {
        2
    } else if i32::try_from(number).is_ok() {
        4
    } else {
        8
    }
}

/// The bytes of `number`, of which the first `width` count where it needs no more.
fn bytes_of(number: i64) -> [u8; 8] {
    number.to_le_bytes()
}

impl<'a> IntsetRef<'a> {
    /// A set whose bytes are known to be one, because an [`Intset`] has held them.
    pub fn trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// All bytes, as RDB files hold them.
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Bytes a number takes.
    fn width(self) -> usize {
        match self.0.first() {
            Some(4) => 4,
            Some(8) => 8,
            _ => 2,
        }
    }

    fn numbers(self) -> &'a [u8] {
        self.0.get(HEADER_LEN..).unwrap_or_default()
    }

    /// How many numbers there are.
    pub fn len(self) -> usize {
        self.numbers().len() / self.width()
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.numbers().is_empty()
    }

    /// Number `index` in ascending order.
    pub fn get(self, index: usize) -> Option<i64> {
        let (bytes, width) = (self.numbers(), self.width());
        let start = index.checked_mul(width)?;
        let bytes = bytes.get(start..start + width)?;
        Some(match width {
            2 => i64::from(i16::from_le_bytes(*bytes.first_chunk()?)),
            4 => i64::from(i32::from_le_bytes(*bytes.first_chunk()?)),
            _ => i64::from_le_bytes(*bytes.first_chunk()?),
        })
    }

    /// All numbers, ascending.
    pub fn iter(self) -> impl Iterator<Item = i64> + 'a {
        (0..self.len()).map_while(move |index| self.get(index))
    }

    /// Where `number` is, or where it would be.
    fn place(self, number: i64) -> Result<usize, usize> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            match self.get(middle) {
                Some(found) if found == number => return Ok(middle),
                Some(found) if found < number => low = middle + 1,
                _ => high = middle,
            }
        }
        Err(low)
    }

    /// Whether `number` is in.
    pub fn contains(self, number: i64) -> bool {
        self.place(number).is_ok()
    }

    /// A copy that owns its bytes, with room for `more` bytes.
    pub fn to_intset(self, more: usize) -> Intset {
        let mut bytes = Vec::with_capacity(self.0.len() + more);
        bytes.extend_from_slice(self.0);
        Intset(bytes)
    }
}

impl Intset {
    /// An empty set.
    pub fn new() -> Self {
        Self(vec![WIDTHS[0] as u8, 0, 0, 0, 0, 0, 0, 0])
    }

    /// The set that `bytes` are, if they are a well-formed one with a number at least.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let (width, rest) = bytes.split_first_chunk()?;
        let width = u32::from_le_bytes(*width) as usize;
        let (count, numbers) = rest.split_first_chunk()?;
        let count = u32::from_le_bytes(*count) as usize;
        if !WIDTHS.contains(&width) || count == 0 || count.checked_mul(width) != Some(numbers.len())
        {
            return None;
        }
        IntsetRef(&bytes).iter().is_sorted_by(|a, b| a < b).then_some(Self(bytes))
    }

    /// The set, borrowed.
    pub fn as_ref(&self) -> IntsetRef<'_> {
        IntsetRef(&self.0)
    }

    /// Memory taken, in bytes, without this struct.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity()
    }

    /// Gives back memory that is kept for growth.
    pub fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Adds `number`; whether it is new.
    pub fn insert(&mut self, number: i64) -> bool {
        if width_of(number) > self.as_ref().width() {
            self.widen(width_of(number));
        }
        let Err(index) = self.as_ref().place(number) else { return false };
        let width = self.as_ref().width();
        let at = HEADER_LEN + index * width;
        self.0.splice(at..at, bytes_of(number).into_iter().take(width));
        self.note_count();
        true
    }

    /// Takes `number` out; whether it was in.
    pub fn remove(&mut self, number: i64) -> bool {
        let Ok(index) = self.as_ref().place(number) else { return false };
        let width = self.as_ref().width();
        let at = HEADER_LEN + index * width;
        self.0.drain(at..at + width);
        self.note_count();
        true
    }

    /// Keeps the numbers that `keep` says yes to; it is asked in ascending order.
    pub fn retain(&mut self, mut keep: impl FnMut(i64) -> bool) {
        let width = self.as_ref().width();
        let mut end = HEADER_LEN;
        for index in 0..self.as_ref().len() {
            let kept = self.as_ref().get(index).is_some_and(&mut keep);
            if kept {
                let start = HEADER_LEN + index * width;
                self.0.copy_within(start..start + width, end);
                end += width;
            }
        }
        self.0.truncate(end);
        self.note_count();
    }

    fn widen(&mut self, width: usize) {
        let before = self.as_ref();
        let mut bytes = Vec::with_capacity(HEADER_LEN + (before.len() + 1) * width);
        bytes.extend_from_slice(&self.0[..HEADER_LEN]);
        bytes[0] = width as u8;
        for number in before.iter() {
            bytes.extend_from_slice(&bytes_of(number)[..width]);
        }
        self.0 = bytes;
    }

    fn note_count(&mut self) {
        // A set leaves this form long before its count leaves 32 bits.
        let count = self.as_ref().len() as u32;
        self.0[4..HEADER_LEN].copy_from_slice(&count.to_le_bytes());
    }
}

impl Default for Intset {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_all_widths_stand_in_order() {
        let mut set = Intset::new();
        let numbers = [5, -3, 300, i64::from(i16::MIN), 40_000, -40_000, i64::MAX, i64::MIN, 0];
        for (count, &number) in (1..).zip(&numbers) {
            assert!(set.insert(number) && !set.insert(number));
            assert_eq!(set.as_ref().len(), count);
            assert_eq!(Intset::from_bytes(set.0.clone()).as_ref(), Some(&set));
        }
        let mut sorted = numbers;
        sorted.sort_unstable();
        assert!(set.as_ref().iter().eq(sorted));
        assert!(numbers.iter().all(|&number| set.as_ref().contains(number)));
        assert!(!set.as_ref().contains(1) && !set.remove(1));
        set.retain(|number| number >= 0);
        assert!(set.as_ref().iter().eq([0, 5, 300, 40_000, i64::MAX]));
        assert!(set.remove(i64::MAX) && set.remove(0));
        assert!(set.as_ref().iter().eq([5, 300, 40_000]));
        // The width does not shrink.
        assert_eq!(set.0[..HEADER_LEN], [8, 0, 0, 0, 3, 0, 0, 0]);
    }

    #[test]
    fn only_ascending_numbers_that_fill_the_bytes_are_a_set() {
        let of = |bytes: &[u8]| Intset::from_bytes(bytes.to_vec()).is_some();
        assert!(of(&[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0]));
        for refused in [
            &[][..],
            &[2, 0, 0, 0, 0, 0, 0],
            &[2, 0, 0, 0, 0, 0, 0, 0],
            &[3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2],
            &[2, 1, 0, 0, 1, 0, 0, 0, 1, 0],
            &[2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 2, 0],
            &[2, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2],
            &[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 1, 0],
            &[2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 2, 0],
            &[8, 0, 0, 0, 0, 0, 0, 0x20],
        ] {
            assert!(!of(refused), "{refused:?}");
        }
    }
}
