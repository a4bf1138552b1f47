//! Glob patterns as `KEYS`, `SCAN MATCH` and `CONFIG GET` take them: `*`, `?`, `[a-z]`, `[^a]`, `\x`.
//!
//! Time is bounded by pattern length times text length whatever the pattern: a mismatch goes back
//! to the last star only, which is enough because an earlier one can match nothing better.

/// Whether `text` as a whole matches `pattern`.
pub fn matches(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, |b| b)
}

/// Like [`matches`], taking ASCII letters of either case as equal.
pub fn matches_ignore_case(pattern: &[u8], text: &[u8]) -> bool {
    matches_with(pattern, text, |b| b.to_ascii_lowercase())
}

/// Whether `pattern` holds any character that makes it more than a literal.
pub fn is_pattern(pattern: &[u8]) -> bool {
    pattern.iter().any(|b| matches!(b, b'*' | b'?' | b'[' | b'\\'))
}

fn matches_with(pattern: &[u8], text: &[u8], fold: impl Fn(u8) -> u8) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(t) {
        if pattern.get(p) == Some(&b'*') {
            p += 1;
            if p == pattern.len() {
                return true;
            }
            star = Some((p, t));
            continue;
        }
        match one(pattern, p, byte, &fold) {
            Some(next) => (p, t) = (next, t + 1),
            None => match &mut star {
                Some((after, from)) => {
                    *from += 1;
                    (p, t) = (*after, *from);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|&b| b == b'*'))
}

/// Matches the element at `p` against one byte; the position after the element, or `None`.
fn one(pattern: &[u8], p: usize, byte: u8, fold: &impl Fn(u8) -> u8) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => {
            let (hit, next) = class(pattern, p + 1, byte, fold);
            hit.then_some(next)
        }
        b'\\' => match pattern.get(p + 1) {
            Some(&literal) => (fold(literal) == fold(byte)).then_some(p + 2),
            None => (byte == b'\\').then_some(p + 1),
        },
        literal => (fold(literal) == fold(byte)).then_some(p + 1),
    }
}

/// Matches the class whose first byte after `[` is at `p`; a class without its `]` ends with the pattern.
fn class(pattern: &[u8], mut p: usize, byte: u8, fold: &impl Fn(u8) -> u8) -> (bool, usize) {
    let negated = pattern.get(p) == Some(&b'^');
    p += usize::from(negated);
    let byte = fold(byte);
    let mut hit = false;
    loop {
        match (pattern.get(p), pattern.get(p + 1), pattern.get(p + 2)) {
            (None, ..) => return (hit != negated, p),
            (Some(b'\\'), Some(&literal), _) => {
                hit |= literal == byte;
                p += 2;
            }
            (Some(b']'), ..) => return (hit != negated, p + 1),
            (Some(&first), Some(b'-'), Some(&last)) => {
                let (first, last) = (fold(first), fold(last));
                hit |= (first.min(last)..=first.max(last)).contains(&byte);
                p += 3;
            }
            (Some(&literal), ..) => {
                hit |= fold(literal) == byte;
                p += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_what_redis_matches() {
        let yes: &[(&str, &str)] = &[
            ("", ""),
            ("*", ""),
            ("***", "abc"),
            ("h?llo", "hello"),
            ("h*llo", "heeeello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hallo"),
            ("h[a-b]llo", "hbllo"),
            ("h[b-a]llo", "hbllo"),
            ("a\\*b", "a*b"),
            ("[\\]]", "]"),
            ("*a*b*c", "xxaxxbxxc"),
            ("[abc", "b"),
            ("\\", "\\"),
        ];
        for (pattern, text) in yes {
            assert!(matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        let no: &[(&str, &str)] = &[
            ("", "a"),
            ("?", ""),
            ("h[^e]llo", "hello"),
            ("a\\*b", "axb"),
            ("abc", "ABC"),
            ("[]", "a"),
        ];
        for (pattern, text) in no {
            assert!(!matches(pattern.as_bytes(), text.as_bytes()), "{pattern} {text}");
        }
        assert!(matches_ignore_case(b"MAX*", b"maxmemory"));
        assert!(matches_ignore_case(b"[A-C]", b"b"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = b"a*".repeat(200);
        let text = b"a".repeat(20_000);
        assert!(!matches(&[&pattern[..], b"b"].concat(), &text));
    }
}
