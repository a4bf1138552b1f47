//! Inline requests: one line of words, quoted as in a shell.
//!
//! The words are unescaped into a buffer of the caller's, so they never refer to the line.

use super::args::Span;

/// A quote that is not closed, or a closing quote with a character right behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unbalanced quotes")]
pub struct UnbalancedQuotes;

/// Splits `line` into words, appended to `bytes` with their positions in `spans`.
///
/// `"..."` understands `\n \r \t \b \a \xHH` and takes any other escaped character as itself;
/// `'...'` understands `\'` only. Quotes may open in the middle of a word. On an error both
/// outputs are left as they were.
pub fn split_words(
    line: &[u8],
    bytes: &mut Vec<u8>,
    spans: &mut Vec<Span>,
) -> Result<(), UnbalancedQuotes> {
    let (bytes_before, spans_before) = (bytes.len(), spans.len());
    let mut rest = skip_space(line);
    while !rest.is_empty() {
        let start = bytes.len();
        match word(rest, bytes) {
            Ok(tail) => rest = skip_space(tail),
            Err(error) => {
                bytes.truncate(bytes_before);
                spans.truncate(spans_before);
                return Err(error);
            }
        }
        spans.push(Span { start, end: bytes.len() });
    }
    Ok(())
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

fn skip_space(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|&b| !is_space(b)).unwrap_or(line.len());
    &line[start..]
}

/// Unescapes the word `rest` begins with; returns what follows it.
fn word<'a>(mut rest: &'a [u8], bytes: &mut Vec<u8>) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        match rest {
            [] => return Ok(rest),
            // Vertical tab and form feed separate words but do not end one: as Redis has it.
            [b' ' | b'\n' | b'\r' | b'\t' | 0, ..] => return Ok(&rest[1..]),
            [b'"', tail @ ..] => return double_quoted(tail, bytes),
            [b'\'', tail @ ..] => return single_quoted(tail, bytes),
            [byte, tail @ ..] => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
}

fn double_quoted<'a>(
    mut rest: &'a [u8],
    bytes: &mut Vec<u8>,
) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        rest = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'"', tail @ ..] => return after_quote(tail),
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                bytes.push(hex_digit(*high) << 4 | hex_digit(*low));
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                bytes.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                tail
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                tail
            }
        };
    }
}

fn single_quoted<'a>(
    mut rest: &'a [u8],
    bytes: &mut Vec<u8>,
) -> Result<&'a [u8], UnbalancedQuotes> {
    loop {
        rest = match rest {
            [] => return Err(UnbalancedQuotes),
            [b'\'', tail @ ..] => return after_quote(tail),
            [b'\\', b'\'', tail @ ..] => {
                bytes.push(b'\'');
                tail
            }
            [byte, tail @ ..] => {
                bytes.push(*byte);
                tail
            }
        };
    }
}

/// A closing quote ends its word: only space or the end of the line may follow.
fn after_quote(rest: &[u8]) -> Result<&[u8], UnbalancedQuotes> {
    match rest {
        [] => Ok(rest),
        [byte, tail @ ..] if is_space(*byte) => Ok(tail),
        _ => Err(UnbalancedQuotes),
    }
}

fn hex_digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (mut bytes, mut spans) = (Vec::new(), Vec::new());
        split_words(line, &mut bytes, &mut spans).ok()?;
        Some(spans.iter().map(|s| bytes[s.start..s.end].to_vec()).collect())
    }

    #[test]
    fn words_are_split_and_unescaped() {
        let words = split(b"  set  'it\\'s' \"a\\x41\\n\\q\" a\"b c\" ''").unwrap();
        let expected: [&[u8]; 5] = [b"set", b"it's", b"aA\nq", b"ab c", b""];
        assert_eq!(words, expected);
        assert_eq!(split(b" \t "), Some(vec![]));
    }

    #[test]
    fn open_quotes_are_refused() {
        for line in [&b"get \"a"[..], b"get 'a", b"get \"a\"b", b"get 'a'b", b"get \"a\\", b"\""] {
            assert_eq!(split(line), None, "{}", line.escape_ascii());
        }
    }
}
