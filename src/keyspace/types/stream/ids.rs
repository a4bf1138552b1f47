//! Ordered maps from IDs to something small, whose clones are free: what is pending.

use std::cmp::Ordering;
use std::ops::Range;

use super::StreamId;
use crate::keyspace::types::tree::{Leaf, SplitAt, Tree};

/// Most items of a chunk.
const CHUNK_LEN_MAX: usize = 64;

/// Something under an ID.
pub trait HasId: Copy {
    /// The ID.
    fn id(&self) -> StreamId;
}

impl HasId for StreamId {
    fn id(&self) -> StreamId {
        *self
    }
}

/// Neighbouring items.
#[derive(Clone, Debug)]
pub struct Chunk<T>(Vec<T>);

impl<T: HasId> Leaf for Chunk<T> {
    type Key = StreamId;

    fn len(&self) -> usize {
        self.0.len()
    }

    fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<T>()
    }

    fn separator(_: &Self, after: &Self) -> Self::Key {
        after.0.first().map_or(StreamId::ZERO, HasId::id)
    }

    fn is_oversized(&self) -> bool {
        self.0.len() > CHUNK_LEN_MAX
    }

    fn is_undersized(&self) -> bool {
        self.0.len() < CHUNK_LEN_MAX / 4
    }

    fn split(&mut self, at: SplitAt) -> Self {
        let at = match at {
            SplitAt::Start => self.0.len() - CHUNK_LEN_MAX.min(self.0.len() - 1),
            SplitAt::Middle => self.0.len() / 2,
            SplitAt::End => CHUNK_LEN_MAX.min(self.0.len() - 1),
        };
        let rest = self.0.split_off(at);
        self.0.shrink_to_fit();
        Self(rest)
    }

    fn fits(&self, next: &Self) -> bool {
        self.0.len() + next.0.len() <= CHUNK_LEN_MAX
    }

    fn append(&mut self, mut next: Self) {
        self.0.append(&mut next.0);
    }

    fn remove(&mut self, range: Range<usize>) {
        self.0.drain(range);
    }
}

/// An ordered map of items by their IDs.
#[derive(Clone, Debug)]
pub struct IdMap<T: HasId>(Tree<Chunk<T>>);

impl<T: HasId> Default for IdMap<T> {
    fn default() -> Self {
        Self(Tree::new())
    }
}

fn to(id: StreamId) -> impl FnMut(&StreamId) -> Ordering {
    move |separator| separator.cmp(&id)
}

impl<T: HasId> IdMap<T> {
    /// Number of items.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Memory taken, in bytes, without this struct.
    pub fn heap_bytes(&self) -> usize {
        self.0.memory_bytes()
    }

    /// The item under `id`.
    pub fn get(&self, id: StreamId) -> Option<T> {
        let (chunk, _) = self.0.seek(to(id))?;
        let at = chunk.0.binary_search_by_key(&id, HasId::id).ok()?;
        chunk.0.get(at).copied()
    }

    /// Puts an item under its ID; whether there was none before.
    pub fn insert(&mut self, item: T) -> bool {
        let id = item.id();
        let inserted = self.0.update_seek(to(id), |chunk, _| {
            match chunk.0.binary_search_by_key(&id, HasId::id) {
                Ok(at) => {
                    chunk.0[at] = item;
                    false
                }
                Err(at) => {
                    chunk.0.insert(at, item);
                    true
                }
            }
        });
        inserted.unwrap_or_else(|| {
            self.0.push_leaf_back(Chunk(vec![item]));
            true
        })
    }

    /// Takes the item under `id` away.
    pub fn remove(&mut self, id: StreamId) -> Option<T> {
        self.get(id)?;
        self.0.update_seek(to(id), |chunk, _| {
            let at = chunk.0.binary_search_by_key(&id, HasId::id).ok()?;
            Some(chunk.0.remove(at))
        })?
    }

    /// The items from `id` on, in order.
    pub fn from(&self, id: StreamId) -> impl Iterator<Item = T> {
        let index = self
            .0
            .seek(to(id))
            .map_or(0, |(chunk, before)| before + chunk.0.partition_point(|item| item.id() < id));
        let leaves = self.0.leaves_from(index);
        leaves.flat_map(|(chunk, skipped)| chunk.0[skipped..].iter().copied())
    }

    /// All items in order.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        self.from(StreamId::ZERO)
    }

    /// The item with the smallest ID.
    pub fn first(&self) -> Option<T> {
        self.0.first()?.0.first().copied()
    }

    /// The item with the largest ID.
    pub fn last(&self) -> Option<T> {
        self.0.last()?.0.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_come_in_order_whatever_is_put_and_taken() {
        let (mut map, mut model) = (IdMap::default(), std::collections::BTreeSet::new());
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..5000 {
            let id = StreamId::new(rng.u64(..30), rng.u64(..30));
            if rng.u8(..5) < 3 {
                assert_eq!(map.insert(id), model.insert(id));
            } else {
                assert_eq!(map.remove(id), model.take(&id));
            }
            assert_eq!((map.len(), map.first()), (model.len(), model.first().copied()));
            assert_eq!(map.get(id), model.get(&id).copied());
        }
        let from = StreamId::new(11, 5);
        assert!(map.from(from).eq(model.range(from..).copied()));
        assert!(map.iter().eq(model.iter().copied()) && map.last() == model.last().copied());
    }
}
