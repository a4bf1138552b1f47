//! The server as its users run it: a process with a data directory, killed, stopped and started again.

use crate::support::load::{Load, check_whole, newest};
use crate::support::{Client, Server, Value, wait_until};

fn dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[test]
fn what_was_acknowledged_survives_a_stop_and_a_kill() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    assert!(client.command(&["SET", "mykey", "hello"]).is_ok());
    assert!(client.command(&["SET", "mykey2", "world"]).is_ok());
    assert_eq!(client.command(&["DEL", "mykey2"]).integer(), 1);
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.restart();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
    server.kill();
    server.launch();
    let mut client = server.client();
    assert_eq!(client.command(&["DEBUG", "DIGEST"]), digest);
    assert_eq!(client.command(&["KEYS", "*"]).items(), [Value::Bulk(b"mykey".to_vec())]);
}

#[test]
fn a_transaction_is_there_whole_or_not_at_all() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    client.command(&["MULTI"]);
    assert_eq!(client.command(&["SET", "a", "1"]).text(), "QUEUED");
    client.command(&["SELECT", "3"]);
    client.command(&["INCR", "b"]);
    assert_eq!(client.command(&["EXEC"]).items().len(), 3);
    server.kill();
    server.launch();
    let mut client = server.client();
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
    client.command(&["SELECT", "3"]);
    assert_eq!(client.command(&["GET", "b"]).text(), "1");
}

/// Rounds of load and kill.
const KILLS: u64 = 50;

#[test]
fn every_acknowledged_write_survives_kills_under_load() {
    const WRITERS: usize = 50;
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut last = vec![0; WRITERS];
    for round in 0..KILLS {
        let load = Load::begin(server.port, &last);
        std::thread::sleep(std::time::Duration::from_millis(random.u64(20..250)));
        if random.bool() {
            // Half of them die while a snapshot is on its way.
            server.client().command(&["BGSAVE"]);
            std::thread::sleep(std::time::Duration::from_millis(random.u64(..30)));
        }
        server.kill();
        let written = load.end();
        assert!(written.iter().map(|w| w.acknowledged).sum::<u64>() > 0, "nothing in {round}");
        server.launch();
        let mut client = server.client();
        for (writer, written) in written.iter().enumerate() {
            // The newest number it has; those before it are in the other keys.
            let found = newest(&mut client, writer);
            let (acknowledged, sent) = (written.acknowledged, written.sent);
            assert!(
                (acknowledged..=sent).contains(&found),
                "round {round}: writer {writer} was told {acknowledged} of {sent}, found {found}"
            );
            check_whole(&mut client, writer, found);
            last[writer] = found;
        }
    }
}

#[cfg(feature = "interop")]
#[test]
fn redis_server_opens_the_directory_of_a_killed_server_and_gives_it_back() {
    let dir = dir();
    let data = dir.path().join("data");
    let mut server = Server::vellum(&data, &[]);
    let mut client = server.client();
    for number in 0..200 {
        client.command(&["SET", &format!("k{number}"), &"v".repeat(number)]);
    }
    client.command(&["PEXPIREAT", "k7", "99999999999999"]);
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.kill();
    let mut redis = Server::redis(&data, &["--appendonly", "yes"]);
    let mut client = redis.client();
    assert_eq!(client.command(&["DEBUG", "DIGEST"]), digest);
    assert!(client.command(&["SET", "from", "redis"]).is_ok());
    let digest = client.command(&["DEBUG", "DIGEST"]);
    assert!(redis.stop().success());
    server.launch();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
}

#[test]
fn a_second_server_is_kept_out_of_the_directory() {
    let dir = dir();
    let data = dir.path().join("data");
    let server = Server::vellum(&data, &[]);
    let mut second = Server::prepare(crate::support::Program::Vellum, &data, &[]);
    second.spawn();
    assert!(!second.wait_end().success());
    assert!(second.log().contains(&server.pid().to_string()), "{}", second.log());
}

#[test]
fn a_snapshot_takes_its_place_under_the_log() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    client.command(&["DEBUG", "POPULATE", "5000"]);
    assert!(client.command(&["BGSAVE"]).text().starts_with("Background saving"));
    wait_until("the snapshot to end", || client.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
    client.command(&["SET", "after", "1"]);
    let digest = client.command(&["DEBUG", "DIGEST"]);
    server.kill();
    server.launch();
    assert_eq!(server.client().command(&["DEBUG", "DIGEST"]), digest);
}

#[test]
fn a_master_that_wants_replicas_takes_no_write_without_them_from_its_start_on() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &["--min-replicas-to-write", "1"]);
    for _ in 0..2 {
        let refused = server.client().command(&["SET", "a", "1"]);
        assert_eq!(
            refused,
            Value::Error("NOREPLICAS Not enough good replicas to write.".to_owned())
        );
        server.restart();
    }
}

#[test]
fn a_client_that_has_said_all_still_gets_its_replies() {
    let dir = dir();
    let server = Server::vellum(&dir.path().join("data"), &[]);
    for _ in 0..20 {
        let mut client = server.client();
        client.send_raw(&b"SET a 1\r\nGET a\r\n".repeat(100)).expect("sent");
        client.finish_sending().expect("half closed");
        let replies = client.read_to_end();
        assert_eq!(replies.escape_ascii().to_string(), r"+OK\r\n$1\r\n1\r\n".repeat(100));
    }
}

/// CLIENT NO-TOUCH: reads leave a key as often used as it is, and only TOUCH does what it says.
#[test]
fn a_client_that_touches_nothing_can_still_touch() {
    let dir = dir();
    let args = ["--maxmemory-policy", "allkeys-lfu", "--lfu-log-factor", "0"];
    let server = Server::vellum(&dir.path().join("data"), &args);
    let mut client = server.client();
    let frequency = |client: &mut Client| client.command(&["OBJECT", "FREQ", "a"]).integer();
    client.command(&["SET", "a", "1"]);
    let before = frequency(&mut client);
    client.command(&["GET", "a"]);
    assert_eq!(frequency(&mut client), before + 1);
    assert!(client.command(&["CLIENT", "NO-TOUCH", "ON"]).is_ok());
    client.command(&["GET", "a"]);
    client.command(&["APPEND", "a", "1"]);
    assert_eq!(frequency(&mut client), before + 1);
    assert_eq!(client.command(&["TOUCH", "a", "b"]).integer(), 1);
    assert_eq!(frequency(&mut client), before + 2);
    client.command(&["GET", "a"]);
    assert_eq!(frequency(&mut client), before + 2);
    assert!(client.command(&["CLIENT", "NO-TOUCH", "OFF"]).is_ok());
    client.command(&["GET", "a"]);
    assert_eq!(frequency(&mut client), before + 3);
}

#[test]
fn a_port_that_is_taken_is_refused_and_the_old_one_kept() {
    let dir = dir();
    let server = Server::vellum(&dir.path().join("data"), &[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let refused = server.client().command(&["CONFIG", "SET", "port", &port]);
    let reason = "ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on \
                  this port. Check server logs.";
    assert_eq!(refused, Value::Error(reason.to_owned()));
    let refused = server.client().command(&["CONFIG", "SET", "bind", "192.0.2.1"]);
    let reason = "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to \
                  specified addresses.";
    assert_eq!(refused, Value::Error(reason.to_owned()));
    let now = server.client().command(&["CONFIG", "GET", "port"]);
    assert_eq!(now.items()[1].text(), server.port.to_string());
}

#[test]
fn every_kind_of_reply_can_be_asked_for() {
    let dir = dir();
    let server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    let refused = client.command(&["DEBUG", "PROTOCOL", "push"]);
    assert_eq!(refused, Value::Error("ERR RESP2 is not supported by this command".to_owned()));
    client.command(&["HELLO", "3"]);
    client.send(&["DEBUG", "PROTOCOL", "push"]).expect("sent");
    let mut next = || client.read_raw().expect("a reply").escape_ascii().to_string();
    assert_eq!(next(), r">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n");
    assert_eq!(next(), r"$40\r\nSome real reply following the push reply\r\n");
    client.send(&["DEBUG", "PROTOCOL", "attrib"]).expect("sent");
    let attribute = client.read_raw().expect("a reply").escape_ascii().to_string();
    let expected = r"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n$39\r\nSome real reply following the attribute\r\n";
    assert_eq!(attribute, expected);
}

#[test]
fn a_payload_with_a_wrong_checksum_can_be_tried_out() {
    let dir = dir();
    let mut server = Server::vellum(&dir.path().join("data"), &[]);
    let mut client = server.client();
    let payload = |value: &[u8]| [value, b"\x0a\x00", b"no check"].concat();
    let (hello, one, torn) =
        (payload(b"\x00\x05hello"), payload(b"\x00\x01b"), payload(b"\x00\x05hell"));
    let restore = [b"RESTORE".as_slice(), b"a", b"0", hello.as_slice(), b"REPLACE"];
    let refused = "ERR DUMP payload version or checksum are wrong";
    assert_eq!(client.command_bytes(&restore), Value::Error(refused.to_owned()));
    assert!(client.command(&["DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "1"]).is_ok());
    // Another setting changes, and this one stays.
    assert!(client.command(&["CONFIG", "SET", "proto-max-bulk-len", "100mb"]).is_ok());
    assert!(client.command_bytes(&restore).is_ok());
    let timed = [b"RESTORE".as_slice(), b"b", b"100000", one.as_slice()];
    assert!(client.command_bytes(&timed).is_ok());
    let torn = [b"RESTORE".as_slice(), b"c", b"0", torn.as_slice()];
    assert_eq!(client.command_bytes(&torn), Value::Error("ERR Bad data format".to_owned()));
    assert!(client.command(&["DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", "0"]).is_ok());
    assert_eq!(client.command_bytes(&restore), Value::Error(refused.to_owned()));
    // What was logged can be replayed by a server that looks at checksums.
    server.restart();
    let mut client = server.client();
    assert_eq!(client.command(&["GET", "a"]).text(), "hello");
    assert_eq!(client.command(&["GET", "b"]).text(), "b");
    assert!((1..=100_000).contains(&client.command(&["PTTL", "b"]).integer()));
}

#[test]
fn limits_of_packed_values_hold_after_a_reload_and_a_full_sync() {
    let dir = dir();
    let master = Server::vellum(&dir.path().join("master"), &[]);
    master.client().command(&["HSET", "old", "a", "1", "b", "2"]);
    let args = ["--hash-max-listpack-entries", "1", "--enable-debug-command", "yes"];
    let server = Server::vellum(&dir.path().join("data"), &args);
    let mut client = server.client();
    client.command(&["SLAVEOF", "127.0.0.1", &master.port.to_string()]);
    wait_until("the full sync", || client.info("master_link_status") == "up");
    client.command(&["SLAVEOF", "NO", "ONE"]);
    let mut check = |key: &str| {
        client.command(&["HSET", key, "a", "1", "b", "2"]);
        for key in ["old", key] {
            let encoding = client.command(&["OBJECT", "ENCODING", key]).text();
            assert_eq!(encoding, "hashtable", "{key}");
        }
    };
    check("synced");
    for subcommand in ["RELOAD", "LOADAOF"] {
        assert!(server.client().command(&["DEBUG", subcommand]).is_ok());
        check(subcommand);
    }
}
