//! Redis's own command line tools against Vellum: redis-cli in every mode it has, redis-benchmark.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use crate::dataset::{contents, write_mix};
use crate::support::client::encode;
use crate::support::{PATIENCE, Server, wait_until};

/// What a program left behind.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    status: Option<i32>,
    out: String,
    errors: String,
}

/// Runs a program of Redis's against `server`, for a minute at most.
fn run(server: &Server, program: &str, args: &[&str], input: Stdio) -> Left {
    let output = Command::new("timeout")
        .args(["60", program, "-p", &server.port.to_string()])
        .args(args)
        .stdin(input)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Left { status: output.status.code(), out: text(&output.stdout), errors: text(&output.stderr) }
}

/// Runs redis-cli, which is to end well and to say nothing on standard error; its output.
fn cli(server: &Server, args: &[&str]) -> String {
    let left = run(server, "redis-cli", args, Stdio::null());
    assert_eq!((left.status, &*left.errors), (Some(0), ""), "{args:?}: {}", left.out);
    left.out
}

/// A program that goes on until it is killed. Dropped, it is.
struct Watched {
    child: Child,
    lines: Receiver<String>,
}

impl Watched {
    fn start(server: &Server, args: &[&str]) -> Self {
        let mut child = Command::new("stdbuf")
            .args(["-oL", "redis-cli", "-p", &server.port.to_string()])
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (send, lines) = channel();
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = send.send(line);
                }
            });
        }
        Self { child, lines }
    }

    /// The next line that holds `text`; the lines before it must be without errors.
    fn line_with(&self, text: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert!(!line.to_lowercase().contains("error"), "{line}");
            if line.contains(text) {
                return line;
            }
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn server(dir: &Path) -> Server {
    Server::vellum(&dir.join("data"), &[])
}

#[test]
fn a_snapshot_is_fetched_and_loads_in_redis() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let mut client = server.client();
    write_mix(&mut client, &mut fastrand::Rng::with_seed(3), 1000);
    let expected = contents(&mut client);
    let fetched = dir.path().join("redis/dump.rdb");
    std::fs::create_dir(dir.path().join("redis")).unwrap();
    let left = run(&server, "redis-cli", &["--rdb", fetched.to_str().unwrap()], Stdio::null());
    assert_eq!(left.status, Some(0), "{left:?}");
    assert!(left.errors.ends_with("Transfer finished with success.\n"), "{left:?}");
    assert!(!left.errors.to_lowercase().contains("error"), "{left:?}");
    let checked = Command::new("redis-check-rdb").arg(&fetched).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    let redis = Server::redis(&dir.path().join("redis"), &["--save", ""]);
    assert_eq!(contents(&mut redis.client()), expected);

    // To standard output, whole.
    let left = run(&server, "redis-cli", &["--rdb", "-"], Stdio::null());
    assert_eq!(left.status, Some(0), "{left:?}");
    assert!(left.out.starts_with("REDIS0010"));
}

#[test]
fn a_snapshot_of_the_functions_alone_holds_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    server.client().command(&["SET", "key", "value"]);
    let fetched = dir.path().join("functions.rdb");
    let args = ["--functions-rdb", fetched.to_str().unwrap()];
    let left = run(&server, "redis-cli", &args, Stdio::null());
    assert_eq!(left.status, Some(0), "{left:?}");
    let checked = Command::new("redis-check-rdb").arg(&fetched).output().unwrap();
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{told}");
    assert!(told.contains("0 keys read"), "{told}");
}

#[test]
fn a_hundred_thousand_commands_go_through_a_pipe() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let file = dir.path().join("commands");
    let mut bytes = Vec::new();
    for number in 0..99_999 {
        let key = format!("key:{}", number % 20_000);
        bytes.extend(encode(&[b"SET", key.as_bytes(), b"\r\n\x00value"]));
    }
    bytes.extend(encode(&[b"INCR", b"key:1"]));
    std::fs::write(&file, bytes).unwrap();
    let left = run(&server, "redis-cli", &["--pipe"], File::open(&file).unwrap().into());
    assert_eq!(left.status, Some(1), "{left:?}");
    assert!(left.out.ends_with("errors: 1, replies: 100000\n"), "{left:?}");
    assert_eq!(left.errors, "ERR value is not an integer or out of range\n");
    assert_eq!(server.client().command(&["DBSIZE"]).integer(), 20_000);
}

#[test]
fn keys_are_looked_through() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let mut client = server.client();
    for number in 0..300 {
        client.command(&["SET", &format!("key:{number}"), "value"]);
    }
    client.command(&["SET", "the big one", &"v".repeat(5000)]);
    let out = cli(&server, &["--bigkeys"]);
    assert!(out.contains("Sampled 301 keys in the keyspace!"), "{out}");
    assert!(out.contains("Biggest string found '\"the big one\"' has 5000 bytes"), "{out}");
    assert!(out.contains("301 strings with 6500 bytes (100.00% of keys"), "{out}");
    let out = cli(&server, &["--memkeys"]);
    assert!(out.contains("Biggest string found '\"the big one\"' has 5"), "{out}");
    let out = cli(&server, &["--memkeys-samples", "3"]);
    assert!(out.contains("Sampled 301 keys"), "{out}");

    assert!(client.command(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"]).is_ok());
    for _ in 0..1000 {
        client.command(&["GET", "key:7"]);
    }
    let out = cli(&server, &["--hotkeys"]);
    assert!(out.contains("hot key found with counter") && out.contains("\"key:7\""), "{out}");

    let scanned = |args: &[&str]| cli(&server, args).lines().count();
    assert_eq!(scanned(&["--scan"]), 301);
    assert_eq!(scanned(&["--scan", "--pattern", "key:29?"]), 10);
    assert_eq!(scanned(&["--scan", "--quoted-pattern", "\"the\\x20*\""]), 1);
}

#[test]
fn figures_are_watched() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    server.client().command(&["DEBUG", "POPULATE", "1234"]);
    let stat = Watched::start(&server, &["--stat", "-i", "0.05"]);
    stat.line_with("keys       mem      clients blocked requests            connections");
    for _ in 0..3 {
        let line = stat.line_with("1234 ");
        let fields: Vec<&str> = line.split_whitespace().collect();
        // keys, memory, clients, blocked, requests (and since the last line), connections
        assert_eq!((fields[0], fields[2], fields[3]), ("1234", "1", "0"), "{line}");
        assert!(fields[1].ends_with(['M', 'K', 'B']) && fields[4].parse::<u64>().is_ok(), "{line}");
    }
    let out = cli(&server, &["--latency", "-i", "0.2"]);
    let figures: Vec<f64> = out.split_whitespace().map(|word| word.parse().unwrap()).collect();
    assert_eq!(figures.len(), 4, "{out}");
    assert!(figures[0] <= figures[2] && figures[2] <= figures[1] && figures[3] > 0.0, "{out}");
}

#[test]
fn writes_and_commands_are_watched() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let mut client = server.client();
    client.command(&["SET", "before", "1"]);
    let replica = Watched::start(&server, &["--replica"]);
    replica.line_with("SYNC done. Logging commands from master.");
    let monitor = Watched::start(&server, &["monitor"]);
    assert_eq!(monitor.line_with(""), "OK");
    client.command(&["SELECT", "4"]);
    client.command_bytes(&[b"SET", b"a key", b"\x00\"\r\n"]);
    assert_eq!(replica.line_with("\"SELECT\""), "\"SELECT\",\"4\"");
    assert_eq!(replica.line_with("a key"), "\"SET\",\"a key\",\"\\x00\\\"\\r\\n\"");
    let line = monitor.line_with("a key");
    assert!(line.ends_with("] \"SET\" \"a key\" \"\\x00\\\"\\r\\n\""), "{line}");
    assert!(line.contains(" [4 127.0.0.1:"), "{line}");
    drop(replica);
    wait_until("the replica to be forgotten", || client.info("connected_slaves") == "0");
}

/// A session of redis-cli at a terminal.
fn session(server: &Server) -> Vec<String> {
    let command = format!("redis-cli -p {}", server.port);
    let mut child = Command::new("timeout")
        .args(["60", "script", "-qec", &command, "/dev/null"])
        .env("TERM", "dumb")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = "set a 1\nget a\nhelp set\nhelp config set\nhelp @string\nselect 3\nmulti\nset b 2\n\
                 nonsense\nexec\nhello 3\nconfig get maxmemory-policy\nexit\n";
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8_lossy(&output.stdout).replace(&server.port.to_string(), "PORT");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_session_at_a_terminal_is_as_with_redis() {
    let dir = tempfile::tempdir().unwrap();
    let vellum = server(dir.path());
    let redis = Server::redis(&dir.path().join("redis"), &["--save", ""]);
    let (ours, theirs) = (session(&vellum), session(&redis));
    assert!(ours.iter().any(|line| line.contains("[NX|XX]")), "no help: {ours:#?}");
    // Descriptions are in our own words; HELLO tells which server this is.
    let is_own = |line: &String| {
        ["summary:", "version", "7.2.4", "7.0.", "id\"", "vellum"]
            .iter()
            .any(|word| line.contains(word))
    };
    let same = |lines: Vec<String>| lines.into_iter().filter(|l| !is_own(l)).collect::<Vec<_>>();
    assert_eq!(same(ours), same(theirs));
}

#[test]
fn options_of_redis_cli() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::vellum(&dir.path().join("data"), &["--requirepass", "secret"]);
    let auth = ["-a", "secret", "--no-auth-warning"];
    let with = |args: &[&str]| cli(&server, &[&auth[..], args].concat());
    assert_eq!(cli(&server, &["get", "a"]), "NOAUTH Authentication required.\n\n");
    assert_eq!(with(&["-n", "3", "set", "a", "1"]), "OK\n");
    assert_eq!(with(&["-3", "-n", "3", "get", "a"]), "1\n");
    assert_eq!(
        with(&["-3", "--no-raw", "config", "get", "maxmemory"]),
        "1# \"maxmemory\" => \"0\"\n"
    );
    assert_eq!(with(&["--json", "config", "get", "maxmemory"]), "{\"maxmemory\":\"0\"}\n");
    assert_eq!(with(&["--csv", "mget", "a", "b"]), "NULL,NULL\n");
    assert_eq!(with(&["-r", "3", "-i", "0.01", "incr", "n"]), "1\n2\n3\n");
    let uri = format!("redis://default:secret@127.0.0.1:{}/3", server.port);
    assert_eq!(cli(&server, &["--no-auth-warning", "-u", &uri, "get", "a"]), "1\n");
    let left =
        run(&server, "redis-cli", &[&auth[..], &["-e", "incr", "a", "b"]].concat(), Stdio::null());
    assert_eq!(left.status, Some(1), "{left:?}");
    let value = dir.path().join("value");
    std::fs::write(&value, b"from a file").unwrap();
    let args = [&auth[..], &["-x", "set", "x"]].concat();
    let left = run(&server, "redis-cli", &args, File::open(&value).unwrap().into());
    assert_eq!((left.status, &*left.out, &*left.errors), (Some(0), "OK\n", ""));
    assert_eq!(with(&["get", "x"]), "from a file\n");
}

#[test]
fn redis_benchmark_measures() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(dir.path());
    let tests = ["-t", "ping,set,get,incr,mset", "-n", "2000", "--csv"];
    let ways: [&[&str]; 6] = [
        &[],
        &["-P", "16", "-c", "50"],
        &["-r", "100", "-d", "1000"],
        &["-3", "--dbnum", "2"],
        &["--threads", "2"],
        &["-c", "1", "-n", "200"],
    ];
    for way in ways {
        let left = run(&server, "redis-benchmark", &[&tests[..], way].concat(), Stdio::null());
        assert_eq!((left.status, &*left.errors), (Some(0), ""), "{way:?}: {}", left.out);
        let rows: Vec<Vec<&str>> =
            left.out.lines().map(|line| line.trim_matches('"').split("\",\"").collect()).collect();
        let names: Vec<&str> = rows.iter().map(|row| row[0]).collect();
        let expected =
            ["test", "PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET (10 keys)"];
        assert_eq!(names, expected, "{}", left.out);
        for row in &rows[1..] {
            assert!(row[1].parse::<f64>().unwrap() > 0.0, "{}", left.out);
        }
    }
    let mut client = server.client();
    assert_eq!(client.command(&["GET", "key:__rand_int__"]).text().len(), 3);
    assert_eq!(client.command(&["GET", "counter:__rand_int__"]).text(), "6200");
    assert_eq!(client.command(&["SELECT", "2"]).text(), "OK");
    assert_eq!(client.command(&["GET", "counter:__rand_int__"]).text(), "2000");
    // Its own commands, quietly, and one that is refused.
    let left =
        run(&server, "redis-benchmark", &["-q", "-n", "500", "append", "log", "x"], Stdio::null());
    assert_eq!((left.status, &*left.errors), (Some(0), ""));
    client.command(&["SELECT", "0"]);
    assert_eq!(client.command(&["STRLEN", "log"]).integer(), 500);
    let left = run(&server, "redis-benchmark", &["-q", "-n", "5", "incr", "log"], Stdio::null());
    assert!(left.errors.contains("ERR value is not an integer or out of range"), "{left:?}");
}
