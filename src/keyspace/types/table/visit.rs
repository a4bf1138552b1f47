//! Going through a table: all of it, from a scan cursor, or at random.
//!
//! Scan order is hash order, so a cursor stays good whatever splits or merges meanwhile.

use super::index::POSITION_BITS_MIN;
use super::{DEPTH_MAX, MemberTable, Slot};

/// Bits of the hash that a scan position does not show, so that it stays below 2^53.
const POSITION_SHIFT: u32 = 12;
/// The last position of all.
const POSITION_MAX: u64 = u64::MAX >> POSITION_SHIFT;
/// Segments that one call of `scan` looks through at least, before it returns fewer elements than it
/// was asked for.
const SCAN_SEGMENTS_MIN: usize = 64;

const _: () = assert!(
    DEPTH_MAX + u32::BITS - POSITION_BITS_MIN <= u64::BITS - POSITION_SHIFT,
    "a position shows all that an index shows"
);

/// Where `hash` lies in scan order.
fn position(hash: u64) -> u64 {
    hash >> POSITION_SHIFT
}

impl<T: Slot> MemberTable<T> {
    /// All elements, in an order that the seed and the history of the table decide.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flat_map(|segment| segment.items())
    }

    /// A random element; all are equally likely, except where collisions were chosen to fill a segment
    /// far above the others.
    pub fn random(&self, rng: &mut fastrand::Rng) -> Option<&T> {
        const TRIES: usize = 1000;
        if self.len == 0 {
            return None;
        }
        if let [segment] = &self.segments[..] {
            return segment.items().get(rng.usize(..segment.len()));
        }
        // A segment that a random hash leads to is taken the more likely, the more elements it has for
        // each of its cells: surely only with more than chance gives any cell (8 standard deviations).
        let share = self.len / self.directory.len();
        let share_max = share + share / 4 + 64;
        for _ in 0..TRIES {
            let segment = self.segment_of(rng.u64(..))?;
            let cells = 1 << (self.depth - segment.depth());
            let drawn = rng.usize(..segment.len().max(share_max * cells));
            if let Some(item) = segment.items().get(drawn) {
                return Some(item);
            }
        }
        self.iter().nth(rng.usize(..self.len))
    }

    /// Hands about `count` elements from `cursor` on to `f` and returns the next cursor; 0 starts and
    /// 0 says that the end was reached.
    ///
    /// A cursor is a position in hash order (below 2^53, so that clients may keep it in any number).
    /// It stays good whatever happens in between: an element that is there all the time is seen
    /// exactly once, one that comes or goes meanwhile at most once. More than `count` are handed out
    /// where elements cannot be told apart by what the index shows of their hashes.
    pub fn scan(&self, cursor: u64, count: usize, f: &mut dyn FnMut(&T)) -> u64 {
        let count = count.max(1);
        let mut seen = 0;
        let mut from = cursor;
        for _ in 0..count.max(SCAN_SEGMENTS_MIN) {
            if from > POSITION_MAX || seen >= count {
                break;
            }
            let first = from << POSITION_SHIFT;
            let Some(segment) = self.segment_of(first) else { return 0 };
            let (first_shown, mut last_shown) = (segment.shown(first), None);
            for (shown, item) in segment.iter_from(first) {
                // The cursor may be of a time when the index showed more.
                if shown == first_shown && position(item.hash(&self.hasher)) < from {
                    continue;
                }
                // Those that look equal are in no order: they are seen together.
                if seen >= count && last_shown != Some(shown) {
                    return position(shown);
                }
                last_shown = Some(shown);
                f(item);
                seen += 1;
            }
            from = segment.next_hash().map_or(POSITION_MAX + 1, position);
        }
        if from > POSITION_MAX { 0 } else { from }
    }
}
