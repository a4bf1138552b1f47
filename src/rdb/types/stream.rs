//! Streams in RDB files.
//!
//! ```text
//! nodes      count, for each: its ID as a string of 16 bytes, a listpack
//! counters   length, last ID; from type 19 on first ID, largest deleted ID, entries ever added
//! groups     count, for each: name, last ID, from type 19 on entries read; pending; consumers
//! pending    count, for each: ID in 16 bytes, delivered at in 8 bytes, deliveries
//! consumers  count, for each: name, seen at, in type 21 active at, 8 bytes each; count and IDs pending
//! ```
//! An ID is two lengths unless it says otherwise. Type 15 is that of Redis 5, 19 of 7.0, 21 of 7.2.

use super::{listpack, push_packed};
use crate::keyspace::types::{
    COUNTER_MAX, Group, IdMap, Packing, Pending, Stream, StreamId, StreamNode,
};
use crate::rdb::codec::push_string;
use crate::rdb::cursor::Cursor;
use crate::rdb::error::RdbError;
use crate::rdb::length::{push_length, push_raw_string};
use crate::rdb::lzf::Compressor;

/// The type streams are written with.
pub(super) const TYPE: u8 = 19;
/// That of Redis 5.
const TYPE_5: u8 = 15;
/// That of Redis 7.2.
const TYPE_7_2: u8 = 21;
/// Entries read that are not known.
const UNKNOWN: u64 = u64::MAX;
const WHAT: &str = "a stream";

pub(super) fn push(
    out: &mut Vec<u8>,
    stream: &Stream,
    mut compressor: Option<&mut Compressor>,
    spill: &mut impl FnMut(&mut Vec<u8>),
) {
    push_length(out, stream.node_count() as u64);
    for node in stream.nodes() {
        push_raw_string(out, &node.id().to_bytes());
        push_packed(out, node.pack().bytes(), compressor.as_deref_mut());
        spill(out);
    }
    push_length(out, stream.len() as u64);
    for id in [stream.last, stream.first_id(), stream.max_deleted] {
        push_id(out, id);
    }
    push_length(out, stream.added);
    push_length(out, stream.groups().len() as u64);
    for (name, group) in stream.groups() {
        push_string(out, name, None);
        push_id(out, group.last);
        push_length(out, group.entries_read.unwrap_or(UNKNOWN));
        push_group(out, group, spill);
    }
}

fn push_id(out: &mut Vec<u8>, id: StreamId) {
    push_length(out, id.ms);
    push_length(out, id.seq);
}

fn push_group(out: &mut Vec<u8>, group: &Group, spill: &mut impl FnMut(&mut Vec<u8>)) {
    push_length(out, group.pending().len() as u64);
    for pending in group.pending().iter() {
        out.extend_from_slice(&pending.id.to_bytes());
        out.extend_from_slice(&pending.delivered_ms.to_le_bytes());
        push_length(out, pending.deliveries);
        spill(out);
    }
    push_length(out, group.consumers_len() as u64);
    for (_, consumer) in group.consumers() {
        push_string(out, &consumer.name, None);
        out.extend_from_slice(&consumer.seen_ms.to_le_bytes());
        push_length(out, consumer.pending.len() as u64);
        for id in consumer.pending.iter() {
            out.extend_from_slice(&id.to_bytes());
            spill(out);
        }
    }
}

pub(super) fn skip(cursor: &mut Cursor<'_>, type_byte: u8) -> Result<bool, RdbError> {
    if !matches!(type_byte, TYPE_5 | TYPE | TYPE_7_2) {
        return Ok(false);
    }
    for _ in 0..cursor.length(WHAT)? {
        cursor.skip_string(WHAT)?;
        cursor.skip_string(WHAT)?;
    }
    for _ in 0..if type_byte == TYPE_5 { 3 } else { 8 } {
        cursor.length(WHAT)?;
    }
    for _ in 0..cursor.length(WHAT)? {
        cursor.skip_string(WHAT)?;
        for _ in 0..if type_byte == TYPE_5 { 2 } else { 3 } {
            cursor.length(WHAT)?;
        }
        for _ in 0..cursor.length(WHAT)? {
            cursor.take(16 + 8, WHAT)?;
            cursor.length(WHAT)?;
        }
        for _ in 0..cursor.length(WHAT)? {
            cursor.skip_string(WHAT)?;
            cursor.take(if type_byte == TYPE_7_2 { 16 } else { 8 }, WHAT)?;
            let len = cursor.length(WHAT)?.saturating_mul(16);
            cursor.take(len, WHAT)?;
        }
    }
    Ok(true)
}

pub(super) fn decode(
    cursor: &mut Cursor<'_>,
    type_byte: u8,
    _packing: &Packing,
) -> Result<Option<Stream>, RdbError> {
    if !matches!(type_byte, TYPE_5 | TYPE | TYPE_7_2) {
        return Ok(None);
    }
    let position = cursor.position();
    let mut stream = Stream::new();
    for _ in 0..cursor.length(WHAT)? {
        let node = node(cursor)?;
        if !stream.push_node(node) {
            return Err(RdbError::malformed(position, "a stream that is not in order"));
        }
    }
    let len = cursor.length(WHAT)?;
    stream.last = id(cursor)?;
    if len != stream.len() as u64 || stream.last_entry().is_some_and(|last| last > stream.last) {
        return Err(RdbError::malformed(position, "a stream of another length"));
    }
    stream.added = len;
    if type_byte != TYPE_5 {
        id(cursor)?;
        stream.max_deleted = id(cursor)?;
        stream.added = cursor.length(WHAT)?.min(COUNTER_MAX);
    }
    for _ in 0..cursor.length(WHAT)? {
        let position = cursor.position();
        let name = cursor.string("a name of a group")?.into_bytes();
        let group = group(cursor, type_byte, &stream)?;
        if !stream.add_group(&name, group) {
            return Err(RdbError::malformed(position, "a group that is there twice"));
        }
    }
    Ok(Some(stream))
}

fn node(cursor: &mut Cursor<'_>) -> Result<StreamNode, RdbError> {
    let position = cursor.position();
    let id = cursor.string("an ID")?.into_bytes();
    let id = <[u8; 16]>::try_from(&*id).ok().map(StreamId::from_bytes);
    let id = id.ok_or_else(|| RdbError::malformed(position, "a broken ID"))?;
    let position = cursor.position();
    StreamNode::from_pack(id, listpack(cursor)?)
        .ok_or_else(|| RdbError::malformed(position, "a broken node of a stream"))
}

fn id(cursor: &mut Cursor<'_>) -> Result<StreamId, RdbError> {
    Ok(StreamId::new(cursor.length("an ID")?, cursor.length("an ID")?))
}

fn raw_id(cursor: &mut Cursor<'_>) -> Result<StreamId, RdbError> {
    cursor.array("an ID").map(StreamId::from_bytes)
}

fn time(cursor: &mut Cursor<'_>) -> Result<u64, RdbError> {
    cursor.array("a time").map(u64::from_le_bytes)
}

fn group(cursor: &mut Cursor<'_>, type_byte: u8, stream: &Stream) -> Result<Group, RdbError> {
    let last = id(cursor)?;
    let entries_read = match type_byte {
        TYPE_5 => stream.entries_up_to(last),
        _ => Some(cursor.length(WHAT)?)
            .filter(|&read| read != UNKNOWN)
            .map(|read| read.min(COUNTER_MAX)),
    };
    let mut group = Group::new(last, entries_read);
    let position = cursor.position();
    let broken = |what| RdbError::malformed(position, what);
    let mut unowned = IdMap::default();
    for _ in 0..cursor.length(WHAT)? {
        let (id, delivered_ms) = (raw_id(cursor)?, time(cursor)?);
        let deliveries = cursor.length(WHAT)?.min(COUNTER_MAX);
        if !unowned.insert(Pending { id, delivered_ms, deliveries, consumer: 0 }) {
            return Err(broken("an entry that is pending twice"));
        }
    }
    for _ in 0..cursor.length(WHAT)? {
        let name = cursor.string("a name of a consumer")?.into_bytes();
        if group.number(&name).is_some() {
            return Err(broken("a consumer that is there twice"));
        }
        let seen_ms = time(cursor)?;
        let number = group.add_consumer(&name, seen_ms);
        let active_ms = match type_byte {
            TYPE_7_2 => Some(time(cursor)?).filter(|&ms| ms != u64::MAX),
            _ => Some(seen_ms),
        };
        if let Some(consumer) = group.consumer_mut(number) {
            consumer.active_ms = active_ms;
        }
        for _ in 0..cursor.length(WHAT)? {
            let pending = unowned.remove(raw_id(cursor)?);
            let pending = pending.ok_or_else(|| broken("an entry that is pending for one only"))?;
            group.set_pending(Pending { consumer: number, ..pending });
        }
    }
    if unowned.is_empty() { Ok(group) } else { Err(broken("an entry that is pending for nobody")) }
}
