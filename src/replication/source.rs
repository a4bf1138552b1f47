//! Which snapshot a full sync begins with: the newest there is, if going on from it costs less than
//! taking another.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::psync::Backlog;
use crate::base::Offset;
use crate::log::{Layout, Manifest};
use crate::rdb::{Progress, SnapshotFile, StreamPosition};
use crate::storage::{Mapping, Storage, read_file};

/// A tail of the log up to this long is always worth sending, in bytes.
const TAIL_LEN_ALWAYS: u64 = 64 * 1024 * 1024;
/// Longest manifest looked at, in bytes.
const MANIFEST_LEN_MAX: u64 = 1024 * 1024;

/// A snapshot to send. The file may be superseded and removed meanwhile: its bytes stay.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's bytes; every one has been checked.
    pub mapping: Arc<dyn Mapping>,
    /// The stream goes on from here.
    pub offset: Offset,
}

/// Whether the log behind a snapshot is short enough: not much more work than the snapshot itself.
fn is_worth_it(snapshot_len: u64, tail_len: u64) -> bool {
    tail_len <= snapshot_len.max(TAIL_LEN_ALWAYS)
}

/// Whether the stream of `backlog` goes on from where a snapshot was cut.
fn goes_on_from(at: &StreamPosition, backlog: &Backlog) -> bool {
    let former = backlog.identity.former;
    let is_shared = at.repl_id == backlog.identity.replid
        || former.is_some_and(|f| f.replid == at.repl_id && at.offset <= f.end);
    is_shared && at.offset >= backlog.start && at.offset <= backlog.end
}

/// Finds a snapshot to begin with, cut at `not_before` or later; `None` when one has to be taken.
/// Blocks: reads the whole file.
pub fn find(
    storage: &dyn Storage,
    layout: &Layout,
    backlog: &Backlog,
    not_before: Offset,
    threads: usize,
) -> Option<Source> {
    let candidates = [manifest_base(storage, layout), Some(layout.dump())];
    candidates.into_iter().flatten().find_map(|path| {
        if !storage.exists(&path).ok()? {
            return None;
        }
        match look_at(storage, &path, backlog, not_before, threads) {
            Ok(source) => source,
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, %error, "a snapshot is not fit to be sent; another is taken");
                None
            }
        }
    })
}

fn manifest_base(storage: &dyn Storage, layout: &Layout) -> Option<PathBuf> {
    let bytes = read_file(storage, &layout.manifest(), MANIFEST_LEN_MAX).ok()?;
    let base = Manifest::parse(&bytes).ok()?.base?;
    Some(layout.append_dir().join(base.name))
}

fn look_at(
    storage: &dyn Storage,
    path: &Path,
    backlog: &Backlog,
    not_before: Offset,
    threads: usize,
) -> Result<Option<Source>, crate::rdb::RdbError> {
    let mapping = storage.map(path)?;
    let file = SnapshotFile::open(mapping.bytes())?;
    let Some(at) = file.header().stream.filter(|at| goes_on_from(at, backlog)) else {
        return Ok(None);
    };
    // A replica of Redis's follows only if it is told the database that the stream has selected.
    if at.db.is_none()
        || at.offset < not_before
        || !is_worth_it(file.len(), backlog.end - at.offset)
    {
        return Ok(None);
    }
    // Damage is found here and not by the replica.
    let contents = file.verify(threads, &Progress::new())?;
    // One without keys looks like a master that has lost its data, if there are any behind it.
    if contents.len != file.len() || (contents.entries == 0 && backlog.end > at.offset) {
        return Ok(None);
    }
    Ok(Some(Source { offset: at.offset, mapping: Arc::clone(&mapping) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ReplId;
    use crate::log::Identity;

    #[test]
    fn a_short_tail_or_a_long_snapshot_makes_it_worth_it() {
        assert!(is_worth_it(0, TAIL_LEN_ALWAYS));
        assert!(!is_worth_it(0, TAIL_LEN_ALWAYS + 1));
        assert!(is_worth_it(2 * TAIL_LEN_ALWAYS, 2 * TAIL_LEN_ALWAYS));
    }

    #[test]
    fn only_a_snapshot_of_this_history_will_do() {
        let (old, new) = (ReplId::from_random([1; 20]), ReplId::from_random([2; 20]));
        let identity = Identity::new(old).succeeded_by(new, Offset::new(50));
        let backlog = Backlog { identity, start: Offset::new(10), end: Offset::new(90) };
        let goes_on = |repl_id, offset| {
            let at = StreamPosition { repl_id, offset: Offset::new(offset), db: Some(0) };
            goes_on_from(&at, &backlog)
        };
        assert!(goes_on(new, 90) && goes_on(old, 50) && goes_on(new, 10));
        assert!(!goes_on(new, 91) && !goes_on(old, 51) && !goes_on(new, 9));
        assert!(!goes_on(ReplId::NONE, 50));
    }
}
