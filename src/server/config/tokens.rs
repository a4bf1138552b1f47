//! The quoting rules of a configuration line: words split at blanks, `"..."` with `\n`, `\r`, `\t`,
//! `\b`, `\a`, `\xHH` and `\`-anything, `'...'` with `\'` only.
//!
//! `split(quote(word))` is `word` for every word.

/// Splits a line into its words; `None` when a quote is not closed or is followed by anything but a blank.
pub fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii_start();
    while !rest.is_empty() {
        let mut word = Vec::new();
        rest = take_word(rest, &mut word)?.trim_ascii_start();
        words.push(word);
    }
    Some(words)
}

fn take_word<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            b'"' => return at_word_end(take_double_quoted(after, word)?),
            b'\'' => return at_word_end(take_single_quoted(after, word)?),
            b if b.is_ascii_whitespace() || b == 0 => return Some(after),
            b => {
                word.push(b);
                after
            }
        };
    }
    Some(rest)
}

fn at_word_end(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(|b| b.is_ascii_whitespace()).then_some(rest)
}

fn take_double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = match (byte, after) {
            (b'"', _) => return Some(after),
            (b'\\', [b'x', high, low, tail @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex_value(*high) << 4 | hex_value(*low));
                tail
            }
            (b'\\', [escaped, tail @ ..]) => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                tail
            }
            _ => {
                word.push(byte);
                after
            }
        };
    }
}

fn take_single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        let (&byte, after) = rest.split_first()?;
        rest = match (byte, after) {
            (b'\'', _) => return Some(after),
            (b'\\', [b'\'', tail @ ..]) => {
                word.push(b'\'');
                tail
            }
            _ => {
                word.push(byte);
                after
            }
        };
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// Writes a word so that [`split`] gives it back: bare where that is safe, in double quotes otherwise.
pub fn quote(word: &str) -> String {
    let bare = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\' | b'#');
    if !word.is_empty() && word.bytes().all(bare) { word.to_owned() } else { quoted(word) }
}

/// A word in double quotes.
pub fn quoted(word: &str) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for c in word.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let words = split(line.as_bytes())?;
        Some(words.into_iter().map(|w| String::from_utf8(w).unwrap()).collect())
    }

    #[test]
    fn splits_as_redis_does() {
        assert_eq!(words("  port \t 6379 ").unwrap(), ["port", "6379"]);
        assert_eq!(words(r#"save """#).unwrap(), ["save", ""]);
        assert_eq!(words(r#"a "x\x41\n\"y" 'it\'s \n'"#).unwrap(), ["a", "xA\n\"y", "it's \\n"]);
        assert_eq!(words("").unwrap(), Vec::<String>::new());
        for broken in [r#"logfile "a"#, "logfile 'a", r#"a "b"c"#, "a 'b'c", r#"a "b\"#] {
            assert_eq!(words(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_quoted_word_splits_to_itself() {
        for word in ["", "plain", "two words", "q\"uo'te", "back\\slash", "\u{1}\n\t", "é", "#"] {
            let quoted = quote(word);
            assert_eq!(split(quoted.as_bytes()).unwrap(), [word.as_bytes()], "{quoted}");
        }
    }
}
