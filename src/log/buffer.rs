//! A group of frames as it will stand in the file: what one turn of the executor appended.
//!
//! The bytes are laid out once, with room for the headers; the writer fills the headers in and hands
//! the whole to one write. Commands go in by [`FrameBuffer::push`]; [`FrameBuffer::boundary`] ends a
//! unit that must not be split (a command, or a transaction with all its effects).

use super::header::{FLAG_LOCAL, FRAME_HEADER_LEN, FrameHeader};
use crate::base::Offset;
use crate::base::limits::{FRAME_PAYLOAD_LEN_MAX, FRAME_PAYLOAD_LEN_TARGET};

/// Memory an emptied buffer may keep for the next group, in bytes.
const SPARE_CAPACITY_MAX: usize = 4 * FRAME_PAYLOAD_LEN_TARGET;

/// Frames that are written, made durable and forgotten together.
#[derive(Debug)]
pub struct FrameBuffer {
    bytes: Vec<u8>,
    frames: Vec<FrameSpan>,
    start: Offset,
    end: Offset,
    db_at_start: u32,
    db: u32,
    open: bool,
    inside_unit: bool,
    time_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct FrameSpan {
    header_at: usize,
    end: usize,
    offset: Offset,
    local: bool,
}

impl FrameBuffer {
    /// An empty group that begins at `start`, where database `db` is selected in the stream.
    pub fn new(start: Offset, db: u32) -> Self {
        Self {
            bytes: Vec::new(),
            frames: Vec::new(),
            start,
            end: start,
            db_at_start: db,
            db,
            open: false,
            inside_unit: false,
            time_ms: None,
        }
    }

    /// Empties the group and moves it to `start`; memory is kept for reuse.
    pub fn reset(&mut self, start: Offset, db: u32) {
        self.bytes.clear();
        self.bytes.shrink_to(SPARE_CAPACITY_MAX);
        self.frames.clear();
        (self.start, self.end, self.db_at_start, self.db) = (start, start, db, db);
        (self.open, self.inside_unit, self.time_ms) = (false, false, None);
    }

    /// Appends `bytes` of the stream (whole commands by the next [`FrameBuffer::boundary`]).
    ///
    /// `local` marks commands of a writable replica's own clients, which no offset counts; a unit is
    /// local as a whole or not at all.
    pub fn push(&mut self, bytes: &[u8], local: bool) {
        self.push_with(local, |out| out.extend_from_slice(bytes));
    }

    /// Like [`FrameBuffer::push`] for bytes that `encode` appends to the vector it is given.
    pub fn push_with(&mut self, local: bool, encode: impl FnOnce(&mut Vec<u8>)) {
        assert!(self.time_ms.is_none(), "nothing is pushed into a sealed group");
        self.open_frame(local);
        let before = self.bytes.len();
        encode(&mut self.bytes);
        assert!(self.bytes.len() >= before, "an encoder only appends");
        let pushed = (self.bytes.len() - before) as u64;
        let end = self.bytes.len();
        if let Some(frame) = self.frames.last_mut() {
            frame.end = end;
            let payload_len = end - frame.header_at - FRAME_HEADER_LEN;
            // Queued transactions are bounded by the query buffer limit, far below this.
            assert!(payload_len <= FRAME_PAYLOAD_LEN_MAX as usize, "a unit fits into a frame");
        }
        if !local {
            self.end += pushed;
        }
        self.inside_unit = true;
    }

    /// Counts `len` bytes of the stream that nobody will ever read, in a group that has nothing else.
    pub fn pass_over(&mut self, len: usize, local: bool) {
        assert!(self.is_empty(), "what was pushed is not passed over");
        if !local {
            self.end += len as u64;
        }
    }

    /// Ends an atomic unit; the frame is closed here once it is long enough.
    pub fn boundary(&mut self) {
        self.inside_unit = false;
        if let Some(frame) = self.frames.last()
            && frame.end - frame.header_at >= FRAME_PAYLOAD_LEN_TARGET
        {
            self.open = false;
        }
    }

    /// Notes that the stream has `db` selected from here on.
    pub fn set_db(&mut self, db: u32) {
        self.db = db;
    }

    /// The database selected at the end of the group.
    pub fn db(&self) -> u32 {
        self.db
    }

    /// The database selected at the start of the group.
    pub fn db_at_start(&self) -> u32 {
        self.db_at_start
    }

    /// Whether nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Stream offset of the first byte.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// Stream offset after the last byte.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// Bytes the group takes in the file, without the two that may have to follow it.
    pub fn len(&self) -> usize {
        self.frames.last().map_or(0, |frame| frame.end)
    }

    /// Number of frames.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Closes the group: `now_ms` (milliseconds since the Unix epoch) is the time of its frames.
    pub fn seal(&mut self, now_ms: u64) {
        assert!(!self.inside_unit, "a group ends at a boundary");
        self.open = false;
        self.time_ms = Some(now_ms);
    }

    /// What replicas receive: start offset and bytes of every frame that is not local.
    pub fn payloads(&self) -> impl Iterator<Item = (Offset, &[u8])> {
        self.frames
            .iter()
            .filter(|f| !f.local)
            .map(|f| (f.offset, &self.bytes[f.header_at + FRAME_HEADER_LEN..f.end]))
    }

    /// Fills in the headers for a segment with checksum seed `seed` of which `synced_len` bytes are
    /// durable, and returns the bytes to write at `position`.
    pub(crate) fn finish(&mut self, seed: u32, synced_len: u64, position: u64) -> &[u8] {
        let time_ms = self.time_ms.unwrap_or_default();
        assert!(self.time_ms.is_some(), "a group is sealed before it is written");
        let end = self.len();
        self.bytes.truncate(end);
        for frame in &self.frames {
            let (head, body) =
                self.bytes[frame.header_at..frame.end].split_at_mut(FRAME_HEADER_LEN);
            let mut header = FrameHeader {
                offset: frame.offset.get(),
                synced_len,
                payload_len: u32::try_from(body.len()).unwrap_or(u32::MAX),
                meta_len: 0,
                time_ms,
                flags: if frame.local { FLAG_LOCAL } else { 0 },
                crc: 0,
            };
            if let Ok(line) = head.try_into() {
                header.seal(line, seed, body);
            }
        }
        if super::filler::needs_pad(position + end as u64) {
            self.bytes.extend_from_slice(super::filler::PAD);
        }
        &self.bytes
    }

    fn open_frame(&mut self, local: bool) {
        if self.open && self.frames.last().is_some_and(|f| f.local == local) {
            return;
        }
        assert!(!self.inside_unit, "a unit is local as a whole or not at all");
        let header_at = self.bytes.len();
        self.bytes.extend_from_slice(&[0; FRAME_HEADER_LEN]);
        let end = self.bytes.len();
        self.frames.push(FrameSpan { header_at, end, offset: self.end, local });
        self.open = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_what_replicas_receive() {
        let mut buffer = FrameBuffer::new(Offset::new(100), 0);
        assert!(buffer.is_empty());
        buffer.push(b"abc", false);
        buffer.boundary();
        buffer.push(b"local", true);
        buffer.boundary();
        buffer.push(b"de", false);
        buffer.boundary();
        buffer.seal(1);
        assert_eq!((buffer.start(), buffer.end()), (Offset::new(100), Offset::new(105)));
        let payloads: Vec<_> = buffer.payloads().map(|(o, b)| (o.get(), b)).collect();
        assert_eq!(payloads, [(100, &b"abc"[..]), (103, &b"de"[..])]);
        assert_eq!(buffer.frame_count(), 3);
    }

    #[test]
    fn a_long_frame_is_closed_at_a_boundary_only() {
        let mut buffer = FrameBuffer::new(Offset::ZERO, 0);
        let long = vec![b'x'; FRAME_PAYLOAD_LEN_TARGET];
        buffer.push(&long, false);
        buffer.push(&long, false);
        assert_eq!(buffer.frame_count(), 1);
        buffer.boundary();
        buffer.push(b"y", false);
        buffer.boundary();
        assert_eq!(buffer.frame_count(), 2);
        buffer.reset(Offset::new(9), 3);
        assert!(buffer.is_empty() && buffer.db_at_start() == 3);
    }

    #[test]
    fn a_group_that_would_leave_an_empty_line_is_padded() {
        let mut buffer = FrameBuffer::new(Offset::ZERO, 0);
        buffer.push(b"0123456789", false);
        buffer.boundary();
        buffer.seal(1);
        let len = buffer.len() as u64;
        assert_eq!(buffer.finish(0, 0, 127 - len).len() as u64, len + 2);
        assert_eq!(buffer.finish(0, 0, 126 - len).len() as u64, len);
    }
}
