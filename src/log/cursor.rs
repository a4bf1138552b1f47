//! Walks the frames of one segment: the only code that reads them.
//!
//! Recovery, partial resync, replay and the inspection tool all stand on this cursor, so they cannot
//! disagree about what is a frame. It says what it finds; what that means is for [`super::recovery`]
//! and [`super::reader`] to decide.

use std::path::Path;

use super::header::{FLAGS_KNOWN, FRAME_HEADER_LEN, FrameHeader, MARK};
use super::segment::{HeaderError, ParsedHeader, SEGMENT_HEADER_LEN_MAX, SegmentHeader};
use super::window::Window;
use super::{LogError, filler};
use crate::base::Offset;
use crate::storage::{OpenMode, Storage};

/// What begins a line of Redis's own that is no command: a timestamp annotation.
pub(crate) const FOREIGN_NOTE: &[u8] = b"#TS:";

/// What stands at the cursor's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A whole frame; [`Cursor::frame`] has it, and the cursor stands behind it.
    Frame,
    /// The end of the file.
    EndOfFile,
    /// Filler: nothing was written here yet.
    Filler,
    /// A plain command of another server.
    Foreign,
    /// Anything else, and what is wrong with it.
    Broken(&'static str),
}

/// The frame the cursor has just passed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameAt {
    pub header: FrameHeader,
    /// Where its header begins in the file.
    pub position: u64,
}

/// A position in a segment. All memory it takes is bounded by the length of the file.
#[derive(Debug)]
pub(crate) struct Cursor {
    window: Window,
    header: ParsedHeader,
    position: u64,
    offset: Offset,
    frame: Option<FrameAt>,
}

/// What a file that should be a segment turned out to be.
#[derive(Debug)]
pub(crate) enum Opened {
    /// A segment of ours, the cursor before its first frame.
    Segment(Box<Cursor>),
    /// No header of ours: another server's file.
    Foreign,
    /// A header of ours that cannot be read.
    Damaged(HeaderError),
}

impl Cursor {
    /// Opens a segment and reads its header.
    pub(crate) fn open(storage: &dyn Storage, path: &Path) -> Result<Opened, LogError> {
        let file = storage.open(path, OpenMode::Read).map_err(LogError::io("open", path))?;
        let mut bytes = [0; SEGMENT_HEADER_LEN_MAX];
        let read = file.read_full_at(&mut bytes, 0).map_err(LogError::io("read", path))?;
        let bytes = &bytes[..read];
        if is_foreign(bytes) || bytes.is_empty() {
            return Ok(Opened::Foreign);
        }
        let header = match SegmentHeader::parse(bytes) {
            Ok(header) => header,
            Err(error) => return Ok(Opened::Damaged(error)),
        };
        Ok(Opened::Segment(Box::new(Self {
            window: Window::new(file, path)?,
            position: header.len,
            offset: header.header.start,
            header,
            frame: None,
        })))
    }

    /// Looks at what stands at the position, and passes it if it is a whole frame.
    pub(crate) fn step(&mut self) -> Result<Step, LogError> {
        self.frame = None;
        let mut head = self.window.peek(self.position, FRAME_HEADER_LEN)?;
        if filler::needs_pad(self.position) && head.starts_with(filler::PAD) {
            self.position += filler::PAD.len() as u64;
            head = self.window.peek(self.position, FRAME_HEADER_LEN)?;
        }
        if head.is_empty() {
            return Ok(Step::EndOfFile);
        }
        if !head.starts_with(MARK) {
            return Ok(if is_foreign(head) {
                Step::Foreign
            } else if filler::is_filler(head, self.position) {
                Step::Filler
            } else {
                Step::Broken("neither a frame nor filler")
            });
        }
        let Some(header) = FrameHeader::parse(head) else {
            return Ok(Step::Broken("the frame header is not what was written"));
        };
        if header.offset != self.offset.get() {
            return Ok(Step::Broken("the frame states another offset"));
        }
        self.pass(header)
    }

    fn pass(&mut self, header: FrameHeader) -> Result<Step, LogError> {
        let len = FRAME_HEADER_LEN as u64 + header.body_len();
        if len > self.window.file_len().saturating_sub(self.position) {
            return Ok(Step::Broken("the frame ends after the file does"));
        }
        let Ok(len) = usize::try_from(len) else {
            return Ok(Step::Broken("the frame is longer than this machine can address"));
        };
        let seed = self.header.seed;
        let frame = self.window.peek(self.position, len)?;
        let Some(body) = frame.get(FRAME_HEADER_LEN..).filter(|_| frame.len() == len) else {
            return Ok(Step::Broken("the frame ends after the file does"));
        };
        if !header.covers(seed, body) {
            return Ok(Step::Broken("the checksum of a frame does not fit"));
        }
        if header.flags & !FLAGS_KNOWN != 0 {
            return Ok(Step::Broken("a frame of a later version"));
        }
        let next = self.offset.checked_add(u64::from(header.payload_len));
        let Some(next) = next else {
            return Ok(Step::Broken("the frame goes beyond the last offset there can be"));
        };
        self.frame = Some(FrameAt { header, position: self.position });
        self.position += len as u64;
        if !header.is_local() {
            self.offset = next;
        }
        Ok(Step::Frame)
    }

    /// The frame passed by the last [`Cursor::step`].
    pub(crate) fn frame(&self) -> Option<FrameAt> {
        self.frame
    }

    /// The payload of the frame passed by the last [`Cursor::step`].
    pub(crate) fn payload(&mut self) -> Result<&[u8], LogError> {
        let Some(frame) = self.frame else { return Ok(&[]) };
        let len = frame.header.payload_len;
        // Still in the window: the whole frame was looked at to check it.
        self.window.peek(self.position - u64::from(len), len as usize)
    }

    /// Where the next frame begins in the file.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The stream offset expected there.
    pub(crate) fn offset(&self) -> Offset {
        self.offset
    }

    /// Length of the file when last looked at.
    pub(crate) fn file_len(&self) -> u64 {
        self.window.file_len()
    }

    pub(crate) fn header(&self) -> &ParsedHeader {
        &self.header
    }

    /// Looks at the file anew: a segment may still be written to.
    pub(crate) fn refresh(&mut self) -> Result<(), LogError> {
        self.window.refresh()
    }

    /// The file's bytes, for who wants to know what follows the last frame.
    pub(crate) fn window(&mut self) -> &mut Window {
        &mut self.window
    }

    /// Goes to a frame boundary known from elsewhere.
    pub(crate) fn seek(&mut self, position: u64, offset: Offset) {
        (self.position, self.offset, self.frame) = (position, offset, None);
    }
}

/// Whether bytes at a frame boundary are plain commands of another server.
pub(crate) fn is_foreign(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'*') || bytes.starts_with(FOREIGN_NOTE)
}

/// Whether bytes are how another server begins to append to a file: Redis always selects a database
/// first, in front of it at most notes of the time and the beginning of a transaction.
pub(crate) fn begins_foreign_session(mut bytes: &[u8]) -> bool {
    const MULTI: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
    const SELECT: &[u8] = b"*2\r\n$6\r\nSELECT\r\n";
    while bytes.starts_with(FOREIGN_NOTE) {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else { return true };
        bytes = &bytes[end + 1..];
    }
    let bytes = bytes.strip_prefix(MULTI).unwrap_or(bytes);
    // What is shorter was cut off.
    let len = bytes.len().min(SELECT.len());
    bytes[..len].eq_ignore_ascii_case(&SELECT[..len])
        || bytes.len() < MULTI.len() && MULTI.starts_with(bytes)
}
