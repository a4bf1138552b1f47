//! Messages and keyspace notifications beside redis-server: the same events in the same order, and each
//! other's messages through replication.

use std::path::Path;
use std::process::Command;

use crate::command_script::random_command;
use crate::dataset::{contents, write_mix};
use crate::interop_command::is_decided_by_a_millisecond;
use crate::support::replicas::{follow, wait_to_catch_up};
use crate::support::{Client, Program, Server};

/// Everything there is to tell, missing and new keys included.
const ALL_EVENTS: &str = "KEAmn";

/// Both servers with the same keys, and a connection to each that listens to all notifications.
struct Pair {
    _servers: [Server; 2],
    writers: [Client; 2],
    markers: [Client; 2],
    listeners: [Client; 2],
    _dir: tempfile::TempDir,
}

impl Pair {
    fn start(classes: &str) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let args = ["--save", "", "--notify-keyspace-events", classes];
        let start = |program, name| Server::start(program, &dir.path().join(name), &args);
        let servers = [start(Program::Vellum, "vellum"), start(Program::Redis, "redis")];
        let writers = [servers[0].client(), servers[1].client()].map(|mut client| {
            assert!(client.command(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]).is_ok());
            client
        });
        let listeners = [servers[0].client(), servers[1].client()].map(|mut client| {
            client.command(&["PSUBSCRIBE", "__key*"]);
            client.command(&["SUBSCRIBE", "end"]);
            client
        });
        let markers = [servers[0].client(), servers[1].client()];
        Self { _servers: servers, writers, markers, listeners, _dir: dir }
    }

    fn run(&mut self, words: &[&[u8]]) {
        for writer in &mut self.writers {
            writer.command_bytes(words);
        }
    }

    /// What each server's listener has been told since the last call, byte for byte.
    fn told(&mut self) -> [Vec<String>; 2] {
        [0, 1].map(|n| {
            // Not by the writer, which may be within a transaction.
            self.markers[n].command(&["PUBLISH", "end", "here"]);
            let mut told = Vec::new();
            loop {
                let message = self.listeners[n].read_raw().expect("a message");
                if message.starts_with(b"*3\r\n$7\r\nmessage\r\n$3\r\nend\r\n") {
                    return told;
                }
                told.push(message.escape_ascii().to_string());
            }
        })
    }

    fn agree(&mut self, after: &str) -> usize {
        let [ours, theirs] = self.told();
        assert_eq!(ours, theirs, "after {after}");
        ours.len()
    }
}

#[test]
fn random_commands_are_told_of_as_redis_tells_of_them() {
    let mut pair = Pair::start(ALL_EVENTS);
    let mut rng = fastrand::Rng::with_seed(77);
    let mut told = 0;
    for _ in 0..20_000 {
        let words = random_command(&mut rng, false);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        if is_decided_by_a_millisecond(&words) {
            continue;
        }
        pair.run(&words);
        let line: Vec<String> = words.iter().map(|w| w.escape_ascii().to_string()).collect();
        told += pair.agree(&line.join(" "));
    }
    assert!(told > 20_000, "{told}");
}

/// Commands whose events random ones hardly bring about.
const SCRIPT: &str = "SET a 1\nSET a 2 EX 1000\nSET a 3 GET\nSET n 3 GET\nSET a 1 XX KEEPTTL\nSET q 1 XX
SET t 1 PX 1\nDEBUG SLEEP 0.01\nGET t\nGET t\nSET t 1 PX 1\nDEBUG SLEEP 0.01\nSET t 2\nSET t 1 PX 1
DEBUG SLEEP 0.01\nEXISTS t\nSET t 1 PX 1\nDEBUG SLEEP 0.01\nDEL t\nSET t 1 PX 1\nDEBUG SLEEP 0.01\nINCR t
SET t 1 PX 1\nDEBUG SLEEP 0.01\nTTL t\nTYPE t\nOBJECT ENCODING t\nOBJECT FREQ t\nMEMORY USAGE t\nDUMP t
STRLEN t\nGETRANGE t 0 1\nMGET a t a\nTOUCH a t\nLCS a t\nPERSIST t\nEXPIRE t 10\nEXPIRETIME t\nCOPY t x
RENAME a b\nSET a 9\nRENAME a b\nRENAME b b\nRENAMENX b c\nCOPY c d\nCOPY c d REPLACE\nCOPY c d DB 3
MOVE c 4\nMOVE c 4\nSELECT 4\nGET c\nSET e 1\nEXPIRE e -1\nSET e 1\nGETEX e PXAT 1\nSET e 1\nGETEX e EX 100
GETEX e PERSIST\nGETEX missing\nGETDEL e\nGETDEL e\nGETSET e 1\nGETSET e 2\nSETEX e 100 1\nPSETEX e 100000 1
SETNX e 1\nSETNX f 1\nMSET f 1 g 2\nMSETNX g 1 h 1\nMSETNX i 1 h 1\nAPPEND j x\nAPPEND j x\nSETRANGE j 3 x
SETRANGE k 0 x\nSETRANGE missing 0 \"\"\nINCRBYFLOAT l 1\nDECRBY l 2\nUNLINK l\nUNLINK l j\nMULTI\nSET a 1
INCR a\nGET none\nEXEC\nSWAPDB 4 5\nSELECT 5\nGET a\nFLUSHDB\nGET a\nFLUSHALL\nSET a 1 PXAT 1\nGET a
SET a 1\nPEXPIREAT a 1\nSET a 1\nEXPIRE a 100 XX\nEXPIRE a 100 NX\nPERSIST a\nPERSIST a\nRANDOMKEY\nSCAN 0
DEBUG SET-ACTIVE-EXPIRE 1\nSET z 1 PX 1\nDEBUG SLEEP 0.3";

#[test]
fn commands_are_told_of_as_redis_tells_of_them() {
    for classes in [ALL_EVENTS, "K$x", "Eg", "Em", "Kn", "KE", "A"] {
        let mut pair = Pair::start(classes);
        for line in SCRIPT.lines() {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            pair.run(&words);
            pair.agree(&format!("{line} with {classes}"));
        }
        for key in ["p", "q"] {
            for writer in &mut pair.writers {
                writer.command(&["SET", "a", "payload"]);
                writer.send(&["DUMP", "a"]).expect("sent");
                let dumped = writer.read().expect("a payload");
                let crate::support::Value::Bulk(payload) = dumped else { panic!("{dumped:?}") };
                let key = key.as_bytes();
                writer.command_bytes(&[b"RESTORE", key, b"0", &payload]);
                writer.command_bytes(&[b"RESTORE", key, b"10000", &payload, b"REPLACE"]);
                writer.command_bytes(&[b"RESTORE", key, b"1", &payload, b"REPLACE", b"ABSTTL"]);
            }
            pair.agree("RESTORE");
        }
    }
}

#[test]
fn classes_are_read_and_shown_as_by_redis() {
    let mut pair = Pair::start("");
    for classes in ["KEA", "AKE", "g$lshzxetdKE", "Kg$lshzxet", "Km", "En", "", "KEx$", "Q", "KEAm"]
    {
        let answers = pair.writers.each_mut().map(|writer| {
            let set = writer.command(&["CONFIG", "SET", "notify-keyspace-events", classes]);
            let shown = writer.command(&["CONFIG", "GET", "notify-keyspace-events"]);
            format!("{set:?} {shown:?}")
        });
        assert_eq!(answers[0], answers[1], "{classes}");
    }
}

/// A listener of each kind on a server.
fn listen(server: &Server) -> Client {
    let mut client = server.client();
    client.command(&["PSUBSCRIBE", "news*"]);
    client.command(&["SSUBSCRIBE", "news"]);
    client
}

fn messages_pass(master: &Server, replica: &Server) {
    follow(replica, master.port);
    wait_to_catch_up(master, replica);
    let mut listener = listen(replica);
    let mut writer = master.client();
    let lines = "PUBLISH news one\nSET a 1\nSPUBLISH news two\nMULTI\nSET a 2\nPUBLISH news three\nEXEC\n\
                 MULTI\nPUBLISH news four\nEXEC\nSELECT 3\nPUBLISH newspaper five";
    for line in lines.lines() {
        writer.command(&line.split(' ').collect::<Vec<_>>());
    }
    let expected = ["news one", "news two", "news three", "news four", "newspaper five"];
    for expected in expected {
        let message = listener.read().expect("a message");
        let words: Vec<String> = message.items().iter().map(|word| word.text()).collect();
        assert_eq!(words[words.len() - 2..].join(" "), expected);
    }
    wait_to_catch_up(master, replica);
}

#[test]
fn messages_pass_from_vellum_to_redis() {
    let dir = tempfile::tempdir().expect("a directory");
    let master = Server::vellum(&dir.path().join("vellum"), &[]);
    let replica = Server::redis(&dir.path().join("redis"), &["--save", ""]);
    messages_pass(&master, &replica);
}

#[test]
fn messages_pass_from_redis_to_vellum() {
    let dir = tempfile::tempdir().expect("a directory");
    let args = ["--save", "", "--repl-diskless-sync-delay", "0"];
    let master = Server::redis(&dir.path().join("redis"), &args);
    let replica = Server::vellum(&dir.path().join("vellum"), &[]);
    messages_pass(&master, &replica);
}

/// What a server finds in a directory.
fn found_by(program: Program, dir: &Path) -> crate::dataset::Contents {
    let server = Server::start(program, dir, &["--appendonly", "yes", "--save", ""]);
    contents(&mut server.client())
}

#[test]
fn redis_opens_a_log_that_holds_messages() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("vellum");
    let mut master = Server::vellum(&data, &[]);
    let replica = Server::vellum(&dir.path().join("replica"), &[]);
    let mut rng = fastrand::Rng::with_seed(5);
    let mut client = master.client();
    write_mix(&mut client, &mut rng, 200);
    messages_pass(&master, &replica);
    write_mix(&mut client, &mut rng, 200);
    let expected = contents(&mut client);
    assert!(master.stop().success());
    let manifest = data.join("appendonlydir/appendonly.aof.manifest");
    let checked = Command::new("redis-check-aof").arg(manifest).output().expect("it runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert!(found_by(Program::Redis, &data) == expected, "redis-server finds other keys");
    assert!(found_by(Program::Vellum, &data) == expected, "Vellum finds other keys");
}
