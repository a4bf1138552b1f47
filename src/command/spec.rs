//! What is known of a command before it runs: one row a command, pure data.
//!
//! Everything that asks about a command (arity check, key extraction, `COMMAND`, access rules, the
//! refusal during loading) reads its row; nothing is written down twice.

use super::ctx::Ctx;
use super::host::HostCommand;
use crate::resp::Args;

/// Runs a command: arguments in, reply and effects out. Errors are written to the reply.
pub type Handler = fn(&mut Ctx<'_>, &Args<'_>);

/// Who runs a command.
#[derive(Clone, Copy, Debug)]
pub enum Run {
    /// A function of keyspace, arguments and time.
    Handler(Handler),
    /// The server: it needs sessions, configuration, log or replicas.
    Host(HostCommand),
    /// Nobody: it only holds subcommands.
    Container,
}

/// Bit sets with named members in the order `COMMAND INFO` tells them.
macro_rules! bit_set {
    ($(#[$meta:meta])* $set:ident : $bits:ty { $($(#[$doc:meta])* $name:ident = $bit:literal $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $set($bits);

        impl $set {
            /// No member.
            pub const NONE: Self = Self(0);
            $($(#[$doc])* pub const $name: Self = Self(1 << $bit);)*

            /// Members and their names, in order.
            pub const NAMES: &'static [(Self, &'static str)] = &[$((Self::$name, $text),)*];

            /// Members of either.
            pub const fn and(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// All of these.
            pub const fn of(members: &[Self]) -> Self {
                let mut set = Self::NONE;
                let mut index = 0;
                while index < members.len() {
                    set = set.and(members[index]);
                    index += 1;
                }
                set
            }

            /// Members of `self` that are not in `other`.
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether all of `other` is in.
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any of `other` is in.
            pub const fn has_any(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }

            /// The names of the members.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMES.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| *name)
            }

            /// The member of this name, in any case.
            pub fn by_name(name: &[u8]) -> Option<Self> {
                let found = Self::NAMES.iter().find(|(_, n)| n.as_bytes().eq_ignore_ascii_case(name));
                found.map(|(bit, _)| *bit)
            }
        }

        impl std::ops::BitOr for $set {
            type Output = Self;

            fn bitor(self, other: Self) -> Self {
                self.and(other)
            }
        }
    };
}

bit_set! {
    /// How a command behaves.
    Flags: u32 {
        /// May change keys.
        WRITE = 0 "write",
        /// Reads keys and never changes one.
        READONLY = 1 "readonly",
        /// Refused when memory is full.
        DENYOOM = 2 "denyoom",
        /// For operators.
        ADMIN = 3 "admin",
        /// Publish and subscribe.
        PUBSUB = 4 "pubsub",
        /// Not for scripts.
        NOSCRIPT = 5 "noscript",
        /// May block its client.
        BLOCKING = 6 "blocking",
        /// Allowed while data is being loaded.
        LOADING = 7 "loading",
        /// Allowed on a replica whose data is stale.
        STALE = 8 "stale",
        /// Not shown by `MONITOR`.
        SKIP_MONITOR = 9 "skip_monitor",
        /// Not shown by `SLOWLOG`.
        SKIP_SLOWLOG = 10 "skip_slowlog",
        /// Constant or logarithmic time.
        FAST = 11 "fast",
        /// Allowed before authentication.
        NO_AUTH = 12 "no_auth",
        /// May send something to replicas without changing a key.
        MAY_REPLICATE = 13 "may_replicate",
        /// Has keys, but may be called without one.
        NO_MANDATORY_KEYS = 14 "no_mandatory_keys",
        /// Refused while a replica loads in the background.
        NO_ASYNC_LOADING = 15 "no_async_loading",
        /// Not inside a transaction.
        NO_MULTI = 16 "no_multi",
        /// Key positions depend on the arguments.
        MOVABLEKEYS = 17 "movablekeys",
        /// Allowed while a script blocks the server.
        ALLOW_BUSY = 18 "allow_busy",
    }
}

bit_set! {
    /// Categories of access rules.
    Categories: u32 {
        /// Generic key commands.
        KEYSPACE = 0 "keyspace",
        /// Follows from [`Flags::READONLY`].
        READ = 1 "read",
        /// Follows from [`Flags::WRITE`].
        WRITE = 2 "write",
        /// Sets.
        SET = 3 "set",
        /// Sorted sets.
        SORTEDSET = 4 "sortedset",
        /// Lists.
        LIST = 5 "list",
        /// Hashes.
        HASH = 6 "hash",
        /// Strings.
        STRING = 7 "string",
        /// Bitmaps.
        BITMAP = 8 "bitmap",
        /// HyperLogLogs.
        HYPERLOGLOG = 9 "hyperloglog",
        /// Geospatial indexes.
        GEO = 10 "geo",
        /// Streams.
        STREAM = 11 "stream",
        /// Follows from [`Flags::PUBSUB`].
        PUBSUB = 12 "pubsub",
        /// Follows from [`Flags::ADMIN`].
        ADMIN = 13 "admin",
        /// Follows from [`Flags::FAST`].
        FAST = 14 "fast",
        /// Whatever is not fast.
        SLOW = 15 "slow",
        /// Follows from [`Flags::BLOCKING`].
        BLOCKING = 16 "blocking",
        /// Follows from [`Flags::ADMIN`], and more.
        DANGEROUS = 17 "dangerous",
        /// The connection itself.
        CONNECTION = 18 "connection",
        /// Transactions.
        TRANSACTION = 19 "transaction",
        /// Scripts.
        SCRIPTING = 20 "scripting",
    }
}

bit_set! {
    /// What a command does with a key.
    KeyFlags: u16 {
        /// Reads it.
        RO = 0 "RO",
        /// Reads and writes it.
        RW = 1 "RW",
        /// Overwrites it without reading.
        OW = 2 "OW",
        /// Deletes it without reading.
        RM = 3 "RM",
        /// Its value's content is told to the caller.
        ACCESS = 4 "access",
        /// Its value's content changes.
        UPDATE = 5 "update",
        /// Content is added and none is changed.
        INSERT = 6 "insert",
        /// Content is removed.
        DELETE = 7 "delete",
        /// Not a key of the keyspace.
        NOT_KEY = 8 "not_key",
        /// The keys found may not be all.
        INCOMPLETE = 9 "incomplete",
        /// What is done depends on the arguments.
        VARIABLE_FLAGS = 10 "variable_flags",
    }
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeginSearch {
    /// At this argument.
    Index(i32),
    /// Behind this word, looked for from this argument on (from the end when negative).
    Keyword(&'static str, i32),
    /// It cannot be told from the arguments.
    Unknown,
}

/// Which arguments from the beginning on are keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindKeys {
    /// Every `step`-th one up to `last`: relative to the beginning, or from the end when negative.
    /// `limit` above 1 divides the arguments left by it.
    Range {
        /// The last key.
        last: i32,
        /// Distance from key to key.
        step: i32,
        /// Divisor of the arguments, 0 or 1 for none.
        limit: i32,
    },
    /// As many as an argument says. Positions are relative to the beginning.
    KeyNum {
        /// The argument that holds the number.
        count_at: i32,
        /// The first key.
        first: i32,
        /// Distance from key to key.
        step: i32,
    },
    /// It cannot be told from the arguments.
    Unknown,
}

/// A group of keys among a command's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// What is done with them.
    pub flags: KeyFlags,
    /// Where they begin.
    pub begin: BeginSearch,
    /// Which they are.
    pub find: FindKeys,
}

impl KeySpec {
    /// One key at argument `index`.
    pub const fn at(index: i32, flags: &[KeyFlags]) -> Self {
        Self::range(index, 0, 1, flags)
    }

    /// Keys from argument `index` to `last` in steps of `step`.
    pub const fn range(index: i32, last: i32, step: i32, flags: &[KeyFlags]) -> Self {
        let find = FindKeys::Range { last, step, limit: 0 };
        Self { flags: KeyFlags::of(flags), begin: BeginSearch::Index(index), find }
    }
}

/// What an argument holds, for `COMMAND DOCS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Any bytes.
    String,
    /// A decimal integer.
    Integer,
    /// A floating-point number.
    Double,
    /// A key's name.
    Key,
    /// A glob pattern.
    Pattern,
    /// A Unix time.
    UnixTime,
    /// A word of the command's own.
    PureToken,
    /// One of the arguments below it.
    OneOf,
    /// All of the arguments below it.
    Block,
}

impl ArgumentKind {
    /// The name `COMMAND DOCS` gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::PureToken => "pure-token",
            Self::OneOf => "oneof",
            Self::Block => "block",
        }
    }
}

/// An argument as `COMMAND DOCS` describes it.
#[derive(Clone, Copy, Debug)]
pub struct Argument {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: ArgumentKind,
    /// The word before it.
    pub token: Option<&'static str>,
    /// Which [`KeySpec`] finds it.
    pub key_spec: Option<u8>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
    /// Its token is repeated with it.
    pub multiple_token: bool,
    /// What it is made of.
    pub arguments: &'static [Argument],
    /// The version of Redis that brought it, where the command is older.
    pub since: Option<&'static str>,
    /// The version of Redis that advises against it.
    pub deprecated_since: Option<&'static str>,
}

impl Argument {
    /// An argument that must be given once.
    pub const fn new(kind: ArgumentKind, name: &'static str) -> Self {
        Self {
            name,
            kind,
            token: None,
            key_spec: None,
            optional: false,
            multiple: false,
            multiple_token: false,
            arguments: &[],
            since: None,
            deprecated_since: None,
        }
    }

    /// A key found by the spec of this number.
    pub const fn key(name: &'static str, key_spec: u8) -> Self {
        let mut argument = Self::new(ArgumentKind::Key, name);
        argument.key_spec = Some(key_spec);
        argument
    }

    /// A word of the command's own.
    pub const fn word(name: &'static str, token: &'static str) -> Self {
        Self::new(ArgumentKind::PureToken, name).token(token)
    }

    /// One of several.
    pub const fn one_of(name: &'static str, arguments: &'static [Argument]) -> Self {
        let mut argument = Self::new(ArgumentKind::OneOf, name);
        argument.arguments = arguments;
        argument
    }

    /// Several together.
    pub const fn block(name: &'static str, arguments: &'static [Argument]) -> Self {
        let mut argument = Self::new(ArgumentKind::Block, name);
        argument.arguments = arguments;
        argument
    }

    /// With this word before it.
    pub const fn token(mut self, token: &'static str) -> Self {
        self.token = Some(token);
        self
    }

    /// May be left out.
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// May be repeated.
    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    /// May be repeated, its token with it.
    pub const fn multiple_token(mut self) -> Self {
        self.multiple = true;
        self.multiple_token = true;
        self
    }

    /// Younger than its command.
    pub const fn since(mut self, version: &'static str) -> Self {
        self.since = Some(version);
        self
    }

    /// Not to be used any more.
    pub const fn deprecated_since(mut self, version: &'static str) -> Self {
        self.deprecated_since = Some(version);
        self
    }
}

/// The chapter of the manual a command belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Keys of any type.
    Generic,
    /// Strings.
    String,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Sorted sets.
    SortedSet,
    /// Hashes.
    Hash,
    /// Streams.
    Stream,
    /// Geospatial indexes.
    Geo,
    /// Bits of strings.
    Bitmap,
    /// Strings that count roughly.
    HyperLogLog,
    /// Connections.
    Connection,
    /// The server.
    Server,
    /// Transactions.
    Transactions,
    /// Publish and subscribe.
    PubSub,
}

impl Group {
    /// The name `COMMAND DOCS` gives it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "sorted-set",
            Self::Hash => "hash",
            Self::Stream => "stream",
            Self::Geo => "geo",
            Self::Bitmap => "bitmap",
            Self::HyperLogLog => "hyperloglog",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Transactions => "transactions",
            Self::PubSub => "pubsub",
        }
    }
}

/// All that is known of one command or subcommand.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The full name in lower case: `get`, `config|get`.
    pub name: &'static str,
    /// Number of arguments, the name (and the container's) included; at least `-arity` if negative.
    pub arity: i32,
    /// Who runs it.
    pub run: Run,
    /// How it behaves.
    pub flags: Flags,
    /// Access categories, those that follow from the flags included.
    pub categories: Categories,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// Hints for clients and proxies.
    pub tips: &'static [&'static str],
    /// Chapter of the manual.
    pub group: Group,
    /// The Redis version that brought it.
    pub since: &'static str,
    /// Time it takes.
    pub complexity: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The Redis version that deprecated it, and what to use instead.
    pub deprecated: Option<(&'static str, &'static str)>,
    /// Not for use by applications.
    pub internal: bool,
    /// Its arguments.
    pub arguments: &'static [Argument],
    /// Its subcommands.
    pub subcommands: &'static [Spec],
}

impl Spec {
    /// A row with the least that a command has.
    pub const fn new(
        group: Group,
        name: &'static str,
        arity: i32,
        run: Run,
        summary: &'static str,
    ) -> Self {
        Self {
            name,
            arity,
            run,
            flags: Flags::NONE,
            categories: Categories::SLOW,
            keys: &[],
            tips: &[],
            group,
            since: "1.0.0",
            complexity: "O(1)",
            summary,
            deprecated: None,
            internal: false,
            arguments: &[],
            subcommands: &[],
        }
    }

    /// A command that only holds subcommands.
    pub const fn container(
        group: Group,
        name: &'static str,
        summary: &'static str,
        subcommands: &'static [Spec],
    ) -> Self {
        let mut spec = Self::new(group, name, -2, Run::Container, summary);
        spec.subcommands = subcommands;
        spec.complexity = "Depends on subcommand.";
        spec
    }

    /// With these flags, and the categories that follow from them.
    pub const fn flags(mut self, flags: &[Flags]) -> Self {
        self.flags = Flags::of(flags);
        let implied = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::READONLY, Categories::READ),
            (Flags::ADMIN, Categories::ADMIN.and(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::BLOCKING, Categories::BLOCKING),
            (Flags::FAST, Categories::FAST),
        ];
        let mut index = 0;
        while index < implied.len() {
            if self.flags.has(implied[index].0) {
                self.categories = self.categories.and(implied[index].1);
            }
            index += 1;
        }
        if self.flags.has(Flags::FAST) {
            self.categories = self.categories.without(Categories::SLOW);
        }
        self
    }

    /// In these categories too.
    pub const fn categories(mut self, categories: &[Categories]) -> Self {
        self.categories = self.categories.and(Categories::of(categories));
        self
    }

    /// With keys at these places.
    pub const fn keys(mut self, keys: &'static [KeySpec]) -> Self {
        self.keys = keys;
        self
    }

    /// With these hints.
    pub const fn tips(mut self, tips: &'static [&'static str]) -> Self {
        self.tips = tips;
        self
    }

    /// Known since this version of Redis.
    pub const fn since(mut self, since: &'static str) -> Self {
        self.since = since;
        self
    }

    /// Taking this much time.
    pub const fn complexity(mut self, complexity: &'static str) -> Self {
        self.complexity = complexity;
        self
    }

    /// Deprecated since a version of Redis, in favour of something.
    pub const fn deprecated(mut self, since: &'static str, instead: &'static str) -> Self {
        self.deprecated = Some((since, instead));
        self
    }

    /// Not for use by applications.
    pub const fn internal(mut self) -> Self {
        self.internal = true;
        self
    }

    /// With these subcommands.
    pub const fn subcommands(mut self, subcommands: &'static [Spec]) -> Self {
        self.subcommands = subcommands;
        self
    }

    /// With these arguments.
    pub const fn arguments(mut self, arguments: &'static [Argument]) -> Self {
        self.arguments = arguments;
        self
    }

    /// Whether so many arguments, all names included, are a right number.
    pub fn accepts(&self, arg_count: usize) -> bool {
        let required = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { arg_count >= required } else { arg_count == required }
    }

    /// Whether it names keys at all.
    pub fn has_keys(&self) -> bool {
        self.keys.iter().any(|keys| !keys.flags.has(KeyFlags::NOT_KEY))
    }

    /// Whether it may change keys.
    pub fn is_write(&self) -> bool {
        self.flags.has(Flags::WRITE)
    }

    /// The last part of the name: `get` of `config|get`.
    pub fn own_name(&self) -> &'static str {
        self.name.rsplit_once('|').map_or(self.name, |(_, own)| own)
    }

    /// The subcommand of this name, in any case.
    pub fn subcommand(&self, name: &[u8]) -> Option<&'static Spec> {
        self.subcommands.iter().find(|s| s.own_name().as_bytes().eq_ignore_ascii_case(name))
    }
}
