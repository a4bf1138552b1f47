//! What a directive's value may be: its kind with its bounds, and the types that read and print it.
//!
//! Error texts are Redis's, because they reach clients through CONFIG SET.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The kind of value a directive takes, with its bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A decimal number from the first to the second bound.
    Int(i64, i64),
    /// A number of bytes with an optional unit (`1k` = 1000, `1kb` = 1024, ...), from the first to the second bound.
    Memory(u64, u64),
    /// File permissions in octal.
    Octal,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// One word of any text; `""` for none.
    Text,
    /// The name of a file, not a path.
    FileName,
    /// The path of a file or directory.
    Path,
    /// Several words, described by this grammar.
    List(&'static str),
}

impl Kind {
    /// Whether CONFIG SET splits the value at blanks.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::List(_))
    }

    /// What the value looks like, for messages and for the example file.
    pub fn expected(self) -> String {
        match self {
            Self::Bool => "yes|no".to_owned(),
            Self::Int(min, i64::MAX) => format!("number from {min}"),
            Self::Int(min, max) => format!("number, {min} to {max}"),
            Self::Memory(0, u64::MAX) => "bytes (k, kb, m, mb, g, gb)".to_owned(),
            Self::Memory(min, u64::MAX) => format!("bytes (k, kb, m, mb, g, gb), at least {min}"),
            Self::Memory(min, max) => format!("bytes (k, kb, m, mb, g, gb), {min} to {max}"),
            Self::Octal => "octal number".to_owned(),
            Self::Choice(names) => names.join("|"),
            Self::Text => "text".to_owned(),
            Self::FileName => "file name".to_owned(),
            Self::Path => "path".to_owned(),
            Self::List(grammar) => grammar.to_owned(),
        }
    }
}

/// A type that can be a directive's value.
pub trait Value: Sized {
    /// Reads the words after a directive's name. The error says what was expected, in Redis's words.
    fn parse(kind: Kind, words: &[&str]) -> Result<Self, String>;

    /// The value as CONFIG GET shows it.
    fn print(&self, kind: Kind) -> String;

    /// The value as it stands in a file, one item for each line; quoted where needed.
    fn lines(&self, kind: Kind) -> Vec<String> {
        vec![super::tokens::quote(&self.print(kind))]
    }

    /// Reads one more line for the same directive; most directives are simply overwritten.
    /// `is_first` tells the first line met while loading.
    fn absorb(&mut self, kind: Kind, words: &[&str], is_first: bool) -> Result<(), String> {
        let _ = is_first;
        *self = Self::parse(kind, words)?;
        Ok(())
    }
}

/// The single word a plain directive takes.
fn single<'a>(words: &[&'a str]) -> Result<&'a str, String> {
    match words {
        [word] => Ok(word),
        _ => Err("wrong number of arguments".to_owned()),
    }
}

impl Value for bool {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        let word = single(words)?;
        if word.eq_ignore_ascii_case("yes") {
            Ok(true)
        } else if word.eq_ignore_ascii_case("no") {
            Ok(false)
        } else {
            Err("argument must be 'yes' or 'no'".to_owned())
        }
    }

    fn print(&self, _: Kind) -> String {
        if *self { "yes" } else { "no" }.to_owned()
    }
}

fn parse_int(kind: Kind, words: &[&str]) -> Result<i64, String> {
    let word = single(words)?;
    let (min, max) = match kind {
        Kind::Int(min, max) => (min, max),
        _ => (i64::MIN, i64::MAX),
    };
    let canonical = word.parse::<i64>().ok().filter(|n| n.to_string() == word);
    let number =
        canonical.ok_or_else(|| "argument couldn't be parsed into an integer".to_owned())?;
    if (min..=max).contains(&number) {
        Ok(number)
    } else {
        Err(format!("argument must be between {min} and {max} inclusive"))
    }
}

fn parse_memory_within(kind: Kind, words: &[&str]) -> Result<u64, String> {
    let (min, max) = match kind {
        Kind::Memory(min, max) => (min, max),
        _ => (0, u64::MAX),
    };
    let bytes =
        parse_memory(single(words)?).ok_or_else(|| "argument must be a memory value".to_owned())?;
    if (min..=max).contains(&bytes) {
        Ok(bytes)
    } else {
        Err(format!("argument must be between {min} and {max} inclusive"))
    }
}

fn parse_octal(words: &[&str]) -> Result<u32, String> {
    u32::from_str_radix(single(words)?, 8)
        .ok()
        .filter(|mode| *mode <= 0o777)
        .ok_or_else(|| "argument couldn't be parsed as an octal number".to_owned())
}

/// Reads a number of bytes: `1000`, `1k` (1000), `1kb` (1024), `1m`, `1mb`, `1g`, `1gb`, any case.
pub fn parse_memory(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1 << 10,
        "m" => 1_000_000,
        "mb" => 1 << 20,
        "g" => 1_000_000_000,
        "gb" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// Prints a number of bytes with the largest binary unit that leaves no rest.
pub fn print_memory(bytes: u64) -> String {
    let units = [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")];
    match units.iter().find(|(size, _)| bytes != 0 && bytes.is_multiple_of(*size)) {
        Some((size, unit)) => format!("{}{unit}", bytes / size),
        None => bytes.to_string(),
    }
}

/// Whole numbers of every width share one reading: through `i64`, or `u64` for bytes.
macro_rules! number_value {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn parse(kind: Kind, words: &[&str]) -> Result<Self, String> {
                let out_of_range = "argument couldn't be parsed into an integer";
                match kind {
                    Kind::Memory(..) => Self::try_from(parse_memory_within(kind, words)?).ok(),
                    Kind::Octal => Self::try_from(parse_octal(words)?).ok(),
                    _ => Self::try_from(parse_int(kind, words)?).ok(),
                }
                .ok_or_else(|| out_of_range.to_owned())
            }

            fn print(&self, kind: Kind) -> String {
                if kind == Kind::Octal { format!("{self:o}") } else { self.to_string() }
            }

            fn lines(&self, kind: Kind) -> Vec<String> {
                match (kind, u64::try_from(*self)) {
                    (Kind::Memory(..), Ok(bytes)) => vec![print_memory(bytes)],
                    _ => vec![self.print(kind)],
                }
            }
        }
    )*};
}
number_value!(u16, u32, u64, i64, usize);

impl Value for String {
    fn parse(kind: Kind, words: &[&str]) -> Result<Self, String> {
        let word = single(words)?;
        if kind == Kind::FileName && (word.is_empty() || word.contains('/')) {
            return Err("argument must be a file name, not a path".to_owned());
        }
        Ok(word.to_owned())
    }

    fn print(&self, _: Kind) -> String {
        self.clone()
    }
}

impl Value for PathBuf {
    fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
        match single(words)? {
            "" => Err("argument must be a path".to_owned()),
            word => Ok(Self::from(word)),
        }
    }

    /// Tools take what CONFIG GET says and look there, so the path is made absolute.
    fn print(&self, _: Kind) -> String {
        let absolute = std::path::absolute(self);
        let plain: PathBuf = absolute.as_deref().unwrap_or(Path::new(self)).components().collect();
        plain.display().to_string()
    }

    fn lines(&self, _: Kind) -> Vec<String> {
        vec![super::tokens::quote(&self.display().to_string())]
    }
}

/// Prints items with a blank between them.
pub(super) fn join<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        let blank = if text.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{blank}{item}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_units_are_redis_units() {
        let cases = [("1", 1), ("1b", 1), ("1k", 1000), ("2KB", 2048), ("1m", 1_000_000)];
        for (text, bytes) in cases {
            assert_eq!(parse_memory(text), Some(bytes), "{text}");
        }
        assert_eq!(parse_memory("3Gb"), Some(3 << 30));
        for text in ["", "kb", "-1", "1x", "1 kb", "1.5gb", "99999999999gb", "1é"] {
            assert_eq!(parse_memory(text), None, "{text}");
        }
        for bytes in [0, 1, 1000, 1024, 1536, 64 << 20, 3 << 30, u64::MAX] {
            assert_eq!(parse_memory(&print_memory(bytes)), Some(bytes));
        }
    }

    #[test]
    fn numbers_name_their_bounds() {
        let kind = Kind::Int(0, 65535);
        assert_eq!(u16::parse(kind, &["6379"]), Ok(6379));
        let error = u16::parse(kind, &["99999"]).unwrap_err();
        assert_eq!(error, "argument must be between 0 and 65535 inclusive");
        for word in ["abc", "0x10", "12 ", "1.5", "+1", "007", ""] {
            let error = u16::parse(kind, &[word]).unwrap_err();
            assert_eq!(error, "argument couldn't be parsed into an integer", "{word}");
        }
        assert_eq!(u16::parse(kind, &["1", "2"]).unwrap_err(), "wrong number of arguments");
        assert_eq!(u32::parse(Kind::Octal, &["700"]), Ok(0o700));
        assert_eq!(0o700u32.print(Kind::Octal), "700");
    }
}
