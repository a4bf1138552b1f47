//! Which arguments of a request are keys.

use super::spec::{BeginSearch, FindKeys, Flags, KeyFlags, KeySpec, Spec};
use crate::base::number::parse_i64;
use crate::resp::Args;

/// A key among the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPosition {
    /// Number of the argument.
    pub index: usize,
    /// What the command does with it.
    pub flags: KeyFlags,
}

/// Calls `f` for every key among `args`, a request of `spec`; whether all could be told.
pub fn for_each_key(spec: &Spec, args: &Args<'_>, mut f: impl FnMut(KeyPosition)) -> bool {
    let mut complete = true;
    for keys in spec.keys.iter().filter(|keys| !keys.flags.has(KeyFlags::NOT_KEY)) {
        let flags = flags_of(spec, keys, args);
        match range(keys, args) {
            Some((first, last, step)) => {
                for index in (first..=last).step_by(step) {
                    f(KeyPosition { index, flags });
                }
            }
            None => complete = false,
        }
    }
    complete
}

/// The keys among `args`, a request of `spec`.
pub fn keys_of(spec: &Spec, args: &Args<'_>) -> Vec<KeyPosition> {
    let mut keys = Vec::new();
    for_each_key(spec, args, |key| keys.push(key));
    keys
}

/// First and last key and the distance between keys, as `COMMAND INFO` tells them: true of the
/// commands whose keys do not move, 0 and 0 and 0 where there are none.
pub fn fixed_positions(spec: &Spec) -> (i32, i32, i32) {
    let mut whole: Option<(i32, i32, i32)> = None;
    for keys in spec.keys {
        let (BeginSearch::Index(index), FindKeys::Range { last, step, .. }) =
            (keys.begin, keys.find)
        else {
            continue;
        };
        let last = if last < 0 { last } else { index + last };
        whole = Some(match whole {
            // Adjoining single keys are told as one range.
            Some((first, end, 1)) if step == 1 && end >= 0 && index == end + 1 => (first, last, 1),
            Some(before) => before,
            None => (index, last, step),
        });
    }
    whole.unwrap_or_default()
}

/// Whether the positions of `spec`'s keys depend on the arguments in more than their number.
pub fn are_movable(spec: &Spec) -> bool {
    let fixed = |keys: &KeySpec| {
        matches!(
            (keys.begin, keys.find),
            (BeginSearch::Index(_), FindKeys::Range { limit: 0 | 1, .. })
        )
    };
    spec.flags.has(Flags::MOVABLEKEYS) || !spec.keys.iter().all(fixed)
}

/// What is done with keys. `SET` reads its key only when it is to tell the value before; `BITFIELD`
/// changes its key only when it is not all `GET`.
fn flags_of(spec: &Spec, keys: &KeySpec, args: &Args<'_>) -> KeyFlags {
    if !keys.flags.has(KeyFlags::VARIABLE_FLAGS) {
        return keys.flags;
    }
    if spec.name == "bitfield" {
        return if is_all_get(args) {
            KeyFlags::of(&[KeyFlags::RO, KeyFlags::ACCESS])
        } else {
            KeyFlags::of(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])
        };
    }
    let reads = args.iter().skip(3).any(|arg| arg.eq_ignore_ascii_case(b"GET"));
    if reads {
        KeyFlags::of(&[KeyFlags::RW, KeyFlags::ACCESS, KeyFlags::UPDATE])
    } else {
        KeyFlags::of(&[KeyFlags::OW, KeyFlags::UPDATE])
    }
}

/// Whether a `BITFIELD` has no operation that writes, and no mistake in which one could hide.
fn is_all_get(args: &Args<'_>) -> bool {
    let mut index = 2;
    while let Some(word) = args.get(index) {
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let more = match () {
            () if is("GET") => 2,
            () if is("OVERFLOW") => 1,
            () => return false,
        };
        if index + more >= args.len() {
            return false;
        }
        index += more + 1;
    }
    true
}

/// First, last and step of one group of keys; `None` when `args` do not say, or say nonsense.
fn range(keys: &KeySpec, args: &Args<'_>) -> Option<(usize, usize, usize)> {
    let count = i64::try_from(args.len()).ok()?;
    let first = match keys.begin {
        BeginSearch::Index(index) => i64::from(index),
        BeginSearch::Keyword(word, from) => behind_keyword(args, word, from)?,
        BeginSearch::Unknown => return None,
    };
    let (first, last, step) = match keys.find {
        FindKeys::Range { last, step, limit } => {
            let last = match i64::from(last) {
                last if last >= 0 => first + last,
                last if limit <= 1 => count + last,
                last => first + (count - first) / i64::from(limit) + last,
            };
            (first, last, i64::from(step))
        }
        FindKeys::KeyNum { count_at, first: start, step } => {
            let index = usize::try_from(first + i64::from(count_at)).ok()?;
            let number = parse_i64(args.get(index)?).filter(|&n| n > 0)?;
            let (start, step) = (first + i64::from(start), i64::from(step));
            (start, number.checked_sub(1)?.checked_mul(step)?.checked_add(start)?, step)
        }
        FindKeys::Unknown => return None,
    };
    if first < 1 || last >= count || first > last {
        return None;
    }
    let to_usize = |n: i64| usize::try_from(n).ok();
    Some((to_usize(first)?, to_usize(last)?, to_usize(step).filter(|&n| n > 0)?))
}

/// The argument behind `word`, looked for from argument `from` on, backwards if that is negative.
fn behind_keyword(args: &Args<'_>, word: &str, from: i32) -> Option<i64> {
    let is_word = |index: &usize| {
        args.get(*index).is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    let start = from.unsigned_abs() as usize;
    let found = if from >= 0 {
        (start..args.len()).find(is_word)
    } else {
        (1..=args.len().checked_sub(start)?).rev().find(is_word)
    };
    i64::try_from(found? + 1).ok()
}
