//! Clients that wait for keys: order, time, who may end a wait, and that what they were served is kept.

use std::time::{Duration, Instant};

use crate::support::{Client, Server, Value, wait_until};

/// A server on an empty directory.
pub fn start() -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::vellum(&dir.path().join("data"), &[]);
    (dir, server)
}

/// Sends a command that is going to wait, and waits until it does.
pub fn begin(server: &Server, line: &str) -> Client {
    let mut watcher = server.client();
    let before: usize = watcher.info("blocked_clients").parse().expect("a number");
    let mut client = server.client();
    let words: Vec<&str> = line.split(' ').collect();
    client.send(&words).expect("a connection");
    wait_until("the client to wait", || {
        watcher.info("blocked_clients").parse::<usize>().expect("a number") > before
    });
    client
}

/// The texts of an array's elements.
pub fn strings(value: &Value) -> Vec<String> {
    value.items().iter().map(Value::text).collect()
}

#[test]
fn those_who_wait_longest_are_served_first() {
    let (_dir, server) = start();
    let mut waiting: Vec<Client> =
        ["BLPOP a 0", "BRPOP b a 0", "BLMPOP 0 2 a b LEFT COUNT 2", "BLPOP a 0"]
            .map(|line| begin(&server, line))
            .into();
    let mut client = server.client();
    assert_eq!(client.command(&["RPUSH", "a", "1", "2", "3", "4", "5"]).integer(), 5);
    assert_eq!(strings(&waiting[0].read().expect("a reply")), ["a", "1"]);
    assert_eq!(strings(&waiting[1].read().expect("a reply")), ["a", "5"]);
    let popped = waiting[2].read().expect("a reply");
    assert_eq!(popped.items()[0].text(), "a");
    assert_eq!(strings(&popped.items()[1]), ["2", "3"]);
    assert_eq!(strings(&waiting[3].read().expect("a reply")), ["a", "4"]);
    assert_eq!(client.command(&["EXISTS", "a"]).integer(), 0);
    assert_eq!(client.info("blocked_clients"), "0");
}

#[test]
fn a_wait_ends_with_its_time_or_by_another_client() {
    let (_dir, server) = start();
    let started = Instant::now();
    let mut client = server.client();
    assert!(client.command(&["BLPOP", "a", "0.1"]) == Value::Null);
    assert!(client.command(&["BLMOVE", "a", "b", "LEFT", "LEFT", "0.01"]) == Value::Null);
    assert!(started.elapsed() >= Duration::from_millis(110));
    // A missing array also where a string would have come.
    client.send(&["BRPOPLPUSH", "a", "b", "0.01"]).expect("a connection");
    assert_eq!(client.read_raw().expect("a reply"), b"*-1\r\n");
    let id = |waiting: &mut Client| waiting.command(&["CLIENT", "ID"]).integer().to_string();
    for (reason, error) in [("TIMEOUT", false), ("ERROR", true)] {
        let mut waiting = server.client();
        let id = id(&mut waiting);
        waiting.send(&["BLPOP", "a", "0"]).expect("a connection");
        wait_until("the client to wait", || client.info("blocked_clients") == "1");
        assert_eq!(client.command(&["CLIENT", "UNBLOCK", &id, reason]).integer(), 1);
        let reply = waiting.read().expect("a reply");
        assert_eq!(reply == Value::Null, !error, "{reply:?}");
        assert!(!error || format!("{reply:?}").contains("UNBLOCKED client unblocked via"));
        assert_eq!(client.command(&["CLIENT", "UNBLOCK", &id]).integer(), 0);
    }
    drop(begin(&server, "BLPOP a 0"));
    wait_until("the one that left to be forgotten", || client.info("blocked_clients") == "0");
    assert_eq!(client.command(&["RPUSH", "a", "x"]).integer(), 1);
    assert_eq!(client.command(&["LLEN", "a"]).integer(), 1, "nobody was there to take it");
}

#[test]
fn nothing_waits_in_a_transaction_and_what_one_makes_is_served_at_its_end() {
    let (_dir, server) = start();
    let mut client = server.client();
    client.command(&["MULTI"]);
    client.command(&["BLPOP", "a", "0"]);
    client.command(&["BLMOVE", "a", "b", "LEFT", "LEFT", "0"]);
    let replies = client.command(&["EXEC"]);
    assert!(replies.items().iter().all(|reply| *reply == Value::Null), "{replies:?}");
    let mut waiting = begin(&server, "BLPOP a 0");
    client.command(&["MULTI"]);
    client.command(&["RPUSH", "a", "gone"]);
    client.command(&["DEL", "a"]);
    client.command(&["EXEC"]);
    client.command(&["SET", "a", "a string"]);
    client.command(&["DEL", "a"]);
    client.command(&["MULTI"]);
    client.command(&["RPUSH", "a", "1"]);
    client.command(&["LPUSH", "a", "2"]);
    client.command(&["EXEC"]);
    assert_eq!(strings(&waiting.read().expect("a reply")), ["a", "2"]);
}

#[test]
fn who_was_sent_away_is_not_served_any_more() {
    let (_dir, server) = start();
    let mut client = server.client();
    for end in ["UNBLOCK", "KILL"] {
        let mut waiting = server.client();
        let id = waiting.command(&["CLIENT", "ID"]).integer().to_string();
        waiting.send(&["BLPOP", "a", "0"]).expect("a connection");
        wait_until("the client to wait", || client.info("blocked_clients") == "1");
        client.command(&["MULTI"]);
        if end == "KILL" {
            client.command(&["CLIENT", "KILL", "ID", &id]);
        } else {
            client.command(&["CLIENT", "UNBLOCK", &id]);
        }
        client.command(&["RPUSH", "a", "x"]);
        client.command(&["EXEC"]);
        assert_eq!(client.command(&["LLEN", "a"]).integer(), 1, "{end}");
        match waiting.read() {
            Ok(reply) => assert_eq!((end, reply), ("UNBLOCK", Value::Null)),
            Err(_) => assert_eq!(end, "KILL"),
        }
        client.command(&["DEL", "a"]);
        wait_until("nobody to wait", || client.info("blocked_clients") == "0");
    }
}

#[test]
fn a_key_may_come_by_any_way() {
    let (_dir, server) = start();
    let mut client = server.client();
    client.command(&["RPUSH", "other", "1"]);
    let Value::Bulk(payload) = client.command(&["DUMP", "other"]) else { panic!("no payload") };
    type Make<'m> = &'m dyn Fn(&mut Client);
    let ways: [(&str, Make<'_>); 5] = [
        ("RENAME", &|c| drop(c.command(&["RENAME", "other", "a"]))),
        ("COPY", &|c| drop(c.command(&["COPY", "other", "a"]))),
        ("RESTORE", &|c| drop(c.command_bytes(&[b"RESTORE", b"a", b"0", &payload]))),
        ("LMOVE", &|c| drop(c.command(&["LMOVE", "other", "a", "LEFT", "LEFT"]))),
        ("SWAPDB", &|c| {
            c.command(&["SELECT", "1"]);
            c.command(&["RPUSH", "a", "1"]);
            c.command(&["SELECT", "0"]);
            c.command(&["SWAPDB", "0", "1"]);
        }),
    ];
    for (name, make) in ways {
        client.command(&["DEL", "a", "other"]);
        client.command(&["RPUSH", "other", "1"]);
        let mut waiting = begin(&server, "BLPOP a 0");
        make(&mut client);
        assert_eq!(strings(&waiting.read().expect("a reply")), ["a", "1"], "{name}");
    }
}

#[test]
fn an_element_goes_on_from_one_who_waits_to_the_next() {
    let (_dir, server) = start();
    let mut first = begin(&server, "BLMOVE a b LEFT RIGHT 0");
    let mut second = begin(&server, "BRPOPLPUSH b c 0");
    let mut third = begin(&server, "BLPOP c 0");
    let mut client = server.client();
    client.command(&["RPUSH", "a", "x"]);
    assert_eq!(first.read().expect("a reply").text(), "x");
    assert_eq!(second.read().expect("a reply").text(), "x");
    assert_eq!(strings(&third.read().expect("a reply")), ["c", "x"]);
    assert_eq!(client.command(&["DBSIZE"]).integer(), 0);
}

#[test]
fn what_was_served_is_served_after_a_kill_too() {
    let (_dir, mut server) = start();
    let mut waiting = begin(&server, "BLMOVE a b LEFT RIGHT 0");
    let mut client = server.client();
    client.command(&["RPUSH", "a", "1", "2"]);
    assert_eq!(waiting.read().expect("a reply").text(), "1");
    server.kill();
    server.launch();
    let mut client = server.client();
    assert_eq!(strings(&client.command(&["LRANGE", "a", "0", "-1"])), ["2"]);
    assert_eq!(strings(&client.command(&["LRANGE", "b", "0", "-1"])), ["1"]);
}

#[test]
fn who_becomes_a_replica_sends_those_away_who_wait_to_write() {
    let (_dir, server) = start();
    let mut waiting = begin(&server, "BLPOP a 0");
    let mut client = server.client();
    client.command(&["REPLICAOF", "127.0.0.1", "1"]);
    let reply = format!("{:?}", waiting.read().expect("a reply"));
    assert!(reply.contains("UNBLOCKED force unblock"), "{reply}");
    client.command(&["REPLICAOF", "NO", "ONE"]);
}
