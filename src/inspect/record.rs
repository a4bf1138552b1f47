//! One command of the log with where and when it was written, and which of them are wanted.

use super::cli::FilterArgs;
use super::keys::KeyFinder;
use crate::base::{Offset, glob};
use crate::resp::Args;

/// A command of the log.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Name of the file it is in.
    pub file: &'a str,
    /// Where it begins in the file, in bytes.
    pub position: u64,
    /// Where it begins in the stream; none for a command that another server appended.
    pub offset: Option<Offset>,
    /// When it was written, in milliseconds since the Unix epoch, where the file says so.
    pub time_ms: Option<u64>,
    /// Whether a writable replica's own client wrote it: it is in no stream.
    pub local: bool,
    /// The database it works in.
    pub db: u32,
    /// The command and its arguments.
    pub args: Args<'a>,
}

impl<'a> Record<'a> {
    /// The command's name as written.
    pub fn name(&self) -> &'a [u8] {
        self.args.get(0).unwrap_or_default()
    }

    /// Bytes it takes in the log.
    pub fn len(&self) -> u64 {
        match self.args.raw() {
            Some(raw) => raw.len() as u64,
            None => self.args.iter().map(|arg| arg.len() as u64).sum(),
        }
    }
}

/// Which commands are wanted.
#[derive(Debug)]
pub struct Filter {
    args: FilterArgs,
    keys: KeyFinder,
}

impl Filter {
    /// Makes a filter of what was asked.
    pub fn new(args: FilterArgs) -> Self {
        Self { args, keys: KeyFinder::new() }
    }

    /// Whether the record is wanted.
    pub fn admits(&self, record: &Record<'_>) -> bool {
        let args = &self.args;
        // What states no offset or time lies in no range of them.
        let in_offsets = match record.offset {
            Some(offset) => {
                args.from_offset.is_none_or(|from| offset >= from)
                    && args.to_offset.is_none_or(|to| offset < to)
            }
            None => args.from_offset.is_none() && args.to_offset.is_none(),
        };
        let in_time = match record.time_ms {
            Some(time_ms) => {
                args.since.is_none_or(|since| time_ms >= since)
                    && args.until.is_none_or(|until| time_ms < until)
            }
            None => args.since.is_none() && args.until.is_none(),
        };
        in_offsets
            && in_time
            && args.db.is_none_or(|db| record.db == db)
            && self.admits_name(record.name())
            && self.admits_keys(record)
    }

    /// The offset before which nothing is wanted.
    pub fn first_offset(&self) -> Option<Offset> {
        self.args.from_offset
    }

    /// Whether neither this record nor, in a sound log, any later one can be wanted.
    pub fn is_past(&self, record: &Record<'_>) -> bool {
        matches!((record.offset, self.args.to_offset), (Some(offset), Some(to)) if offset >= to)
    }

    fn admits_name(&self, name: &[u8]) -> bool {
        let wanted = &self.args.command;
        wanted.is_empty() || wanted.iter().any(|w| w.as_bytes().eq_ignore_ascii_case(name))
    }

    fn admits_keys(&self, record: &Record<'_>) -> bool {
        let Some(pattern) = &self.args.key else { return true };
        let mut hit = false;
        self.keys.for_each(&record.args, |key| hit |= glob::matches(pattern.as_bytes(), key));
        hit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    fn admits(filter: FilterArgs, offset: Option<u64>, words: &[&str]) -> bool {
        let args = OwnedArgs::from_slices(words.iter().map(|w| w.as_bytes()));
        Filter::new(filter).admits(&Record {
            file: "f",
            position: 0,
            offset: offset.map(Offset::new),
            time_ms: offset.map(|o| o * 10),
            local: false,
            db: 3,
            args: args.as_args(),
        })
    }

    #[test]
    fn a_record_passes_when_it_passes_every_filter() {
        let set = &["SET", "user:1", "x"];
        assert!(admits(FilterArgs::default(), Some(5), set));
        let range = |from, to| FilterArgs {
            from_offset: Some(Offset::new(from)),
            to_offset: Some(Offset::new(to)),
            ..FilterArgs::default()
        };
        assert!(admits(range(5, 6), Some(5), set));
        assert!(!admits(range(4, 5), Some(5), set));
        assert!(!admits(range(0, 9), None, set), "no offset is in no range");
        let since = FilterArgs { since: Some(50), until: Some(51), ..FilterArgs::default() };
        assert!(admits(since.clone(), Some(5), set) && !admits(since, Some(6), set));
        let db = |db| FilterArgs { db: Some(db), ..FilterArgs::default() };
        assert!(admits(db(3), None, set) && !admits(db(0), None, set));
        let command = FilterArgs { command: vec!["set".to_owned()], ..FilterArgs::default() };
        assert!(admits(command.clone(), None, set) && !admits(command, None, &["DEL", "user:1"]));
        let key = |key: &str| FilterArgs { key: Some(key.to_owned()), ..FilterArgs::default() };
        assert!(admits(key("user:*"), None, set) && !admits(key("x"), None, set));
        assert!(admits(key("b"), None, &["DEL", "a", "b"]));
        assert!(!admits(key("*"), None, &["SELECT", "1"]));
    }
}
