//! Commands as text and as JSON lines.

use std::io::{self, Write};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::cli::{Format, OutputArgs};
use super::record::Record;

/// Writes one record as a line.
pub fn write_record(out: &mut dyn Write, record: &Record<'_>, how: OutputArgs) -> io::Result<()> {
    match how.format {
        Format::Text => write_text(out, record, how.clip),
        Format::Json => writeln!(out, "{}", to_json(record)),
    }
}

fn write_text(out: &mut dyn Write, record: &Record<'_>, clip: Option<usize>) -> io::Result<()> {
    match record.offset {
        Some(_) if record.local => write!(out, "{:>14}", "local")?,
        Some(offset) => write!(out, "{:>14}", offset.get())?,
        None => write!(out, "{:>14}", "-")?,
    }
    write!(out, "  {:<24}  db{}", record.time_ms.map_or_else(|| "-".to_owned(), time), record.db)?;
    for arg in record.args.iter() {
        out.write_all(b" ")?;
        match clip {
            Some(len_max) if arg.len() > len_max => {
                write_word(out, &arg[..len_max])?;
                write!(out, "...({} bytes)", arg.len())?;
            }
            _ => write_word(out, arg)?,
        }
    }
    out.write_all(b"\n")
}

/// Writes bytes as `redis-cli` takes them back: bare where nothing needs a quote.
pub fn write_word(out: &mut dyn Write, word: &[u8]) -> io::Result<()> {
    let is_bare = |b: &u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'\\');
    if !word.is_empty() && word.iter().all(is_bare) {
        return out.write_all(word);
    }
    out.write_all(b"\"")?;
    for &byte in word {
        match byte {
            b'"' | b'\\' => out.write_all(&[b'\\', byte])?,
            b'\n' => out.write_all(b"\\n")?,
            b'\r' => out.write_all(b"\\r")?,
            b'\t' => out.write_all(b"\\t")?,
            b' '..=b'~' => out.write_all(&[byte])?,
            _ => write!(out, "\\x{byte:02x}")?,
        }
    }
    out.write_all(b"\"")
}

/// The word of [`write_word`] as text.
pub fn word(bytes: &[u8]) -> String {
    let mut out = Vec::new();
    // Writing to memory cannot fail.
    let _ = write_word(&mut out, bytes);
    String::from_utf8_lossy(&out).into_owned()
}

fn to_json(record: &Record<'_>) -> Value {
    let mut object = Map::new();
    object.insert("offset".to_owned(), json!(record.offset.map(|o| o.get())));
    object.insert("time_ms".to_owned(), json!(record.time_ms));
    object.insert("db".to_owned(), json!(record.db));
    let args: Vec<Value> = record.args.iter().map(bytes_to_json).collect();
    object.insert("command".to_owned(), Value::Array(args));
    if record.local {
        object.insert("local".to_owned(), json!(true));
    }
    object.insert("file".to_owned(), json!(record.file));
    object.insert("position".to_owned(), json!(record.position));
    Value::Object(object)
}

/// Text as a JSON string; bytes that are no UTF-8 as `{"hex": "..."}`, so that nothing is lost.
pub fn bytes_to_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!(text),
        Err(_) => json!({ "hex": hex(bytes) }),
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A time in milliseconds since the Unix epoch as `2026-03-31T12:00:00.000Z`.
pub fn time(time_ms: u64) -> String {
    // The last millisecond of the year 9999, the last one the format can show.
    const TIME_MS_MAX: u64 = 253_402_300_799_999;
    if time_ms > TIME_MS_MAX {
        return format!("{time_ms}ms");
    }
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(time_ms)).to_string()
}

/// A number of bytes for people.
pub fn size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Offset;
    use crate::resp::args::OwnedArgs;

    fn line(format: Format, clip: Option<usize>) -> String {
        let args = OwnedArgs::from_slices([&b"SET"[..], b"a key", b"\xff\"\n", b""]);
        let record = Record {
            file: "appendonly.aof.1.incr.aof",
            position: 206,
            offset: Some(Offset::new(77)),
            time_ms: Some(1_774_958_400_123),
            local: false,
            db: 2,
            args: args.as_args(),
        };
        let mut out = Vec::new();
        write_record(&mut out, &record, OutputArgs { format, clip }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_can_be_pasted_into_redis_cli() {
        assert_eq!(
            line(Format::Text, None),
            "            77  2026-03-31T12:00:00.123Z  db2 SET \"a key\" \"\\xff\\\"\\n\" \"\"\n"
        );
        assert!(line(Format::Text, Some(3)).contains(" \"a k\"...(5 bytes) "));
    }

    #[test]
    fn json_keeps_every_byte() {
        let value: Value = serde_json::from_str(&line(Format::Json, None)).unwrap();
        assert_eq!(value["offset"], 77);
        assert_eq!(value["time_ms"], 1_774_958_400_123_u64);
        assert_eq!(value["command"], json!(["SET", "a key", { "hex": "ff220a" }, ""]));
        assert_eq!(value["position"], 206);
        assert!(value.get("local").is_none());
    }

    #[test]
    fn a_time_out_of_range_is_shown_as_a_number() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(u64::MAX), format!("{}ms", u64::MAX));
    }
}
