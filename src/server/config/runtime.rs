//! CONFIG GET and CONFIG SET: what clients see and change while the server runs.
//!
//! CONFIG SET is all or nothing: values are read into a copy first, then the effects are applied one by
//! one, and undone when a later one fails.

use std::collections::HashSet;

use super::table::{self, Change, Config, DIRECTIVES, Directive, Effect};
use crate::base::glob;

/// Why CONFIG SET changed nothing. Prints as the error reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// Names and values do not pair up.
    #[error("ERR syntax error")]
    Unpaired,
    /// There is no such directive.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{0}'")]
    Unknown(String),
    /// The directive cannot have this value, or not now.
    #[error("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Refused {
        /// The directive.
        name: String,
        /// Why.
        reason: String,
    },
}

impl SetError {
    fn refused(name: &str, reason: impl Into<String>) -> Self {
        Self::Refused { name: name.to_owned(), reason: reason.into() }
    }
}

/// A changed configuration whose effects have not been applied yet.
#[derive(Debug)]
pub struct Prepared {
    /// The configuration as it will be.
    pub config: Config,
    /// What differs from the one before.
    pub changed: Vec<&'static Directive>,
    /// What has to be done, each once, with the directive that asks for it.
    pub effects: Vec<(Effect, &'static Directive)>,
}

impl Config {
    /// CONFIG GET: names and values of all directives and aliases that match any of the patterns. A
    /// name given without wildcards comes back as it was written.
    pub fn get<'p>(&self, patterns: impl IntoIterator<Item = &'p [u8]>) -> Vec<(String, String)> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for pattern in patterns {
            let is_pattern = glob::is_pattern(pattern);
            for directive in DIRECTIVES {
                for name in std::iter::once(&directive.name).chain(directive.aliases) {
                    if glob::matches_ignore_case(pattern, name.as_bytes()) && seen.insert(*name) {
                        let shown = if is_pattern { name.as_bytes() } else { pattern };
                        let shown = String::from_utf8_lossy(shown).into_owned();
                        found.push((shown, self.print(directive)));
                    }
                }
            }
        }
        found
    }

    /// CONFIG SET, first half: checks all names and values (`name value name value ...`) and makes the
    /// new configuration. `is_local` says that the client is on this machine.
    pub fn prepare(&self, args: &[&[u8]], is_local: bool) -> Result<Prepared, SetError> {
        let (pairs, rest) = args.as_chunks::<2>();
        if pairs.is_empty() || !rest.is_empty() {
            return Err(SetError::Unpaired);
        }
        let mut seen = HashSet::new();
        let mut settings = Vec::with_capacity(pairs.len());
        for [name, value] in pairs {
            let name = String::from_utf8_lossy(name).into_owned();
            let Some(directive) = table::find(&name) else {
                return Err(SetError::Unknown(name));
            };
            let may = match directive.change {
                Change::Startup => Err("can't set immutable config"),
                Change::Protected(_) if !self.enable_protected_configs.allows(is_local) => {
                    Err("can't set protected config")
                }
                _ if !seen.insert(name.to_ascii_lowercase()) => Err("duplicate parameter"),
                _ => Ok(()),
            };
            may.map_err(|reason| SetError::refused(&name, reason))?;
            settings.push((name.to_ascii_lowercase(), directive, *value));
        }
        let mut config = self.clone();
        for (name, directive, value) in settings {
            let value = std::str::from_utf8(value)
                .map_err(|_| SetError::refused(&name, "argument must be UTF-8 text"))?;
            absorb(&mut config, directive, value)
                .map_err(|reason| SetError::refused(&name, reason))?;
        }
        config.normalise();
        let changed: Vec<_> = self.changes(&config).collect();
        let effects = effects_of(&changed);
        Ok(Prepared { config, changed, effects })
    }
}

fn absorb(config: &mut Config, directive: &Directive, value: &str) -> Result<(), String> {
    if directive.kind.is_list() {
        let words: Vec<&str> = value.split(' ').collect();
        (directive.absorb)(config, directive.kind, &words, true)
    } else {
        (directive.absorb)(config, directive.kind, &[value], true)
    }
}

fn effects_of(changed: &[&'static Directive]) -> Vec<(Effect, &'static Directive)> {
    let mut effects: Vec<(Effect, &'static Directive)> = Vec::new();
    for directive in changed {
        let (Change::Runtime(effect) | Change::Protected(effect)) = directive.change else {
            continue;
        };
        if effect != Effect::OnNextUse && effects.iter().all(|(other, _)| *other != effect) {
            effects.push((effect, directive));
        }
    }
    effects
}

impl Prepared {
    /// CONFIG SET, second half: calls `apply(effect, old, new)` for each effect and gives the new
    /// configuration. When one fails, those before it are called with the configurations exchanged,
    /// last one first, and nothing has changed.
    pub fn apply(
        self,
        old: &Config,
        mut apply: impl FnMut(Effect, &Config, &Config) -> Result<(), String>,
    ) -> Result<Config, SetError> {
        for (n, (effect, directive)) in self.effects.iter().enumerate() {
            if let Err(reason) = apply(*effect, old, &self.config) {
                for (done, by) in self.effects.iter().take(n).rev() {
                    if let Err(reason) = apply(*done, &self.config, old) {
                        tracing::error!("cannot undo the change of '{}': {reason}", by.name);
                    }
                }
                return Err(SetError::refused(directive.name, reason));
            }
        }
        Ok(self.config)
    }
}

/// The lines CONFIG HELP answers.
pub const HELP: &[&str] = &[
    "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "GET <pattern>",
    "    Return parameters matching the glob-like <pattern> and their values.",
    "SET <directive> <value>",
    "    Set the configuration <directive> to <value>.",
    "RESETSTAT",
    "    Reset statistics reported by the INFO command.",
    "REWRITE",
    "    Rewrite the configuration file.",
    "HELP",
    "    Prints this help.",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn set(config: &Config, args: &[&str]) -> Result<Config, String> {
        let args: Vec<&[u8]> = args.iter().map(|a| a.as_bytes()).collect();
        let prepared = config.prepare(&args, true).map_err(|e| e.to_string())?;
        prepared.apply(config, |_, _, _| Ok(())).map_err(|e| e.to_string())
    }

    fn get(config: &Config, patterns: &[&str]) -> Vec<(String, String)> {
        config.get(patterns.iter().map(|p| p.as_bytes()))
    }

    #[test]
    fn get_takes_patterns_and_aliases() {
        let config = Config::default();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(get(&config, &["port", "PORT", "p*t"]), [pair("port", "6379")]);
        assert_eq!(get(&config, &["Hz"]), [pair("Hz", "10")]);
        assert_eq!(get(&config, &["slave-pri*"]), [pair("slave-priority", "100")]);
        assert_eq!(get(&config, &["slaveof", "nothing"]), [pair("slaveof", "")]);
        assert_eq!(get(&config, &["save"]), [pair("save", "3600 1 300 100 60 10000")]);
        let names = get(&config, &["*"]).len();
        assert_eq!(names, DIRECTIVES.iter().map(|d| 1 + d.aliases.len()).sum::<usize>());
        assert!(std::path::Path::new(&get(&config, &["dir"])[0].1).is_absolute());
    }

    #[test]
    fn set_is_all_or_nothing() {
        let config = Config::default();
        let changed = set(&config, &["MaxMemory", "1gb", "slave-read-only", "no"]).unwrap();
        assert_eq!(changed.maxmemory, 1 << 30);
        assert!(!changed.replica_read_only);
        assert!(set(&config, &["min-slaves-to-write", "3", "hz", "zz"]).is_err());
        assert_eq!(set(&config, &["hz", "9000"]).unwrap().hz, 500);
        assert_eq!(set(&config, &["repl-backlog-size", "10"]).unwrap().repl_backlog_size, 16384);
        let limits = set(&config, &["client-output-buffer-limit", "slave 1 2 3"]).unwrap();
        assert_eq!(limits.client_output_buffer_limit.pubsub.hard_bytes, 32 << 20);
        assert_eq!(set(&config, &["save", ""]).unwrap().save.0, []);
    }

    #[test]
    fn errors_are_redis_errors() {
        let failed = |name: &str, reason: &str| {
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
        };
        let unknown = "ERR Unknown option or number of arguments for CONFIG SET - 'foo'".to_owned();
        let syntax = "ERR syntax error".to_owned();
        let cases: &[(&[&str], String)] = &[
            (&["foo", "bar"], unknown),
            (&["port", "1", "hz"], syntax),
            (&["daemonize", "yes"], failed("daemonize", "can't set immutable config")),
            (&["dbfilename", "x"], failed("dbfilename", "can't set protected config")),
            (&["hz", "1", "HZ", "2"], failed("HZ", "duplicate parameter")),
            (&["maxmemory", "1x"], failed("maxmemory", "argument must be a memory value")),
            (&["appendonly", "maybe"], failed("appendonly", "argument must be 'yes' or 'no'")),
            (&["hz", "abc"], failed("hz", "argument couldn't be parsed into an integer")),
            (
                &["timeout", "-1"],
                failed("timeout", "argument must be between 0 and 2147483647 inclusive"),
            ),
            (
                &["appendfsync", "foo"],
                failed(
                    "appendfsync",
                    "argument(s) must be one of the following: everysec, always, no",
                ),
            ),
        ];
        for (args, error) in cases {
            assert_eq!(set(&Config::default(), args).unwrap_err(), *error);
        }
    }

    #[test]
    fn effects_come_once_and_are_undone() {
        let old = Config::default();
        let args: &[&[u8]] =
            &[b"port", b"1", b"bind", b"::1", b"hz", b"10", b"timeout", b"5", b"maxclients", b"7"];
        let prepared = old.prepare(args, true).unwrap();
        let effects: Vec<Effect> = prepared.effects.iter().map(|(e, _)| *e).collect();
        assert_eq!(effects, [Effect::Listeners, Effect::ClientLimit]);
        assert_eq!(prepared.changed.len(), 4, "hz keeps its value");
        let mut calls = Vec::new();
        let error = prepared.apply(&old, |effect, _, new| {
            calls.push((effect, new.port));
            if effect == Effect::ClientLimit { Err("too many".to_owned()) } else { Ok(()) }
        });
        assert_eq!(error.unwrap_err(), SetError::refused("maxclients", "too many"));
        let expected =
            [(Effect::Listeners, 1), (Effect::ClientLimit, 1), (Effect::Listeners, 6379)];
        assert_eq!(calls, expected);
    }

    #[test]
    fn lists_are_split_and_plain_values_are_not() {
        assert_eq!(set(&Config::default(), &["requirepass", "a b"]).unwrap().requirepass, "a b");
        let bind = set(&Config::default(), &["bind", "127.0.0.1 ::1"]).unwrap().bind;
        assert_eq!(bind.0, ["127.0.0.1", "::1"]);
    }
}
