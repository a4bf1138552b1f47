//! A node of a stream: neighbouring entries in one listpack, in the format of Redis.
//!
//! ```text
//! node    count | deleted | number of names | name ... | 0 | entry ...
//! entry   flags | ms - that of the node | seq - that of the node | content | elements before this
//! content value ...                               with SAME_FIELDS: the names are those of the node
//!         number of fields | name | value ...     otherwise
//! ```
//! The node's ID is that of the first entry it got. Deleted entries stay as they are and are marked.
//! What always holds: IDs ascend, the counts are right, and an entry lives.

use std::ops::Range;

use super::StreamId;
use crate::keyspace::types::tree::{Leaf, SplitAt};
use crate::keyspace::types::{Elements, Listpack, ListpackRef, Position};
use crate::keyspace::value::ValueRef;

/// The entry is deleted.
const DELETED: i64 = 1;
/// The entry's names are those of the node.
const SAME_FIELDS: i64 = 2;
/// Elements of an entry before its content.
const ENTRY_HEAD: usize = 3;

/// Neighbouring entries.
#[derive(Clone, Debug)]
pub struct Node {
    id: StreamId,
    live: u32,
    deleted: u32,
    pack: Listpack,
}

/// An entry of a stream.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Its ID.
    pub id: StreamId,
    /// Its fields.
    pub fields: Fields<'a>,
}

/// The fields of an entry: names and values.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    left: usize,
    /// The names, where they are those of the node.
    names: Option<Elements<'a>>,
    own: Elements<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = (ValueRef<'a>, ValueRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let name = match &mut self.names {
            Some(names) => names.next()?,
            None => self.own.next()?,
        };
        Some((name, self.own.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Fields<'_> {}

/// An entry with its place in the node.
struct Placed<'a> {
    entry: Entry<'a>,
    flags: i64,
    at: Position,
    end: Position,
}

/// What a node has before its entries.
struct Master<'a> {
    names: Elements<'a>,
    names_len: usize,
    end: Position,
}

/// A node's entries that live, from front to back or from back to front.
#[derive(Clone, Debug)]
pub struct NodeEntries<'a> {
    node: &'a Node,
    front: Position,
    back: Position,
}

fn number(elements: &mut Elements<'_>) -> Option<i64> {
    match elements.next()? {
        ValueRef::Int(number) => Some(number),
        ValueRef::Bytes(_) => None,
    }
}

fn count(elements: &mut Elements<'_>) -> Option<usize> {
    number(elements).and_then(|number| usize::try_from(number).ok())
}

impl Node {
    /// A node of one entry.
    pub fn new(id: StreamId, fields: &[(ValueRef<'_>, ValueRef<'_>)]) -> Self {
        let int = |number: usize| ValueRef::Int(number as i64);
        let head = [int(0), int(0), int(fields.len())];
        let names = fields.iter().map(|(name, _)| *name);
        let pack = Listpack::of(head.into_iter().chain(names).chain([int(0)]));
        let mut node = Self { id, live: 0, deleted: 0, pack };
        node.push(id, fields);
        node
    }

    /// The node that a file has, and `None` if it is broken. One without entries that live is not
    /// broken.
    pub fn from_pack(id: StreamId, pack: Listpack) -> Option<Self> {
        let mut head = pack.as_ref().iter();
        let (live, deleted) = (count(&mut head)?, count(&mut head)?);
        let (live, deleted) = (u32::try_from(live).ok()?, u32::try_from(deleted).ok()?);
        let node = Self { id, live, deleted, pack };
        let (mut found, mut last) = ([0_u32; 2], None);
        let mut at = node.master()?.end;
        while at < node.pack.as_ref().end_position() {
            let placed = node.placed(at)?;
            if last.is_some_and(|last| placed.entry.id <= last) || placed.entry.id < id {
                return None;
            }
            last = Some(placed.entry.id);
            found[usize::from(placed.flags & DELETED != 0)] += 1;
            at = placed.end;
        }
        (found == [live, deleted]).then_some(node)
    }

    /// The ID it goes by.
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// The bytes.
    pub fn pack(&self) -> ListpackRef<'_> {
        self.pack.as_ref()
    }

    /// Gives back memory that is kept for growth.
    pub fn shrink(&mut self) {
        self.pack.shrink();
    }

    /// Entries, the deleted ones counted.
    pub fn entries_ever(&self) -> usize {
        self.live as usize + self.deleted as usize
    }

    fn master(&self) -> Option<Master<'_>> {
        let pack = self.pack.as_ref();
        let mut elements = pack.iter();
        elements.nth(1)?;
        let names_len = count(&mut elements)?;
        let names = elements.clone();
        if names_len > self.pack.byte_len() {
            return None;
        }
        for _ in 0..names_len {
            elements.next()?;
        }
        let (at, closing) = elements.next_positioned()?;
        (closing == ValueRef::Int(0)).then_some(())?;
        Some(Master { names, names_len, end: pack.next(at)? })
    }

    /// The entry that begins at `at`.
    fn placed(&self, at: Position) -> Option<Placed<'_>> {
        let pack = self.pack.as_ref();
        let mut elements = pack.iter_from(at);
        let flags = number(&mut elements)?;
        let (ms, seq) = (number(&mut elements)?, number(&mut elements)?);
        let id = StreamId {
            ms: self.id.ms.wrapping_add(ms as u64),
            seq: self.id.seq.wrapping_add(seq as u64),
        };
        let fields = if flags & SAME_FIELDS != 0 {
            let master = self.master()?;
            Fields { left: master.names_len, names: Some(master.names), own: elements.clone() }
        } else {
            let left = count(&mut elements)?;
            Fields { left, names: None, own: elements.clone() }
        };
        if fields.left > self.pack.byte_len() {
            return None;
        }
        let content = if fields.names.is_some() { fields.left } else { 2 * fields.left };
        for _ in 0..content {
            elements.next()?;
        }
        let before = ENTRY_HEAD + content + usize::from(fields.names.is_none());
        let (closing_at, closing) = elements.next_positioned()?;
        (closing == ValueRef::Int(before as i64)).then_some(())?;
        let end = pack.next(closing_at)?;
        Some(Placed { entry: Entry { id, fields }, flags, at, end })
    }

    /// The entries that live.
    pub fn entries(&self) -> NodeEntries<'_> {
        let end = self.pack.as_ref().end_position();
        NodeEntries { node: self, front: self.master().map_or(end, |m| m.end), back: end }
    }

    /// Appends an entry with a larger ID than all others.
    pub fn push(&mut self, id: StreamId, fields: &[(ValueRef<'_>, ValueRef<'_>)]) {
        let is_same = self.has_names(fields);
        let content = if is_same { fields.len() } else { 2 * fields.len() + 1 };
        let mut values = Vec::with_capacity(ENTRY_HEAD + content + 1);
        values.push(ValueRef::Int(if is_same { SAME_FIELDS } else { 0 }));
        values.push(ValueRef::Int(id.ms.wrapping_sub(self.id.ms) as i64));
        values.push(ValueRef::Int(id.seq.wrapping_sub(self.id.seq) as i64));
        if is_same {
            values.extend(fields.iter().map(|(_, value)| *value));
        } else {
            values.push(ValueRef::Int(fields.len() as i64));
            values.extend(fields.iter().flat_map(|(name, value)| [*name, *value]));
        }
        values.push(ValueRef::Int((ENTRY_HEAD + content) as i64));
        self.pack.insert(self.pack.as_ref().end_position(), &values);
        self.live += 1;
        self.write_counts(false);
    }

    fn has_names(&self, fields: &[(ValueRef<'_>, ValueRef<'_>)]) -> bool {
        self.master().is_some_and(|master| {
            master.names_len == fields.len()
                && master.names.zip(fields).all(|(own, (name, _))| own == *name)
        })
    }

    fn write_counts(&mut self, deleted_too: bool) {
        let first = self.pack.as_ref().first_position();
        let counts = [ValueRef::Int(self.live.into()), ValueRef::Int(self.deleted.into())];
        let changed = if deleted_too { 2 } else { 1 };
        self.pack.splice(first, changed, &counts[..changed]);
    }

    /// Marks the entries at these places as deleted.
    fn mark_deleted(&mut self, places: &[Position]) {
        for &at in places {
            if let Some(ValueRef::Int(flags)) = self.pack.as_ref().at(at) {
                self.pack.replace(at, ValueRef::Int(flags | DELETED));
            }
        }
        self.live -= places.len() as u32;
        self.deleted += places.len() as u32;
        self.write_counts(true);
    }

    /// Deletes an entry; whether it was there.
    pub fn delete(&mut self, id: StreamId) -> bool {
        let mut entries = self.entries();
        let found =
            std::iter::from_fn(|| entries.next_placed()).find(|placed| placed.entry.id >= id);
        match found.filter(|placed| placed.entry.id == id).map(|placed| placed.at) {
            Some(at) => {
                self.mark_deleted(&[at]);
                true
            }
            None => false,
        }
    }
}

impl<'a> NodeEntries<'a> {
    fn next_placed(&mut self) -> Option<Placed<'a>> {
        while self.front < self.back {
            let placed = self.node.placed(self.front)?;
            self.front = placed.end;
            if placed.flags & DELETED == 0 {
                return Some(placed);
            }
        }
        None
    }
}

impl<'a> Iterator for NodeEntries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_placed().map(|placed| placed.entry)
    }
}

impl DoubleEndedIterator for NodeEntries<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        while self.front < self.back {
            let mut elements = self.node.pack.as_ref().iter_before(self.back);
            let ValueRef::Int(before) = elements.next_back()? else { return None };
            let mut at = self.back;
            for _ in 0..before {
                (at, _) = elements.next_back_positioned()?;
            }
            self.back = at;
            let placed = self.node.placed(at)?;
            if placed.flags & DELETED == 0 {
                return Some(placed.entry);
            }
        }
        None
    }
}

impl Leaf for Node {
    type Key = StreamId;

    fn len(&self) -> usize {
        self.live as usize
    }

    fn heap_bytes(&self) -> usize {
        self.pack.heap_bytes()
    }

    fn separator(_: &Self, after: &Self) -> Self::Key {
        after.id
    }

    fn is_oversized(&self) -> bool {
        false
    }

    fn is_undersized(&self) -> bool {
        false
    }

    /// Nodes are made as large as they are to be, so this is not asked for.
    fn split(&mut self, _: SplitAt) -> Self {
        let last = self.live as usize - 1;
        let mut rest = self.clone();
        rest.remove(0..last);
        self.remove(last..last + 1);
        rest
    }

    fn fits(&self, _: &Self) -> bool {
        false
    }

    /// Nodes fit none beside them, so this is not asked for.
    fn append(&mut self, next: Self) {
        for entry in next.entries() {
            let fields: Vec<_> = entry.fields.collect();
            self.push(entry.id, &fields);
        }
    }

    fn remove(&mut self, range: Range<usize>) {
        let mut entries = self.entries();
        let places: Vec<Position> = std::iter::from_fn(|| entries.next_placed())
            .map(|placed| placed.at)
            .skip(range.start)
            .take(range.len())
            .collect();
        self.mark_deleted(&places);
    }
}
