//! Clients that wait for sorted sets: order, time, who may end a wait, and that what they were served is kept.

use std::time::{Duration, Instant};

use crate::blocking::{begin, start, strings};
use crate::support::{Client, Value, wait_until};

#[test]
fn those_who_wait_longest_get_the_lowest_or_the_highest_first() {
    let (_dir, server) = start();
    let lines = ["BZPOPMIN z 0", "BZPOPMAX y z 0", "BZMPOP 0 2 y z MAX COUNT 2", "BZPOPMIN z 0"];
    let mut waiting = lines.map(|line| begin(&server, line));
    let mut client = server.client();
    let added = client.command(&["ZADD", "z", "1", "a", "2", "b", "3", "c", "4", "d", "5.5", "e"]);
    assert_eq!(added.integer(), 5);
    assert_eq!(strings(&waiting[0].read().expect("a reply")), ["z", "a", "1"]);
    assert_eq!(strings(&waiting[1].read().expect("a reply")), ["z", "e", "5.5"]);
    let popped = waiting[2].read().expect("a reply");
    assert_eq!(popped.items()[0].text(), "z");
    let pairs: Vec<_> = popped.items()[1].items().iter().map(strings).collect();
    assert_eq!(pairs, [["d", "4"], ["c", "3"]]);
    assert_eq!(strings(&waiting[3].read().expect("a reply")), ["z", "b", "2"]);
    assert_eq!(client.command(&["EXISTS", "z"]).integer(), 0);
    assert_eq!(client.info("blocked_clients"), "0");
}

#[test]
fn a_wait_for_a_sorted_set_ends_with_its_time_or_by_another_client() {
    let (_dir, server) = start();
    let started = Instant::now();
    let mut client = server.client();
    assert!(client.command(&["BZPOPMIN", "z", "0.1"]) == Value::Null);
    assert!(client.command(&["BZPOPMAX", "z", "y", "0.01"]) == Value::Null);
    assert!(client.command(&["BZMPOP", "0.01", "1", "z", "MIN"]) == Value::Null);
    assert!(started.elapsed() >= Duration::from_millis(120));
    for (reason, error) in [("TIMEOUT", false), ("ERROR", true)] {
        let mut waiting = server.client();
        let id = waiting.command(&["CLIENT", "ID"]).integer().to_string();
        waiting.send(&["BZMPOP", "0", "1", "z", "MIN"]).expect("a connection");
        wait_until("the client to wait", || client.info("blocked_clients") == "1");
        assert_eq!(client.command(&["CLIENT", "UNBLOCK", &id, reason]).integer(), 1);
        let reply = waiting.read().expect("a reply");
        assert_eq!(reply == Value::Null, !error, "{reply:?}");
        assert!(!error || format!("{reply:?}").contains("UNBLOCKED client unblocked via"));
    }
    assert_eq!(client.command(&["ZADD", "z", "1", "a"]).integer(), 1);
    assert_eq!(client.command(&["ZCARD", "z"]).integer(), 1, "nobody was there to take it");
}

#[test]
fn in_a_transaction_nobody_waits_for_a_sorted_set() {
    let (_dir, server) = start();
    let mut client = server.client();
    let mut waiting = begin(&server, "BZPOPMAX z 0");
    client.command(&["MULTI"]);
    client.command(&["BZPOPMIN", "z", "0"]);
    client.command(&["BZMPOP", "0", "1", "z", "MIN"]);
    client.command(&["ZADD", "z", "1", "a", "2", "b"]);
    client.command(&["BZPOPMIN", "z", "0"]);
    let replies = client.command(&["EXEC"]);
    let [Value::Null, Value::Null, Value::Integer(2), popped] = replies.items() else {
        panic!("{replies:?}")
    };
    assert_eq!(strings(popped), ["z", "a", "1"]);
    assert_eq!(strings(&waiting.read().expect("a reply")), ["z", "b", "2"]);
}

#[test]
fn scores_are_told_in_the_form_of_the_protocol() {
    let (_dir, server) = start();
    let mut client = server.client();
    let mut wait = |line: &[&str]| {
        let mut waiting = server.client();
        waiting.command(&["HELLO", "3"]);
        waiting.send(line).expect("a connection");
        wait_until("the client to wait", || client.info("blocked_clients") == "1");
        client.command(&["ZADD", "z", "1.5", "a"]);
        String::from_utf8(waiting.read_raw().expect("a reply")).expect("text")
    };
    let popped = wait(&["BZPOPMIN", "z", "0"]);
    assert_eq!(popped, "*3\r\n$1\r\nz\r\n$1\r\na\r\n,1.5\r\n");
    let popped = wait(&["BZMPOP", "0", "1", "z", "MAX"]);
    assert_eq!(popped, "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\na\r\n,1.5\r\n");
}

#[test]
fn a_sorted_set_may_come_by_any_way_and_other_types_are_not_taken() {
    let (_dir, server) = start();
    let mut client = server.client();
    client.command(&["ZADD", "other", "1", "m"]);
    let Value::Bulk(payload) = client.command(&["DUMP", "other"]) else { panic!("no payload") };
    type Make<'m> = &'m dyn Fn(&mut Client);
    let ways: [(&str, Make<'_>); 6] = [
        ("ZINCRBY", &|c| drop(c.command(&["ZINCRBY", "z", "1", "m"]))),
        ("RENAME", &|c| drop(c.command(&["RENAME", "other", "z"]))),
        ("COPY", &|c| drop(c.command(&["COPY", "other", "z"]))),
        ("RESTORE", &|c| drop(c.command_bytes(&[b"RESTORE", b"z", b"0", &payload]))),
        ("ZUNIONSTORE", &|c| drop(c.command(&["ZUNIONSTORE", "z", "1", "other"]))),
        ("ZRANGESTORE", &|c| drop(c.command(&["ZRANGESTORE", "z", "other", "0", "-1"]))),
    ];
    for (name, make) in ways {
        client.command(&["DEL", "z", "other"]);
        client.command(&["ZADD", "other", "1", "m"]);
        let mut waiting = begin(&server, "BZPOPMIN z 0");
        client.command(&["RPUSH", "z", "a list"]);
        client.command(&["DEL", "z"]);
        make(&mut client);
        assert_eq!(strings(&waiting.read().expect("a reply")), ["z", "m", "1"], "{name}");
    }
}

#[test]
fn what_was_popped_for_one_who_waited_is_gone_after_a_kill_too() {
    let (_dir, mut server) = start();
    let mut waiting = begin(&server, "BZPOPMIN z 0");
    let mut another = begin(&server, "BZMPOP 0 1 z MAX COUNT 2");
    let mut client = server.client();
    client.command(&["ZADD", "z", "1", "a", "2", "b", "3", "c", "4", "d"]);
    assert_eq!(strings(&waiting.read().expect("a reply")), ["z", "a", "1"]);
    assert_eq!(another.read().expect("a reply").items().len(), 2);
    server.kill();
    server.launch();
    let mut client = server.client();
    assert_eq!(strings(&client.command(&["ZRANGE", "z", "0", "-1"])), ["b"]);
}
