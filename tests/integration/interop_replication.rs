//! Replication between Vellum and redis-server, in both roles, and what the two say of it.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::relay::Relay;
use crate::support::replicas::{
    Load, assert_same_data, count, follow, ok, wait_for_link, wait_to_catch_up,
};
use crate::support::{Client, Program, Server, Value, wait_until};

/// Writes that have to be followed.
const WRITES: u64 = 100_000;

fn words_for(master: &Server) -> [String; 3] {
    ["--replicaof".to_owned(), "127.0.0.1".to_owned(), master.port.to_string()]
}

/// A replica of `program` follows `master` through 100k writes, a kill of its own and one of its master.
fn follows(master: &mut Server, program: Program, dir: &std::path::Path, args: &[&str]) {
    let words = words_for(master);
    let words: Vec<&str> = words.iter().map(String::as_str).chain(args.iter().copied()).collect();
    // Something to begin with, in several databases.
    let load = Load::start(master.port, 1);
    load.wait_for_more(2000);
    let mut replica = Server::start(program, dir, &words);
    wait_for_link(&replica);
    load.wait_for_more(WRITES / 3);
    replica.kill();
    load.wait_for_more(100);
    replica.launch();
    load.wait_for_more(WRITES / 3);
    wait_for_link(&replica);
    master.kill();
    master.launch();
    load.wait_for_more(WRITES / 3);
    load.stop();
    assert_same_data(master, &replica);
    assert!(replica.client().command(&["DBSIZE"]).integer() > 0);
    // And with nothing but what it has on disk, where it keeps something there.
    if program == Program::Vellum {
        master.kill();
        let offset = replica.client().info("slave_repl_offset");
        replica.kill();
        replica.launch();
        assert_eq!(replica.client().info("slave_repl_offset"), offset);
        master.launch();
        assert_same_data(master, &replica);
    }
}

#[test]
fn redis_follows_vellum() {
    let dir = tempfile::tempdir().unwrap();
    let mut master = Server::vellum(&dir.path().join("master"), &[]);
    follows(&mut master, Program::Redis, &dir.path().join("replica"), &["--save", ""]);
    // Redis keeps nothing here: its kill costs another full sync, its master's kill does not.
    assert_eq!((count(&master, "sync_full"), count(&master, "sync_partial_ok")), (0, 1));
}

/// A redis-server that survives a kill and sends full syncs in one of its two ways.
fn redis_master(dir: &std::path::Path, diskless: &str) -> Server {
    let args = ["--appendonly", "yes", "--repl-diskless-sync-delay", "0"];
    let args = [&args[..], &["--repl-diskless-sync", diskless]].concat();
    Server::redis(&dir.join("master"), &args)
}

#[test]
fn vellum_follows_redis_with_snapshots_from_its_disk() {
    let dir = tempfile::tempdir().unwrap();
    let mut master = redis_master(dir.path(), "no");
    follows(&mut master, Program::Vellum, &dir.path().join("replica"), &[]);
}

#[test]
fn vellum_follows_redis_with_snapshots_from_its_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut master = redis_master(dir.path(), "yes");
    follows(&mut master, Program::Vellum, &dir.path().join("replica"), &[]);
}

#[test]
fn a_broken_link_to_redis_is_mended_with_a_partial_sync() {
    let dir = tempfile::tempdir().unwrap();
    let master = redis_master(dir.path(), "yes");
    let relay = Relay::to(master.port);
    // Configured: a server that is no replica after a restart goes on under a name of its own.
    let words = ["--replicaof", "127.0.0.1", &relay.port.to_string()];
    let mut replica = Server::vellum(&dir.path().join("replica"), &words);
    wait_to_catch_up(&master, &replica);
    relay.cut();
    ok(&master, &["SET", "mykey", "hello"]);
    relay.mend();
    assert_same_data(&master, &replica);
    assert_eq!((count(&master, "sync_full"), count(&master, "sync_partial_ok")), (1, 1));
    // After a restart as well: the offset is on disk.
    replica.kill();
    replica.launch();
    ok(&master, &["SET", "mykey", "again"]);
    assert_same_data(&master, &replica);
    assert_eq!((count(&master, "sync_full"), count(&master, "sync_partial_ok")), (1, 2));
}

/// Something that Redis sends to replicas and Vellum does not know.
const FUNCTION: &str = "#!lua name=one\nredis.register_function('one', function() return 1 end)";

#[test]
fn what_cannot_be_applied_ends_the_link_and_stays_out_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let master = redis_master(dir.path(), "yes");
    let mut replica = Server::vellum(&dir.path().join("replica"), &[]);
    follow(&replica, master.port);
    wait_to_catch_up(&master, &replica);
    // Messages pass through a master's stream and change nothing.
    master.client().command(&["PUBLISH", "channel", "message"]);
    ok(&master, &["SET", "mykey", "hello"]);
    assert_same_data(&master, &replica);
    let offset = replica.client().info("slave_repl_offset");
    let mut client = master.client();
    client.command(&["MULTI"]);
    client.command(&["SET", "mykey", "other"]);
    client.command(&["FUNCTION", "LOAD", FUNCTION]);
    client.command(&["EXEC"]);
    ok(&master, &["SET", "mykey2", "world"]);
    wait_until("the refusal", || replica.log().contains("unknown command 'FUNCTION'"));
    let refused = |replica: &Server| {
        let mut client = replica.client();
        assert_eq!(client.info("slave_repl_offset"), offset);
        assert_eq!(client.command(&["GET", "mykey"]).text(), "hello");
        assert_eq!(client.command(&["DBSIZE"]).integer(), 1);
    };
    refused(&replica);
    replica.kill();
    replica.launch();
    assert_eq!(replica.client().info("role"), "master");
    assert_eq!(replica.client().command(&["GET", "mykey"]).text(), "hello");
}

#[test]
fn redis_cli_shows_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    ok(&master, &["SET", "before", "1"]);
    let port = master.port.to_string();
    let mut child = Command::new("redis-cli")
        .args(["-p", &port, "--replica"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let reader = std::thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).find(|line| line.contains("mykey"))
    });
    wait_until("redis-cli to be served", || {
        master.client().info("connected_slaves") == "1"
            && master.client().command(&["ROLE"]).items()[2].items().len() == 1
    });
    ok(&master, &["SET", "mykey", "hello"]);
    let line = reader.join().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(line.as_deref(), Some(r#""SET","mykey","hello""#));
}

/// A server of each kind, each with a replica of its own kind.
struct Pairs {
    _dir: tempfile::TempDir,
    vellum: (Server, Server),
    redis: (Server, Server),
}

impl Pairs {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pair = |program, name: &str, args: &[&str]| {
            let master = Server::start(program, &dir.path().join(format!("{name}-master")), args);
            let words = words_for(&master);
            let words: Vec<&str> =
                words.iter().map(String::as_str).chain(args.iter().copied()).collect();
            let replica =
                Server::start(program, &dir.path().join(format!("{name}-replica")), &words);
            wait_to_catch_up(&master, &replica);
            (master, replica)
        };
        let vellum = pair(Program::Vellum, "vellum", &[]);
        let redis = pair(Program::Redis, "redis", &["--repl-diskless-sync-delay", "0"]);
        Self { vellum, redis, _dir: dir }
    }
}

/// The names of a section's fields in their order, with the numbers in them taken out.
fn names(server: &Server) -> Vec<String> {
    let text = server.client().command(&["INFO", "replication"]).text();
    text.lines().map(|line| line.split(':').next().unwrap_or("").to_owned()).collect()
}

/// A reply with what differs from server to server taken out: numbers, and texts of digits or hex.
fn shape(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(shape).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Integer(-1) => ":-1".to_owned(),
        Value::Integer(_) => ":n".to_owned(),
        Value::Bulk(bytes) if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) => {
            "\"n\"".to_owned()
        }
        Value::Simple(text) if text.starts_with("FULLRESYNC ") => {
            let words: Vec<_> = text.split(' ').collect();
            format!("+FULLRESYNC {} words, id of {}", words.len(), words[1].len())
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn info_and_role_have_the_shape_of_redis() {
    let mut pairs = Pairs::start();
    let compare = |ours: &Server, theirs: &Server, what: &str| {
        assert_eq!(names(ours), names(theirs), "{what}");
        let role = |server: &Server| shape(&server.client().command(&["ROLE"]));
        wait_until(&format!("the same role of {what}"), || role(ours) == role(theirs));
    };
    let line = |server: &Server| {
        let line = server.client().info("slave0");
        let fields = line.split(',').map(|field| field.split_once('=').unwrap());
        fields
            .map(|(name, value)| match name {
                "port" | "offset" => name.to_owned(),
                _ => format!("{name}={value}"),
            })
            .collect::<Vec<_>>()
    };
    compare(&pairs.vellum.0, &pairs.redis.0, "a master");
    compare(&pairs.vellum.1, &pairs.redis.1, "a replica");
    wait_until("the same line", || line(&pairs.vellum.0) == line(&pairs.redis.0));
    pairs.vellum.0.kill();
    pairs.redis.0.kill();
    for replica in [&pairs.vellum.1, &pairs.redis.1] {
        wait_until("the link down", || replica.client().info("master_link_status") == "down");
    }
    assert_eq!(names(&pairs.vellum.1), names(&pairs.redis.1), "a link that is down");
    for replica in [&pairs.vellum.1, &pairs.redis.1] {
        ok(replica, &["SLAVEOF", "NO", "ONE"]);
    }
    compare(&pairs.vellum.1, &pairs.redis.1, "a promoted replica");
    let second = |server: &Server| {
        let mut client = server.client();
        let (id, former) = (client.info("master_replid"), client.info("master_replid2"));
        let (second, end) = (client.info("second_repl_offset"), client.info("master_repl_offset"));
        assert_ne!(id, former);
        second.parse::<i64>().unwrap() - end.parse::<i64>().unwrap()
    };
    assert_eq!((second(&pairs.vellum.1), second(&pairs.redis.1)), (1, 1));
}

#[test]
fn odd_requests_for_the_stream_are_answered_as_redis_answers_them() {
    let pairs = Pairs::start();
    let stranger = "0123456789012345678901234567890123456789";
    let requests: &[&[&str]] = &[
        &["PSYNC"],
        &["PSYNC", "?"],
        &["PSYNC", "?", "-1", "x"],
        &["PSYNC", "?", "x"],
        &["PSYNC", "?", ""],
        &["PSYNC", "?", "-1"],
        &["PSYNC", "?", "1"],
        &["PSYNC", stranger, "1"],
        &["PSYNC", stranger, "-1"],
        &["PSYNC", stranger, "0"],
        &["PSYNC", stranger, "99999999999999999999"],
        &["PSYNC", "short", "9223372036854775807"],
        &["SYNC", "x"],
        &["REPLCONF"],
        &["REPLCONF", "capa"],
        &["REPLCONF", "capa", "eof", "capa", "unheard-of"],
        &["REPLCONF", "unheard-of", "1"],
        &["REPLCONF", "listening-port", "x"],
        &["REPLCONF", "listening-port", "70000"],
        &["REPLCONF", "listening-port", "-1"],
        &["REPLCONF", "rdb-only", "x"],
        &["REPLCONF", "rdb-only", "2"],
        &["REPLCONF", "version", "7.0.0"],
        &["SLAVEOF", "no"],
        &["SLAVEOF", "localhost", "x"],
        &["SLAVEOF", "localhost", "-1"],
        &["SLAVEOF", "localhost", "70000"],
        &["WAIT", "x", "0"],
        &["WAIT", "0", "x"],
        &["WAIT", "0", "-1"],
        &["WAIT", "-1", "0"],
        &["WAIT", "0", "0"],
        &["WAIT", "1"],
        &["ROLE", "x"],
    ];
    let answer = |server: &Server, request: &[&str]| {
        let mut client = server.client();
        client.send(request).unwrap();
        loop {
            // A master that prepares a snapshot sends empty lines.
            match client.read() {
                Ok(value) => return shape(&value),
                Err(error) if error.to_string() == "not a reply: " => {}
                Err(error) => return error.to_string(),
            }
        }
    };
    for (ours, theirs) in [(&pairs.vellum.0, &pairs.redis.0), (&pairs.vellum.1, &pairs.redis.1)] {
        let answers = requests.iter().map(|r| (r, answer(ours, r), answer(theirs, r)));
        let different: Vec<_> = answers.filter(|(_, ours, theirs)| ours != theirs).collect();
        assert!(different.is_empty(), "{different:#?}");
    }
    for master in [&pairs.vellum.0, &pairs.redis.0] {
        let mut client = master.client();
        client.command(&["MULTI"]);
        let replies = [client.command(&["PSYNC", "?", "-1"]), client.command(&["SYNC"])];
        let text = "ERR Command not allowed inside a transaction".to_owned();
        assert!(replies.iter().all(|reply| *reply == Value::Error(text.clone())), "{replies:?}");
    }
}

#[test]
fn a_replica_without_its_master_answers_as_redis_does() {
    let mut pairs = Pairs::start();
    let answers = |server: &Server| {
        let mut client = server.client();
        let words: &[&[&str]] = &[
            &["PSYNC", "?", "-1"],
            &["SYNC"],
            &["SET", "a", "1"],
            &["GET", "a"],
            &["WAIT", "0", "0"],
            &["PING"],
        ];
        words.iter().map(|words| client.command(words)).collect::<Vec<_>>()
    };
    for pair in [&mut pairs.vellum, &mut pairs.redis] {
        pair.0.kill();
        wait_until("the link down", || pair.1.client().info("master_link_status") == "down");
    }
    assert_eq!(answers(&pairs.vellum.1), answers(&pairs.redis.1));
    for replica in [&pairs.vellum.1, &pairs.redis.1] {
        ok(replica, &["CONFIG", "SET", "replica-serve-stale-data", "no"]);
    }
    assert_eq!(answers(&pairs.vellum.1), answers(&pairs.redis.1));
}

#[test]
fn redis_may_stand_between_two_vellums_and_vellum_between_two_redises() {
    for (outer, inner) in [(Program::Vellum, Program::Redis), (Program::Redis, Program::Vellum)] {
        let dir = tempfile::tempdir().unwrap();
        let args = |program| match program {
            Program::Redis => vec!["--repl-diskless-sync-delay", "0"],
            _ => Vec::new(),
        };
        let start =
            |program, name: &str| Server::start(program, &dir.path().join(name), &args(program));
        let (master, middle, last) =
            (start(outer, "master"), start(inner, "middle"), start(outer, "last"));
        follow(&middle, master.port);
        wait_to_catch_up(&master, &middle);
        follow(&last, middle.port);
        wait_for_link(&last);
        let load = Load::start(master.port, 7);
        load.wait_for_more(3000);
        load.stop();
        assert_same_data(&master, &middle);
        assert_same_data(&master, &last);
    }
}

#[test]
fn a_failover_from_vellum_to_redis_and_back_needs_no_full_sync() {
    let dir = tempfile::tempdir().unwrap();
    let vellum = Server::vellum(&dir.path().join("vellum"), &[]);
    let redis = Server::redis(&dir.path().join("redis"), &["--repl-diskless-sync-delay", "0"]);
    follow(&redis, vellum.port);
    ok(&vellum, &["SET", "first", "vellum"]);
    assert_same_data(&vellum, &redis);
    let mut client: Client = redis.client();
    assert!(client.command(&["SLAVEOF", "NO", "ONE"]).is_ok());
    assert!(client.command(&["SET", "second", "redis"]).is_ok());
    follow(&vellum, redis.port);
    assert_same_data(&redis, &vellum);
    ok(&vellum, &["SLAVEOF", "NO", "ONE"]);
    ok(&vellum, &["SET", "third", "vellum"]);
    follow(&redis, vellum.port);
    assert_same_data(&vellum, &redis);
    assert_eq!((count(&vellum, "sync_full"), count(&redis, "sync_full")), (1, 0));
    assert_eq!((count(&vellum, "sync_partial_ok"), count(&redis, "sync_partial_ok")), (1, 1));
}
