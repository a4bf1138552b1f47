//! `stats`: what the log is made of.

use std::collections::BTreeMap;
use std::io::Write;

use serde_json::{Value, json};

use super::Environment;
use super::cli::{Format, StatsArgs};
use super::error::InspectError;
use super::finding::Severity;
use super::keys::KeyFinder;
use super::output;
use super::record::{Filter, Record};
use super::scan::{Found, for_each_record};

/// Distinct prefixes that are counted one by one; the commands of later ones are summed up.
const PREFIXES_MAX: usize = 100_000;
const HOUR_MS: u64 = 3_600_000;

/// Prints counts by command, prefix and hour. Returns how bad what it had to pass over was.
pub(super) fn run(env: &mut Environment<'_>, args: &StatsArgs) -> Result<Severity, InspectError> {
    let layout = args.dir.layout();
    let filter = Filter::new(args.filter.clone());
    let mut stats = Stats::new(args);
    let mut worst = Severity::Note;
    let notices = &mut *env.notices;
    for_each_record(env.storage, &layout, filter.first_offset(), &mut |found| match found {
        Found::Record(record) => {
            if filter.admits(&record) {
                stats.add(&record);
            }
            Ok(!filter.is_past(&record))
        }
        Found::Finding(finding) => {
            worst = worst.max(finding.severity);
            writeln!(notices, "{finding}")?;
            Ok(true)
        }
    })?;
    match args.format {
        Format::Text => stats.write_text(env.out, args.top)?,
        Format::Json => writeln!(env.out, "{}", stats.to_json(args.top))?,
    }
    env.out.flush()?;
    Ok(worst)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    commands: u64,
    bytes: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.commands += 1;
        self.bytes += bytes;
    }
}

struct Stats {
    keys: KeyFinder,
    separator: Vec<u8>,
    depth: usize,
    total: Count,
    by_command: BTreeMap<Vec<u8>, Count>,
    by_prefix: BTreeMap<Vec<u8>, Count>,
    /// Commands with a key whose prefix came after [`PREFIXES_MAX`] others.
    other_prefixes: Count,
    /// By hours since the Unix epoch.
    by_hour: BTreeMap<u64, Count>,
    first_time_ms: Option<u64>,
    last_time_ms: Option<u64>,
}

impl Stats {
    fn new(args: &StatsArgs) -> Self {
        Self {
            keys: KeyFinder::new(),
            separator: args.separator.clone().into_bytes(),
            depth: args.depth,
            total: Count::default(),
            by_command: BTreeMap::new(),
            by_prefix: BTreeMap::new(),
            other_prefixes: Count::default(),
            by_hour: BTreeMap::new(),
            first_time_ms: None,
            last_time_ms: None,
        }
    }

    fn add(&mut self, record: &Record<'_>) {
        let len = record.len();
        self.total.add(len);
        let name = record.name().to_ascii_uppercase();
        self.by_command.entry(name).or_default().add(len);
        if let Some(time_ms) = record.time_ms {
            self.by_hour.entry(time_ms / HOUR_MS).or_default().add(len);
            self.first_time_ms = Some(self.first_time_ms.map_or(time_ms, |t| t.min(time_ms)));
            self.last_time_ms = Some(self.last_time_ms.map_or(time_ms, |t| t.max(time_ms)));
        }
        let (separator, depth) = (&self.separator, self.depth);
        let (by_prefix, others) = (&mut self.by_prefix, &mut self.other_prefixes);
        let mut counted: Vec<&[u8]> = Vec::new();
        self.keys.for_each(&record.args, |key| {
            let prefix = prefix_of(key, separator, depth);
            // A command with many keys of one prefix counts once for it.
            if counted.contains(&prefix) {
                return;
            }
            counted.push(prefix);
            let has_room = by_prefix.len() < PREFIXES_MAX;
            match by_prefix.get_mut(prefix) {
                Some(count) => count.add(len),
                None if has_room => by_prefix.entry(prefix.to_vec()).or_default().add(len),
                None => others.add(len),
            }
        });
    }

    /// The prefixes with the most commands, and the sum of all others.
    fn top_prefixes(&self, top: usize) -> (Vec<(&[u8], Count)>, Count) {
        let mut prefixes: Vec<(&[u8], Count)> =
            self.by_prefix.iter().map(|(prefix, count)| (&prefix[..], *count)).collect();
        prefixes.sort_by_key(|(_, count)| std::cmp::Reverse(count.commands));
        let mut others = self.other_prefixes;
        for (_, count) in prefixes.iter().skip(top) {
            others.commands += count.commands;
            others.bytes += count.bytes;
        }
        prefixes.truncate(top);
        (prefixes, others)
    }

    fn write_text(&self, out: &mut dyn Write, top: usize) -> Result<(), InspectError> {
        let total = self.total;
        writeln!(out, "{} commands, {}", total.commands, output::size(total.bytes))?;
        if let (Some(first), Some(last)) = (self.first_time_ms, self.last_time_ms) {
            writeln!(out, "from {} to {}", output::time(first), output::time(last))?;
        }
        let by_command = self.by_command.iter().map(|(n, c)| (output::word(n), *c)).collect();
        write_table(out, "command", by_command, true)?;
        let (prefixes, others) = self.top_prefixes(top);
        let mut rows: Vec<(String, Count)> =
            prefixes.iter().map(|(prefix, count)| (prefix_name(prefix), *count)).collect();
        if others.commands > 0 {
            rows.push(("(others)".to_owned(), others));
        }
        write_table(out, "key prefix", rows, false)?;
        let by_hour = self.by_hour.iter().map(|(hour, c)| (hour_name(*hour), *c)).collect();
        write_table(out, "hour (UTC)", by_hour, false)
    }

    fn to_json(&self, top: usize) -> Value {
        let count = |c: &Count| json!({ "commands": c.commands, "bytes": c.bytes });
        let named = |key: &str, name: Value, c: &Count| json!({ key: name, "commands": c.commands, "bytes": c.bytes });
        let (prefixes, others) = self.top_prefixes(top);
        let bytes = output::bytes_to_json;
        let by_command: Vec<Value> =
            self.by_command.iter().map(|(n, c)| named("command", bytes(n), c)).collect();
        let by_prefix: Vec<Value> =
            prefixes.iter().map(|(p, c)| named("prefix", bytes(p), c)).collect();
        let by_hour: Vec<Value> =
            self.by_hour.iter().map(|(h, c)| named("hour", json!(hour_name(*h)), c)).collect();
        json!({
            "total": count(&self.total),
            "first_time_ms": self.first_time_ms,
            "last_time_ms": self.last_time_ms,
            "by_command": by_command,
            "by_prefix": by_prefix,
            "other_prefixes": count(&others),
            "by_hour": by_hour,
        })
    }
}

/// The first `depth` parts of a key; nothing of a key with fewer parts and one more.
fn prefix_of<'k>(key: &'k [u8], separator: &[u8], depth: usize) -> &'k [u8] {
    if separator.is_empty() || depth == 0 {
        return b"";
    }
    let mut end = 0;
    for _ in 0..depth {
        let rest = &key[end..];
        match rest.windows(separator.len()).position(|part| part == separator) {
            Some(at) => end += at + separator.len(),
            None => break,
        }
    }
    &key[..end]
}

fn prefix_name(prefix: &[u8]) -> String {
    if prefix.is_empty() { "(none)".to_owned() } else { output::word(prefix) }
}

fn hour_name(hour: u64) -> String {
    output::time(hour.saturating_mul(HOUR_MS)).chars().take("2026-03-31T12".len()).collect()
}

fn write_table(
    out: &mut dyn Write,
    title: &str,
    mut rows: Vec<(String, Count)>,
    largest_first: bool,
) -> Result<(), InspectError> {
    if rows.is_empty() {
        return Ok(());
    }
    if largest_first {
        rows.sort_by_key(|(_, count)| std::cmp::Reverse(count.commands));
    }
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let width = width.max(title.len());
    writeln!(out, "\n{title:<width$}  {:>12}  {:>12}", "commands", "bytes")?;
    for (name, count) in rows {
        let bytes = output::size(count.bytes);
        writeln!(out, "{name:<width$}  {:>12}  {bytes:>12}", count.commands)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_the_first_parts_of_a_key() {
        assert_eq!(prefix_of(b"user:1:name", b":", 1), b"user:");
        assert_eq!(prefix_of(b"user:1:name", b":", 2), b"user:1:");
        assert_eq!(prefix_of(b"user:1:name", b":", 9), b"user:1:");
        assert_eq!(prefix_of(b"plain", b":", 1), b"");
        assert_eq!(prefix_of(b"a::b", b"::", 1), b"a::");
        assert_eq!(prefix_of(b"a:b", b"", 1), b"");
    }

    #[test]
    fn an_hour_has_a_name() {
        assert_eq!(hour_name(1_774_958_400_000 / HOUR_MS), "2026-03-31T12");
    }
}
