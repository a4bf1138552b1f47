//! Reads the whole log of a directory, file after file, beside a server that may be moving them.

use super::error::InspectError;
use super::files::{Files, FoundFile};
use super::finding::{Finding, Severity};
use super::record::Record;
use super::walk::{End, Event, Mode, Walk};
use crate::base::Offset;
use crate::log::Layout;
use crate::storage::Storage;

/// What reading a log meets.
pub(super) enum Found<'a> {
    /// A command.
    Record(Record<'a>),
    /// Something that could not be read.
    Finding(Finding),
}

type Visit<'v> = &'v mut dyn FnMut(Found<'_>) -> Result<bool, InspectError>;

/// Visits every command of the log's files, oldest first, and everything that cannot be read.
///
/// Segments that end before `from` are skipped. Files may move and go meanwhile; one that is gone is
/// passed over. Newer ones are left to the next run: beside a busy server this would never end.
pub(super) fn for_each_record(
    storage: &dyn Storage,
    layout: &Layout,
    from: Option<Offset>,
    visit: Visit<'_>,
) -> Result<(), InspectError> {
    let files = Files::list(storage, layout)?.log();
    for (index, file) in files.iter().enumerate() {
        if let (Some(from), Some(next)) = (from, files.get(index + 1))
            && starts_before(storage, layout, next, from)
        {
            continue;
        }
        if !visit_file(storage, layout, file, visit)? {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether a segment begins at `offset` or earlier, so that everything before it is older.
fn starts_before(storage: &dyn Storage, layout: &Layout, file: &FoundFile, offset: Offset) -> bool {
    match Walk::open(storage, layout, file) {
        Ok(Walk::Segment(walk)) => walk.header().header.start <= offset,
        _ => false,
    }
}

fn visit_file(
    storage: &dyn Storage,
    layout: &Layout,
    file: &FoundFile,
    visit: Visit<'_>,
) -> Result<bool, InspectError> {
    let mut on_event = |event: Event<'_>| match event {
        Event::Frame { .. } => Ok(true),
        Event::Record(record) => visit(Found::Record(record)),
        Event::Gap(gap) => visit(Found::Finding(gap.finding(&file.path))),
    };
    let (end, position) = match Walk::open(storage, layout, file) {
        Ok(Walk::Segment(mut walk)) => {
            (walk.run(storage, layout, Mode::Look, &mut on_event)?, walk.position())
        }
        Ok(Walk::Foreign(mut walk)) => (walk.run(&mut on_event)?, walk.position()),
        Ok(Walk::Damaged(what)) => {
            let finding = Finding::new(Severity::Damage, &file.path, what).at(0);
            return visit(Found::Finding(finding));
        }
        // Retired by the server since the directory was listed.
        Err(error) if error.is_gone() => return Ok(true),
        Err(error) => return Err(error),
    };
    match end {
        End::Stopped => Ok(false),
        End::Whole | End::Foreign => Ok(true),
        // What this is, torn or damaged, is for `verify` to say.
        End::Broken(what) | End::ForeignBroken(what) => {
            let finding = Finding::new(Severity::TornTail, &file.path, what).at(position);
            visit(Found::Finding(finding))
        }
    }
}
