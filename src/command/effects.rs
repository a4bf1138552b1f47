//! What a command changed, as the commands that go to the log.
//!
//! Each is deterministic and absolute: applied again to the same state it gives the same state, at
//! any time and on any replica. A plain command is its own effect and is not encoded anew. A command
//! that changed nothing has no effects.

use crate::resp::Args;
use crate::resp::encode::push_command;

/// One effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect<'a> {
    /// The request as it came.
    Verbatim,
    /// Another command, as canonical RESP.
    Rewritten(&'a [u8]),
}

#[derive(Clone, Copy, Debug)]
struct Item {
    db: usize,
    /// One past its last byte; `None` for the request itself.
    end: Option<usize>,
}

/// The effects of one command in their order. Reused from command to command, so it allocates only
/// while it grows.
#[derive(Debug, Default)]
pub struct Effects {
    bytes: Vec<u8>,
    items: Vec<Item>,
    changes: u64,
}

/// More bytes than this are given back to the allocator once they are logged.
const BYTES_KEPT_MAX: usize = 64 * 1024;

impl Effects {
    /// Forgets all effects and keeps the memory, unless that is much.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(BYTES_KEPT_MAX);
        self.items.clear();
        self.changes = 0;
    }

    /// The request itself, with database `db` selected.
    pub fn verbatim(&mut self, db: usize) {
        self.items.push(Item { db, end: None });
        self.changes += 1;
    }

    /// A command made here, with database `db` selected.
    pub fn push(&mut self, db: usize, command: &[&[u8]]) {
        self.push_uncounted(db, command);
        self.changes += 1;
    }

    /// Like [`push`](Self::push) for what time did and no client: the end of an expired key.
    pub fn push_uncounted(&mut self, db: usize, command: &[&[u8]]) {
        push_command(&mut self.bytes, command);
        self.items.push(Item { db, end: Some(self.bytes.len()) });
    }

    /// The command made so many changes, which its effects do not show.
    pub fn set_changes(&mut self, changes: u64) {
        self.changes = changes;
    }

    /// Changes for `save` points to count: one an effect, unless the command knows better.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Number of effects. More than one of a single command belong together: replicas get them as a
    /// transaction.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// The effects in order, each with the database it happened in.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Effect<'_>)> {
        let mut start = 0;
        self.items.iter().map(move |item| {
            let effect = item.end.map_or(Effect::Verbatim, |end| {
                Effect::Rewritten(&self.bytes[std::mem::replace(&mut start, end)..end])
            });
            (item.db, effect)
        })
    }
}

/// The bytes of a request for the log: as it came, or encoded into `scratch` when it came inline.
pub fn canonical<'a>(args: &Args<'a>, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if let Some(raw) = args.raw() {
        return raw;
    }
    scratch.clear();
    crate::resp::encode::push_command_header(scratch, args.len());
    for arg in args.iter() {
        crate::resp::encode::push_bulk(scratch, arg);
    }
    scratch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effects_come_in_order_with_their_databases() {
        let mut effects = Effects::default();
        effects.push(0, &[b"DEL", b"a"]);
        effects.verbatim(0);
        effects.push(3, &[b"DEL", b"bc"]);
        let all: Vec<_> = effects.iter().collect();
        assert_eq!(
            all,
            [
                (0, Effect::Rewritten(b"*2\r\n$3\r\nDEL\r\n$1\r\na\r\n")),
                (0, Effect::Verbatim),
                (3, Effect::Rewritten(b"*2\r\n$3\r\nDEL\r\n$2\r\nbc\r\n")),
            ]
        );
        effects.clear();
        assert!(effects.is_empty());
    }
}
