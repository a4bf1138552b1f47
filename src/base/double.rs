//! `f64` as text: as C reads it (`strtod`) and writes it (`%.17g`), and as short as can be, which is how
//! Redis has written numbers in replies since 7.2.
//!
//! What is written is read back as the same number.

/// Digits that `%.17g` writes at most.
const DIGITS: i32 = 17;
/// Zeros behind the digits of a whole number at most, where it is written short; one less beside a sign.
const SHORT_ZEROS_MAX: i32 = 7;
/// Digits behind the point at most, of a number written short that is not about 1 in size.
const SHORT_PLACES_MAX: i32 = 6;
/// Numbers have no more than so many digits before the point, or zeros behind it, to be about 1 in size.
const SHORT_EXPONENT_MAX: i32 = 3;
/// Integers below this are written without exponent and are exact.
const PLAIN_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads a number that is the whole text: decimal or hexadecimal, or infinite by name. `None` also for
/// what is too large or too small to be told from infinity or zero, and for "not a number".
pub fn parse(text: &[u8]) -> Option<f64> {
    read(text).filter(|read| !read.out_of_range).map(|read| read.number)
}

/// Reads the bound of a range: more than [`parse`] takes, because what is too large is infinite, there may
/// be blanks before the number, nothing is 0, and a zero byte ends the text.
pub fn parse_bound(text: &[u8]) -> Option<f64> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_blank(byte))?;
    read(&text[start..]).map(|read| read.number)
}

struct Read {
    number: f64,
    /// It was rounded to infinity or zero.
    out_of_range: bool,
}

fn read(text: &[u8]) -> Option<Read> {
    let (negative, body) = match text {
        [b'-', body @ ..] => (true, body),
        [b'+', body @ ..] => (false, body),
        body => (false, body),
    };
    let (size, is_zero) = match body {
        [b'0', b'x' | b'X', digits @ ..] => hexadecimal(digits)?,
        [b'0'..=b'9' | b'.', ..] => {
            let digits = body.iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
            let is_zero = digits.into_iter().all(|byte| matches!(byte, b'0' | b'.'));
            (std::str::from_utf8(body).ok()?.parse().ok()?, is_zero)
        }
        _ if body.eq_ignore_ascii_case(b"inf") || body.eq_ignore_ascii_case(b"infinity") => {
            let number = if negative { f64::NEG_INFINITY } else { f64::INFINITY };
            return Some(Read { number, out_of_range: false });
        }
        _ => return None,
    };
    let number = if negative { -size } else { size };
    Some(Read { number, out_of_range: size.is_infinite() || (size == 0.0 && !is_zero) })
}

/// The number of hexadecimal digits with or without point and binary exponent, and whether all are 0.
fn hexadecimal(text: &[u8]) -> Option<(f64, bool)> {
    /// Digits more than this are seen by whether there is any.
    const MANTISSA_MAX: u64 = 1 << 58;
    const EXPONENT_MAX: i64 = 1_000_000;
    let (mut mantissa, mut exponent) = (0_u64, 0_i64);
    let (mut any, mut point, mut at) = (false, false, 0);
    while let Some(&byte) = text.get(at) {
        if let Some(digit) = char::from(byte).to_digit(16) {
            any = true;
            if mantissa < MANTISSA_MAX {
                mantissa = mantissa << 4 | u64::from(digit);
                exponent -= if point { 4 } else { 0 };
            } else {
                mantissa |= u64::from(digit != 0);
                exponent += if point { 0 } else { 4 };
            }
        } else if byte == b'.' && !point {
            point = true;
        } else {
            break;
        }
        at += 1;
    }
    match text.get(at..)? {
        [] => {}
        [b'p' | b'P', rest @ ..] => {
            let digits = rest.strip_prefix(b"+").unwrap_or(rest);
            let is_number = digits.last().is_some_and(u8::is_ascii_digit);
            let stated: i64 =
                std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
            exponent += stated.clamp(-EXPONENT_MAX, EXPONENT_MAX);
        }
        _ => return None,
    }
    any.then(|| (scale(mantissa as f64, exponent), mantissa == 0))
}

/// `number * 2^exponent`, in steps that stay in range as long as the result does.
fn scale(mut number: f64, exponent: i64) -> f64 {
    const STEP: i32 = 900;
    let mut rest = exponent.clamp(-4000, 4000) as i32;
    while rest != 0 {
        let step = rest.clamp(-STEP, STEP);
        number *= 2_f64.powi(step);
        rest -= step;
    }
    number
}

/// The integer that a number is, up to 2^62 in size; negative zero is 0.
pub fn integer(number: f64) -> Option<i64> {
    const SIZE_MAX: f64 = (1_u64 << 62) as f64;
    (number.abs() <= SIZE_MAX && number.fract() == 0.0).then_some(number as i64)
}

/// A number's text, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    bytes: [u8; 32],
    len: usize,
}

impl Text {
    const EMPTY: Self = Self { bytes: [0; 32], len: 0 };

    /// The shortest text that is read back as `number`; whole numbers up to 2^62 in full.
    pub fn shortest(number: f64) -> Self {
        if number == 0.0 || !number.is_finite() {
            return Self::of(number);
        }
        let mut text = Self::EMPTY;
        match integer(number) {
            Some(whole) => text.push(itoa::Buffer::new().format(whole).as_bytes()),
            None => text.push_shortest(number),
        }
        text
    }

    /// The text of `number`: up to 17 digits, `inf`, `-inf`, `-0`.
    pub fn of(number: f64) -> Self {
        let mut text = Self::EMPTY;
        if number.is_infinite() {
            text.push(if number > 0.0 { b"inf" } else { b"-inf" });
        } else if number == 0.0 {
            text.push(if number.is_sign_negative() { b"-0" } else { b"0" });
        } else if number.abs() < PLAIN_INTEGER_MAX && number.fract() == 0.0 {
            text.push(itoa::Buffer::new().format(number as i64).as_bytes());
        } else {
            text.push_fraction(number);
        }
        text
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Nothing but ASCII is ever pushed.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    fn push_fraction(&mut self, number: f64) {
        let (digits, exponent) = digits(number, Some(DIGITS as usize - 1));
        if number < 0.0 {
            self.push(b"-");
        }
        if (-4..DIGITS).contains(&exponent) {
            self.push_plain(&digits, exponent);
        } else {
            self.push_scientific(&digits, exponent, 2);
        }
    }

    fn push_shortest(&mut self, number: f64) {
        let (digits, exponent) = digits(number, None);
        // The number is its digits as a whole number, times ten to the power of this.
        let power = exponent + 1 - digits.len() as i32;
        let mut zeros_max = SHORT_ZEROS_MAX;
        if number < 0.0 {
            self.push(b"-");
            zeros_max -= 1;
        }
        let is_plain = if power >= 0 {
            power <= zeros_max
        } else {
            power >= -SHORT_PLACES_MAX || exponent.abs() <= SHORT_EXPONENT_MAX
        };
        if is_plain {
            self.push_plain(&digits, exponent);
        } else {
            self.push_scientific(&digits, exponent, 1);
        }
    }

    /// Writes without exponent; no more zeros stand before or behind the digits than there are digits at
    /// most.
    fn push_plain(&mut self, digits: &[u8], exponent: i32) {
        const ZEROS: &[u8] = &[b'0'; DIGITS as usize];
        if exponent < 0 {
            self.push(b"0.");
            self.push(&ZEROS[..exponent.unsigned_abs() as usize - 1]);
            self.push(digits);
            return;
        }
        let whole = exponent as usize + 1;
        self.push(&digits[..whole.min(digits.len())]);
        self.push(&ZEROS[..whole.saturating_sub(digits.len())]);
        if digits.len() > whole {
            self.push(b".");
            self.push(&digits[whole..]);
        }
    }

    /// Writes with an exponent of `width` digits at least.
    fn push_scientific(&mut self, digits: &[u8], exponent: i32, width: usize) {
        self.push(&digits[..1]);
        if digits.len() > 1 {
            self.push(b".");
            self.push(&digits[1..]);
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        self.push(format!("e{sign}{:0width$}", exponent.abs()).as_bytes());
    }
}

/// The digits of a number that is not 0, without zeros at the end, and the exponent of the first of them:
/// rounded to `places` behind the first, or as few as tell it from all other numbers.
fn digits(number: f64, places: Option<usize>) -> (Vec<u8>, i32) {
    let size = number.abs();
    let scientific = match places {
        Some(places) => format!("{size:.places$e}"),
        None => format!("{size:e}"),
    };
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific.as_str(), "0"));
    let mut digits: Vec<u8> = mantissa.bytes().filter(u8::is_ascii_digit).collect();
    let kept = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
    digits.truncate(kept);
    (digits, exponent.parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    // The expected texts are those of `printf("%.17g")`.
    #[test]
    fn texts_are_those_of_c() {
        let cases = [
            (0.1, "0.10000000000000001"),
            (3.15, "3.1499999999999999"),
            (-0.0, "-0"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (12_345_678_901_234_568.0, "12345678901234568"),
            (0.0001, "0.0001"),
            (0.000_012, "1.2e-05"),
            (5e-324, "4.9406564584124654e-324"),
            (-1.5, "-1.5"),
            (0.015_625, "0.015625"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (10_000_000_000_000_000.0, "10000000000000000"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-f64::MAX, "-1.7976931348623157e+308"),
        ];
        for (number, text) in cases {
            assert_eq!(Text::of(number).as_str(), text);
            assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(number.to_bits()), "{text}");
        }
    }

    // The expected texts are those that Redis 7.2 is known for.
    #[test]
    fn short_texts_are_those_of_redis_7_2() {
        let cases = [
            (0.1, "0.1"),
            (3.15, "3.15"),
            (-0.0, "-0"),
            (1e17, "100000000000000000"),
            (4e18, "4000000000000000000"),
            (1e19, "1e+19"),
            (-1e19, "-1e+19"),
            (18_446_744_073_709_551_616.0, "18446744073709552000"),
            (1.234_567_890_123_456e22, "12345678901234560000000"),
            (-1.234_567_890_123_456e22, "-1.234567890123456e+22"),
            (1.234_567_890_123_456e23, "1.234567890123456e+23"),
            (1.5e300, "1.5e+300"),
            (0.0001, "0.0001"),
            (0.000_012, "0.000012"),
            (0.000_001, "0.000001"),
            (0.000_001_2, "1.2e-6"),
            (0.000_000_1, "1e-7"),
            (5e-324, "5e-324"),
            (1_234.567_890_123, "1234.567890123"),
            (-12_345.678_901_234, "-1.2345678901234e+4"),
            (12_345.678_901, "12345.678901"),
            (0.001_234_567_890_123, "0.001234567890123"),
            (0.000_123_456_789, "1.23456789e-4"),
            (1_692_000_000.123_456, "1692000000.123456"),
            (16_920.000_001_23, "1.692000000123e+4"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-f64::MAX, "-1.7976931348623157e+308"),
        ];
        for (number, text) in cases {
            assert_eq!(Text::shortest(number).as_str(), text);
            assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(number.to_bits()), "{text}");
        }
    }

    #[test]
    fn every_text_is_read_back_as_its_number() {
        let mut rng = fastrand::Rng::with_seed(3);
        for _ in 0..200_000 {
            let number = f64::from_bits(rng.u64(..));
            if number.is_nan() {
                continue;
            }
            for text in [Text::of(number), Text::shortest(number)] {
                let read = parse(text.as_bytes()).map(f64::to_bits);
                assert_eq!(read, Some(number.to_bits()), "{}", text.as_str());
            }
        }
    }

    #[test]
    fn numbers_are_read_as_strtod_reads_them() {
        let good = [
            ("1", 1.0),
            ("+1", 1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("1e2", 100.0),
            ("-0x10", -16.0),
            ("0x.8p1", 1.0),
            ("0x1p-2", 0.25),
            ("iNf", f64::INFINITY),
            ("-infinity", f64::NEG_INFINITY),
            ("0e999999", 0.0),
        ];
        for (text, number) in good {
            assert_eq!(parse(text.as_bytes()), Some(number), "{text}");
        }
        for text in [
            "", " 1", "1 ", "1e", "nan", "-nan", "e1", "0x", "0xp1", "1e999", "1e-999", "--1",
            "+-1", ".",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
        let bounds = [("", 0.0), (" 1", 1.0), ("1e999", f64::INFINITY), ("2\0x", 2.0)];
        for (text, number) in bounds {
            assert_eq!(parse_bound(text.as_bytes()), Some(number), "{text:?}");
        }
        for text in [" ", "1 ", "nan", "x"] {
            assert_eq!(parse_bound(text.as_bytes()), None, "{text:?}");
        }
    }
}
