//! Configuration: redis.conf's syntax and names, one table of directives, a typed [`Config`].
//!
//! `table` holds the rows and the struct made from them; `value`, `choices` and `lists` read and print
//! values; `tokens` knows the quoting rules; `file` and `options` read files and the command line;
//! `runtime` answers CONFIG GET and CONFIG SET; `rewrite` writes changes back to the file.
//!
//! A `Config` in hand is always valid: whatever it was read from has been checked against the table.

pub mod choices;
pub mod file;
pub mod lists;
pub mod options;
pub mod rewrite;
pub mod runtime;
mod table;
pub mod tokens;
pub mod value;

pub use file::{ConfigError, Loaded, Place, Sources};
pub use options::Invocation;
pub use runtime::{Prepared, SetError};
pub use table::{Change, Config, DIRECTIVES, Directive, Effect, find};

/// Fewest bytes of backlog, as in Redis.
const REPL_BACKLOG_SIZE_MIN: u64 = 16 * 1024;
/// Bounds of `hz`, as in Redis.
const HZ_RANGE: (u32, u32) = (1, 500);

impl Config {
    /// Brings values that Redis corrects rather than refuses into their range.
    fn normalise(&mut self) {
        self.hz = self.hz.clamp(HZ_RANGE.0, HZ_RANGE.1);
        self.repl_backlog_size = self.repl_backlog_size.max(REPL_BACKLOG_SIZE_MIN);
    }

    /// The value of a directive as CONFIG GET shows it.
    pub fn print(&self, directive: &Directive) -> String {
        (directive.print)(self, directive.kind)
    }

    /// The directives on which two configurations differ.
    pub fn changes<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = &'static Directive> + 'a {
        DIRECTIVES.iter().filter(move |d| !(d.same)(self, other))
    }
}
