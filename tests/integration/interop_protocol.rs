//! Requests in and out of shape, byte for byte: the same to a Vellum process and to a redis-server
//! process. What they answer must be the same, and so must whether they go on or close.

use std::time::Duration;

use crate::support::{Client, Server};

/// What is sent after each request. Answered, the connection was still open.
const TAIL: &[u8] = b"*2\r\n$4\r\nECHO\r\n$4\r\nTAIL\r\n";

const REQUESTS: &[&[u8]] = &[
    b"*1\r\n$4\r\nPING\r\n",
    b"*1\r\n\r\n",
    b"*-1\r\nPING\r\n",
    b"*-2\r\nPING\r\n",
    b"*0\r\nPING\r\n",
    b"*-2147483648\r\nPING\r\n",
    b"*1000000001\r\n",
    b"*1048577\r\n",
    b"*2000000\r\n$1\r\n",
    b"*2147483647\r\n$x\r\n",
    b"*2147483648\r\n",
    b"*3000000000\r\n",
    b"*99999999999999999999\r\n",
    b"*\r\nPING\r\n",
    b"*x\r\n",
    b"*01\r\n",
    b"*+1\r\n",
    b"* 1\r\n$4\r\nPING\r\n",
    b"*1 \r\n$4\r\nPING\r\n",
    b"*1\n$4\r\nPING\r\n",
    b"*2\n$4\r\nPING\r\n",
    b"*1\r$4\r\nPING\r\n",
    b"*1\r\n$-1\r\n",
    b"*1\r\n$-2\r\n",
    b"*1\r\n$01\r\n",
    b"*1\r\n$+1\r\n",
    b"*1\r\n$536870911\r\n",
    b"*1\r\n$536870912\r\n",
    b"*1\r\n$536870913\r\n",
    b"*1\r\n$600000000\r\n",
    b"*1\r\n$4294967296\r\n",
    b"*1\r\n$9223372036854775808\r\n",
    b"*1\r\n$x\r\n",
    b"*1\r\n$\r\n",
    b"*1\r\n$ 4\r\nPING\r\n",
    b"*1\r\n$04\r\nPING\r\n",
    b"*1\r\n4\r\nPING\r\n",
    b"*1\r\nPING\r\n",
    b"*1\r\n:4\r\nPING\r\n",
    b"*1\r\n+PING\r\n",
    b"*1\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$0\r\n\r\n",
    b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
    b"*1\r\n$4\r\nPINGXX",
    b"*1\r\n$4\r\nPINGxyPING\r\n",
    b"*1\r\n$4\rxPING\r\n",
    b"*1\r\n$4\r\nPING\n\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$4\r\nPI",
    b"*2\r\n$4\r\nPING\r\n",
    b"*2\r\n$3\r\nGET\r\n$536870913\r\n",
    b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$-1\r\n",
    b"PING\r\n",
    b"PING\n",
    b"PING",
    b"PING\nPING\r\n\r\n \r\nECHO x\r\n",
    b"   PING   \r\n",
    b"\tPING\r\n",
    b"ECHO \x0ba\x0c \r\n",
    b"ping \"a b\"\r\n",
    b"PING 'a b'\r\n",
    b"PING \"a\"b\r\n",
    b"PING 'a'b\r\n",
    b"PING a'b'\r\n",
    b"ECHO a\"b\"\r\n",
    b"PING\r\nECHO \"a\r\nPING\r\n",
    b"PING 'unbalanced\r\n",
    b"ECHO \"a\\x41\\n\\q\"\r\n",
    b"ECHO \"\\x4\\xzz\\t\\a\\b\\r\\\\\\\"\"\r\n",
    b"ECHO 'it\\'s\\n' \r\nPING\r\n",
    b"PING \"\"\r\n",
    b"\"\"\r\n",
    b"\"\" x\r\n",
    b"PING \\x41\r\n",
    b"SET a\r\n",
    b"nope x \x01y\r\n",
    b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\nPING\r\n",
    b"host: foo\r\nPING\r\n",
    b"post\r\n",
    b"*1\r\n$4\r\nPOST\r\nPING\r\n",
    b"*1\r\n$5\r\nHost:\r\nPING\r\n",
    b"*1\r\n$4\r\nPING\r\nPING\r\n*1\r\n$4\r\nPING\r\n",
    b"$4\r\nPING\r\n",
    b":1\r\n",
    b"+OK\r\n",
    b"-ERR\r\n",
    b"QUIT\r\nPING\r\n",
    b"*1\r\n$4\r\nQUIT\r\n*1\r\n$4\r\nPING\r\n",
    b"*1\r\n$4\r\nQUITPING\r\n",
    b"MULTI\r\nSET a 1\r\n*1\r\n$x\r\n",
    b"MULTI\r\nGET a\r\nEXEC\r\nPING\r\n",
    b"CLIENT REPLY OFF\r\nPING\r\n*x\r\n",
    b"CLIENT REPLY SKIP\r\n*x\r\n",
    b"\xff\xfe\r\n",
];

/// Requests of a client that has not given the password.
const UNAUTHENTICATED: &[&[u8]] = &[
    b"PING\r\n",
    b"nope\r\n",
    b"GET\r\n",
    b"GET a\r\n",
    b"AUTH wrong\r\n",
    b"AUTH nobody secret\r\n",
    b"AUTH secret\r\nPING\r\n",
    b"AUTH default secret\r\nPING\r\n",
    b"HELLO 9\r\n",
    b"HELLO 2 AUTH default wrong\r\n",
    b"RESET\r\n",
    b"AUTH secret\r\nRESET\r\nPING\r\n",
    b"QUIT\r\n",
    b"MULTI\r\nEXEC\r\n",
    b"EXEC\r\n",
    b"COMMAND COUNT\r\n",
    b"*10\r\n$4\r\nPING\r\n",
    b"*11\r\n",
    b"*1\r\n$16384\r\n",
    b"*1\r\n$16385\r\n",
    b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*11\r\n$4\r\nMGET\r\n",
    b"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n*2\r\n$4\r\nECHO\r\n$16385\r\n",
    b"POST / HTTP/1.1\r\n",
];

/// Everything that comes until the server closes, after the client has said all it has to say.
fn conversation(server: &Server, request: &[u8]) -> String {
    let mut client = server.client();
    // The server may close before it has read everything.
    let _ = client.send_raw(request);
    let _ = client.finish_sending();
    client.read_to_end().escape_ascii().to_string()
}

fn compare(vellum: &Server, redis: &Server, requests: &[&[u8]]) {
    let mut found = Vec::new();
    for request in requests {
        for request in [request.to_vec(), [request, TAIL].concat()] {
            let (ours, theirs) = (conversation(vellum, &request), conversation(redis, &request));
            if ours != theirs {
                let request = request.escape_ascii();
                found.push(format!("{request}\n  ours   {ours}\n  theirs {theirs}"));
            }
        }
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

fn both(args: &[&str]) -> (tempfile::TempDir, Server, Server) {
    let dir = tempfile::tempdir().expect("a directory");
    let redis_args = [args, &["--save", ""]].concat();
    let vellum = Server::vellum(&dir.path().join("vellum"), args);
    let redis = Server::redis(&dir.path().join("redis"), &redis_args);
    (dir, vellum, redis)
}

#[test]
fn requests_in_and_out_of_shape_are_answered_as_redis_answers_them() {
    let (_dir, vellum, redis) = both(&[]);
    compare(&vellum, &redis, REQUESTS);
    let long = vec![b'1'; 70_000];
    for start in [&b"ECHO "[..], b"*", b"*1\r\n$"] {
        let request = [start, &long].concat();
        assert_eq!(
            conversation(&vellum, &request),
            conversation(&redis, &request),
            "{}",
            start.escape_ascii()
        );
    }
}

#[test]
fn a_client_without_the_password_is_answered_as_by_redis() {
    let (_dir, vellum, redis) = both(&["--requirepass", "secret"]);
    compare(&vellum, &redis, UNAUTHENTICATED);
    // 7.2 says in this text where the version goes, 7.0 does not.
    for request in [&b"HELLO\r\n"[..], b"HELLO 3\r\n"] {
        let ours = conversation(&vellum, request);
        assert_eq!(ours.replace("HELLO <proto> AUTH", "HELLO AUTH"), conversation(&redis, request));
    }
}

/// Redis looks for the end of an inline request with a function that stops at a zero byte: it never
/// answers such a line. We do.
#[test]
fn an_inline_request_may_hold_a_zero_byte() {
    let dir = tempfile::tempdir().expect("a directory");
    let vellum = Server::vellum(&dir.path().join("vellum"), &[]);
    let told = conversation(&vellum, &[b"PING \0\r\n", TAIL].concat());
    assert!(told.ends_with("TAIL\\r\\n"), "{told}");
}

#[test]
fn a_value_of_many_megabytes_comes_in_pieces() {
    const LEN: usize = 40_000_000;
    let (_dir, vellum, redis) = both(&[]);
    let mut request = format!("*3\r\n$3\r\nSET\r\n$1\r\na\r\n${LEN}\r\n").into_bytes();
    request.resize(request.len() + LEN, b'x');
    for piece in [1 << 20, LEN] {
        for server in [&vellum, &redis] {
            let mut client = server.client();
            for bytes in request.chunks(piece) {
                client.send_raw(bytes).expect("sent");
            }
            client.send_raw(b"\r\nSTRLEN a\r\n").expect("sent");
            assert_eq!(client.read_raw().expect("OK"), b"+OK\r\n");
            assert_eq!(client.read_raw().expect("a length"), format!(":{LEN}\r\n").as_bytes());
        }
    }
}

/// Bytes of a request one at a time, as a slow network may bring them.
#[test]
fn a_request_may_come_byte_by_byte() {
    let (_dir, vellum, redis) = both(&[]);
    let request =
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\0\r\nGET k\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
    let answers = |mut client: Client| {
        for byte in request {
            client.send_raw(&[*byte]).expect("sent");
            std::thread::sleep(Duration::from_micros(200));
        }
        (0..3).map(|_| client.read_raw().expect("an answer")).collect::<Vec<_>>()
    };
    assert_eq!(answers(vellum.client()), answers(redis.client()));
}
