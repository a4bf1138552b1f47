//! `tail`: the commands of a running server as it writes them.
//!
//! The newest segment is looked at again and again. When a newer one has appeared, the one before it
//! is complete, is read to its end, and is left. A frame that is not whole yet is met at a later look.

use std::collections::VecDeque;
use std::thread;
use std::time::{Duration, Instant};

use super::Environment;
use super::cli::TailArgs;
use super::error::InspectError;
use super::files::{Files, FoundFile};
use super::output::write_record;
use super::record::{Filter, Record};
use super::walk::{Event, ForeignWalk, Mode, SegmentWalk, Walk};
use crate::base::{Offset, ReplId};
use crate::log::Layout;
use crate::storage::Storage;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Prints what is written until the output is closed or, with `--idle`, nothing came for so long.
pub(super) fn run(env: &mut Environment<'_>, args: &TailArgs) -> Result<(), InspectError> {
    let layout = args.dir.layout();
    let filter = Filter::new(args.filter.clone());
    let mut follower = Follower::start(env.storage, &layout)?;
    let mut last: VecDeque<Vec<u8>> = VecDeque::new();
    follower.look(env.storage, &layout, &mut |record| {
        if filter.admits(&record) {
            let mut line = Vec::new();
            write_record(&mut line, &record, args.output)?;
            last.push_back(line);
            if last.len() > args.lines {
                last.pop_front();
            }
        }
        Ok(())
    })?;
    for line in last {
        env.out.write_all(&line)?;
    }
    env.out.flush()?;
    let mut last_news = Instant::now();
    while args.idle.is_none_or(|idle| last_news.elapsed() < idle) {
        thread::sleep(LOOK_EVERY);
        let mut any = false;
        let out = &mut *env.out;
        follower.look(env.storage, &layout, &mut |record| {
            any = true;
            if filter.admits(&record) { write_record(out, &record, args.output) } else { Ok(()) }
        })?;
        // Without news the flush shows nothing, but finds out whether anyone still reads.
        env.out.flush()?;
        if any {
            last_news = Instant::now();
        }
    }
    Ok(())
}

type Show<'s> = &'s mut dyn FnMut(Record<'_>) -> std::io::Result<()>;

/// A place in the log that moves along with it.
struct Follower {
    current: Option<(FoundFile, Open)>,
    /// The history and the offset up to which commands were shown: after a failed write the server
    /// begins a new segment with commands that the one before it may have held already.
    shown: Option<(ReplId, Offset)>,
}

enum Open {
    Segment(Box<SegmentWalk>),
    Foreign(ForeignWalk),
}

impl Follower {
    /// Begins at the segment before the newest one, so that there is something to show.
    fn start(storage: &dyn Storage, layout: &Layout) -> Result<Self, InspectError> {
        let files = Files::list(storage, layout)?.log();
        let mut follower = Self { current: None, shown: None };
        if let Some(first) = files.iter().rev().take(2).next_back() {
            follower.open(storage, layout, first)?;
        }
        Ok(follower)
    }

    fn open(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        file: &FoundFile,
    ) -> Result<bool, InspectError> {
        let open = match Walk::open(storage, layout, file) {
            Ok(Walk::Segment(walk)) => Open::Segment(walk),
            Ok(Walk::Foreign(walk)) => Open::Foreign(walk),
            // Its header may be on its way: looked at again the next time.
            Ok(Walk::Damaged(_)) => return Ok(false),
            Err(error) if error.is_gone() => return Ok(false),
            Err(error) => return Err(error),
        };
        self.current = Some((file.clone(), open));
        Ok(true)
    }

    /// Shows everything that has come since the last look.
    fn look(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        show: Show<'_>,
    ) -> Result<(), InspectError> {
        loop {
            // Listed before reading: what is written before a newer segment appears is then read.
            let files = Files::list(storage, layout)?.log();
            self.read(storage, layout, show)?;
            let rank = self.current.as_ref().map(|(file, _)| file.rank());
            let mut newer = files.iter().filter(|f| rank.is_none_or(|rank| f.rank() > rank));
            let Some(next) = newer.next() else { return Ok(()) };
            if !self.open(storage, layout, next)? {
                return Ok(());
            }
        }
    }

    fn read(
        &mut self,
        storage: &dyn Storage,
        layout: &Layout,
        show: Show<'_>,
    ) -> Result<(), InspectError> {
        let Some((file, open)) = &mut self.current else { return Ok(()) };
        let replid = match open {
            Open::Segment(walk) => Some(walk.header().header.identity.replid),
            Open::Foreign(_) => None,
        };
        let shown = &mut self.shown;
        let mut on_event = |event: Event<'_>| {
            let Event::Record(record) = event else { return Ok(true) };
            if let (Some(replid), Some(offset), false) = (replid, record.offset, record.local) {
                if shown.is_some_and(|(id, until)| id == replid && offset < until) {
                    return Ok(true);
                }
                *shown = Some((replid, offset + record.len()));
            }
            show(record)?;
            Ok(true)
        };
        match open {
            Open::Segment(walk) => walk.run(storage, layout, Mode::Follow, &mut on_event)?,
            Open::Foreign(walk) => walk.go_on(storage, layout, &file.path, &mut on_event)?,
        };
        Ok(())
    }
}
