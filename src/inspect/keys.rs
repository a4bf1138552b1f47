//! The keys a command of the log touches.
//!
//! The server's own command table says where they are. A command it does not know (one of a later
//! version, or another server's) is taken to have its key where nearly all have it: first.

use crate::command::key_positions::for_each_key;
use crate::command::table::Table;
use crate::resp::Args;

/// Finds keys by the command table.
#[derive(Debug)]
pub struct KeyFinder {
    table: Table,
}

/// Which keys a command concerns without naming them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those it names, if any.
    Named,
    /// All of its database.
    Database,
    /// All of two databases, which change places.
    Swapped(u32, u32),
    /// All of all databases.
    All,
}

impl KeyFinder {
    /// A finder over the server's commands.
    pub fn new() -> Self {
        Self { table: Table::new() }
    }

    /// Calls `f` with each key of the command.
    pub fn for_each<'a>(&self, args: &Args<'a>, mut f: impl FnMut(&'a [u8])) {
        let Some(name) = args.get(0) else { return };
        match self.table.lookup(name) {
            Some(spec) => {
                for_each_key(spec, args, |key| {
                    if let Some(key) = args.get(key.index) {
                        f(key);
                    }
                });
            }
            None => {
                if let Some(key) = args.get(1) {
                    f(key);
                }
            }
        }
    }
}

impl Default for KeyFinder {
    fn default() -> Self {
        Self::new()
    }
}

/// Which keys a command concerns besides those it names.
pub fn scope(args: &Args<'_>) -> Scope {
    let name = args.get(0).unwrap_or_default();
    let database = |index| {
        let text = args.get(index).and_then(|arg| std::str::from_utf8(arg).ok());
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    };
    if name.eq_ignore_ascii_case(b"FLUSHDB") {
        Scope::Database
    } else if name.eq_ignore_ascii_case(b"FLUSHALL") {
        Scope::All
    } else if name.eq_ignore_ascii_case(b"SWAPDB") {
        Scope::Swapped(database(1), database(2))
    } else {
        Scope::Named
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::args::OwnedArgs;

    fn keys(words: &[&str]) -> Vec<String> {
        let args = OwnedArgs::from_slices(words.iter().map(|w| w.as_bytes()));
        let mut keys = Vec::new();
        KeyFinder::new().for_each(&args.as_args(), |key| {
            keys.push(String::from_utf8_lossy(key).into_owned());
        });
        keys
    }

    #[test]
    fn keys_are_where_the_table_says() {
        assert_eq!(keys(&["set", "k", "v"]), ["k"]);
        assert_eq!(keys(&["MSET", "a", "1", "b", "2"]), ["a", "b"]);
        assert_eq!(keys(&["DEL", "a", "b"]), ["a", "b"]);
        assert_eq!(keys(&["SELECT", "1"]), [""; 0]);
        assert_eq!(keys(&["NEWER.COMMAND", "k", "x"]), ["k"]);
        assert_eq!(keys(&["MULTI"]), [""; 0]);
    }

    #[test]
    fn a_flush_concerns_every_key() {
        let scope_of = |words: &[&str]| {
            let args = OwnedArgs::from_slices(words.iter().map(|w| w.as_bytes()));
            scope(&args.as_args())
        };
        assert_eq!(scope_of(&["flushall", "async"]), Scope::All);
        assert_eq!(scope_of(&["FLUSHDB"]), Scope::Database);
        assert_eq!(scope_of(&["SWAPDB", "0", "7"]), Scope::Swapped(0, 7));
        assert_eq!(scope_of(&["SET", "a", "b"]), Scope::Named);
    }
}
