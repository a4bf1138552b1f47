//! The one table of all commands, and looking one up.

mod bitmap;
mod connection;
mod expiry;
mod hash;
mod hyperloglog;
mod introspection;
mod keys;
mod list;
mod pubsub;
mod replication;
mod server;
mod set;
mod stream;
mod stream_group;
mod strings;
mod transactions;
mod zset;

use super::spec::Spec;
use crate::resp::Args;

/// All rows: one array a family.
const FAMILIES: &[&[Spec]] = &[
    strings::ROWS,
    bitmap::ROWS,
    hyperloglog::ROWS,
    stream::ROWS,
    stream_group::ROWS,
    keys::ROWS,
    list::ROWS,
    expiry::ROWS,
    set::ROWS,
    hash::ROWS,
    connection::ROWS,
    server::ROWS,
    introspection::ROWS,
    replication::ROWS,
    transactions::ROWS,
    pubsub::ROWS,
    zset::ROWS,
];

/// Places in the index; a power of two several times the number of commands, so that a name is
/// found at the first or second place.
const PLACES: usize = 2048;
/// Longest name, in bytes; longer ones are not looked for.
const NAME_LEN_MAX: usize = 64;
/// Bytes of a name that an error reply repeats.
const QUOTED_LEN_MAX: usize = 128;

/// Why a request is no command.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// There is no command of this name.
    UnknownCommand,
    /// There is no subcommand of this name.
    UnknownSubcommand(&'static Spec),
    /// The command takes another number of arguments.
    Arity(&'static Spec),
}

impl Refusal {
    /// The error reply's text to the request `args`, code included.
    pub fn reply_text(self, args: &Args<'_>) -> Vec<u8> {
        match self {
            Self::UnknownCommand => unknown_command(args),
            Self::UnknownSubcommand(container) => {
                let mut text = b"ERR unknown subcommand '".to_vec();
                text.extend(quoted(args.get(1).unwrap_or_default(), QUOTED_LEN_MAX));
                text.extend_from_slice(b"'. Try ");
                text.extend_from_slice(container.name.to_ascii_uppercase().as_bytes());
                text.extend_from_slice(b" HELP.");
                text
            }
            Self::Arity(spec) => {
                format!("ERR wrong number of arguments for '{}' command", spec.name).into_bytes()
            }
        }
    }
}

/// Whether a request is a line of HTTP: somebody's browser was made to send it, and what follows in
/// its body must not be run.
pub fn is_http(args: &Args<'_>) -> bool {
    let is = |word: &[u8]| args.get(0).is_some_and(|name| name.eq_ignore_ascii_case(word));
    is(b"POST") || is(b"Host:")
}

/// Text as it stands in an error: up to a zero byte, and not too much of it.
fn quoted(text: &[u8], len_max: usize) -> &[u8] {
    let len = text.iter().take(len_max).position(|&b| b == 0);
    &text[..len.unwrap_or(text.len().min(len_max))]
}

fn unknown_command(args: &Args<'_>) -> Vec<u8> {
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(quoted(args.get(0).unwrap_or_default(), QUOTED_LEN_MAX));
    text.extend_from_slice(b"', with args beginning with: ");
    let mut told = 0;
    for arg in args.from(1).iter() {
        if told >= QUOTED_LEN_MAX {
            break;
        }
        let part = quoted(arg, QUOTED_LEN_MAX - told);
        text.push(b'\'');
        text.extend_from_slice(part);
        text.extend_from_slice(b"' ");
        told += part.len() + 3;
    }
    text
}

#[derive(Clone, Debug)]
struct Named {
    /// In lower case.
    name: Box<[u8]>,
    spec: &'static Spec,
}

/// All commands by name. Names are those of the rows unless renamed.
#[derive(Clone, Debug)]
pub struct Table {
    commands: Vec<Named>,
    /// Open addressing over `commands`: number of the command plus one, 0 for a free place.
    index: Box<[u16; PLACES]>,
}

impl Table {
    /// The table of all commands.
    pub fn new() -> Self {
        let rows = FAMILIES.iter().flat_map(|rows| rows.iter());
        let commands = rows.map(|spec| Named { name: spec.name.as_bytes().into(), spec }).collect();
        let mut table = Self { commands, index: Box::new([0; PLACES]) };
        table.build_index();
        table
    }

    /// Gives a command another name (`rename-command`); an empty one takes the command away. Whether
    /// there was a command of the old name and none of the new one.
    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        let Some(number) = self.number(from) else { return false };
        if to.is_empty() {
            self.commands.remove(number);
        } else if self.number(to).is_none() && to.len() <= NAME_LEN_MAX {
            self.commands[number].name = to.to_ascii_lowercase().into();
        } else {
            return false;
        }
        self.build_index();
        true
    }

    fn build_index(&mut self) {
        assert!(self.commands.len() <= PLACES / 4, "the command index is too full");
        self.index.fill(0);
        for (number, named) in self.commands.iter().enumerate() {
            let mut place = place_of(&named.name);
            while self.index[place] != 0 {
                place = (place + 1) % PLACES;
            }
            self.index[place] = number as u16 + 1;
        }
    }

    /// The command of this name, in any case.
    pub fn lookup(&self, name: &[u8]) -> Option<&'static Spec> {
        self.number(name).map(|number| self.commands[number].spec)
    }

    /// The command of this full name, in any case: `get`, `config|get`.
    pub fn lookup_full(&self, name: &[u8]) -> Option<&'static Spec> {
        match name.iter().position(|&b| b == b'|') {
            Some(bar) => self.lookup(&name[..bar])?.subcommand(&name[bar + 1..]),
            None => self.lookup(name),
        }
    }

    fn number(&self, name: &[u8]) -> Option<usize> {
        if name.len() > NAME_LEN_MAX {
            return None;
        }
        let mut place = place_of(name);
        loop {
            let number = usize::from(self.index[place]).checked_sub(1)?;
            if self.commands[number].name.eq_ignore_ascii_case(name) {
                return Some(number);
            }
            place = (place + 1) % PLACES;
        }
    }

    /// The command or subcommand that `args` ask for, with a right number of arguments.
    ///
    /// # Errors
    /// What is wrong, to be answered with [`Refusal::reply_text`].
    pub fn resolve(&self, args: &Args<'_>) -> Result<&'static Spec, Refusal> {
        let name = args.get(0).ok_or(Refusal::UnknownCommand)?;
        let command = self.lookup(name).ok_or(Refusal::UnknownCommand)?;
        let spec = match args.get(1) {
            Some(own) if !command.subcommands.is_empty() => {
                command.subcommand(own).ok_or(Refusal::UnknownSubcommand(command))?
            }
            _ => command,
        };
        if spec.accepts(args.len()) { Ok(spec) } else { Err(Refusal::Arity(spec)) }
    }

    /// Number of commands, subcommands not counted.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether there is no command.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// All commands with the names they go by, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &'static Spec)> {
        self.commands.iter().map(|named| (&*named.name, named.spec))
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}

/// FNV-1a over the name in lower case, folded to a place.
fn place_of(name: &[u8]) -> usize {
    let mut hash: u32 = 0x811c_9dc5;
    for byte in name {
        hash = (hash ^ u32::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0193);
    }
    ((hash ^ (hash >> 15)) as usize) % PLACES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::spec::Run;
    use crate::resp::args::OwnedArgs;

    fn resolve(words: &[&str]) -> Result<&'static str, String> {
        let args = OwnedArgs::from_slices(words.iter().map(|w| w.as_bytes()));
        let args = args.as_args();
        match Table::new().resolve(&args) {
            Ok(spec) => Ok(spec.name),
            Err(refusal) => Err(String::from_utf8(refusal.reply_text(&args)).unwrap()),
        }
    }

    #[test]
    fn commands_and_subcommands_are_found_in_any_case() {
        assert_eq!(resolve(&["GeT", "k"]), Ok("get"));
        assert_eq!(resolve(&["config", "GET", "*"]), Ok("config|get"));
        assert_eq!(resolve(&["COMMAND"]), Ok("command"));
    }

    #[test]
    fn refusals_have_the_texts_clients_know() {
        let cases: [(&[&str], &str); 5] = [
            (&["foo"], "ERR unknown command 'foo', with args beginning with: "),
            (
                &["foo", "a", "b c"],
                "ERR unknown command 'foo', with args beginning with: 'a' 'b c' ",
            ),
            (&["get"], "ERR wrong number of arguments for 'get' command"),
            (&["config", "get"], "ERR wrong number of arguments for 'config|get' command"),
            (&["config", "nope"], "ERR unknown subcommand 'nope'. Try CONFIG HELP."),
        ];
        for (words, text) in cases {
            assert_eq!(resolve(words), Err(text.to_string()));
        }
    }

    #[test]
    fn a_renamed_command_goes_by_its_new_name_only() {
        let mut table = Table::new();
        assert!(table.rename(b"FLUSHALL", b"Secret"));
        assert!(table.rename(b"debug", b""));
        assert!(!table.rename(b"nope", b"x"));
        assert!(!table.rename(b"get", b"set"));
        assert_eq!(table.lookup(b"SECRET").map(|s| s.name), Some("flushall"));
        assert!(table.lookup(b"flushall").is_none() && table.lookup(b"debug").is_none());
    }

    #[test]
    fn rows_are_consistent() {
        for (name, spec) in Table::new().iter() {
            assert!(name.len() <= NAME_LEN_MAX);
            for spec in std::iter::once(spec).chain(spec.subcommands) {
                assert_eq!(spec.name, spec.name.to_lowercase());
                assert!(spec.arity != 0 && !spec.summary.is_empty(), "{}", spec.name);
                let container = matches!(spec.run, Run::Container);
                assert!(!container || !spec.subcommands.is_empty(), "{}", spec.name);
            }
        }
    }
}
