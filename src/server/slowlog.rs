//! The slow log: the last commands that took longer than `slowlog-log-slower-than`.
//!
//! Entries are cut down to what Redis keeps, so that the log's size is bounded by its length: 32
//! arguments, 128 bytes each.

use std::collections::VecDeque;

use crate::resp::{Args, Reply};

/// Most arguments an entry keeps; the last of them tells how many more there were.
const ARGS_MAX: usize = 32;
/// Most bytes of an argument an entry keeps.
const ARG_LEN_MAX: usize = 128;
/// What stands for an argument that must not be seen.
const REDACTED: &[u8] = b"(redacted)";

/// One slow command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowEntry {
    /// Counts up from the start of the server; never used twice.
    pub id: u64,
    /// When it ran, in seconds since the Unix epoch.
    pub unix_s: u64,
    /// How long it took, in microseconds.
    pub duration_us: u64,
    /// Its arguments, cut down.
    pub args: Vec<Vec<u8>>,
    /// Address of the client.
    pub client: String,
    /// Name of the client.
    pub client_name: Vec<u8>,
}

/// The slow log; newest entry first.
#[derive(Debug, Default)]
pub struct SlowLog {
    entries: VecDeque<SlowEntry>,
    next_id: u64,
    len_max: usize,
}

impl SlowLog {
    /// An empty log of at most `len_max` entries (`slowlog-max-len`).
    pub fn new(len_max: u64) -> Self {
        let mut log = Self::default();
        log.set_len_max(len_max);
        log
    }

    /// Changes the number of entries kept.
    pub fn set_len_max(&mut self, len_max: u64) {
        self.len_max = usize::try_from(len_max).unwrap_or(usize::MAX);
        self.entries.truncate(self.len_max);
    }

    /// Records a command. The threshold has been looked at by the caller. `is_secret(n)` tells that
    /// argument `n` must not be seen.
    pub fn record(
        &mut self,
        args: &Args<'_>,
        is_secret: impl Fn(usize) -> bool,
        duration_us: u64,
        unix_s: u64,
        client: String,
        client_name: &[u8],
    ) {
        let id = self.next_id;
        self.next_id += 1;
        if self.len_max == 0 {
            return;
        }
        self.entries.truncate(self.len_max - 1);
        let args = cut_down(args, is_secret);
        let client_name = client_name.to_vec();
        self.entries.push_front(SlowEntry { id, unix_s, duration_us, args, client, client_name });
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets all entries; ids go on.
    pub fn reset(&mut self) {
        self.entries.clear();
    }

    /// The entries, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &SlowEntry> {
        self.entries.iter()
    }

    /// Answers SLOWLOG GET with at most `count` entries.
    pub fn reply_get(&self, count: usize, reply: &mut Reply) {
        let count = count.min(self.entries.len());
        reply.array(count);
        for entry in self.entries.iter().take(count) {
            reply.array(6);
            reply.integer(entry.id.try_into().unwrap_or(i64::MAX));
            reply.integer(entry.unix_s.try_into().unwrap_or(i64::MAX));
            reply.integer(entry.duration_us.try_into().unwrap_or(i64::MAX));
            reply.array(entry.args.len());
            entry.args.iter().for_each(|arg| reply.bulk(arg));
            reply.bulk(entry.client.as_bytes());
            reply.bulk(&entry.client_name);
        }
    }
}

fn cut_down(args: &Args<'_>, is_secret: impl Fn(usize) -> bool) -> Vec<Vec<u8>> {
    let kept = if args.len() > ARGS_MAX { ARGS_MAX - 1 } else { args.len() };
    let shorten = |(n, arg): (usize, &[u8])| {
        if is_secret(n) {
            return REDACTED.to_vec();
        }
        match arg.split_at_checked(ARG_LEN_MAX) {
            Some((head, rest)) if !rest.is_empty() => {
                [head, format!("... ({} more bytes)", rest.len()).as_bytes()].concat()
            }
            _ => arg.to_vec(),
        }
    };
    let mut short: Vec<Vec<u8>> = args.iter().take(kept).enumerate().map(shorten).collect();
    if args.len() > kept {
        short.push(format!("... ({} more arguments)", args.len() - kept).into_bytes());
    }
    short
}

/// The number of entries SLOWLOG GET asks for: 10 without an argument, all for -1. The error is the
/// reply's text.
pub fn parse_count(arg: Option<&[u8]>) -> Result<usize, &'static str> {
    let Some(arg) = arg else { return Ok(10) };
    let number = std::str::from_utf8(arg).ok().and_then(|text| text.parse::<i64>().ok());
    match number {
        Some(-1) => Ok(usize::MAX),
        Some(count) if count >= 0 => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        _ => Err("ERR count should be greater than or equal to -1"),
    }
}

/// The lines SLOWLOG HELP answers.
pub const HELP: &[&str] = &[
    "SLOWLOG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET [<count>]",
    "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
    "    Entries are made of:",
    "    id, timestamp, time in microseconds, arguments array, client IP and port,",
    "    client name",
    "LEN",
    "    Return the length of the slowlog.",
    "RESET",
    "    Reset the slowlog.",
    "HELP",
    "    Prints this help.",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    fn record(log: &mut SlowLog, args: &[&[u8]]) {
        let owned = OwnedArgs::from_slices(args.iter().copied());
        let is_secret = |n| n == 1 && args[0] == b"AUTH";
        log.record(&owned.as_args(), is_secret, 5, 1000, "127.0.0.1:1".to_owned(), b"me");
    }

    #[test]
    fn entries_are_cut_down_as_in_redis() {
        let mut log = SlowLog::new(10);
        let long = vec![b'x'; 200];
        record(&mut log, &[b"set", b"a", &long]);
        let mut expected = vec![b'x'; 128];
        expected.extend_from_slice(b"... (72 more bytes)");
        assert_eq!(log.iter().next().unwrap().args[2], expected);
        let many: Vec<&[u8]> = std::iter::repeat_n(&b"k"[..], 41).collect();
        record(&mut log, &many);
        let args = &log.iter().next().unwrap().args;
        assert_eq!(args.len(), 32);
        assert_eq!(args[31], b"... (10 more arguments)");
        record(&mut log, &many[..32]);
        assert_eq!(log.iter().next().unwrap().args[31], b"k");
        record(&mut log, &[b"AUTH", b"secret"]);
        assert_eq!(log.iter().next().unwrap().args, [&b"AUTH"[..], b"(redacted)"]);
    }

    #[test]
    fn the_oldest_entries_go_and_ids_go_on() {
        let mut log = SlowLog::new(2);
        for _ in 0..3 {
            record(&mut log, &[b"ping"]);
        }
        let ids = |log: &SlowLog| log.iter().map(|e| e.id).collect::<Vec<_>>();
        assert_eq!(ids(&log), [2, 1]);
        log.reset();
        assert!(log.is_empty());
        record(&mut log, &[b"ping"]);
        assert_eq!(ids(&log), [3]);
        log.set_len_max(0);
        record(&mut log, &[b"ping"]);
        assert_eq!(log.len(), 0);
    }

    #[test]
    fn get_answers_six_fields() {
        let mut log = SlowLog::new(2);
        record(&mut log, &[b"ping"]);
        let mut reply = Reply::default();
        log.reply_get(parse_count(Some(b"-1")).unwrap(), &mut reply);
        let expected = "*1\r\n*6\r\n:0\r\n:1000\r\n:5\r\n*1\r\n$4\r\nping\r\n$11\r\n127.0.0.1:1\r\n$2\r\nme\r\n";
        assert_eq!(String::from_utf8(reply.buffer).unwrap(), expected);
        assert!(parse_count(Some(b"-2")).is_err() && parse_count(Some(b"x")).is_err());
        assert_eq!(parse_count(None), Ok(10));
    }
}
