//! Ranges of scores and of members, as places in a sorted set.

use std::ops::Range;

use super::{Place, ZsetRef};

/// Scores from `min` to `max`.
#[derive(Clone, Copy, Debug)]
pub struct ScoreRange {
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// The lowest itself is not in.
    pub without_min: bool,
    /// The highest itself is not in.
    pub without_max: bool,
}

/// An end of a range of members.
#[derive(Clone, Copy, Debug)]
pub enum LexEdge<'a> {
    /// Before all.
    Lowest,
    /// Behind all.
    Highest,
    /// This one, which is in.
    With(&'a [u8]),
    /// This one, which is not in.
    Without(&'a [u8]),
}

/// Members from `min` to `max`, in a sorted set where all have one score.
#[derive(Clone, Copy, Debug)]
pub struct LexRange<'a> {
    /// The lowest.
    pub min: LexEdge<'a>,
    /// The highest.
    pub max: LexEdge<'a>,
}

impl ScoreRange {
    fn is_below(&self, score: f64) -> bool {
        if self.without_min { score <= self.min } else { score < self.min }
    }

    fn is_above(&self, score: f64) -> bool {
        if self.without_max { score >= self.max } else { score > self.max }
    }
}

impl LexRange<'_> {
    fn is_below(&self, member: &[u8]) -> bool {
        match self.min {
            LexEdge::Lowest => false,
            LexEdge::Highest => true,
            LexEdge::With(min) => member < min,
            LexEdge::Without(min) => member <= min,
        }
    }

    fn is_above(&self, member: &[u8]) -> bool {
        match self.max {
            LexEdge::Lowest => true,
            LexEdge::Highest => false,
            LexEdge::With(max) => member > max,
            LexEdge::Without(max) => member >= max,
        }
    }
}

impl ZsetRef<'_> {
    /// The places of the members with scores of `range`.
    pub fn range_by_score(self, range: &ScoreRange) -> Range<usize> {
        let (start, end) = match self {
            Self::Packed(_) => {
                let start = self.iter().take_while(|&(_, score)| range.is_below(score)).count();
                let end = self.iter().take_while(|&(_, score)| !range.is_above(score)).count();
                (start, end)
            }
            Self::Large(large) => {
                let (min, max) = match (range.without_min, range.without_max) {
                    (false, false) => (Place::Start, Place::End),
                    (false, true) => (Place::Start, Place::Start),
                    (true, false) => (Place::End, Place::End),
                    (true, true) => (Place::End, Place::Start),
                };
                (large.before(range.min, min), large.before(range.max, max))
            }
        };
        start..end.max(start)
    }

    /// The places of the members of `range`. Where scores differ, nobody says which these are.
    pub fn range_by_lex(self, range: &LexRange<'_>) -> Range<usize> {
        let (start, end) = match self {
            Self::Packed(_) => {
                let members = || self.iter().map(|(member, _)| member);
                let below = |member: &[u8]| range.is_below(member);
                let start = members().take_while(|member| member.with_bytes(below)).count();
                let up_to = |member: &[u8]| !range.is_above(member);
                let end = members().skip(start).take_while(|member| member.with_bytes(up_to));
                (start, start + end.count())
            }
            Self::Large(large) => {
                let Some((_, score)) = large.pair(0) else { return 0..0 };
                let find = |edge, is_end| match edge {
                    LexEdge::Lowest => 0,
                    LexEdge::Highest => self.len(),
                    LexEdge::With(member) if is_end => large.before(score, Place::Behind(member)),
                    LexEdge::With(member) => large.before(score, Place::At(member)),
                    LexEdge::Without(member) if is_end => large.before(score, Place::At(member)),
                    LexEdge::Without(member) => large.before(score, Place::Behind(member)),
                };
                (find(range.min, false), find(range.max, true))
            }
        };
        start..end.max(start)
    }
}
