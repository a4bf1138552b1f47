//! A Vellum and a redis-server side by side: the same commands to both, and what each makes of the
//! other's payloads and data directory.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails there")]

use super::client::encode;
use super::{Client, Server, Value, wait_until};

/// The two servers.
pub struct Pair {
    pub vellum: Server,
    pub redis: Server,
    dir: tempfile::TempDir,
}

impl Pair {
    /// Both on empty directories, with these directives.
    pub fn start(directives: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let vellum = [directives, &["--appendfsync", "no"]].concat();
        let redis = [directives, &["--appendonly", "yes", "--save", ""]].concat();
        Self {
            vellum: Server::vellum(&dir.path().join("vellum"), &vellum),
            redis: Server::redis(&dir.path().join("redis"), &redis),
            dir,
        }
    }

    /// A client of each, the Vellum's first.
    pub fn clients(&self, protocol: &str) -> [Client; 2] {
        [&self.vellum, &self.redis].map(|server| {
            let mut client = server.client();
            client.command(&["HELLO", protocol]);
            client
        })
    }

    /// Stops both and has each start on what the other left: the data have to be the same.
    pub fn change_places(mut self) {
        let [mut ours, mut theirs] = self.clients("2");
        let expected = digest(&mut ours);
        assert_eq!(expected, digest(&mut theirs));
        assert!(self.vellum.stop().success() && self.redis.stop().success());
        let redis = Server::redis(&self.vellum.dir, &["--appendonly", "yes", "--save", ""]);
        assert_eq!(digest(&mut redis.client()), expected, "what Vellum left");
        let vellum = Server::vellum(&self.redis.dir, &[]);
        assert_eq!(digest(&mut vellum.client()), expected, "what Redis left");
        drop(self.dir);
    }
}

/// The reply to a command as it comes.
pub fn raw(client: &mut Client, words: &[&[u8]]) -> Vec<u8> {
    client.send_raw(&encode(words)).unwrap();
    client.read_raw().unwrap()
}

/// A command as it can be read.
pub fn told(words: &[&[u8]]) -> String {
    let words: Vec<String> = words.iter().map(|word| word.escape_ascii().to_string()).collect();
    words.join(" ")
}

/// Sends a command to both, whose replies have to agree.
pub fn compare(
    [ours, theirs]: &mut [Client; 2],
    words: &[&[u8]],
    agree: impl Fn(&[u8], &[u8]) -> bool,
) {
    let (our, their) = (raw(ours, words), raw(theirs, words));
    assert!(
        our == their || agree(&our, &their),
        "{}\nours   {}\ntheirs {}",
        told(words),
        our.escape_ascii(),
        their.escape_ascii()
    );
}

/// The first line of a reply, and all bulk strings in it.
pub fn parts(reply: &[u8]) -> (&[u8], Vec<&[u8]>) {
    let (mut rest, mut first, mut strings) = (reply, None, Vec::new());
    while let Some(end) = rest.iter().position(|&b| b == b'\n') {
        let (line, tail) = rest.split_at(end + 1);
        rest = tail;
        first.get_or_insert(line);
        let len = line.strip_prefix(b"$").and_then(|len| std::str::from_utf8(len).ok());
        if let Some(len) = len.and_then(|len| len.trim().parse::<usize>().ok()) {
            strings.push(&rest[..len]);
            rest = &rest[len + 2..];
        }
    }
    (first.unwrap_or_default(), strings)
}

/// The strings in groups of so many, in order.
pub fn sorted<'a, 'b>(strings: &'b [&'a [u8]], group: usize) -> Vec<&'b [&'a [u8]]> {
    let mut groups: Vec<_> = strings.chunks(group).collect();
    groups.sort();
    groups
}

/// Has `to` restore these keys of `from` and compares them; the encodings they get there.
pub fn exchange(from: &mut Client, to: &mut Client, keys: &[&str]) -> Vec<String> {
    let mut encodings = Vec::new();
    for &key in keys {
        let Value::Bulk(payload) = from.command(&["DUMP", key]) else { continue };
        // A digest says whether there is an end to its time, not which.
        let expires = from.command(&["PTTL", key]).integer() > 0;
        let ttl: &[u8] = if expires { b"1000000" } else { b"0" };
        let restored = to.command_bytes(&[b"RESTORE", b"copy", ttl, &payload, b"REPLACE"]);
        assert!(restored.is_ok(), "{key}: {restored:?}");
        let digests = [(&mut *from, key), (&mut *to, "copy")]
            .map(|(client, key)| client.command(&["DEBUG", "DIGEST-VALUE", key]).items()[0].text());
        assert_eq!(digests[0], digests[1], "{key}");
        encodings.push(to.command(&["OBJECT", "ENCODING", "copy"]).text());
        to.command(&["DEL", "copy"]);
    }
    encodings
}

/// The digest of all data.
pub fn digest(client: &mut Client) -> String {
    client.command(&["DEBUG", "DIGEST"]).text()
}

/// Has a server write a snapshot under its log.
pub fn rewrite(client: &mut Client) {
    wait_until("the rewrite before to end", || client.info("aof_rewrite_in_progress") == "0");
    client.command(&["BGREWRITEAOF"]);
    wait_until("the rewrite to end", || {
        client.info("aof_rewrite_in_progress") == "0" && client.info("aof_rewrite_scheduled") == "0"
    });
    assert_eq!(client.info("aof_last_bgrewrite_status"), "ok");
}
