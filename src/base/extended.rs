//! Binary floating point with a 64-bit mantissa, in software.
//!
//! `INCRBYFLOAT` is defined by the x87 extended format: sums are rounded to 64 bits and written with
//! 17 decimals. `f64` gives other digits (`0.1 + 0.2` would not be `0.3`), and a master and its
//! replicas must agree whatever processor they run on, so the few operations needed are here: exact
//! reading, one rounding for each sum, exact writing.

use std::cmp::Ordering;

/// Decimals that [`Extended::to_text`] writes at most.
const DECIMALS: u32 = 17;
/// Ten to the power of [`DECIMALS`].
const DECIMALS_POWER: u128 = 10u128.pow(DECIMALS);
/// Longest text read, in bytes: one less than the buffer such a number is printed to.
const TEXT_LEN_MAX: usize = 5 * 1024 - 1;
/// Values of 2 to this power and more are infinite.
const POWER_MAX: i64 = 16384;
/// Values of 2 to this power and less are rounded to zero.
const POWER_MIN: i64 = -16446;

/// A number `mantissa * 2^exponent`; the mantissa's highest bit is set unless the number is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extended {
    negative: bool,
    mantissa: u64,
    exponent: i64,
}

/// What a text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// A number.
    Finite(Extended),
    /// `inf` or `infinity`, in any case and with any sign.
    Infinite,
}

impl Extended {
    /// Reads a number as C's `strtold` does: decimal or hexadecimal, with or without fraction and
    /// exponent. Nothing may be before or behind it. `None` also for what is too large or too small
    /// to be told from infinity or zero, and for "not a number".
    pub fn parse(text: &[u8]) -> Option<Parsed> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (negative, body) = match text {
            [b'-', body @ ..] => (true, body),
            [b'+', body @ ..] => (false, body),
            body => (false, body),
        };
        if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") {
            return Some(Parsed::Infinite);
        }
        let number = match body {
            [b'0', b'x' | b'X', digits @ ..] => Digits::read(digits, 16, b'p')?.to_number(negative),
            digits => Digits::read(digits, 10, b'e')?.to_number(negative),
        };
        number.map(Parsed::Finite)
    }

    const fn zero(negative: bool) -> Self {
        Self { negative, mantissa: 0, exponent: 0 }
    }

    /// The sum, rounded to the nearest number (to an even mantissa from the middle); `None` when it
    /// is infinite.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let (large, small) =
            if self.is_below_in_size(other) { (other, self) } else { (self, other) };
        if small.mantissa == 0 {
            let both_zero = large.mantissa == 0;
            let negative = large.negative && (!both_zero || small.negative);
            return Some(Self { negative, ..large });
        }
        // 63 bits behind the mantissa hold all of the smaller number, or it is so small that only
        // whether there is any of it matters.
        let distance = large.exponent - small.exponent;
        let wide = u128::from(large.mantissa) << 63;
        let addend = u128::from(small.mantissa) << 63;
        let shift = u32::try_from(distance).unwrap_or(u32::MAX);
        let shifted = addend.checked_shr(shift).unwrap_or(0);
        let lost = shifted.checked_shl(shift) != Some(addend);
        let sum = if large.negative == small.negative {
            wide + shifted
        } else {
            wide - shifted - u128::from(lost)
        };
        Self::rounded(large.negative && sum != 0, sum, large.exponent - 63, lost)
    }

    fn is_below_in_size(self, other: Self) -> bool {
        let key = |n: Self| (n.mantissa != 0, n.exponent, n.mantissa);
        key(self) < key(other)
    }

    /// `bits * 2^exponent`, a little more when `more` is set, rounded to 64 bits.
    fn rounded(negative: bool, bits: u128, exponent: i64, more: bool) -> Option<Self> {
        if bits == 0 {
            return Some(Self::zero(negative));
        }
        let width = 128 - bits.leading_zeros();
        let (mut mantissa, mut exponent) = (0, exponent + i64::from(width) - 64);
        if width <= 64 {
            mantissa = (bits as u64) << (64 - width);
        } else {
            let cut = width - 64;
            let (kept, rest) = ((bits >> cut) as u64, bits & ((1 << cut) - 1));
            let up = match rest.cmp(&(1 << (cut - 1))) {
                Ordering::Less => false,
                Ordering::Greater => true,
                Ordering::Equal => more || kept & 1 == 1,
            };
            match kept.checked_add(u64::from(up)) {
                Some(sum) => mantissa += sum,
                None => (mantissa, exponent) = (1 << 63, exponent + 1),
            }
        }
        (exponent + 63 < POWER_MAX).then_some(Self { negative, mantissa, exponent })
    }

    /// The number in decimal, rounded to 17 decimals, without zeros at the end.
    pub fn to_text(self) -> String {
        let (whole, decimals) = self.split();
        let mut text = String::new();
        if self.negative && (decimals != 0 || whole != "0") {
            text.push('-');
        }
        text.push_str(&whole);
        if decimals != 0 {
            let digits = format!(".{decimals:017}");
            text.push_str(digits.trim_end_matches('0'));
        }
        text
    }

    /// Digits before the point, and 17 decimals as a number.
    fn split(self) -> (String, u128) {
        if self.exponent >= 0 {
            let mut whole = Natural::from_u64(self.mantissa);
            whole.shift_left(self.exponent.unsigned_abs());
            return (whole.to_text(), 0);
        }
        let places = self.exponent.unsigned_abs();
        let (whole, fraction) = match places {
            0..64 => (self.mantissa >> places, self.mantissa & ((1 << places) - 1)),
            _ => (0, self.mantissa),
        };
        // Below 2^64 * 10^17 < 2^121. A number of more than 127 places is far below half a decimal.
        let scaled = u128::from(fraction) * DECIMALS_POWER;
        let decimals = if places < 128 { round_shift(scaled, places as u32) } else { 0 };
        if decimals == DECIMALS_POWER {
            // Only a number below 2^63 has a fraction at all.
            ((whole + 1).to_string(), 0)
        } else {
            (whole.to_string(), decimals)
        }
    }
}

/// `bits / 2^places`, rounded to the nearest integer, to an even one from the middle.
fn round_shift(bits: u128, places: u32) -> u128 {
    let kept = bits >> places;
    let rest = bits & ((1 << places) - 1);
    let half = 1 << (places - 1);
    kept + u128::from(rest > half || (rest == half && kept & 1 == 1))
}

/// A number as it is written: `digits * radix^power` (hexadecimal: `digits * 2^power`).
struct Digits {
    value: Natural,
    radix: u32,
    power: i64,
}

impl Digits {
    fn read(text: &[u8], radix: u32, exponent_mark: u8) -> Option<Self> {
        let mut value = Natural::default();
        let (mut any, mut point, mut places, mut at) = (false, false, 0i64, 0);
        while let Some(&byte) = text.get(at) {
            if let Some(digit) = char::from(byte).to_digit(radix) {
                value.multiply_add(radix, digit);
                any = true;
                places += i64::from(point);
            } else if byte == b'.' && !point {
                point = true;
            } else {
                break;
            }
            at += 1;
        }
        let power = match &text[at..] {
            [] => 0,
            [mark, rest @ ..] if mark.eq_ignore_ascii_case(&exponent_mark) => exponent(rest)?,
            _ => return None,
        };
        let places = if radix == 16 { 4 * places } else { places };
        any.then_some(Self { value, radix, power: power - places })
    }

    /// The nearest number; `None` when that is infinite, or zero where this is not.
    fn to_number(&self, negative: bool) -> Option<Extended> {
        let Some(width) = self.value.width() else { return Some(Extended::zero(negative)) };
        // Far outside the range already, and no huge powers are computed to find that out.
        let power_bound = 2 * POWER_MAX + i64::from(u32::try_from(width).ok()?);
        if self.power.abs() > power_bound {
            return None;
        }
        let (mut above, mut below) = (self.value.clone(), Natural::from_u64(1));
        let power = self.power.unsigned_abs();
        let mut shift = 0;
        if self.radix == 16 {
            shift = self.power;
        } else if self.power >= 0 {
            above.multiply_power_of_ten(power);
        } else {
            below.multiply_power_of_ten(power);
        }
        let (bits, exponent, more) = above.ratio(below)?;
        let number = Extended::rounded(negative, bits, exponent + shift, more)?;
        (number.exponent + 63 > POWER_MIN || is_above_half_of_least(number)).then_some(number)
    }
}

/// Whether a number of the power just below the least one is nearer to that than to zero.
fn is_above_half_of_least(number: Extended) -> bool {
    number.exponent + 63 == POWER_MIN && number.mantissa > 1 << 63
}

/// The digits behind an exponent mark, far beyond any bound at most.
fn exponent(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let beyond = 1_000_000_000;
    let size = digits.iter().fold(0i64, |n, d| (n * 10 + i64::from(d - b'0')).min(beyond));
    Some(if negative { -size } else { size })
}

/// A natural number of any size: 32-bit limbs, the lowest first, none of value 0 at the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Natural(Vec<u32>);

impl Natural {
    fn from_u64(number: u64) -> Self {
        let mut natural = Self(vec![number as u32, (number >> 32) as u32]);
        natural.trim();
        natural
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    /// Bits up to the highest one that is set; `None` for zero.
    fn width(&self) -> Option<usize> {
        self.0.last().map(|top| self.0.len() * 32 - top.leading_zeros() as usize)
    }

    fn multiply_add(&mut self, factor: u32, addend: u32) {
        let mut carry = u64::from(addend);
        for limb in &mut self.0 {
            carry += u64::from(*limb) * u64::from(factor);
            *limb = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            self.0.push(carry as u32);
        }
    }

    fn multiply_power_of_ten(&mut self, mut power: u64) {
        while power >= 9 {
            self.multiply_add(1_000_000_000, 0);
            power -= 9;
        }
        self.multiply_add(10u32.pow(power as u32), 0);
    }

    fn shift_left(&mut self, bits: u64) {
        let (limbs, bits) = ((bits / 32) as usize, bits % 32);
        self.multiply_add(1 << bits, 0);
        if !self.0.is_empty() {
            self.0.splice(0..0, std::iter::repeat_n(0, limbs));
        }
    }

    fn is_below(&self, other: &Self) -> bool {
        let by_len = self.0.len().cmp(&other.0.len());
        by_len.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev())).is_lt()
    }

    /// Takes away `other`, which is not larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrow = 0;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let take = u64::from(other.0.get(index).copied().unwrap_or(0)) + borrow;
            let (left, below) = u64::from(*limb).overflowing_sub(take);
            *limb = left as u32;
            borrow = u64::from(below);
        }
        self.trim();
    }

    /// `self / below` as 66 bits, the power of two they are multiplied by, and whether there is more.
    /// `None` when either is zero.
    fn ratio(mut self, mut below: Self) -> Option<(u128, i64, bool)> {
        const BITS: i64 = 66;
        let power = self.width()? as i64 - below.width()? as i64;
        let (up, down) = (power.min(0).unsigned_abs(), power.max(0).unsigned_abs());
        self.shift_left(up);
        below.shift_left(down);
        // Both are of the same width now, so the quotient is above 1/2 and below 2.
        let mut quotient = 0;
        for _ in 0..BITS {
            let fits = !self.is_below(&below);
            if fits {
                self.subtract(&below);
            }
            quotient = quotient << 1 | u128::from(fits);
            self.multiply_add(2, 0);
        }
        Some((quotient, power - (BITS - 1), !self.0.is_empty()))
    }

    fn to_text(&self) -> String {
        let mut rest = self.clone();
        let mut groups = Vec::new();
        while !rest.0.is_empty() {
            let mut remainder = 0u64;
            for limb in rest.0.iter_mut().rev() {
                let part = remainder << 32 | u64::from(*limb);
                *limb = (part / 1_000_000_000) as u32;
                remainder = part % 1_000_000_000;
            }
            rest.trim();
            groups.push(remainder);
        }
        let Some(first) = groups.pop() else { return "0".to_string() };
        let rest = groups.iter().rev().map(|group| format!("{group:09}"));
        std::iter::once(first.to_string()).chain(rest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Option<Extended> {
        match Extended::parse(text.as_bytes())? {
            Parsed::Finite(number) => Some(number),
            Parsed::Infinite => None,
        }
    }

    fn sum(a: &str, b: &str) -> String {
        number(a).unwrap().checked_add(number(b).unwrap()).unwrap().to_text()
    }

    // The expected digits were given by redis-server 7.0.15 on x86-64.
    #[test]
    fn sums_have_the_digits_of_the_extended_format() {
        let cases = [
            ("0.1", "0.2", "0.3"),
            ("10.5", "0.1", "10.6"),
            ("5.0e3", "2.0e2", "5200"),
            ("3", "-3", "0"),
            ("-0", "-0", "0"),
            ("1", "1e-17", "1.00000000000000001"),
            ("0x10", "0x.8p1", "17"),
            ("1e20", "0.5", "100000000000000000000"),
            ("9223372036854775807", "1", "9223372036854775808"),
        ];
        for (a, b, expected) in cases {
            assert_eq!(sum(a, b), expected, "{a} + {b}");
        }
    }

    #[test]
    fn only_whole_finite_numbers_are_read() {
        for text in
            ["", " 1", "1 ", "+-1", "1e", "e1", ".", "abc", "nan", "0x", "1e99999", "1e-9999"]
        {
            assert_eq!(number(text), None, "{text:?}");
        }
        for text in ["1.", ".5", "+1", "1e+2", "0e99999", "1e4932", "1e-4950"] {
            assert!(number(text).is_some(), "{text:?}");
        }
        assert_eq!(Extended::parse(b"-InFinity"), Some(Parsed::Infinite));
    }

    #[test]
    fn overflow_is_no_number() {
        let huge = number("1.1e4932").unwrap();
        assert_eq!(huge.checked_add(huge), None);
        assert!(huge.to_text().starts_with("10999999999999999999743731"));
    }
}
