//! Publish and subscribe, and keyspace notifications, over sockets: order, bounds, replicas, restarts.

use crate::support::client::encode;
use crate::support::replicas::{follow, ok, wait_for_link, wait_to_catch_up};
use crate::support::{Client, Server, wait_until};

fn server(args: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::vellum(&dir.path().join("data"), args);
    (dir, server)
}

/// A connection that has sent a command and read its confirmation.
fn listener(server: &Server, words: &[&str]) -> Client {
    let mut client = server.client();
    client.command(words);
    client
}

/// The texts of the next message, without its kind.
fn message(client: &mut Client) -> String {
    let message = client.read().expect("a message");
    let words = message.items()[1..].iter().map(|word| word.text());
    words.collect::<Vec<_>>().join(" ")
}

fn request(lines: &str) -> Vec<u8> {
    let command = |line: &str| encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    lines.lines().flat_map(command).collect()
}

/// Bytes of every file under the data directory that holds a log.
fn log_bytes(server: &Server) -> Vec<u8> {
    let folder = server.dir.join("appendonlydir");
    let files = std::fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path());
    let logs = files.filter(|path| path.to_string_lossy().ends_with(".incr.aof"));
    logs.flat_map(|path| std::fs::read(path).expect("a file")).collect()
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[test]
fn messages_arrive_in_the_order_of_publishing_on_all_connections() {
    const COUNT: usize = 5000;
    for threads in ["1", "3"] {
        let (_dir, server) = server(&["--io-threads", threads]);
        let mut listeners: Vec<Client> =
            (0..20).map(|_| listener(&server, &["SUBSCRIBE", "a"])).collect();
        let mut publisher = server.client();
        let pad = "x".repeat(500);
        let lines: Vec<String> = (0..COUNT).map(|n| format!("PUBLISH a {n}-{pad}")).collect();
        publisher.send_raw(&request(&lines.join("\n"))).expect("sent");
        for _ in 0..COUNT {
            assert_eq!(publisher.read().expect("a count").integer(), 20);
        }
        for client in &mut listeners {
            for n in 0..COUNT {
                assert_eq!(message(client), format!("a {n}-{pad}"));
            }
        }
    }
}

#[test]
fn own_messages_come_behind_the_reply_that_caused_them() {
    let (_dir, server) = server(&["--notify-keyspace-events", "E$"]);
    let mut client = server.client();
    client.command(&["HELLO", "3"]);
    client.command(&["SUBSCRIBE", "a", "__keyevent@0__:set"]);
    client.read().expect("the second confirmation");
    let lines = "SET x 1\nPUBLISH a hello\nMULTI\nSET y 2\nPUBLISH a again\nGET y\nEXEC\nPING";
    client.send_raw(&request(lines)).expect("sent");
    let expected = [
        "+OK\r\n",
        ">3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\nx\r\n",
        ":1\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n",
        "+OK\r\n",
        "+QUEUED\r\n",
        "+QUEUED\r\n",
        "+QUEUED\r\n",
        "*3\r\n+OK\r\n:1\r\n$1\r\n2\r\n",
        ">3\r\n$7\r\nmessage\r\n$18\r\n__keyevent@0__:set\r\n$1\r\ny\r\n",
        ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nagain\r\n",
        "+PONG\r\n",
    ];
    for expected in expected {
        let reply = client.read_raw().expect("a reply");
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }
}

#[test]
fn nothing_comes_after_the_end_of_a_subscription() {
    let (_dir, server) = server(&["--appendonly", "no", "--save", ""]);
    let mut publisher = server.client();
    for round in 0..200 {
        let mut client = listener(&server, &["SUBSCRIBE", "a"]);
        publisher.send_raw(&request(&["PUBLISH a x"; 20].join("\n"))).expect("sent");
        client.send_raw(&request("UNSUBSCRIBE a\nECHO end")).expect("sent");
        let mut received = 0;
        while client.read().expect("a message").items()[0].text() == "message" {
            received += 1;
        }
        assert_eq!(client.read().expect("an answer").text(), "end", "round {round}");
        let counts: i64 = (0..20).map(|_| publisher.read().expect("a count").integer()).sum();
        assert_eq!(received, counts, "round {round}");
    }
}

#[test]
fn clients_and_figures_show_what_is_listened_to() {
    let (_dir, server) = server(&[]);
    let mut client = server.client();
    client.command(&["SUBSCRIBE", "a", "b"]);
    client.read().expect("the second confirmation");
    client.command(&["PSUBSCRIBE", "a*"]);
    client.command(&["SSUBSCRIBE", "s"]);
    let mut other = server.client();
    let line = other.command(&["CLIENT", "LIST", "TYPE", "PUBSUB"]).text();
    assert_eq!(line.lines().count(), 1);
    assert!(line.contains(" flags=P db=0 sub=2 psub=1 ssub=1 "), "{line}");
    assert!(!other.command(&["CLIENT", "LIST", "TYPE", "NORMAL"]).text().contains("flags=P"));
    let figures = ["pubsub_channels", "pubsub_patterns", "pubsubshard_channels"];
    assert_eq!(figures.map(|name| other.info(name)), ["2", "1", "1"]);
    drop(client);
    wait_until("the client to be forgotten", || other.info("pubsub_channels") == "0");
    assert_eq!(figures.map(|name| other.info(name)), ["0", "0", "0"]);
}

/// One that never reads is cut off at its limit, long before memory is used up, and others go on.
#[test]
fn a_listener_that_never_reads_is_cut_off() {
    const LIMIT: u64 = 8 << 20;
    let limit = format!("pubsub {LIMIT} 0 0");
    for threads in ["1", "2"] {
        let args = ["--client-output-buffer-limit", &limit, "--io-threads", threads];
        let (_dir, server) = server(&args);
        let mut publisher = server.client();
        let before: u64 = publisher.info("used_memory").parse().expect("a number");
        let deaf: Vec<Client> = (0..4).map(|_| listener(&server, &["SUBSCRIBE", "a"])).collect();
        let text = "x".repeat(100_000);
        let mut peak = 0;
        let mut published = 0_u64;
        wait_until("all to be cut off", || {
            published += text.len() as u64;
            let receivers = publisher.command(&["PUBLISH", "a", &text]).integer();
            peak = peak.max(publisher.info("used_memory").parse().expect("a number"));
            receivers == 0
        });
        // The kernel takes some megabytes first.
        assert!(published > LIMIT, "cut off after {published} bytes");
        assert!(peak < before + 4 * LIMIT + (16 << 20), "{before} and then {peak}");
        drop(deaf);
        assert!(server.log().contains("overcoming of output buffer limits"));
    }
}

#[test]
fn the_soft_limit_counts_for_listeners_too() {
    let (_dir, server) = server(&["--client-output-buffer-limit", "pubsub 0 100000 1"]);
    let mut publisher = server.client();
    let _deaf = listener(&server, &["SUBSCRIBE", "a"]);
    let text = "x".repeat(100_000);
    let started = std::time::Instant::now();
    wait_until("it to be cut off", || publisher.command(&["PUBLISH", "a", &text]).integer() == 0);
    assert!(started.elapsed().as_secs() >= 1);
}

#[test]
fn an_idle_listener_is_not_closed() {
    let (_dir, server) = server(&["--timeout", "1"]);
    let mut idle = server.client();
    let mut client = listener(&server, &["SUBSCRIBE", "a"]);
    assert_eq!(idle.read_to_end(), b"");
    assert_eq!(server.client().command(&["PUBLISH", "a", "x"]).integer(), 1);
    assert_eq!(message(&mut client), "a x");
}

#[test]
fn notifications_are_switched_at_run_time() {
    let (_dir, server) = server(&[]);
    let mut client = listener(&server, &["PSUBSCRIBE", "__key*@*__:*"]);
    let mut writer = server.client();
    let set = |writer: &mut Client, classes: &str| {
        let reply = writer.command(&["CONFIG", "SET", "notify-keyspace-events", classes]);
        assert!(reply.is_ok());
    };
    writer.command(&["SET", "a", "0"]);
    set(&mut writer, "K$");
    writer.command(&["SET", "a", "1"]);
    writer.command(&["DEL", "a"]);
    set(&mut writer, "Eg");
    writer.command(&["SET", "a", "1"]);
    writer.command(&["DEL", "a"]);
    set(&mut writer, "g$");
    writer.command(&["SET", "a", "1"]);
    set(&mut writer, "KEnm$x");
    writer.command(&["SELECT", "3"]);
    writer.command(&["GET", "b"]);
    writer.command(&["SET", "b", "1", "PX", "1"]);
    let expected = [
        "__key*@*__:* __keyspace@0__:a set",
        "__key*@*__:* __keyevent@0__:del a",
        "__key*@*__:* __keyspace@3__:b keymiss",
        "__key*@*__:* __keyevent@3__:keymiss b",
        "__key*@*__:* __keyspace@3__:b new",
        "__key*@*__:* __keyevent@3__:new b",
        "__key*@*__:* __keyspace@3__:b set",
        "__key*@*__:* __keyevent@3__:set b",
        // By nobody's command: the server finds it itself.
        "__key*@*__:* __keyspace@3__:b expired",
        "__key*@*__:* __keyevent@3__:expired b",
    ];
    for expected in expected {
        assert_eq!(message(&mut client), expected);
    }
}

#[test]
fn a_notification_waits_for_the_disk_as_the_reply_does() {
    let (_dir, server) = server(&["--notify-keyspace-events", "KA", "--appendfsync", "always"]);
    let mut client = listener(&server, &["SUBSCRIBE", "__keyspace@0__:a"]);
    let mut writer = server.client();
    for n in 0..200 {
        let lines = format!("MULTI\nINCR a\nPUBLISH x y\nEXEC\nGET a\nGET {n}");
        writer.send_raw(&request(&lines)).expect("sent");
        assert_eq!(message(&mut client), "__keyspace@0__:a incrby");
        let mut info = server.client();
        let [durable, shown] = ["vellum_offset_durable", "vellum_offset_appended"]
            .map(|field| info.info(field).parse::<u64>().expect("a number"));
        assert!(durable == shown, "told of what is not on disk: {durable} of {shown}");
        (0..6).for_each(|_| drop(writer.read().expect("a reply")));
    }
}

#[test]
fn a_replica_has_listeners_of_its_own() {
    let (_dir, master) = server(&["--notify-keyspace-events", "KEA"]);
    let (_dir2, replica) = server(&["--notify-keyspace-events", "KA"]);
    let (_dir3, third) = server(&[]);
    ok(&master, &["SET", "a", "1"]);
    // Nobody follows yet: this is in no log.
    let mut publisher = master.client();
    publisher.command(&["PUBLISH", "news", "unheard-of"]);
    follow(&replica, master.port);
    follow(&third, replica.port);
    wait_to_catch_up(&master, &replica);
    wait_to_catch_up(&replica, &third);
    let mut far = listener(&third, &["SUBSCRIBE", "news"]);
    let mut client = listener(&replica, &["PSUBSCRIBE", "*"]);
    client.command(&["SSUBSCRIBE", "news"]);
    assert_eq!(publisher.command(&["PUBLISH", "news", "hello"]).integer(), 0);
    assert_eq!(publisher.command(&["SPUBLISH", "news", "shard"]).integer(), 0);
    publisher
        .send_raw(&request("MULTI\nSET b 1\nPUBLISH news within\nSET b 2\nEXEC"))
        .expect("sent");
    let expected = [
        "* news hello",
        "news shard",
        "* __keyspace@0__:b set",
        "* news within",
        "* __keyspace@0__:b set",
    ];
    for expected in expected {
        assert_eq!(message(&mut client), expected);
    }
    // The end of a key is the master's to tell, as a deletion.
    (0..5).for_each(|_| drop(publisher.read().expect("a reply")));
    ok(&master, &["SET", "a", "1", "PX", "100"]);
    for event in ["set", "expire", "del"] {
        assert_eq!(message(&mut client), format!("* __keyspace@0__:a {event}"));
    }
    assert_eq!([message(&mut far), message(&mut far)], ["news hello", "news within"]);
    // What is published on a replica stays there.
    assert_eq!(replica.client().command(&["PUBLISH", "news", "local"]).integer(), 1);
    assert_eq!(message(&mut client), "* news local");
    assert_eq!(publisher.command(&["WAIT", "1", "60000"]).integer(), 1);
    for server in [&master, &replica] {
        let log = log_bytes(server);
        assert!(contains(&log, "within") && contains(&log, "shard"));
        assert!(!contains(&log, "unheard-of") && !contains(&log, "local"));
    }
    assert!(publisher.command(&["PUBLISH", "news", "last"]).integer() == 0);
    assert_eq!([message(&mut client), message(&mut far)], ["* news last", "news last"]);
}

/// The log holds messages of the time when there was a replica: they are over.
#[test]
fn a_restart_delivers_nothing() {
    let (_dir, mut master) = server(&["--notify-keyspace-events", "KEA"]);
    let (_dir2, mut replica) = server(&["--notify-keyspace-events", "KEA"]);
    follow(&replica, master.port);
    wait_for_link(&replica);
    let mut publisher = master.client();
    publisher.command(&["PUBLISH", "news", "hello"]);
    publisher.command(&["SET", "a", "1"]);
    wait_to_catch_up(&master, &replica);
    assert!(contains(&log_bytes(&replica), "hello"));
    for server in [&mut master, &mut replica] {
        server.kill();
        server.launch();
        let mut client = listener(server, &["PSUBSCRIBE", "*"]);
        assert_eq!(server.client().command(&["GET", "a"]).text(), "1");
        assert_eq!(server.client().command(&["PUBLISH", "own", "x"]).integer(), 1);
        assert_eq!(message(&mut client), "* own x");
    }
}
