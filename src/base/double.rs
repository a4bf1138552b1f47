//! `f64` as text, as C reads it (`strtod`) and writes it (`%.17g`).
//!
//! What is written is read back as the same number.

/// Digits that `%.17g` writes at most.
const DIGITS: i32 = 17;
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
    /// The text of `number`: up to 17 digits, `inf`, `-inf`, `-0`.
    pub fn of(number: f64) -> Self {
        let mut text = Self { bytes: [0; 32], len: 0 };
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
        let scientific = format!("{:.16e}", number.abs());
        let Some((digits, exponent)) = scientific.split_once('e') else { return };
        let exponent: i32 = exponent.parse().unwrap_or_default();
        let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_digit).collect();
        let kept = digits.iter().rposition(|&digit| digit != b'0').map_or(1, |last| last + 1);
        let digits = &digits[..kept];
        if number < 0.0 {
            self.push(b"-");
        }
        if !(-4..DIGITS).contains(&exponent) {
            self.push(&digits[..1]);
            if kept > 1 {
                self.push(b".");
                self.push(&digits[1..]);
            }
            let sign = if exponent < 0 { '-' } else { '+' };
            self.push(format!("e{sign}{:02}", exponent.abs()).as_bytes());
        } else if exponent < 0 {
            self.push(b"0.");
            self.push(&b"000"[..exponent.unsigned_abs() as usize - 1]);
            self.push(digits);
        } else {
            let whole = exponent as usize + 1;
            self.push(&digits[..whole.min(kept)]);
            self.push(&b"00000000000000000"[..whole.saturating_sub(kept)]);
            if kept > whole {
                self.push(b".");
                self.push(&digits[whole..]);
            }
        }
    }
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
