//! LZF, the compression of long strings in RDB files and `DUMP` payloads.
//!
//! ```text
//! 000lllll + l+1 bytes                       that many bytes as they are
//! llloooooo oooooooo             (l = 1..6)  copy l+2 bytes from o+1 bytes back
//! 111ooooo llllllll oooooooo                 copy l+9 bytes from o+1 bytes back
//! ```

/// Most bytes one control sequence can yield, which takes three bytes: what bounds an allocation.
const COPY_LEN_MAX: usize = 264;
const COPY_LEN_MIN: usize = 3;
const DISTANCE_MAX: usize = 1 << 13;
const LITERALS_LEN_MAX: usize = 32;
const TABLE_BITS: u32 = 13;
/// Longer input is not compressed: positions in the table are 32 bits.
const INPUT_LEN_MAX: usize = 1 << 30;
/// Memory kept for the next output, in bytes.
const OUT_KEPT_LEN: usize = 64 * 1024;
/// The search steps one byte further for every 32 bytes without a match, up to this step: noise
/// costs little.
const STEP_MAX: usize = 16;

/// Decompresses `input`, which stands for exactly `len` bytes; `None` when it does not.
///
/// Allocates no more than 88 times the input, whatever `len` says.
pub fn decompress(input: &[u8], len: usize) -> Option<Vec<u8>> {
    if len > input.len().div_ceil(3).saturating_mul(COPY_LEN_MAX) {
        return None;
    }
    let mut out = Vec::with_capacity(len);
    let mut input = input.iter();
    while let Some(&control) = input.next() {
        let high = usize::from(control >> 5);
        if high == 0 {
            let (literals, rest) = input.as_slice().split_at_checked(usize::from(control) + 1)?;
            if literals.len() > len - out.len() {
                return None;
            }
            out.extend_from_slice(literals);
            input = rest.iter();
        } else {
            let extra = if high == 7 { usize::from(*input.next()?) } else { 0 };
            let copy_len = high + extra + 2;
            let distance = (usize::from(control & 0x1f) << 8 | usize::from(*input.next()?)) + 1;
            if copy_len > len - out.len() || distance > out.len() {
                return None;
            }
            copy_back(&mut out, distance, copy_len);
        }
    }
    (out.len() == len).then_some(out)
}

/// Appends `len` bytes from `distance` back; what is appended may be read again.
fn copy_back(out: &mut Vec<u8>, distance: usize, mut len: usize) {
    let start = out.len() - distance;
    while len > 0 {
        let piece_len = len.min(out.len() - start);
        out.extend_from_within(start..start + piece_len);
        len -= piece_len;
    }
}

/// Compresses strings one after the other with one table of earlier places, never cleared between
/// them: a place below the current string's `base` is of an earlier one.
#[derive(Debug)]
pub struct Compressor {
    places: Box<[u32]>,
    base: u32,
    out: Vec<u8>,
}

impl Compressor {
    /// With a fresh table (32 KiB).
    pub fn new() -> Self {
        Self { places: vec![0; 1 << TABLE_BITS].into_boxed_slice(), base: 1, out: Vec::new() }
    }

    /// The compressed form of `input`, if that takes at most `len_max` bytes.
    pub fn compress(&mut self, input: &[u8], len_max: usize) -> Option<&[u8]> {
        if input.len() < COPY_LEN_MIN || input.len() > INPUT_LEN_MAX {
            return None;
        }
        self.make_room(input.len());
        let fits = self.compress_to_out(input, len_max);
        self.base += input.len() as u32;
        fits.then_some(&self.out)
    }

    /// Readies the table for `len` more places, and the output, which keeps its memory unless an
    /// unusually long string left much of it.
    fn make_room(&mut self, len: usize) {
        if u32::MAX - self.base <= len as u32 {
            self.places.fill(0);
            self.base = 1;
        }
        self.out.clear();
        self.out.shrink_to(len.max(OUT_KEPT_LEN));
    }

    fn compress_to_out(&mut self, input: &[u8], len_max: usize) -> bool {
        let mut literals_start = 0;
        let mut at = 0;
        while let Some(next) = input.get(at..).and_then(|rest| rest.first_chunk::<3>()) {
            match self.earlier(input, at, *next) {
                None => at += (1 + (at - literals_start) / 32).min(STEP_MAX),
                Some(earlier) => {
                    let len = common_len(&input[earlier..], &input[at..]);
                    push_literals(&mut self.out, &input[literals_start..at]);
                    push_copy(&mut self.out, at - earlier, len);
                    if self.out.len() > len_max {
                        return false;
                    }
                    at += len;
                    literals_start = at;
                }
            }
        }
        let literals = &input[literals_start..];
        let end_len = self.out.len() + literals.len() + literals.len().div_ceil(LITERALS_LEN_MAX);
        if end_len > len_max {
            return false;
        }
        push_literals(&mut self.out, literals);
        true
    }

    /// Where the three bytes `next` were seen before, near enough to copy; notes them at `at`.
    fn earlier(&mut self, input: &[u8], at: usize, next: [u8; 3]) -> Option<usize> {
        let word = u32::from_le_bytes([next[0], next[1], next[2], 0]);
        let slot = (word.wrapping_mul(0x9e37_79b1) >> (32 - TABLE_BITS)) as usize;
        let place = std::mem::replace(&mut self.places[slot], self.base + at as u32);
        let earlier = place.checked_sub(self.base)? as usize;
        let near = at - earlier <= DISTANCE_MAX;
        (near && input[earlier..].starts_with(&next)).then_some(earlier)
    }
}

impl Default for Compressor {
    fn default() -> Self {
        Self::new()
    }
}

fn common_len(earlier: &[u8], here: &[u8]) -> usize {
    earlier.iter().zip(here).take(COPY_LEN_MAX).take_while(|(a, b)| a == b).count()
}

fn push_literals(out: &mut Vec<u8>, literals: &[u8]) {
    for run in literals.chunks(LITERALS_LEN_MAX) {
        out.push(run.len() as u8 - 1);
        out.extend_from_slice(run);
    }
}

fn push_copy(out: &mut Vec<u8>, distance: usize, len: usize) {
    let [high, low] = ((distance - 1) as u16).to_be_bytes();
    let code = len - 2;
    if code < 7 {
        out.extend_from_slice(&[(code as u8) << 5 | high, low]);
    } else {
        out.extend_from_slice(&[7 << 5 | high, (code - 7) as u8, low]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(input: &[u8]) -> Option<usize> {
        let mut compressor = Compressor::new();
        let compressed = compressor.compress(input, input.len())?;
        assert_eq!(decompress(compressed, input.len()).as_deref(), Some(input));
        Some(compressed.len())
    }

    #[test]
    fn runs_and_repeats_round_trip() {
        assert_eq!(round_trip(&[b'a'; 264]), Some(5));
        assert!(round_trip(&[b'a'; 100_000]).is_some_and(|len| len < 1300));
        let text = b"the same words, the same words, and the same words again".repeat(300);
        assert!(round_trip(&text).is_some_and(|len| len < text.len() / 10));
        assert_eq!(round_trip(b"abc"), None);
        assert_eq!(round_trip(b""), None);
    }

    #[test]
    fn noise_does_not_fit() {
        let mut rng = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(5000).collect();
        assert_eq!(round_trip(&noise), None);
    }

    #[test]
    fn one_table_serves_many_strings() {
        let mut compressor = Compressor::new();
        compressor.base = u32::MAX - 3000;
        let mut rng = fastrand::Rng::with_seed(2);
        for round in 0..200 {
            let input: Vec<u8> =
                std::iter::repeat_with(|| b'a' + rng.u8(..3)).take(20 + round).collect();
            if let Some(compressed) = compressor.compress(&input, input.len() - 4) {
                assert!(compressed.len() <= input.len() - 4);
                assert_eq!(decompress(compressed, input.len()), Some(input));
            }
        }
    }

    #[test]
    fn matches_reach_as_far_back_as_a_distance_can_say() {
        let mut rng = fastrand::Rng::with_seed(3);
        let phrase: Vec<u8> = std::iter::repeat_with(|| rng.u8(1..)).take(28).collect();
        let apart =
            |distance: usize| [&phrase[..], &vec![0; distance - phrase.len()], &phrase].concat();
        let near_len = round_trip(&apart(DISTANCE_MAX));
        let far_len = round_trip(&apart(DISTANCE_MAX + 1));
        assert!(near_len.zip(far_len).is_some_and(|(near, far)| near + 20 < far));
    }

    #[test]
    fn broken_input_is_refused() {
        assert_eq!(decompress(&[0x00], 1), None, "literal missing");
        assert_eq!(decompress(&[0x20, 0x00], 3), None, "copy from before the beginning");
        assert_eq!(decompress(&[0x00, b'a', 0xe0], 20), None, "length byte missing");
        assert_eq!(decompress(&[0x00, b'a', 0x20], 4), None, "distance byte missing");
        assert_eq!(decompress(&[0x00, b'a', 0x20, 0x00], 3), None, "longer than stated");
        assert_eq!(decompress(&[0x00, b'a', 0x20, 0x00], 5), None, "shorter than stated");
        assert_eq!(decompress(&[0x00, b'a', 0x20, 0x00], 4).as_deref(), Some(&b"aaaa"[..]));
        assert_eq!(decompress(&[0xff; 30], usize::MAX), None, "absurd length");
    }
}
