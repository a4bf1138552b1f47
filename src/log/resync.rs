//! Finds the next whole frame after bytes that are none: for looking at damage, never for recovery.

use super::LogError;
use super::cursor::Cursor;
use super::header::{FRAME_HEADER_LEN, FrameHeader, MARK};
use crate::base::Offset;

/// Bytes looked through at a time.
const SCAN_LEN: usize = 64 * 1024;

/// Where the first whole frame of the segment at or after `from` begins, and its offset, which is
/// `offset` or later. `None` when there is none, or so much looks like one that it cannot be told.
pub(crate) fn next_frame(
    cursor: &mut Cursor,
    from: u64,
) -> Result<Option<(u64, Offset)>, LogError> {
    let (seed, offset) = (cursor.header().seed, cursor.offset());
    let window = cursor.window();
    let file_len = window.file_len();
    // Bytes of values can imitate headers, so the work of checking them is bounded.
    let mut budget = file_len.saturating_mul(8);
    let mut at = from;
    while at < file_len {
        let chunk = window.peek(at, SCAN_LEN)?;
        let chunk_len = chunk.len() as u64;
        let marks: Vec<u64> = (at..)
            .zip(chunk.windows(MARK.len()))
            .filter(|(_, bytes)| bytes == MARK)
            .map(|(position, _)| position)
            .collect();
        for position in marks {
            let Some(header) = FrameHeader::parse(window.peek(position, FRAME_HEADER_LEN)?) else {
                continue;
            };
            let len = FRAME_HEADER_LEN as u64 + header.body_len();
            if len > file_len - position || header.offset < offset.get() {
                continue;
            }
            let Some(left) = budget.checked_sub(len) else { return Ok(None) };
            budget = left;
            let frame = window.peek(position, usize::try_from(len).unwrap_or(usize::MAX))?;
            if frame.get(FRAME_HEADER_LEN..).is_some_and(|body| header.covers(seed, body)) {
                return Ok(Some((position, Offset::new(header.offset))));
            }
        }
        // A mark may lie across two chunks.
        at += chunk_len.saturating_sub(MARK.len() as u64 - 1).max(1);
    }
    Ok(None)
}
