//! The manifest: which snapshot and which segments, in order, make up the data set.
//!
//! Redis's own format, one file a line, with two comment lines that Redis skips:
//!
//! ```text
//! #VELLUM base_replid=<40 hex> base_offset=<n>          only where the base is a snapshot of ours
//! file appendonly.aof.<n>.base.rdb seq <n> type b       at most one
//! file appendonly.aof.<n>.incr.aof seq <n> type i       in order of seq
//! #VELLUM crc=<8 hex>                                   CRC-32 of everything before this line
//! ```
//!
//! A manifest without the last line was written by Redis and is accepted; one whose checksum does not
//! fit is damaged. Files of type `h` are those Redis has superseded and not yet removed.

use std::fmt::Write as _;

use crate::base::{Offset, ReplId};

/// Longest manifest that is read, in bytes.
pub(crate) const MANIFEST_LEN_MAX: u64 = 16 * 1024 * 1024;
/// Longest line of it, in bytes, as in Redis.
const LINE_LEN_MAX: usize = 1024;
const BASE_LINE: &str = "#VELLUM base_replid=";
const CRC_LINE: &str = "#VELLUM crc=";

/// The files of a data set, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The snapshot to start from.
    pub base: Option<ManifestFile>,
    /// Where in the stream the base is, where the manifest says so.
    pub base_at: Option<BasePosition>,
    /// The segments to replay after it.
    pub incrs: Vec<ManifestFile>,
    /// Files another server has superseded and not yet removed.
    pub history: Vec<ManifestFile>,
    /// Whether Vellum wrote it last (the checksum line was there).
    pub sealed: bool,
}

/// One file of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// Name inside the manifest's folder.
    pub name: String,
    /// Its number.
    pub seq: u64,
}

/// Where in the stream a snapshot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasePosition {
    /// The history.
    pub replid: ReplId,
    /// The offset at which it was cut.
    pub offset: Offset,
}

/// Why a manifest cannot be read: a line, counted from 1 (0 for the whole), and what is wrong there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestError {
    /// Line, counted from 1; 0 for the file as a whole.
    pub line: usize,
    /// What does not fit.
    pub what: &'static str,
}

impl Manifest {
    /// The bytes of the file.
    pub fn encode(&self) -> Vec<u8> {
        let mut text = String::new();
        if let Some(at) = self.base_at {
            line(&mut text, format_args!("{BASE_LINE}{} base_offset={}", at.replid, at.offset));
        }
        for (files, kind) in [
            (self.base.as_slice(), 'b'),
            (self.history.as_slice(), 'h'),
            (self.incrs.as_slice(), 'i'),
        ] {
            for file in files {
                let name = quoted(&file.name);
                line(&mut text, format_args!("file {name} seq {} type {kind}", file.seq));
            }
        }
        let crc = crc32fast::hash(text.as_bytes());
        line(&mut text, format_args!("{CRC_LINE}{crc:08x}"));
        text.into_bytes()
    }

    /// Reads a manifest, ours or Redis's.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let whole = |what| ManifestError { line: 0, what };
        let text = std::str::from_utf8(bytes).map_err(|_| whole("not text"))?;
        let mut manifest = Self::default();
        if let Some(at) = text.rfind(CRC_LINE) {
            let stated = &text[at..];
            let crc = crc32fast::hash(&text.as_bytes()[..at]);
            if stated != format!("{CRC_LINE}{crc:08x}\n") {
                return Err(whole("the checksum is not that of the lines before it"));
            }
            manifest.sealed = true;
        }
        if !text.is_empty() && !text.ends_with('\n') {
            return Err(whole("it breaks off inside a line"));
        }
        for (index, line) in text.lines().enumerate() {
            let parsed = manifest.parse_line(line);
            parsed.map_err(|what| ManifestError { line: index + 1, what })?;
        }
        if manifest.base.is_none() && manifest.incrs.is_empty() {
            return Err(whole("it names no file"));
        }
        Ok(manifest)
    }

    fn parse_line(&mut self, line: &str) -> Result<(), &'static str> {
        if line.len() > LINE_LEN_MAX {
            return Err("too long a line");
        }
        if let Some(rest) = line.strip_prefix(BASE_LINE) {
            let (replid, offset) = rest.split_once(" base_offset=").ok_or("unreadable comment")?;
            let replid = ReplId::parse(replid.as_bytes()).ok_or("not a replication ID")?;
            let offset = Offset::new(offset.parse().map_err(|_| "not an offset")?);
            // A Redis that rewrote the manifest has dropped this line with the base it speaks of.
            self.base_at = self.sealed.then_some(BasePosition { replid, offset });
            return Ok(());
        }
        if line.starts_with('#') {
            return Ok(());
        }
        let words = split_words(line).ok_or("unbalanced quotes")?;
        let (mut name, mut seq, mut kind) = (None, None, None);
        for pair in words.chunks(2) {
            let [key, value] = pair else { return Err("a word without its value") };
            match key.to_ascii_lowercase().as_str() {
                "file" => name = Some(value.clone()),
                "seq" => seq = value.parse::<u64>().ok(),
                "type" => kind = Some(value.clone()),
                _ => {}
            }
        }
        let (Some(name), Some(seq), Some(kind)) = (name, seq, kind) else {
            return Err("expected `file <name> seq <number> type <b|h|i>`");
        };
        if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
            return Err("not a file name");
        }
        let file = ManifestFile { name, seq };
        match kind.as_str() {
            "b" if self.base.is_some() => return Err("a second base"),
            "b" => self.base = Some(file),
            "h" => self.history.push(file),
            "i" if self.incrs.last().is_some_and(|last| last.seq >= seq) => {
                return Err("segments out of order");
            }
            "i" => self.incrs.push(file),
            _ => return Err("unknown type of file"),
        }
        Ok(())
    }

    /// The highest number any file of the manifest has.
    pub fn seq_max(&self) -> u64 {
        let files = self.base.iter().chain(&self.incrs).chain(&self.history);
        files.map(|f| f.seq).max().unwrap_or(0)
    }
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

/// A name as Redis writes it: in quotes where it holds a space or a quote.
fn quoted(name: &str) -> String {
    if !name.contains([' ', '"', '\\', '\'']) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Splits at spaces; a word in double quotes may hold spaces and backslash escapes.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        let Some(first) = chars.next() else { return Some(words) };
        let mut word = String::new();
        if first == '"' {
            loop {
                match chars.next()? {
                    '"' => break,
                    '\\' => word.push(chars.next()?),
                    c => word.push(c),
                }
            }
        } else {
            word.push(first);
            while let Some(c) = chars.next_if(|c| !c.is_ascii_whitespace()) {
                word.push(c);
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, seq: u64) -> ManifestFile {
        ManifestFile { name: name.to_owned(), seq }
    }

    fn example() -> Manifest {
        Manifest {
            base: Some(file("a b.1.base.rdb", 1)),
            base_at: Some(BasePosition {
                replid: ReplId::from_random([1; 20]),
                offset: Offset::new(77),
            }),
            incrs: vec![file("a b.4.incr.aof", 4), file("a b.5.incr.aof", 5)],
            history: vec![file("old", 1)],
            sealed: true,
        }
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        assert_eq!(Manifest::parse(&example().encode()), Ok(example()));
    }

    #[test]
    fn every_flipped_bit_is_noticed_or_changes_nothing() {
        let bytes = example().encode();
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let found = Manifest::parse(&bad);
            // A flip inside the words "#VELLUM crc=" looks like a manifest of Redis's: the same files.
            let same = found
                .as_ref()
                .is_ok_and(|m| !m.sealed && m.base == example().base && m.incrs == example().incrs);
            assert!(found.is_err() || same, "bit {bit}: {found:?}");
        }
    }

    #[test]
    fn what_redis_writes_is_accepted() {
        let text = "file appendonly.aof.2.base.rdb seq 2 type b\n\
                    file appendonly.aof.1.incr.aof seq 1 type h\n\
                    file appendonly.aof.2.incr.aof seq 2 type i startoffset 9\n";
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(manifest.base, Some(file("appendonly.aof.2.base.rdb", 2)));
        assert_eq!(manifest.incrs, [file("appendonly.aof.2.incr.aof", 2)]);
        assert_eq!(manifest.history.len(), 1);
        assert!(!manifest.sealed);
        assert_eq!(manifest.seq_max(), 2);
    }

    #[test]
    fn what_does_not_fit_is_named_with_its_line() {
        let long = format!("file y seq 1 type b\nfile x seq 1 type i{}\n", " a b".repeat(300));
        for (text, line) in [
            ("file x seq 1 type i\nfile y seq 1 type i\n", 2),
            ("file ../x seq 1 type i\n", 1),
            ("file x seq 1 type q\n", 1),
            ("file x seq 1\n", 1),
            ("file x seq 1 type i", 0),
            (long.as_str(), 2),
            ("", 0),
        ] {
            assert_eq!(Manifest::parse(text.as_bytes()).unwrap_err().line, line, "{text}");
        }
    }
}
