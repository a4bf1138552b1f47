//! What the two servers say of themselves: commands, directives, figures. Names and facts are compared;
//! the words that explain them are our own.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use crate::support::{Client, Server, Value};

/// Commands that Redis 7.2 has and the installed server may not have.
const NEW_IN_7_2: &[&str] = &["waitaof", "client|setinfo", "client|no-touch"];

/// Commands of which 7.2 tells other facts: they take more arguments.
const LONGER_IN_7_2: &[&str] = &["zrank", "zrevrank"];
/// Commands whose arguments 7.2 documents under other names, or has more of.
const DOCUMENTED_ANEW_IN_7_2: &[&str] =
    &["xadd", "xclaim", "xgroup", "xinfo", "xreadgroup", "xsetid", "zrank", "zrevrank"];

/// Fields of COMMAND DOCS and of key specs that hold sentences, and one that came with 7.2.
const WORDS: &[&str] = &["summary", "history", "notes", "replaced_by", "display_text"];

struct Pair {
    vellum: Server,
    redis: Server,
    _dir: tempfile::TempDir,
}

impl Pair {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let vellum = Server::vellum(&dir.path().join("vellum"), &[]);
        let redis = Server::redis(&dir.path().join("redis"), &["--appendonly", "yes"]);
        Self { vellum, redis, _dir: dir }
    }

    /// Connections that speak RESP3: ours, theirs.
    fn clients(&self) -> [Client; 2] {
        [&self.vellum, &self.redis].map(|server| {
            let mut client = server.client();
            client.command(&["HELLO", "3"]);
            client
        })
    }
}

fn text(value: &Value) -> Option<String> {
    matches!(value, Value::Bulk(_) | Value::Simple(_)).then(|| value.text())
}

fn is_new(name: &Value) -> bool {
    text(name).is_some_and(|name| NEW_IN_7_2.contains(&&*name))
}

fn first_word(value: &Value) -> Value {
    let text = value.text();
    let end = text.find([' ', ',', '.']).unwrap_or(text.len());
    Value::Simple(text[..end].to_owned())
}

/// Facts in an order of their own; of a complexity, not what it explains.
fn facts(value: &Value) -> Value {
    match value {
        Value::Map(pairs) => {
            let is_fact = |name: &Value| !text(name).is_some_and(|n| WORDS.contains(&&*n));
            let pairs = pairs.iter().filter(|(name, _)| is_fact(name) && !is_new(name));
            let mut pairs: Vec<(Value, Value)> = pairs
                .map(|(name, value)| match text(name).as_deref() {
                    Some("complexity") => (name.clone(), first_word(value)),
                    _ => (name.clone(), facts(value)),
                })
                .collect();
            pairs.sort_by_key(|(name, _)| text(name));
            Value::Map(pairs)
        }
        Value::Array(items) => {
            let names_new = |item: &&Value| match item {
                Value::Array(inner) => inner.first().is_some_and(is_new),
                _ => false,
            };
            let mut items: Vec<Value> =
                items.iter().filter(|item| !names_new(item)).map(facts).collect();
            // Flags, tips and subcommands are sets; the fields of a command and its arguments are not.
            if !items.iter().any(|item| matches!(item, Value::Map(_) | Value::Integer(_))) {
                items.sort_by_key(|item| format!("{item:?}"));
            }
            Value::Array(items)
        }
        other => other.clone(),
    }
}

/// Fails with every name that both have and of which they say different things, but for a few.
fn compare(
    ours: &BTreeMap<String, Value>,
    theirs: &BTreeMap<String, Value>,
    changed_in_7_2: &[&str],
) {
    let mut found = Vec::new();
    for (name, ours) in ours {
        match theirs.get(name) {
            Some(theirs) if facts(ours) == facts(theirs) => {}
            Some(_) if changed_in_7_2.contains(&&**name) => {}
            Some(theirs) => found.push(format!(
                "{name}\n  ours   {:?}\n  theirs {:?}",
                facts(ours),
                facts(theirs)
            )),
            None if NEW_IN_7_2.contains(&&**name) => {}
            None => found.push(format!("{name} is no command of Redis")),
        }
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn commands_have_the_facts_that_redis_tells() {
    let pair = Pair::start();
    let [ours, theirs] = pair.clients().map(|mut client| {
        let all = client.command(&["COMMAND"]);
        let named = |command: &Value| (command.items()[0].text(), command.clone());
        all.items().iter().map(named).collect::<BTreeMap<_, _>>()
    });
    assert!(ours.len() > 80, "{}", ours.len());
    compare(&ours, &theirs, LONGER_IN_7_2);
}

#[test]
fn commands_are_documented_with_the_facts_that_redis_tells() {
    let pair = Pair::start();
    let [ours, theirs] = pair.clients().map(|mut client| {
        let Value::Map(pairs) = client.command(&["COMMAND", "DOCS"]) else { panic!("no map") };
        pairs.into_iter().map(|(name, docs)| (name.text(), docs)).collect::<BTreeMap<_, _>>()
    });
    compare(&ours, &theirs, DOCUMENTED_ANEW_IN_7_2);
}

/// 7.2 says of every argument but a choice or a block how it is shown.
#[test]
fn arguments_are_documented_with_their_display_text() {
    let pair = Pair::start();
    let [mut ours, _] = pair.clients();
    let docs = ours.command(&["COMMAND", "DOCS", "GET"]);
    let told = format!("{docs:?}");
    let expected = r#""name": "key", "type": "key", "display_text": "key", "key_spec_index": "#;
    assert!(told.contains(expected), "{told}");
}

#[test]
fn commands_are_listed_by_category_and_pattern_as_by_redis() {
    let pair = Pair::start();
    let [mut ours, mut theirs] = pair.clients();
    let names = |client: &mut Client, filter: &[&str]| {
        let words = [&["COMMAND", "LIST"], filter].concat();
        client.command(&words).items().iter().map(Value::text).collect::<BTreeSet<_>>()
    };
    let all = names(&mut ours, &[]);
    let categories = [
        "keyspace",
        "read",
        "write",
        "string",
        "bitmap",
        "hyperloglog",
        "admin",
        "fast",
        "slow",
        "blocking",
        "dangerous",
        "connection",
        "transaction",
        "scripting",
        "pubsub",
    ];
    let by_category = categories.map(|name| ["FILTERBY", "ACLCAT", name]);
    let by_pattern = ["*", "g*", "c*|*", "*set*", "xgroup|*"].map(|p| ["FILTERBY", "PATTERN", p]);
    for filter in by_category.iter().chain(&by_pattern) {
        let mut expected = names(&mut theirs, filter);
        expected.retain(|name| all.contains(name));
        let mut found = names(&mut ours, filter);
        found.retain(|name| !NEW_IN_7_2.contains(&&**name));
        assert_eq!(found, expected, "{filter:?}");
    }
}

/// Directives of Redis 7.2 that the installed server may not have.
const NEW_DIRECTIVES: &[&str] =
    &["set-max-listpack-entries", "set-max-listpack-value", "locale-collate"];

#[test]
fn every_directive_of_redis_is_known_or_refused_for_a_reason() {
    let pair = Pair::start();
    let [ours, theirs] = pair.clients().map(|mut client| {
        let Value::Map(pairs) = client.command(&["CONFIG", "GET", "*"]) else { panic!("no map") };
        let named = pairs.into_iter().map(|(name, value)| (name.text(), value.text()));
        named.collect::<BTreeMap<_, _>>()
    });
    let mut found = Vec::new();
    let new = NEW_DIRECTIVES.iter().map(|name| (*name).to_owned());
    for name in theirs.keys().cloned().chain(new).filter(|name| !ours.contains_key(name)) {
        let file = pair.vellum.dir.with_extension("conf");
        std::fs::write(&file, format!("{name} on-for-the-test\n")).expect("a file");
        let program = env!("CARGO_BIN_EXE_vellum-server");
        let output = Command::new(program).arg("--check-config").arg(&file).output();
        let told = String::from_utf8_lossy(&output.expect("it runs").stderr).into_owned();
        if !told.contains("cannot be used: ") {
            found.push(format!("{name}: {told}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Defaults that are not Redis's, each for a reason.
const OTHER_DEFAULTS: &[&str] = &[
    "port",
    "dir",
    "bind",                 // of this test
    "appendonly",           // set above for the other server
    "appendfsync",          // nothing acknowledged is lost
    "enable-debug-command", // of this test
];

#[test]
fn directives_have_the_defaults_of_redis() {
    let pair = Pair::start();
    let [ours, theirs] = pair.clients().map(|mut client| {
        let Value::Map(pairs) = client.command(&["CONFIG", "GET", "*"]) else { panic!("no map") };
        let named = pairs.into_iter().map(|(name, value)| (name.text(), value.text()));
        named.collect::<BTreeMap<_, _>>()
    });
    let differ = |name: &&String| ours.get(*name).is_some_and(|value| *value != theirs[*name]);
    let found: Vec<_> =
        theirs.keys().filter(differ).filter(|name| !OTHER_DEFAULTS.contains(&&***name)).collect();
    let told: Vec<_> = found.iter().map(|name| (name, &ours[*name], &theirs[*name])).collect();
    assert!(found.is_empty(), "{told:?}");
}

/// The names of INFO by section, in order.
fn figures(client: &mut Client, sections: &[&str]) -> Vec<(String, Vec<String>)> {
    let text = client.command(&[&["INFO"], sections].concat()).text();
    let mut found: Vec<(String, Vec<String>)> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("# ") {
            found.push((name.to_owned(), Vec::new()));
        } else if let (Some((name, _)), Some((_, names))) = (line.split_once(':'), found.last_mut())
        {
            names.push(name.to_owned());
        }
    }
    found
}

/// Names of INFO that tell of what is not there.
const FIGURES_LEFT_OUT: &[&str] = &[
    "gcc_version",         // the compiler is rustc
    "used_memory_vm_eval", // there are no scripts
    "used_memory_scripts_eval",
    "used_memory_vm_functions",
    "used_memory_vm_total",
    "used_memory_vm_total_human",
    "used_memory_functions",
];

#[test]
fn info_has_the_sections_and_names_of_redis() {
    let pair = Pair::start();
    let [mut ours, mut theirs] = pair.clients();
    for client in [&mut ours, &mut theirs] {
        client.command(&["SET", "a", "1"]);
        client.command(&["GET", "a"]);
        client.command(&["nope"]);
    }
    for sections in [
        &[][..],
        &["default"],
        &["all"],
        &["everything"],
        &["server"],
        &["memory", "CPU"],
        &["nosuch", "clients"],
        &["commandstats", "errorstats", "latencystats"],
        &["modules"],
        &["keyspace", "keyspace"],
    ] {
        let (our, their) = (figures(&mut ours, sections), figures(&mut theirs, sections));
        let titles = |found: &[(String, Vec<String>)]| -> Vec<String> {
            found.iter().map(|(title, _)| title.clone()).collect()
        };
        assert_eq!(titles(&our), titles(&their), "{sections:?}");
        for ((title, our), (_, their)) in our.into_iter().zip(their) {
            if title == "Commandstats" || title == "Latencystats" {
                // In the order of a table, which is not the same.
                assert_eq!(BTreeSet::from_iter(our), BTreeSet::from_iter(their), "{title}");
                continue;
            }
            let kept = |name: &&String| !FIGURES_LEFT_OUT.contains(&&***name);
            let common: Vec<_> = our.iter().filter(|name| their.contains(name)).collect();
            assert_eq!(common, their.iter().filter(kept).collect::<Vec<_>>(), "{title}");
        }
    }
}

#[test]
fn memory_stats_have_the_names_of_redis() {
    let pair = Pair::start();
    let [ours, theirs] = pair.clients().map(|mut client| {
        client.command(&["SET", "a", "1"]);
        let Value::Map(pairs) = client.command(&["MEMORY", "STATS"]) else { panic!("no map") };
        let kind = |value: &Value| std::mem::discriminant(value);
        pairs.iter().map(|(name, value)| (name.text(), kind(value))).collect::<Vec<_>>()
    });
    assert_eq!(ours, theirs);
}

/// Commands that go well and wrong in every way that figures tell of.
const COUNTED: &str = "SET a 1\nGET a\nGET missing\nEXISTS a missing\nTTL a\nTYPE missing\nTOUCH a missing
OBJECT ENCODING missing\nMGET a b a\nGETRANGE a 0 1\nGETEX a\nGETDEL missing\nGETSET a 5\nSET a 6 GET
SETNX a 1\nAPPEND a x\nINCR a\nINCR b\nINCRBYFLOAT b 1.5\nSETRANGE b 0 x\nDEL missing b\nMSET x 1 y 2
MSETNX x 1 q 2\nUNLINK x y\nEXPIRE missing 10\nSET a 1 EX 100\nEXPIRE a 10\nPERSIST a\nPERSIST a
RENAME missing x\nRENAME a c\nCOPY c d\nMOVE c 1\nDUMP d\nKEYS *\nLCS d missing\nMEMORY USAGE d
SET t 1 PXAT 1\nSET t 1\nEXPIRE t -1\nSET t 1\nGETEX t PXAT 1\nSET t 1 PX 1\nDEBUG SLEEP 0.01\nGET t
nope\nGET\nCONFIG nope\nCONFIG GET\nCONFIG SET maxmemory x\nAUTH x\nHELLO 9\nHELLO 2 AUTH a b\nEXEC
MULTI\nnope\nEXEC\nMULTI\nSET a 1\nINCR a\nLCS a a IDX LEN\nEXEC\nDISCARD\nSELECT 99\nSET a 1 FOO
RESTORE a 0 x\nCLIENT KILL 1.1.1.1:5\nOBJECT FREQ d\nSWAPDB 0 1\nSWAPDB 0 1\nECHO x\nWATCH a\nMULTI\nEXEC
SET a 1\nSET b 2\nFLUSHDB\nSETBIT a 7 0\nSETBIT a 7 0\nSETBIT a 7 1\nGETBIT a 7\nGETBIT missing 7\nBITCOUNT a
BITCOUNT missing x y\nBITPOS missing 2\nBITPOS a 1\nBITOP AND b missing\nBITOP OR b a missing\nBITOP AND b missing
BITFIELD f OVERFLOW FAIL SET u2 0 100\nBITFIELD f SET u8 8 1 SET u8 8 1 GET u8 8\nBITFIELD f SET u8 8 1
BITFIELD missing GET u8 0\nBITFIELD_RO f GET u8 0\nBITFIELD f nope\nPFADD h\nPFADD h\nPFADD h a b c\nPFADD h a
PFCOUNT h\nPFCOUNT h\nPFCOUNT missing h\nPFADD a x\nPFMERGE i h missing\nPFMERGE i a\nPFDEBUG ENCODING h
PFDEBUG TODENSE h\nPFDEBUG TODENSE h\nPFADD h a d\nPFDEBUG GETREG i\nPFDEBUG nope i\nPFDEBUG ENCODING missing
SET a 1\nSET b 2\nFLUSHALL\nFLUSHALL";

/// Lines of INFO whose numbers depend on nothing but the commands.
fn counts(client: &mut Client) -> Vec<String> {
    let text = client.command(&["INFO", "everything"]).text();
    let is_count = |line: &&str| {
        let names = [
            "keyspace_hits:",
            "keyspace_misses:",
            "expired_keys:",
            "total_commands_processed:",
            "total_error_replies:",
            "rdb_changes_since_last_save:",
            "errorstat_",
            "cmdstat_",
        ];
        names.iter().any(|name| line.starts_with(name))
    };
    let timeless = |line: &str| {
        let fields = line.split(',').filter(|field| !field.starts_with("usec"));
        fields.collect::<Vec<_>>().join(",")
    };
    text.lines().filter(is_count).map(timeless).collect()
}

#[test]
fn the_same_commands_are_counted_as_redis_counts_them() {
    let pair = Pair::start();
    let [ours, theirs] = [&pair.vellum, &pair.redis].map(|server| {
        let mut client = server.client();
        client.command(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
        // With save points FLUSHALL would save, and there were no changes any more.
        client.command(&["CONFIG", "SET", "save", ""]);
        client.command(&["CONFIG", "RESETSTAT"]);
        for line in COUNTED.lines() {
            client.command(&line.split(' ').collect::<Vec<_>>());
        }
        counts(&mut client).into_iter().collect::<BTreeSet<_>>()
    });
    let only = |some: &BTreeSet<String>, others: &BTreeSet<String>| {
        some.difference(others).cloned().collect::<Vec<_>>()
    };
    assert_eq!(only(&ours, &theirs), only(&theirs, &ours));
}
