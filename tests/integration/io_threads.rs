//! Replies written by I/O threads: in order, whole, and to the right clients.

use crate::support::client::encode;
use crate::support::replicas::{assert_same_data, follow};
use crate::support::{Client, Server, wait_until};

const CLIENTS: usize = 24;
const ROUNDS: usize = 40;
const DEPTH: usize = 50;

fn server(dir: &tempfile::TempDir, name: &str, more: &[&str]) -> Server {
    let args: Vec<&str> = ["--io-threads", "4"].iter().chain(more).copied().collect();
    Server::vellum(&dir.path().join(name), &args)
}

/// Sends pipelines of counting and of long reads, and checks every reply in its place.
fn count(server: &Server, number: usize, value: &str) {
    let mut client = server.client();
    let counter = format!("counter:{number}");
    let mut expected = 0;
    for round in 0..ROUNDS {
        let mut request = Vec::new();
        for _ in 0..DEPTH {
            request.extend(encode(&[b"INCR", counter.as_bytes()]));
        }
        if round % 8 == number % 8 {
            request.extend(encode(&[b"GET", b"long"]));
        }
        client.send_raw(&request).expect("sent");
        for _ in 0..DEPTH {
            expected += 1;
            assert_eq!(client.read().expect("a number").integer(), expected);
        }
        if round % 8 == number % 8 {
            assert!(client.read().expect("a value").text() == value, "client {number}");
        }
    }
}

#[test]
fn every_client_gets_its_replies_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, "data", &[]);
    let mut watcher = server.client();
    assert_eq!(watcher.info("io_threads_active"), "1");
    let value = "0123456789".repeat(40_000);
    watcher.command(&["SET", "long", &value]);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (server, value) = (&server, &value);
            scope.spawn(move || count(server, number, value));
        }
    });
    for number in 0..CLIENTS {
        let count = watcher.command(&["GET", &format!("counter:{number}")]).text();
        assert_eq!(count, (ROUNDS * DEPTH).to_string());
    }
}

/// Sends requests whose replies fill the socket many times over, before it reads any.
fn read_late(server: &Server, value: &str) {
    const READS: usize = 50;
    let mut client = server.client();
    let request = encode(&[b"GET", b"long"]).repeat(READS);
    client.send_raw(&request).expect("sent");
    client.send_raw(&encode(&[b"QUIT"])).expect("sent");
    std::thread::sleep(std::time::Duration::from_millis(50));
    for _ in 0..READS {
        assert!(client.read().expect("a value").text() == value);
    }
    assert!(client.read().expect("OK").is_ok());
    assert_eq!(client.read_to_end(), b"");
}

#[test]
fn slow_readers_get_everything_before_they_are_closed() {
    let dir = tempfile::tempdir().unwrap();
    let server = server(&dir, "data", &[]);
    let value = "0123456789".repeat(40_000);
    let mut watcher = server.client();
    watcher.command(&["SET", "long", &value]);
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| read_late(&server, &value));
        }
    });
    wait_until("all to be gone", || watcher.info("connected_clients") == "1");
}

#[test]
fn a_replica_and_a_monitor_are_served_beside_busy_clients() {
    let dir = tempfile::tempdir().unwrap();
    let (master, replica) = (server(&dir, "master", &[]), server(&dir, "replica", &[]));
    let mut monitor: Client = master.client();
    assert!(monitor.command(&["MONITOR"]).is_ok());
    let value = "v".repeat(400_000);
    master.client().command(&["SET", "long", &value]);
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (master, value) = (&master, &value);
            scope.spawn(move || count(master, number, value));
        }
        follow(&replica, master.port);
    });
    assert_same_data(&master, &replica);
    // The lines a command left arrive whole; the first is that of the long value.
    assert!(monitor.read().expect("a line").text().contains("\"SET\" \"long\""));
}
