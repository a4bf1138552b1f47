//! Sorted sets that are a listpack: each member is followed by its score, as a number or as text.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;

use super::{PAIR, Place, order};
use crate::base::double::{self, Text};
use crate::keyspace::hash::KeyHasher;
use crate::keyspace::types::listpack::{LISTPACK_LEN_MAX, element_len};
use crate::keyspace::types::{Listpack, ListpackRef};
use crate::keyspace::value::ValueRef;

/// Bytes that a score takes at most, all counted.
const SCORE_LEN_MAX: usize = 32;

/// The score that an element is, if it is one.
fn parse_score(element: ValueRef<'_>) -> Option<f64> {
    match element {
        ValueRef::Int(number) => Some(number as f64),
        ValueRef::Bytes(text) => double::parse(text),
    }
}

/// The score that an element is; those of a sorted set are numbers.
pub(super) fn score_of(element: ValueRef<'_>) -> f64 {
    parse_score(element).unwrap_or_default()
}

/// Whether there is room for a new member.
pub(super) fn has_room(pack: &Listpack, member: &[u8]) -> bool {
    let len = element_len(ValueRef::Bytes(member)) + SCORE_LEN_MAX;
    pack.byte_len() + len <= LISTPACK_LEN_MAX
}

/// Whether a listpack is a sorted set.
pub(super) fn is_valid(pack: ListpackRef<'_>, hasher: &KeyHasher) -> bool {
    let elements = pack.len();
    if elements == 0 || !elements.is_multiple_of(PAIR) {
        return false;
    }
    let mut walk = pack.iter();
    let mut before: Option<(ValueRef<'_>, f64)> = None;
    while let (Some(member), Some(score)) = (walk.next(), walk.next()) {
        let Some(score) = parse_score(score) else { return false };
        let in_order = before.is_none_or(|(last, last_score)| {
            member.with_bytes(|member| {
                let place = Place::At(member);
                last.with_bytes(|last| order(last_score, last, score, place)) == Ordering::Less
            })
        });
        if !in_order {
            return false;
        }
        before = Some((member, score));
    }
    !has_duplicates(pack, hasher)
}

/// Whether a member is there twice, with different scores.
fn has_duplicates(pack: ListpackRef<'_>, hasher: &KeyHasher) -> bool {
    let members = || pack.iter().step_by(PAIR);
    let mut hashes: Vec<u64> =
        members().map(|member| member.with_bytes(|member| hasher.hash(member))).collect();
    hashes.sort_unstable();
    // Different members of one hash are possible, if hardly likely: then the members are compared.
    hashes.windows(2).any(|pair| pair[0] == pair[1]) && {
        let mut seen = HashSet::new();
        members().any(|member| !seen.insert(member.to_cow()))
    }
}

pub(super) fn score(pack: ListpackRef<'_>, member: &[u8]) -> Option<f64> {
    let position = pack.next(pack.find(member, PAIR)?)?;
    pack.at(position).map(score_of)
}

pub(super) fn rank(pack: ListpackRef<'_>, member: &[u8]) -> Option<(usize, f64)> {
    let position = pack.find(member, PAIR)?;
    let score = pack.at(pack.next(position)?).map(score_of)?;
    Some((pack.iter_before(position).count() / PAIR, score))
}

/// Puts a member that is not there in its place.
pub(super) fn insert(pack: &mut Listpack, member: &[u8], score: f64) {
    let mut walk = pack.as_ref().iter();
    let position = loop {
        let Some((position, other)) = walk.next_positioned() else {
            break pack.as_ref().end_position();
        };
        let other_score = walk.next().map(score_of).unwrap_or_default();
        let place = Place::At(member);
        if other.with_bytes(|other| order(other_score, other, score, place)) == Ordering::Greater {
            break position;
        }
    };
    let text = Text::of(score);
    let score = double::integer(score)
        .map_or_else(|| ValueRef::from_string(text.as_bytes()), ValueRef::Int);
    let values = [ValueRef::from_string(member), score];
    pack.insert(position, &values);
}

/// Takes a member out; whether it was there.
pub(super) fn remove(pack: &mut Listpack, member: &[u8]) -> bool {
    let found = pack.as_ref().find(member, PAIR);
    if let Some(position) = found {
        pack.remove(position, PAIR);
    }
    found.is_some()
}

pub(super) fn remove_range(pack: &mut Listpack, range: Range<usize>) {
    if let Some(position) = pack.as_ref().position(range.start.saturating_mul(PAIR)) {
        pack.remove(position, range.len().saturating_mul(PAIR));
    }
}
