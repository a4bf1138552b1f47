//! The index of a segment: where the element with a hash stands, in the order of the hashes.
//!
//! ```text
//! suffix   the 32 bits of the hash below the segment's prefix
//! word     31 ............... p | p-1 .... 0
//!          upper bits of suffix |  position     EMPTY, all ones, is no word
//! ```
//!
//! Words lie in a table of any length, each at its home (its suffix scaled to the length) or after it.
//! What always holds: words ascend, apart from the positions of those whose suffixes look equal, and
//! there is no gap between a word and its home. So a lookup ends at the first larger word, a removal
//! leaves no tombstone, resizing is one pass that looks at no element, and a scan starts anywhere.

/// A place without a word.
const EMPTY: u32 = u32::MAX;
/// Bits of a position in a segment of any usual size.
pub(super) const POSITION_BITS_MIN: u32 = 10;
/// Places behind the last home, for words whose homes are taken.
const TAIL_LEN: usize = 8;

/// Maps suffixes of hashes to positions.
#[derive(Debug)]
pub(super) struct Index {
    words: Vec<u32>,
    /// Number of homes.
    homes: u32,
    /// The bits of a word that are its position.
    mask: u32,
}

impl Index {
    /// An empty index for positions below `capacity`.
    pub fn with_capacity(capacity: usize) -> Self {
        let mut index = Self { words: Vec::new(), homes: 0, mask: (1 << POSITION_BITS_MIN) - 1 };
        index.resize(capacity);
        index
    }

    /// The part of `suffix` that words show.
    #[inline]
    pub fn shown(&self, suffix: u32) -> u32 {
        suffix & !self.mask
    }

    #[inline]
    fn home(&self, word: u32) -> usize {
        ((u64::from(self.shown(word)) * u64::from(self.homes)) >> 32) as usize
    }

    /// The word for `position`, which is below the capacity.
    fn word(&self, suffix: u32, position: usize) -> u32 {
        match u32::try_from(position) {
            Ok(position) if position < self.mask => self.shown(suffix) | position,
            _ => unreachable!("positions are below the capacity"),
        }
    }

    /// The place and the position of a word that looks like `suffix` and whose position passes `test`.
    #[inline]
    pub fn find(&self, suffix: u32, mut test: impl FnMut(usize) -> bool) -> Option<(usize, usize)> {
        let first = self.home(suffix);
        for (ahead, &word) in self.words.get(first..)?.iter().enumerate() {
            if word == EMPTY {
                return None;
            }
            if word ^ suffix <= self.mask {
                let position = (word & self.mask) as usize;
                if test(position) {
                    return Some((first + ahead, position));
                }
            } else if word > suffix {
                return None;
            }
        }
        None
    }

    /// Adds a word.
    #[inline]
    pub fn insert(&mut self, suffix: u32, position: usize) {
        let new = self.word(suffix, position);
        let last_alike = suffix | self.mask;
        let mut place = self.home(suffix);
        while let Some(&word) = self.words.get(place)
            && word <= last_alike
            && word != EMPTY
        {
            place += 1;
        }
        // Those that come after it make way, up to the next empty place.
        let mut carried = new;
        for word in &mut self.words[place..] {
            std::mem::swap(word, &mut carried);
            if carried == EMPTY {
                return;
            }
        }
        if self.words.len() == self.words.capacity() {
            self.words.reserve_exact(TAIL_LEN.max(self.words.len() / 8));
        }
        self.words.push(carried);
    }

    /// Takes out the word at a place; those after it that can come nearer to their homes do.
    pub fn remove(&mut self, mut place: usize) {
        while let Some(&next) = self.words.get(place + 1)
            && next != EMPTY
            && self.home(next) <= place
        {
            self.words[place] = next;
            place += 1;
        }
        self.words[place] = EMPTY;
    }

    /// Gives the element with `suffix` at position `from` the position `to`.
    pub fn renumber(&mut self, suffix: u32, from: usize, to: usize) {
        let word = self.word(suffix, to);
        if let Some((place, _)) = self.find(suffix, |position| position == from) {
            self.words[place] = word;
        }
    }

    /// Makes the index one for positions below `capacity`.
    pub fn resize(&mut self, capacity: usize) {
        let bits = (usize::BITS - capacity.leading_zeros()).min(u32::BITS - 1);
        let mask_before = self.mask;
        self.mask |= (1 << bits) - 1;
        // A quarter is left empty: words then make way over some 8 places at most, on average.
        self.homes = if capacity == 0 { 0 } else { (capacity + capacity / 3 + 1) as u32 };
        let tail_len = if capacity == 0 { 0 } else { TAIL_LEN };
        let before = std::mem::take(&mut self.words);
        self.words = vec![EMPTY; self.homes as usize + tail_len];
        let mut next = 0;
        for word in before.into_iter().filter(|&word| word != EMPTY) {
            let word = self.shown(word) | word & mask_before;
            let place = self.home(word).max(next);
            next = place + 1;
            if place < self.words.len() {
                self.words[place] = word;
            } else {
                self.words.reserve_exact(TAIL_LEN);
                self.words.push(word);
            }
        }
    }

    /// Of the words that look like `suffix` or come after it, in order: what they show of theirs, and
    /// their positions.
    pub fn iter_from(&self, suffix: u32) -> impl Iterator<Item = (u32, usize)> {
        let (first, shown) = (self.home(suffix).min(self.words.len()), self.shown(suffix));
        let words = self.words[first..].iter().filter(move |&&w| w != EMPTY && w >= shown);
        words.map(|&word| (self.shown(word), (word & self.mask) as usize))
    }

    /// Number of words whose suffixes begin with 0.
    pub fn count_low(&self) -> usize {
        self.words.iter().filter(|&&word| word >> (u32::BITS - 1) == 0).count()
    }

    /// Bytes of memory of the words.
    #[inline]
    pub fn memory_bytes(&self) -> usize {
        super::allocated_bytes::<u32>(self.words.capacity())
    }
}

impl Clone for Index {
    /// With the same capacity.
    fn clone(&self) -> Self {
        let mut words = Vec::with_capacity(self.words.capacity());
        words.extend_from_slice(&self.words);
        Self { words, homes: self.homes, mask: self.mask }
    }
}

#[cfg(test)]
impl Index {
    /// Asserts what the head of this file says always holds; the number of words.
    pub fn check(&self) -> usize {
        let mut last = 0;
        for (place, &word) in self.words.iter().enumerate().filter(|(_, word)| **word != EMPTY) {
            assert!(self.shown(word) >= last, "words ascend");
            last = self.shown(word);
            let home = self.home(word);
            assert!(home <= place && self.words[home..place].iter().all(|&word| word != EMPTY));
        }
        self.words.iter().filter(|&&word| word != EMPTY).count()
    }
}
