//! Plain commands another server wrote: an append-only file of Redis, or what Redis appended to a
//! segment of ours.
//!
//! Only the boundaries of commands are found here. The two names that matter to them are MULTI and
//! EXEC, since a transaction that was cut off is taken back as a whole.

use std::path::{Path, PathBuf};

use super::cursor::is_foreign;
use super::window::Window;
use super::{LogError, TailPolicy};
use crate::base::limits::{INLINE_LEN_MAX, MULTIBULK_LEN_MAX};
use crate::storage::{OpenMode, Storage};

/// Longest line Redis writes between commands or lengths, in bytes.
const LINE_LEN_MAX: usize = INLINE_LEN_MAX;

/// Commands of another server in part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignPart {
    /// The file.
    pub path: PathBuf,
    /// Where the first command begins, in bytes.
    pub from: u64,
    /// Where the last whole command (or transaction) ends, in bytes.
    pub to: u64,
    /// Number of commands.
    pub commands: u64,
}

/// Walks the commands in part of a file.
#[derive(Debug)]
pub struct ForeignCommands {
    window: Window,
    dir: PathBuf,
    from: u64,
    position: u64,
    to: u64,
}

/// What stands at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// A command of so many bytes.
    Command(u64),
    /// A line to skip, of so many bytes.
    Note(u64),
    /// Nothing: the end of the file.
    End,
    /// The file ends inside a command.
    CutOff,
    /// Bytes that are no command.
    Malformed(&'static str),
}

impl ForeignCommands {
    /// Walks the commands from position `from` to the end of the file at `path`. `dir` is the data
    /// directory that errors name.
    pub fn open(
        storage: &dyn Storage,
        dir: &Path,
        path: &Path,
        from: u64,
    ) -> Result<Self, LogError> {
        let file = storage.open(path, OpenMode::Read).map_err(LogError::io("open", path))?;
        let window = Window::new(file, path)?;
        let to = window.file_len();
        Ok(Self { window, dir: dir.to_path_buf(), from, position: from, to })
    }

    /// Walks the commands of `part`.
    pub fn open_part(
        storage: &dyn Storage,
        dir: &Path,
        part: &ForeignPart,
    ) -> Result<Self, LogError> {
        let mut commands = Self::open(storage, dir, &part.path, part.from)?;
        commands.to = part.to;
        Ok(commands)
    }

    /// The bytes of the next command, `None` after the last one.
    ///
    /// # Errors
    /// When what follows is no whole command; all commands before it have been returned.
    pub fn next_command(&mut self) -> Result<Option<&[u8]>, LogError> {
        while self.position < self.to {
            let start = self.position;
            match self.look()? {
                Found::Command(len) => {
                    self.position += len;
                    let len = usize::try_from(len).unwrap_or(usize::MAX);
                    return self.window.peek(start, len).map(Some);
                }
                Found::Note(len) => self.position += len,
                Found::End => break,
                Found::CutOff => return Err(self.damaged("the file ends inside a command")),
                Found::Malformed(what) => return Err(self.damaged(what)),
            }
        }
        Ok(None)
    }

    /// Where the next command begins in the file, in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Bytes passed so far.
    pub(crate) fn read_len(&self) -> u64 {
        self.position - self.from
    }

    /// Passes notes; whether a command (or something broken) follows.
    pub(crate) fn is_at_command(&mut self) -> Result<bool, LogError> {
        while self.position < self.to {
            match self.look()? {
                Found::Note(len) => self.position += len,
                Found::End => break,
                Found::Command(_) | Found::CutOff | Found::Malformed(_) => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Finds where the commands end, and whether the last one was cut off.
    ///
    /// # Errors
    /// When anything but the very end is no whole command, or the end is not and `policy` refuses that.
    pub(crate) fn measure(mut self, policy: TailPolicy) -> Result<(ForeignPart, bool), LogError> {
        let (from, mut commands) = (self.position, 0);
        let mut transaction: Option<(u64, u64)> = None;
        let cut_off = loop {
            let start = self.position;
            match self.look()? {
                Found::Command(len) => {
                    let name = self.first_argument(start, len)?;
                    if name.eq_ignore_ascii_case(b"MULTI") {
                        transaction = Some((start, commands));
                    } else if name.eq_ignore_ascii_case(b"EXEC") {
                        transaction = None;
                    }
                    commands += 1;
                    self.position += len;
                }
                Found::Note(len) => self.position += len,
                Found::End => break false,
                Found::CutOff if policy == TailPolicy::Trim => break true,
                Found::CutOff => return Err(self.damaged("the file ends inside a command")),
                Found::Malformed(what) => return Err(self.damaged(what)),
            }
        };
        let (to, commands, cut_off) = match transaction {
            Some((start, before)) if policy == TailPolicy::Trim => (start, before, true),
            Some(_) => return Err(self.damaged("the file ends inside a transaction")),
            None => (self.position, commands, cut_off),
        };
        let path = self.window.path().to_path_buf();
        Ok((ForeignPart { path, from, to, commands }, cut_off))
    }

    fn damaged(&self, what: &'static str) -> LogError {
        LogError::ForeignDamaged {
            path: self.window.path().to_path_buf(),
            dir: self.dir.clone(),
            position: self.position,
            what,
        }
    }

    fn look(&mut self) -> Result<Found, LogError> {
        let start = self.position;
        let head = self.window.peek(start, 4)?;
        if head.is_empty() {
            return Ok(Found::End);
        }
        if head.starts_with(b"#") {
            // A note of Redis, or filler that Redis appended its commands after.
            return Ok(match self.line_len(start)? {
                Line::Whole(len) => Found::Note(len),
                Line::CutOff => Found::CutOff,
                Line::TooLong => Found::Malformed("a line without an end"),
            });
        }
        if !is_foreign(head) {
            return Ok(Found::Malformed("neither a command nor a comment"));
        }
        let (count, mut len) = match self.number(start, b'*')? {
            Ok(number) => number,
            Err(found) => return Ok(found),
        };
        if count == 0 || count > MULTIBULK_LEN_MAX as u64 {
            return Ok(Found::Malformed("a command of that many arguments"));
        }
        for _ in 0..count {
            let (arg_len, line_len) = match self.number(start + len, b'$')? {
                Ok(number) => number,
                Err(found) => return Ok(found),
            };
            let end = (start + len + line_len).checked_add(arg_len).and_then(|e| e.checked_add(2));
            let Some(end) = end.filter(|end| *end <= self.window.file_len()) else {
                return Ok(Found::CutOff);
            };
            if self.window.peek(end - 2, 2)? != b"\r\n" {
                return Ok(Found::Malformed("an argument longer than it says"));
            }
            len = end - start;
        }
        Ok(Found::Command(len))
    }

    /// Reads `<mark><digits>\r\n`: the number and the line's length.
    fn number(&mut self, at: u64, mark: u8) -> Result<Result<(u64, u64), Found>, LogError> {
        let line = self.window.peek(at, 24)?;
        if line.first().is_some_and(|b| *b != mark) {
            return Ok(Err(Found::Malformed("an argument without its length")));
        }
        let Some(end) = line.windows(2).position(|w| w == b"\r\n") else {
            let whole = line.len() == 24;
            return Ok(Err(if whole {
                Found::Malformed("a length that is no number")
            } else {
                Found::CutOff
            }));
        };
        let digits = std::str::from_utf8(&line[1..end]).ok();
        let number = digits.filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
        Ok(match number.and_then(|d| d.parse().ok()) {
            Some(number) => Ok((number, end as u64 + 2)),
            None => Err(Found::Malformed("a length that is no number")),
        })
    }

    fn line_len(&mut self, at: u64) -> Result<Line, LogError> {
        let mut wanted = 128;
        loop {
            let line = self.window.peek(at, wanted)?;
            if let Some(end) = line.iter().position(|b| *b == b'\n') {
                return Ok(Line::Whole(end as u64 + 1));
            }
            if line.len() < wanted {
                return Ok(Line::CutOff);
            }
            if wanted >= LINE_LEN_MAX {
                return Ok(Line::TooLong);
            }
            wanted *= 2;
        }
    }

    /// The first argument of the command at `start`, as far as the names that matter are long.
    fn first_argument(&mut self, start: u64, len: u64) -> Result<&[u8], LogError> {
        const HEAD_LEN: u64 = 32;
        let head = self.window.peek(start, len.min(HEAD_LEN) as usize)?;
        let mut lines = head.split(|b| *b == b'\n').skip(2);
        Ok(lines.next().and_then(|line| line.strip_suffix(b"\r")).unwrap_or_default())
    }
}

enum Line {
    Whole(u64),
    CutOff,
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{SimDisk, crashsafe};

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n";
    const MULTI: &[u8] = b"*1\r\n$5\r\nmulti\r\n";
    const EXEC: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

    fn measured(parts: &[&[u8]], policy: TailPolicy) -> Result<(ForeignPart, bool), LogError> {
        let disk = SimDisk::new(1);
        let path = Path::new("f");
        crashsafe::replace(&disk, path, &parts.concat()).unwrap();
        ForeignCommands::open(&disk, Path::new("."), path, 0)?.measure(policy)
    }

    #[test]
    fn commands_and_notes_are_told_apart() {
        let (part, cut) =
            measured(&[b"#TS:17\r\n", SET, b"####\n", MULTI, SET, EXEC], TailPolicy::Refuse)
                .unwrap();
        assert_eq!((part.commands, cut), (4, false));
    }

    #[test]
    fn what_was_cut_off_is_taken_back() {
        let last = SET.len() as u64;
        for len in 1..SET.len() {
            let (part, cut) = measured(&[SET, &SET[..len]], TailPolicy::Trim).unwrap();
            assert_eq!((part.to, part.commands, cut), (last, 1, true), "{len} bytes");
            assert!(measured(&[SET, &SET[..len]], TailPolicy::Refuse).is_err());
        }
        let (part, cut) = measured(&[SET, MULTI, SET, &EXEC[..5]], TailPolicy::Trim).unwrap();
        assert_eq!((part.to, part.commands, cut), (last, 1, true));
        let (part, cut) = measured(&[SET, MULTI, SET], TailPolicy::Trim).unwrap();
        assert_eq!((part.to, part.commands, cut), (last, 1, true));
    }

    #[test]
    fn what_is_no_command_is_refused_with_its_position() {
        for bad in [&b"*0\r\n"[..], b"*x\r\n", b"*1\r\n$3\r\nPING\r\n", b"hello", b"*1\r\n:4\r\n"] {
            let error = measured(&[SET, bad, SET], TailPolicy::Trim).unwrap_err().to_string();
            assert!(error.contains(&format!("position {}", SET.len())), "{error}");
        }
    }

    #[test]
    fn commands_longer_than_a_read_come_whole() {
        let disk = SimDisk::new(1);
        let value = vec![b'v'; 700_000];
        let mut file = SET.to_vec();
        crate::resp::encode::push_command(&mut file, &[b"SET", b"long", &value]);
        file.extend_from_slice(SET);
        crashsafe::replace(&disk, Path::new("f"), &file).unwrap();
        let mut commands = ForeignCommands::open(&disk, Path::new("."), Path::new("f"), 0).unwrap();
        let mut all = Vec::new();
        while let Some(command) = commands.next_command().unwrap() {
            all.extend_from_slice(command);
        }
        assert_eq!(all, file);
    }
}
