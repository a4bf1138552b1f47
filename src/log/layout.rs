//! Where each file of a data directory is: names are built and parsed here and nowhere else.
//!
//! ```text
//! DIR/appendonlydir/appendonly.aof.manifest            order of the files below
//! DIR/appendonlydir/appendonly.aof.<n>.base.rdb        snapshot
//! DIR/appendonlydir/appendonly.aof.<n>.incr.aof        segment
//! DIR/appendonlydir/prepared.<n>.tmp                   segment to be, filled ahead of use
//! DIR/archive/appendonly.aof.<n>.incr.aof              segment that a snapshot has superseded
//! DIR/archive/backlog.<n>.incr.aof                     segment of the cache mode, never replayed
//! DIR/archive/orphan.<n>.incr.aof                      segment that no manifest named, put aside
//! DIR/appendonly.aof                                   log of Redis before version 7
//! DIR/dump.rdb, DIR/LOCK, DIR/catalogue
//! DIR/snapshot.tmp                                     snapshot being written
//! ```

use std::path::{Path, PathBuf};

use crate::storage::crashsafe;

/// The names a data directory is made of (`dir`, `appenddirname`, `appendfilename`, `dbfilename`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    dir: PathBuf,
    append_dir: PathBuf,
    archive_dir: PathBuf,
    append_name: String,
    dump_name: String,
}

/// What a file in `appendonlydir` or `archive` is, going by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A snapshot, number as in its name.
    BaseRdb(u64),
    /// A base in the form of commands (another server's), number as in its name.
    BaseAof(u64),
    /// A segment, number as in its name.
    Incr(u64),
    /// A segment of the cache mode, number as in its name.
    Backlog(u64),
    /// A segment that no manifest named, number as in its name.
    Orphan(u64),
    /// A file of ours that was still being made.
    Temporary,
    /// The manifest.
    Manifest,
    /// Not one of ours.
    Other,
}

impl Layout {
    /// The names redis.conf gives by default, under `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self::with_names(dir, "appendonlydir", "appendonly.aof", "dump.rdb")
    }

    /// Names chosen by directives.
    pub fn with_names(
        dir: impl Into<PathBuf>,
        append_dir_name: &str,
        append_name: &str,
        dump_name: &str,
    ) -> Self {
        let dir = dir.into();
        Self {
            append_dir: dir.join(append_dir_name),
            archive_dir: dir.join("archive"),
            append_name: append_name.to_owned(),
            dump_name: dump_name.to_owned(),
            dir,
        }
    }

    /// The data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The folder of the manifest and the files it names.
    pub fn append_dir(&self) -> &Path {
        &self.append_dir
    }

    /// The folder of superseded segments and snapshots.
    pub fn archive_dir(&self) -> &Path {
        &self.archive_dir
    }

    /// The manifest.
    pub fn manifest(&self) -> PathBuf {
        self.append_dir.join(format!("{}.manifest", self.append_name))
    }

    /// The lock file.
    pub fn lock(&self) -> PathBuf {
        self.dir.join("LOCK")
    }

    /// The snapshot under the name that tools look for.
    pub fn dump(&self) -> PathBuf {
        self.dir.join(&self.dump_name)
    }

    /// A snapshot that is being written.
    pub fn snapshot_temporary(&self) -> PathBuf {
        crashsafe::temporary_path(&self.dir.join("snapshot"))
    }

    /// The folder of the catalogue.
    pub fn catalogue_dir(&self) -> PathBuf {
        self.dir.join("catalogue")
    }

    /// The log of a Redis before version 7, one file in the data directory itself.
    pub fn old_aof(&self) -> PathBuf {
        self.dir.join(&self.append_name)
    }

    /// Name of segment `seq`.
    pub fn incr_name(&self, seq: u64) -> String {
        format!("{}.{seq}.incr.aof", self.append_name)
    }

    /// Name of snapshot `seq`.
    pub fn base_name(&self, seq: u64) -> String {
        format!("{}.{seq}.base.rdb", self.append_name)
    }

    /// Name of a base of commands `seq`, as Redis has it with `aof-use-rdb-preamble no`.
    pub fn base_aof_name(&self, seq: u64) -> String {
        format!("{}.{seq}.base.aof", self.append_name)
    }

    /// Name of cache mode segment `seq`.
    pub fn backlog_name(&self, seq: u64) -> String {
        format!("backlog.{seq}.incr.aof")
    }

    /// Name under which a segment that no manifest names is put aside.
    pub fn orphan_name(&self, seq: u64) -> String {
        format!("orphan.{seq}.incr.aof")
    }

    /// Name of a segment to be.
    pub fn prepared_name(&self, number: u64) -> String {
        format!("prepared.{number}.tmp")
    }

    /// What a file of this name is.
    pub fn kind(&self, name: &str) -> FileKind {
        if name.ends_with(".tmp") {
            return FileKind::Temporary;
        }
        if let Some(rest) = name.strip_prefix("backlog.") {
            return number_before(rest, ".incr.aof").map_or(FileKind::Other, FileKind::Backlog);
        }
        if let Some(rest) = name.strip_prefix("orphan.") {
            return number_before(rest, ".incr.aof").map_or(FileKind::Other, FileKind::Orphan);
        }
        let Some(rest) = name.strip_prefix(self.append_name.as_str()) else {
            return FileKind::Other;
        };
        let Some(rest) = rest.strip_prefix('.') else { return FileKind::Other };
        if rest == "manifest" {
            return FileKind::Manifest;
        }
        number_before(rest, ".incr.aof")
            .map(FileKind::Incr)
            .or_else(|| number_before(rest, ".base.rdb").map(FileKind::BaseRdb))
            .or_else(|| number_before(rest, ".base.aof").map(FileKind::BaseAof))
            .unwrap_or(FileKind::Other)
    }
}

fn number_before(text: &str, suffix: &str) -> Option<u64> {
    text.strip_suffix(suffix)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_built() {
        let layout = Layout::new("/data");
        assert_eq!(layout.kind(&layout.incr_name(7)), FileKind::Incr(7));
        assert_eq!(layout.kind(&layout.base_name(8)), FileKind::BaseRdb(8));
        assert_eq!(layout.kind(&layout.base_aof_name(8)), FileKind::BaseAof(8));
        assert_eq!(layout.kind(&layout.backlog_name(9)), FileKind::Backlog(9));
        assert_eq!(layout.kind(&layout.orphan_name(3)), FileKind::Orphan(3));
        assert_eq!(layout.kind(&layout.prepared_name(1)), FileKind::Temporary);
        assert_eq!(layout.kind("appendonly.aof.manifest"), FileKind::Manifest);
        for other in ["appendonly.aof", "appendonly.aof.x.incr.aof", "dump.rdb", "LOCK", ""] {
            assert_eq!(layout.kind(other), FileKind::Other, "{other}");
        }
    }
}
