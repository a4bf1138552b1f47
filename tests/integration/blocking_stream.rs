//! Clients that wait for entries of streams, for themselves and as consumers of groups: what they are
//! served, and what they are told when the stream or the group goes.

use std::time::{Duration, Instant};

use crate::blocking::{begin, start, strings};
use crate::support::{Client, Server, Value, wait_until};

/// The IDs that a reply to XREAD or XREADGROUP tells of its first stream.
fn ids(reply: &Value) -> Vec<String> {
    let [stream, ..] = reply.items() else { panic!("{reply:?}") };
    stream.items()[1].items().iter().map(|entry| entry.items()[0].text()).collect()
}

fn make_group(client: &mut Client) {
    client.command(&["DEL", "x"]);
    assert!(client.command(&["XGROUP", "CREATE", "x", "g", "$", "MKSTREAM"]).is_ok());
}

#[test]
fn all_who_read_get_what_is_new() {
    let (_dir, server) = start();
    let mut client = server.client();
    client.command(&["XADD", "x", "1-0", "f", "old"]);
    let lines = [
        "XREAD BLOCK 0 STREAMS x $",
        "XREAD COUNT 1 BLOCK 0 STREAMS none x 0 $",
        "XREAD BLOCK 0 STREAMS x 5-0",
    ];
    let mut waiting = lines.map(|line| begin(&server, line));
    client.command(&["XADD", "x", "2-0", "f", "new"]);
    assert_eq!(ids(&waiting[0].read().expect("a reply")), ["2-0"]);
    assert_eq!(ids(&waiting[1].read().expect("a reply")), ["2-0"]);
    assert_eq!(client.info("blocked_clients"), "1", "what is not behind its ID is nothing new");
    client.command(&["MULTI"]);
    client.command(&["XADD", "x", "5-1", "f", "v"]);
    client.command(&["XADD", "x", "5-2", "f", "v"]);
    client.command(&["EXEC"]);
    assert_eq!(ids(&waiting[2].read().expect("a reply")), ["5-1", "5-2"]);
}

#[test]
fn an_entry_goes_to_the_consumer_that_waited_longest() {
    let (_dir, server) = start();
    let mut client = server.client();
    make_group(&mut client);
    let lines = ["alice", "bob", "carol"]
        .map(|name| format!("XREADGROUP GROUP g {name} COUNT 1 BLOCK 0 STREAMS x >"));
    let mut waiting = lines.each_ref().map(|line| begin(&server, line));
    client.command(&["XADD", "x", "1-0", "f", "v"]);
    assert_eq!(ids(&waiting[0].read().expect("a reply")), ["1-0"]);
    client.command(&["MULTI"]);
    client.command(&["XADD", "x", "2-0", "f", "v"]);
    client.command(&["XADD", "x", "3-0", "f", "v"]);
    client.command(&["EXEC"]);
    assert_eq!(ids(&waiting[1].read().expect("a reply")), ["2-0"]);
    assert_eq!(ids(&waiting[2].read().expect("a reply")), ["3-0"]);
    let pending = client.command(&["XPENDING", "x", "g", "-", "+", "10"]);
    let owners: Vec<_> = pending
        .items()
        .iter()
        .map(|item| strings(&Value::Array(item.items()[..2].to_vec())))
        .collect();
    assert_eq!(owners, [["1-0", "alice"], ["2-0", "bob"], ["3-0", "carol"]]);
}

#[test]
fn a_wait_for_an_entry_ends_with_its_time_or_by_another_client() {
    let (_dir, server) = start();
    let started = Instant::now();
    let mut client = server.client();
    make_group(&mut client);
    let group: &[&str] = &["XREADGROUP", "GROUP", "g", "c", "BLOCK", "60", "STREAMS", "x", ">"];
    assert!(
        client.command(&["XREAD", "BLOCK", "60", "STREAMS", "x", "y", "$", "0"]) == Value::Null
    );
    assert!(client.command(group) == Value::Null);
    assert!(started.elapsed() >= Duration::from_millis(120));
    for line in ["XREAD BLOCK 0 STREAMS x $", "XREADGROUP GROUP g c BLOCK 0 STREAMS x >"] {
        for (reason, error) in [("TIMEOUT", false), ("ERROR", true)] {
            let mut waiting = server.client();
            let id = waiting.command(&["CLIENT", "ID"]).integer().to_string();
            waiting.send(&line.split(' ').collect::<Vec<_>>()).expect("a connection");
            wait_until("the client to wait", || client.info("blocked_clients") == "1");
            assert_eq!(client.command(&["CLIENT", "UNBLOCK", &id, reason]).integer(), 1);
            let reply = waiting.read().expect("a reply");
            assert_eq!(reply == Value::Null, !error, "{reply:?}");
            assert!(!error || format!("{reply:?}").contains("UNBLOCKED client unblocked via"));
        }
    }
    client.command(&["XADD", "x", "1-0", "f", "v"]);
    let pending = client.command(&["XPENDING", "x", "g"]);
    assert_eq!(pending.items()[0].integer(), 0, "nobody was there to take it");
}

#[test]
fn in_a_transaction_nobody_waits_for_entries() {
    let (_dir, server) = start();
    let mut client = server.client();
    make_group(&mut client);
    client.command(&["MULTI"]);
    client.command(&["XREAD", "BLOCK", "0", "STREAMS", "x", "$"]);
    client.command(&["XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "x", ">"]);
    let replies = client.command(&["EXEC"]);
    assert!(replies.items() == [Value::Null, Value::Null], "{replies:?}");
}

#[test]
fn entries_are_told_in_the_form_of_the_protocol() {
    let (_dir, server) = start();
    let mut client = server.client();
    make_group(&mut client);
    let entry = "$1\r\nx\r\n*1\r\n*2\r\n$3\r\n1-0\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    for (protocol, head) in [("2", "*1\r\n*2\r\n"), ("3", "%1\r\n")] {
        for line in ["XREAD BLOCK 0 STREAMS x 0", "XREADGROUP GROUP g c BLOCK 0 STREAMS x >"] {
            make_group(&mut client);
            let mut waiting = server.client();
            waiting.command(&["HELLO", protocol]);
            waiting.send(&line.split(' ').collect::<Vec<_>>()).expect("a connection");
            wait_until("the client to wait", || client.info("blocked_clients") == "1");
            client.command(&["XADD", "x", "1-0", "f", "v"]);
            let reply = String::from_utf8(waiting.read_raw().expect("a reply")).expect("text");
            assert_eq!(reply, format!("{head}{entry}"), "{line} in RESP{protocol}");
        }
    }
}

#[test]
fn what_a_waiting_consumer_was_given_is_pending_after_a_kill_too() {
    let (_dir, mut server) = start();
    let mut client = server.client();
    make_group(&mut client);
    let mut waiting = begin(&server, "XREADGROUP GROUP g alice BLOCK 0 STREAMS x >");
    client.command(&["XADD", "x", "1-0", "f", "v"]);
    assert_eq!(ids(&waiting.read().expect("a reply")), ["1-0"]);
    server.kill();
    server.launch();
    let mut client = server.client();
    let pending = client.command(&["XPENDING", "x", "g", "-", "+", "10"]);
    assert_eq!(pending.items().len(), 1);
    assert_eq!(strings(&Value::Array(pending.items()[0].items()[..2].to_vec())), ["1-0", "alice"]);
    let nothing = client.command(&["XREADGROUP", "GROUP", "g", "bob", "STREAMS", "x", ">"]);
    assert!(nothing == Value::Null, "{nothing:?}");
}

/// What a consumer that waits is told after `change`.
fn told_after(server: &Server, change: impl Fn(&mut Client)) -> String {
    let mut client = server.client();
    client.command(&["FLUSHALL"]);
    make_group(&mut client);
    let mut waiting = begin(server, "XREADGROUP GROUP g c BLOCK 0 STREAMS x >");
    change(&mut client);
    let reply = waiting.read().expect("a reply");
    assert!(matches!(reply, Value::Error(_)), "{reply:?}");
    reply.text()
}

/// As in Redis 7.2: a consumer need not wait for what can never come.
#[test]
fn a_consumer_hears_that_its_group_is_gone() {
    let (_dir, server) = start();
    type Change<'c> = &'c dyn Fn(&mut Client);
    let no_group = "NOGROUP No such key 'x' or consumer group 'g' in XREADGROUP with GROUP option";
    let wrong_type = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let transaction = |c: &mut Client, lines: &[&str]| {
        c.command(&["MULTI"]);
        for line in lines {
            c.command(&line.split(' ').collect::<Vec<_>>());
        }
        c.command(&["EXEC"]);
    };
    let cases: [(&str, Change<'_>, &str); 11] = [
        ("XGROUP DESTROY", &|c| drop(c.command(&["XGROUP", "DESTROY", "x", "g"])), no_group),
        ("DEL", &|c| drop(c.command(&["DEL", "x"])), no_group),
        ("UNLINK", &|c| drop(c.command(&["UNLINK", "x"])), no_group),
        ("RENAME", &|c| drop(c.command(&["RENAME", "x", "y"])), no_group),
        ("MOVE", &|c| drop(c.command(&["MOVE", "x", "1"])), no_group),
        ("FLUSHALL", &|c| drop(c.command(&["FLUSHALL"])), no_group),
        ("FLUSHDB", &|c| drop(c.command(&["FLUSHDB"])), no_group),
        ("SWAPDB", &|c| drop(c.command(&["SWAPDB", "0", "1"])), no_group),
        ("expiry", &|c| drop(c.command(&["PEXPIRE", "x", "30"])), no_group),
        ("SET", &|c| drop(c.command(&["SET", "x", "v"])), wrong_type),
        ("another type", &|c| transaction(c, &["DEL x", "SADD x m"]), wrong_type),
    ];
    for (name, change, error) in cases {
        assert_eq!(told_after(&server, change), error, "{name}");
    }
    let told = told_after(&server, |c| transaction(c, &["DEL x", "XADD x 1-0 f v"]));
    assert_eq!(told, no_group, "another stream without the group");
    let told = told_after(&server, |c| {
        c.command(&["SELECT", "1"]);
        c.command(&["SET", "x", "v"]);
        c.command(&["SWAPDB", "1", "0"]);
    });
    assert_eq!(told, wrong_type, "another database's key");
}

/// Nor is it sent away while there is still something to wait for, nor are those who only read.
#[test]
fn who_still_has_something_to_wait_for_goes_on_waiting() {
    let (_dir, server) = start();
    let mut client = server.client();
    make_group(&mut client);
    client.command(&["XGROUP", "CREATE", "x", "other", "$"]);
    let mut consumer = begin(&server, "XREADGROUP GROUP g c BLOCK 0 STREAMS x >");
    client.command(&["XGROUP", "DESTROY", "x", "other"]);
    client.command(&["XGROUP", "SETID", "x", "g", "0"]);
    client.command(&["EXPIRE", "x", "1000"]);
    client.command(&["SET", "y", "v"]);
    client.command(&["SELECT", "1"]);
    client.command(&["SET", "x", "v"]);
    client.command(&["FLUSHDB"]);
    client.command(&["SELECT", "0"]);
    client.command(&["MULTI"]);
    client.command(&["DEL", "x"]);
    client.command(&["XGROUP", "CREATE", "x", "g", "$", "MKSTREAM"]);
    client.command(&["EXEC"]);
    let mut reader = begin(&server, "XREAD BLOCK 0 STREAMS x 0");
    assert_eq!(client.info("blocked_clients"), "2");
    client.command(&["XADD", "x", "1-0", "f", "v"]);
    assert_eq!(ids(&consumer.read().expect("a reply")), ["1-0"]);
    assert_eq!(ids(&reader.read().expect("a reply")), ["1-0"]);
    let mut reader = begin(&server, "XREAD BLOCK 0 STREAMS x $");
    client.command(&["DEL", "x"]);
    client.command(&["SET", "x", "v"]);
    client.command(&["DEL", "x"]);
    client.command(&["XADD", "x", "2-0", "f", "v"]);
    assert_eq!(ids(&reader.read().expect("a reply")), ["2-0"]);
}

#[test]
fn of_several_streams_the_one_that_is_gone_is_named() {
    let (_dir, server) = start();
    let mut client = server.client();
    for key in ["x", "y"] {
        client.command(&["XGROUP", "CREATE", key, "g", "$", "MKSTREAM"]);
    }
    let mut waiting = begin(&server, "XREADGROUP GROUP g c BLOCK 0 STREAMS x y > >");
    let mut another = begin(&server, "XREADGROUP GROUP g c BLOCK 0 STREAMS x >");
    client.command(&["DEL", "y"]);
    let told = waiting.read().expect("a reply").text();
    assert!(told.starts_with("NOGROUP No such key 'y'"), "{told}");
    client.command(&["XADD", "x", "1-0", "f", "v"]);
    assert_eq!(ids(&another.read().expect("a reply")), ["1-0"]);
}
