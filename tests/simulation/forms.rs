//! Where clients of the simulated server keep rising numbers: a string, or the newest of a collection.

use vellum::keyspace::Content;
use vellum::keyspace::types::CollectionRef;
use vellum::resp::encode::push_command;

use crate::engine_rig::Server;

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    String,
    List,
    Set,
    Hash,
    Zset,
    Stream,
}

impl Form {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::String, Self::List, Self::Set, Self::Hash, Self::Zset, Self::Stream];

    /// The key of a client's numbers in this form.
    pub fn key(self, client: usize) -> String {
        let name = match self {
            Self::String => "c",
            Self::List => "l",
            Self::Set => "s",
            Self::Hash => "h",
            Self::Zset => "z",
            Self::Stream => "x",
        };
        format!("{name}{client}")
    }

    /// Appends the command that writes a number, made long by `padding` where few such values are kept.
    pub fn push_write(self, request: &mut Vec<u8>, client: usize, number: u64, padding: &str) {
        let (key, id) = (self.key(client), format!("{number}-0"));
        let (key, id, number) = (key.as_bytes(), id.as_bytes(), number.to_string());
        let long = number.clone() + padding;
        let (number, long) = (number.as_bytes(), long.as_bytes());
        match self {
            Self::String => push_command(request, &[b"SET", key, long]),
            Self::List => push_command(request, &[b"RPUSH", key, long]),
            Self::Set => push_command(request, &[b"SADD", key, number]),
            Self::Hash => push_command(request, &[b"HSET", key, b"last", long, number, b""]),
            Self::Zset => push_command(request, &[b"ZADD", key, number, number]),
            Self::Stream => push_command(request, &[b"XADD", key, id, b"field", number]),
        }
    }

    /// Appends a command whose answer tells the newest number, or, of a set, any.
    pub fn push_read(self, request: &mut Vec<u8>, client: usize) {
        let key = self.key(client);
        let key = key.as_bytes();
        match self {
            Self::String => push_command(request, &[b"GET", key]),
            Self::List => push_command(request, &[b"LINDEX", key, b"-1"]),
            Self::Set => push_command(request, &[b"SRANDMEMBER", key]),
            Self::Hash => push_command(request, &[b"HGET", key, b"last"]),
            Self::Zset => push_command(request, &[b"ZREVRANGE", key, b"0", b"0"]),
            Self::Stream => push_command(request, &[b"XREVRANGE", key, b"+", b"-", b"COUNT", b"1"]),
        }
    }

    /// The newest number that a server has in memory, and how many there are of them; zeros if none.
    pub fn found(self, server: &Server, client: usize) -> (u64, usize) {
        let found = server.look(&self.key(client), |content| {
            let Content::Collection(collection) = content else {
                return content.as_string().map(|string| (number_of(&string.to_cow()), 1));
            };
            match collection {
                CollectionRef::List(list) => {
                    let len = list.len();
                    Some((number_of(&list.get(len - 1)?.to_cow()), len))
                }
                CollectionRef::Set(set) => {
                    Some((set.iter().map(|member| number_of(&member.to_cow())).max()?, set.len()))
                }
                CollectionRef::Hash(hash) => {
                    Some((number_of(&hash.get(b"last")?.to_cow()), hash.len() - 1))
                }
                CollectionRef::Zset(zset) => {
                    let len = zset.len();
                    Some((number_of(&zset.get(len - 1)?.0.to_cow()), len))
                }
                CollectionRef::Stream(stream) => Some((stream.last_entry()?.ms, stream.len())),
            }
        });
        found.flatten().unwrap_or_default()
    }
}

/// The number that a value, or the ID of an entry, begins with.
pub fn number_of(value: &[u8]) -> u64 {
    let digits = value.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// The number in an answer to a read: that of its first string; 0 if it has none.
pub fn number_in(reply: &[u8]) -> u64 {
    let lines = reply.split(|&byte| byte == b'\n');
    let is_head = |line: &[u8]| line.starts_with(b"$") && !line.starts_with(b"$-");
    lines.skip_while(|line| !is_head(line)).nth(1).map_or(0, number_of)
}
