//! The command layer against a real redis-server: the table and the replies, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::{SystemTime, UNIX_EPOCH};

use vellum::command::{Run, Table};
use vellum::resp::{Batch, ParseLimits, Protocol, RequestParser};

use crate::command_runner::Runner;
use crate::command_script::random_command;
use crate::redis_server::RedisServer;

/// Newer than the server that Debian has.
const NEW_IN_7_2: &[&str] = &["waitaof", "client|setinfo", "client|no-touch"];

fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64
}

/// A RESP3 reply as a tree; sets are in order, remarks on key specs are left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Tree {
    Leaf(String),
    List(Vec<Tree>),
    Set(BTreeSet<Tree>),
    Map(Vec<(Tree, Tree)>),
}

fn tree(reply: &mut &[u8]) -> Tree {
    let end = reply.windows(2).position(|pair| pair == b"\r\n").unwrap();
    let (line, rest) = (&reply[..end], &reply[end + 2..]);
    *reply = rest;
    let count = std::str::from_utf8(&line[1..]).unwrap().parse().unwrap_or(0);
    match line[0] {
        b'$' => {
            let text = rest[..count].escape_ascii().to_string();
            *reply = &rest[count + 2..];
            Tree::Leaf(text)
        }
        b'*' => Tree::List((0..count).map(|_| tree(reply)).collect()),
        b'~' => Tree::Set((0..count).map(|_| tree(reply)).collect()),
        b'%' => {
            let mut pairs: Vec<_> = (0..count).map(|_| (tree(reply), tree(reply))).collect();
            pairs.retain(|(name, _)| *name != Tree::Leaf("notes".to_string()));
            Tree::Map(pairs)
        }
        _ => Tree::Leaf(line.escape_ascii().to_string()),
    }
}

/// The description of one command without its subcommands.
fn info(reply: &[u8]) -> Tree {
    let Tree::List(commands) = tree(&mut &reply[..]) else { panic!("{}", reply.escape_ascii()) };
    let Some(Tree::List(mut fields)) = commands.into_iter().next() else { panic!("no command") };
    fields.truncate(9);
    Tree::List(fields)
}

#[test]
fn command_info_is_what_redis_tells() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = RedisServer::start(dir.path());
    redis.raw(&[b"HELLO", b"3"]);
    let mut runner = Runner::new();
    runner.protocol = Protocol::Resp3;
    let table = Table::new();
    let all = table.iter().flat_map(|(_, spec)| std::iter::once(spec).chain(spec.subcommands));
    for name in all.map(|spec| spec.name).filter(|name| !NEW_IN_7_2.contains(name)) {
        let words: [&[u8]; 3] = [b"COMMAND", b"INFO", name.as_bytes()];
        assert_eq!(info(&runner.run(&words)), info(&redis.raw(&words)), "{name}");
    }
}

/// Whether a relative time is compared with one set before: the two servers run at different moments,
/// so that equal requests may come out different.
fn is_decided_by_a_millisecond(words: &[&[u8]]) -> bool {
    let command = words.first().copied().unwrap_or_default();
    (command.eq_ignore_ascii_case(b"EXPIRE") || command.eq_ignore_ascii_case(b"PEXPIRE"))
        && words.iter().any(|w| w.eq_ignore_ascii_case(b"GT") || w.eq_ignore_ascii_case(b"LT"))
}

/// Whether two replies say the same: times may be told some milliseconds apart.
fn agree(command: &[u8], ours: &[u8], theirs: &[u8]) -> bool {
    let number = |reply: &[u8]| -> Option<i64> {
        std::str::from_utf8(reply.strip_prefix(b":")?).ok()?.trim().parse().ok()
    };
    if command.to_ascii_uppercase().ends_with(b"EXPIRETIME")
        && let (Some(ours), Some(theirs)) = (number(ours), number(theirs))
    {
        return ours.abs_diff(theirs) < 1000;
    }
    if command == b"DUMP" {
        // Two compressors need not find the same repetitions; `interop_rdb` restores payloads.
        return ours.starts_with(b"$-1") == theirs.starts_with(b"$-1");
    }
    ours == theirs
}

#[test]
fn random_commands_are_answered_as_redis_answers_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut redis = RedisServer::start(dir.path());
    let mut rng = fastrand::Rng::with_seed(2026);
    let mut runner = Runner::new();
    for _ in 0..30_000 {
        let words = random_command(&mut rng, false);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        // The host's commands are not here, and orders and sizes are our own.
        let resolved = runner.resolve(&words);
        if resolved.is_some_and(|spec| {
            !matches!(spec.run, Run::Handler(_))
                || matches!(spec.name, "scan" | "memory|usage" | "command|list" | "object|help")
        }) {
            continue;
        }
        if is_decided_by_a_millisecond(&words) {
            continue;
        }
        runner.now_ms = unix_ms();
        let (ours, theirs) = (runner.run(&words), redis.raw(&words));
        let told: Vec<String> = words.iter().map(|w| w.escape_ascii().to_string()).collect();
        assert!(
            agree(words[0], &ours, &theirs),
            "{}\nours   {}\ntheirs {}",
            told.join(" "),
            ours.escape_ascii(),
            theirs.escape_ascii()
        );
    }
}

/// Requests in and out of shape.
const REQUESTS: &[&[u8]] = &[
    b"*1\r\n$4\r\nPING\r\n",
    b"*1\r\n\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$01\r\n",
    b"*1\r\n$+1\r\n",
    b"*1\r\n$600000000\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n:4\r\nPING\r\n",
    b"*-2\r\nPING\r\n",
    b"*0\r\nPING\r\n",
    b"*x\r\n",
    b"*01\r\n",
    b"*+1\r\n",
    b"*\r\n",
    b"*3000000000\r\n",
    b"*2147483647\r\n$x\r\n",
    b"*2000000\r\n$1\r\n",
    b"*1\r\n$4\r\nPINGxyPING\r\n",
    b"*1\r\n$4\rxPING\r\n",
    b"*2\n$4\r\nPING\r\n",
    b"$4\r\n",
    b"PING\nPING\r\n\r\n \r\nECHO x\r\n",
    b"ECHO \"a\\x41\\n\\q\"\r\n",
    b"ECHO 'it\\'s' \r\nECHO a\"b\"\r\n",
    b"PING\r\nECHO \"a\r\nPING\r\n",
    b"ECHO 'a'b\r\n",
    b"ECHO \x0ba\x0c \r\n",
    b"nope a \x01\r\n",
];

/// What we answer to `input`, up to the first error of protocol.
fn answers(input: &[u8]) -> Vec<u8> {
    let (mut parser, mut batch) = (RequestParser::new(), Batch::default());
    let result = parser.fill(input, &mut batch, &ParseLimits::default(), usize::MAX);
    let mut runner = Runner::new();
    let mut answers = Vec::new();
    for index in 0..batch.len() {
        let words: Vec<&[u8]> = batch.args(index, input).iter().collect();
        answers.extend(runner.run(&words));
    }
    if let Err(error) = result {
        let mut reply = vellum::resp::Reply::default();
        reply.error(error.reply_text());
        answers.extend(reply.buffer);
    }
    answers
}

#[test]
fn requests_in_and_out_of_shape_are_answered_as_redis_answers_them() {
    let dir = tempfile::tempdir().unwrap();
    let _redis = RedisServer::start(dir.path());
    let long = vec![b'1'; 70_000];
    let mut requests: Vec<Vec<u8>> = REQUESTS.iter().map(|request| request.to_vec()).collect();
    requests.extend([&b"ECHO "[..], b"*", b"*1\r\n$"].map(|start| [start, &long].concat()));
    for request in requests {
        let mut stream = UnixStream::connect(dir.path().join("redis.sock")).unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(&request);
        let _ = stream.shutdown(Shutdown::Write);
        let mut theirs = Vec::new();
        let _ = stream.read_to_end(&mut theirs);
        assert_eq!(
            answers(&request).escape_ascii().to_string(),
            theirs.escape_ascii().to_string(),
            "{}",
            request[..request.len().min(60)].escape_ascii()
        );
    }
}
