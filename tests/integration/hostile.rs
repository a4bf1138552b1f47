//! Clients that ask for too much, or never read: the server lives, and its memory is bounded.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::client::encode;
use crate::support::{Client, Server, wait_until};

fn server(args: &[&str]) -> (tempfile::TempDir, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let server = Server::vellum(&dir.path().join("data"), args);
    (dir, server)
}

fn used_memory(client: &mut Client) -> u64 {
    client.info("used_memory").parse().expect("a number")
}

/// What an announcement alone may cost, in bytes, whatever it announces.
const ANNOUNCED_COST_MAX: u64 = 32 << 20;

#[test]
fn announcements_cost_nothing() {
    let (_dir, server) = server(&[]);
    let mut watcher = server.client();
    // Opening the catalogue, which a new server does beside its clients, is not what is measured.
    wait_until("the catalogue to be open", || server.log().contains("building it from the files"));
    let before = used_memory(&mut watcher);
    let mut clients: Vec<Client> = Vec::new();
    for announcement in ["*1\r\n$536870912\r\n", "*1048576\r\n", "*1048576\r\n$536870912\r\nabc"] {
        for _ in 0..10 {
            let mut client = server.client();
            client.send_raw(announcement.as_bytes()).expect("sent");
            clients.push(client);
        }
    }
    // They have been read once these are answered.
    for _ in 0..3 {
        assert_eq!(server.client().command(&["PING"]).text(), "PONG");
    }
    let after = used_memory(&mut watcher);
    assert!(after < before + ANNOUNCED_COST_MAX, "{before} and then {after}");
    let mut client = server.client();
    client.send_raw(b"*1\r\n$536870913\r\n").expect("sent");
    assert_eq!(client.read_to_end(), b"-ERR Protocol error: invalid bulk length\r\n");
}

#[test]
fn a_command_of_a_million_arguments_is_run() {
    const KEYS: usize = 1_000_000;
    let (_dir, server) = server(&[]);
    let mut client = server.client();
    let mut request = format!("*{}\r\n$3\r\nDEL\r\n", KEYS + 1).into_bytes();
    for n in 0..KEYS {
        request.extend(format!("$7\r\n{n:07}\r\n").as_bytes());
    }
    client.command(&["MSET", "0000000", "a", "0999999", "b"]);
    client.send_raw(&request).expect("sent");
    assert_eq!(client.read().expect("a count").integer(), 2);
}

/// Sends `request` over and over without reading until the server closes the connection.
fn never_read(client: &mut Client, request: &[u8]) {
    const REQUESTS_MAX: usize = 100_000;
    let closed = (0..REQUESTS_MAX).any(|_| client.send_raw(request).is_err());
    assert!(closed, "the server went on");
}

#[test]
fn a_client_that_never_reads_is_closed() {
    let (_dir, server) = server(&["--client-output-buffer-limit", "normal 4mb 0 0"]);
    let mut watcher = server.client();
    let value = "x".repeat(100_000);
    watcher.command(&["SET", "big", &value]);
    let mut client = server.client();
    never_read(&mut client, &encode(&[b"GET", b"big"]).repeat(10));
    wait_until("the client to be gone", || watcher.info("connected_clients") == "1");
    assert_eq!(watcher.command(&["GET", "big"]).text(), value);

    // MONITOR clients are normal ones.
    let mut monitor = server.client();
    assert!(monitor.command(&["MONITOR"]).is_ok());
    let echo = ["ECHO", &value];
    wait_until("the monitor to be gone", || {
        assert_eq!(watcher.command(&echo).text(), value);
        watcher.info("connected_clients") == "1"
    });
}

#[test]
fn a_request_longer_than_the_query_buffer_may_be_is_cut_off() {
    let (_dir, server) = server(&["--client-query-buffer-limit", "1mb"]);
    let mut client = server.client();
    let mut request = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$100000000\r\n".to_vec();
    request.resize(3 << 20, b'x');
    let _ = client.send_raw(&request);
    assert_eq!(client.read_to_end(), b"");
    assert_eq!(server.client().command(&["EXISTS", "a"]).integer(), 0);
}

#[test]
fn ten_thousand_idle_connections_are_kept() {
    const CLIENTS: usize = 10_000;
    const FILES: u64 = CLIENTS as u64 + 1000;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|files| files < FILES) {
        let maximum = limit.maximum.map(|files| files.max(FILES));
        setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), maximum })
            .expect("so many files may be open");
    }
    let (_dir, mut server) = server(&["--maxclients", "10050"]);
    let mut watcher = server.client();
    wait_until("the catalogue to be open", || server.log().contains("building it from the files"));
    let before = used_memory(&mut watcher);
    let mut clients: Vec<Client> = Vec::with_capacity(CLIENTS);
    for number in 1..=CLIENTS {
        let mut client = server.client();
        // So that those waiting to be accepted stay few.
        if number.is_multiple_of(100) {
            assert_eq!(client.command(&["PING"]).text(), "PONG");
        }
        clients.push(client);
    }
    wait_until("all to be there", || {
        watcher.info("connected_clients") == (CLIENTS + 1).to_string()
    });
    let each = used_memory(&mut watcher).saturating_sub(before) / CLIENTS as u64;
    assert!(each < 8192, "an idle connection takes {each} bytes");
    for client in clients.iter_mut().step_by(97) {
        assert_eq!(client.command(&["ECHO", "here"]).text(), "here");
    }
    // The server ends first, so that it is its port that keeps traces of the connections for a while.
    server.kill();
}

/// Far more than the sockets on the way take.
const SLOWLY_READ_LEN: usize = 16 << 20;

#[test]
fn a_value_changed_while_its_reply_is_half_sent_stays_what_it_was() {
    for threads in ["1", "3"] {
        let (_dir, server) = server(&["--io-threads", threads]);
        let mut writer = server.client();
        let value = "x".repeat(SLOWLY_READ_LEN);
        let after: [&[&str]; 5] = [
            &["SETRANGE", "big", "16000000", "yyy"],
            &["APPEND", "big", "y"],
            &["SET", "big", "short"],
            &["DEL", "big"],
            &["FLUSHALL"],
        ];
        for change in after {
            writer.command(&["SET", "big", &value]);
            // The reader of each I/O thread and one of the executor's.
            let mut readers: Vec<Client> = (0..4).map(|_| server.client()).collect();
            for reader in &mut readers {
                reader.send(&["GET", "big"]).expect("sent");
            }
            wait_until("the replies to be under way", || {
                let list = writer.command(&["CLIENT", "LIST"]).text();
                list.matches(" obl=0 ").count() == 1
            });
            writer.command(change);
            for mut reader in readers {
                let reply = reader.read().expect("a reply");
                assert!(reply.text() == value, "{change:?} with {threads} I/O threads");
            }
        }
    }
}

#[test]
fn long_values_written_over_take_no_more_memory_than_they_have_bytes() {
    let (_dir, server) = server(&["--appendonly", "no"]);
    let mut client = server.client();
    let value = "x".repeat(1 << 20);
    let set = |client: &mut Client, key: u32| {
        client.command(&["SET", &format!("key:{key}"), &value]);
        client.command(&["GET", &format!("key:{key}")]);
    };
    set(&mut client, 0);
    let before = used_memory(&mut client);
    for round in 0..10 {
        (0..20).for_each(|key| set(&mut client, key));
        let grown = used_memory(&mut client).saturating_sub(before);
        // Nineteen values more, and buffers kept for others.
        assert!(grown < (19 + 12) << 20, "{grown} bytes in round {round}");
    }
    client.command(&["FLUSHALL"]);
    wait_until("the values to be freed", || {
        used_memory(&mut client).saturating_sub(before) < 12 << 20
    });
}
