//! Streams: entries of fields and values under ascending IDs, and the groups that consume them.
//!
//! The entries lie in nodes, each a listpack in the format of Redis, in a tree whose clones are free.
//! What always holds: IDs ascend and none is after `last`; the counters of a stream go on when entries
//! are deleted.

mod group;
mod id;
mod ids;
mod node;

pub use group::{Consumer, Group, Pending};
pub use id::{GivenId, StreamId};
pub use ids::{HasId, IdMap};
pub use node::{Entry, Fields, Node};

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Packing;
use super::tree::{Leaf, Tree};
use crate::keyspace::value::ValueRef;

/// Most bytes of a node, and of the fields of one entry.
pub const NODE_BYTES_MAX: usize = 1 << 30;

/// What is removed by trimming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All but so many.
    Newest(u64),
    /// All before this one.
    From(StreamId),
}

/// Counters of streams and groups stop here: neither a command nor the log can say a larger number.
pub const COUNTER_MAX: u64 = i64::MAX as u64;

/// A stream.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    nodes: Tree<Node>,
    /// The largest ID it ever had.
    pub last: StreamId,
    /// The largest ID that was deleted.
    pub max_deleted: StreamId,
    /// How many entries it ever got.
    pub added: u64,
    groups: BTreeMap<Box<[u8]>, Arc<Group>>,
    /// What the groups take, roughly, in bytes.
    group_bytes: usize,
}

impl Stream {
    /// An empty stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory it takes beside this struct, in bytes; that of groups roughly.
    pub fn heap_bytes(&self) -> usize {
        self.nodes.memory_bytes() + self.group_bytes
    }

    /// The nodes in order.
    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.leaves_from(0).map(|(node, _)| node)
    }

    /// How many nodes there are.
    pub fn node_count(&self) -> usize {
        self.nodes.leaf_count()
    }

    /// How many levels of nodes' nodes there are.
    pub fn height(&self) -> usize {
        self.nodes.height()
    }

    /// Puts a node behind all others; whether it belongs there.
    pub fn push_node(&mut self, node: Node) -> bool {
        let first = node.entries().next().map(|entry| entry.id);
        let belongs = node.is_empty() || first.is_some() && self.last_entry() < first;
        if belongs {
            self.nodes.push_leaf_back(node);
        }
        belongs
    }

    /// The ID of the first entry; zero if there is none.
    pub fn first_id(&self) -> StreamId {
        self.range(StreamId::ZERO, StreamId::MAX).next().map_or(StreamId::ZERO, |entry| entry.id)
    }

    /// The ID of the last entry that lives.
    pub fn last_entry(&self) -> Option<StreamId> {
        self.nodes.last()?.entries().next_back().map(|entry| entry.id)
    }

    /// Appends an entry, whose ID is larger than `last`.
    pub fn append(
        &mut self,
        id: StreamId,
        fields: &[(ValueRef<'_>, ValueRef<'_>)],
        packing: &Packing,
    ) {
        let added: usize = fields.iter().map(|(name, value)| name.len() + value.len()).sum();
        let (bytes, entries) =
            (packing.limits.stream_node_bytes, packing.limits.stream_node_entries);
        let bytes = if bytes == 0 { NODE_BYTES_MAX } else { bytes.min(NODE_BYTES_MAX) };
        let pushed = self.nodes.update_at(self.nodes.len(), |node, _| {
            let has_bytes = node.pack().bytes().len() + added < bytes;
            let has_room = has_bytes && (entries == 0 || node.entries_ever() < entries);
            if has_room {
                node.push(id, fields);
            } else {
                node.shrink();
            }
            has_room
        });
        if pushed != Some(true) {
            self.nodes.push_leaf_back(Node::new(id, fields));
        }
        self.last = id;
        self.added = self.added.saturating_add(1).min(COUNTER_MAX);
    }

    /// The entry of this ID.
    pub fn get(&self, id: StreamId) -> Option<Entry<'_>> {
        self.range(id, id).next()
    }

    /// Deletes an entry; whether it was there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        if self.get(id).is_none() {
            return false;
        }
        let order = |separator: &StreamId| separator.cmp(&id);
        self.nodes.update_seek(order, |node, _| node.delete(id));
        self.max_deleted = self.max_deleted.max(id);
        true
    }

    /// Removes the oldest entries; how many. If `whole_nodes`, then only in nodes as a whole; not more
    /// than `limit` of them, unless that is 0.
    pub fn trim(&mut self, keep: Keep, whole_nodes: bool, limit: u64) -> usize {
        let mut removed = 0;
        for node in self.nodes() {
            let left = self.len() - removed;
            let may_go = match keep {
                Keep::Newest(len) => (left as u64).saturating_sub(len),
                Keep::From(id) if node.id() >= id => 0,
                Keep::From(id) => node.entries().take_while(|entry| entry.id < id).count() as u64,
            };
            if may_go == 0 || limit != 0 && (removed + node.len()) as u64 > limit {
                break;
            }
            if may_go >= node.len() as u64 {
                removed += node.len();
                continue;
            }
            if !whole_nodes {
                removed += may_go as usize;
            }
            break;
        }
        self.nodes.remove_range(0..removed);
        removed
    }

    /// The entries from `start` to `end`, both included.
    pub fn range(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let before = self.nodes.seek(|separator| separator.cmp(&start)).map_or(0, |(_, n)| n);
        let nodes = self.nodes.leaves_from(before).map(|(node, _)| node);
        nodes
            .flat_map(Node::entries)
            .skip_while(move |entry| entry.id < start)
            .take_while(move |entry| entry.id <= end)
    }

    /// How many entries are before `id`.
    fn index_of(&self, id: StreamId) -> usize {
        self.nodes.seek(|separator| separator.cmp(&id)).map_or(0, |(node, before)| {
            before + node.entries().take_while(|entry| entry.id < id).count()
        })
    }

    /// How many entries there are from `start` to `end`, both included.
    pub fn count(&self, start: StreamId, end: StreamId) -> usize {
        let up_to = end.next().map_or(self.len(), |next| self.index_of(next));
        up_to.saturating_sub(self.index_of(start))
    }

    /// The entries from `end` back to `start`, both included.
    pub fn range_back(&self, start: StreamId, end: StreamId) -> impl Iterator<Item = Entry<'_>> {
        let up_to = self.nodes.seek(|separator| separator.cmp(&end));
        let up_to = up_to.map_or(0, |(node, before)| before + node.len());
        let nodes = self.nodes.leaves_back_from(up_to).map(|(node, _)| node);
        nodes
            .flat_map(|node| node.entries().rev())
            .skip_while(move |entry| entry.id > end)
            .take_while(move |entry| entry.id >= start)
    }

    /// Whether an entry from `start` on was deleted, as far as is known.
    pub fn has_gap_from(&self, start: StreamId) -> bool {
        let deleted = self.max_deleted;
        let is_behind = !self.is_empty() && deleted != StreamId::ZERO && start <= deleted;
        // What was deleted before the first entry leaves no gap.
        is_behind && self.first_id() <= deleted
    }

    /// How many entries of the stream's life are up to `id`, where that can be told.
    pub fn entries_up_to(&self, id: StreamId) -> Option<u64> {
        if self.added == 0 {
            return Some(0);
        }
        if id == self.last || self.is_empty() && id <= self.last {
            return Some(self.added);
        }
        if id > self.last {
            return None;
        }
        let first = self.first_id();
        let is_whole = self.max_deleted == StreamId::ZERO || self.max_deleted < first;
        let before = self.added.saturating_sub(self.len() as u64);
        match id.cmp(&first) {
            std::cmp::Ordering::Less if is_whole => Some(before),
            std::cmp::Ordering::Equal if is_whole => Some(before + 1),
            _ => None,
        }
    }

    /// How many entries a group has still to get, where that can be told.
    pub fn lag(&self, group: &Group) -> Option<i64> {
        let read = match group.entries_read {
            _ if self.added == 0 => return Some(0),
            Some(read) if !self.has_gap_from(group.last) => read,
            _ => self.entries_up_to(group.last)?,
        };
        Some((self.added as i64).wrapping_sub(read as i64))
    }

    /// The groups by name.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = (&[u8], &Group)> {
        self.groups.iter().map(|(name, group)| (&**name, &**group))
    }

    /// A group.
    pub fn group(&self, name: &[u8]) -> Option<&Group> {
        self.groups.get(name).map(|group| &**group)
    }

    /// Has `change` change a group, if there is one of that name.
    pub fn change_group<R>(
        &mut self,
        name: &[u8],
        change: impl FnOnce(&mut Group) -> R,
    ) -> Option<R> {
        let group = Arc::make_mut(self.groups.get_mut(name)?);
        let before = group.heap_bytes();
        let result = change(group);
        self.group_bytes = (self.group_bytes + group.heap_bytes()).saturating_sub(before);
        Some(result)
    }

    /// Adds a group; whether there was none of that name.
    pub fn add_group(&mut self, name: &[u8], group: Group) -> bool {
        if self.groups.contains_key(name) {
            return false;
        }
        self.group_bytes += size_of::<Group>() + name.len() + group.heap_bytes();
        self.groups.insert(name.into(), Arc::new(group));
        true
    }

    /// Removes a group; whether there was one.
    pub fn remove_group(&mut self, name: &[u8]) -> bool {
        let Some(group) = self.groups.remove(name) else { return false };
        let bytes = size_of::<Group>() + name.len() + group.heap_bytes();
        self.group_bytes = self.group_bytes.saturating_sub(bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(ids: std::ops::RangeInclusive<u64>) -> Stream {
        let (mut stream, mut packing) = (Stream::new(), Packing::default());
        packing.limits.stream_node_entries = 3;
        for ms in ids {
            let field = (ValueRef::Bytes(b"name"), ValueRef::Int(ms as i64));
            stream.append(StreamId::new(ms, 0), &[field], &packing);
        }
        stream
    }

    #[test]
    fn what_was_deleted_before_the_first_entry_leaves_no_gap() {
        let mut stream = stream(1..=4);
        let group = Group::new(StreamId::new(2, 0), Some(0));
        assert!(stream.delete(StreamId::new(2, 0)));
        assert!(stream.has_gap_from(group.last));
        assert_eq!(stream.lag(&group), None);
        assert!(stream.delete(StreamId::new(1, 0)));
        assert!(!stream.has_gap_from(group.last));
        assert_eq!(stream.lag(&group), Some(4));
    }

    #[test]
    fn ranges_are_the_same_from_both_ends_and_as_long_as_counted() {
        let mut stream = stream(1..=20);
        for ms in [1, 4, 5, 6, 13, 20] {
            assert!(stream.delete(StreamId::new(ms, 0)));
            assert!(!stream.delete(StreamId::new(ms, 0)));
        }
        for start in 0..22 {
            for end in 0..22 {
                let (start, end) = (StreamId::new(start, 0), StreamId::new(end, 1));
                let ids: Vec<_> = stream.range(start, end).map(|entry| entry.id).collect();
                let mut back: Vec<_> =
                    stream.range_back(start, end).map(|entry| entry.id).collect();
                back.reverse();
                assert_eq!((ids.len(), &back), (stream.count(start, end), &ids));
            }
        }
        assert_eq!(stream.clone().trim(Keep::Newest(7), true, 0), 5);
        assert_eq!(stream.trim(Keep::From(StreamId::new(9, 0)), false, 0), 4);
        assert_eq!((stream.len(), stream.first_id()), (10, StreamId::new(9, 0)));
    }
}
