//! Directives that take one word of a fixed set.

use super::value::{Kind, Value};

/// Declares an enum whose variants are a directive's words, with the list of the words.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// The words, in the order error messages list them.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The word of this value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }

        impl Value for $name {
            fn parse(_: Kind, words: &[&str]) -> Result<Self, String> {
                match words {
                    $([word] if word.eq_ignore_ascii_case($word) => Ok(Self::$variant),)*
                    [_] => Err(super::choices::not_one_of(Self::WORDS)),
                    _ => Err("wrong number of arguments".to_owned()),
                }
            }

            fn print(&self, _: Kind) -> String {
                self.as_str().to_owned()
            }
        }
    };
}

pub(super) fn not_one_of(words: &[&str]) -> String {
    format!("argument(s) must be one of the following: {}", words.join(", "))
}

choice! {
    /// `appendfsync`: when the log is made durable.
    AppendFsync {
        /// At most a second after a write.
        EverySec = "everysec",
        /// Before a reply shows the write.
        Always = "always",
        /// When the kernel likes.
        No = "no",
    }
}

choice! {
    /// `log-sync-inline`: whether the executor itself writes and syncs the log.
    LogSyncInline {
        /// Decided turn by turn from recent sync times and the number of cores.
        Auto = "auto",
        /// Always on the executor's thread.
        Yes = "yes",
        /// Always on the log thread.
        No = "no",
    }
}

choice! {
    /// `loglevel`: the least important line that is written.
    LogLevel {
        /// Everything, for development.
        Debug = "debug",
        /// Many lines of rare use.
        Verbose = "verbose",
        /// What production wants.
        Notice = "notice",
        /// Only what needs attention.
        Warning = "warning",
        /// No line at all.
        Nothing = "nothing",
    }
}

choice! {
    /// `log-format`: how a line of the server's log looks.
    LogFormat {
        /// `pid:role date time level message`, as Redis writes it.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// `maxmemory-policy`: what gives way when `maxmemory` is reached.
    MaxmemoryPolicy {
        /// Least recently used among keys that expire.
        VolatileLru = "volatile-lru",
        /// Least frequently used among keys that expire.
        VolatileLfu = "volatile-lfu",
        /// Any key that expires.
        VolatileRandom = "volatile-random",
        /// The key that expires soonest.
        VolatileTtl = "volatile-ttl",
        /// Least recently used key.
        AllkeysLru = "allkeys-lru",
        /// Least frequently used key.
        AllkeysLfu = "allkeys-lfu",
        /// Any key.
        AllkeysRandom = "allkeys-random",
        /// None: writes that need memory are refused.
        NoEviction = "noeviction",
    }
}

impl MaxmemoryPolicy {
    /// Whether keys carry an access frequency instead of an idle time.
    pub const fn is_lfu(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllkeysLfu)
    }
}

choice! {
    /// `enable-debug-command` and `enable-protected-configs`: who may use something dangerous.
    Permission {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Connections from this machine.
        Local = "local",
    }
}

impl Permission {
    /// Whether a connection may; `is_local` says that it comes from this machine.
    pub const fn allows(self, is_local: bool) -> bool {
        match self {
            Self::No => false,
            Self::Yes => true,
            Self::Local => is_local,
        }
    }
}

choice! {
    /// `supervised`: which init system is told that the server is ready.
    Supervised {
        /// Upstart: the process stops itself with SIGSTOP once ready.
        Upstart = "upstart",
        /// systemd: `READY=1` to `$NOTIFY_SOCKET`.
        Systemd = "systemd",
        /// Whichever the environment names.
        Auto = "auto",
        /// None.
        No = "no",
    }
}

choice! {
    /// `sanitize-dump-payload`: when payloads are checked in depth; Vellum always checks.
    SanitizePayload {
        /// Never.
        No = "no",
        /// Always.
        Yes = "yes",
        /// For client connections.
        Clients = "clients",
    }
}

choice! {
    /// `repl-diskless-load`: Redis's ways to load from the socket; Vellum stores first.
    DisklessLoad {
        /// Never.
        Disabled = "disabled",
        /// When the data set is empty.
        OnEmptyDb = "on-empty-db",
        /// Beside the old data set.
        SwapDb = "swapdb",
    }
}

choice! {
    /// `oom-score-adj`: how Redis steers the kernel's out-of-memory killer.
    OomScoreAdj {
        /// Not at all.
        No = "no",
        /// Relative to the score at start.
        Yes = "yes",
        /// The same as `yes`.
        Relative = "relative",
        /// As absolute scores.
        Absolute = "absolute",
    }
}
