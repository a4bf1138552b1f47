//! Going along the pairs of a sorted set, in either direction. Nothing is copied.

use std::ops::Range;

use super::leaf::Pairs;
use super::packed::score_of;
use super::{PAIR, ZsetRef};
use crate::keyspace::types::Elements;
use crate::keyspace::types::tree::{Leaf, Leaves, LeavesBack};
use crate::keyspace::value::ValueRef;

/// Some pairs of a sorted set.
pub struct Walk<'a> {
    source: Source<'a>,
    left: usize,
}

enum Source<'a> {
    Packed(Elements<'a>),
    PackedBack(Elements<'a>),
    /// Leaves to come, and where in which leaf the next pair is.
    Forward(Leaves<'a, Pairs>, Option<(&'a Pairs, usize)>),
    /// Leaves to come, and how many pairs of which leaf are to come.
    Back(LeavesBack<'a, Pairs>, Option<(&'a Pairs, usize)>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(zset: ZsetRef<'a>, range: Range<usize>, reversed: bool) -> Self {
        let end = range.end.min(zset.len());
        let left = end.saturating_sub(range.start);
        let source = match (zset, reversed) {
            (ZsetRef::Packed(pack), false) => {
                let position = pack.position(range.start.saturating_mul(PAIR));
                Source::Packed(pack.iter_from(position.unwrap_or_else(|| pack.end_position())))
            }
            (ZsetRef::Packed(pack), true) => {
                let position = pack.position(end * PAIR);
                let position = position.unwrap_or_else(|| pack.end_position());
                Source::PackedBack(pack.iter_before(position))
            }
            (ZsetRef::Large(large), false) => {
                Source::Forward(large.pairs().leaves_from(range.start), None)
            }
            (ZsetRef::Large(large), true) => {
                Source::Back(large.pairs().leaves_back_from(end), None)
            }
        };
        Self { source, left }
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = (ValueRef<'a>, f64);

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let (member, score) = match &mut self.source {
            Source::Packed(elements) => {
                let member = elements.next()?;
                return Some((member, score_of(elements.next()?)));
            }
            Source::PackedBack(elements) => {
                let score = score_of(elements.next_back()?);
                return Some((elements.next_back()?, score));
            }
            Source::Forward(leaves, at) => {
                let (leaf, index) = match at.take() {
                    Some((leaf, index)) if index < leaf.len() => (leaf, index),
                    _ => leaves.next()?,
                };
                *at = Some((leaf, index + 1));
                leaf.pair(index)
            }
            Source::Back(leaves, at) => {
                let (leaf, count) = match at.take() {
                    Some((leaf, count)) if count > 0 => (leaf, count),
                    _ => leaves.next()?,
                };
                let index = count.checked_sub(1)?;
                *at = Some((leaf, index));
                leaf.pair(index)
            }
        };
        Some((ValueRef::Bytes(member), score))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Walk<'_> {}
