//! Consumer groups: what has been delivered to whom and not acknowledged yet.
//!
//! What always holds: an ID that is pending is so once in its group and once at the consumer the
//! group names for it.

use std::collections::BTreeMap;

use super::StreamId;
use super::ids::{HasId, IdMap};

/// An entry that was delivered and not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The entry.
    pub id: StreamId,
    /// When it was delivered, in milliseconds since the Unix epoch.
    pub delivered_ms: u64,
    /// How often.
    pub deliveries: u64,
    /// The number of the consumer.
    pub consumer: u32,
}

impl HasId for Pending {
    fn id(&self) -> StreamId {
        self.id
    }
}

/// One who reads as a member of a group.
#[derive(Clone, Debug)]
pub struct Consumer {
    /// Its name.
    pub name: Box<[u8]>,
    /// When it last tried to read, in milliseconds since the Unix epoch.
    pub seen_ms: u64,
    /// When it last got something; `None` for never.
    pub active_ms: Option<u64>,
    /// What it got and did not acknowledge.
    pub pending: IdMap<StreamId>,
}

/// A group.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// The last entry delivered.
    pub last: StreamId,
    /// How many entries of the stream's life are up to `last`, where that is known.
    pub entries_read: Option<u64>,
    pending: IdMap<Pending>,
    consumers: BTreeMap<u32, Consumer>,
    numbers: BTreeMap<Box<[u8]>, u32>,
    name_bytes: usize,
}

/// About what a consumer takes in the maps besides its name.
const CONSUMER_BYTES: usize = 2 * size_of::<Consumer>();

impl Group {
    /// A group that has had everything up to `last`.
    pub fn new(last: StreamId, entries_read: Option<u64>) -> Self {
        Self { last, entries_read, ..Self::default() }
    }

    /// About what memory it takes, in bytes.
    pub fn heap_bytes(&self) -> usize {
        // The consumers' own lists are the group's once more, without times.
        let pending = self.pending.heap_bytes();
        pending + pending / 2 + self.consumers.len() * CONSUMER_BYTES + self.name_bytes
    }

    /// What is pending.
    pub fn pending(&self) -> &IdMap<Pending> {
        &self.pending
    }

    /// The consumers with their numbers, by name.
    pub fn consumers(&self) -> impl Iterator<Item = (u32, &Consumer)> {
        let numbers = self.numbers.values();
        numbers.filter_map(|&number| Some((number, self.consumers.get(&number)?)))
    }

    /// How many consumers there are.
    pub fn consumers_len(&self) -> usize {
        self.consumers.len()
    }

    /// The number of a consumer.
    pub fn number(&self, name: &[u8]) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The consumer of a number.
    pub fn consumer(&self, number: u32) -> Option<&Consumer> {
        self.consumers.get(&number)
    }

    /// The consumer of a number, to be changed.
    pub fn consumer_mut(&mut self, number: u32) -> Option<&mut Consumer> {
        self.consumers.get_mut(&number)
    }

    /// Makes a consumer of a name that there is not yet; its number.
    pub fn add_consumer(&mut self, name: &[u8], seen_ms: u64) -> u32 {
        let last = self.consumers.last_key_value().map_or(0, |(&number, _)| number);
        let number = match last.checked_add(1) {
            Some(number) => number,
            None => (0..).find(|number| !self.consumers.contains_key(number)).unwrap_or(0),
        };
        let consumer =
            Consumer { name: name.into(), seen_ms, active_ms: None, pending: IdMap::default() };
        self.consumers.insert(number, consumer);
        self.numbers.insert(name.into(), number);
        self.name_bytes += 2 * name.len();
        number
    }

    /// Removes a consumer with what is pending for it; how much that was, or `None` if there is none.
    pub fn remove_consumer(&mut self, name: &[u8]) -> Option<usize> {
        let number = self.numbers.remove(name)?;
        let consumer = self.consumers.remove(&number)?;
        self.name_bytes -= 2 * name.len();
        for id in consumer.pending.iter() {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Notes that an entry is pending, with whoever it was before.
    pub fn set_pending(&mut self, pending: Pending) {
        if let Some(before) = self.pending.get(pending.id)
            && before.consumer != pending.consumer
            && let Some(consumer) = self.consumers.get_mut(&before.consumer)
        {
            consumer.pending.remove(pending.id);
        }
        if let Some(consumer) = self.consumers.get_mut(&pending.consumer) {
            consumer.pending.insert(pending.id);
            self.pending.insert(pending);
        }
    }

    /// Notes that an entry is not pending any more; whether it was.
    pub fn remove_pending(&mut self, id: StreamId) -> bool {
        let Some(pending) = self.pending.remove(id) else { return false };
        if let Some(consumer) = self.consumers.get_mut(&pending.consumer) {
            consumer.pending.remove(id);
        }
        true
    }
}
