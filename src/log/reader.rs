//! Follows the log from an offset on, over archived segments and those of the manifest, while it is
//! being written: for partial resync and for the inspection tool.
//!
//! A reader holds no lock and asks nobody: it reads files, and goes from one segment to the next when
//! the next begins at the offset it has reached.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cursor::{Cursor, Opened, Step};
use super::recovery::{extend_into_archive, read_manifest};
use super::segment::SegmentInfo;
use super::{FileKind, Layout, LogError, retention};
use crate::base::Offset;
use crate::storage::Storage;

/// Tries to find the next segment before a gap is taken for one: a snapshot may be moving segments to
/// the archive meanwhile.
const LOOKS_MAX: usize = 3;

/// A frame as it stands in the log.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Stream offset of the payload's first byte.
    pub offset: Offset,
    /// Milliseconds since the Unix epoch at which it was closed.
    pub time_ms: u64,
    /// Whether it is local to a writable replica: no offset counts it, replicas do not get it.
    pub local: bool,
    /// Whole commands; cut at the front when the reader began in the middle of the frame.
    pub payload: &'a [u8],
    /// The segment.
    pub file: &'a Path,
    /// Where the frame's header begins in it, in bytes.
    pub position: u64,
}

impl Frame<'_> {
    /// Stream offset after the payload.
    pub fn end(&self) -> Offset {
        if self.local { self.offset } else { self.offset + self.payload.len() as u64 }
    }
}

/// A position in the log.
#[derive(Debug)]
pub struct Reader {
    storage: Arc<dyn Storage>,
    layout: Layout,
    info: SegmentInfo,
    cursor: Box<Cursor>,
    /// Bytes before this offset are passed over.
    from: Offset,
}

impl Reader {
    /// A reader that begins at offset `from`, or with the oldest frame when that is `None`.
    ///
    /// # Errors
    /// [`LogError::Gone`] when the log does not reach back to `from`.
    pub fn open(
        storage: Arc<dyn Storage>,
        layout: &Layout,
        from: Option<Offset>,
    ) -> Result<Self, LogError> {
        let chain = find_chain(&*storage, layout)?;
        Self::in_chain(storage, layout, &chain, from)
    }

    pub(crate) fn in_chain(
        storage: Arc<dyn Storage>,
        layout: &Layout,
        chain: &VecDeque<SegmentInfo>,
        from: Option<Offset>,
    ) -> Result<Self, LogError> {
        let ends = |info: Option<&SegmentInfo>| info.map_or(Offset::ZERO, |i| i.start);
        let gone = || LogError::Gone {
            wanted: from.unwrap_or(Offset::ZERO),
            first: ends(chain.front()),
            last: ends(chain.back()),
        };
        let info = match from {
            Some(from) => chain.iter().rev().find(|info| info.start <= from),
            None => chain.front(),
        };
        let info = info.ok_or_else(gone)?.clone();
        let from = from.unwrap_or(info.start);
        let path = retention::find_segment(&*storage, layout, &info)?.ok_or_else(gone)?;
        let cursor = open_cursor(&*storage, layout, &path, info.start)?;
        Ok(Self { storage, layout: layout.clone(), info, cursor, from })
    }

    /// The next frame that ends at `limit` or before, `None` when there is none (yet). Ask again when
    /// more was written.
    ///
    /// With [`Offset::MAX`] the end of what is there is an end; any other limit must have been reached
    /// by the log, so coming short of it is an error.
    ///
    /// # Errors
    /// [`LogError::Damaged`] or [`LogError::Gap`] with the place; [`LogError::Gone`] when retention has
    /// removed the next segment.
    pub fn next_frame(&mut self, limit: Offset) -> Result<Option<Frame<'_>>, LogError> {
        loop {
            let (position, offset) = (self.cursor.position(), self.cursor.offset());
            if offset >= limit && limit != Offset::MAX {
                return Ok(None);
            }
            let mut step = self.cursor.step()?;
            if step != Step::Frame {
                // What was read earlier may have been overwritten by frames since.
                self.cursor.refresh()?;
                step = self.cursor.step()?;
            }
            if step != Step::Frame {
                if self.advance(step, limit)? {
                    continue;
                }
                return Ok(None);
            }
            let Some(at) = self.cursor.frame() else { continue };
            let end = self.cursor.offset();
            if end > limit {
                self.cursor.seek(position, offset);
                return Ok(None);
            }
            let is_passed = if at.header.is_local() { end < self.from } else { end <= self.from };
            if is_passed {
                continue;
            }
            return self.frame(offset).map(Some);
        }
    }

    /// Stream offset of the next byte.
    pub fn offset(&self) -> Offset {
        self.cursor.offset().max(self.from)
    }

    /// The segment that is being read.
    pub fn segment(&self) -> &SegmentInfo {
        &self.info
    }

    /// The frame the cursor has just passed, which begins at `offset`.
    fn frame(&mut self, offset: Offset) -> Result<Frame<'_>, LogError> {
        let at = self.cursor.frame();
        let skip = self.from.saturating_since(offset);
        let (position, time_ms, local) =
            at.map_or((0, 0, false), |at| (at.position, at.header.time_ms, at.header.is_local()));
        let payload = self.cursor.payload()?;
        let skip = if local { 0 } else { usize::try_from(skip).unwrap_or(0) };
        Ok(Frame {
            offset: offset + skip as u64,
            time_ms,
            local,
            payload: payload.get(skip..).unwrap_or_default(),
            file: &self.info.path,
            position,
        })
    }

    /// At the end of a segment: goes to the next, if there is one that begins where this one ends.
    fn advance(&mut self, step: Step, limit: Offset) -> Result<bool, LogError> {
        let offset = self.cursor.offset();
        let mut found = None;
        for _ in 0..LOOKS_MAX {
            found = next_segment(&*self.storage, &self.layout, self.info.seq)?;
            let Some(next) = &found else { break };
            // A segment begun after a failed write begins where the disk's copy of this one ended.
            if next.start <= offset && next.identity.continues(&self.info.identity, next.start) {
                // The last frames of this one may have come between the two looks.
                if next.start == offset || !self.has_more()? {
                    return self.enter(next.clone());
                }
                return Ok(true);
            }
            if self.has_more()? {
                return Ok(true);
            }
        }
        let path = self.info.path.clone();
        let dir = self.layout.dir().to_path_buf();
        let position = self.cursor.position();
        let what = match step {
            Step::Broken(what) => what,
            _ => "the log ends before the offset it has reached",
        };
        match found {
            None if limit == Offset::MAX => Ok(false),
            None => Err(LogError::Damaged { path, dir, position, offset, what }),
            Some(next) if !next.identity.continues(&self.info.identity, next.start) => {
                Err(LogError::Gone { wanted: offset, first: next.start, last: next.start })
            }
            Some(_) if matches!(step, Step::Broken(_)) => {
                Err(LogError::Damaged { path, dir, position, offset, what })
            }
            Some(next) => {
                Err(LogError::Gap { path: next.path, dir, expected: offset, found: next.start })
            }
        }
    }

    fn has_more(&mut self) -> Result<bool, LogError> {
        let (position, offset) = (self.cursor.position(), self.cursor.offset());
        self.cursor.refresh()?;
        let more = self.cursor.step()? == Step::Frame;
        self.cursor.seek(position, offset);
        Ok(more)
    }

    fn enter(&mut self, next: SegmentInfo) -> Result<bool, LogError> {
        self.from = self.offset();
        self.cursor = open_cursor(&*self.storage, &self.layout, &next.path, next.start)?;
        self.info = next;
        Ok(true)
    }
}

/// The segments that follow each other without a gap up to the one that is written to.
pub(crate) fn find_chain(
    storage: &dyn Storage,
    layout: &Layout,
) -> Result<VecDeque<SegmentInfo>, LogError> {
    let mut listed = listed_segments(storage, layout)?;
    listed.sort_unstable_by_key(|(seq, _)| std::cmp::Reverse(*seq));
    let mut chain: VecDeque<SegmentInfo> = VecDeque::new();
    for (seq, path) in listed {
        let Some(parsed) = retention::read_header(storage, &path)? else { break };
        let info = parsed.header.info(seq, &path);
        let follows = chain.front().is_none_or(|later| {
            later.identity.continues(&info.identity, later.start) && info.start <= later.start
        });
        if !follows {
            return Ok(chain);
        }
        chain.push_front(info);
    }
    extend_into_archive(storage, layout, &mut chain)?;
    Ok(chain)
}

/// The oldest segment after number `seq`.
fn next_segment(
    storage: &dyn Storage,
    layout: &Layout,
    seq: u64,
) -> Result<Option<SegmentInfo>, LogError> {
    // The archive is looked at before the manifest: a segment may go from the one to the other, and
    // is then seen twice, never not at all.
    let mut found: Vec<(u64, PathBuf)> = archived_segments(storage, layout)?;
    found.extend(listed_segments(storage, layout)?);
    let next = found.into_iter().filter(|(found, _)| *found > seq).min_by_key(|(found, _)| *found);
    let Some((seq, path)) = next else { return Ok(None) };
    match storage.exists(&path) {
        Ok(true) => {}
        // It has moved since; the caller looks again.
        Ok(false) => return Ok(None),
        Err(error) => return Err(LogError::io("look for", &path)(error)),
    }
    Ok(retention::read_header(storage, &path)?.map(|parsed| parsed.header.info(seq, &path)))
}

fn listed_segments(
    storage: &dyn Storage,
    layout: &Layout,
) -> Result<Vec<(u64, PathBuf)>, LogError> {
    // Before the manifest: a switch to `appendonly yes` gives these another name there.
    let archived = archived_segments(storage, layout)?;
    let is_backlog = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default();
        matches!(layout.kind(&name.to_string_lossy()), FileKind::Backlog(_))
    };
    let named = read_manifest(storage, layout)?.map(|manifest| manifest.incrs).unwrap_or_default();
    let last = named.last().map_or(0, |file| file.seq);
    let backlog = archived.into_iter().filter(|(seq, path)| *seq > last && is_backlog(path));
    let named = named.into_iter();
    let named = named.map(|file| (file.seq, layout.append_dir().join(file.name)));
    Ok(named.chain(backlog).collect())
}

fn archived_segments(
    storage: &dyn Storage,
    layout: &Layout,
) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let dir = layout.archive_dir();
    if !storage.exists(dir).map_err(LogError::io("look for", dir))? {
        return Ok(Vec::new());
    }
    let entries = storage.list(dir).map_err(LogError::io("list", dir))?;
    let segments = entries.into_iter().filter_map(|entry| match layout.kind(&entry.name) {
        FileKind::Incr(seq) | FileKind::Backlog(seq) => Some((seq, dir.join(entry.name))),
        _ => None,
    });
    Ok(segments.collect())
}

fn open_cursor(
    storage: &dyn Storage,
    layout: &Layout,
    path: &Path,
    start: Offset,
) -> Result<Box<Cursor>, LogError> {
    match Cursor::open(storage, path)? {
        Opened::Segment(cursor) => Ok(cursor),
        Opened::Damaged(error) => Err(error.of_file(path, layout.dir(), start)),
        Opened::Foreign => Err(LogError::Damaged {
            path: path.to_path_buf(),
            dir: layout.dir().to_path_buf(),
            position: 0,
            offset: start,
            what: "there is no segment header",
        }),
    }
}
