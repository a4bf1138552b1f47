//! Reads the commands of one file of the log, over damage where there is any.
//!
//! Frames are found by the log's own [`Cursor`] and plain commands by its [`ForeignCommands`]: this
//! adds which database a command works in, its position, and going on behind what is broken.

use std::path::{Path, PathBuf};

use super::error::InspectError;
use super::files::FoundFile;
use super::finding::{Finding, Severity};
use super::record::Record;
use crate::base::Offset;
use crate::base::number::parse_i64;
use crate::log::cursor::{Cursor, Opened, Step};
use crate::log::resync::next_frame;
use crate::log::segment::{HeaderError, ParsedHeader};
use crate::log::{FRAME_HEADER_LEN, FileKind, ForeignCommands, Layout, LogError, tail};
use crate::resp::Args;
use crate::resp::stream::Commands;
use crate::storage::Storage;

/// What a walk meets on its way.
#[derive(Debug)]
pub(super) enum Event<'a> {
    /// A whole frame, before its commands.
    Frame {
        /// Where it begins in the file.
        position: u64,
        /// Where it ends in the file.
        end: u64,
    },
    /// A command.
    Record(Record<'a>),
    /// Bytes that cannot be read, and the walk goes on behind them.
    Gap(Gap),
}

/// Bytes that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// Where they begin in the file.
    pub position: u64,
    /// The stream offset expected there, if any is known.
    pub offset: Option<Offset>,
    /// What is wrong with them.
    pub what: &'static str,
    /// Where the next whole frame begins, and its offset.
    pub next: (u64, Offset),
}

/// Where and why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing but filler, or nothing at all, follows.
    Whole,
    /// Bytes that are neither a frame nor filler follow, and no whole frame after them.
    Broken(&'static str),
    /// Plain commands of another server were read to the end of the file.
    Foreign,
    /// Plain commands of another server cannot be read on.
    ForeignBroken(&'static str),
    /// The visitor wants no more.
    Stopped,
}

/// Whether to go past what is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// A finished look: broken bytes are passed over.
    Look,
    /// The file is being written to: what is broken now may be whole at the next look.
    Follow,
}

type Visit<'v> = &'v mut dyn FnMut(Event<'_>) -> Result<bool, InspectError>;

/// A file that can be walked.
#[derive(Debug)]
pub(super) enum Walk {
    /// A segment of ours.
    Segment(Box<SegmentWalk>),
    /// Another server's commands from beginning to end.
    Foreign(ForeignWalk),
    /// A segment whose header cannot be read, and why.
    Damaged(&'static str),
}

impl Walk {
    /// Opens a file of the log. Looks in the archive too, where a server may just have moved it.
    pub(super) fn open(
        storage: &dyn Storage,
        layout: &Layout,
        file: &FoundFile,
    ) -> Result<Self, InspectError> {
        let mut path = file.path.clone();
        let opened = match Cursor::open(storage, &path) {
            Err(LogError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                path = layout.archive_dir().join(&file.name);
                Cursor::open(storage, &path)?
            }
            other => other?,
        };
        Ok(match opened {
            Opened::Segment(cursor) => {
                let db = cursor.header().header.db;
                let name = file.name.clone();
                Self::Segment(Box::new(SegmentWalk { name, path, cursor, db, foreign: None }))
            }
            Opened::Foreign => Self::Foreign(ForeignWalk::open(storage, layout, file, 0)?),
            // A base of commands may begin with a snapshot, as files of Redis 4 to 6 do.
            Opened::Damaged(_) if matches!(file.kind, FileKind::BaseAof(_)) => {
                Self::Foreign(ForeignWalk::open(storage, layout, file, 0)?)
            }
            Opened::Damaged(HeaderError::Version(_)) => {
                Self::Damaged("the segment was written by a later version of Vellum")
            }
            Opened::Damaged(HeaderError::Damaged) => {
                Self::Damaged("the segment header is not what was written")
            }
        })
    }
}

/// The commands of a segment of ours, and of what another server appended to it.
#[derive(Debug)]
pub(super) struct SegmentWalk {
    name: String,
    path: PathBuf,
    cursor: Box<Cursor>,
    db: u32,
    /// Another server's commands behind the frames, once the walk has come to them.
    foreign: Option<ForeignWalk>,
}

impl SegmentWalk {
    pub(super) fn header(&self) -> &ParsedHeader {
        self.cursor.header()
    }

    /// How far the walk has come in the file.
    pub(super) fn position(&self) -> u64 {
        self.foreign.as_ref().map_or(self.cursor.position(), ForeignWalk::position)
    }

    /// The stream offset there.
    pub(super) fn offset(&self) -> Offset {
        self.cursor.offset()
    }

    /// The database selected there.
    pub(super) fn db(&self) -> u32 {
        self.foreign.as_ref().map_or(self.db, |foreign| foreign.db)
    }

    /// Goes on at a frame boundary that an earlier walk reached.
    pub(super) fn resume(&mut self, position: u64, offset: Offset, db: u32) {
        self.cursor.seek(position, offset);
        self.db = db;
    }

    /// Goes on among another server's commands, where an earlier walk ended.
    pub(super) fn resume_foreign(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        position: u64,
        db: u32,
    ) -> Result<(), InspectError> {
        let (name, path) = (&self.name, &self.path);
        let foreign = ForeignWalk::open_at(storage, layout, name, path, position, db)?;
        self.foreign = Some(foreign);
        Ok(())
    }

    /// Whether the walk has come to another server's commands.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign.is_some()
    }

    /// Goes as far as whole frames, or plain commands after them, go. In [`Mode::Follow`] it can be
    /// called again, and looks at the file anew.
    pub(super) fn run(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        mode: Mode,
        visit: Visit<'_>,
    ) -> Result<End, InspectError> {
        self.cursor.refresh()?;
        if let Some(foreign) = &mut self.foreign {
            return foreign.go_on(storage, layout, &self.path, visit);
        }
        loop {
            let mut step = self.cursor.step()?;
            if step != Step::Frame {
                // What was read earlier may have been written over by frames since.
                self.cursor.refresh()?;
                step = self.cursor.step()?;
            }
            let what = match step {
                Step::Frame => {
                    if !self.visit_frame(visit)? {
                        return Ok(End::Stopped);
                    }
                    continue;
                }
                Step::Foreign => return self.run_foreign(storage, layout, visit),
                Step::EndOfFile => return Ok(End::Whole),
                Step::Filler if mode == Mode::Follow => return Ok(End::Whole),
                Step::Filler => "a frame is missing: there is filler in its place",
                Step::Broken(what) => what,
            };
            if mode == Mode::Follow {
                return Ok(End::Broken(what));
            }
            let position = self.cursor.position();
            let offset = self.cursor.offset();
            match next_frame(&mut self.cursor, position)? {
                Some(next) => {
                    // It may have been written, and those before it, since the cursor was here.
                    self.cursor.refresh()?;
                    if self.cursor.step()? == Step::Frame {
                        if !self.visit_frame(visit)? {
                            return Ok(End::Stopped);
                        }
                        continue;
                    }
                    let offset = Some(offset);
                    self.cursor.seek(next.0, next.1);
                    if !visit(Event::Gap(Gap { position, offset, what, next }))? {
                        return Ok(End::Stopped);
                    }
                }
                None if step == Step::Filler => return self.run_filler(storage, layout, visit),
                None => return Ok(End::Broken(what)),
            }
        }
    }

    /// Hands out the commands of the frame just passed.
    fn visit_frame(&mut self, visit: Visit<'_>) -> Result<bool, InspectError> {
        let Some(frame) = self.cursor.frame() else { return Ok(true) };
        let (end, end_offset) = (self.cursor.position(), self.cursor.offset());
        let header = frame.header;
        if !visit(Event::Frame { position: frame.position, end })? {
            return Ok(false);
        }
        let payload_at = frame.position + FRAME_HEADER_LEN as u64 + u64::from(header.meta_len);
        let payload = self.cursor.payload()?;
        let mut commands = Commands::new(payload);
        loop {
            let args = match commands.next_command() {
                Ok(Some(args)) => args,
                Ok(None) => return Ok(true),
                Err(_) => {
                    let offset = Some(Offset::new(header.offset));
                    let what = "the payload of a whole frame is no run of whole commands";
                    let next = (end, end_offset);
                    let gap = Gap { position: frame.position, offset, what, next };
                    return visit(Event::Gap(gap));
                }
            };
            let within = args.raw().map_or(0, |raw| distance(payload, raw));
            let stream_len = if header.is_local() { 0 } else { within };
            note_select(&mut self.db, &args);
            let record = Record {
                file: &self.name,
                position: payload_at + within,
                offset: Offset::new(header.offset).checked_add(stream_len),
                time_ms: Some(header.time_ms),
                local: header.is_local(),
                db: self.db,
                args,
            };
            if !visit(Event::Record(record))? {
                return Ok(false);
            }
        }
    }

    /// Looks at what follows the last frame where filler begins: filler to the end, another server's
    /// commands behind it, or something else.
    fn run_filler(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        visit: Visit<'_>,
    ) -> Result<End, InspectError> {
        let (position, seed) = (self.cursor.position(), self.cursor.header().seed);
        let start = self.cursor.header().header.start;
        let evidence = tail::gather(self.cursor.window(), position, seed, start)?;
        if let Some(at) = evidence.foreign_at {
            self.cursor.seek(at, self.cursor.offset());
            return self.run_foreign(storage, layout, visit);
        }
        if evidence.content_end > position {
            return Ok(End::Broken(
                "bytes that are neither a frame nor filler follow the last frame",
            ));
        }
        Ok(End::Whole)
    }

    fn run_foreign(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        visit: Visit<'_>,
    ) -> Result<End, InspectError> {
        let (from, path) = (self.cursor.position(), &self.path);
        let foreign = ForeignWalk::open_at(storage, layout, &self.name, path, from, self.db)?;
        self.foreign.insert(foreign).run(visit)
    }
}

/// The commands of another server.
#[derive(Debug)]
pub(super) struct ForeignWalk {
    name: String,
    commands: ForeignCommands,
    db: u32,
}

impl ForeignWalk {
    pub(super) fn open(
        storage: &dyn Storage,
        layout: &Layout,
        file: &FoundFile,
        from: u64,
    ) -> Result<Self, InspectError> {
        Self::open_at(storage, layout, &file.name, &file.path, from, 0)
    }

    pub(super) fn open_at(
        storage: &dyn Storage,
        layout: &Layout,
        name: &str,
        path: &Path,
        from: u64,
        db: u32,
    ) -> Result<Self, InspectError> {
        let commands = ForeignCommands::open(storage, layout.dir(), path, from)?;
        Ok(Self { name: name.to_owned(), commands, db })
    }

    pub(super) fn position(&self) -> u64 {
        self.commands.position()
    }

    /// The database selected there.
    pub(super) fn db(&self) -> u32 {
        self.db
    }

    /// Goes on where an earlier walk ended.
    pub(super) fn resume(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        path: &Path,
        position: u64,
        db: u32,
    ) -> Result<(), InspectError> {
        self.commands = ForeignCommands::open(storage, layout.dir(), path, position)?;
        self.db = db;
        Ok(())
    }

    /// Looks at the file anew and goes on where the last run ended.
    pub(super) fn go_on(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        path: &Path,
        visit: Visit<'_>,
    ) -> Result<End, InspectError> {
        self.commands = ForeignCommands::open(storage, layout.dir(), path, self.position())?;
        self.run(visit)
    }

    /// Goes as far as whole commands go.
    pub(super) fn run(&mut self, visit: Visit<'_>) -> Result<End, InspectError> {
        loop {
            let raw = match self.commands.next_command() {
                Ok(Some(raw)) => raw.to_vec(),
                Ok(None) => return Ok(End::Foreign),
                Err(LogError::ForeignDamaged { what, .. }) => return Ok(End::ForeignBroken(what)),
                Err(other) => return Err(other.into()),
            };
            let position = self.commands.position() - raw.len() as u64;
            let mut commands = Commands::new(&raw);
            while let Ok(Some(args)) = commands.next_command() {
                note_select(&mut self.db, &args);
                let record = Record {
                    file: &self.name,
                    position,
                    offset: None,
                    time_ms: None,
                    local: false,
                    db: self.db,
                    args,
                };
                if !visit(Event::Record(record))? {
                    return Ok(End::Stopped);
                }
            }
        }
    }
}

/// Bytes from the beginning of `whole` to `part`, which lies inside it.
fn distance(whole: &[u8], part: &[u8]) -> u64 {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr()) as u64
}

/// The database is that of the command after a SELECT; the SELECT itself shows the one it chose.
fn note_select(db: &mut u32, args: &Args<'_>) {
    if args.get(0).is_some_and(|name| name.eq_ignore_ascii_case(b"SELECT"))
        && let Some(chosen) = args.get(1).and_then(parse_i64)
        && let Ok(chosen) = u32::try_from(chosen)
    {
        *db = chosen;
    }
}

impl Gap {
    /// The gap as something found in the file at `path`.
    pub(super) fn finding(&self, path: &Path) -> Finding {
        let (next, offset) = self.next;
        let what = format!(
            "{}; the next whole frame begins at position {next} (offset {offset})",
            self.what
        );
        let finding = Finding::new(Severity::Damage, path, what).at(self.position);
        match self.offset {
            Some(offset) => finding.offset(offset),
            None => finding,
        }
    }
}
