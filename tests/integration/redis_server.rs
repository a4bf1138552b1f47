//! A real redis-server in a temporary directory, reached through a unix socket.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use vellum::resp::encode::push_command;

const START_TIME_MAX: Duration = Duration::from_secs(20);

/// A running redis-server; stopped when dropped.
pub struct RedisServer {
    process: Child,
    stream: BufReader<UnixStream>,
}

/// A reply of the kinds that these tests ask for.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A status, an error or a number, with the byte that leads it.
    Line(Vec<u8>),
    /// A bulk string, if there is one.
    Bulk(Option<Vec<u8>>),
}

impl RedisServer {
    /// Starts redis-server in `dir`, where it finds dump.rdb, and waits until it has loaded it.
    pub fn start(dir: &Path) -> Self {
        Self::start_with(dir, &[])
    }

    /// Like [`RedisServer::start`], with more words on its command line.
    pub fn start_with(dir: &Path, words: &[&str]) -> Self {
        let socket = dir.join("redis.sock");
        let mut process = Command::new("redis-server")
            .arg("--dir")
            .arg(dir)
            .arg("--unixsocket")
            .arg(&socket)
            .args(["--port", "0", "--save", "", "--enable-debug-command", "yes"])
            .args(words)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let stream = wait_until_loaded(&mut process, &socket);
        Self { process, stream }
    }

    /// Sends a command and reads its reply: a line or a bulk string.
    pub fn call(&mut self, args: &[&[u8]]) -> Answer {
        call(&mut self.stream, args)
    }

    /// Sends a command and reads its reply, whatever that is, byte for byte.
    pub fn raw(&mut self, args: &[&[u8]]) -> Vec<u8> {
        let mut request = Vec::new();
        push_command(&mut request, args);
        self.stream.get_mut().write_all(&request).unwrap();
        let mut reply = Vec::new();
        read_reply(&mut self.stream, &mut reply);
        reply
    }

    /// Sends a command that must be answered with `+OK`.
    pub fn ok(&mut self, args: &[&[u8]]) {
        assert_eq!(self.call(args), Answer::Line(b"+OK".to_vec()));
    }

    /// The dataset's digest.
    pub fn digest(&mut self) -> String {
        match self.call(&[b"DEBUG", b"DIGEST"]) {
            Answer::Line(line) => String::from_utf8(line[1..].to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn wait_until_loaded(process: &mut Child, socket: &Path) -> BufReader<UnixStream> {
    let started = Instant::now();
    loop {
        if let Ok(stream) = UnixStream::connect(socket) {
            let mut stream = BufReader::new(stream);
            if call(&mut stream, &[b"PING"]) == Answer::Line(b"+PONG".to_vec()) {
                return stream;
            }
        }
        assert!(process.try_wait().unwrap().is_none(), "redis-server went away");
        assert!(started.elapsed() < START_TIME_MAX, "redis-server does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Appends one whole reply, its elements included, to `reply`.
fn read_reply(stream: &mut BufReader<UnixStream>, reply: &mut Vec<u8>) {
    let start = reply.len();
    stream.read_until(b'\n', reply).unwrap();
    let line = &reply[start..];
    let kind = line[0];
    let count: i64 = String::from_utf8_lossy(&line[1..]).trim().parse().unwrap_or(0);
    match kind {
        b'$' | b'=' if count >= 0 => {
            let body = reply.len();
            reply.resize(body + count as usize + 2, 0);
            stream.read_exact(&mut reply[body..]).unwrap();
        }
        b'*' | b'~' | b'>' => (0..count).for_each(|_| read_reply(stream, reply)),
        b'%' => (0..2 * count).for_each(|_| read_reply(stream, reply)),
        _ => {}
    }
}

fn call(stream: &mut BufReader<UnixStream>, args: &[&[u8]]) -> Answer {
    let mut request = Vec::new();
    push_command(&mut request, args);
    stream.get_mut().write_all(&request).unwrap();
    let mut line = Vec::new();
    stream.read_until(b'\n', &mut line).unwrap();
    line.truncate(line.len().saturating_sub(2));
    let Some(len) = line.strip_prefix(b"$") else { return Answer::Line(line) };
    let Ok(len) = std::str::from_utf8(len).unwrap().parse::<usize>() else {
        return Answer::Bulk(None);
    };
    let mut bulk = vec![0; len + 2];
    stream.read_exact(&mut bulk).unwrap();
    bulk.truncate(len);
    Answer::Bulk(Some(bulk))
}
