//! Client-side caching over sockets: order with the replies, the gate, replicas, expiry, bounds.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::support::client::encode;
use crate::support::replicas::{follow, ok, wait_to_catch_up};
use crate::support::{Client, Server, Value, wait_until};

fn server(args: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::vellum(&dir.path().join("data"), args);
    (dir, server)
}

/// A connection in RESP3 that tracks, with further words behind ON.
fn tracking(server: &Server, options: &str) -> Client {
    let mut client = server.client();
    client.command(&["HELLO", "3"]);
    let line = format!("CLIENT TRACKING ON {options}");
    assert!(client.command(&line.trim().split(' ').collect::<Vec<_>>()).is_ok());
    client
}

/// The keys of the next message, or nothing where it is about all.
fn invalidated(client: &mut Client) -> Vec<String> {
    let message = client.read().expect("a message");
    assert_eq!(message.items()[0].text(), "invalidate", "{message:?}");
    match &message.items()[1] {
        Value::Null => Vec::new(),
        keys => keys.items().iter().map(|key| key.text()).collect(),
    }
}

fn request(lines: &str) -> Vec<u8> {
    let command = |line: &str| encode(&line.split(' ').map(str::as_bytes).collect::<Vec<_>>());
    lines.lines().flat_map(command).collect()
}

#[test]
fn own_messages_come_behind_the_reply_that_caused_them() {
    let (_dir, server) = server(&[]);
    let mut client = tracking(&server, "");
    let lines = "MGET x y\nSET x 1\nMULTI\nGET y\nSET y 2\nGET z\nDEL z y\nEXEC\nFLUSHALL\nPING";
    client.send_raw(&request(lines)).expect("sent");
    let invalidation = |key: &str| format!(">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\n{key}\r\n");
    let expected = [
        "*2\r\n_\r\n_\r\n".to_owned(),
        "+OK\r\n".to_owned(),
        invalidation("x"),
        "+OK\r\n".to_owned(),
        "+QUEUED\r\n".to_owned(),
        "+QUEUED\r\n".to_owned(),
        "+QUEUED\r\n".to_owned(),
        "+QUEUED\r\n".to_owned(),
        "*4\r\n_\r\n+OK\r\n_\r\n:1\r\n".to_owned(),
        invalidation("y"),
        "+OK\r\n".to_owned(),
        ">2\r\n$10\r\ninvalidate\r\n_\r\n".to_owned(),
        "+PONG\r\n".to_owned(),
    ];
    for expected in expected {
        let reply = client.read_raw().expect("a reply");
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }
}

/// Tells the other threads to end, however this one does.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A cache that goes by the messages never gives a value that is older than one its owner has seen.
fn never_stale(policy: &str, options: &str) {
    const KEYS: usize = 20;
    let (_dir, server) = server(&["--appendfsync", policy, "--save", ""]);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (is_over, port) = (&stop, server.port);
        let _end = SetOnDrop(&stop);
        scope.spawn(move || {
            let mut writer = Client::connect(port).expect("connected");
            // Both keys of a pair always hold the same, and only more.
            for n in 1.. {
                if is_over.load(Ordering::Relaxed) {
                    return;
                }
                let key = n % KEYS;
                let lines = format!("MSET a{key} {n} b{key} {n}");
                writer.send_raw(&request(&lines)).expect("sent");
                writer.read().expect("a reply");
            }
        });
        let mut reader = tracking(&server, options);
        let mut cache: HashMap<String, u64> = HashMap::new();
        let (mut hits, mut dropped) = (0, 0);
        let mut rng = fastrand::Rng::with_seed(9);
        let mut get = |key: String, cache: &mut HashMap<String, u64>| -> u64 {
            if let Some(&value) = cache.get(&key) {
                hits += 1;
                return value;
            }
            reader.send(&["GET", &key]).expect("sent");
            loop {
                match reader.read().expect("a reply") {
                    Value::Array(message) => {
                        dropped += 1;
                        for gone in message[1].items() {
                            cache.remove(&gone.text());
                        }
                    }
                    Value::Bulk(value) => {
                        let text = String::from_utf8(value).expect("a number");
                        let value = text.parse().expect("a number");
                        cache.insert(key, value);
                        return value;
                    }
                    _ => return 0,
                }
            }
        };
        for _ in 0..4000 {
            let n = rng.usize(..KEYS);
            // What was read first may be older. What is read, or in the cache, afterwards may not.
            let first = get(format!("a{n}"), &mut cache);
            let second = get(format!("b{n}"), &mut cache);
            assert!(second >= first, "{first} and then {second}");
        }
        assert!(hits > 10 && dropped > 10, "{hits} hits, {dropped} messages");
    });
}

#[test]
fn a_cache_is_never_older_than_what_its_owner_has_seen() {
    for policy in ["always", "everysec"] {
        never_stale(policy, "");
        never_stale(policy, "BCAST PREFIX a PREFIX b");
    }
}

#[test]
fn keys_that_expire_are_told_of() {
    let (_dir, server) = server(&[]);
    let mut client = tracking(&server, "");
    let mut broad = tracking(&server, "BCAST NOLOOP");
    ok(&server, &["SET", "a", "1", "PX", "700"]);
    assert_eq!(invalidated(&mut broad), ["a"]);
    assert_eq!(client.command(&["GET", "a"]).text(), "1");
    assert_eq!(invalidated(&mut client), ["a"], "by nobody's command");
    assert_eq!(invalidated(&mut broad), ["a"]);
    // By the client's own look at it.
    let mut admin = server.client();
    admin.command(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    ok(&server, &["SET", "b", "1", "PX", "1"]);
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(invalidated(&mut broad), ["b"]);
    broad.send(&["GET", "b"]).expect("sent");
    assert_eq!(broad.read().expect("nothing"), Value::Null);
    assert_eq!(invalidated(&mut broad), ["b"], "it has not changed the key itself");
}

#[test]
fn a_turn_is_broadcast_once() {
    let (_dir, server) = server(&["--appendfsync", "always"]);
    let mut client = tracking(&server, "BCAST PREFIX k PREFIX x");
    let mut writer = server.client();
    let lines: Vec<String> = (0..50).map(|n| format!("SET k{n:02} 1\nINCR x")).collect();
    writer.send_raw(&request(&lines.join("\n"))).expect("sent");
    (0..100).for_each(|_| drop(writer.read().expect("a reply")));
    let (mut keys, mut messages) = (Vec::new(), 0);
    while keys.len() < 51 {
        keys.extend(invalidated(&mut client).into_iter().filter(|key| key != "x" || messages == 1));
        messages += 1;
    }
    // The network may have cut the request in pieces.
    assert!(messages <= 10, "{messages} messages");
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 51);
}

#[test]
fn a_replica_tells_of_what_its_master_writes() {
    let (_dir, master) = server(&[]);
    let (_dir2, replica) = server(&[]);
    ok(&replica, &["SET", "own", "1"]);
    let mut early = tracking(&replica, "");
    early.command(&["GET", "own"]);
    follow(&replica, master.port);
    assert_eq!(invalidated(&mut early), [""; 0], "the data set is another one");
    wait_to_catch_up(&master, &replica);
    let mut client = tracking(&replica, "");
    let mut broad = tracking(&replica, "BCAST");
    client.command(&["MGET", "a", "b"]);
    ok(&master, &["SET", "a", "1"]);
    assert_eq!(
        (invalidated(&mut client), invalidated(&mut broad)),
        (vec!["a".into()], vec!["a".into()])
    );
    ok(&master, &["FLUSHALL"]);
    assert_eq!(invalidated(&mut client), [""; 0]);
    assert_eq!(invalidated(&mut broad), [""; 0]);
}

#[test]
fn the_table_of_keys_is_bounded() {
    const MAX: usize = 100;
    let (_dir, server) = server(&["--tracking-table-max-keys", &MAX.to_string()]);
    let mut client = tracking(&server, "NOLOOP");
    let mut other = server.client();
    let mut forgotten = Vec::new();
    for n in 0..1000 {
        client.send(&["GET", &n.to_string()]).expect("sent");
        assert_eq!(client.read().expect("a reply"), Value::Null);
        if n >= MAX {
            // One is forgotten for each new one, by this client's own doing, and it is told all the same.
            forgotten.extend(invalidated(&mut client));
        }
    }
    assert_eq!(forgotten.len(), 1000 - MAX);
    let figures = ["tracking_clients", "tracking_total_keys", "tracking_total_items"];
    assert_eq!(figures.map(|name| other.info(name)), ["1", "100", "100"]);
    forgotten.sort();
    forgotten.dedup();
    assert_eq!(forgotten.len(), 1000 - MAX, "each was remembered when it was forgotten");
    // Fewer, from the next command on.
    assert!(other.command(&["CONFIG", "SET", "tracking-table-max-keys", "10"]).is_ok());
    client.send(&["GET", "0"]).expect("sent");
    client.read().expect("a reply");
    wait_until("the table to shrink", || other.info("tracking_total_keys") == "10");
    drop(client);
    wait_until("the client to be forgotten", || other.info("tracking_clients") == "0");
    assert_eq!(figures.map(|name| other.info(name)), ["0", "0", "0"]);
}

#[test]
fn who_has_waited_for_a_key_is_told_of_it_again() {
    let (_dir, server) = server(&[]);
    let mut client = tracking(&server, "");
    client.send(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]).expect("sent");
    let mut writer = server.client();
    wait_until("it to wait", || writer.info("blocked_clients") == "1");
    writer.command(&["XADD", "s", "1-1", "a", "1"]);
    assert_eq!(invalidated(&mut client), ["s"]);
    let reply = client.read_raw().expect("a reply");
    assert!(reply.starts_with(b"%1"), "{}", reply.escape_ascii());
    writer.command(&["XADD", "s", "1-2", "a", "1"]);
    assert_eq!(invalidated(&mut client), ["s"], "what it was served with is old");
}

/// Two that write in one turn: the second's change is news for the first.
#[test]
fn a_key_that_others_change_too_is_no_own_one() {
    let (_dir, server) = server(&["--appendfsync", "always"]);
    let mut client = tracking(&server, "BCAST NOLOOP");
    let mut writer = server.client();
    for n in 0..200 {
        client.send(&["SET", "a", &n.to_string()]).expect("sent");
        writer.send(&["SET", "a", "other"]).expect("sent");
        writer.read().expect("a reply");
        // One message, before or behind the reply, as the writers came.
        let replies = [client.read().expect("a reply"), client.read().expect("a message")];
        assert!(replies.iter().any(Value::is_ok), "{replies:?}");
        assert!(!replies.iter().all(Value::is_ok), "{replies:?}");
    }
}

#[test]
fn messages_go_to_another_connection_until_it_is_gone() {
    let (_dir, server) = server(&[]);
    let mut listener = server.client();
    let id = listener.command(&["CLIENT", "ID"]).integer();
    listener.command(&["SUBSCRIBE", "__redis__:invalidate"]);
    let mut client = tracking(&server, &format!("REDIRECT {id}"));
    client.command(&["GET", "a"]);
    ok(&server, &["SET", "a", "1"]);
    let message = listener.read().expect("a message");
    let words = message.items();
    assert_eq!([words[0].text(), words[1].text()], ["message", "__redis__:invalidate"]);
    assert_eq!(words[2].items()[0].text(), "a");
    drop(listener);
    let mut admin = server.client();
    wait_until("it to be gone", || admin.info("pubsub_channels") == "0");
    client.command(&["GET", "a"]);
    ok(&server, &["SET", "a", "2"]);
    let message = client.read_raw().expect("a message");
    let expected = format!(">2\r\n$21\r\ntracking-redir-broken\r\n:{id}\r\n");
    assert_eq!(String::from_utf8_lossy(&message), expected);
    let info = client.command(&["CLIENT", "INFO"]).text();
    assert!(info.contains(" flags=tR ") && info.contains(&format!(" redir={id} ")), "{info}");
}
