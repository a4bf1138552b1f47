//! Writers that load a server and know what they were told.
//!
//! Writer `w` sends rising numbers in pipelines of [`DEPTH`] transactions. Number `n` sets `w<w>:<n % 100>`
//! and `pair<w>:<n % 100>`, so that a half-applied one shows, and adds itself to a collection of the writer's,
//! of one type after the other. What is in these follows from the newest number alone.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use super::client::{Client, Value, encode};

const DEPTH: u64 = 16;
const KEYS: u64 = 100;
/// Collections of a writer.
const FORMS: u64 = 5;
const LIST: u64 = 0;
const HASH: u64 = 1;
const ZSET: u64 = 2;
const SET: u64 = 3;
const STREAM: u64 = 4;
/// Elements of a list and of a stream, whose oldest go.
const NEWEST: u64 = 40;
/// Fields of a hash and members of sets: more than are packed.
const FIELDS: u64 = 600;
const MEMBERS: u64 = 200;
/// Elements of each collection that are looked at one by one.
const LOOKS: usize = 20;

/// How far a writer has come.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    /// Numbers up to this one were acknowledged.
    pub acknowledged: u64,
    /// Numbers up to this one were sent.
    pub sent: u64,
}

/// Writers at work.
pub struct Load {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Written>>,
}

impl Load {
    /// Starts a writer for each of `last`, to go on behind that number.
    pub fn begin(port: u16, last: &[u64]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let writers = last.iter().enumerate().map(|(writer, last)| {
            let (stop, last) = (Arc::clone(&stop), *last);
            std::thread::spawn(move || write(port, writer, last, &stop))
        });
        Self { writers: writers.collect(), stop }
    }

    /// Stops the writers, or waits until they have noticed that the server is gone.
    pub fn end(self) -> Vec<Written> {
        self.stop.store(true, Ordering::Relaxed);
        self.writers.into_iter().map(|writer| writer.join().expect("a writer's result")).collect()
    }
}

fn write(port: u16, writer: usize, last: u64, stop: &AtomicBool) -> Written {
    let mut written = Written { acknowledged: last, sent: last };
    let Ok(mut client) = Client::connect(port) else { return written };
    while !stop.load(Ordering::Relaxed) {
        let (mut batch, mut counts) = (Vec::new(), Vec::new());
        for number in written.sent + 1..=written.sent + DEPTH {
            let commands = commands(writer, number);
            counts.push(commands.len());
            batch.extend(encode(&[b"MULTI"]));
            for command in commands {
                let words: Vec<&[u8]> = command.split(' ').map(str::as_bytes).collect();
                batch.extend(encode(&words));
            }
            batch.extend(encode(&[b"EXEC"]));
        }
        written.sent += DEPTH;
        if client.send_raw(&batch).is_err() {
            break;
        }
        for count in counts {
            // OK of MULTI and QUEUED say nothing yet.
            let replies: Result<Vec<_>, _> = (0..count + 2).map(|_| client.read()).collect();
            let is_error = |result: &Value| matches!(result, Value::Error(_));
            match replies.as_deref() {
                Ok([.., Value::Array(results)]) if !results.iter().any(is_error) => {
                    written.acknowledged += 1;
                }
                _ => return written,
            }
        }
    }
    written
}

/// The commands of a number's transaction.
fn commands(writer: usize, number: u64) -> Vec<String> {
    let (slot, turn) = (number % KEYS, number / FORMS);
    let mut commands =
        vec![format!("SET w{writer}:{slot} {number}"), format!("SET pair{writer}:{slot} {number}")];
    match number % FORMS {
        LIST => {
            commands.push(format!("RPUSH list{writer} {number}"));
            commands.push(format!("LTRIM list{writer} -{NEWEST} -1"));
        }
        HASH => {
            commands.push(format!("HSET hash{writer} {} {number}", turn % FIELDS));
            commands.push(format!("HINCRBY hash{writer} count 1"));
        }
        ZSET => commands.push(format!("ZADD zset{writer} {number} m{}", turn % MEMBERS)),
        SET => {
            let oldest = number.saturating_sub(FORMS * MEMBERS);
            commands.push(format!("SADD set{writer} m{number}"));
            commands.push(format!("SREM set{writer} m{oldest}"));
        }
        _ => commands.push(format!("XADD stream{writer} MAXLEN {NEWEST} * n {number}")),
    }
    commands
}

fn value(client: &mut Client, key: &str) -> u64 {
    match client.command(&["GET", key]) {
        Value::Null => 0,
        value => value.text().parse().expect("a number"),
    }
}

/// The newest number of a writer that the server has.
pub fn newest(client: &mut Client, writer: usize) -> u64 {
    (0..KEYS).map(|slot| value(client, &format!("w{writer}:{slot}"))).max().unwrap_or(0)
}

/// Everything of a writer up to `newest` is there: whole, and nothing older in its place.
pub fn check_whole(client: &mut Client, writer: usize, newest: u64) {
    for number in newest.saturating_sub(KEYS - 1).max(1)..=newest {
        let slot = number % KEYS;
        for name in ["w", "pair"] {
            let found = value(client, &format!("{name}{writer}:{slot}"));
            assert_eq!(found, number, "{name}{writer}:{slot}");
        }
    }
    check_collections(client, writer, newest);
}

/// The numbers of one form up to `newest`, the newest first.
fn numbers_of(form: u64, newest: u64) -> impl ExactSizeIterator<Item = u64> {
    let first = if form == 0 { FORMS } else { form };
    let count = if newest < first { 0 } else { (newest - first) / FORMS + 1 };
    (0..count as usize).rev().map(move |turn| first + turn as u64 * FORMS)
}

fn texts(value: &Value) -> Vec<String> {
    value.items().iter().map(Value::text).collect()
}

/// The collections of a writer hold what all its numbers up to `newest` make of them.
fn check_collections(client: &mut Client, writer: usize, newest: u64) {
    let mut ask = |line: String| client.command(&line.split(' ').collect::<Vec<_>>());
    let newest_of = |form: u64| numbers_of(form, newest).take(LOOKS);
    let count_of = |form: u64, max: u64| max.min(numbers_of(form, newest).len() as u64) as i64;
    let joined = |names: Vec<String>| names.join(" ");

    let mut list: Vec<String> =
        numbers_of(LIST, newest).take(NEWEST as usize).map(|n| n.to_string()).collect();
    list.reverse();
    assert_eq!(texts(&ask(format!("LRANGE list{writer} 0 -1"))), list, "list{writer}");

    let fields = newest_of(HASH).map(|n| (n / FORMS % FIELDS).to_string()).collect();
    let found = ask(format!("HMGET hash{writer} count {}", joined(fields)));
    let counted = numbers_of(HASH, newest).len();
    if counted > 0 {
        let values = newest_of(HASH).map(|n| n.to_string());
        let expected: Vec<String> = std::iter::once(counted.to_string()).chain(values).collect();
        assert_eq!(texts(&found), expected, "hash{writer}");
    }

    let found = ask(format!("ZREVRANGE zset{writer} 0 {} WITHSCORES", LOOKS - 1));
    let pairs = newest_of(ZSET).flat_map(|n| [format!("m{}", n / FORMS % MEMBERS), n.to_string()]);
    assert_eq!(texts(&found), pairs.collect::<Vec<_>>(), "zset{writer}");
    let found = ask(format!("ZCARD zset{writer}")).integer();
    assert_eq!(found, count_of(ZSET, MEMBERS), "zset{writer}");

    let members = newest_of(SET).map(|n| format!("m{n}")).collect();
    let found = ask(format!("SMISMEMBER set{writer} m0 {}", joined(members)));
    let is_in = found.items().iter().skip(1).all(|found| found.integer() == 1);
    assert!(is_in || newest_of(SET).len() == 0, "set{writer}: {found:?}");
    let found = ask(format!("SCARD set{writer}")).integer();
    assert_eq!(found, count_of(SET, MEMBERS), "set{writer}");

    let found = ask(format!("XREVRANGE stream{writer} + - COUNT {LOOKS}"));
    let found: Vec<String> =
        found.items().iter().map(|entry| entry.items()[1].items()[1].text()).collect();
    let expected: Vec<String> = newest_of(STREAM).map(|n| n.to_string()).collect();
    assert_eq!(found, expected, "stream{writer}");
    let found = ask(format!("XLEN stream{writer}")).integer();
    assert_eq!(found, count_of(STREAM, NEWEST), "stream{writer}");
}
