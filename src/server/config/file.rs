//! Reads configuration from files, standard input and the command line, in that order: the last one
//! to set a directive wins.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::choices::MaxmemoryPolicy;
use super::options::Override;
use super::table::{self, Change, Config};
use super::tokens;
use crate::base::glob;
use crate::storage::{Storage, read_file};

/// Longest configuration file, in bytes.
pub(super) const FILE_LEN_MAX: u64 = 16 * 1024 * 1024;
/// How deep files may include each other.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Where configuration comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// The configuration file.
    pub file: Option<PathBuf>,
    /// Whether standard input is read too.
    pub stdin: bool,
    /// Directives of the command line.
    pub overrides: Vec<Override>,
}

/// A configuration and where it was read from.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// Absolute path of the configuration file: what CONFIG REWRITE writes.
    pub file: Option<PathBuf>,
    /// Things to tell the user that are no errors, one a line.
    pub notes: Vec<String>,
}

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file; lines count from 1.
    File(PathBuf, usize),
    /// On standard input; lines count from 1.
    Stdin(usize),
    /// On the command line.
    CommandLine,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "{}, line {line}", path.display()),
            Self::Stdin(line) => write!(f, "standard input, line {line}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A line that cannot be honoured.
    #[error("{place}: {line}\n  {problem}")]
    Line {
        /// Where it stands.
        place: Place,
        /// The line.
        line: String,
        /// What is wrong with it, and what was expected.
        problem: String,
    },
    /// A file that cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Standard input cannot be read.
    #[error("cannot read the configuration from standard input: {0}")]
    Stdin(io::Error),
}

impl Config {
    /// Reads all sources; `stdin` is read only where they ask for it.
    pub fn load(
        storage: &dyn Storage,
        sources: &Sources,
        stdin: &mut dyn io::Read,
    ) -> Result<Loaded, ConfigError> {
        let mut reader = Reader::new(storage, false);
        if let Some(path) = &sources.file {
            reader.read_file(path, 0)?;
        }
        if sources.stdin {
            let mut text = Vec::new();
            let mut bounded = io::Read::take(stdin, FILE_LEN_MAX);
            io::Read::read_to_end(&mut bounded, &mut text).map_err(ConfigError::Stdin)?;
            reader.read_text(&text, 0, &Place::Stdin)?;
        }
        for given in &sources.overrides {
            reader.take(&given.words, 0).map_err(|problem| ConfigError::Line {
                place: Place::CommandLine,
                line: given.line(),
                problem,
            })?;
        }
        let file = sources.file.as_ref().map(|path| match std::path::absolute(path) {
            Ok(absolute) => absolute,
            Err(_) => path.clone(),
        });
        reader.config.normalise();
        reader.notes.extend(advice(&reader.config));
        Ok(Loaded { config: reader.config, file, notes: reader.notes })
    }
}

/// What a start with this main file would give, lines that cannot be honoured left out.
pub(super) fn effective(storage: &dyn Storage, text: &[u8], path: &Path) -> Config {
    let mut reader = Reader::new(storage, true);
    let place = |line| Place::File(path.to_owned(), line);
    // A lenient reader passes over every error of a line.
    let _ = reader.read_text(text, 0, &place);
    reader.config.normalise();
    reader.config
}

/// The words of a line that says something: neither blank nor a comment.
pub(super) fn words_of(line: &[u8]) -> Result<Option<Vec<String>>, String> {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") {
        return Ok(None);
    }
    let words = tokens::split(line).ok_or("Unbalanced quotes in configuration line")?;
    let words: Result<Vec<String>, _> = words.into_iter().map(String::from_utf8).collect();
    words.map(Some).map_err(|_| "not UTF-8 text".to_owned())
}

struct Reader<'a> {
    storage: &'a dyn Storage,
    config: Config,
    /// Directives met so far.
    seen: HashSet<&'static str>,
    notes: Vec<String>,
    lenient: bool,
}

impl<'a> Reader<'a> {
    fn new(storage: &'a dyn Storage, lenient: bool) -> Self {
        let config = Config::default();
        Self { storage, config, seen: HashSet::new(), notes: Vec::new(), lenient }
    }

    fn read_file(&mut self, path: &Path, depth: usize) -> Result<(), ConfigError> {
        let text = read_file(self.storage, path, FILE_LEN_MAX)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        self.read_text(&text, depth, &|line| Place::File(path.to_owned(), line))
    }

    fn read_text(
        &mut self,
        text: &[u8],
        depth: usize,
        place: &dyn Fn(usize) -> Place,
    ) -> Result<(), ConfigError> {
        for (n, line) in text.split(|b| *b == b'\n').enumerate() {
            let at = |problem| ConfigError::Line {
                place: place(n + 1),
                line: String::from_utf8_lossy(line.trim_ascii()).into_owned(),
                problem,
            };
            let outcome = match words_of(line) {
                Ok(None) => Ok(()),
                Ok(Some(words)) if words[0].eq_ignore_ascii_case("include") => {
                    self.include(&words, depth, &at)
                }
                Ok(Some(words)) => self.take(&words, depth).map_err(at),
                Err(problem) => Err(at(problem)),
            };
            if !self.lenient {
                outcome?;
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        words: &[String],
        depth: usize,
        at: &dyn Fn(String) -> ConfigError,
    ) -> Result<(), ConfigError> {
        let [_, pattern] = words else {
            return Err(at("expected: include <path>".to_owned()));
        };
        if depth >= INCLUDE_DEPTH_MAX {
            return Err(at(format!("files include each other more than {INCLUDE_DEPTH_MAX} deep")));
        }
        for path in self.included_paths(Path::new(pattern)).map_err(at)? {
            self.read_file(&path, depth + 1)?;
        }
        Ok(())
    }

    /// The files an `include` names: its last component may be a pattern, which may match none.
    fn included_paths(&self, pattern: &Path) -> Result<Vec<PathBuf>, String> {
        let name = pattern.file_name().unwrap_or_default().as_encoded_bytes();
        if !glob::is_pattern(name) {
            return Ok(vec![pattern.to_owned()]);
        }
        let directory = match pattern.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let entries = match self.storage.list(directory) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(e) => return Err(format!("cannot list {}: {e}", directory.display())),
        };
        let is_wanted = |name_found: &str| {
            let hidden = name_found.starts_with('.') && !name.starts_with(b".");
            !hidden && glob::matches(name, name_found.as_bytes())
        };
        let files = entries.into_iter().filter(|e| !e.is_dir && is_wanted(&e.name));
        Ok(files.map(|e| directory.join(e.name)).collect())
    }

    /// Takes one line's words, name first. The error says what was expected.
    fn take(&mut self, words: &[String], depth: usize) -> Result<(), String> {
        let Some((name, values)) = words.split_first() else { return Ok(()) };
        if name.eq_ignore_ascii_case("include") {
            let at = |problem| ConfigError::Line {
                place: Place::CommandLine,
                line: words.join(" "),
                problem,
            };
            return self.include(words, depth, &at).map_err(|e| e.to_string());
        }
        let Some(directive) = table::find(name) else {
            return if table::is_switched_off(name, values) { Ok(()) } else { Err(unknown(name)) };
        };
        let values: Vec<&str> = match values {
            // Several words may come as one, as CONFIG GET shows them: --save "900 1 300 10".
            [all] if directive.kind.is_list() => all.split(' ').collect(),
            _ => values.iter().map(String::as_str).collect(),
        };
        let is_first = !self.seen.contains(directive.name);
        (directive.absorb)(&mut self.config, directive.kind, &values, is_first).map_err(
            |error| format!("{error}\n  expected: {name} {}", directive.kind.expected()),
        )?;
        self.seen.insert(directive.name);
        let is_default = (directive.same)(&self.config, &Config::default());
        if directive.change == Change::Inert && !is_default {
            self.notes.push(format!("'{}' has no effect here: {}", directive.name, directive.doc));
        }
        Ok(())
    }
}

/// What an operator may not have meant.
fn advice(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    if config.maxmemory > 0 && config.maxmemory_policy != MaxmemoryPolicy::NoEviction {
        notes.push(format!(
            "maxmemory-policy {}: nothing is evicted yet, writes are refused at maxmemory",
            config.maxmemory_policy.as_str()
        ));
    }
    if !config.appendonly && config.save.0.is_empty() {
        notes.push("appendonly no without save points: nothing is kept over a restart".to_owned());
    }
    notes
}

fn unknown(name: &str) -> String {
    match (table::unsupported(name), table::nearest(name)) {
        (Some(why), _) => format!("'{name}' cannot be used: {why}"),
        (None, Some(nearest)) => {
            format!("no directive is called '{name}'; did you mean '{nearest}'?")
        }
        (None, None) => format!("no directive is called '{name}'; conf/vellum.conf lists them all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::options;
    use crate::storage::{OpenMode, SimDisk};

    fn load(files: &[(&str, &str)], args: &[&str]) -> Result<Loaded, String> {
        let disk = SimDisk::new(1);
        disk.create_dir(Path::new("/conf.d")).unwrap();
        for (path, text) in files {
            let file = disk.open(Path::new(path), OpenMode::Truncate).unwrap();
            file.write_all_at(text.as_bytes(), 0).unwrap();
        }
        let args = args.iter().map(std::ffi::OsString::from);
        let options::Invocation::Run(sources) = options::parse(args)? else { panic!() };
        let mut stdin: &[u8] = b"timeout 77\nport 77\n";
        Config::load(&disk, &sources, &mut stdin).map_err(|e| e.to_string())
    }

    #[test]
    fn later_sources_win() {
        let file =
            ("/a.conf", "# comment\r\nport 1\r\n\n  TIMEOUT 5 \nslaveof 10.0.0.1 7000\nport 2");
        let loaded = load(&[file], &["/a.conf", "--port", "3"]).unwrap();
        assert_eq!(loaded.config.port, 3);
        assert_eq!(loaded.config.timeout, 5);
        assert_eq!(loaded.config.replicaof.0.unwrap().host, "10.0.0.1");
        assert_eq!(loaded.file, Some(PathBuf::from("/a.conf")));
        let with_stdin = load(&[file], &["/a.conf", "--port", "3", "-"]).unwrap().config;
        assert_eq!((with_stdin.timeout, with_stdin.port), (77, 3));
        assert_eq!(load(&[], &[]).unwrap().config.changes(&Config::default()).count(), 0);
        let one_word =
            load(&[("/a.conf", "save \"60 5\"")], &["/a.conf", "--bind", "::1 127.0.0.1"]);
        let config = one_word.unwrap().config;
        assert_eq!((config.save.0.len(), config.bind.0.len()), (1, 2));
    }

    #[test]
    fn what_is_refused_may_be_switched_off() {
        let text = "cluster-enabled no\ntls-port 0\naclfile \"\"\nmaxmemory-clients 0\n";
        load(&[("/a.conf", text)], &["/a.conf"]).unwrap();
        for on in ["cluster-enabled yes", "tls-port 6380", "maxmemory-clients 5%"] {
            assert!(load(&[("/a.conf", on)], &["/a.conf"]).is_err(), "{on}");
        }
    }

    #[test]
    fn includes_take_patterns_and_have_a_bound() {
        let files = [
            ("/a.conf", "include /conf.d/*.conf\ninclude /none.d/*.conf\n"),
            ("/conf.d/1.conf", "port 1\ntimeout 1"),
            ("/conf.d/2.conf", "port 2"),
            ("/conf.d/other", "port 3"),
        ];
        let config = load(&files, &["/a.conf"]).unwrap().config;
        assert_eq!((config.port, config.timeout), (2, 1));
        let error = load(&[("/a.conf", "include /a.conf")], &["/a.conf"]).unwrap_err();
        assert!(error.contains("16 deep"), "{error}");
        let error = load(&[("/a.conf", "include /b.conf")], &["/a.conf"]).unwrap_err();
        assert!(error.starts_with("cannot read the configuration file /b.conf"), "{error}");
    }

    #[test]
    fn errors_name_file_line_and_what_was_expected() {
        let cases = [
            (
                "port 1\nappendfsnyc always",
                "/a.conf, line 2: appendfsnyc always\n  no directive is called 'appendfsnyc'; did you mean 'appendfsync'?",
            ),
            (
                "port abc",
                "/a.conf, line 1: port abc\n  argument couldn't be parsed into an integer\n  expected: port number, 0 to 65535",
            ),
            (
                "port",
                "/a.conf, line 1: port\n  wrong number of arguments\n  expected: port number, 0 to 65535",
            ),
            (
                "\n\nlogfile \"a",
                "/a.conf, line 3: logfile \"a\n  Unbalanced quotes in configuration line",
            ),
            (
                "tls-port 1",
                "/a.conf, line 1: tls-port 1\n  'tls-port' cannot be used: TLS is not supported",
            ),
            (
                "slaveof a",
                "/a.conf, line 1: slaveof a\n  wrong number of arguments\n  expected: slaveof no one | <host> <port>",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(load(&[("/a.conf", text)], &["/a.conf"]).unwrap_err(), expected);
        }
        let error = load(&[], &["--hz"]).unwrap_err();
        assert_eq!(
            error,
            "command line: 'hz'\n  wrong number of arguments\n  expected: hz number, 0 to 2147483647"
        );
        let error = load(&[], &["--port", "--hz", "7 \"8\""]).unwrap_err();
        assert!(error.starts_with("command line: 'port \"--hz\" \"7 \\\"8\\\"\"'\n"), "{error}");
        assert!(load(&[], &["/none.conf"]).unwrap_err().starts_with("cannot read"));
    }

    #[test]
    fn directives_without_effect_are_pointed_out_when_set() {
        let text = "io-threads-do-reads yes\nactiverehashing yes\n";
        let loaded = load(&[("/a.conf", text)], &["/a.conf"]).unwrap();
        assert_eq!(loaded.notes.len(), 1);
        assert!(loaded.notes[0].starts_with("'io-threads-do-reads' has no effect here: "));
        let args = ["--maxmemory", "1gb", "--maxmemory-policy", "allkeys-lru"];
        assert!(load(&[], &args).unwrap().notes[0].contains("nothing is evicted yet"));
        let args = ["--appendonly", "no", "--save", ""];
        assert!(load(&[], &args).unwrap().notes[0].contains("nothing is kept"));
    }
}
