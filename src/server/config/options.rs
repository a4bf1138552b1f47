//! The command line: `vellum-server [FILE | -] [--directive value ...]`, as redis-server reads it.

use std::ffi::OsString;
use std::path::PathBuf;

use super::file::Sources;
use super::tokens;
use crate::base::version::{REDIS_VERSION, VELLUM_VERSION};

/// One directive given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Name and values.
    pub words: Vec<String>,
}

impl Override {
    /// The line of a file that says the same, in quotes: how the arguments were understood.
    pub fn line(&self) -> String {
        let mut line = self.words.first().cloned().unwrap_or_default();
        for value in self.words.iter().skip(1) {
            line.push(' ');
            line.push_str(&tokens::quoted(value));
        }
        format!("'{line}'")
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Invocation {
    /// Start the server.
    Run(Sources),
    /// Read the configuration, say whether it is right, and stop.
    CheckConfig(Sources),
    /// Print the version.
    Version,
    /// Print the help.
    Help,
}

/// What `--help` prints.
pub const HELP: &str = "\
Vellum: a server that speaks the Redis protocol and has every acknowledged write on disk.

Usage: vellum-server [FILE | -] [--directive value ...]

  FILE                   configuration file in redis.conf's syntax; see conf/vellum.conf
  -                      read the configuration from standard input
  --directive value ...  set any directive, over what the file says
  --check-config         read the configuration, report what is wrong with it, and stop
  -h, --help             this text
  -v, --version          the version

Without a file the defaults hold: port 6379, data in ./data, every write synced before its reply.

Examples:
  vellum-server
  vellum-server conf/vellum.conf
  vellum-server conf/replica.conf --loglevel verbose
  vellum-server --port 7000 --dir ./data-7000 --slaveof 127.0.0.1 6379
  vellum-server --appendonly no --save \"\"
  echo 'maxmemory 1gb' | vellum-server -

On a running server CONFIG GET * lists the directives, CONFIG SET changes them, CONFIG REWRITE
writes the changes to the file. vellum-log looks into the data directory.
";

/// What `--version` prints.
pub fn version_text() -> String {
    format!(
        "Vellum server v={} redis_version={} bits={}",
        VELLUM_VERSION,
        REDIS_VERSION,
        usize::BITS
    )
}

/// Reads the arguments after the program's name. The error is a sentence for the user.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, String> {
    let args: Result<Vec<String>, _> = args.into_iter().map(OsString::into_string).collect();
    let args = args.map_err(|arg| format!("the argument {arg:?} is not UTF-8 text"))?;
    match args.as_slice() {
        [only] if matches!(only.as_str(), "-v" | "--version") => return Ok(Invocation::Version),
        [only] if matches!(only.as_str(), "-h" | "--help") => return Ok(Invocation::Help),
        _ => {}
    }
    let is_check = |arg: &String| arg == "--check-config";
    let checks = args.iter().any(is_check);
    let args: Vec<String> = args.into_iter().filter(|arg| !is_check(arg)).collect();
    let sources = sources(&args)?;
    Ok(if checks { Invocation::CheckConfig(sources) } else { Invocation::Run(sources) })
}

fn sources(args: &[String]) -> Result<Sources, String> {
    let mut sources = Sources::default();
    let mut rest = args;
    if let [first, after @ ..] = rest
        && !first.starts_with('-')
    {
        sources.file = Some(PathBuf::from(first));
        rest = after;
    }
    if let [first, after @ ..] = rest
        && first == "-"
    {
        sources.stdin = true;
        rest = after;
    }
    if let [before @ .., last] = rest
        && last == "-"
    {
        sources.stdin = true;
        rest = before;
    }
    // A value may begin with "--" when it is the first after its directive's name.
    let mut wants_value = false;
    for (n, arg) in rest.iter().enumerate() {
        match (arg.strip_prefix("--"), sources.overrides.last_mut()) {
            (Some(name), _) if !wants_value => {
                let mut words = option_words(name)?;
                let next = rest.get(n + 1);
                let is_bare_save = words.len() == 1
                    && words[0].eq_ignore_ascii_case("save")
                    && next.is_none_or(|next| next.starts_with("--"));
                if is_bare_save {
                    words.push(String::new());
                }
                wants_value = words.len() == 1;
                sources.overrides.push(Override { words });
            }
            (_, Some(given)) => {
                given.words.push(arg.clone());
                wants_value = false;
            }
            // As in Redis, the first directive may come without its dashes.
            (_, None) if !arg.starts_with('-') => {
                sources.overrides.push(Override { words: vec![arg.clone()] });
                wants_value = true;
            }
            (_, None) => {
                return Err(format!(
                    "unexpected argument '{arg}'; vellum-server --help shows the usage"
                ));
            }
        }
    }
    Ok(sources)
}

/// The words of an option's first argument, which may hold its values too (`"--port 7000"`).
fn option_words(option: &str) -> Result<Vec<String>, String> {
    let words = tokens::split(option.as_bytes()).unwrap_or_default();
    let words: Vec<String> =
        words.into_iter().map(|word| String::from_utf8_lossy(&word).into_owned()).collect();
    if words.is_empty() {
        return Err(format!("the argument '--{option}' names no directive"));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Sources {
        match parse(args.iter().map(OsString::from)).unwrap() {
            Invocation::Run(sources) => sources,
            other => panic!("{other:?}"),
        }
    }

    fn words(sources: &Sources) -> Vec<Vec<&str>> {
        sources.overrides.iter().map(|o| o.words.iter().map(String::as_str).collect()).collect()
    }

    #[test]
    fn files_standard_input_and_directives() {
        let sources = run(&["a.conf", "--port", "7000", "--slaveof", "127.0.0.1", "6379"]);
        assert_eq!(sources.file, Some(PathBuf::from("a.conf")));
        assert_eq!(words(&sources), [vec!["port", "7000"], vec!["slaveof", "127.0.0.1", "6379"]]);
        assert!(run(&["-"]).stdin);
        assert!(run(&["a.conf", "-"]).stdin);
        let last = run(&["--loglevel", "verbose", "-"]);
        assert!(last.stdin);
        assert_eq!(words(&last), [["loglevel", "verbose"]]);
        assert_eq!(run(&[]), Sources::default());
        let bare = run(&["a.conf", "loglevel", "verbose", "--port 1"]);
        assert_eq!(words(&bare), [["loglevel", "verbose"], ["port", "1"]]);
    }

    #[test]
    fn values_redis_treats_specially() {
        assert_eq!(words(&run(&["--save", "", "--port", "1"])), [["save", ""], ["port", "1"]]);
        assert_eq!(words(&run(&["--save", "--port", "1"])), [["save", ""], ["port", "1"]]);
        assert_eq!(words(&run(&["--save"])), [["save", ""]]);
        assert_eq!(words(&run(&["--port 7000"])), [["port", "7000"]]);
        assert_eq!(words(&run(&["--requirepass", "--secret"])), [["requirepass", "--secret"]]);
        assert_eq!(words(&run(&["--slowlog-log-slower-than", "-1"]))[0][1], "-1");
    }

    #[test]
    fn questions_about_the_program() {
        let ask = |arg: &str| parse([OsString::from(arg)]).unwrap();
        assert_eq!(ask("-v"), Invocation::Version);
        assert_eq!(ask("--help"), Invocation::Help);
        assert_eq!(ask("--check-config"), Invocation::CheckConfig(Sources::default()));
        assert!(parse([OsString::from("-x")]).is_err());
        assert!(parse([OsString::from("--")]).is_err());
    }
}
