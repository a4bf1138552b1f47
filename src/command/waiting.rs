//! Commands that wait until a key has something for them.
//!
//! Such a command is a handler like any other. If there is nothing for it, it says so here instead of
//! answering, and changes nothing; the engine runs it again each time one of its keys may have become
//! what it waits for. So it is served as if it had come just then.

use crate::keyspace::Content;
use crate::keyspace::types::CollectionRef;

/// What is answered where nothing may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    /// A missing array.
    NullArray,
    /// A missing string.
    Null,
}

/// What a key has to hold to be of use to one who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list.
    List,
    /// A sorted set.
    Zset,
    /// A stream.
    Stream,
    /// A stream as a group's consumer: its end, and that of the group, are of interest too.
    Group,
}

impl Kind {
    /// Whether `content` is of this kind.
    pub fn is_of(self, content: Content<'_>) -> bool {
        let Content::Collection(collection) = content else { return false };
        match self {
            Self::List => matches!(collection, CollectionRef::List(_)),
            Self::Zset => matches!(collection, CollectionRef::Zset(_)),
            Self::Stream | Self::Group => matches!(collection, CollectionRef::Stream(_)),
        }
    }
}

/// What a command waits for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// What the keys have to hold.
    pub kind: Kind,
    /// The keys, of the selected database, in the command's order.
    pub keys: Vec<Vec<u8>>,
    /// How long, in milliseconds; `None` is for ever.
    pub timeout_ms: Option<u64>,
    /// What it answers where it may not wait.
    pub nothing: Nothing,
    /// The request to be run again, where that is not the one that came.
    pub again: Option<Vec<Vec<u8>>>,
}

/// Whether the running command may wait, and what for.
#[derive(Debug, Default)]
pub struct Waiting {
    may_wait: bool,
    wanted: Option<Wanted>,
}

impl Waiting {
    /// Prepares for the next command.
    pub fn begin(&mut self, may_wait: bool) {
        self.may_wait = may_wait;
        self.wanted = None;
    }

    /// Whether waiting is allowed: not in a transaction, not in what the log or a master says.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }

    /// The command waits.
    pub fn want(&mut self, wanted: Wanted) {
        debug_assert!(self.may_wait);
        self.wanted = Some(wanted);
    }

    /// What the command that has run waits for.
    pub fn take(&mut self) -> Option<Wanted> {
        self.wanted.take()
    }
}
