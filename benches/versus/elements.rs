//! Bytes that elements of collections take: many small ones, and one large one of each type.

use crate::contest::Contest;
use crate::memory::settled_bytes;
use crate::support::{Client, encode};
use crate::table::{Figure, Table};

/// Bytes sent before their replies are read.
const BATCH_LEN: usize = 256 * 1024;
/// Elements a command adds to a large collection.
const ADDED: u64 = 100;

const FIGURES: &[Figure] = &[Figure::compared("used_memory", 1), Figure::compared("resident", 1)];

/// Command `n` of those that fill one row.
type Fill = fn(u64) -> Vec<Vec<u8>>;

/// One row of the table.
struct Kind {
    name: &'static str,
    /// What the bytes are divided by.
    unit: &'static str,
    /// Units that each command makes.
    units: u64,
    /// So many times as many units as there are keys.
    times: u64,
    fill: Fill,
}

const KINDS: &[Kind] = &[
    Kind {
        name: "small hashes: 5 fields of 8 bytes",
        unit: "key",
        units: 1,
        times: 1,
        fill: small_hash,
    },
    Kind { name: "small sets: 5 numbers", unit: "key", units: 1, times: 1, fill: small_set },
    Kind {
        name: "small sorted sets: 5 members",
        unit: "key",
        units: 1,
        times: 1,
        fill: small_sorted_set,
    },
    Kind { name: "small lists: 5 elements", unit: "key", units: 1, times: 1, fill: small_list },
    Kind {
        name: "one sorted set: 16-byte members",
        unit: "member",
        units: ADDED,
        times: 10,
        fill: sorted_set,
    },
    Kind {
        name: "one hash: 16-byte fields, 32-byte values",
        unit: "field",
        units: ADDED,
        times: 2,
        fill: hash,
    },
    Kind { name: "one set: 16-byte members", unit: "member", units: ADDED, times: 2, fill: set },
    Kind {
        name: "one list: 16-byte elements",
        unit: "element",
        units: ADDED,
        times: 2,
        fill: list,
    },
    Kind {
        name: "one stream: 2 fields of 8 bytes",
        unit: "entry",
        units: 1,
        times: 1,
        fill: stream,
    },
];

/// Fills empty servers and divides what they have grown by.
pub fn measure(contest: &Contest) -> Vec<Table> {
    let options = &contest.options;
    let title = format!("Elements: bytes, medians of {} rounds", options.rounds);
    let mut table = Table::new(contest, title, &["what", "number", "bytes by"], FIGURES);
    for sides in contest.rounds() {
        for side in sides {
            for kind in KINDS {
                let server = contest.start(side, "off", 0);
                let empty = settled_bytes(&server);
                let units = kind.times * options.keys;
                fill(&mut server.client(), units / kind.units, kind.fill);
                let full = settled_bytes(&server);
                let each = |index: usize| (full[index] - empty[index]) / units as f64;
                table.add(
                    [kind.name, &units.to_string(), kind.unit],
                    side.index,
                    [each(0), each(1)],
                );
            }
        }
    }
    vec![table]
}

fn fill(client: &mut Client, commands: u64, command: Fill) {
    let (mut batch, mut waiting) = (Vec::with_capacity(BATCH_LEN), 0);
    for n in 0..commands {
        let words = command(n);
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        batch.extend(encode(&words));
        waiting += 1;
        if batch.len() >= BATCH_LEN || n + 1 == commands {
            client.send_raw(&batch).unwrap();
            batch.clear();
            for _ in 0..std::mem::take(&mut waiting) {
                let reply = client.read_raw().unwrap();
                assert!(reply[0] != b'-', "{}", String::from_utf8_lossy(&reply));
            }
        }
    }
}

fn words<const N: usize>(words: [String; N]) -> Vec<Vec<u8>> {
    words.map(String::into_bytes).into()
}

/// The command with five elements made by `element`.
fn small(n: u64, command: &str, element: impl Fn(u64) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let head = words([command.to_owned(), format!("key:{n:012}")]);
    head.into_iter().chain((0..5).flat_map(element)).collect()
}

fn small_hash(n: u64) -> Vec<Vec<u8>> {
    small(n, "HSET", |i| words([format!("field{i:03}"), format!("v{:07}", (n + i) % 10_000_000)]))
}

fn small_set(n: u64) -> Vec<Vec<u8>> {
    small(n, "SADD", |i| words([(5 * n + i).to_string()]))
}

fn small_sorted_set(n: u64) -> Vec<Vec<u8>> {
    small(n, "ZADD", |i| words([(n % 1000 + i).to_string(), format!("member{i:02}")]))
}

fn small_list(n: u64) -> Vec<Vec<u8>> {
    small(n, "RPUSH", |i| words([format!("v{:07}", (n + i) % 10_000_000)]))
}

/// The command with [`ADDED`] elements of one large collection, `n`th of all.
fn large(n: u64, command: &str, element: impl Fn(u64) -> Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let head = words([command.to_owned(), "large".to_owned()]);
    head.into_iter().chain((ADDED * n..ADDED * (n + 1)).flat_map(element)).collect()
}

/// Scores in no order: this multiplication visits every residue once.
fn sorted_set(n: u64) -> Vec<Vec<u8>> {
    large(n, "ZADD", |i| words([(i * 7_368_787 % 15_485_863).to_string(), member(i)]))
}

fn hash(n: u64) -> Vec<Vec<u8>> {
    large(n, "HSET", |i| words([member(i), format!("value:{i:026}")]))
}

fn set(n: u64) -> Vec<Vec<u8>> {
    large(n, "SADD", |i| words([member(i)]))
}

fn list(n: u64) -> Vec<Vec<u8>> {
    large(n, "RPUSH", |i| words([member(i)]))
}

fn member(i: u64) -> String {
    format!("element:{i:08}")
}

fn stream(n: u64) -> Vec<Vec<u8>> {
    let [a, b] = [n, n + 1].map(|n| format!("v{:07}", n % 10_000_000));
    words(["XADD", "large", "*", "field1", a.as_str(), "field2", b.as_str()].map(str::to_owned))
}
