//! Goes through a recovered log once, front to back, for the engine to apply.
//!
//! Every frame is verified on the way, and segments must meet without a gap. Nothing is changed on
//! disk: the log is opened for writing only when all of it was good.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use super::cursor::{Cursor, Opened, Step};
use super::foreign::ForeignCommands;
use super::reader::Frame;
use super::recovery::{Part, Recovery};
use super::segment::SegmentInfo;
use super::{Layout, LogError};
use crate::base::Offset;
use crate::storage::Storage;

/// What to apply next.
#[derive(Clone, Copy, Debug)]
pub enum Record<'a> {
    /// A segment begins: select its database.
    Segment(&'a SegmentInfo),
    /// The commands of a frame, all or none of them.
    Frame(Frame<'a>),
    /// One command of another server, in canonical RESP.
    Command(&'a [u8]),
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay {
    storage: Arc<dyn Storage>,
    dir: PathBuf,
    parts: VecDeque<Part>,
    current: Current,
    /// Where the last segment ends, by position: what recovery found whole.
    end: Option<(u64, u64)>,
    read_len: u64,
}

#[derive(Debug)]
enum Current {
    Nothing,
    Segment(SegmentInfo, Box<Cursor>),
    Foreign(Box<ForeignCommands>),
}

enum Next {
    Segment,
    Frame(Offset),
    Command,
    End,
}

impl Replay {
    /// A replay of what `recovery` found, its base already loaded.
    pub fn new(storage: Arc<dyn Storage>, layout: &Layout, recovery: &Recovery) -> Self {
        Self {
            storage,
            dir: layout.dir().to_path_buf(),
            parts: recovery.parts.iter().cloned().collect(),
            current: Current::Nothing,
            end: recovery.tail.as_ref().map(|tail| (tail.seq, tail.position)),
            read_len: 0,
        }
    }

    /// The next record, `None` when everything was returned.
    ///
    /// # Errors
    /// Damage, with its place; see [`LogError`].
    pub fn next_record(&mut self) -> Result<Option<Record<'_>>, LogError> {
        match self.step()? {
            Next::End => Ok(None),
            Next::Segment => Ok(match &self.current {
                Current::Segment(info, _) => Some(Record::Segment(info)),
                _ => None,
            }),
            Next::Frame(offset) => self.frame(offset),
            Next::Command => match &mut self.current {
                Current::Foreign(commands) => Ok(commands.next_command()?.map(Record::Command)),
                _ => Ok(None),
            },
        }
    }

    /// Bytes of files passed so far, of [`Recovery::replay_len`].
    pub fn read_len(&self) -> u64 {
        let current = match &self.current {
            Current::Nothing => 0,
            Current::Segment(_, cursor) => cursor.position(),
            Current::Foreign(commands) => commands.read_len(),
        };
        self.read_len + current
    }

    fn step(&mut self) -> Result<Next, LogError> {
        loop {
            match &mut self.current {
                Current::Nothing => match self.parts.pop_front() {
                    None => return Ok(Next::End),
                    Some(Part::Segment(info)) => {
                        let cursor = self.open(&info)?;
                        self.current = Current::Segment(info, cursor);
                        return Ok(Next::Segment);
                    }
                    Some(Part::Foreign(part)) => {
                        let commands =
                            ForeignCommands::open_part(&*self.storage, &self.dir, &part)?;
                        self.current = Current::Foreign(Box::new(commands));
                    }
                },
                Current::Segment(info, cursor) => {
                    let offset = cursor.offset();
                    let step = cursor.step()?;
                    if step == Step::Frame {
                        return Ok(Next::Frame(offset));
                    }
                    let (info, position) = (info.clone(), cursor.position());
                    // What follows the end that recovery found was judged there.
                    let at_end = self.end == Some((info.seq, position));
                    let step = if at_end { Step::EndOfFile } else { step };
                    self.check_end(&info, position, offset, step)?;
                    self.leave();
                }
                Current::Foreign(commands) => {
                    if commands.is_at_command()? {
                        return Ok(Next::Command);
                    }
                    self.leave();
                }
            }
        }
    }

    fn frame(&mut self, offset: Offset) -> Result<Option<Record<'_>>, LogError> {
        let Current::Segment(info, cursor) = &mut self.current else { return Ok(None) };
        let Some(at) = cursor.frame() else { return Ok(None) };
        Ok(Some(Record::Frame(Frame {
            offset,
            time_ms: at.header.time_ms,
            local: at.header.is_local(),
            payload: cursor.payload()?,
            file: &info.path,
            position: at.position,
        })))
    }

    /// A segment that another one continues ends at the offset where that one begins.
    fn check_end(
        &self,
        info: &SegmentInfo,
        position: u64,
        offset: Offset,
        step: Step,
    ) -> Result<(), LogError> {
        let (path, dir) = (info.path.clone(), self.dir.clone());
        if let Step::Broken(what) = step {
            return Err(LogError::Damaged { path, dir, position, offset, what });
        }
        match self.parts.front() {
            Some(Part::Segment(next))
                if next.identity.continues(&info.identity, next.start) && next.start != offset =>
            {
                Err(LogError::Gap {
                    path: next.path.clone(),
                    dir,
                    expected: offset,
                    found: next.start,
                })
            }
            None if self.end.is_some_and(|(seq, end)| seq != info.seq || end != position) => {
                let what = "the segment ends before the place recovery found";
                Err(LogError::Damaged { path, dir, position, offset, what })
            }
            _ => Ok(()),
        }
    }

    fn leave(&mut self) {
        self.read_len = self.read_len();
        self.current = Current::Nothing;
    }

    fn open(&self, info: &SegmentInfo) -> Result<Box<Cursor>, LogError> {
        let offset = info.start;
        match Cursor::open(&*self.storage, &info.path)? {
            Opened::Segment(cursor) => Ok(cursor),
            Opened::Damaged(error) => Err(error.of_file(&info.path, &self.dir, offset)),
            Opened::Foreign => Err(LogError::Damaged {
                path: info.path.clone(),
                dir: self.dir.clone(),
                position: 0,
                offset,
                what: "there is no segment header",
            }),
        }
    }
}
