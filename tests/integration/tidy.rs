//! The house rules that no compiler checks: layers, `unsafe`, file headers, leftovers, documents.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What each layer may import of the crate: the table of ARCHITECTURE.md.
const LAYERS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("storage", &["base"]),
    ("resp", &["base"]),
    ("keyspace", &["base"]),
    ("rdb", &["base", "storage", "resp", "keyspace"]),
    ("log", &["base", "storage", "resp"]),
    ("command", &["base", "resp", "keyspace", "rdb"]),
    ("engine", &["base", "storage", "resp", "keyspace", "rdb", "log", "command"]),
    ("replication", &["base", "storage", "resp", "keyspace", "rdb", "log", "command", "engine"]),
    ("net", &["base", "resp", "engine"]),
    (
        "server",
        &[
            "base",
            "storage",
            "resp",
            "keyspace",
            "rdb",
            "log",
            "command",
            "engine",
            "replication",
            "net",
        ],
    ),
    ("inspect", &["base", "storage", "resp", "keyspace", "rdb", "log", "command"]),
];

/// Files that may hold `unsafe`.
const UNSAFE_FILES: &[&str] = &[
    "src/base/alloc.rs",
    "src/keyspace/entry.rs",
    "src/keyspace/prefetch.rs",
    "src/storage/lease.rs",
    "src/storage/map.rs",
];

/// What only some may name: the name, and the files or folders that may.
const RESTRICTED: &[(&str, &[&str])] = &[
    // The engine runs without a runtime; its service names only the traits of a socket it is handed.
    ("tokio", &["src/engine/service.rs", "src/net", "src/replication", "src/server", "src/bin"]),
    ("sled", &["src/log/catalogue", "src/inspect"]),
    ("anyhow", &["src/bin"]),
    // Data is reached through `storage` only. Beside it: sled's own folder, the file of a unix socket,
    // the server's log, /proc and the process id file, what the user names to the tool.
    (
        "std::fs",
        &[
            "src/storage",
            "src/log/catalogue",
            "src/net/listener.rs",
            "src/server/logging.rs",
            "src/server/process.rs",
            "src/inspect",
            "src/bin",
        ],
    ),
    (
        "std::net",
        &["src/net", "src/replication", "src/server", "src/inspect", "src/bin", "src/engine"],
    ),
    ("SystemTime", &["src/base/clock.rs"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files under a folder whose names end so, as paths from the root.
fn files(folder: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(root().join(&folder)) else { continue };
        for entry in entries {
            let entry = entry.expect("a folder can be listed");
            let path = folder.join(entry.file_name());
            if entry.file_type().expect("an entry has a type").is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

fn sources() -> Vec<String> {
    ["src", "tests", "benches"].iter().flat_map(|folder| files(folder, ".rs")).collect()
}

fn documents() -> Vec<String> {
    let top = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned);
    let folders = ["data", "tests", "benches", "conf"];
    let mut all: Vec<String> = top.into_iter().filter(|path| root().join(path).exists()).collect();
    all.extend(
        folders.iter().map(|f| format!("{f}/README.md")).filter(|p| root().join(p).exists()),
    );
    all
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The lines of a source file without comments, with their numbers.
fn code(path: &str) -> Vec<(usize, String)> {
    let text = text(path);
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line));
    let code = lines.filter(|(_, line)| !line.trim_start().starts_with("//"));
    code.map(|(n, line)| (n, line.split(" // ").next().unwrap_or_default().to_owned())).collect()
}

/// Collects what breaks a rule and fails once, with all of it.
#[derive(Default)]
struct Complaints(Vec<String>);

impl Complaints {
    fn add(&mut self, complaint: String) {
        self.0.push(complaint);
    }

    fn none(self, rule: &str) {
        assert!(self.0.is_empty(), "{rule}:\n  {}", self.0.join("\n  "));
    }
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

fn contains_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(is_part);
        let after = line[at + word.len()..].chars().next().is_some_and(is_part);
        !before && !after
    })
}

/// Layers that a line names: after `crate::`, or after enough `super::` to leave the own layer. A
/// group (`use crate::{a, b}`) is answered as one unknown name, because it hides what it imports.
fn named_layers(line: &str, depth: usize) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        let is_own_word = !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        if is_own_word && !line[..at].ends_with('$') {
            let rest = &line[at + "crate::".len()..];
            let name = identifier(rest);
            let name =
                if rest.starts_with('{') { "a group; name each layer by itself" } else { name };
            named.push(name.to_owned());
        }
    }
    let chain = "super::".repeat(depth);
    if let Some((_, rest)) = line.split_once(&chain) {
        let name = identifier(rest);
        named.extend(LAYERS.iter().find(|(layer, _)| *layer == name).map(|_| name.to_owned()));
    }
    named
}

#[test]
fn imports_point_down() {
    let mut complaints = Complaints::default();
    for (layer, may) in LAYERS {
        for path in files(&format!("src/{layer}"), ".rs") {
            let depth = path.split('/').count() - 1 - usize::from(path.ends_with("/mod.rs"));
            for (n, line) in code(&path) {
                for name in named_layers(&line, depth) {
                    if name != *layer && !may.contains(&name.as_str()) {
                        complaints.add(format!("{path}:{n}: {layer} uses {name}"));
                    }
                }
            }
        }
    }
    complaints.none("a layer imports only what the table of layers lets it");
}

#[test]
fn every_folder_is_a_layer() {
    let entries = std::fs::read_dir(root().join("src")).unwrap().map(|e| e.unwrap());
    let folders: BTreeSet<String> = entries
        .filter(|e| e.file_type().unwrap().is_dir())
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    let known = LAYERS.iter().map(|(layer, _)| (*layer).to_owned()).chain(["bin".to_owned()]);
    assert_eq!(folders, known.collect());
}

#[test]
fn outer_things_stay_in_their_layers() {
    let mut complaints = Complaints::default();
    for path in files("src", ".rs") {
        for (name, may) in RESTRICTED {
            if may.iter().any(|allowed| Path::new(&path).starts_with(allowed)) {
                continue;
            }
            // Tests at the end of a file may use what they need.
            let lines = code(&path).into_iter().take_while(|(_, line)| line != "#[cfg(test)]");
            for (n, _) in lines.filter(|(_, line)| contains_word(line, name)) {
                complaints.add(format!("{path}:{n}: {name}"));
            }
        }
    }
    complaints.none("files, sockets, clocks and runtimes are used only where they belong");
}

#[test]
fn unsafe_stays_in_its_files() {
    let mut complaints = Complaints::default();
    for path in sources() {
        let is_allowed = UNSAFE_FILES.contains(&path.as_str());
        for (n, line) in code(&path) {
            if contains_word(&line, "unsafe") && !is_allowed && !path.ends_with("tidy.rs") {
                complaints.add(format!("{path}:{n}: unsafe"));
            }
        }
        let whole = text(&path);
        let uses = code(&path).iter().filter(|(_, line)| line.contains("unsafe {")).count();
        if is_allowed && whole.matches("SAFETY:").count() < uses {
            complaints.add(format!("{path}: fewer SAFETY comments than unsafe blocks"));
        }
    }
    complaints.none("unsafe code is in small files named for it, each use with its reason");
}

#[test]
fn files_say_what_they_are_for() {
    let mut complaints = Complaints::default();
    for path in sources() {
        if !text(&path).starts_with("//! ") {
            complaints.add(path);
        }
    }
    complaints.none("every file opens with //!");
}

#[test]
fn nothing_is_left_over() {
    let mut complaints = Complaints::default();
    let leftovers = ["TODO", "FIXME", "XXX", "HACK"];
    for path in sources().into_iter().chain(documents()) {
        if path.ends_with("tidy.rs") {
            continue;
        }
        for (n, line) in text(&path).lines().enumerate().map(|(n, line)| (n + 1, line)) {
            for word in leftovers.iter().filter(|word| contains_word(line, word)) {
                complaints.add(format!("{path}:{n}: {word}"));
            }
            if line.contains("#[allow(") || line.contains("#![allow(") {
                complaints.add(format!(
                    "{path}:{n}: #[allow]; #[expect] with a reason says when it is over"
                ));
            }
        }
    }
    complaints.none("what is to be done is done, or stands in README.md's table");
}

/// Paths of this repository that a document names in backquotes, and those its links point to.
fn paths_in(document: &str) -> Vec<String> {
    let text = text(document);
    let folders = ["src/", "tests/", "benches/", "conf/", ".ci/"];
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        folders.iter().any(|folder| word.starts_with(folder))
            && !word.contains(['*', '{', '<', ' '])
    };
    let mut paths: Vec<String> = quoted.filter(is_path).map(str::to_owned).collect();
    let base = Path::new(document).parent().unwrap_or(Path::new(""));
    for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let target = link.split('#').next().unwrap_or_default();
        if !target.is_empty() && !target.contains("://") {
            paths.push(base.join(target).to_string_lossy().into_owned());
        }
    }
    paths
}

#[test]
fn documents_name_files_that_exist() {
    let mut complaints = Complaints::default();
    for document in documents() {
        for path in paths_in(&document).into_iter().filter(|path| !root().join(path).exists()) {
            complaints.add(format!("{document}: {path}"));
        }
    }
    complaints.none("paths in documents exist");
}

#[test]
fn the_table_of_layers_is_the_documented_one() {
    let architecture = text("ARCHITECTURE.md");
    let mut complaints = Complaints::default();
    for (layer, may) in LAYERS {
        let row = architecture.lines().find(|line| line.starts_with(&format!("| `{layer}` |")));
        let cells: Vec<&str> = row.unwrap_or_default().split('|').map(str::trim).collect();
        let expected = if may.is_empty() { "nothing".to_owned() } else { may.join(", ") };
        if cells.get(3) != Some(&expected.as_str()) {
            complaints.add(format!("{layer}: expected '{expected}' in the third column"));
        }
    }
    complaints.none("ARCHITECTURE.md shows what each layer imports");
}

#[test]
fn the_rules_here_notice_what_they_forbid() {
    assert_eq!(named_layers("use crate::server::Node;", 2), ["server"]);
    assert_eq!(named_layers("use super::super::net::X;", 2), ["net"]);
    assert_eq!(named_layers("use super::log::X;", 2), Vec::<String>::new());
    assert_eq!(named_layers("use crate::{net, log};", 2).len(), 1);
    assert_eq!(named_layers("let x = mycrate::net;", 2), Vec::<String>::new());
    assert!(contains_word("unsafe { x }", "unsafe") && !contains_word("unsafe_code", "unsafe"));
    assert!(sources().len() > 40 && !files("src/storage", ".rs").is_empty());
}
