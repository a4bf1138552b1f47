//! Replies as bytes: where one ends and the next begins.

/// The first reply of `bytes`, its elements included, and what is behind it, if it is there whole.
pub fn split_reply(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let line_len = bytes.iter().position(|&b| b == b'\n')? + 1;
    let number = std::str::from_utf8(&bytes[1..line_len]).ok().map(|text| text.trim().parse());
    // A missing value has -1 for a length, and nothing behind it.
    let count: Option<usize> = number.and_then(Result::ok);
    let len = match (bytes[0], count) {
        (b'$' | b'=', Some(len)) => line_len + len + 2,
        (b'*' | b'~' | b'>' | b'%', Some(count)) => {
            let mut rest = &bytes[line_len..];
            for _ in 0..if bytes[0] == b'%' { 2 * count } else { count } {
                rest = split_reply(rest)?.1;
            }
            bytes.len() - rest.len()
        }
        _ => line_len,
    };
    bytes.split_at_checked(len)
}
