//! The files in `conf/` against the table of directives in the code, and Debian's redis.conf.

use std::io;
use std::path::{Path, PathBuf};

use vellum::server::config::{Change, Config, DIRECTIVES, Directive, Loaded, Sources, tokens};
use vellum::storage::RealDisk;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn load(path: &Path) -> Loaded {
    let sources = Sources { file: Some(path.to_owned()), ..Sources::default() };
    Config::load(&RealDisk, &sources, &mut io::empty()).unwrap_or_else(|error| panic!("{error}"))
}

/// A directive's line in the example file, and the words of the comment right above it.
struct Documented {
    line: String,
    comment: String,
}

fn documented(text: &str) -> Vec<Documented> {
    let mut comment = Vec::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(words) = line.strip_prefix('#') {
            comment.extend(words.split_whitespace().map(str::to_owned));
        } else {
            let comment = std::mem::take(&mut comment).join(" ");
            if !line.is_empty() {
                found.push(Documented { line: line.to_owned(), comment });
            }
        }
    }
    found
}

fn when(directive: &Directive) -> Option<&'static str> {
    match directive.change {
        Change::Startup => Some("at start only"),
        Change::Runtime(_) => Some("CONFIG SET"),
        Change::Protected(_) => Some("CONFIG SET where enable-protected-configs lets"),
        Change::Inert => None,
    }
}

#[test]
fn the_example_file_has_every_directive_once_with_its_default() {
    let text = std::fs::read_to_string(repository().join("conf/vellum.conf")).unwrap();
    let lines = documented(&text);
    let names: Vec<&str> = lines.iter().filter_map(|d| d.line.split(' ').next()).collect();
    let expected: Vec<&str> = DIRECTIVES.iter().map(|d| d.name).collect();
    assert_eq!(names, expected, "names in the order of the table, none missing or twice");
    for (directive, found) in DIRECTIVES.iter().zip(&lines) {
        assert_eq!(found.line, format!("{} {}", directive.name, directive.default));
        let mut about = vec![directive.kind.expected()];
        about.extend(when(directive).map(str::to_owned));
        if !directive.aliases.is_empty() {
            about.push(format!("also {}", directive.aliases.join(", ")));
        }
        let expected = format!("{} ({})", directive.doc, about.join("; "));
        assert_eq!(found.comment, expected, "the comment above {}", directive.name);
        tokens::split(found.line.as_bytes()).expect("quotes are balanced");
    }
}

#[test]
fn the_example_file_gives_the_defaults() {
    let loaded = load(&repository().join("conf/vellum.conf"));
    let changed: Vec<&str> = loaded.config.changes(&Config::default()).map(|d| d.name).collect();
    assert_eq!(changed, Vec::<&str>::new());
    assert_eq!(loaded.notes, Vec::<String>::new());
}

#[test]
fn the_replica_file_follows_the_example_master() {
    let config = load(&repository().join("conf/replica.conf")).config;
    let master = Config::default();
    let followed = config.replicaof.0.as_ref().expect("a master is set");
    assert_eq!((followed.host.as_str(), followed.port), ("127.0.0.1", master.port));
    assert_ne!(config.port, master.port);
    assert_eq!(config.dir, PathBuf::from("./data-replica"));
}

#[cfg(feature = "interop")]
#[test]
fn the_file_debian_ships_for_redis_is_accepted() {
    let path = Path::new("/etc/redis/redis.conf");
    if let Err(error) = std::fs::File::open(path) {
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
        eprintln!("skipped: {} may only be read by the user redis", path.display());
        return;
    }
    let config = load(path).config;
    assert_eq!(config.dir, PathBuf::from("/var/lib/redis"));
    assert_eq!(config.bind.0, ["127.0.0.1", "-::1"]);
    assert!(config.daemonize && !config.appendonly);
    assert_eq!(
        config.changes(&Config::default()).map(|d| d.name).collect::<Vec<_>>(),
        ["bind", "daemonize", "pidfile", "logfile", "dir", "appendonly", "appendfsync",]
    );
}
