//! The names of the simulated disk: as programs see them, and as the directories on disk hold them.
//!
//! A change of a name is pending until its directory is synced. At a power cut each pending change
//! survives or not by itself, with two limits that every journaling file system keeps: a change that
//! touches the same name as an earlier one does not survive without it, and the second half of a
//! rename across directories (the old name goes) does not survive without the first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// A file, by its inode number.
    File(u64),
    /// A directory.
    Dir,
}

/// Names set (`Some`) or taken away (`None`) at once.
#[derive(Debug)]
struct Change {
    names: Vec<(PathBuf, Option<Node>)>,
    needs_previous: bool,
}

impl Change {
    fn touches(&self, paths: &BTreeSet<PathBuf>) -> bool {
        self.names.iter().any(|(path, _)| paths.contains(path))
    }

    fn is_in(&self, dir: &Path) -> bool {
        self.names.iter().any(|(path, _)| parent_of(path) == dir)
    }

    fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.names.iter().map(|(path, _)| path.clone())
    }

    fn apply(self, to: &mut BTreeMap<PathBuf, Node>) {
        for (path, node) in self.names {
            match node {
                Some(node) => to.insert(path, node),
                None => to.remove(&path),
            };
        }
    }
}

/// The tree of names.
#[derive(Debug, Default)]
pub(super) struct Names {
    live: BTreeMap<PathBuf, Node>,
    durable: BTreeMap<PathBuf, Node>,
    pending: Vec<Change>,
}

/// The path without `.` and doubled separators: equal for equal places.
pub(super) fn normal(path: &Path) -> PathBuf {
    path.components().filter(|c| !matches!(c, Component::CurDir)).collect()
}

fn parent_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// The working directory and the root are always there.
fn is_root(path: &Path) -> bool {
    path.as_os_str().is_empty() || path == Path::new("/")
}

impl Names {
    pub(super) fn get(&self, path: &Path) -> Option<Node> {
        if is_root(path) { Some(Node::Dir) } else { self.live.get(path).copied() }
    }

    /// Whether `path` could be created: its directory is there.
    pub(super) fn has_parent(&self, path: &Path) -> bool {
        self.get(parent_of(path)) == Some(Node::Dir)
    }

    /// The last components and nodes of what a directory holds, by name.
    pub(super) fn list(&self, dir: &Path) -> impl Iterator<Item = (String, Node)> {
        self.live.iter().filter(move |(path, _)| parent_of(path) == dir).filter_map(
            |(path, node)| Some((path.file_name()?.to_string_lossy().into_owned(), *node)),
        )
    }

    pub(super) fn set(&mut self, path: &Path, node: Option<Node>) {
        self.change(vec![(path.to_owned(), node)], false);
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path, node: Node) {
        let gone = (from.to_owned(), None);
        let new = (to.to_owned(), Some(node));
        if parent_of(from) == parent_of(to) {
            self.change(vec![gone, new], false);
        } else {
            self.change(vec![new], false);
            self.change(vec![gone], true);
        }
    }

    fn change(&mut self, names: Vec<(PathBuf, Option<Node>)>, needs_previous: bool) {
        Change { names: names.clone(), needs_previous }.apply(&mut self.live);
        self.pending.push(Change { names, needs_previous });
    }

    /// The changes of names in `dir`, and those they build on, reach the disk.
    pub(super) fn sync_dir(&mut self, dir: &Path) {
        let mut wanted = BTreeSet::new();
        let mut previous_wanted = false;
        let (mut synced, mut left) = (Vec::new(), Vec::<Change>::new());
        let mut left_waits = false;
        for change in std::mem::take(&mut self.pending).into_iter().rev() {
            if change.is_in(dir) || change.touches(&wanted) || previous_wanted {
                wanted.extend(change.paths());
                previous_wanted = change.needs_previous;
                if left_waits && let Some(second_half) = left.last_mut() {
                    second_half.needs_previous = false;
                }
                left_waits = false;
                synced.push(change);
            } else {
                left_waits = change.needs_previous;
                left.push(change);
            }
        }
        for change in synced.into_iter().rev() {
            change.apply(&mut self.durable);
        }
        left.reverse();
        self.pending = left;
    }

    /// Each pending change reached the disk in time or did not.
    pub(super) fn power_cut(&mut self, rng: &mut fastrand::Rng) {
        let survive_percent = [0, 50, 100][rng.usize(0..3)];
        let mut lost_paths = BTreeSet::new();
        let mut previous_lost = false;
        for change in std::mem::take(&mut self.pending) {
            let lost = rng.u32(0..100) >= survive_percent
                || change.touches(&lost_paths)
                || (change.needs_previous && previous_lost);
            if lost {
                lost_paths.extend(change.paths());
            } else {
                change.apply(&mut self.durable);
            }
            previous_lost = lost;
        }
        // In path order a directory comes before what it holds.
        let mut reachable = BTreeMap::new();
        for (path, node) in &self.durable {
            let parent = parent_of(path);
            if is_root(parent) || reachable.get(parent) == Some(&Node::Dir) {
                reachable.insert(path.clone(), *node);
            }
        }
        self.durable = reachable;
        self.live.clone_from(&self.durable);
    }

    /// Inode numbers that have a name now.
    pub(super) fn linked(&self) -> BTreeSet<u64> {
        let inode_of = |node: &Node| match node {
            Node::File(inode) => Some(*inode),
            Node::Dir => None,
        };
        self.live.values().filter_map(inode_of).collect()
    }

    /// Inode numbers that have a name now, or may have one after a power cut.
    pub(super) fn referenced(&self) -> BTreeSet<u64> {
        let pending =
            self.pending.iter().flat_map(|c| &c.names).filter_map(|(_, node)| node.as_ref());
        let nodes = self.live.values().chain(self.durable.values()).chain(pending);
        nodes
            .filter_map(|node| match node {
                Node::File(inode) => Some(*inode),
                Node::Dir => None,
            })
            .collect()
    }
}
